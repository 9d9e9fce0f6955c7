"""The queue of cells to look at, and what a look at a random few tells of the rest."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom

from plasmoscope.analysis.results import Cell, Field
from plasmoscope.analysis.review import SAMPLE, JudgedField, Reason, clopper_pearson, pack_judged, queue_of, review_of
from slides import rendered_field

TEMPLATE = rendered_field()[1]
THRESHOLD, SCREENING = 0.976, 0.766


def field_of(*probabilities: float, uncertain: int = 0) -> Field:
    """Cells with these probabilities, called at the threshold; then some of which the model is silent."""
    like = next(cell for cell in TEMPLATE.cells if cell.counted)
    cells: list[Cell] = [
        replace(like, number=number, parasitized_probability=value, parasitized=value >= THRESHOLD)
        for number, value in enumerate(probabilities, start=1)
    ]
    silent = replace(like, kind="not_a_cell", parasitized=None, parasitized_probability=0.5)
    cells += [replace(silent, number=len(cells) + 1 + extra) for extra in range(uncertain)]
    return TEMPLATE.model_copy(update={"cells": tuple(cells)})


def judged(field_id: int, field: Field, screening: float | None = SCREENING) -> JudgedField:
    return JudgedField(field_id, pack_judged(field), screening, THRESHOLD)


def test_called_cells_come_first_then_uncertain_ones_then_those_nearest_to_the_threshold() -> None:
    first = field_of(0.98, 0.1, 0.80, 0.5, uncertain=1)
    second = field_of(0.99, 0.97, 0.2)
    queue = queue_of([judged(1, first), judged(2, second)], seed=7)
    order = [(due.reason, due.field_id, due.number) for due in queue.due]
    assert order[:6] == [
        ("called", 2, 1), ("called", 1, 1), ("uncertain", 1, 5), ("near", 2, 2), ("near", 1, 3), ("near", 1, 4),
    ]  # fmt: skip
    assert {place[0] for place in order[6:]} == {"sample"}
    assert {field_id: set(numbers) for field_id, numbers in queue.rest.items()} == {1: {2}, 2: {3}}


def test_cells_between_a_half_and_the_threshold_are_in_the_queue_without_a_threshold_for_screening_too() -> None:
    queue = queue_of([judged(1, field_of(*np.linspace(0.5, 0.97, 37)), screening=None)], seed=7)
    assert Counter(due.reason for due in queue.due) == {"near": 37}


def test_what_the_border_cuts_and_what_is_no_red_cell_is_in_no_queue() -> None:
    whole = [cell for cell in TEMPLATE.cells if cell.counted]
    assert len(whole) < len(TEMPLATE.cells)
    due = queue_of([judged(1, TEMPLATE)], seed=7).due
    assert {one.number for one in due} == {cell.number for cell in whole}


def test_the_sample_is_the_slides_own_and_stays_when_a_photograph_is_added() -> None:
    fields = [judged(number, field_of(*np.full(60, 0.01))) for number in range(1, 6)]

    def drawn(some: list[JudgedField], seed: int) -> set[tuple[int, int]]:
        return {(due.field_id, due.number) for due in queue_of(some, seed).due}

    before = drawn(fields, 7)
    assert len(before) == SAMPLE
    assert drawn(fields, 7) == before
    assert drawn(fields, 8) != before
    after = drawn([*fields, judged(6, field_of(*np.full(60, 0.01)))], 7)
    assert {place for place in after if place[0] != 6} < before


def test_the_sample_holds_the_smallest_of_the_numbers_that_cells_are_given_each_in_its_turn() -> None:
    rng = np.random.default_rng(5)
    fields = {number: field_of(*rng.random(int(rng.integers(0, 80))) * 0.6) for number in range(1, 9)}
    given = []
    for field_id, field in fields.items():
        tickets = np.random.default_rng((7, field_id)).random(max((cell.number for cell in field.cells), default=0) + 1)
        for cell in field.cells:
            assert cell.parasitized_probability is not None
            if cell.parasitized_probability < THRESHOLD / 2:
                given.append((tickets[cell.number], field_id, cell.number, cell.parasitized_probability))
    assert len(given) > SAMPLE
    queue = queue_of([judged(number, field) for number, field in fields.items()], seed=7)
    sample = [(due.field_id, due.number, due.probability) for due in queue.due if due.reason == "sample"]
    assert sample == [one[1:] for one in sorted(given)[:SAMPLE]]
    assert sum(map(len, queue.rest.values())) == len(given)


def test_every_cell_of_the_rest_is_as_likely_drawn() -> None:
    fields = [judged(1, field_of(*np.full(150, 0.01))), judged(2, field_of(*np.full(50, 0.01)))]
    times = Counter(due.field_id for seed in range(200) for due in queue_of(fields, seed).due)
    # A quarter of 20,000 draws, each time a hundred of two hundred: the standard deviation is about 61.
    assert times[2] == pytest.approx(5_000, abs=250)


@pytest.mark.parametrize(("found", "looked_at"), [(0, 100), (1, 100), (7, 46), (46, 46)])
def test_the_exact_interval_ends_where_what_was_found_is_just_no_surprise(found: int, looked_at: int) -> None:
    share = clopper_pearson(found, looked_at)
    if found:
        assert binom.sf(found - 1, looked_at, share.low) == pytest.approx(0.025)
    else:
        assert share.low == 0
    if found < looked_at:
        assert binom.cdf(found, looked_at, share.high) == pytest.approx(0.025)
    else:
        assert share.high == 1


def test_misses_are_estimated_among_the_cells_that_nobody_looked_at() -> None:
    due: Counter[Reason] = Counter({"called": 9, "uncertain": 3, "near": 5, "sample": 100})
    looked_at: Counter[Reason] = Counter({"called": 9, "sample": 50})
    review = review_of(due, looked_at, sample_infected=1, rest=2_050, not_looked_at=2_000)
    assert review.waiting == 3
    assert review.misses.value == pytest.approx(40)
    assert (review.misses.low, review.misses.high) == pytest.approx((1.0, 213.0), abs=0.5)
    none = review_of(due, Counter(), sample_infected=0, rest=2_050, not_looked_at=2_050)
    assert none.misses is None
