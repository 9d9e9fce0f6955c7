"""``plasmoscope evaluate-fields``."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer
from rich.markup import escape

from plasmoscope.caches import open_cache
from plasmoscope.cli.console import console, errors, tell_unread, track
from plasmoscope.cli.options import (
    CountingViewsOption,
    ModelOption,
    ProfileOption,
    ProfilesOption,
    given_photographs,
    load_classifier,
)
from plasmoscope.errors import PlasmoscopeError
from plasmoscope.extras import require_extra
from plasmoscope.files import alone_in
from plasmoscope.messages import NOT_A_DEVICE

if TYPE_CHECKING:
    from plasmoscope.analysis.method import Calling
    from plasmoscope.analysis.results import Field
    from plasmoscope.classification.classifier import Classifier
    from plasmoscope.evaluation.boxes import TrueBox
    from plasmoscope.evaluation.fields import FieldsEvaluation
    from plasmoscope.imaging.sources import Readable
    from plasmoscope.reports.pictures import Picture

_NAMED = 5  # files by name in a sentence


def evaluate_fields(
    context: typer.Context,
    images: Annotated[Path | None, typer.Argument(help="Folder or zip of photographs, or one photograph.")] = None,
    truth: Annotated[
        Path | None,
        typer.Option(
            help="Folder of .xml (VOC) or .txt (YOLO) files, one such file, a COCO .json file, or a .csv table of "
            "red cells' centres (image, x, y)."
        ),
    ] = None,
    sets: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=IMAGES[,TRUTH]",
            help="Another set of photographs with its truth; give it again for more. Without truth it tells only "
            "which fields are refused.",
        ),
    ] = None,
    healthy: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A set (or the folder of the photographs) of people without malaria: every call in it is false.",
        ),
    ] = None,
    classes: Annotated[
        str | None, typer.Option(help="What the class numbers of YOLO mean: 0=parasite,1=red_cell,4=white_cell.")
    ] = None,
    iou: Annotated[
        float, typer.Option(min=0.05, max=1, help="Least intersection over union of a red cell and its true box.")
    ] = 0.5,
    output: Annotated[
        Path | None,
        typer.Option(help="Folder for evaluation.json, tables of sets, fields and parasites, and worst_fields.png."),
    ] = None,
    performance: Annotated[
        Path | None,
        typer.Option(
            help="Write what was measured to this .json file, for `analyze --performance` and the workstation; "
            "every parasite must be annotated."
        ),
    ] = None,
    laboratory: Annotated[str | None, typer.Option(help="Whose slides these are; goes with --performance.")] = None,
    patients: Annotated[
        str | None,
        typer.Option(
            metavar="NUMBER|TABLE.csv",
            help="How many people they are of, or better a .csv table that names the patient of each photograph "
            "(image, patient): then it is measured how far patients differ, too. Goes with --performance.",
        ),
    ] = None,
    model: ModelOption = None,
    threshold: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Call a cell infected from here on (default: the model's for counting)."),
    ] = None,
    tta: CountingViewsOption = None,
    profile: ProfileOption = None,
    profiles: ProfilesOption = None,
) -> None:
    """Measure the analysis of whole fields on annotated boxes: cells found and counted, parasites, false alarms.

    Exit code 0: every photograph and annotation was read; 1: some could not be, and are left out, or too little was
    measured for --performance; 2: nothing to do, or wrong use.
    """
    require_extra("train", "Evaluation")
    open_cache()
    given = _given_sets(images, truth, sets or [])
    _check_healthy(healthy or [], given)
    people = _check_told(performance, laboratory, patients, len(given))
    from plasmoscope.analysis.method import calling
    from plasmoscope.analysis.performance import PerformanceError, write_performance
    from plasmoscope.cli.fields_tables import show_fields, show_sets
    from plasmoscope.evaluation.fields_report import check_evaluation_folder, write_evaluation
    from plasmoscope.evaluation.patients import read_patients
    from plasmoscope.evaluation.performance import measured_performance
    from plasmoscope.evaluation.worst_fields import lay_out

    named = parse_classes(classes)
    # What cannot be used is an error before the work, not after it.
    annotated = [read_set(one, named) for one in given]
    known = read_patients(_judged(annotated[0]), people) if isinstance(people, Path) else people
    if output:
        context.with_resource(alone_in(output))
        check_evaluation_folder(output, [name for one in annotated for name in one.truth])
    classifier = load_classifier(model, "fields", profile, profiles)
    how = calling(classifier, threshold, tta)
    done = [_evaluate(one, classifier, how, iou, one.name in (healthy or []), output is not None) for one in annotated]
    unread = [fault for one in done for fault in one.unread]
    for name, reason in unread:
        tell_unread(name, reason)
    evaluations = [one.evaluation for one in done if one.evaluation is not None]
    if not evaluations:
        raise typer.Exit(1)
    if len(evaluations) == 1:
        show_fields(evaluations[0])
    show_sets(evaluations)
    if output:
        rows = [(one.name, result.worst) for one, result in zip(annotated, done, strict=True)]
        drawn = lay_out(rows) if any(panels for _, panels in rows) else None
        console.print("Written: " + ", ".join(str(file) for file in write_evaluation(output, evaluations, drawn)))
    enough = True
    if performance and laboratory and known:
        photographs = given[0].images.resolve().name
        try:
            measured = measured_performance(evaluations[0], classifier.card, how, laboratory, photographs, known)
            write_performance(performance, measured)
            console.print(f"Written: {performance}, for 'analyze --performance' and the workstation.")
        except PerformanceError as error:
            errors.print(f"{performance} was not written. {error}", markup=False)
            enough = False
    console.print(NOT_A_DEVICE)
    if unread or not enough:
        raise typer.Exit(1)


class GivenSet(NamedTuple):
    """A set as it was given."""

    name: str
    images: Path
    truth: Path | None


class AnnotatedSet(NamedTuple):
    """A set whose annotations were read."""

    name: str
    files: "Mapping[str, Readable]"
    truth: "Mapping[str, Sequence[TrueBox]]"
    faults: "Sequence[tuple[str, str]]"
    """What could not be read, with the reason."""


def _given_sets(images: Path | None, truth: Path | None, sets: Sequence[str]) -> list[GivenSet]:
    """What is to be evaluated, each under a name of its own."""
    if (images is None) != (truth is None):
        raise PlasmoscopeError("Photographs and --truth go together. More sets are given as --set NAME=IMAGES,TRUTH.")
    given = [GivenSet(images.resolve().name, images, truth)] if images and truth else []
    given += [_parse_set(text) for text in sets]
    if not given:
        raise PlasmoscopeError("Give photographs with --truth, or sets of them as --set NAME=IMAGES,TRUTH.")
    names = [one.name for one in given]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise PlasmoscopeError(f"Two sets are called '{twice}'; give each a name of its own.")
    return given


def _parse_set(text: str) -> GivenSet:
    """Read ``NAME=IMAGES,TRUTH`` or ``NAME=IMAGES``; a path may hold a comma where the whole of it exists."""
    name, _, paths = text.partition("=")
    if not name.strip() or not paths.strip():
        raise PlasmoscopeError(f"--set is written as NAME=IMAGES,TRUTH or NAME=IMAGES, not as '{text}'.")
    images, comma, truth = paths.rpartition(",")
    if not comma or Path(paths).exists():
        return GivenSet(name.strip(), Path(paths), None)
    return GivenSet(name.strip(), Path(images), Path(truth))


def _check_healthy(healthy: Sequence[str], given: Sequence[GivenSet]) -> None:
    names = [one.name for one in given]
    if unknown := next((name for name in healthy if name not in names), None):
        raise PlasmoscopeError(f"--healthy names '{unknown}', which is none of the sets: {', '.join(names)}.")


def read_set(given: GivenSet, classes: Mapping[int, str] | None) -> AnnotatedSet:
    """Find a set's photographs and read what is annotated in them, with a word on what belongs to nothing."""
    from plasmoscope.evaluation.annotations import read_annotations
    from plasmoscope.evaluation.fields import what_is_annotated

    files, unread = _find(given.images)
    if given.truth is None:
        return AnnotatedSet(given.name, files, dict.fromkeys(files, ()), unread)
    annotations = read_annotations(files, given.truth, classes)
    boxes, faults = annotations.boxes, annotations.faults
    known = {*boxes, *(fault.where for fault in faults)}
    _tell_names("images have no annotation and are left out", [name for name in files if name not in known])
    _tell_names("annotations belong to none of the images", annotations.unused)
    what_is_annotated(boxes.values())
    return AnnotatedSet(given.name, files, boxes, [*unread, *faults])


