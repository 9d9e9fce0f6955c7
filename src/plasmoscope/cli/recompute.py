"""``plasmoscope recompute``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from plasmoscope.cli.console import console
from plasmoscope.extras import require_extra
from plasmoscope.reports.output import check_output

if TYPE_CHECKING:
    from plasmoscope.classification.card import Figure
    from plasmoscope.evaluation.by_patient import PatientCalls


def recompute(
    tables: Annotated[list[Path], typer.Argument(help="Tables .csv.gz that 'plasmoscope compare --output' wrote.")],
    picture: Annotated[
        Path | None, typer.Option(help="Write a .png of false calls and sensitivity of each patient.")
    ] = None,
) -> None:
    """Compute published figures again from every cell's published probability: of each table, and of all together.

    Give the folds of one seed: each judges other cells. No model and no picture is needed. Tables that hold a threshold
    for counting also tell false calls and sensitivity at it, by patient.
    """
    require_extra("train", "Recomputing figures")
    from plasmoscope.evaluation.by_patient import calls_by_patient
    from plasmoscope.evaluation.published import figures_of, figures_over, pooled, read_published

    if picture:
        check_output(picture, (".png",))
    read = [read_published(file) for file in tables]
    columns = {file.name.removesuffix(".csv.gz"): figures_of(cells) for file, cells in zip(tables, read, strict=True)}
    if len(read) > 1:
        columns["all together"] = figures_over(read)
    together = pooled(read)
    patients = together.patients
    _show(columns)
    drawn = f"patients ({len(set(patients)):,})" if patients else "cells, since the names do not tell the patients"
    console.print(f"{len(together.names):,} cells. In brackets: 95 % bootstrap intervals, drawn by {drawn}.")
    if len(read) > 1:
        console.print("AUC and average precision of all together: mean, lowest and highest of the tables.")
    if picture or (together.counting_thresholds is not None and patients):
        calls = calls_by_patient(together)
        _show_by_patient(calls)
        if picture:
            from plasmoscope.evaluation.plots import plot_by_patient

            plot_by_patient(calls, picture)
            console.print(f"Picture: {picture}")


def _show(columns: "dict[str, dict[str, Figure]]") -> None:
    # One table a line: many folds have no room beside each other in a terminal.
    shown = Table(title="Figures from published probabilities")
    names = ("accuracy", "sensitivity", "specificity", "auc")
    for heading in ("table", *names):
        shown.add_column(heading, overflow="fold")
    for table, figures in columns.items():
        shown.add_row(
            escape(table), *(f"{f.value:.4f}\n({f.low:.4f} to {f.high:.4f})" for f in map(figures.__getitem__, names))
        )
    console.print(shown)


def _show_by_patient(calls: "list[PatientCalls]") -> None:
    from plasmoscope.evaluation.by_patient import LEAST_INFECTED, figures_by_patient

    figures = figures_by_patient(calls)
    shown = Table("at the threshold for counting", "value", "95 % interval", title="By patient")
    for name, words in (
        ("false_calls_median", "false calls per 1,000 uninfected cells: half of the patients have no more than"),
        ("false_calls_p90", "nine in ten patients have no more than"),
        ("false_calls", "on the whole"),
    ):
        figure = figures[name]
        shown.add_row(words, f"{figure.value:.1f}", f"{figure.low:.1f} to {figure.high:.1f}")
    whole, worst = figures["sensitivity"], figures["worst_sensitivity"]
    shown.add_row("sensitivity on the whole", f"{whole.value:.1%}", f"{whole.low:.1%} to {whole.high:.1%}")
    shown.add_row(f"in the worst patient with {LEAST_INFECTED} infected cells or more", f"{worst.value:.1%}", "")
    console.print(shown)
    console.print(f"{len(calls):,} patients; intervals are drawn by patient.")
