"""``plasmoscope recompute``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from plasmoscope.cli.console import console
from plasmoscope.extras import require_extra

if TYPE_CHECKING:
    from plasmoscope.classification.card import Figure


def recompute(
    tables: Annotated[list[Path], typer.Argument(help="Tables .csv.gz that 'plasmoscope compare --output' wrote.")],
) -> None:
    """Compute published figures again from every cell's published probability: of each table, and of all together.

    Give the folds of one seed: each judges other cells. No model and no picture is needed.
    """
    require_extra("train", "Recomputing figures")
    from plasmoscope.evaluation.published import figures_of, figures_over, pooled, read_published

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