class _Done(NamedTuple):
    """A set that was evaluated."""

    evaluation: "FieldsEvaluation | None"
    """None where no photograph was read."""
    unread: "Sequence[tuple[str, str]]"
    worst: "Sequence[Picture]" = ()
    """Pictures of the worst fields, where they are wanted."""


def _evaluate(
    given: AnnotatedSet, classifier: "Classifier", how: "Calling", iou: float, healthy: bool, draw: bool
) -> _Done:
    """Analyse a set's photographs and compare them with the truth."""
    from plasmoscope.evaluation.fields import evaluate_fields

    looks = _analyze([given.files[name] for name in given.truth], classifier, how)
    followed = track(looks, len(given.truth), f"Analysing {given.name}")
    analyzed = dict(zip(given.truth, followed, strict=True))
    unread = [*given.faults, *((name, field.error) for name, field in analyzed.items() if field.error is not None)]
    read = {name: field for name, field in analyzed.items() if field.error is None}
    if not read:
        return _Done(None, unread)
    truth = {name: given.truth[name] for name in read}
    evaluation = evaluate_fields(read, truth, iou, name=given.name, healthy=healthy)
    return _Done(evaluation, unread, _draw_worst(given, evaluation, read) if draw else ())


def _draw_worst(
    given: AnnotatedSet, evaluation: "FieldsEvaluation", analyzed: "Mapping[str, Field]"
) -> "list[Picture]":
    from plasmoscope.evaluation.worst_fields import Panel, draw_panel, worst_fields
    from plasmoscope.imaging.reading import read_image

    panels = (
        Panel(read_image(given.files[one.name].read()), analyzed[one.name], given.truth[one.name], one)
        for one in worst_fields(evaluation)
    )
    return [draw_panel(panel, evaluation.iou) for panel in panels]


