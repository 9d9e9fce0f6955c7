"""Test-time augmentation: the same cell seen several ways, since a cell has no up."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Batch = NDArray[np.uint8]

# On batches of shape (n, size, size, 3). The five are those of the published MobileNetV2 figure; the eight are all
# symmetries of the square.
_IDENTITY: Callable[[Batch], Batch] = lambda x: x  # noqa: E731
_FIVE: tuple[Callable[[Batch], Batch], ...] = (
    _IDENTITY,
    lambda x: x[:, :, ::-1],
    lambda x: x[:, ::-1],
    lambda x: x[:, ::-1, ::-1],
    lambda x: np.rot90(x, 1, (1, 2)),
)
_EIGHT = (
    *_FIVE,
    lambda x: np.rot90(x, 3, (1, 2)),
    lambda x: np.swapaxes(x, 1, 2),
    lambda x: np.rot90(x, 2, (1, 2)).swapaxes(1, 2),
)

VIEWS: dict[int, tuple[Callable[[Batch], Batch], ...]] = {1: (_IDENTITY,), 5: _FIVE, 8: _EIGHT}
