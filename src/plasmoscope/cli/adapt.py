"""``plasmoscope adapt``."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from plasmoscope.cli.console import console, tell_unread, track
from plasmoscope.cli.evaluate_fields import GivenSet, parse_classes, read_set
from plasmoscope.cli.options import ModelOption, PositiveOption, ProfilesOption, given_cells, profiles_in
from plasmoscope.errors import PlasmoscopeError
from plasmoscope.extras import require_extra
from plasmoscope.messages import NOT_A_DEVICE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from plasmoscope.classification.classifier import Classifier

    # A cell as it is cut out of its field, and whether it is infected.
    Called = tuple[NDArray[np.uint8], bool]


def adapt(
    cells: Annotated[
        Path | None,
        typer.Argument(help="Cells that people called, as `export-cells` writes them; or photographs, with --truth."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="What the profile is called, such as kisumu-2026.")] = None,
    truth: Annotated[
        Path | None, typer.Option(help="Boxes in the photographs, in any format that `evaluate-fields` takes.")
    ] = None,
    classes: Annotated[
        str | None, typer.Option(help="What the class numbers of YOLO mean: 0=parasite,1=red_cell,4=white_cell.")
    ] = None,
    positive: PositiveOption = None,
    model: ModelOption = None,
    profiles: ProfilesOption = None,
    undo: Annotated[
        str | None, typer.Option(metavar="NAME", help="Take back the last version of this profile.")
    ] = None,
) -> None:
    """Learn this laboratory's stain from 50 or more called cells, as a profile for `analyze --profile NAME`.

    The network stays as it is; only what is made of its outputs changes. No profile is made where it would do harm.
    Exit code 0: the profile was made, or taken back; 1: it was made, but some pictures could not be read; 2: none was.
    """
    kept = profiles_in(profiles)
    if undo is not None:
        before = kept.undo(undo)
        holds = f"version {before.version} holds again" if before else "there is none of this name any more"
        console.print(f"The last version of the profile '{escape(undo)}' was taken back; {holds}.")
        console.print("Results that it touched keep its name and hash. Analyse again what is to be called without it.")
        return
    if cells is None or name is None:
        raise PlasmoscopeError("Give the called cells and --name, or --undo with the name of a profile.")
    import numpy as np

    from plasmoscope.classification.adaptation import adapt as make_profile
    from plasmoscope.classification.adaptation import observe
    from plasmoscope.classification.classifier import Classifier, find_model
    from plasmoscope.classification.familiar import familiar_of

    # A name that cannot be kept, or a file that lacks, is told before the work.
    version = kept.next_version(name)
    classifier = Classifier.load(model, use="fields")
    familiar = familiar_of(classifier, find_model(model, "fields"))
    unread: list[tuple[str, str]] = []
    called = list(
        _of_fields(cells, truth, classes, classifier, unread)
        if truth
        else _of_cells(cells, positive, classifier, unread)
    )
    for where, reason in unread:
        tell_unread(where, reason)
    profile = make_profile(
        observe(classifier, classifier.prepare_batch(cell for cell, _ in called)),
        np.array([infected for _, infected in called], bool),
        classifier.card,
        familiar,
        name,
        version,
        cells.resolve().name,
    )
    kept.save(profile)
    console.print(
        f"Profile '{name}', version {version}, of {profile.infected:,} infected and {profile.uninfected:,} other "
        f"cells. Log-loss on cells it had not seen: {profile.log_loss:.3f}, by the model alone "
        f"{profile.log_loss_before:.3f}."
    )
    trial = profile.trial
    console.print(
        f"Each cell judged without its part in it: of the {profile.infected:,} infected ones {trial.found:,} are found "
        f"(by the model alone {trial.found_before:,}), of the {profile.uninfected:,} others {trial.wrong:,} are called "
        f"infected ({trial.wrong_before:,})."
    )
    if profile.familiar_accuracy_change is None:
        console.print(
            "The model's network gives no features, so only its probabilities were recalibrated; which cell looks "
            "likelier infected than another hardly changes."
        )
    else:
        change = profile.familiar_accuracy_change
        console.print(f"Accuracy on cells of the laboratory that the model learnt from: {change:+.2f} points.")
    console.print(
        f"Use it with --profile {name}; a cell is called from {profile.threshold:.3f} on. Figures of 'evaluate-fields' "
        "that were measured without it hold no more: measure again, with --profile."
    )
    console.print(f"Take it back with: plasmoscope adapt --undo {name}")
    console.print(NOT_A_DEVICE)
    if unread:
        raise typer.Exit(1)


def _of_cells(
    folder: Path, positive: str | None, classifier: "Classifier", unread: list[tuple[str, str]]
) -> "Iterator[Called]":
    import numpy as np

    from plasmoscope.imaging.cells import read_cell
    from plasmoscope.imaging.reading import ImageError
    from plasmoscope.imaging.smear_reference import smear_references
    from plasmoscope.imaging.stain_reference import refer

    found = given_cells(folder, positive=positive, expected=classifier.classes).cells
    read, slides, calls = [], [], []
    for cell in track(found, len(found), "Reading cells"):
        try:
            read.append(classifier.prepare(read_cell(cell.source.read())))
        except ImageError as error:
            unread.append((cell.name, str(error)))
        else:
            slides.append(cell.slide or "unnamed")
            calls.append(cell.infected)
    standard = classifier.card.preprocessing.reference
    own = smear_references(np.stack(read), slides) if read and standard else {}
    for prepared, slide, infected in zip(read, slides, calls, strict=True):
        # A slide of whose cells none shows any background is taken as it is.
        yield refer(prepared, own[slide], standard) if standard and slide in own else prepared, infected


def _of_fields(
    images: Path, truth: Path, classes: str | None, classifier: "Classifier", unread: list[tuple[str, str]]
) -> "Iterator[Called]":
    require_extra("train", "Reading annotated photographs")
    from plasmoscope.analysis.analyze import analyze_field
    from plasmoscope.analysis.cells import crops_as_called
    from plasmoscope.evaluation.fields import what_is_annotated
    from plasmoscope.evaluation.labelled_cells import labelled_cells
    from plasmoscope.imaging.photograph import read_field
    from plasmoscope.imaging.reading import ImageError

    given = read_set(GivenSet(images.resolve().name, images, truth), parse_classes(classes))
    unread += given.faults
    red_cells_boxed, _ = what_is_annotated(given.truth.values())
    for name, boxes in track(given.truth.items(), len(given.truth), "Analysing photographs"):
        try:
            pixels = read_field(given.files[name])
        except ImageError as error:
            unread.append((name, str(error)))
            continue
        labelled = labelled_cells(analyze_field(pixels, classifier, views=1), boxes, red_cells_boxed)
        crops = crops_as_called(pixels, [cell for cell, _ in labelled], classifier)
        yield from zip(crops, (infected for _, infected in labelled), strict=True)
