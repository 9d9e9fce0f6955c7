"""``plasmoscope classify``."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Column, Table

from plasmoscope.cli.console import console, errors, stopped_as_by_hand, tell_unread, track
from plasmoscope.cli.options import (
    CellsArgument,
    ModelOption,
    ProfileOption,
    ProfilesOption,
    ProviderOption,
    ViewsOption,
    given_images,
    load_classifier,
)
from plasmoscope.messages import NOT_A_DEVICE

if TYPE_CHECKING:
    from plasmoscope.classification.cell_call import CellCall
    from plasmoscope.classification.finished_cells import FinishedCells

_SHOWN = 40  # cells in the terminal's table; more go into a file
# The smear of all cells whose names tell no patient.
_UNNAMED = "unnamed"
_NOT_TOLD = "not a red cell, or cannot tell"


def classify(
    paths: CellsArgument,
    output: Annotated[Path | None, typer.Option(help="Table of every cell: FILE.csv or FILE.json.")] = None,
    tta: ViewsOption = 1,
    model: ModelOption = None,
    provider: ProviderOption = None,
    threshold: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Call a cell infected from here on (default: the profile's or model's own)."),
    ] = None,
    profile: ProfileOption = None,
    profiles: ProfilesOption = None,
    isolate: Annotated[
        bool, typer.Option("--isolate", help="Cut each cell out of its clear background first, for pictures on white.")
    ] = False,
    by_smear: Annotated[
        bool,
        typer.Option(
            "--by-smear",
            help="Judge the cells of each smear together: adjust to its share of infected cells, and tell their "
            "colours against its own where it is stained or lit as none of the NIH's is. NIH names tell the patient; "
            "all other cells count as one smear.",
        ),
    ] = False,
) -> None:
    """Tell for each picture of a segmented red cell how likely it is infected.

    Stopped, the same command with --output goes on where it was.

    Exit code 0: every file was read; 1: some could not be; 2: nothing to do, or wrong use.
    """
    from plasmoscope.classification.batch import classify_sources, judge_by_smear, told_against_smears
    from plasmoscope.classification.finished_cells import FinishedCells
    from plasmoscope.data.nih import patient_of
    from plasmoscope.labels import NOT_TOLD
    from plasmoscope.reports.cells import Called, check_cells_output, write_cells

    if output:
        check_cells_output(output)
    sources = given_images(paths, output)
    classifier = load_classifier(model, "cells", profile, profiles)
    limit = classifier.threshold if threshold is None else threshold
    finished = FinishedCells(output, classifier, sources, tta, limit, isolate) if output else None
    results = finished.kept() if finished else []
    calling = classify_sources(classifier, sources, tta, limit, isolate, begin=len(results))
    _gather(calling, results, len(sources), finished)
    if by_smear:
        smears = [patient_of(source.name) or _UNNAMED for source in sources]
        results = told_against_smears(classifier, results, sources, smears, tta, limit, isolate)
        results = judge_by_smear(classifier, results, smears, limit)
    if output and finished:
        used = classifier.profile.used if classifier.profile else None
        write_cells(output, results, Called(classifier.card, tta, limit, used))
        finished.forget()
    read = [result for result in results if result.error is None]
    if len(read) <= _SHOWN and not output:
        _show(read)
    for result in results:
        if result.error is not None:
            tell_unread(result.name, result.error)
    doubtful = [result for result in read if result.remark]
    if doubtful:
        errors.print(
            f"[yellow]Do not rely on {len(doubtful):,} of the answers[/], such as that for {escape(doubtful[0].name)}: "
            f"{doubtful[0].remark}.",
            highlight=False,
        )
    positive = sum(result.call == "infected" for result in read)
    silent = sum(result.call == NOT_TOLD for result in read)
    called = len(read) - silent
    share = f" ({positive / called:.1%})" if called else ""
    console.print(
        f"{len(read):,} cells read, {len(results) - len(read):,} files could not be. "
        f"{positive:,} called infected{share}, {called - positive:,} uninfected, at threshold {limit:.2f}."
        f"{_by_class(read)}"
    )
    if silent:
        console.print(
            f"{silent:,} got no call: not a red cell, or the model cannot tell. They are in no share; look at them "
            f"yourself. In tables their call is {NOT_TOLD}."
        )
    if by_smear:
        console.print(f"Each cell was judged among those of its smear; smears: {len(set(smears)):,}.")
    console.print(_reference(read))
    if output:
        console.print(f"Every cell with its probability: {output}")
    elif len(read) > _SHOWN:
        console.print("Add --output FILE.csv to keep the probability of every cell.")
    console.print(NOT_A_DEVICE)
    if len(read) < len(results):
        raise typer.Exit(1)


def _by_class(read: "Sequence[CellCall]") -> str:
    """How many cells were called what, of a model of classes of one's own, as a sentence that goes on after another."""
    counts = Counter(result.class_name for result in read if result.class_name)
    return f" By class: {escape(', '.join(f'{name} {counts[name]:,}' for name in sorted(counts)))}." if counts else ""


def _gather(calls: "Iterable[CellCall]", results: "list[CellCall]", of: int, finished: "FinishedCells | None") -> None:
    """Add the calls to those of an earlier run as they come; stopped, say what is kept of them."""
    if results:
        console.print(f"{len(results):,} of {of:,} cells were called before; going on with the others.")
    kept = finished.keep(list(results), calls) if finished else calls
    left = of - len(results)
    try:
        with stopped_as_by_hand():
            results.extend(track(kept, left, "Classifying cells"))
    except KeyboardInterrupt:
        errors.print(
            f"Stopped. The calls so far are kept in {escape(str(finished.file))}; the same command goes on from there."
            if finished
            else "Stopped. With --output FILE.csv the calls are kept, and the same command goes on.",
            highlight=False,
        )
        raise


def _reference(read: "Sequence[CellCall]") -> str:
    """What the cells' colours were told against, as a sentence for the user."""
    own = sum(result.reference == "smear" for result in read)
    as_nih = "as if stained and lit like the slides of the NIH data set"
    if not own:
        return f"Colours: no slide comes with single cells to compare them with; each was judged {as_nih}."
    others = f" The other {len(read) - own:,} were judged {as_nih}." if own < len(read) else ""
    return (
        f"Colours: {own:,} cells were told against the background and the median cell of their own smear, which is "
        f"stained or lit as no slide of the NIH data set is.{others}"
    )


def _show(read: "Sequence[CellCall]") -> None:
    from plasmoscope.labels import NOT_TOLD

    of_classes = any(result.class_name for result in read)
    table = Table(Column("cell", overflow="fold"), "P(infected)", "call", *(["class"] if of_classes else []))
    for result in read:
        call = _NOT_TOLD if result.call == NOT_TOLD else result.call
        shares = result.class_probabilities or {}
        told = [f"{escape(name)} ({shares[name]:.4f})" for name in shares if name == result.class_name]
        table.add_row(escape(result.name), f"{result.probability:.4f}", call, *told)
    console.print(table)
