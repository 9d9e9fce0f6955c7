"""How far patients differ: what is known of it, what it does to an interval, and what a count can tell."""

import numpy as np
import pytest

from measured import measured
from plasmoscope.analysis.called_cells import (
    called_at_most,
    least_told,
    least_told_reviewed,
    positive_above,
    share_limits,
)
from plasmoscope.analysis.counting import (
    CALLS_CHANGED,
    COUNTED_DIFFERENTLY,
    count_slide,
    red_cell_count,
    rogan_gladen,
)
from plasmoscope.analysis.limit_of_detection import limit_of_detection
from plasmoscope.analysis.performance import Errors, Performance, Wrong
from plasmoscope.analysis.spread import ASSUMED_SPREAD, Rates, rates_elsewhere, rates_here

DEFAULT = red_cell_count(None, None)


def errors_of(missed: list[int], false_calls: list[int]) -> Errors:
    """Of 40 infected and 400 uninfected cells of each patient."""
    patients = len(missed)
    return Errors(
        sensitivity=1 - sum(missed) / (40 * patients),
        positives=40 * patients,
        specificity=1 - sum(false_calls) / (400 * patients),
        negatives=400 * patients,
        patients=patients,
        missed=tuple(Wrong(wrong, 40) for wrong in missed),
        false_calls=tuple(Wrong(wrong, 400) for wrong in false_calls),
    )


ALIKE = errors_of([4, 3, 5, 4] * 6, [2, 3, 1, 2] * 6)
DIFFERENT = errors_of([0, 1, 0, 15] * 6, [0, 0, 1, 7] * 6)
"""The same errors in all, most of them in a quarter of the patients."""


def by_patient(errors: Errors) -> Performance:
    """As ``evaluate-fields`` writes it."""
    patients = tuple(
        {
            "infected_judged": missed.cells,
            "infected_found": missed.cells - missed.wrong,
            "infected_not_counted": 0,
            "uninfected_judged": false.cells,
            "uninfected_called": false.wrong,
        }
        for missed, false in zip(errors.missed, errors.false_calls, strict=True)
    )
    totals = {name: sum(one[name] for one in patients) for name in patients[0]}
    return measured(**totals, patients=errors.patients, by_patient=patients)


# Rates


def test_patients_who_differ_are_told_from_patients_who_do_not() -> None:
    assert (ALIKE.sensitivity, ALIKE.specificity) == (DIFFERENT.sensitivity, DIFFERENT.specificity)
    alike, different = rates_here(ALIKE), rates_here(DIFFERENT)
    assert alike.patients_sensitivity[0] > 0.8
    assert different.patients_sensitivity[0] < 0.6
    assert alike.patients_specificity[0] > 0.985
    assert different.patients_specificity[0] < 0.98
    for rates in (alike, different):
        assert rates.mean_sensitivity[0] < 0.9 < rates.mean_sensitivity[1]
    assert different.mean_sensitivity[0] < alike.mean_sensitivity[0], "of so many alike, cells tell less"


def test_a_known_spread_is_found_again() -> None:
    rng = np.random.default_rng(3)
    mean, spread = 0.1, 1.0
    rates = rng.beta(1 / (spread**2 * (1 - mean)), 1 / (spread**2 * mean), 200)
    found = rates_here(errors_of(rng.binomial(40, rates).tolist(), [1] * 200))
    expected = 1 - np.quantile(rates, [0.975, 0.025])
    assert found.patients_sensitivity == pytest.approx(expected, abs=0.06)


def test_where_nobody_knows_how_far_patients_differ_it_is_taken_to_be_far() -> None:
    unknown = measured().errors
    assert unknown.missed == ()
    assert rates_here(unknown).patients_sensitivity[0] < rates_here(ALIKE).patients_sensitivity[0]
    elsewhere = rates_elsewhere()
    assert elsewhere.mean_sensitivity[0] == pytest.approx(0.53, abs=0.02)
    assert elsewhere.mean_sensitivity[1] == pytest.approx(0.77, abs=0.02)


def test_few_patients_tell_little() -> None:
    few = rates_here(errors_of([4, 3, 5], [2, 3, 1]))
    assert few.patients_sensitivity[0] < rates_here(ALIKE).patients_sensitivity[0] - 0.1


def test_few_wrong_calls_of_patients_who_were_not_told_apart_may_be_luck() -> None:
    together = Errors(sensitivity=0.9, positives=960, specificity=1 - 20 / 9_600, negatives=9_600, patients=24)
    worst = 1 - rates_here(together).mean_specificity[0]
    # If so many are called in the mean patient, and patients differ as is assumed, how seldom are as few called?
    rng = np.random.default_rng(0)
    rates = rng.beta(1 / (ASSUMED_SPREAD**2 * (1 - worst)), 1 / (ASSUMED_SPREAD**2 * worst), (20_000, 24))
    assert np.mean(rng.binomial(400, rates).sum(axis=1) <= 20) == pytest.approx(0.025, abs=0.015)


