"""Patient folds without a network: features of a cell's colour made by hand, and boosted trees for each fold.

Every cell is judged by trees that never saw its patient; temperature and thresholds are set on the fold's validation
part, as for a network. It is a baseline in the manner of the programs before neural networks, and within minutes gives
cells of unseen patients for `plasmoscope recompute` and `python benchmarks/coverage.py --cells`.

python benchmarks/handmade_features.py --data cell_images.zip --output handmade-cells
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

from plasmoscope.caches import open_cache
from plasmoscope.data.cache import decoded_cells
from plasmoscope.data.nih import load_nih
from plasmoscope.data.splits import PATIENT_FOLDS, make_split
from plasmoscope.evaluation.published import PublishedCells, write_published
from plasmoscope.labels import PARASITIZED
from plasmoscope.training.calibration import COUNTING, accuracy_threshold, fit_temperature, operating_point

_DECODED, _SIZE = 96, 48
# Darker than this is the black around a cell.
_SURROUND = 25
_FEWEST_PIXELS = 50
# Standard deviations in pixels of the blur under which a cell is looked at, besides none.
_BLURS = (1.2, 2.5)


def main() -> None:
    """Make the features, fit trees for five folds, write a table for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--cache", type=Path, help="folder of decoded cells and features")
    arguments = parser.parse_args()
    dataset, cache = load_nih(arguments.data), open_cache(arguments.cache)
    file = cache / f"handmade-features-{dataset.fingerprint[:16]}.npy"
    if not file.exists():
        np.save(file, np.array([features(cell) for cell in decoded_cells(dataset, _DECODED, cache)], np.float32))
    seen = beside_their_patients(np.load(file), np.array(dataset.patients))
    parasitized = dataset.labels == PARASITIZED
    arguments.output.mkdir(parents=True, exist_ok=True)
    for fold in range(PATIENT_FOLDS):
        split = make_split(f"patient-{fold}", dataset)
        trees = HistGradientBoostingClassifier(max_iter=100, max_leaf_nodes=15, l2_regularization=1.0, random_state=0)
        trees.fit(seen[split.train], parasitized[split.train])
        validation, test = split.part("validation"), split.part("test")
        temperature = fit_temperature(odds_of(trees, seen[validation]), parasitized[validation])
        chosen, judged = (probabilities(odds_of(trees, seen[part]) / temperature) for part in (validation, test))
        truth = parasitized[validation]
        counting = operating_point(COUNTING, chosen.astype(np.float32), truth, (), views=1)
        cells = PublishedCells(
            names=tuple(dataset.names[member] for member in test),
            parasitized=parasitized[test],
            probabilities=judged,
            thresholds=np.full(len(test), accuracy_threshold(chosen[None].astype(np.float32), truth)),
            counting_thresholds=np.full(len(test), counting.threshold),
        )
        write_published(arguments.output / f"handmade_features-patient-{fold}-seed0-test-1-view.csv.gz", cells)
        right = np.mean((judged >= cells.thresholds) == cells.parasitized)
        print(f"fold {fold}: accuracy {right:.2%}, AUC {roc_auc_score(cells.parasitized, judged):.4f}", flush=True)


def odds_of(trees: HistGradientBoostingClassifier, cells: NDArray[np.float32]) -> NDArray[np.float32]:
    """Log-odds of being parasitized, shape (n,)."""
    return np.asarray(trees.decision_function(cells), np.float32)


def probabilities(odds: NDArray[np.float32]) -> NDArray[np.float64]:
    """From log-odds."""
    return 1 / (1 + np.exp(-odds.astype(np.float64)))


def beside_their_patients(cells: NDArray[np.float32], patients: NDArray[np.str_]) -> NDArray[np.float32]:
    """Features, shape (n, 171), and how far each lies from the median of its patient's cells: (n, 342)."""
    distances = cells.copy()
    for patient in np.unique(patients):
        distances[patients == patient] -= np.median(cells[patients == patient], axis=0)
    return np.concatenate([cells, distances], axis=1)


def features(cell: NDArray[np.uint8]) -> list[float]:
    """What a cell absorbs in each colour: its median, and the ranks of what lies above and below, also under blur."""
    small = cv2.resize(cell, (_SIZE, _SIZE), interpolation=cv2.INTER_AREA).astype(np.float32)
    inside = cv2.erode((small.min(2) > _SURROUND).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    if inside.sum() < _FEWEST_PIXELS:
        inside = small.sum(2) > 0
    absorbed = -np.log((small + 2) / 257)
    red, green, blue = absorbed[..., 0], absorbed[..., 1], absorbed[..., 2]
    channels = (red, green, blue, red - green, blue - green)
    medians = [np.median(channel[inside]) for channel in channels]
    weight = inside.astype(np.float32)
    found = list(medians)
    for blur in (None, *_BLURS):
        for channel, median in zip(channels, medians, strict=True):
            above = (channel - median) * weight
            if blur:
                within = np.maximum(cv2.GaussianBlur(weight, (0, 0), blur), 0.3)
                above = cv2.GaussianBlur(above, (0, 0), blur) / within
            ranked = np.sort(above[inside])
            number = len(ranked)
            low = [0, number // 100, number // 20, number // 4]
            high = [3 * number // 4, *(number - 1 - number // part for part in (20, 50, 100, 200)), number - 1]
            found += [*ranked[low + high], ranked.std()]
    return [*map(float, found), float(inside.mean())]


if __name__ == "__main__":
    main()