def _check_told(performance: Path | None, laboratory: str | None, patients: str | None, sets: int) -> int | Path | None:
    """Refuse before the work what would leave it without its file.

    Returns:
        How many patients there are, or the table of them.
    """
    from plasmoscope.reports.output import check_output

    if performance is None:
        return None
    check_output(performance, [".json"])
    if sets > 1:
        raise PlasmoscopeError("--performance is measured on the slides of one laboratory: give one set with it.")
    if not laboratory or not laboratory.strip() or not patients:
        raise PlasmoscopeError(
            "--performance needs --laboratory and --patients too: whose slides these are, and of how many people, as "
            "in --laboratory 'St. Mary, Kisumu' --patients 24, or with a table of the patient of each photograph, "
            "--patients patients.csv."
        )
    if patients.isdecimal() and int(patients) > 0:
        return int(patients)
    if not Path(patients).is_file():
        raise PlasmoscopeError(
            f"--patients is how many people the photographs are of, such as 24, or a .csv table with the columns image "
            f"and patient; '{patients}' is neither."
        )
    return Path(patients)


def _judged(given: AnnotatedSet) -> "dict[str, Readable]":
    """The photographs of a set that have an annotation."""
    return {name: given.files[name] for name in given.truth}


def _analyze(files: "Sequence[Readable]", classifier: "Classifier", how: "Calling") -> "Iterator[Field]":
    """Analyse photographs one by one: the one place where this command meets the analysis."""
    from plasmoscope.analysis.analyze import analyze_field

    for file in files:
        yield analyze_field(file, classifier, threshold=how.threshold, views=how.views)


def _find(images: Path) -> "tuple[dict[str, Readable], list[tuple[str, str]]]":
    """The photographs by their names, each page by itself; and what cannot be read, with the reason."""
    from plasmoscope.imaging.pages import with_pages
    from plasmoscope.imaging.photograph import field_names
    from plasmoscope.imaging.sources import Unreadable

    found = given_photographs([images])
    unread = [(source.name, source.reason) for source in found if isinstance(source, Unreadable)]
    files = with_pages(source for source in found if not isinstance(source, Unreadable))
    if not files:
        raise PlasmoscopeError(f"There are no photographs in '{images}'. Give a folder of them, or one.")
    return dict(zip(field_names(files), files, strict=True)), unread


def _tell_names(what: str, names: Sequence[str]) -> None:
    """Say how many there are of what is left out, and which."""
    if names:
        listed = ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
        console.print(f"{len(names):,} {what}: {escape(listed)}.", highlight=False)


def parse_classes(text: str | None) -> dict[int, str] | None:
    """Read ``0=parasite,4=white_cell``."""
    if text is None:
        return None
    try:
        pairs = (pair.split("=", 1) for pair in text.split(","))
        return {int(number): name.strip() for number, name in pairs}
    except ValueError as error:
        raise PlasmoscopeError(f"--classes is written as 0=parasite,4=white_cell, not as '{text}'.") from error
