"""``plasmoscope audit``."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from plasmoscope.caches import open_cache
from plasmoscope.cli.console import console
from plasmoscope.cli.options import DataOption, GroupsOption, PositiveOption, ViewsOption, given_cells
from plasmoscope.extras import require_extra


def audit(
    folds: Annotated[
        list[Path],
        typer.Argument(
            help="All patient folds: run folders, each evaluated with --part test, or published tables .csv.gz."
        ),
    ],
    data: DataOption,
    positive: PositiveOption = None,
    groups: GroupsOption = None,
    tta: ViewsOption = 1,
    output: Annotated[Path, typer.Option(help="Folder for the review sheet, the picture and the tables.")] = Path(
        "audit"
    ),
    most: Annotated[int, typer.Option(min=1, help="Suspects on the sheet, the first of them.")] = 1000,
) -> None:
    """Find labels that may be wrong, by networks that never saw the cell's patient, and make a sheet to review them.

    The page saves decisions.csv; train and evaluate take it with --labels reviewed --decisions decisions.csv.
    """
    require_extra("train", "The audit of labels")
    open_cache()
    from plasmoscope.evaluation.audit import audit_labels
    from plasmoscope.evaluation.comparison import Run, read_run
    from plasmoscope.evaluation.published import read_published
    from plasmoscope.evaluation.review_sheet import SHEET, write_audit

    given = [read_run(path) if path.is_dir() else read_published(path) for path in folds]
    classes = next((fold.card.classes for fold in given if isinstance(fold, Run)), None)
    dataset = given_cells(data, positive=positive, groups=groups, expected=classes)
    found = audit_labels(dataset, given, tta)
    shown = write_audit(output, found, most)
    table = Table(title="Suspected labels")
    for heading in ("label", "cells", "suspected", "share"):
        table.add_column(heading)
    for label, name in enumerate(dataset.classes.names):
        cells, suspected = int((dataset.labels == label).sum()), found.suspected(label)
        table.add_row(name, f"{cells:,}", f"{suspected:,}", f"{suspected / cells:.2%}")
    console.print(table)
    console.print(
        f"{len(found.suspects):,} labels are suspected; a suspicion is no proof. Review the first {shown:,} in "
        f"{output / SHEET} (open it in a browser), and give what it saves to train or evaluate with "
        "--labels reviewed --decisions FILE."
    )
