"""References of NIH patients, measured on their cells alone: the cells' rims show what lies between them."""

from collections import defaultdict
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from plasmoscope.imaging.cells import lit
from plasmoscope.imaging.reference import Reference, colour_of
from plasmoscope.training.fields.cutouts import square

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
    mixed, rim_width = (square(max(1, round(share * pixels.shape[1]))) for share in (_MIXED, _RIM))
    for cell, patient in zip(pixels, patients, strict=True):
        if len(rims[patient]) == _ENOUGH:
            continue
        whole = lit(cell).astype(np.uint8)
        rim = (cv2.erode(whole, mixed, borderValue=0) > 0) & (cv2.erode(whole, rim_width, borderValue=0) == 0)
        colour = colour_of(cell)
        if colour is not None and rim.any():
            rims[patient].append(np.percentile(cell[rim], 95, axis=0))
            colours[patient].append(colour)
    return {
        patient: Reference.of(np.percentile(rims[patient], 75, axis=0), np.median(colours[patient], axis=0))
        for patient in colours
    }
