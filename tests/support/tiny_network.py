"""A network that sees nothing but a cell's mean colour, so that what a profile changes can be foretold."""

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from plasmoscope.classification.card import Calibration, ModelCard, Preprocessing
from plasmoscope.classification.classifier import Classifier
from plasmoscope.classification.familiar import keep_familiar
from plasmoscope.networks import save_network

SIDE = 16


def tiny_classifier(classifier: Classifier, folder: Path, features: bool = True, familiar: bool = True) -> Classifier:
    """Calls red cells parasitized, as the familiar cells are; written to ``folder`` as ``model.onnx``.

    Args:
        classifier: another, whose card says the rest.
        features: give the mean colour, too.
        familiar: keep familiar cells beside it.
    """
    network = _graph(features)
    fields = classifier.card.model_dump(exclude={"created", "plasmoscope", "sha256", "evaluations"})
    preprocessing = Preprocessing(image_size=SIDE, mean=(0, 0, 0), std=(1, 1, 1))
    card = ModelCard.of(
        network, **fields | {"name": "tiny", "preprocessing": preprocessing, "calibration": Calibration()}
    )
    save_network(folder / "model.onnx", network, card)
    made = Classifier.load(folder / "model.onnx", threads=1)
    if familiar:
        cells, infected = coloured_cells(300, 0, seed=1)
        keep_familiar(made, np.stack([made.prepare(cell) for cell in cells]), infected, folder / "model.onnx")
    return made


def coloured_cells(
    number: int, channel: int, seed: int = 0, apart: float = 20
) -> tuple[list[NDArray[np.uint8]], NDArray[np.bool_]]:
    """Cells, every second one infected, which shows in one channel alone; the others tell nothing.

    Args:
        apart: how much each kind is brighter or darker in that channel than the mean.
    """
    chance = np.random.default_rng(seed)
    infected = np.arange(number) % 2 == 0
    colours = chance.uniform(100, 140, (number, 3))
    colours[:, channel] += np.where(infected, apart, -apart) + chance.normal(0, 8, number)
    return [np.full((SIDE, SIDE, 3), colour, np.uint8) for colour in colours], infected


def _graph(features: bool) -> bytes:
    weights = np.zeros((3, 2), np.float32)
    # As sure as the familiar cells let it be.
    weights[0] = (26, -26)
    tensors = {"axes": np.array([1, 2]), "scale": np.float32(255), "weights": weights, "bias": -weights[0] * 0.47}
    nodes = [
        helper.make_node("Cast", ["pixels"], ["colours"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["colours", "axes"], ["means"], keepdims=0),
        helper.make_node("Div", ["means", "scale"], ["features"]),
        helper.make_node("Gemm", ["features", "weights", "bias"], ["logits"]),
    ]
    names = ("logits", "features") if features else ("logits",)
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["cells", SIDE, SIDE, 3])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["cells", None]) for name in names],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in tensors.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
