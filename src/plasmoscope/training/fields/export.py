"""From trained weights to the ONNX graph that ships: raw pixels in, grids and probabilities out."""

import copy
import logging
import warnings

import torch
from torch import Tensor, nn
from torch.nn import functional

from plasmoscope.training.export import without_origins
from plasmoscope.training.fields.losses import TENTHS
from plasmoscope.training.fields.network import RADIUS, FieldNetwork

_OPSET = 18  # of ONNX; ONNX Runtime reads it from 1.14 on
_MOST = 1.2  # times the clear background; glare beyond says nothing more


class FromPixels(nn.Module):
    """The network behind its normalisation: uint8 RGB (n, h, w, 3) and the clear colour (n, 3) in."""

    def __init__(self, model: FieldNetwork) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: Tensor, clear: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Depth (n, h, w) from 0 to 1, rays (n, r, h, w) in pixels, tissue (n, h, w), film (n, f), blur (n,)."""
        images = torch.clamp(pixels.permute(0, 3, 1, 2).float() / clear[:, :, None, None], max=_MOST)
        reading = self.model(images)
        return (
            torch.sigmoid(reading.depth),
            RADIUS * torch.exp(reading.rays),
            reading.tissue.argmax(dim=1).to(torch.uint8),
            functional.softmax(reading.film, dim=1).mean(dim=(2, 3)),
            reading.blur.mean(dim=(1, 2)).clamp(min=0) / TENTHS,
        )


def export_field_network(model: FieldNetwork) -> bytes:
    """The ONNX graph of a trained network, for pictures whose sides are multiples of 32."""
    # A copy: the network may be trained on.
    network = FromPixels(copy.deepcopy(model)).eval().cpu().float()
    example = (torch.zeros(1, 64, 96, 3, dtype=torch.uint8), torch.full((1, 3), 255.0))
    sides = {1: 32 * torch.export.Dim("rows", min=1, max=64), 2: 32 * torch.export.Dim("columns", min=1, max=64)}
    # The exporter reports every optional conversion that it could not make.
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            network,
            example,
            input_names=["pixels", "clear"],
            output_names=["depth", "rays", "tissue", "film", "blur"],
            dynamic_shapes=(sides, None),
            opset_version=_OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    return bytes(without_origins(program.model_proto).SerializeToString())
