"""Stained against clear: the mask of everything that lies in a field, and the scale of its red cells."""

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Plane = NDArray[np.float32]

# The least green absorbance of anything that is taken for stained.
_FAINTEST = 0.035
_SHARPENING = 1.0
# A hole that fills more of a red cell than this is a gap between cells.
_LARGEST_PALLOR = 0.35
# A smaller hole, whatever its shape, is no gap that parts cells.
_SMALLEST_GAP = 0.02
# An object up to so many cells' area is one cell.
_ONE_CELL = 1.5


def stain_density(absorbance: NDArray[np.float32]) -> Plane:
    """How much stain each pixel holds, shape (h, w): absorbance in green, which all Giemsa stains take, and some red.

    Blue is left out: old oil and dried serum are orange and take nothing else.

    Args:
        absorbance: RGB, shape (h, w, 3), 0 where clear.
    """
    weights = np.array([0.2, 0.8, 0.0], np.float32)
    return np.asarray(cv2.GaussianBlur(absorbance @ weights, (0, 0), 0.8), np.float32)


def deepen_gaps(density: Plane, radius: float) -> Plane:
    """Sharpen, so that narrow gaps between cells, which the objective fills with haze, show again."""
    return np.asarray(density + _SHARPENING * (density - cv2.GaussianBlur(density, (0, 0), 0.2 * radius)), np.float32)


def stained(density: Plane, view: Mask) -> Mask:
    """Pixels that hold stain: halfway between the clear background and the median of what Otsu calls stained.

    Args:
        density: as ``stain_density`` gives it.
        view: the field of view.
    """
    values = density[view]
    if values.size == 0:
        return np.zeros_like(view)
    # Nuclei are several times as dense as red cells; left in, they would draw the threshold up.
    top = float(np.percentile(values, 98))
    scaled = np.clip(values / max(top, 1e-6) * 255, 0, 255).astype(np.uint8)
    otsu, _ = cv2.threshold(scaled, 0, 255, cv2.THRESH_OTSU)
    cut = otsu / 255 * top
    above = values[values > cut]
    if above.size == 0:
        return np.zeros_like(view)
    threshold = max(_FAINTEST, 0.5 * float(np.median(above)))
    return np.asarray((density > threshold) & view)


def fill_pallor(mask: Mask, cell_area: float) -> Mask:
    """Fill holes that are a red cell's pale centre, and leave the gaps between touching cells.

    A hole is filled if it is tiny, if it lies in an object no larger than a cell, or if it is small and round: gaps
    between cells are star-shaped.

    Args:
        mask: stained pixels.
        cell_area: of a red cell in pixels.
    """
    filled = mask.astype(np.uint8)
    contours, hierarchy = cv2.findContours(filled, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    for index, contour in enumerate(contours):
        parent = hierarchy[0][index][3]
        if parent < 0:
            continue
        area = cv2.contourArea(contour)
        alone = cv2.contourArea(contours[parent]) < _ONE_CELL * cell_area
        round_ = area < _LARGEST_PALLOR * cell_area and area > 0.8 * cv2.contourArea(cv2.convexHull(contour))
        if area < _SMALLEST_GAP * cell_area or alone or round_:
            cv2.drawContours(filled, contours, index, 1, cv2.FILLED)
    return filled.astype(bool)


def cell_diameter(mask: Mask) -> float | None:
    """Median diameter in pixels of the round, free-lying objects that make up most of the stained area.

    Args:
        mask: stained pixels, pale centres filled or not.

    Returns:
        None where nothing round is found. Where no cell lies free, the width of the stained strands serves.
    """
    solid = np.zeros(mask.shape, np.uint8)
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(solid, contours, -1, 1, cv2.FILLED)
    diameters = np.array([_round_diameter(np.asarray(contour, np.int32), mask.shape) for contour in contours])
    diameters = diameters[diameters > 0]
    if len(diameters):
        # Platelets and specks are many and small: each diameter weighs by its area.
        typical = _weighted_median(diameters, diameters**2)
        alike = diameters[(diameters > 0.6 * typical) & (diameters < 1.6 * typical)]
        if len(alike) >= 4:
            return float(np.median(alike))
    distance = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
    peaks = distance[(distance == cv2.dilate(distance, np.ones((9, 9), np.uint8))) & (distance > 4)]
    return float(2 * _weighted_median(peaks, peaks**2)) if len(peaks) >= 4 else None


def _round_diameter(contour: NDArray[np.int32], shape: tuple[int, ...]) -> float:
    """Diameter of the circle of equal area, or 0 for what is small, cut by the border or not round."""
    area = cv2.contourArea(contour)
    left, top, width, height = cv2.boundingRect(contour)
    inside = left > 1 and top > 1 and left + width < shape[1] - 1 and top + height < shape[0] - 1
    if area < 40 or not inside:
        return 0.0
    solid = area > 0.92 * cv2.contourArea(cv2.convexHull(contour))
    _, radius = cv2.minEnclosingCircle(contour)
    compact = area > 0.65 * np.pi * radius**2
    return float(np.sqrt(4 * area / np.pi)) if solid and compact else 0.0


def _weighted_median(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    order = np.argsort(values)
    cumulated = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(cumulated, cumulated[-1] / 2)])
