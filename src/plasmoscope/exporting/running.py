"""Networks of any form, to be run on prepared cells."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Cells = NDArray[np.uint8]
"""Prepared: RGB, shape (n, size, size, 3)."""
Runner = Callable[[Cells], NDArray[np.float32]]
"""Prepared cells to logits, (n, classes)."""
# As many cells at a time as the classifier gives a network.
BATCH = 32


def in_batches(run: Runner, cells: Cells) -> NDArray[np.float32]:
    """Logits of any number of cells."""
    parts = [cells[start : start + BATCH] for start in range(0, len(cells), BATCH)]
    return np.concatenate([run(np.ascontiguousarray(part)) for part in parts])
