"""From trained weights to the format that ships: an ONNX graph that takes raw pixels, and its card."""

import hashlib
import logging
import warnings
from datetime import UTC, datetime
from pathlib import Path

import torch
from torch import Tensor, nn

from plasmoscope import __version__
from plasmoscope.classification.card import ModelCard, Preprocessing, TrainingData

_OPSET = 18


class FromPixels(nn.Module):
    """A network with its normalisation in front: uint8 RGB (n, size, size, 3) to logits (n, 2)."""

    def __init__(self, model: nn.Module, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("scale", 1 / (255 * torch.tensor(preprocessing.std)[:, None, None]))
        self.register_buffer("mean", 255 * torch.tensor(preprocessing.mean)[:, None, None])

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits of a batch."""
        images = (pixels.permute(0, 3, 1, 2).float() - self.mean) * self.scale  # type: ignore[operator]
        logits: Tensor = self.model(images)
        return logits


def export_model(
    model: nn.Module,
    file: Path,
    *,
    name: str,
    architecture: str,
    recipe: str,
    preprocessing: Preprocessing,
    data: TrainingData,
) -> ModelCard:
    """Write ``file`` (.onnx) and its card, both whole or not at all.

    Returns:
        The card, with no calibration and no figures yet.
    """
    network = FromPixels(model, preprocessing).eval().cpu().float()
    size = preprocessing.image_size
    example = torch.zeros(2, size, size, 3, dtype=torch.uint8)
    unfinished = file.with_suffix(".onnx.part")
    # The exporter reports every optional conversion that it could not make.
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (example,),
            unfinished,
            input_names=["pixels"],
            output_names=["logits"],
            dynamic_shapes=({0: torch.export.Dim("cells")},),
            opset_version=_OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    unfinished.replace(file)
    card = ModelCard(
        name=name,
        architecture=architecture,
        recipe=recipe,
        created=datetime.now(UTC).date().isoformat(),
        plasmoscope=__version__,
        sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
        preprocessing=preprocessing,
        data=data,
    )
    card.write(file)
    return card
