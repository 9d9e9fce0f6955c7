"""A network of three logits that tells cells by their colour, and fields with cells of which it is silent."""

from dataclasses import replace

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from plasmoscope.analysis.results import Field
from plasmoscope.classification.card import Calibration, ModelCard, Preprocessing, Silence, TrainingData
from plasmoscope.classification.classifier import Classifier

SIZE = 16
# The more red a picture, the likelier a parasite; green: uninfected; blue: no cell.
_SHARP = 8.0


def colour_network(logits: int = 3, features: bool = False) -> bytes:
    """From uint8 RGB (n, 16, 16, 3) to as many logits, its mean red, green and blue, 0 to 8; or features, 0 to 255."""
    weights = (np.eye(3, dtype=np.float32) * _SHARP / 255)[:, :logits]
    nodes = [
        helper.make_node("Cast", ["cells"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["numbers", "places"], ["colours"], keepdims=0),
        helper.make_node("MatMul", ["colours", "weights"], ["logits"]),
        helper.make_node("Identity", ["colours"], ["features"]),
    ]
    graph = helper.make_graph(
        nodes,
        "colours",
        [helper.make_tensor_value_info("cells", TensorProto.UINT8, ["n", SIZE, SIZE, 3])],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", width])
            for name, width in [("logits", logits), ("features", 3)][: 1 + features]
        ],
        [
            numpy_helper.from_array(np.array([1, 2], np.int64), "places"),
            numpy_helper.from_array(weights, "weights"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    return bytes(model.SerializeToString())


def colour_card(network: bytes, silence: float | None, temperature: float = 1.0) -> ModelCard:
    """Its card; nothing is ever silent where no threshold is given."""
    return ModelCard.of(
        network,
        name="colours",
        recipe="none",
        architecture="colours",
        preprocessing=Preprocessing(image_size=SIZE, mean=(0, 0, 0), std=(1, 1, 1)),
        calibration=Calibration(temperature=temperature),
        data=TrainingData(dataset="none", split="unknown"),
        silence=None if silence is None else Silence(threshold=silence, silent_share=0.004, measured_on="none"),
    )


def colour_classifier(silence: float | None = 0.5, logits: int = 3, temperature: float = 1.0) -> Classifier:
    """Calls red pictures parasitized, green ones uninfected, and is silent of blue ones."""
    network = colour_network(logits)
    return Classifier(network, colour_card(network, silence, temperature), threads=1)


def plain(red: int, green: int, blue: int) -> np.ndarray:
    """A picture of one colour."""
    return np.full((20, 20, 3), (red, green, blue), np.uint8)


def not_told(field: Field, *numbers: int) -> Field:
    """The same field as a network would have left it that is silent of some of its whole cells."""
    cells = [
        replace(cell, kind="not_a_cell", parasitized=None, not_a_cell_probability=0.93)
        if cell.number in numbers
        else cell
        for cell in field.cells
    ]
    return field.model_copy(update={"cells": tuple(cells)})
