"""The quality gate: whether a field can be read, and whether it should be read with care.

It refuses only what cannot be read. What can be read with care passes with a warning, which every report carries.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plasmoscope.analysis.results import QualityCheck
from plasmoscope.segmentation.instances import STRIDE
from plasmoscope.segmentation.preparing import clear_colour
from plasmoscope.segmentation.segment import Segmentation
from plasmoscope.segmentation.vocabulary import Film, Tissue


@dataclass(frozen=True)
class Limits:
    """Where the gate warns and refuses.

    Blur and size come from 269 parasitized NIH validation cells, blurred and shrunk, under the classifier that ships
    (92 % of them called as they are; none of 142 uninfected ones was called at any blur or size).
    """

    fewest_cells: int = 3
    """Red cells: of fewer no middle size tells that the size was found rightly."""
    least_thin: float = 2 / 3
    """Probability of a thin film: a picture counted wrongly costs more than one taken again, so odds of two to one."""
    darkest: float = 60.0
    """Grey level of the clear background: eight bits leave a ring fewer than ten levels below it."""
    soft: float = 0.04
    """Standard deviation of the blur over the diameter of a red cell at which a quarter of the rings is lost."""
    blurred: float = 0.1
    """The same at which none is called: 0.08, and 0.02 by which the network's estimate may be too high."""
    small: float = 18.0
    """Diameter of a red cell in pixels as photographed below which more than one ring in twenty is lost."""
    too_small: float = 11.0
    """The same below which more than half are lost."""
    saturated: float = 0.5
    """Share of the clear background that is white to the last level, from which on pale rings may be lost."""
    faint: float = 0.05
    """Absorbance of red cells in green that the noise of an eight-bit picture hides."""
    colourless: float = 2.0
    """Grey levels between the strongest and the weakest channel in red cells over their background; grey has none."""
    crowded: float = 0.75
    """Share of the field of view that red cells cover: a quarter of the view is the least that parts heaps."""
    fewest_colours: int = 512
    """Different colours in a sample of 40,000 pixels; a photograph has thousands, a palette at most 256."""
    blocky: float = 3.0
    """Steps at the borders of JPEG's blocks over steps elsewhere: 1.4 to 2.7 in ordinary photographs of five
    laboratories, 2.5 to 6.7 when they are saved again at quality 20, 3.6 to 14 at quality 10."""


LIMITS = Limits()
_SAMPLED = 40_000
_WHITE = 254


@dataclass(frozen=True)
class Measurements:
    """What the checks look at, independent of camera and magnification."""

    cells: int
    """Red cells, cut ones included."""
    thin: float
    """Probability that the picture shows a thin film."""
    blur: float
    """Standard deviation of the blur over the diameter of a red cell."""
    brightness: float
    """Brightest channel of the clear background, 0 to 255."""
    saturated: float
    """Share of the clear background that is white to the last level."""
    density: float
    """Median green absorbance of the red cells."""
    colour: float
    """Grey levels by which the red cells' colour differs from a grey one's."""
    diameter: float
    """Of the red cells in pixels as photographed; 0 where none was found."""
    covered: float
    """Share of the field of view that red cells cover."""
    colours: int
    """Different colours in a sample of pixels."""
    blockiness: float
    """Steps between the blocks of JPEG over steps elsewhere."""


def measure(image: NDArray[np.uint8], segmentation: Segmentation) -> Measurements:
    """Measure a field.

    Args:
        image: as photographed, RGB, shape (h, w, 3).
        segmentation: of it.
    """
    working, tissue = segmentation.image, segmentation.tissue
    pixels = np.ascontiguousarray(working[::STRIDE, ::STRIDE][: tissue.shape[0], : tissue.shape[1]])
    red, clear = pixels[tissue == Tissue.RED_CELL], pixels[tissue == Tissue.CLEAR]
    colour = clear_colour(image)
    absorbance = np.log((colour + 1) / (np.median(red, axis=0) + 1)) if len(red) else np.zeros(3)
    # What a grey picture's cells would have lost in each channel: the same share of its light.
    expected = colour * np.exp(-absorbance[1])
    differences = colour * np.exp(-absorbance) - expected if len(red) else np.zeros(3)
    tint = colour - colour.mean()
    seen = int((tissue != Tissue.NO_SPECIMEN).sum())
    return Measurements(
        cells=sum(found.kind == "red_cell" for found in segmentation.objects),
        thin=float(segmentation.film[Film.THIN]),
        blur=segmentation.blur,
        brightness=float(colour.max()),
        saturated=float((clear.min(axis=1) >= _WHITE).mean()) if len(clear) else 0.0,
        density=float(absorbance[1]),
        colour=float(max(np.abs(differences).max(), np.abs(tint).max())),
        diameter=segmentation.diameter or 0.0,
        covered=len(red) / max(1, seen),
        colours=_colours(image),
        blockiness=_blockiness(image),
    )


