"""How fast models answer, measured side by side."""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from plasmoscope.classification.classifier import Classifier

# The best of so many rounds counts, each of so many seconds: others use the machine as well.
_ROUNDS = 3
_SECONDS = 0.7


def images_per_second(models: Sequence[Path], threads: int | None = None) -> list[float]:
    """Cells a second of each model without test-time augmentation, resizing included.

    Models take turns, so that a machine that slows down slows all of them; the best round counts.

    Args:
        models: ONNX files with their cards.
        threads: processor threads; as many as ``usable_threads`` if None.
    """
    rng = np.random.default_rng(0)
    # On black, as cells are.
    margin = ((10, 10), (10, 10), (0, 0))
    cells = [np.pad(rng.integers(0, 256, (110, 110, 3), dtype=np.uint8), margin) for _ in range(64)]
    classifiers = [Classifier.load(model, threads) for model in models]
    best = [0.0] * len(models)
    for _ in range(_ROUNDS):
        for index, classifier in enumerate(classifiers):
            classifier.predict(cells[:8])
            started, done = time.perf_counter(), 0
            while time.perf_counter() - started < _SECONDS:
                classifier.predict(cells)
                done += len(cells)
            best[index] = max(best[index], done / (time.perf_counter() - started))
    return best
