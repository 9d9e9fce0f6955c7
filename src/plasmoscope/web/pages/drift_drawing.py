"""How far weeks lie from the usual, as places on a chart with a line at which they drift."""

from dataclasses import dataclass

from plasmoscope.analysis.drift import Distance, Drift
from plasmoscope.web.pages.week_chart import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, week_places

_BEYOND = 1.1  # of the drawn range, so that no mark lies on its edge


@dataclass(frozen=True)
class DistanceMark:
    """One week on the chart."""

    week: Distance
    x: float
    y: float


@dataclass(frozen=True)
class DriftDrawing:
    """All places, in the units of a drawing of ``WIDTH`` by ``HEIGHT``."""

    marks: tuple[DistanceMark, ...]
    limit: float
    limit_y: float
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = RIGHT
    bottom: int = BOTTOM

    @property
    def line(self) -> str:
        """The weeks joined, for SVG."""
        return " ".join(f"{mark.x:.1f},{mark.y:.1f}" for mark in self.marks)

    @property
    def drifts(self) -> bool:
        """Whether the last week does."""
        return self.marks[-1].week.drifts


def draw_drift(drift: Drift | None) -> DriftDrawing | None:
    """Places of the weeks; None where none is known."""
    if drift is None or not drift.weeks:
        return None
    most = _BEYOND * max(drift.limit, *(week.value for week in drift.weeks)) or 1.0

    def height_of(value: float) -> float:
        return BOTTOM - value / most * (BOTTOM - TOP)

    marks = tuple(
        DistanceMark(week, x, height_of(week.value))
        for x, week in zip(week_places([week.monday for week in drift.weeks]), drift.weeks, strict=True)
    )
    return DriftDrawing(marks, drift.limit, height_of(drift.limit))