def _colours(image: NDArray[np.uint8]) -> int:
    """Different colours in a sample of pixels."""
    step = max(1, int(np.sqrt(image.shape[0] * image.shape[1] / _SAMPLED)))
    sample = image[::step, ::step].reshape(-1, 3).astype(np.uint32)
    return len(np.unique(sample[:, 0] << 16 | sample[:, 1] << 8 | sample[:, 2]))


def _blockiness(image: NDArray[np.uint8]) -> float:
    """Steps across the borders of JPEG's blocks of eight pixels, over steps elsewhere (Wang et al. 2002)."""
    height, width = (side // 8 * 8 for side in image.shape[:2])
    if min(height, width) < 64:
        return 1.0
    # The middle tells enough, and a large picture is long to look at.
    top, left = max(0, (height - 1024) // 16 * 8), max(0, (width - 1024) // 16 * 8)
    green = image[top : min(height, top + 1024), left : min(width, left + 1024), 1].astype(np.int16)
    ratios = []
    for plane in (green, green.T):
        steps = np.abs(np.diff(plane, axis=0)).astype(np.float32).mean(axis=1)
        at_border = steps[7::8].mean()
        elsewhere = np.delete(steps, np.arange(7, len(steps), 8)).mean()
        ratios.append(at_border / max(0.05, float(elsewhere)))
    return float(np.mean(ratios))


def quality_checks(measured: Measurements, limits: Limits = LIMITS) -> tuple[QualityCheck, ...]:
    """Every check with what was measured; a field is accepted when all pass."""
    return (
        _check(
            "exposure",
            measured.brightness,
            "the lighting suffices",
            fault="the picture is too dark; turn the lamp up or expose longer"
            if measured.brightness < limits.darkest
            else "the picture is overexposed, so parasites cannot be seen; turn the lamp down or expose shorter"
            if measured.saturated >= limits.saturated and measured.cells and measured.density < limits.faint
            else None,
            warning="the background is overexposed, so pale rings may be missed; turn the lamp down if you can"
            if measured.saturated >= limits.saturated
            else None,
        ),
        _check(
            "cells",
            measured.cells,
            "red cells were found",
            fault="hardly any red cell was found; is this a stained thin film? Move to a field with cells"
            if measured.cells < limits.fewest_cells
            else None,
        ),
        _check(
            "focus",
            measured.blur,
            "cell edges are sharp",
            fault="the cells are out of focus, so parasites cannot be seen; refocus and take the picture again"
            if measured.cells and measured.blur >= limits.blurred
            else None,
            warning="the cells are a little out of focus, so faint rings may be missed; refocus if you can"
            if measured.cells and measured.blur >= limits.soft
            else None,
        ),
        _check(
            "resolution",
            measured.diameter,
            "the cells are large enough in the picture",
            fault="the cells are too small in this picture to show a ring; use the 100x objective or the camera's full "
            "size"
            if 0 < measured.diameter < limits.too_small
            else None,
            warning="the cells are small in this picture, so faint rings may be missed; use the camera's full size if "
            "you can"
            if 0 < measured.diameter < limits.small
            else None,
        ),
        _check(
            "stain",
            measured.colour,
            "the cells have the colour of a stain",
            fault="what was found has not the colour of stained red cells; this looks like something else than a thin "
            "film"
            if measured.colour < limits.colourless
            else None,
        ),
        _check(
            "thin_film",
            measured.thin,
            "single red cells lie side by side, as in a thin film",
            fault="there is no clear background with single red cells: a thick film, or no blood film at all; "
            "use the thin film of the slide"
            if measured.thin < limits.least_thin
            else None,
        ),
        _check(
            "density",
            measured.covered,
            "the cells lie apart enough to be counted",
            warning="the cells lie in heaps; move to where they lie side by side, towards the feathered edge"
            if measured.covered > limits.crowded
            else None,
        ),
        _check(
            "compression",
            measured.blockiness,
            "the picture keeps its fine detail",
            warning="the picture was saved with few colours or strong compression, which wipes out rings; save it as "
            "PNG or as JPEG of high quality"
            if measured.colours < limits.fewest_colours or measured.blockiness > limits.blocky
            else None,
        ),
    )


def _check(name: str, value: float, fine: str, fault: str | None = None, warning: str | None = None) -> QualityCheck:
    return QualityCheck(
        name=name,
        value=round(float(value), 4),
        passed=fault is None,
        warning=fault is None and warning is not None,
        message=fault or warning or fine,
    )
