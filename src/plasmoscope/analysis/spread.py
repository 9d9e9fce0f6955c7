"""How far a program's error rates differ between patients, and what they may be for one more.

Cells of one patient share stain, light and the parasites' age, so a program that misses 7 % of infected cells on the
whole misses half of them in some patients. A slide is of one patient. The correction of its count, and the least
parasitaemia that can be told, must allow for all that the rates of a further patient may be.

Misses (of infected cells) and false calls (of others) each have a rate that follows a beta distribution over patients,
so that wrong calls are beta-binomial (Williams 1975, doi:10.2307/2529820; for tests of a disease: Chu & Cole 2006). The
mean is m, and the parameters are 1 / (s^2 (1 - m)) and 1 / (s^2 m): s, the spread, is to first order the standard
deviation of patients' log odds, which is about as large for rare errors as for frequent ones. Mean and spread are known
only as well as so many patients tell, from their posterior on a grid. The two rates are taken to be independent of each
other.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, expit

from plasmoscope.analysis.performance import FALSE_CALLS_ELSEWHERE, FOUND_ELSEWHERE, Errors, Wrong

# How far patients differ as a rule, a little more than the NIH's 200 do: the network that ships, which had learnt part
# of their cells, had at its threshold for counting a spread of 1.06 (95 % interval 0.91 to 1.24) of misses and of 1.21
# (0.65 to 1.81) of false calls. Also the scale of the spread's prior, a half-normal distribution.
EXPECTED_SPREAD = 1.2
# Taken where a laboratory did not measure how far its own differ: wide on purpose. Of 28 of the NIH's whom a network
# had not seen, it found 93 % of the parasites, but 41 to 45 % in three.
ASSUMED_SPREAD = 2.0
# Or less, where that would make the cells of most patients called all rightly or all wrongly: the errors in two cells
# of one patient are correlated by at most this. Misses of a weak classifier (it found 71 % in the mean patient) were by
# 0.21 (95 % interval 0.17 to 0.26) in the NIH's patients whom it had not seen. With 0.2 instead, 92 % of slides dealt
# from their cells had their truth in the interval, and 92 % of those at the limit of detection were found.
_ALIKE_AT_MOST = 0.3
_DRAWS = 20_000
# Rates of a further patient that stand for all, as likely as each other.
_STANDING = 500
_MEANS = np.linspace(-14, 7, 200)
"""Log odds."""
_SPREADS = np.geomspace(0.03, 6, 50)

Floats = NDArray[np.float64]
Share = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Rates:
    """What a further patient's rates may be."""

    sensitivity: Floats
    """Shape (500,): each as likely as the next, and independent of ``false_calls`` of the same place."""
    false_calls: Floats
    """Likewise: shares of the uninfected cells."""
    mean_sensitivity: Share
    """95 % interval of the mean over patients."""
    mean_specificity: Share
    """Likewise."""

    @property
    def patients_sensitivity(self) -> Share:
        """Between which 95 of 100 patients' sensitivities lie."""
        return _middle(self.sensitivity)

    @property
    def patients_specificity(self) -> Share:
        """Likewise of the specificity."""
        return _middle(1 - self.false_calls)


@lru_cache(maxsize=100)
def rates_here(errors: Errors) -> Rates:
    """Rates of a further patient of the laboratory where these errors were measured."""
    rng = np.random.default_rng(0)
    misses = _means_and_spreads(errors.missed, 1 - errors.sensitivity, errors.positives, errors.patients, rng)
    false_calls = _means_and_spreads(errors.false_calls, 1 - errors.specificity, errors.negatives, errors.patients, rng)
    return _rates(misses, false_calls, rng)


@lru_cache(maxsize=1)
def rates_elsewhere() -> Rates:
    """Rates of a patient of a laboratory that is like those on whose photographs the program was tried.

    Its own means may lie anywhere between theirs, and its patients differ as they do as a rule.
    """
    rng = np.random.default_rng(0)
    missed = 1 - rng.uniform(*FOUND_ELSEWHERE, _DRAWS) / 100
    called = rng.uniform(*FALSE_CALLS_ELSEWHERE, _DRAWS) / 1_000
    spread = np.full(_DRAWS, EXPECTED_SPREAD)
    return _rates((missed, spread), (called, spread), rng)


