"""Shares by week as places on a chart with an even scale."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from plasmoscope.store.quality import Share

# Of the drawing, in its own units: as wide as the chart of a patient's course.
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 220, 70, 700, 16, 184
# Percent: where the scale may end.
_ENDS = (5, 10, 20, 50, 100)
_STEPS = 5  # lines of the scale


@dataclass(frozen=True)
class WeekMark:
    """One week on the chart."""

    monday: date
    share: Share
    x: float
    y: float
    top: float
    """Of the interval's upper end."""
    bottom: float


@dataclass(frozen=True)
class WeekChart:
    """All places, in the units of a drawing of ``WIDTH`` by ``HEIGHT``."""

    marks: tuple[WeekMark, ...]
    ticks: tuple[tuple[float, float], ...]
    """Height and percent of each line of the scale."""
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = RIGHT
    bottom: int = BOTTOM

    @property
    def line(self) -> str:
        """The shares joined, for SVG."""
        return " ".join(f"{mark.x:.1f},{mark.y:.1f}" for mark in self.marks)


def draw_weeks(shares: Sequence[tuple[date, Share]]) -> WeekChart | None:
    """Places of the weeks that have a share, the earliest first; None where none has."""
    shown = [(monday, share, percent) for monday, share in shares if (percent := share.percent) is not None]
    if not shown:
        return None
    end = next(end for end in _ENDS if end >= min(max(percent.high for _, _, percent in shown), 100))

    def height_of(percent: float) -> float:
        return BOTTOM - min(percent / end, 1) * (BOTTOM - TOP)

    marks = tuple(
        WeekMark(monday, share, x, height_of(percent.value), height_of(percent.high), height_of(percent.low))
        for x, (monday, share, percent) in zip(week_places([one[0] for one in shown]), shown, strict=True)
    )
    lines = [end * step / _STEPS for step in range(_STEPS + 1)]
    return WeekChart(marks, tuple((height_of(line), line) for line in lines))


def week_places(mondays: Sequence[date]) -> list[float]:
    """How far to the right each week stands, the earliest first; one alone in the middle."""
    first, last = mondays[0], mondays[-1]
    days = max((last - first).days, 1)
    return [LEFT + ((monday - first).days / days if last > first else 0.5) * (RIGHT - LEFT) for monday in mondays]
