"""Options that several commands take."""

from pathlib import Path
from typing import Annotated

import typer

DataOption = Annotated[Path, typer.Option("--data", help="Folder or zip in the NIH layout (cell_images/...).")]
CacheOption = Annotated[
    Path | None, typer.Option("--cache", help="Folder for decoded cells [default: the user's cache folder].")
]
ModelOption = Annotated[
    Path | None, typer.Option("--model", help="An .onnx file with its card, or a run folder [default: shipped].")
]
ViewsOption = Annotated[
    int, typer.Option("--tta", help="Test-time augmentation: 5 or 8 views of each cell; --tta alone means 8.")
]
