"""What several commands take."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer
from rich.markup import escape

from plasmoscope.cli.console import errors
from plasmoscope.errors import PlasmoscopeError

if TYPE_CHECKING:
    from plasmoscope.classification.classifier import Classifier, Use
    from plasmoscope.classification.profiles import Profiles
    from plasmoscope.data.nih import CellDataset
    from plasmoscope.i18n.languages import Language
    from plasmoscope.imaging.sources import ImageSource, Readable
    from plasmoscope.labels import Classes
    from plasmoscope.reports.folder import Parted
    from plasmoscope.training.run_folder import LoggerName

CellsArgument = Annotated[list[Path], typer.Argument(metavar="PATH...", help="Images of single cells, folders, zips.")]

DataOption = Annotated[
    Path, typer.Option("--data", help="Folder or zip with a folder for each class, or a table (.csv).")
]
PositiveOption = Annotated[
    str | None,
    typer.Option(
        "--positive", metavar="NAME[,NAME]", help="Classes that count as infected, where their names do not tell."
    ),
]
GroupsOption = Annotated[
    Path | None,
    typer.Option("--groups", help="Table (name, patient) of the cells' patients, where their names do not tell."),
]
LabelsOption = Annotated[
    Literal["original", "reviewed"],
    typer.Option("--labels", help="The folders' labels, or those with what a review decided (give --decisions)."),
]
DecisionsOption = Annotated[
    Path | None, typer.Option("--decisions", help="Table of decisions, as the page of 'plasmoscope audit' saves it.")
]
CacheOption = Annotated[
    Path | None,
    typer.Option("--cache", help="Folder for decoded cells and the like (default: the user's cache folder)."),
]
SettingsOption = Annotated[
    list[str], typer.Option("--set", metavar="FIELD=VALUE", help="Change a field of the recipe, such as image_size=96.")
]


_LOGGERS = ("csv", "tensorboard", "wandb", "mlflow")


def _check_loggers(names: list[str]) -> list[str]:
    for name in names:
        if name not in _LOGGERS:
            raise typer.BadParameter(f"'{name}' is none of the loggers: {', '.join(_LOGGERS)}")
    return names


LoggersOption = Annotated[
    list[str],
    typer.Option(
        "--logger",
        callback=_check_loggers,
        help=f"Where epochs are told: {', '.join(_LOGGERS)}; give it again for more. history.csv is always written.",
    ),
]


def given_loggers(names: Sequence[str]) -> "tuple[LoggerName, ...]":
    """The loggers that were named."""
    return tuple(cast("LoggerName", name) for name in names)


def _records_folder() -> Path:
    from platformdirs import user_data_path

    return user_data_path("plasmoscope", appauthor=False)


RecordsOption = Annotated[
    Path,
    typer.Option("--data", default_factory=_records_folder, help="Folder of the records and photographs."),
]
DatabaseOption = Annotated[
    str | None,
    typer.Option(
        envvar="PLASMOSCOPE_DATABASE",
        help="PostgreSQL instead of SQLite in the folder: postgresql://user:password@host/database.",
    ),
]
ModelOption = Annotated[
    Path | None, typer.Option("--model", help="An .onnx file with its card, or a run folder (default: shipped).")
]


def _choose_provider(name: str | None) -> str | None:
    if name:
        from plasmoscope.providers import choose_provider

        choose_provider(name)
    return name


ProviderOption = Annotated[
    str | None,
    typer.Option(
        "--provider",
        envvar="PLASMOSCOPE_PROVIDER",
        callback=_choose_provider,
        help="What ONNX Runtime computes on: cpu (default), cuda, tensorrt, migraphx, openvino, directml or coreml.",
    ),
]
ProfileOption = Annotated[
    str | None, typer.Option("--profile", help="A profile that `adapt` made of this laboratory's called cells.")
]
ProfilesOption = Annotated[
    Path | None, typer.Option("--profiles", help="Folder of the profiles (default: the user's data folder).")
]


def profiles_in(folder: Path | None) -> "Profiles":
    """The profiles in a folder, or in the user's."""
    from plasmoscope.classification.profiles import Profiles

    return Profiles(folder or _records_folder() / "profiles")


