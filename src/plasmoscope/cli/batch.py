"""``plasmoscope batch``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.markup import escape

from plasmoscope.cli.console import console, errors, track
from plasmoscope.cli.options import CountingViewsOption, ModelOption
from plasmoscope.messages import NOT_A_DEVICE

if TYPE_CHECKING:
    from plasmoscope.batch.running import Shard

_NAMED = 5  # parts by name that could not be done


def _read_shard(text: str) -> "Shard":
    from plasmoscope.batch.running import Shard

    try:
        return Shard.parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def batch(
    kind: Annotated[
        Literal["cells", "slides"],
        typer.Argument(help="What the pictures are: single cells, or slides, a folder each."),
    ],
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Pictures, folders, zip archives.")],
    output: Annotated[Path, typer.Option(help="Folder for the tables (Parquet); several machines may share it.")],
    shard: Annotated[
        str, typer.Option(metavar="I/N", help="This machine's share, such as 2/8 for the second of eight.")
    ] = "1/1",
    processes: Annotated[int, typer.Option(min=1, max=256, help="Processes that work at once.")] = 1,
    model: ModelOption = None,
    threshold: Annotated[
        float | None, typer.Option(min=0, max=1, help="Call a cell infected from here on (default: the model's own).")
    ] = None,
    tta: CountingViewsOption = None,
) -> None:
    """Call cells by the million, or count slides by the thousand, into tables that grow part by part.

    The same command again goes on where it was stopped. Exit code 0: every part is there; 1: some are not; 2: nothing
    to do, or wrong use.
    """
    from plasmoscope.batch.jobs import CellsJob, Job, SlidesJob
    from plasmoscope.batch.running import run_batch

    mine = _read_shard(shard)
    job: Job
    if kind == "cells":
        job = CellsJob(tuple(paths), model, 1 if tta is None else tta, threshold)
    else:
        job = SlidesJob(tuple(paths), model, tta, threshold)
    outcome = run_batch(job, output, mine, processes, track)
    for part, why in list(outcome.failed.items())[:_NAMED]:
        errors.print(f"[red]{escape(part)} could not be done:[/] {escape(why)}", highlight=False)
    earlier = f", {outcome.there:,} were there already" if outcome.there else ""
    console.print(f"{outcome.done:,} parts done{earlier}, {len(outcome.failed):,} could not be. Tables: {output}")
    console.print(NOT_A_DEVICE)
    if outcome.failed:
        raise typer.Exit(1)
