"""Every form of the models side by side: cells a second of processor time, size, and accuracy on validation cells.

    python benchmarks/devices.py --data cell_images.zip

One run on one thread: all contestants take turns on the same decoded crops, from pictures to probabilities, and the
best turn of each counts. Accuracy is that of the validation part of the seed42 split, in one view, at the card's
threshold.
"""

# First, for it tells ONNX Runtime not to report to its makers.
from plasmoscope import Classifier

# isort: split
import argparse
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from plasmoscope.classification.card import ModelCard, Preprocessing, TrainingData
from plasmoscope.classification.classifier import find_model
from plasmoscope.data.loading import load_cells
from plasmoscope.data.splits import make_split
from plasmoscope.exporting.comparing import probabilities
from plasmoscope.exporting.export import TARGETS, export_model
from plasmoscope.exporting.openvino_ir import open_openvino
from plasmoscope.extras import has_extra
from plasmoscope.imaging.cells import read_cell
from plasmoscope.networks import card_path, read_card
from plasmoscope.training.export import export_network
from plasmoscope.training.models import build_model
from throughput import published_snippet

Crops = Sequence[NDArray[np.uint8]]
FORMS = ("onnx-static", "int8", "openvino-int8")
# Of the published snippet; five views of each cell.
PUBLISHED_VIEWS = 5
PUBLISHED = "97.97 % (as published, test)"
MEGABYTE = 1_000_000  # bytes


@dataclass(frozen=True)
class Contestant:
    """A model in some form."""

    call: Callable[[Crops], object]
    megabytes: float | None
    accuracy: str


def small_network(size: int) -> Classifier:
    """A CNN of the kind and size of the NLM's application for telephones, untrained, for its speed alone."""
    preprocessing = Preprocessing(image_size=size, mean=(0, 0, 0), std=(1, 1, 1))
    network = export_network(build_model("basic_cnn", size), preprocessing)
    card = ModelCard.of(
        network,
        name="small",
        architecture="basic_cnn",
        recipe="none",
        preprocessing=preprocessing,
        data=TrainingData(dataset="none", split="none"),
    )
    return Classifier(network, card, threads=1)


def five_views(crops: Crops) -> None:
    """The published snippet with its five views."""
    for _ in range(PUBLISHED_VIEWS):
        published_snippet(crops)


def race(contestants: dict[str, Contestant], crops: Crops, turns: int) -> dict[str, float]:
    """Cells a second of processor time of each, in its best turn."""
    best = dict.fromkeys(contestants, 0.0)
    for _ in range(turns):
        for name, contestant in contestants.items():
            # The published snippet takes a thousand times as long as the fastest.
            some = crops[:8] if contestant.call is five_views else crops
            started = time.process_time()
            contestant.call(some)
            best[name] = max(best[name], len(some) / (time.process_time() - started))
    return best


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder or zip in the NIH layout")
    parser.add_argument("--cache", type=Path, help="folder of decoded cells, if there is one")
    parser.add_argument("--exports", type=Path, help="folder that keeps the other forms for the next run")
    parser.add_argument("--cells", type=int, default=256, help="crops in each turn")
    parser.add_argument("--turns", type=int, default=7)
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    warnings.simplefilter("ignore")

    dataset = load_cells(options.data)
    validation = make_split("seed42", dataset).part("validation")
    crops = [read_cell(dataset.cells[i].source.read()) for i in validation]
    truth = dataset.infected[validation]

    def accuracy(called: NDArray[np.bool_]) -> str:
        return f"{np.mean(called == truth):.2%} (validation)"

    contestants: dict[str, Contestant] = {}
    for name in ("mobilenet_v2_96", "fast", "cascade"):
        classifier = Classifier.load(name, threads=1)
        networks = ("fast", "mobilenet_v2_96") if name == "cascade" else (name,)
        size = sum(find_model(one).stat().st_size for one in networks) / MEGABYTE
        said = accuracy(classifier.predict(crops) >= classifier.threshold)
        contestants[name] = Contestant(classifier.predict, size, said)
    with tempfile.TemporaryDirectory() as folder:
        cache = options.cache or Path(folder)
        shipped = Classifier.load(threads=1)
        for form in FORMS:
            target = TARGETS[form]
            if not has_extra(target.extra):
                continue
            file = (options.exports or Path(folder)) / f"{form}{target.suffix}"
            if not file.exists():
                export_model(None, form, file, dataset, cache)
            told = read_card(card_path(file), ModelCard).export
            assert told is not None
            if form.startswith("openvino"):
                run = open_openvino(file, 1)

                def call(cells: Crops, run: Callable[..., NDArray[np.float32]] = run) -> object:
                    return probabilities(run, shipped, shipped.prepare_batch(cells))
            else:
                call = Classifier.load(file, threads=1).predict  # type: ignore[assignment]
            contestants[form] = Contestant(call, told.megabytes, f"{told.accuracy:.2%} (validation)")
        nlm = small_network(44)
        contestants["NLM-style CNN, 44 px"] = Contestant(nlm.predict, None, "not trained here")
        contestants["published snippet, 224 px, 5 views"] = Contestant(five_views, None, PUBLISHED)
        # Of both classes: how many cells a cascade leaves in doubt decides its speed.
        rates = race(contestants, crops[:: -(-len(crops) // options.cells)], options.turns)
    first = rates["mobilenet_v2_96"]
    print(f"one thread, {options.cells} decoded crops a turn, best of {options.turns}; {len(crops):,} validation cells")
    print(f"{'':36}{'cells/s of processor':>22}{'x shipped':>11}{'MB':>8}  accuracy")
    for name, one in contestants.items():
        size_told = f"{one.megabytes:.2f}" if one.megabytes else "-"
        print(f"{name:36}{rates[name]:22.0f}{rates[name] / first:11.2f}{size_told:>8}  {one.accuracy}")


if __name__ == "__main__":
    main()
