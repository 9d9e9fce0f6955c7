"""The quality gate: whether a field can be read, and whether it should be read with care.

It refuses only what cannot be read. What can be read with care passes with a warning, which every report carries.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from plasmoscope.analysis.results import QualityCheck
from plasmoscope.i18n.words import english
from plasmoscope.messages import message
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
# Pixels that colours are counted in, for speed; ``Limits.fewest_colours`` goes with it.
_SAMPLED = 40_000
# Level of all channels from which a pixel counts as white. Set by hand: the last but one, since JPEG is not exact.
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
    absorbance: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Median of the red cells in red, green and blue: natural logarithm of background over cell."""


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
        cells=sum(item.kind == "red_cell" for item in segmentation.objects),
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
        absorbance=(float(absorbance[0]), float(absorbance[1]), float(absorbance[2])),
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


class Finding(NamedTuple):
    """What may be wrong with a field, and what to do about it."""

    code: str
    """Of its sentence."""
    holds: Callable[[Measurements, Limits], bool]


@dataclass(frozen=True)
class Question:
    """One check of the gate."""

    name: str
    value: Callable[[Measurements], float]
    """What is reported as measured."""
    fine: str
    """Code of what is said where nothing is wrong."""
    faults: tuple[Finding, ...] = ()
    """What the field cannot be read with; the first that holds is told."""
    warnings: tuple[Finding, ...] = ()
    """What it is to be read with care for, likewise."""

    def ask(self, measured: Measurements, limits: Limits) -> QualityCheck:
        """The answer for one field."""
        fault, warning = (
            next((finding.code for finding in findings if finding.holds(measured, limits)), None)
            for findings in (self.faults, self.warnings)
        )
        said = message(fault or warning or self.fine)
        return QualityCheck(
            name=self.name,
            value=round(float(self.value(measured)), 4),
            passed=fault is None,
            warning=fault is None and warning is not None,
            message=english(said),
            message_coded=(said,),
        )


QUESTIONS = (
    Question(
        "exposure",
        lambda measured: measured.brightness,
        "lighting_suffices",
        faults=(
            Finding(
                "too_dark",
                lambda measured, limits: measured.brightness < limits.darkest,
            ),
            Finding(
                "overexposed",
                lambda measured, limits: (
                    measured.saturated >= limits.saturated and measured.cells > 0 and measured.density < limits.faint
                ),
            ),
        ),
        warnings=(
            Finding(
                "background_overexposed",
                lambda measured, limits: measured.saturated >= limits.saturated,
            ),
        ),
    ),
    Question(
        "cells",
        lambda measured: measured.cells,
        "red_cells_found",
        faults=(
            Finding(
                "hardly_any_cell",
                lambda measured, limits: measured.cells < limits.fewest_cells,
            ),
        ),
    ),
    Question(
        "focus",
        lambda measured: measured.blur,
        "in_focus",
        faults=(
            Finding(
                "out_of_focus",
                lambda measured, limits: measured.cells > 0 and measured.blur >= limits.blurred,
            ),
        ),
        warnings=(
            Finding(
                "a_little_out_of_focus",
                lambda measured, limits: measured.cells > 0 and measured.blur >= limits.soft,
            ),
        ),
    ),
    Question(
        "resolution",
        lambda measured: measured.diameter,
        "large_enough",
        faults=(
            Finding(
                "too_small",
                lambda measured, limits: 0 < measured.diameter < limits.too_small,
            ),
        ),
        warnings=(
            Finding(
                "small",
                lambda measured, limits: 0 < measured.diameter < limits.small,
            ),
        ),
    ),
    Question(
        "stain",
        lambda measured: measured.colour,
        "stained",
        faults=(
            Finding(
                "not_stained",
                lambda measured, limits: measured.colour < limits.colourless,
            ),
        ),
    ),
    Question(
        "thin_film",
        lambda measured: measured.thin,
        "thin_film",
        faults=(
            Finding(
                "no_thin_film",
                lambda measured, limits: measured.thin < limits.least_thin,
            ),
        ),
    ),
    Question(
        "density",
        lambda measured: measured.covered,
        "cells_apart",
        warnings=(
            Finding(
                "cells_in_heaps",
                lambda measured, limits: measured.covered > limits.crowded,
            ),
        ),
    ),
    Question(
        "compression",
        lambda measured: measured.blockiness,
        "fine_detail",
        warnings=(
            Finding(
                "compressed",
                lambda measured, limits: (
                    measured.colours < limits.fewest_colours or measured.blockiness > limits.blocky
                ),
            ),
        ),
    ),
)
"""What the gate asks of every field, in the order of reports. A new check is one more, with its limit in ``Limits``."""
FAULTS = tuple(finding.code for question in QUESTIONS for finding in question.faults)
WARNINGS = tuple(finding.code for question in QUESTIONS for finding in question.warnings)


def quality_checks(measured: Measurements, limits: Limits = LIMITS) -> tuple[QualityCheck, ...]:
    """Every check with what was measured; a field is accepted when all pass."""
    return tuple(question.ask(measured, limits) for question in QUESTIONS)