# What a count says


def certain(sensitivity: float, false_calls: float) -> Rates:
    """Of patients who are all alike."""
    return Rates(np.full(10, sensitivity), np.full(10, false_calls), (0, 1), (0, 1))


def test_without_errors_the_interval_is_that_of_the_count_alone() -> None:
    low, high = share_limits(15, 148, certain(1, 0))
    # Newcombe 1998, table I, mid-P: 15 of 148.
    assert (low, high) == pytest.approx((0.0601, 0.1581), abs=2e-4)


def test_the_limits_are_those_of_the_binomial_distribution_where_patients_are_alike() -> None:
    assert called_at_most(3, 1_000, 0.0, certain(0.9, 0.002)) == pytest.approx(0.8574, abs=1e-3)
    assert called_at_most(-1, 1_000, 0.0, certain(0.9, 0.002)) == 0
    # A mean of 2: more than 5 in 1.7 %, more than 4 in 5.3 %.
    assert positive_above(1_000, certain(0.9, 0.002)) == 5
    # The rule of three over the sensitivity.
    assert least_told_reviewed(1_000, certain(0.9, 0.002)) == pytest.approx(0.00332, abs=2e-5)
    assert least_told_reviewed(2, certain(0.5, 0.0)) is None
    # More than five of a mean of 10.5.
    assert least_told(1_000, certain(0.9, 0.002)) == pytest.approx(0.0095, abs=4e-4)
    assert least_told(1_000, certain(0.02, 0.02)) is None


def test_the_more_patients_differ_the_less_a_count_says() -> None:
    alike, different = (rogan_gladen(60, 1_000, errors) for errors in (ALIKE, DIFFERENT))
    assert alike is not None
    assert different is not None
    assert alike.value == different.value
    assert different.low < alike.low
    assert different.high > alike.high
    told = [limit_of_detection(1_000, by_patient(errors)) for errors in (ALIKE, DIFFERENT)]
    assert told[1].positive_above > told[0].positive_above
    for limit in ("limit", "limit_reviewed"):
        assert getattr(told[1], limit) > getattr(told[0], limit)


def test_a_person_who_looks_at_the_calls_and_more_cells_lower_the_limit() -> None:
    here = by_patient(ALIKE)
    few, many = limit_of_detection(500, here), limit_of_detection(5_000, here)
    assert few.limit > many.limit
    assert few.limit_reviewed > many.limit_reviewed
    assert many.limit > many.limit_reviewed


# What is said of it


def test_a_count_says_from_which_parasitaemia_on_it_tells_and_on_what_that_rests() -> None:
    here = by_patient(ALIKE)
    told = count_slide(30, 1_000, DEFAULT, here).detection
    assert told is not None
    assert told.measured == "each patient"
    assert f"more than {told.positive_above} called cells make a slide positive" in told.statement
    for part in ("With 1,000 red cells counted", "alone", "looked at every called cell", "95 % probability"):
        assert part in told.statement
    assert "figures of St. Mary, Kisumu, and on how far its 24 patients differed" in told.statement
    unknown = count_slide(30, 1_000, DEFAULT, measured()).detection
    assert unknown is not None
    assert unknown.measured == "all patients"
    assert "was not measured; it is taken to be far" in unknown.statement


def test_nobody_is_told_that_the_nihs_figures_hold_here() -> None:
    for count in (
        count_slide(30, 1_000, DEFAULT, None),
        count_slide(30, 1_000, DEFAULT, by_patient(ALIKE), not_corrected=COUNTED_DIFFERENTLY),
    ):
        told = count.detection
        assert told is not None
        assert told.measured == "elsewhere"
        assert "on this laboratory's slides has not been measured" in told.statement
        assert told.limit is None or told.limit > limit_of_detection(1_000, by_patient(ALIKE)).limit
    # What the program could tell alone is the same whatever people called.
    changed = count_slide(30, 1_000, DEFAULT, by_patient(ALIKE), not_corrected=CALLS_CHANGED)
    assert changed.detection == limit_of_detection(1_000, by_patient(ALIKE))
    assert changed.detection.positive is None


def test_a_count_says_on_which_side_of_the_limit_its_slide_is() -> None:
    here = by_patient(ALIKE)
    above = limit_of_detection(1_000, here).positive_above
    for infected, positive, words in ((above + 1, True, "This slide has more"), (above, False, "does not have more")):
        told = count_slide(infected, 1_000, DEFAULT, here).detection
        assert told is not None
        assert told.positive is positive
        assert words in told.statement
    unclear = limit_of_detection(1, None, called=1)
    assert unclear.positive is None or unclear.positive_above < 1


def test_of_too_few_cells_nothing_is_told() -> None:
    told = limit_of_detection(1, None)
    assert told.limit is told.limit_reviewed is None
    assert "tell no parasitaemia" in told.statement
    assert "none either" in told.statement
    assert "No number of called cells" in told.statement or told.positive_above == 0
