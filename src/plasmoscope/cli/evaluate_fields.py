"""``plasmoscope evaluate-fields``."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from plasmoscope.caches import open_cache
from plasmoscope.cli.console import RESEARCH_USE, console, errors, tell_unread, track
from plasmoscope.cli.options import CountingViewsOption, ModelOption
from plasmoscope.errors import PlasmoscopeError
from plasmoscope.extras import require_extra

if TYPE_CHECKING:
    from plasmoscope.analysis.analyze import Calling
    from plasmoscope.analysis.results import Field
    from plasmoscope.classification.classifier import Classifier
    from plasmoscope.evaluation.fields import Counts, FieldsEvaluation, Figures
    from plasmoscope.imaging.sources import Readable

_SHOWN = 40
_NAMED = 5


def evaluate_fields(
    images: Annotated[Path, typer.Argument(help="Folder or zip of photographs, or one photograph.")],
    truth: Annotated[
        Path, typer.Option(help="Folder of .xml (VOC) or .txt (YOLO) files, one such file, or a COCO .json file.")
    ],
    classes: Annotated[
        str | None, typer.Option(help="What the class numbers of YOLO mean: 0=parasite,1=red_cell,4=white_cell.")
    ] = None,
    iou: Annotated[
        float, typer.Option(min=0.05, max=1, help="Least intersection over union of a red cell and its true box.")
    ] = 0.5,
    output: Annotated[Path | None, typer.Option(help="Folder for evaluation.json and fields.csv.")] = None,
    performance: Annotated[
        Path | None,
        typer.Option(
            help="Write what was measured to this .json file, for `analyze --performance` and the workstation; "
            "every parasite must be annotated."
        ),
    ] = None,
    laboratory: Annotated[str | None, typer.Option(help="Whose slides these are; goes with --performance.")] = None,
    patients: Annotated[
        int | None, typer.Option(min=1, help="How many people they are of; goes with --performance.")
    ] = None,
    model: ModelOption = None,
    threshold: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Call a cell infected from here on (default: the model's for counting)."),
    ] = None,
    tta: CountingViewsOption = None,
) -> None:
    """Measure the analysis of whole fields on annotated boxes: cells found and counted, parasites, false alarms.

    Exit code 0: every photograph and annotation was read; 1: some could not be, and are left out, or too little was
    measured for --performance; 2: nothing to do, or wrong use.
    """
    require_extra("train", "Evaluation")
    open_cache()
    _check_told(performance, laboratory, patients)
    from plasmoscope.analysis.analyze import calling
    from plasmoscope.analysis.performance import PerformanceError, write_performance
    from plasmoscope.classification.classifier import Classifier
    from plasmoscope.evaluation import fields
    from plasmoscope.evaluation.annotations import read_annotations
    from plasmoscope.evaluation.performance import measured_performance

    files, unread = _find(images)
    annotations = read_annotations(files, truth, _parse_classes(classes))
    boxes = annotations.boxes
    faulty = {fault.where for fault in annotations.faults}
    _tell_names("images have no annotation and are left out", [name for name in files if name not in {*boxes, *faulty}])
    _tell_names("annotations belong to none of the images", annotations.unused)
    # Labels that mean nothing are an error before the work, not after it.
    fields.what_is_annotated(boxes.values())
    classifier = Classifier.load(model)
    how = calling(classifier, threshold, tta)
    looks = _analyze([files[name] for name in boxes], classifier, how)
    analyzed = dict(zip(boxes, track(looks, len(boxes), "Analysing fields"), strict=True))
    unread += annotations.faults
    unread += [(name, field.error) for name, field in analyzed.items() if field.error is not None]
    for name, reason in unread:
        tell_unread(name, reason)
    read = {name: field for name, field in analyzed.items() if field.error is None}
    if not read:
        raise typer.Exit(1)
    evaluation = fields.evaluate_fields(read, {name: boxes[name] for name in read}, iou)
    _show(evaluation)
    if output:
        console.print("Written: " + ", ".join(str(file) for file in fields.write_evaluation(output, evaluation)))
    enough = True
    if performance and laboratory and patients:
        folder = images.resolve().name
        try:
            measured = measured_performance(evaluation, classifier.card, how, laboratory, folder, patients)
            write_performance(performance, measured)
            console.print(f"Written: {performance}, for 'analyze --performance' and the workstation.")
        except PerformanceError as error:
            errors.print(f"{performance} was not written. {error}", markup=False)
            enough = False
    console.print(RESEARCH_USE)
    if unread or not enough:
        raise typer.Exit(1)


def _check_told(performance: Path | None, laboratory: str | None, patients: int | None) -> None:
    """Refuse before the work what would leave it without its file."""
    from plasmoscope.reports.output import check_output

    if performance is None:
        return
    check_output(performance, [".json"])
    if not laboratory or not laboratory.strip() or patients is None:
        raise PlasmoscopeError(
            "--performance needs --laboratory and --patients too: whose slides these are, and of how many people, as "
            "in --laboratory 'St. Mary, Kisumu' --patients 24."
        )


def _analyze(files: "Sequence[Readable]", classifier: "Classifier", how: "Calling") -> "Iterator[Field]":
    """Analyse photographs one by one: the one place where this command meets the analysis."""
    from plasmoscope.analysis.analyze import analyze_field

    for file in files:
        yield analyze_field(file, classifier, threshold=how.threshold, views=how.views)


def _find(images: Path) -> "tuple[dict[str, Readable], list[tuple[str, str]]]":
    """The photographs by their names, each page by itself; and what cannot be read, with the reason."""
    from plasmoscope.analysis.analyze import field_names
    from plasmoscope.imaging.pages import with_pages
    from plasmoscope.imaging.sources import Unreadable, find_photographs

    found = find_photographs([images])
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


def _parse_classes(text: str | None) -> dict[int, str] | None:
    """Read ``0=parasite,4=white_cell``."""
    if text is None:
        return None
    try:
        pairs = (pair.split("=", 1) for pair in text.split(","))
        return {int(number): name.strip() for number, name in pairs}
    except ValueError as error:
        raise PlasmoscopeError(f"--classes is written as 0=parasite,4=white_cell, not as '{text}'.") from error


def _show(evaluation: "FieldsEvaluation") -> None:
    # Narrow, so that nine columns leave room for the names in a terminal of 80.
    title = f"{len(evaluation.fields):,} fields against their truth (IoU {evaluation.iou:g})"
    table = Table(title=title, padding=(0, 1, 0, 0))
    table.add_column("field", overflow="fold")
    for heading in ("red\ncells", "found", "F1", "count", "parasites", "found", "false\ncalls", "per\n1,000"):
        table.add_column(heading, justify="right", no_wrap=True)
    for field in evaluation.fields[:_SHOWN]:
        name = escape(field.name) + ("" if field.accepted else " [yellow](not accepted)[/]")
        table.add_row(name, *_row(field.counts, field.figures))
    if len(evaluation.fields) > _SHOWN:
        table.add_row(f"... and {len(evaluation.fields) - _SHOWN:,} more")
    table.add_section()
    table.add_row("[bold]all", *_row(evaluation.counts, evaluation.figures))
    console.print(table)
    counts, figures = evaluation.counts, evaluation.figures
    if counts.red_cells:
        console.print(
            f"Red cells: precision {_percent(figures.precision)}, recall {_percent(figures.recall)}; "
            f"a field's count is off by {_percent(evaluation.mean_absolute_counting_error)} on average."
        )
    if counts.parasites:
        console.print(
            f"Parasites: {counts.parasites_found:,} of {counts.parasites:,} found. Missed: "
            f"{counts.parasites_called_uninfected:,} in cells called uninfected, {counts.parasites_in_cut_cells:,} in "
            f"cells cut by the border, {counts.parasites_in_no_cell:,} where no red cell was found."
        )
    if refused := sum(not field.accepted for field in evaluation.fields):
        console.print(
            f"{refused:,} of {len(evaluation.fields):,} fields were refused by the quality gate; all that they hold "
            "stands under missed."
        )


def _row(counts: "Counts", figures: "Figures") -> tuple[str, ...]:
    rate = figures.false_calls_per_1000
    return (
        f"{counts.red_cells:,}",
        f"{counts.red_cells_found:,}",
        _percent(figures.f1),
        "-" if figures.counting_error is None else f"{figures.counting_error:+.1%}",
        f"{counts.parasites:,}",
        f"{counts.parasites_found:,}",
        f"{counts.false_calls:,}",
        "-" if rate is None else f"{rate:.1f}",
    )


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"
