"""A control's readings as places on a Levey-Jennings chart: one beside the other, between lines of deviation."""

from dataclasses import dataclass

from plasmoscope.analysis.control_chart import Point
from plasmoscope.store.controls import ControlChart
from plasmoscope.store.records import ControlReading
from plasmoscope.web.pages.week_chart import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH

LAST = 60
"""Readings that are drawn."""
_LINES = (-3, -2, -1, 0, 1, 2, 3)  # standard deviations from the mean
_RIGHT = RIGHT - 20  # of the drawing, in its own units: beside the lines stand their deviations
_BEYOND = 1.05  # of the drawn range, so that no mark lies on its edge


@dataclass(frozen=True)
class ReadingMark:
    """One reading on the chart."""

    reading: ControlReading
    point: Point
    x: float
    y: float


@dataclass(frozen=True)
class ControlDrawing:
    """All places, in the units of a drawing of ``WIDTH`` by ``HEIGHT``."""

    marks: tuple[ReadingMark, ...]
    lines: tuple[tuple[float, int, float], ...]
    """Height, deviations and percent of each line; the mean alone before the deviation is known."""
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = _RIGHT
    bottom: int = BOTTOM

    @property
    def line(self) -> str:
        """The readings joined, for SVG."""
        return " ".join(f"{mark.x:.1f},{mark.y:.1f}" for mark in self.marks)


def draw_control(chart: ControlChart) -> ControlDrawing | None:
    """Places of the last readings; None where there is none."""
    shown = list(zip(chart.readings, chart.points, strict=True))[-LAST:]
    if not shown:
        return None
    values = [point.reading.percent for _, point in shown]
    target = chart.target
    lines = [(number, target.mean + number * target.sd) for number in _LINES] if target else []
    # No line is drawn below zero, where there is nothing.
    lines = [(number, percent) for number, percent in lines if percent >= 0]
    most = _BEYOND * max([*values, *(percent for _, percent in lines)]) or 1.0

    def height_of(percent: float) -> float:
        return BOTTOM - percent / most * (BOTTOM - TOP)

    apart = (_RIGHT - LEFT) / len(shown)
    return ControlDrawing(
        tuple(
            ReadingMark(reading, point, LEFT + (place + 0.5) * apart, height_of(point.reading.percent))
            for place, (reading, point) in enumerate(shown)
        ),
        tuple((height_of(percent), number, percent) for number, percent in lines),
    )
