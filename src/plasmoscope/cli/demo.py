"""``plasmoscope demo``."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from plasmoscope.cli.console import RESEARCH_USE, console
from plasmoscope.cli.options import ModelOption


def demo(
    output: Annotated[Path, typer.Option(help="The picture to write.")] = Path("plasmoscope-demo.png"),
    seed: Annotated[int, typer.Option(min=0, help="Another seed, another smear.")] = 5,
    model: ModelOption = None,
) -> None:
    """Render a synthetic smear with known truth, classify its cells, and show both. Needs no input and no network."""
    from PIL import Image

    from plasmoscope.classification.classifier import Classifier
    from plasmoscope.demo import run_demo
    from plasmoscope.reports.pictures import check_picture

    check_picture(output)
    result = run_demo(Classifier.load(model), seed)
    table = Table(title="A synthetic thin smear, cell by cell")
    for heading in ("truth", "called parasitized", "called uninfected"):
        table.add_column(heading, justify="right" if heading != "truth" else "left")
    for truth, chosen in (("infected", result.infected), ("uninfected", ~result.infected)):
        table.add_row(truth, str(int((chosen & result.called).sum())), str(int((chosen & ~result.called).sum())))
    console.print(table)
    right = int((result.infected == result.called).sum())
    console.print(f"{right} of {len(result.called)} cells called rightly.")
    Image.fromarray(result.picture).save(output)
    console.print(f"Look at {output}: every cell outlined by its call.")
    console.print(RESEARCH_USE)