def _rates(misses: tuple[Floats, Floats], false_calls: tuple[Floats, Floats], rng: np.random.Generator) -> Rates:
    # Evenly spaced ranks of many draws; shuffled against each other, as in a Latin hypercube.
    ranks = (np.arange(_STANDING) + 0.5) / _STANDING
    return Rates(
        sensitivity=np.quantile(1 - _of_patients(*misses, rng), ranks),
        false_calls=rng.permutation(np.quantile(_of_patients(*false_calls, rng), ranks)),
        mean_sensitivity=_middle(1 - misses[0]),
        mean_specificity=_middle(1 - false_calls[0]),
    )


def _of_patients(mean: Floats, spread: Floats, rng: np.random.Generator) -> Floats:
    return rng.beta(1 / (spread**2 * (1 - mean)), 1 / (spread**2 * mean))


def _means_and_spreads(
    by_patient: Sequence[Wrong], share: float, cells: int, patients: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Draws from what is known of mean and spread of an error's rate."""
    if not by_patient:
        mean = _mean_of_all(share, cells, patients, rng)
        return mean, _assumed_spread(mean)
    means, spreads = np.meshgrid(expit(_MEANS), _SPREADS, indexing="ij")
    a, b = 1 / (spreads**2 * (1 - means)), 1 / (spreads**2 * means)
    # Jeffreys' prior of the mean, a half-normal one of the spread; the last term is of the grid, which is geometric.
    belief = 0.5 * np.log(means * (1 - means)) - 0.5 * (spreads / EXPECTED_SPREAD) ** 2 + np.log(spreads)
    whole = betaln(a, b)
    for (wrong, judged), number in Counter(by_patient).items():
        belief += number * (betaln(wrong + a, judged - wrong + b) - whole)
    weights = np.exp(belief - belief.max())
    chosen = rng.choice(weights.size, _DRAWS, p=weights.ravel() / weights.sum())
    row, column = np.unravel_index(chosen, weights.shape)
    # Anywhere in the grid's cell.
    odds = _MEANS[row] + (_MEANS[1] - _MEANS[0]) * rng.uniform(-0.5, 0.5, _DRAWS)
    ratio = _SPREADS[1] / _SPREADS[0]
    return expit(odds), _SPREADS[column] * ratio ** rng.uniform(-0.5, 0.5, _DRAWS)


def _mean_of_all(share: float, cells: int, patients: int, rng: np.random.Generator) -> Floats:
    """Draws from what is known of the mean of a rate of which only the share in all patients together is known.

    The mean of so many patients' rates follows about a beta distribution too, as many times as narrow, whose width goes
    with each mean that may be: few wrong calls may be those of patients who happened to be read well.
    """
    means = expit(_MEANS)
    precision = patients * (1 / (_assumed_spread(means) ** 2 * means * (1 - means)) + 1) - 1
    a, b = means * precision, (1 - means) * precision
    # Jeffreys' prior.
    belief = 0.5 * np.log(means * (1 - means)) + betaln(share * cells + a, (1 - share) * cells + b) - betaln(a, b)
    weights = np.exp(belief - belief.max())
    chosen = rng.choice(_MEANS.size, _DRAWS, p=weights / weights.sum())
    # Anywhere in the grid's cell.
    drawn: Floats = expit(_MEANS[chosen] + (_MEANS[1] - _MEANS[0]) * rng.uniform(-0.5, 0.5, _DRAWS))
    return drawn


def _assumed_spread(mean: Floats) -> Floats:
    # Correlated by v / (1 + v), v = spread^2 mean (1 - mean).
    most = _ALIKE_AT_MOST / (1 - _ALIKE_AT_MOST) / (mean * (1 - mean))
    return np.minimum(ASSUMED_SPREAD, np.sqrt(most))


def _middle(values: Floats) -> Share:
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)
