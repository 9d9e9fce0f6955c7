"""How many cells of a slide are called, given its parasitaemia and the rates that its patient may have.

Each of n counted cells is called with probability t s + (1 - t) f, where t is the share of infected ones, s the
patient's sensitivity and f the rate of false calls; the number of calls is binomial, mixed over all that s and f may
be. What a count says of t, and from which t on a slide is told from one without parasites, follow from this.
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from scipy.optimize import brentq
from scipy.special import bdtr

from plasmoscope.analysis.spread import Rates

# Of slides without parasites, at most so many are above the count from which on a slide is positive; of slides at the
# limit of detection, so many are missed.
MISTAKEN = 0.05
# Probability on each side of a 95 % interval.
_TAIL = 0.025


def called_at_most(calls: int, counted: int, share: float, rates: Rates) -> float:
    """Probability that of the counted cells no more than so many are called, where a share of them is infected."""
    if calls < 0:
        return 0.0
    call_rate = share * rates.sensitivity + (1 - share) * rates.false_calls
    return float(np.mean(bdtr(calls, counted, call_rate)))


def share_limits(calls: int, counted: int, rates: Rates) -> tuple[float, float]:
    """95 % interval of the share of infected cells: those shares under which as few or as many calls are no surprise.

    Half of the probability of just so many calls counts on each side (mid-P; Berry & Armitage 1995,
    doi:10.2307/2348891), since with all of it intervals of small counts cover more than they say.
    """

    def below(share: float) -> float:
        """Decreases in the share."""
        return (called_at_most(calls, counted, share, rates) + called_at_most(calls - 1, counted, share, rates)) / 2

    low, high = (_where(below, level) for level in (1 - _TAIL, _TAIL))
    return low, high


@lru_cache(maxsize=1_000)
def positive_above(counted: int, rates: Rates) -> int:
    """The least number of calls that at most 5 % of slides without parasites exceed."""
    low, high = -1, counted
    while high - low > 1:
        middle = (low + high) // 2
        if called_at_most(middle, counted, 0.0, rates) >= 1 - MISTAKEN:
            high = middle
        else:
            low = middle
    return high


@lru_cache(maxsize=1_000)
def least_told(counted: int, rates: Rates) -> float | None:
    """The share of infected cells from which on 95 % of slides have more calls than ``positive_above``.

    Returns:
        None where that holds of no share.
    """
    most = positive_above(counted, rates)
    return _least(lambda share: called_at_most(most, counted, share, rates))


@lru_cache(maxsize=1_000)
def least_told_reviewed(counted: int, rates: Rates) -> float | None:
    """The share from which on an infected cell is among the called ones on 95 % of slides.

    It is the limit where a person who looks at the called cells finds out which are false.

    Returns:
        None where that holds of no share.
    """
    return _least(lambda share: float(np.mean((1 - share * rates.sensitivity) ** counted)))


def _least(missed: Callable[[float], float]) -> float | None:
    return _where(missed, MISTAKEN) if missed(1.0) <= MISTAKEN else None


def _where(decreasing: Callable[[float], float], level: float) -> float:
    """The share at which a function that decreases has come down to a level: 0 or 1 where it is below or above it."""
    if decreasing(0.0) <= level:
        return 0.0
    if decreasing(1.0) >= level:
        return 1.0
    return float(brentq(lambda share: decreasing(share) - level, 0.0, 1.0, xtol=1e-7))
