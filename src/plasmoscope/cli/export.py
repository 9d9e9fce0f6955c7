"""``plasmoscope export``."""

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.markup import escape
from rich.table import Table

from plasmoscope.caches import open_cache
from plasmoscope.cli.console import console, track
from plasmoscope.cli.options import CacheOption, DataOption, GroupsOption, PositiveOption, given_cells
from plasmoscope.extras import require_extra


def export(
    model: Annotated[
        str, typer.Argument(help="An .onnx file with its card, a run folder, or the name of a model that ships.")
    ],
    data: DataOption,
    to: Annotated[
        Literal["onnx-static", "int8", "openvino", "openvino-int8", "tflite", "torch"],
        typer.Option("--to", help="The form to write it in."),
    ],
    output: Annotated[Path | None, typer.Option(help="File to write (default: MODEL-FORM in this folder).")] = None,
    split: Annotated[
        str | None, typer.Option(help="Another split than the model's, for cells to calibrate and to compare on.")
    ] = None,
    positive: PositiveOption = None,
    groups: GroupsOption = None,
    cache: CacheOption = None,
) -> None:
    """Write a model in the form that another device or runtime wants, and compare both on real cells."""
    require_extra("train", "Exporting")
    cache_folder = open_cache(cache)
    from plasmoscope.classification.card import ModelCard
    from plasmoscope.classification.classifier import find_model
    from plasmoscope.exporting.export import TARGETS, export_model
    from plasmoscope.networks import read_network

    file = output or Path(f"{Path(model).stem}-{to}{TARGETS[to].suffix}")
    classes = read_network(find_model(model), ModelCard)[1].classes
    dataset = given_cells(data, positive=positive, groups=groups, expected=classes)
    card = export_model(model, to, file, dataset, cache_folder, split, track)
    told = card.export
    assert told is not None
    table = Table("", "before", to)
    table.add_row("megabytes", f"{told.megabytes_before:.2f}", f"{told.megabytes:.2f}")
    table.add_row("accuracy", f"{told.accuracy_before:.2%}", f"{told.accuracy:.2%}")
    table.add_row("cells a second of processor time", "1", f"{told.speed_ratio:.2f} times as many")
    console.print(table)
    console.print(
        f"Compared on {told.cells:,} {escape(told.compared_on)}, each looked at once; the largest difference between "
        f"two probabilities is {told.largest_difference:.2g}."
    )
    console.print(f"{escape(str(file))} and its card are written: {escape(told.how)}.")
