"""``plasmoscope demo``."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from plasmoscope.cli.console import console, track
from plasmoscope.cli.options import ModelOption


def demo(
    context: typer.Context,
    output: Annotated[Path, typer.Option(help="Folder for the report.")] = Path("plasmoscope-demo"),
    seed: Annotated[int, typer.Option(min=0, help="Another seed, another smear.")] = 1,
    model: ModelOption = None,
) -> None:
    """Render a synthetic slide with known truth, analyse it, and report. Needs no input and no network."""
    from plasmoscope.classification.classifier import Classifier
    from plasmoscope.demo import is_demo, run_demo
    from plasmoscope.files import alone_in
    from plasmoscope.reports.bundle import write_slide
    from plasmoscope.reports.folder import held_report
    from plasmoscope.reports.output import OutputError

    context.with_resource(alone_in(output))
    held = held_report(output)
    if held is not None and not (is_demo(held.slide) and held.patient is None):
        raise OutputError(f"{output} holds the report of {held.whose}, which would be lost; choose another --output.")
    result = run_demo(Classifier.load(model, use="fields"), seed, track=track)
    pictures = dict(zip((field.name for field in result.slide.fields), result.images, strict=True))
    write_slide(output, result.slide, lambda field: pictures[field.name], track=track)
    table = Table(title="A synthetic slide, cell by cell")
    for heading in ("truth", "called infected", "called uninfected"):
        table.add_column(heading, justify="right" if heading != "truth" else "left")
    for truth, calls in zip(("infected", "uninfected"), result.calls.tolist(), strict=True):
        table.add_row(truth, *map(str, calls))
    console.print(table)
    count = result.slide.count
    counted = count.counted if count else 0
    console.print(
        f"{counted} of {result.true_cells} whole red cells were found; truly infected: {result.true_infected} "
        f"({result.true_infected / result.true_cells:.2%})."
    )
    if count:
        console.print(f"[bold]{count.statement}[/]")
    console.print(f"The report: {output / 'report.html'} and {output / 'report.pdf'}")
    console.print(result.slide.research_use)
