"""Calls by patient at the threshold for counting: false calls per 1,000 uninfected cells, and sensitivity.

On the whole a network may err seldom and yet misread one patient's slide, which is all that matters to that patient.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plasmoscope.classification.card import Figure
from plasmoscope.evaluation.metrics import RESAMPLES, Bools, Floats
from plasmoscope.evaluation.published import PublishedCells, PublishedError

# Cells: of fewer infected ones a patient's sensitivity says little. Set by hand.
LEAST_INFECTED = 20
_PER = 1_000


@dataclass(frozen=True)
class PatientCalls:
    """What was made of one patient's cells."""

    patient: str
    infected: int
    found: int
    """Infected cells that were called."""
    uninfected: int
    false_calls: int
    """Uninfected cells that were called."""

    @property
    def false_calls_rate(self) -> float | None:
        """Per 1,000 uninfected cells; None without such."""
        return _PER * self.false_calls / self.uninfected if self.uninfected else None

    @property
    def sensitivity(self) -> float | None:
        """Share of the infected cells, 0 to 1; None where there are fewer than ``LEAST_INFECTED``."""
        return self.found / self.infected if self.infected >= LEAST_INFECTED else None


def calls_by_patient(cells: PublishedCells) -> list[PatientCalls]:
    """The calls of each patient at the threshold for counting, in the order of their names.

    Raises:
        PublishedError: the names do not tell the patients, or the table has no thresholds for counting.
    """
    patients = cells.patients
    if patients is None:
        raise PublishedError("The cells' names do not tell their patients, so that nothing can be told by patient.")
    if cells.counting_thresholds is None:
        raise PublishedError(
            "These tables hold no threshold for counting. Write them again with 'plasmoscope compare --output', from "
            "evaluations with the number of views that the models' cards name for counting."
        )
    called = cells.probabilities >= cells.counting_thresholds
    names, member = np.unique(np.asarray(patients), return_inverse=True)

    def counted(which: Bools) -> list[int]:
        return list(map(int, np.bincount(member[which], minlength=len(names))))

    infected = cells.parasitized
    columns = (infected, infected & called, ~infected, ~infected & called)
    return [PatientCalls(str(name), *numbers) for name, *numbers in zip(names, *map(counted, columns), strict=True)]


def figures_by_patient(calls: Sequence[PatientCalls], seed: int = 0) -> dict[str, Figure]:
    """Figures with 95 % percentile bootstrap intervals over patients.

    Returns:
        ``false_calls`` on the whole, ``false_calls_median`` and ``false_calls_p90`` (the rate that nine in ten patients
        do not exceed), per 1,000 uninfected cells; ``sensitivity`` on the whole, 0 to 1; and ``worst_sensitivity``, of
        the patient in whom it is least, whose interval is the value itself: resampling tells nothing of an extreme.
    """
    numbers = np.array([(one.infected, one.found, one.uninfected, one.false_calls) for one in calls], np.float64)
    drawn = np.random.default_rng(seed).integers(len(calls), size=(RESAMPLES, len(calls)))
    of_all = np.arange(len(calls))[None]
    figures = {}
    for name, value, draws in zip(_FIGURES, _figures(numbers, of_all), _figures(numbers, drawn), strict=True):
        low, high = np.nanpercentile(draws, [2.5, 97.5]) if np.isfinite(draws).any() else (np.nan, np.nan)
        figures[name] = Figure(value=float(value[0]), low=float(low), high=float(high))
    enough = [one.sensitivity for one in calls if one.sensitivity is not None]
    worst = min(enough) if enough else float("nan")
    return figures | {"worst_sensitivity": Figure(value=worst, low=worst, high=worst)}


_FIGURES = ("false_calls", "false_calls_median", "false_calls_p90", "sensitivity")


def _figures(numbers: Floats, drawn: NDArray[np.int64]) -> tuple[Floats, ...]:
    infected, found, uninfected, false_calls = (column[drawn] for column in numbers.T)
    with np.errstate(divide="ignore", invalid="ignore"):
        rates = _PER * false_calls / uninfected
        return (
            _PER * false_calls.sum(axis=1) / uninfected.sum(axis=1),
            np.nanmedian(rates, axis=1),
            np.nanquantile(rates, 0.9, axis=1, method="higher"),
            found.sum(axis=1) / infected.sum(axis=1),
        )
