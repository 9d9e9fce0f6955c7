"""Measuring a field's reference: its clear background around each red cell, and its median red cell."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from plasmoscope.imaging.cells import cut_cell
from plasmoscope.imaging.stain_reference import Reference, absorbance, colour_of, refer
from plasmoscope.segmentation.instances import STRIDE
from plasmoscope.segmentation.segment import FoundObject, Segmentation
from plasmoscope.segmentation.vocabulary import Tissue

# The three below were set by hand; the model for fields was trained on cells that were prepared with them.
# Points of the network's map a side, over which the background is averaged before it is measured: for speed.
_COARSE = 4
# Median diameters of red cells: standard deviation of the weight that background has by its distance from a cell. Light
# changes slowly over a field.
_REACH = 2.0
# Share of clear background around a cell at which the whole field's has as much weight as its own.
_LEAST_CLEAR = 0.01


def references(
    segmentation: Segmentation, cells: Sequence[FoundObject], crops: Sequence[NDArray[np.uint8]]
) -> list[Reference]:
    """What the colours of each cell are to be told against: the light around it, and the field's median red cell.

    Args:
        segmentation: of the field.
        cells: its red cells.
        crops: the same, cut out on black, RGB, shape (h, w, 3).
    """
    if not cells:
        return []
    clear = _clear_around(segmentation, cells)
    colours = [colour_of(crop) for crop in crops]
    taken = [
        absorbance(colour, light)
        for cell, colour, light in zip(cells, colours, clear, strict=True)
        if colour is not None and not cell.on_border
    ] or [absorbance(colour, light) for colour, light in zip(colours, clear, strict=True) if colour is not None]
    median = np.median(taken, axis=0) if taken else np.zeros(3)
    return [Reference.of(light, (light + 1) * np.exp(-median) - 1) for light in clear]


def cut_referred(
    image: NDArray[np.uint8], segmentation: Segmentation, cells: Sequence[FoundObject], standard: Reference | None
) -> list[NDArray[np.uint8]]:
    """Red cells cut out of their field as a classifier takes them: RGB on black, of their own sizes.

    Args:
        image: the field, RGB, shape (h, w, 3).
        segmentation: of it.
        cells: all its red cells, in any order.
        standard: what their colours are brought to; None leaves them as they are.
    """
    crops = [cut_cell(image, cell.outline) for cell in cells]
    if standard is None:
        return crops
    own = references(segmentation, cells, crops)
    return [refer(crop, one, standard) for crop, one in zip(crops, own, strict=True)]


def _clear_around(segmentation: Segmentation, cells: Sequence[FoundObject]) -> NDArray[np.float64]:
    """Colour of the clear background around each cell, RGB, shape (n, 3)."""
    rows, columns = segmentation.tissue.shape
    # Cells' rims are no background.
    is_clear = (segmentation.tissue == Tissue.CLEAR).astype(np.uint8)
    is_clear = cv2.erode(is_clear, np.ones((3, 3), np.uint8))
    image = segmentation.image[::STRIDE, ::STRIDE][:rows, :columns].astype(np.float32)
    share = is_clear[: image.shape[0], : image.shape[1]].astype(np.float32)
    if not share.any():
        # Nothing is clear: the brightest there is.
        return np.tile(np.percentile(image.reshape(-1, 3), 97, axis=0), (len(cells), 1)).astype(np.float64)
    everywhere = (image * share[:, :, None]).sum(axis=(0, 1)) / share.sum()
    size = (max(1, columns // _COARSE), max(1, rows // _COARSE))
    light = cv2.resize(image * share[:, :, None], size, interpolation=cv2.INTER_AREA)
    weight = cv2.resize(share, size, interpolation=cv2.INTER_AREA)
    diameter = (segmentation.diameter or 1.0) * segmentation.scale / STRIDE / _COARSE
    reach = _REACH * max(1.0, diameter)
    light = cv2.GaussianBlur(light, (0, 0), reach).reshape(size[1], size[0], 3)
    weight = cv2.GaussianBlur(weight, (0, 0), reach)
    # Where little is clear, the whole field's background has the greater say.
    surface = (light + _LEAST_CLEAR * everywhere) / (weight + _LEAST_CLEAR)[:, :, None]
    centres = np.array([cell.outline.mean(axis=0) for cell in cells]) * segmentation.scale / STRIDE / _COARSE
    x = np.clip(centres[:, 0], 0, size[0] - 1).astype(int)
    y = np.clip(centres[:, 1], 0, size[1] - 1).astype(int)
    return np.asarray(surface[y, x], np.float64)
