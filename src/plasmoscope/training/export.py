"""From trained weights to the format that ships: an ONNX graph that takes raw pixels."""

import logging
import warnings

import onnx
import torch
from torch import Tensor, nn

from plasmoscope.classification.card import Preprocessing

_OPSET = 18


class FromPixels(nn.Module):
    """A network with its normalisation in front: uint8 RGB (n, size, size, 3) to one or two logits (n, 1 or 2)."""

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


def export_network(model: nn.Module, preprocessing: Preprocessing) -> bytes:
    """The ONNX graph of a trained model: any number of cells, at the one size it was trained for."""
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
            output_names=["logits"],
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
