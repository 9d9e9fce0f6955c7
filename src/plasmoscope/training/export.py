"""From trained weights to the format that ships: an ONNX graph that takes raw pixels."""

import logging
import warnings
from collections.abc import Callable
from functools import partial

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from torch import Tensor, nn

from plasmoscope.classification.card import Preprocessing
from plasmoscope.classification.classifier import OUTPUTS

# Version of ONNX's operators. Set by hand.
_OPSET = 18
_SHRUNK = 16
# Of the largest variance, added to each.
_LEAST_VARIANCE = 1e-3


class FromPixels(nn.Module):
    """A network with its normalisation in front: uint8 RGB (n, size, size, 3) to logits (n, classes) and features.

    Features, (n, d), are the means over each map of the first stage that sees the picture at a sixteenth of its side.
    A small head for another laboratory's stain can be fitted to them: what lies farther on has been shaped for the
    stain that the network learnt from, and tells little else.
    """

    def __init__(self, model: nn.Module, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.model = model
        self.stage = _middle_stage(model, preprocessing.image_size)
        """Its name in the network; None in one that has no such stage, and so no features."""
        self.register_buffer("scale", 1 / (255 * torch.tensor(preprocessing.std)[:, None, None]))
        self.register_buffer("mean", 255 * torch.tensor(preprocessing.mean)[:, None, None])

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        """Logits of a batch, and the features if the network has any."""
        images = (pixels.permute(0, 3, 1, 2).float() - self.mean) * self.scale  # type: ignore[operator]
        if self.stage is None:
            return (self.model(images),)
        maps: list[Tensor] = []
        watch = self.model.get_submodule(self.stage).register_forward_hook(lambda *given: maps.append(given[-1]))
        logits: Tensor = self.model(images)
        watch.remove()
        return logits, maps[0].mean(dim=(2, 3))


def _pass_output(note: Callable[[str, object], None], name: str, *given: object) -> None:
    """A hook that passes on a module's name and output."""
    note(name, given[-1])


def _middle_stage(model: nn.Module, image_size: int) -> str | None:
    """The first, outermost module that gives maps of a sixteenth of the picture's side, by name; None if none does."""
    found: list[str] = []

    def note(name: str, given: object) -> None:
        if isinstance(given, Tensor) and given.ndim == 4 and given.shape[2] == -(-image_size // _SHRUNK):
            found.append(name)

    watches = [
        module.register_forward_hook(partial(_pass_output, note, name))
        for name, module in model.named_modules()
        if name
    ]
    parameter = next(model.parameters())
    model.eval()
    with torch.no_grad():
        model(torch.zeros(1, 3, image_size, image_size, device=parameter.device, dtype=parameter.dtype))
    for watch in watches:
        watch.remove()
    # The first of those at the same depth: sorting keeps their order.
    return min(found, key=lambda name: name.count("."), default=None)


def export_network(model: nn.Module, preprocessing: Preprocessing) -> bytes:
    """The ONNX graph of a trained model: any number of cells, at the one size it was trained for.

    Its outputs are ``logits`` and, where the network has a middle stage, ``features`` (see ``FromPixels``).
    """
    network = FromPixels(model, preprocessing).eval().cpu().float()
    size = preprocessing.image_size
    example = torch.zeros(2, size, size, 3, dtype=torch.uint8)
    # The exporter reports every optional conversion that it could not make.
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            network,
            (example,),
            input_names=["pixels"],
            output_names=list(OUTPUTS[: 1 if network.stage is None else 2]),
            dynamic_shapes=({0: torch.export.Dim("cells")},),
            opset_version=_OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    return bytes(without_origins(program.model_proto).SerializeToString())


def with_strangeness(network: bytes, features: NDArray[np.float32]) -> bytes:
    """A graph with one more output, ``strangeness``: the logarithm of the squared Mahalanobis distance from red cells.

    Args:
        network: that ``export_network`` made, with features.
        features: of red cells, shape (n, d).
    """
    graph = onnx.load_model_from_string(network)
    offsets = (features - features.mean(axis=0)).astype(np.float64)
    variances, directions = np.linalg.eigh(offsets.T @ offsets / len(offsets))
    # Directions in which hardly any two red cells differ are not blown up.
    whitening = directions / np.sqrt(variances + _LEAST_VARIANCE * max(float(variances.max()), 1e-12))
    constants = {
        "strangeness_mean": features.mean(axis=0),
        "strangeness_whitening": whitening,
        "strangeness_axis": np.array([1], np.int64),
    }
    graph.graph.initializer.extend(
        numpy_helper.from_array(value if name.endswith("axis") else value.astype(np.float32), name)
        for name, value in constants.items()
    )
    mean, whiten, axis = constants
    graph.graph.node.extend(
        [
            helper.make_node("Sub", [OUTPUTS[1], mean], ["strangeness_offset"]),
            helper.make_node("MatMul", ["strangeness_offset", whiten], ["strangeness_white"]),
            helper.make_node("ReduceSumSquare", ["strangeness_white", axis], ["strangeness_square"], keepdims=0),
            helper.make_node("Log", ["strangeness_square"], [OUTPUTS[2]]),
        ]
    )
    graph.graph.output.append(helper.make_tensor_value_info(OUTPUTS[2], onnx.TensorProto.FLOAT, ["cells"]))
    return bytes(graph.SerializeToString())


def without_origins(graph: onnx.ModelProto) -> onnx.ModelProto:
    """The graph without what the exporter notes of each node: lines of source code, and where they lie on this disk."""
    del graph.metadata_props[:]
    for part in (graph.graph, *graph.functions):
        del part.metadata_props[:]
        for noted in (*part.node, *part.value_info):
            del noted.metadata_props[:]
            noted.doc_string = ""
    return graph
