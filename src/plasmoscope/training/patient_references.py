"""References of NIH patients, measured on their cells alone: the cells' rims show what lies between them."""

from collections import defaultdict
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from plasmoscope.imaging.reference import Reference, colour_of

_BLACK = 25
# Of a side: the outermost part is mixed with the black surround, the next one shows some background.
_MIXED, _RIM = 1 / 96, 4 / 96
# More cells of a patient change no median.
_ENOUGH = 60


def patient_references(pixels: NDArray[np.uint8], patients: Sequence[str]) -> dict[str, Reference]:
    """The background and the median cell of each patient.

    Some cells are cut so tightly that no background is left beside them; others of the same patient are not.

    Args:
        pixels: cells on black, RGB, shape (n, size, size, 3).
        patients: of each, length n.
    """
    rims: dict[str, list[NDArray[np.float64]]] = defaultdict(list)
    colours: dict[str, list[NDArray[np.float64]]] = defaultdict(list)
    mixed, rim_width = (_square(max(1, round(share * pixels.shape[1]))) for share in (_MIXED, _RIM))
    for cell, patient in zip(pixels, patients, strict=True):
        if len(rims[patient]) == _ENOUGH:
            continue
        lit = (cell.max(axis=2) > _BLACK).astype(np.uint8)
        rim = (cv2.erode(lit, mixed, borderValue=0) > 0) & (cv2.erode(lit, rim_width, borderValue=0) == 0)
        colour = colour_of(cell)
        if colour is not None and rim.any():
            rims[patient].append(np.percentile(cell[rim], 95, axis=0))
            colours[patient].append(colour)
    return {
        patient: Reference(
            _colour(np.percentile(rims[patient], 75, axis=0)), _colour(np.median(colours[patient], axis=0))
        )
        for patient in colours
    }


def _square(reach: int) -> NDArray[np.uint8]:
    return np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)


def _colour(values: NDArray[np.float64]) -> tuple[float, float, float]:
    red, green, blue = np.maximum(values, 1).tolist()
    return red, green, blue
