"""From trained weights to the format that ships: an ONNX graph that takes raw pixels."""

import copy
import logging
import warnings

import onnx
import torch
from torch import Tensor, nn

from plasmoscope.classification.card import Preprocessing
from plasmoscope.classification.classifier import OUTPUTS

_OPSET = 18


class FromPixels(nn.Module):
    """A network with its normalisation in front: uint8 RGB (n, size, size, 3) to logits (n, classes) and features.

    Features are what the network's last linear layer takes, (n, d): the pooled features of a cell, from which
    ``plasmoscope adapt`` fits another laboratory's head. A network that ends in no such layer has none.
    """

    def __init__(self, model: nn.Module, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.body, self.head = _without_last_layer(model, preprocessing.image_size)
        self.register_buffer("scale", 1 / (255 * torch.tensor(preprocessing.std)[:, None, None]))
        self.register_buffer("mean", 255 * torch.tensor(preprocessing.mean)[:, None, None])

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        """Logits of a batch, and the features if the network has any."""
        images = (pixels.permute(0, 3, 1, 2).float() - self.mean) * self.scale  # type: ignore[operator]
        features: Tensor = self.body(images)
        return (features,) if self.head is None else (self.head(features), features)


def _without_last_layer(model: nn.Module, image_size: int) -> tuple[nn.Module, nn.Linear | None]:
    """A network without the linear layer that ends it, and that layer; the network itself, and None, if none does.

    The network given stays whole: modules on the way to the layer are copied, and all share their weights.
    """
    linear = [(name, layer) for name, layer in model.named_modules() if isinstance(layer, nn.Linear)]
    if not linear:
        return model, None
    path, head = linear[-1]
    made: list[Tensor] = []
    watch = head.register_forward_hook(lambda layer, taken, given: made.append(given))
    model.eval()
    with torch.no_grad():
        logits = model(torch.rand(1, 3, image_size, image_size, device=head.weight.device))
    watch.remove()
    return (_with_nothing_at(model, path), head) if made and torch.equal(made[-1], logits) else (model, None)


def _with_nothing_at(module: nn.Module, path: str) -> nn.Module:
    """A copy of a module with nothing in place of the part at a dotted path."""
    if not path:
        return nn.Identity()
    name, _, rest = path.partition(".")
    copied = copy.copy(module)
    # A copied module still shares its dictionary of parts.
    copied._modules = {**module._modules, name: _with_nothing_at(module.get_submodule(name), rest)}
    return copied


def export_network(model: nn.Module, preprocessing: Preprocessing) -> bytes:
    """The ONNX graph of a trained model: any number of cells, at the one size it was trained for.

    Its outputs are ``logits`` and, where the network ends in a linear layer, ``features`` (see ``FromPixels``).
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
            output_names=list(OUTPUTS[: 1 if network.head is None else 2]),
            dynamic_shapes=({0: torch.export.Dim("cells")},),
            opset_version=_OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    return bytes(without_origins(program.model_proto).SerializeToString())


def without_origins(graph: onnx.ModelProto) -> onnx.ModelProto:
    """The graph without what the exporter notes of each node: lines of source code, and where they lie on this disk."""
    del graph.metadata_props[:]
    for part in (graph.graph, *graph.functions):
        del part.metadata_props[:]
        for noted in (*part.node, *part.value_info):
            del noted.metadata_props[:]
            noted.doc_string = ""
    return graph
