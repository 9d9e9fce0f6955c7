"""Whether the stain, the focus or the false calls of a laboratory drift away from what is usual there.

Usual is what the first slides show: at least ``BASE_SLIDES`` of them, from at least ``BASE_WEEKS`` weeks. Each later
week's median slide is told against them, so that a slow change is not taken for usual step by step.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import accumulate
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from plasmoscope.analysis.review import clopper_pearson

# Of fewer slides, or of one batch of stain, nobody knows how far slides differ while nothing drifts.
BASE_SLIDES = 20
BASE_WEEKS = 4
LEAST_SLIDES = 3
"""Of a week whose median is told against the usual."""
_FAR = 95.0  # percentile of the usual slides' distances

# From the light of sRGB's red, green and blue to X, Y and Z.
_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


class Measured(NamedTuple):
    """What is measured in each photograph."""

    red: float
    green: float
    blue: float
    """How much light the median red cell takes away in each channel: natural logarithm of background over cell."""
    blur: float
    """Standard deviation of the blur over the diameter of a red cell."""


@dataclass(frozen=True)
class Week:
    """One week's slides."""

    monday: date
    slides: tuple[Measured, ...]
    """The mean of each slide's photographs."""


@dataclass(frozen=True)
class Distance:
    """How far a week's median slide lies from the usual one."""

    monday: date
    value: float
    slides: int
    drifts: bool
    """It lies farther off than 95 of 100 usual slides do; never of a week that is among those."""


@dataclass(frozen=True)
class Drift:
    """The weeks told against the usual."""

    limit: float
    """Within it lie 95 of 100 usual slides."""
    weeks: tuple[Distance, ...]


def base_of(weeks: Sequence[Week]) -> int:
    """How many weeks, from the first on, make the usual; 0 while they are too few."""
    totals = accumulate(len(week.slides) for week in weeks)
    return next((number for number, total in enumerate(totals, 1) if number >= BASE_WEEKS and total >= BASE_SLIDES), 0)


def stain_drift(weeks: Sequence[Week]) -> Drift | None:
    """Colour of the red cells, as the difference (CIE 1976, in L*a*b*) from that of the usual slides' median.

    The light of the lamp plays no part: a cell's colour is taken as it would be before white. Differences from 2 to 3
    on are seen by eye. None while nothing is usual yet.
    """
    return _drift(weeks, lambda slides: np.array([_colour(slide) for slide in slides]), one_sided=False)


def focus_drift(weeks: Sequence[Week]) -> Drift | None:
    """Blur as percent of a red cell's diameter; None while nothing is usual yet."""
    return _drift(weeks, lambda slides: 100 * np.array([[slide.blur] for slide in slides]), one_sided=True)


def more_false_calls(taken_back: int, judged: int, usual_taken_back: int, usual_judged: int) -> bool:
    """Whether clearly more calls are taken back than usual: the exact 95 % intervals do not meet.

    Args:
        taken_back: of one week, of so many ``judged``.
        usual_taken_back: of the weeks before, likewise.
    """
    if not judged or not usual_judged:
        return False
    return clopper_pearson(taken_back, judged).low > clopper_pearson(usual_taken_back, usual_judged).high


def _drift(
    weeks: Sequence[Week], measure: Callable[[Sequence[Measured]], NDArray[np.float64]], *, one_sided: bool
) -> Drift | None:
    """``one_sided``: the measure itself is the distance, so that less is never too far."""
    base = base_of(weeks)
    if not base:
        return None
    usual = measure([slide for week in weeks[:base] for slide in week.slides])
    middle = np.zeros(usual.shape[1]) if one_sided else np.median(usual, axis=0)
    limit = float(np.percentile(np.linalg.norm(usual - middle, axis=1), _FAR))
    distances = []
    for number, week in enumerate(weeks):
        value = float(np.linalg.norm(np.median(measure(week.slides), axis=0) - middle))
        drifts = number >= base and len(week.slides) >= LEAST_SLIDES and value > limit
        distances.append(Distance(week.monday, value, len(week.slides), drifts))
    return Drift(limit, tuple(distances))


def _colour(slide: Measured) -> NDArray[np.float64]:
    """Of a red cell before white: L*, a* and b* (sRGB by IEC 61966-2-1, CIE 1976)."""
    shown = np.exp(-np.array(slide[:3]))
    light = np.where(shown > 0.04045, ((shown + 0.055) / 1.055) ** 2.4, shown / 12.92)
    # Before a white of the same light, whose own colour is that of the matrix's sums.
    xyz = _XYZ @ light / _XYZ.sum(axis=1)
    x, y, z = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz * (29 / 6) ** 2 / 3 + 4 / 29)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])
