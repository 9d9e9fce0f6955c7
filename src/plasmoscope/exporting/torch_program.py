"""The network as PyTorch knows it, filled from its ONNX graph: a program (.pt2) and its weights (.safetensors)."""

from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.fx.experimental.optimization import fuse

from plasmoscope.classification.card import ModelCard
from plasmoscope.errors import PlasmoscopeError
from plasmoscope.exporting.running import Runner
from plasmoscope.files import whole_file
from plasmoscope.training.export import FromPixels
from plasmoscope.training.models import build_model

# Before the names of a network's layers in the graphs that `export_network` makes (``FromPixels.model``).
_PREFIX = "model."


class LogitsOnly(nn.Module):
    """Raw pixels, uint8 (n, size, size, 3), to logits (n, classes)."""

    def __init__(self, network: FromPixels) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> Tensor:
        """The first of the network's outputs."""
        logits: Tensor = self.network(pixels)[0]
        return logits


def torch_network(network: bytes, card: ModelCard) -> LogitsOnly:
    """The architecture that the card names, with the graph's weights, batch normalisation folded into convolutions.

    Raises:
        PlasmoscopeError: the graph is not one that was exported from that architecture.
    """
    weights = _layers(network)
    classes = weights[next(reversed(weights))].shape[0]
    options = {"classes": float(classes)} if classes > 2 and not card.classes.own else {}
    own = len(card.class_names) if card.classes.own else None
    model = fuse(build_model(card.architecture, card.preprocessing.image_size, options, own).eval())
    # The exporter leaves out biases of zeros.
    zeros = {name: torch.zeros_like(value) for name, value in model.state_dict().items() if name.endswith("bias")}
    try:
        model.load_state_dict(zeros | weights)
    except RuntimeError as error:
        raise PlasmoscopeError(
            f"The weights of {card.name} do not fit the architecture that its card names, {card.architecture}. "
            "Only networks that were trained or converted here can be exported to PyTorch and TFLite."
        ) from error
    return LogitsOnly(FromPixels(model, card.preprocessing)).eval()


def _layers(network: bytes) -> dict[str, Tensor]:
    """Weights and biases of convolutions and of the last layer, under the architecture's names."""
    graph = onnx.load_model_from_string(network).graph
    values = {weight.name: numpy_helper.to_array(weight) for weight in graph.initializer}
    layers: dict[str, Tensor] = {}
    for node in graph.node:
        if node.op_type in ("Conv", "Gemm"):
            name = node.input[1].removeprefix(_PREFIX)
            layers[name] = torch.from_numpy(np.array(values[node.input[1]]))
            if len(node.input) > 2:
                bias = f"{name.removesuffix('weight')}bias"
                layers[bias] = torch.from_numpy(np.array(values[node.input[2]]))
    return layers


def save_program(network: bytes, card: ModelCard, file: Path) -> None:
    """Write ``file``, a program for ``torch.export.load``, and its weights beside it as ``.safetensors``."""
    model = torch_network(network, card)
    size = card.preprocessing.image_size
    example = torch.zeros(2, size, size, 3, dtype=torch.uint8)
    cells = torch.export.Dim("cells", min=1)
    with torch.no_grad():
        program = torch.export.export(model, (example,), dynamic_shapes=({0: cells},))
    with whole_file(file) as unfinished, unfinished.open("wb") as opened:
        torch.export.save(program, opened)
    with whole_file(file.with_suffix(".safetensors")) as unfinished:
        save_file({name: value.contiguous() for name, value in model.state_dict().items()}, unfinished)


def open_program(file: Path) -> Runner:
    """A program that ``save_program`` wrote."""
    module = torch.export.load(file).module()

    def run(cells: NDArray[np.uint8]) -> NDArray[np.float32]:
        with torch.no_grad():
            return np.asarray(module(torch.from_numpy(cells)).numpy(), np.float32)

    return run
