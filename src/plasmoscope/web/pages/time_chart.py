"""A patient's parasitaemia over time as places on a chart with a logarithmic scale."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from plasmoscope.store.history import TimePoint

WIDTH, HEIGHT = 720, 280
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 700, 16, 244
# Percent of red cells.
_MOST, _LEAST = 100.0, 0.001


@dataclass(frozen=True)
class Mark:
    """One slide on the chart."""

    point: TimePoint
    x: float
    y: float
    """Of the estimate; with no infected cell, of the most that it may be."""
    top: float
    """Of the interval's upper end."""
    bottom: float

    @property
    def limit_only(self) -> bool:
        """Whether only an upper limit is known."""
        return self.point.parasitaemia is not None and not self.point.parasitaemia.value


@dataclass(frozen=True)
class Tick:
    """One line of the scale."""

    y: float
    percent: float


@dataclass(frozen=True)
class Chart:
    """All places, in the units of a drawing of ``WIDTH`` by ``HEIGHT``."""

    marks: tuple[Mark, ...]
    ticks: tuple[Tick, ...]
    first: date
    last: date
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    right: int = _RIGHT
    bottom: int = _BOTTOM

    @property
    def line(self) -> str:
        """The estimates joined, for SVG; an upper limit is none, and a line to it would look like a course."""
        return " ".join(f"{mark.x:.1f},{mark.y:.1f}" for mark in self.marks if not mark.limit_only)


def draw_chart(points: Sequence[TimePoint]) -> Chart | None:
    """Places of the slides that have a count; None where there is none."""
    shown = [(point, point.parasitaemia) for point in points if point.parasitaemia is not None]
    if not shown:
        return None
    smallest = min(interval.low or interval.value or interval.high for _, interval in shown)
    decade = math.floor(math.log10(max(smallest, _LEAST)))
    decades = range(decade, round(math.log10(_MOST)) + 1)

    def height_of(percent: float) -> float:
        share = (math.log10(max(percent, 10.0**decade)) - decade) / (len(decades) - 1)
        return _BOTTOM - share * (_BOTTOM - _TOP)

    places = _places([point.slide.taken_on for point, _ in shown])
    return Chart(
        marks=tuple(
            Mark(
                point, x, height_of(interval.value or interval.high), height_of(interval.high), height_of(interval.low)
            )
            for x, (point, interval) in zip(places, shown, strict=True)
        ),
        ticks=tuple(Tick(height_of(10.0**power), 10.0**power) for power in decades),
        first=shown[0][0].slide.taken_on,
        last=shown[-1][0].slide.taken_on,
    )


def _places(days: Sequence[date]) -> list[float]:
    """Where each slide stands; those of one day side by side."""
    many, seen = Counter(days), Counter[date]()
    times = []
    for day in days:
        times.append(day.toordinal() + (seen[day] + 0.5) / many[day])
        seen[day] += 1
    first, length = days[0].toordinal(), max(days[-1].toordinal() + 1 - days[0].toordinal(), 1)
    return [_LEFT + (time - first) / length * (_RIGHT - _LEFT) for time in times]
