"""How figures are written for people: with no more digits than a count of cells carries."""

from collections.abc import Callable

import numpy as np

from plasmoscope.analysis.results import Interval


def three_digits(per_ul: float) -> float:
    """A density as it is told to people: no count of cells carries more than three digits."""
    return float(f"{per_ul:.3g}")


def percent(value: float) -> str:
    """A parasitaemia in per cent, to three digits: no count of cells carries more."""
    return f"{np.format_float_positional(value, precision=3, fractional=False, trim='-')} %"


def span(interval: Interval, shown: Callable[[float], str]) -> str:
    """An interval as ``shown`` writes its ends, such as ``0.213 to 1.3 %``."""
    return f"{shown(interval.low).removesuffix(' %')} to {shown(interval.high)}"
