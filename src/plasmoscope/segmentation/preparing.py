"""Preparing a field for the network that reads it: the one function that training and use share."""

import numpy as np
from numpy.typing import NDArray

# Percentile of the lit pixels, by channel, that is taken for the clear background: high, so that little of it is
# enough, and yet such that a few letters or bright pixels cannot move it. Set by hand; the field reader was trained
# with it.
_CLEAR_PERCENTILE = 97
# Share of the brightest (99th percentile): darker pixels are the surround of an eyepiece. Set by hand, as above.
_SURROUND = 0.15
# Pixels that are looked at, for speed.
_SAMPLED = 40_000


def clear_colour(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Colour of the brightest large part of a picture, its clear background, RGB 1 to 255, shape (3,).

    Args:
        image: RGB, shape (h, w, 3).
    """
    step = max(1, int(np.sqrt(image.shape[0] * image.shape[1] / _SAMPLED)))
    pixels = image[::step, ::step].reshape(-1, 3)
    bright = pixels.max(axis=1)
    lit = pixels[bright > _SURROUND * max(1.0, float(np.percentile(bright, 99)))]
    if not len(lit):
        return np.full(3, 255, np.float32)
    return np.asarray(np.maximum(np.percentile(lit, _CLEAR_PERCENTILE, axis=0), 1), np.float32)


def over_clear(image: NDArray[np.uint8], clear: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
    """A picture as the network takes it: over its clear background, so that the lamp's colour does not matter.

    Args:
        image: RGB, shape (h, w, 3).
        clear: colour of the background; found in the picture if None.

    Returns:
        Shape (h, w, 3), 0 to 1.2.
    """
    colour = clear_colour(image) if clear is None else clear
    return np.asarray(np.minimum(image.astype(np.float32) / colour, np.float32(1.2)), np.float32)
