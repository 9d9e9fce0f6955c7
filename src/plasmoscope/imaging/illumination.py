"""What a field looks like without its lamp: the field of view, and the absorbance of what lies in it.

Light that passes through a smear is weakened by a factor for each thing in its way (Beer and Lambert), so the negative
logarithm of the picture over its clear background depends on the stain alone: not on the lamp, the white balance, or
the shading towards the corners.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Light:
    """How light and field of view are found. Set by hand; on which pictures is not recorded."""

    dark: float = 0.2
    """Share of the brightness of the bright parts (95th percentile) below which a field of view's surroundings lie."""
    smallest_surround: float = 0.003
    """Share of the picture's area that a dark region at its border must have to be surroundings, and no cell there."""
    fit_side: int = 160
    """Pixels of the longer side of the picture that the background is fitted on: light changes slowly over a field."""
    rounds: int = 6
    """Of fitting."""
    clear: float = 0.06
    """Absorbance: what lies within it of the fitted background is clear. A red cell has about 0.3 in green."""
    least_clear: float = 0.02
    """Share of the field of view; with less that is clear the last fit stands."""


LIGHT = Light()


@dataclass(frozen=True)
class Illuminated:
    """A field with its light taken out."""

    absorbance: NDArray[np.float32]
    """Per channel (RGB), shape (h, w, 3); 0 is clear, 0.3 a red cell in green; 0 outside the field of view."""
    view: NDArray[np.bool_]
    """The field of view, shape (h, w)."""
    background: tuple[float, float, float]
    """Mean colour of the clear background, RGB, 0 to 255."""


def field_of_view(image: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """The bright region that the eyepiece or the picture's frame shows; shape (h, w).

    Dark regions count as outside only where they reach the picture's border, so that nothing in a cell is lost.

    Args:
        image: RGB, shape (h, w, 3).
    """
    brightness = cv2.GaussianBlur(image.max(axis=2), (0, 0), 1.0)
    dark = (brightness < LIGHT.dark * np.percentile(brightness, 95)).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(dark, connectivity=4)
    height, width = dark.shape
    left, top, across, down, area = stats.T
    at_border = (left == 0) | (top == 0) | (left + across == width) | (top + down == height)
    outside = at_border & (area > LIGHT.smallest_surround * dark.size)
    # The first is what is not dark.
    outside[0] = False
    # The edge itself is half dark.
    inside = (~outside[labels]).astype(np.uint8)
    if inside.all():
        return np.asarray(inside, bool)
    reach = 2 * (max(height, width) // 400) + 3
    eroded = cv2.erode(inside, np.ones((reach, reach), np.uint8), borderValue=1)
    return np.asarray(eroded, bool)


def view_box(image: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """Left, top, width and height in pixels of the field of view's box; of the whole picture where all is dark.

    Args:
        image: RGB, shape (h, w, 3).
    """
    view = field_of_view(image)
    rows, columns = (np.flatnonzero(view.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return 0, 0, view.shape[1], view.shape[0]
    left, top = int(columns[0]), int(rows[0])
    return left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top


def stain_density(absorbance: NDArray[np.float32]) -> NDArray[np.float32]:
    """How much stain each pixel holds, shape (h, w): absorbance in green, which all Giemsa stains take, and some red.

    Blue is left out: old oil and dried serum are orange and take nothing else.

    Args:
        absorbance: RGB, shape (h, w, 3), 0 where clear.
    """
    weights = np.array([0.2, 0.8, 0.0], np.float32)
    return np.asarray(cv2.GaussianBlur(absorbance @ weights, (0, 0), 0.8), np.float32)


def take_out_light(image: NDArray[np.uint8]) -> Illuminated:
    """Fit the clear background with a smooth surface and divide by it.

    The surface is a quadratic in each channel's logarithm, fitted again and again to the pixels that lie near it from
    above: cells only ever darken.

    Args:
        image: RGB, shape (h, w, 3).
    """
    view = field_of_view(image)
    height, width = view.shape
    scale = LIGHT.fit_side / max(height, width)
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    small_view = cv2.resize(view.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST).astype(bool)
    light = np.log(small.astype(np.float64) + 1)
    terms = _terms(*size)
    chosen = (
        small_view & (light[:, :, 1] >= np.percentile(light[small_view][:, 1], 90)) if small_view.any() else small_view
    )
    if not chosen.any():
        chosen = np.ones_like(small_view)
    coefficients = np.array([[light[:, :, c][chosen].mean(), *[0.0] * 5] for c in range(3)])
    for _ in range(LIGHT.rounds):
        fitted = terms @ coefficients.T
        # Above the surface everything is background; below it, only what is nearly as bright.
        clear = small_view & ((light - fitted).min(axis=2) > -LIGHT.clear)
        if clear.sum() < LIGHT.least_clear * small_view.sum():
            break
        x, y = terms[clear], light[clear]
        ridge = 1e-3 * clear.sum() * np.diag([0, 0.1, 0.1, 1, 1, 1])
        coefficients = np.linalg.solve(x.T @ x + ridge, x.T @ y).T
    surface = (terms @ coefficients.T).astype(np.float32)
    background = cv2.resize(surface, (width, height), interpolation=cv2.INTER_LINEAR)
    absorbance = background - np.log(image.astype(np.float32) + 1)
    absorbance[~view] = 0
    inside = surface[small_view] if small_view.any() else surface.reshape(-1, 3)
    colour = np.exp(inside.mean(axis=0)) - 1
    return Illuminated(absorbance, view, (float(colour[0]), float(colour[1]), float(colour[2])))


def _terms(width: int, height: int) -> NDArray[np.float64]:
    """1, x, y, x^2, xy, y^2 over a picture from -1 to 1, shape (height, width, 6)."""
    x, y = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=2)
