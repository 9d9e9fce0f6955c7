"""Cells a second of `Classifier.predict`, beside the published usage snippet and beside smaller and int8 networks.

    python benchmarks/throughput.py --data cell_images.zip

All contestants take turns on the same decoded crops in one process with the same number of threads, and the median
of the turns counts. Accuracy is measured on the validation part of the seed42 split, never on its test part.
"""

# First, for it tells ONNX Runtime not to report to its makers.
from plasmoscope import Classifier

# isort: split
import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import onnx
import torch
import torchvision
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from PIL import Image
from torchvision import transforms

from plasmoscope.classification.classifier import find_model
from plasmoscope.data.nih import load_nih
from plasmoscope.data.splits import make_split
from plasmoscope.imaging.cells import read_cell, resize_cell

Crops = Sequence[NDArray[np.uint8]]
PUBLISHED_ACCURACY = 0.9768


def published_snippet(crops: Crops) -> None:
    """What the published model card shows: torchvision MobileNetV2 at 224 px, one picture at a time."""
    prepare = transforms.Compose(
        [
            transforms.Resize((224, 224)),
            transforms.ToTensor(),
            transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ]
    )
    with torch.no_grad():
        for crop in crops:
            SNIPPET_MODEL(prepare(Image.fromarray(crop)).unsqueeze(0)).softmax(dim=1)


# The weights do not change the speed.
SNIPPET_MODEL = torchvision.models.mobilenet_v2(num_classes=2).eval()


class Calibration(CalibrationDataReader):  # type: ignore[misc]
    """Prepared training cells for the ranges of int8 activations."""

    def __init__(self, cells: NDArray[np.uint8]) -> None:
        self.batches = iter([{"pixels": cells[start : start + 32]} for start in range(0, len(cells), 32)])

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        """The next batch, or None."""
        return next(self.batches, None)


def resized_network(size: int) -> bytes:
    """The shipped network for another input size: it is fully convolutional up to its global average."""
    graph = onnx.load(find_model(None))
    shape = graph.graph.input[0].type.tensor_type.shape
    shape.dim[1].dim_value = shape.dim[2].dim_value = size
    del graph.graph.value_info[:]
    return bytes(graph.SerializeToString())


def int8_network(network: bytes, cells: NDArray[np.uint8], folder: Path) -> bytes:
    """The network with int8 weights and activations, ranges taken from training cells."""
    source, prepared, result = (folder / name for name in ("source.onnx", "prepared.onnx", "int8.onnx"))
    source.write_bytes(network)
    quant_pre_process(source, prepared, skip_symbolic_shape=True)
    quantize_static(
        prepared,
        result,
        Calibration(cells),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )
    return result.read_bytes()


def variant(network: bytes, size: int, threads: int) -> Classifier:
    """A classifier around another network, with the shipped card at that size."""
    card = Classifier.load().card
    preprocessing = card.preprocessing.model_copy(update={"image_size": size})
    return Classifier(network, card.model_copy(update={"preprocessing": preprocessing}), threads)


def race(contestants: dict[str, Callable[[], object]], cells: int, turns: int) -> dict[str, float]:
    """Cells a second of each, by the median of alternating turns."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(turns + 1):
        for name, work in contestants.items():
            start = time.perf_counter()
            work()
            # The first turn warms up.
            if turn:
                seconds[name].append(time.perf_counter() - start)
    return {name: cells / statistics.median(times) for name, times in seconds.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder or zip in the NIH layout")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cells", type=int, default=512, help="crops in each turn")
    parser.add_argument("--turns", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(options.threads)

    dataset = load_nih(options.data)
    split = make_split("seed42", dataset)
    validation = split.part("validation")
    crops = [read_cell(dataset.cells[i].source.read()) for i in validation]
    truth = dataset.labels[validation] == 0
    training = [read_cell(dataset.cells[i].source.read()) for i in split.part("train")[::64]]

    shipped = Classifier.load(threads=options.threads)
    size = shipped.image_size
    classifiers = {f"Plasmoscope, {size} px fp32 (ships)": shipped}
    with tempfile.TemporaryDirectory() as folder:
        for smaller in (size, 80, 64, 48):
            network = resized_network(smaller)
            if smaller != size:
                classifiers[f"{smaller} px fp32"] = variant(network, smaller, options.threads)
            prepared = np.stack([resize_cell(crop, smaller) for crop in training])
            int8 = int8_network(network, prepared, Path(folder))
            classifiers[f"{smaller} px int8"] = variant(int8, smaller, options.threads)

    sample = crops[: options.cells]
    contestants: dict[str, Callable[[], object]] = {"published snippet, 224 px": lambda: published_snippet(sample)}
    contestants |= {name: partial(c.predict, sample) for name, c in classifiers.items()}
    rates = race(contestants, len(sample), options.turns)
    accuracy = {name: float(np.mean((c.predict(crops) >= 0.5) == truth)) for name, c in classifiers.items()}
    baseline = rates["published snippet, 224 px"]
    print(f"{options.threads} threads, {len(sample)} decoded crops a turn, median of {options.turns} turns")
    print(f"{'':38}{'cells/s':>10}{'x snippet':>11}{'accuracy':>10}")
    print(f"{'published snippet, 224 px':38}{baseline:10.0f}{1:11.1f}{PUBLISHED_ACCURACY:10.2%} (as published, test)")
    for name in classifiers:
        print(f"{name:38}{rates[name]:10.0f}{rates[name] / baseline:11.1f}{accuracy[name]:10.2%} (validation, at 0.5)")


if __name__ == "__main__":
    main()
