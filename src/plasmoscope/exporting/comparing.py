"""Two forms of one network side by side: what they say of cells, and how fast."""

import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from plasmoscope.classification.classifier import Classifier
from plasmoscope.classification.odds import probability_of
from plasmoscope.exporting.running import BATCH, Cells, Runner, in_batches

# Each form has so many turns, and its best counts; a turn is so many cells.
_TURNS = 7
_CELLS_A_TURN = 96


def probabilities(run: Runner, model: Classifier, cells: Cells) -> NDArray[np.float64]:
    """Calibrated P(parasitized) of prepared cells, (n, size, size, 3), in one view; shape (n,).

    Args:
        run: a form of the model.
        model: tells what its logits mean.
        cells: of any number.
    """
    odds = model.uncalibrated_log_odds(in_batches(run, cells)).astype(np.float64)
    return np.asarray(probability_of(odds / model.card.calibration.temperature))


def cells_per_second(runners: Sequence[Runner], cells: Cells) -> list[float]:
    """Cells a second of processor time of each, in turns, so that a busy machine slows all of them."""
    some = np.ascontiguousarray(cells[np.arange(_CELLS_A_TURN) % len(cells)])
    batches = [some[start : start + BATCH] for start in range(0, len(some), BATCH)]
    best = [0.0] * len(runners)
    for _ in range(_TURNS):
        for index, run in enumerate(runners):
            run(batches[0])
            started = time.process_time()
            for batch in batches:
                run(batch)
            best[index] = max(best[index], len(some) / max(time.process_time() - started, 1e-9))
    return best
