"""The same place photographed twice, told by a fingerprint of its brightness pattern."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

_SIDE = 32
# Correlation of two fingerprints of one place taken again, saved smaller, or compressed harder.
_SAME = 0.95


def fingerprint(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Pattern of a picture, shape (32 x 32,), with mean 0 and length 1; zeros for a picture of one colour.

    Args:
        image: RGB, shape (h, w, 3).
    """
    small = cv2.resize(image[:, :, 1], (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32).ravel()
    # Slow shading is alike in all pictures of one microscope.
    small -= cv2.GaussianBlur(small.reshape(_SIDE, _SIDE), (0, 0), 4).ravel()
    small -= small.mean()
    length = float(np.linalg.norm(small))
    return small / length if length > 1e-6 else np.zeros_like(small)


def find_same(candidate: NDArray[np.float32], earlier: Sequence[NDArray[np.float32]]) -> int | None:
    """Index of the earlier fingerprint that shows the same place, or None."""
    if not earlier or not candidate.any():
        return None
    likeness = np.stack(earlier) @ candidate
    best = int(likeness.argmax())
    return best if likeness[best] > _SAME else None
