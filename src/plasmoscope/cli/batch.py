"""``plasmoscope batch``."""

import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from plasmoscope.cli.console import console, errors
from plasmoscope.cli.options import CountingViewsOption, ModelOption, ProviderOption
from plasmoscope.messages import NOT_A_DEVICE

if TYPE_CHECKING:
    from plasmoscope.batch.job import Job, Part
    from plasmoscope.batch.processes import Worked
    from plasmoscope.batch.running import Shard

_NAMED = 5  # parts by name that could not be done
_TOLD_SECONDS = 60.0  # between two lines of progress in a file, where no bar can be shown


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
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH...", help="Pictures, folders, zip archives; also s3://..., gs://... and the like."
        ),
    ],
    output: Annotated[
        str,
        typer.Option(help="Folder for the tables (Parquet), or s3://... and the like; several machines may share it."),
    ],
    shard: Annotated[
        str, typer.Option(metavar="I/N", help="This machine's share, such as 2/8 for the second of eight.")
    ] = "1/1",
    processes: Annotated[int, typer.Option(min=1, max=256, help="Processes that work at once.")] = 1,
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Ray cluster that does the work: 'auto' for the one that this machine belongs to, 'local' for one of "
            "its own, or HOST:PORT.",
        ),
    ] = None,
    model: ModelOption = None,
    provider: ProviderOption = None,
    threshold: Annotated[
        float | None, typer.Option(min=0, max=1, help="Call a cell infected from here on (default: the model's own).")
    ] = None,
    tta: CountingViewsOption = None,
) -> None:
    """Call cells by the million, or count slides by the thousand, into tables that grow part by part.

    The same command again goes on where it was stopped. Exit code 0: every part is there; 1: some are not; 2: nothing
    to do, or wrong use.
    """
    from plasmoscope.batch.running import run_batch

    if ray is not None and processes > 1:
        raise typer.BadParameter("a Ray cluster has its own processes; leave --processes out", param_hint="'--ray'")
    job = _job(kind, paths, model, threshold, tta)
    outcome = run_batch(job, output, _read_shard(shard), processes, ray, _follow)
    for part, why in list(outcome.failed.items())[:_NAMED]:
        errors.print(f"[red]{escape(part)} could not be done:[/] {escape(why)}", highlight=False)
    earlier = f", {outcome.there:,} were there already" if outcome.there else ""
    console.print(f"{outcome.done:,} parts done{earlier}, {len(outcome.failed):,} could not be. Tables: {output}")
    console.print(NOT_A_DEVICE)
    if outcome.failed:
        raise typer.Exit(1)


def _job(
    kind: Literal["cells", "slides"], given: list[str], model: Path | None, threshold: float | None, tta: int | None
) -> "Job":
    from plasmoscope.imaging.remote import is_remote

    paths = tuple(place if is_remote(place) else Path(place) for place in given)
    # Each alone: a process that calls cells needs no room for what segments fields.
    if kind == "cells":
        from plasmoscope.batch.cells import CellsJob

        return CellsJob(paths, model, 1 if tta is None else tta, threshold)
    from plasmoscope.batch.slides import SlidesJob

    return SlidesJob(paths, model, tta, threshold)


def _follow(worked: "Iterable[Worked]", parts: "Sequence[Part]") -> "Iterator[Worked]":
    """Show how far the work is and how fast it goes: a bar in a terminal, now and then a line elsewhere."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    started = told = time.monotonic()
    pictures, machines = 0, set[str]()
    with Progress(*columns, console=errors, disable=not errors.is_terminal) as progress:
        bar = progress.add_task("Parts", total=len(parts))
        for number, one in enumerate(worked, start=1):
            yield one
            pictures += len(one.part.sources)
            machines.add(one.machine)
            now = time.monotonic()
            pace = f"{pictures / max(now - started, 1e-3):,.1f} pictures/s"
            pace += f", {len(machines)} machines" if len(machines) > 1 else ""
            progress.update(bar, completed=number, description=f"Parts ({pace})")
            if not errors.is_terminal and (number == len(parts) or now - told >= _TOLD_SECONDS):
                errors.print(f"{number:,} of {len(parts):,} parts, {pace}", highlight=False)
                told = now
