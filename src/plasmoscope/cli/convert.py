"""``plasmoscope convert``."""

from pathlib import Path
from typing import Annotated

import typer

from plasmoscope.caches import open_cache
from plasmoscope.cli.console import console
from plasmoscope.extras import require_extra


def convert(
    weights: Annotated[Path, typer.Argument(help="State dict of a two-class MobileNetV2 (.pth or .safetensors).")],
    output: Annotated[Path | None, typer.Option(help="The .onnx file (default: beside the weights).")] = None,
    image_size: Annotated[int, typer.Option(min=32, max=1024, help="Side that the network was trained at.")] = 224,
) -> None:
    """Turn published PyTorch weights into a model that `classify --model` takes."""
    require_extra("train", "Converting PyTorch weights")
    open_cache()
    from plasmoscope.reports.output import check_output
    from plasmoscope.training.convert import convert_mobilenet_v2

    file = output or weights.with_suffix(".onnx")
    if output:
        check_output(output, (".onnx",))
    card = convert_mobilenet_v2(weights, file, image_size)
    console.print(f"{file} and its card are written (normalised as ImageNet, {card.preprocessing.image_size} px).")
    console.print("Its probabilities are not calibrated. 'plasmoscope evaluate --model' shows how far they are off.")
