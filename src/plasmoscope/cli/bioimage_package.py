"""``plasmoscope bioimage-package``."""

from pathlib import Path
from typing import Annotated

import typer

from plasmoscope.cli.console import console
from plasmoscope.cli.options import ModelOption


def bioimage_package(
    output: Annotated[Path, typer.Argument(help="The package to write: FILE.zip.")],
    model: ModelOption = None,
    author: Annotated[
        list[str] | None, typer.Option(help="Who made the model, for one that does not ship; may be given again.")
    ] = None,
) -> None:
    """Write a model of single cells as a package for bioimage.io and the programs that read its packages."""
    from plasmoscope.interop.bioimage import write_bioimage_package
    from plasmoscope.reports.output import check_output

    check_output(output, (".zip",))
    card = write_bioimage_package(output, model, author or ())
    console.print(f"{output} holds the model '{card.name}', its description, its card and drawn cells to test it with.")
    console.print("It passed the validator of bioimage.io. Cells must be cut out and resized as its README.md says.")
