"""The quality gate: whether a field is a thin film, in focus, well lit and stained, with cells enough and apart.

Limits were set on real fields of three laboratories and on pictures of other things; each check says what to do.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from plasmoscope.analysis.results import QualityCheck
from plasmoscope.segmentation.segment import FoundObject, Segmentation

_FEWEST_CELLS = 8
_DARKEST = 60.0
_SOFTEST = 2.4
_MOST_RED = 0.92
_PALEST, _DENSEST = 0.04, 1.0
_LEAST_CLEAR = 0.7
_MOST_NUCLEAR = 0.3
_LEAST_REGULAR = 0.5
_MOST_COVERED = 0.88
# Absorbances: of red light in a nucleus at least, of the clear background at most.
_NUCLEUS = 0.4
_CLEAR = 0.1


@dataclass(frozen=True)
class Measurements:
    """What the checks look at, independent of camera and magnification."""

    cells: int
    """Red cells, cut ones included."""
    coverage: float
    """Share of the field of view that is stained."""
    regular: float
    """Share of the stained area that lies in objects of a red cell's size and shape."""
    focus: float
    """Steepest fall of the stain at a cell's edge, in cell densities a radius."""
    brightness: float
    """Brightest channel of the clear background, 0 to 255."""
    density: float
    """Median green absorbance of the red cells."""
    redness: float
    """Red over green absorbance of the red cells: haemoglobin and eosin let red light through."""
    clear: float
    """Share of what is not stained that looks like one clear background."""
    nuclear: float
    """Share of the stained area that takes red light as nuclei do."""


def measure(segmentation: Segmentation) -> Measurements:
    """Measure a segmented field."""
    light, labels, mask = segmentation.light, segmentation.labels, segmentation.mask
    view = max(1, int(light.view.sum()))
    reds = [found for found in segmentation.objects if found.kind == "red_cell"]
    inside = labels > 0
    green = light.absorbance[:, :, 1]
    density = float(np.median(green[inside])) if inside.any() else 0.0
    red = float(np.median(light.absorbance[:, :, 0][inside])) if inside.any() else 0.0
    return Measurements(
        cells=len(reds),
        coverage=float(mask.sum() / view),
        regular=_regular(reds, segmentation),
        focus=_focus(green, inside, light.view, density, segmentation),
        brightness=max(light.background),
        density=density,
        redness=red / density if density > 0 else 1.0,
        clear=_clear(segmentation),
        nuclear=float((light.absorbance[:, :, 0][mask] > _NUCLEUS).mean()) if mask.any() else 0.0,
    )


def _clear(segmentation: Segmentation) -> float:
    stained = cv2.dilate(segmentation.mask.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    unstained = segmentation.light.view & ~stained
    if not unstained.any():
        return 0.0
    return float((np.abs(segmentation.light.absorbance[unstained]).max(axis=1) < _CLEAR).mean())


def _regular(reds: list[FoundObject], segmentation: Segmentation) -> float:
    whole = [found for found in reds if not found.on_border]
    if not whole:
        return 0.0
    areas = np.array([found.area for found in whole])
    typical = float(np.median(areas))
    solid = np.array([found.area / max(1.0, cv2.contourArea(cv2.convexHull(found.outline))) for found in whole])
    good = (areas > 0.5 * typical) & (areas < 1.8 * typical) & (solid > 0.88)
    return float(areas[good].sum() / areas.sum())


def _focus(
    green: NDArray[np.float32],
    inside: NDArray[np.bool_],
    view: NDArray[np.bool_],
    density: float,
    segmentation: Segmentation,
) -> float:
    if density <= 0 or segmentation.diameter is None:
        return 0.0
    smooth = cv2.GaussianBlur(green, (0, 0), 0.8)
    slope = np.hypot(cv2.Sobel(smooth, cv2.CV_32F, 1, 0, scale=1 / 8), cv2.Sobel(smooth, cv2.CV_32F, 0, 1, scale=1 / 8))
    outer = cv2.dilate(inside.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    inner = cv2.erode(inside.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    edge = outer & ~inner & (cv2.erode(view.astype(np.uint8), np.ones((9, 9), np.uint8), borderValue=0) > 0)
    if not edge.any():
        return 0.0
    radius = segmentation.diameter * segmentation.scale / 2
    return float(np.percentile(slope[edge], 75) * radius / density)


def quality_checks(measured: Measurements) -> tuple[QualityCheck, ...]:
    """Every check with what was measured; a field is accepted when all pass."""
    return (
        _check(
            "exposure",
            measured.brightness,
            measured.brightness >= _DARKEST,
            "the lighting suffices",
            "the picture is too dark; turn the lamp up or expose longer",
        ),
        _check(
            "cells",
            measured.cells,
            measured.cells >= _FEWEST_CELLS,
            "red cells were found",
            "hardly any red cell was found; is this a stained thin film? Move to a field with cells",
        ),
        _check(
            "focus",
            measured.focus,
            measured.focus >= _SOFTEST,
            "cell edges are sharp",
            "the cells are out of focus, so parasites cannot be seen; refocus and take the picture again",
        ),
        _check(
            "stain",
            measured.redness,
            measured.redness <= _MOST_RED and _PALEST <= measured.density <= _DENSEST,
            "the cells have the colour of Giemsa-stained red cells",
            "what was found has not the colour of stained red cells; this looks like something else than a thin film",
        ),
        _check(
            "thin_film",
            measured.clear,
            measured.clear >= _LEAST_CLEAR and measured.nuclear <= _MOST_NUCLEAR and measured.regular >= _LEAST_REGULAR,
            "single cells lie on a clear background, as in a thin film",
            "there is no clear background with single red cells: a thick film, or no blood film at all; "
            "use the thin film of the slide",
        ),
        _check(
            "density",
            measured.coverage,
            measured.coverage <= _MOST_COVERED,
            "the cells lie apart enough to be counted",
            "the cells lie in heaps; move to where they lie side by side, towards the feathered edge",
        ),
    )


def _check(name: str, value: float, passed: bool, fine: str, advice: str) -> QualityCheck:
    return QualityCheck(
        name=name, value=round(float(value), 4), passed=bool(passed), message=fine if passed else advice
    )