def load_classifier(model: Path | None, use: "Use", profile: str | None, profiles: Path | None) -> "Classifier":
    """A model under the profile that was named; as it is where none was.

    Where no model is named it is the one that ships for this use, or that the profile was made for.
    """
    from plasmoscope.classification.classifier import SHIPPED, Classifier

    if profile is None:
        return Classifier.load(model, use=use)
    found = profiles_in(profiles).load(profile)
    shipped = (Classifier.load(use=other) for other in SHIPPED) if model is None else ()
    fitting = (classifier for classifier in shipped if classifier.card.sha256 == found.model_sha256)
    return (next(fitting, None) or Classifier.load(model, use=use)).with_profile(found)


def _check_views(views: int | list[int] | None) -> int | list[int] | None:
    from plasmoscope.classification.views import VIEWS

    for count in views if isinstance(views, list) else [views] if views is not None else []:
        if count not in VIEWS:
            raise typer.BadParameter(f"{count} is none of the numbers of views: {', '.join(map(str, VIEWS))}")
    return views


_VIEWS_HELP = "Test-time augmentation: 5 or 8 views of each cell; --tta alone means 8."
ViewsOption = Annotated[int, typer.Option("--tta", callback=_check_views, help=_VIEWS_HELP)]
CountingViewsOption = Annotated[
    int | None,
    typer.Option("--tta", callback=_check_views, help=f"{_VIEWS_HELP} Default: what the model counts with."),
]
ViewsListOption = Annotated[
    list[int], typer.Option("--tta", callback=_check_views, help=f"{_VIEWS_HELP} Give it again for more columns.")
]


LanguageOption = Annotated[
    str, typer.Option("--language", help="Of the report: en, fr, es, pt, ar, hi, sw, zh, ru, ja, th or vi.")
]


def report_language(code: str) -> "Language":
    """The language of a code; wrong use says which there are."""
    from plasmoscope.i18n.languages import LANGUAGES

    if code not in LANGUAGES:
        raise typer.BadParameter(f"{code} is none of the languages: {', '.join(LANGUAGES)}", param_hint="--language")
    return LANGUAGES[code]


def given_photographs(paths: Sequence[Path]) -> "list[ImageSource]":
    """The photographs of fields in what was given, files of several pages whole, with a word on what is left out."""
    from plasmoscope.reports.folder import photographs_in

    return _told(photographs_in(paths))


def _told(parted: "Parted") -> "list[ImageSource]":
    if left := parted.of_reports:
        errors.print(f"Left out, as files of an earlier report: {len(left):,}, such as {escape(left[0])}.")
    return parted.pictures


def given_images(paths: Sequence[Path], output: Path | None) -> "list[Readable]":
    """The pictures in what was given, pages by themselves; where there is none, say so and end the command with 2.

    Args:
        output: where the command writes; the result of an earlier run is no picture, whole or stopped.
    """
    from plasmoscope.imaging.pages import with_pages
    from plasmoscope.imaging.sources import find_images
    from plasmoscope.reports.folder import without_reports

    own = {output.resolve(), output.with_name(f"{output.name}.part").resolve()} if output else set()
    found = [source for source in find_images(paths) if Path(source.name).resolve() not in own]
    sources = with_pages(_told(without_reports(found, paths)))
    if not sources:
        errors.print("There are no files in what you gave. Name images, folders of images or zip archives.")
        raise typer.Exit(2)
    return sources


def given_cells(
    path: Path,
    labels: Literal["original", "reviewed"] = "original",
    decisions: Path | None = None,
    positive: str | None = None,
    groups: Path | None = None,
    expected: "Classes | None" = None,
) -> "CellDataset":
    """The labelled cells in what was given, reviewed where asked for, with a word on pictures that are none.

    Args:
        path: of the data set.
        labels: which.
        decisions: of a review.
        positive: as ``--positive`` gives it.
        groups: as ``--groups``.
        expected: the classes of the recipe or the model, which hold where the data set's are these.
    """
    from plasmoscope.data.loading import load_cells
    from plasmoscope.data.reviewed import read_decisions, with_reviewed_labels

    if (labels == "reviewed") != (decisions is not None):
        raise PlasmoscopeError("Reviewed labels need both: --labels reviewed --decisions FILE.csv.")
    infected = [name.strip() for name in (positive or "").split(",") if name.strip()]
    dataset = load_cells(path, infected, groups, expected)
    if left := dataset.left_out:
        errors.print(f"Left out, as in the folder of no class: {len(left):,} pictures, such as {escape(left[0])}.")
    return with_reviewed_labels(dataset, read_decisions(decisions, dataset.classes)) if decisions else dataset
