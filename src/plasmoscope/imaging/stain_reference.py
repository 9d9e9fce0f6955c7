"""The slide as its own reference: colours are told against its clear background and its uninfected red cells.

Stain, lamp and camera differ from one laboratory to the next, and what a network has learnt of colours holds for those
it learnt from. Uninfected red cells lie on every slide, so they serve as its control: how strongly the median one
absorbs says how the slide was stained, as the clear background beside it says how it was lit.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from plasmoscope.imaging.cells import lit

# The two below were set by hand; the model for fields was trained on cells that were prepared with them.
# Absorbance: a channel in which red cells hardly absorb says little of the stain; its part of the change is held back.
_LEAST_ABSORBANCE = 0.03
# Factor: a stain that absorbs more times more, or less, is changed by no more than that.
_MOST_CHANGE = 3.0


@dataclass(frozen=True)
class Reference:
    """What colours are told against: RGB, 1 to 255 a channel."""

    background: tuple[float, float, float]
    """Where there is no cell."""
    red_cell: tuple[float, float, float]
    """The median pixel of the median red cell."""

    @classmethod
    def of(cls, background: NDArray[np.float64], red_cell: NDArray[np.float64]) -> "Reference":
        """From colours as measured, shape (3,) each."""
        return cls(_colour(background), _colour(red_cell))

    @property
    def absorbance(self) -> NDArray[np.float64]:
        """Of the median red cell in each channel, shape (3,)."""
        return absorbance(np.array(self.red_cell), np.array(self.background))


def _colour(values: NDArray[np.float64]) -> tuple[float, float, float]:
    red, green, blue = np.clip(values, 1, 255).tolist()
    return red, green, blue


STANDARD = Reference((216.0, 180.0, 165.0), (195.0, 151.0, 151.0))
"""What all colours are brought to: the background of six NIH slides, and the median red cell of the median patient."""


def absorbance(colour: NDArray[np.float64], background: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much light is taken away: the natural logarithm of background over colour; both RGB, 0 to 255."""
    return np.asarray(np.log((background + 1) / (colour + 1)), np.float64)


def colour_of(cell: NDArray[np.uint8]) -> NDArray[np.float64] | None:
    """The median pixel of a cell on black, RGB, shape (3,); None where all is black."""
    pixels = cell[lit(cell)]
    return np.median(pixels, axis=0) if len(pixels) else None


def refer(cells: NDArray[np.uint8], own: Reference, to: Reference = STANDARD) -> NDArray[np.uint8]:
    """Bring the colours of one slide's cells to those of a reference.

    Up to what the slide's own red cell absorbs, over its background, each channel's absorbance is scaled to what the
    reference's does; what a parasite absorbs beyond is kept, for how a red cell takes eosin says nothing of how a
    parasite takes azure. Black stays black.

    Args:
        cells: RGB, shape (..., h, w, 3).
        own: the slide's background and median red cell.
        to: what they become.
    """
    cell = np.maximum(own.absorbance, _LEAST_ABSORBANCE)
    change = np.maximum(to.absorbance, _LEAST_ABSORBANCE) / cell
    change = np.clip(change, 1 / _MOST_CHANGE, _MOST_CHANGE)
    levels = np.arange(256, dtype=np.float64)[:, None]
    taken = absorbance(levels, np.array(own.background))
    taken = np.minimum(taken, cell) * change + np.maximum(taken - cell, 0)
    table = np.exp(-taken) * (np.array(to.background) + 1) - 1
    table[0] = 0
    # One look-up a pixel: the change depends on nothing but its own value.
    steps = np.clip(np.rint(table), 0, 255).astype(np.uint8)
    flat = np.ascontiguousarray(cells).reshape(-1, 1, 3)
    return np.asarray(cv2.LUT(flat, steps[:, None, :].transpose(1, 0, 2).reshape(1, 256, 3)), np.uint8).reshape(
        cells.shape
    )
