"""A control slide's readings on a Levey-Jennings chart, and the rules that call a run out of control.

The same slide is photographed again and again; what is found on it should differ by chance alone. The rules are
Westgard's (Westgard et al. 1981, doi:10.1093/clinchem/27.3.493): one reading far off, or several off to one side.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median, stdev
from typing import Literal

from plasmoscope.analysis.counting import wilson

Rule = Literal["1-3s", "2-2s", "R-4s", "4-1s", "10x", "1-2s"]
Kind = Literal["positive", "negative"]
State = Literal["unknown", "in control", "warning", "out of control"]

BASE = 10
"""Readings that mean and standard deviation are taken from where none are given."""
_SIDES = (1, -1)  # of the mean


@dataclass(frozen=True)
class Reading:
    """What the program called on a control slide."""

    infected: int
    counted: int
    """Red cells, at least 1."""

    @property
    def percent(self) -> float:
        """Of the red cells that are called infected."""
        return 100 * self.infected / self.counted


@dataclass(frozen=True)
class Target:
    """What a control is expected to give, in percent of red cells."""

    mean: float
    sd: float
    """Standard deviation, above 0."""


@dataclass(frozen=True)
class Point:
    """One reading on the chart."""

    reading: Reading
    z: float | None
    """How many standard deviations it lies above the mean; None before those are known."""
    broken: tuple[Rule, ...] = ()
    """The rules that it breaks, together with those before it; the warning is among them."""

    @property
    def state(self) -> State:
        """What this reading says."""
        if self.z is None:
            return "unknown"
        if not self.broken:
            return "in control"
        return "warning" if self.broken == ("1-2s",) else "out of control"


def target_of(first: Sequence[Reading]) -> Target:
    """Mean and standard deviation of a control's first readings, at least two.

    The deviation is never taken to be smaller than chance alone makes it between counts of so many cells: ten readings
    without a single call do not promise that there never is one. For that the share is taken as high as the pooled
    readings' 95 % interval (Wilson) reaches.
    """
    shares = [reading.percent for reading in first]
    pooled = wilson(sum(reading.infected for reading in first), sum(reading.counted for reading in first)).high
    chance = 100 * float(pooled * (1 - pooled) / median(reading.counted for reading in first)) ** 0.5
    return Target(fmean(shares), max(stdev(shares), chance))


def chart(readings: Sequence[Reading], kind: Kind, given: Target | None = None) -> list[Point]:
    """Judge a control's readings, the earliest first.

    Args:
        kind: of a negative control only what lies above the mean is a fault: it cannot have too few false calls.
        given: what is expected; None takes the first ``BASE`` readings, which are judged by nothing themselves.
    """
    start = 0 if given else BASE
    if given is None and len(readings) < BASE:
        return [Point(reading, None) for reading in readings]
    target = given or target_of(readings[:BASE])
    deviations = [(reading.percent - target.mean) / target.sd for reading in readings[start:]]
    sides = _SIDES if kind == "positive" else _SIDES[:1]
    judged = [
        Point(reading, z, _broken(deviations[: place + 1], sides))
        for place, (reading, z) in enumerate(zip(readings[start:], deviations, strict=True))
    ]
    return [Point(reading, None) for reading in readings[:start]] + judged


def _broken(deviations: Sequence[float], sides: Sequence[int]) -> tuple[Rule, ...]:
    """The rules that the last of these breaks."""
    found: tuple[tuple[Rule, bool], ...] = (
        ("1-3s", any(_run(deviations, 1, side, 3) for side in sides)),
        ("2-2s", any(_run(deviations, 2, side, 2) for side in sides)),
        # Of one control, from one reading to the next.
        ("R-4s", len(sides) == len(_SIDES) and any(_swing(deviations, side) for side in sides)),
        ("4-1s", any(_run(deviations, 4, side, 1) for side in sides)),
        ("10x", any(_run(deviations, 10, side, 0) for side in sides)),
        ("1-2s", any(_run(deviations, 1, side, 2) for side in sides)),
    )
    return tuple(rule for rule, holds in found if holds)


def _run(deviations: Sequence[float], number: int, side: int, limit: float) -> bool:
    """Whether so many last ones all lie beyond a limit on one side."""
    last = deviations[-number:]
    return len(last) == number and all(side * z > limit for z in last)


def _swing(deviations: Sequence[float], side: int) -> bool:
    """Whether the last two lie more than two deviations off, on opposite sides."""
    return _run(deviations, 1, side, 2) and _run(deviations[:-1], 1, -side, 2)
