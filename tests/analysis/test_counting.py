import pytest

from plasmoscope.analysis.counting import (
    CountingError,
    count_slide,
    red_cell_count,
    rogan_gladen,
    wilson,
)
from plasmoscope.analysis.performance import Errors

DEFAULT = red_cell_count(None, None)


def test_the_wilson_interval_is_the_published_one() -> None:
    """Newcombe 1998, table I: 15 of 148."""
    interval = wilson(15, 148)
    assert interval.value == pytest.approx(15 / 148)
    assert (interval.low, interval.high) == pytest.approx((0.0624, 0.1605), abs=2e-4)


def test_nothing_found_gives_an_upper_limit_and_never_a_negative() -> None:
    count = count_slide(0, 1_000, DEFAULT, None)
    assert count.parasitaemia.low == 0
    # The rule of three gives 0.3 %; Wilson's interval is a little wider.
    assert 0.3 < count.parasitaemia.high < 0.4
    assert "does not rule malaria out" in count.statement
    assert "negative" not in count.statement.lower()


def test_parasites_per_microlitre_come_from_what_was_measured_and_say_so() -> None:
    measured = count_slide(10, 1_000, red_cell_count(4_000_000, 40), None)
    assert measured.parasites_per_ul.value == pytest.approx(40_000)
    assert measured.red_cells_basis.startswith("measured")
    haematocrit = count_slide(10, 1_000, red_cell_count(None, 45), None)
    assert haematocrit.parasites_per_ul.value == pytest.approx(50_000)
    assert "haematocrit of 45 %" in haematocrit.red_cells_basis
    assumed = count_slide(10, 1_000, DEFAULT, None)
    assert assumed.parasites_per_ul.value == pytest.approx(50_000)
    assert assumed.red_cells_basis.startswith("assumed: 5,000,000")
    # One in 33 of 5,000,000 is 151,515, which no count of 33 cells can know.
    assert "about 152,000 parasites per microlitre" in count_slide(1, 33, DEFAULT, None).statement


@pytest.mark.parametrize(("red_cells", "haematocrit"), [(4.5, None), (None, 0.42), (None, 120)])
def test_blood_that_cannot_be_is_refused(red_cells: float | None, haematocrit: float | None) -> None:
    with pytest.raises(CountingError):
        red_cell_count(red_cells, haematocrit)


def test_the_corrected_estimate_takes_out_phantoms_and_adds_what_was_missed() -> None:
    errors = Errors(sensitivity=0.9, positives=1_000, specificity=0.98, negatives=1_000)
    # 10 % infected: 0.1 x 0.9 + 0.9 x 0.02 = 10.8 % called.
    corrected = rogan_gladen(1_080, 10_000, errors)
    assert corrected is not None
    assert corrected.value == pytest.approx(0.1, abs=1e-6)
    assert corrected.low < 0.1 < corrected.high
    only_phantoms = rogan_gladen(200, 10_000, errors)
    assert only_phantoms is not None
    assert only_phantoms.value == pytest.approx(0, abs=1e-6)
    assert rogan_gladen(5, 10, Errors(0.5, 100, 0.5, 100)) is None


def test_correcting_never_makes_a_slide_without_infected_cells_look_safer() -> None:
    errors = Errors(0.93, 1_342, 0.9943, 1_413)
    for infected, counted in ((0, 180), (0, 1_448), (1, 1_000), (3, 3_000)):
        interval = rogan_gladen(infected, counted, errors)
        assert interval is not None
        assert interval.value == interval.low == 0
        assert interval.high >= wilson(infected, counted).high


def test_a_count_of_nothing_but_infected_cells_is_told_in_plain_figures() -> None:
    assert "parasitaemia 100 % (95 % interval 72.2 % to 100 %)" in count_slide(10, 10, DEFAULT, None).statement
    assert "up to 0.383 % of red cells" in count_slide(0, 1_000, DEFAULT, None).statement


def test_counting_goes_on_until_cells_and_precision_suffice() -> None:
    assert "700 more red cells" in str(count_slide(5, 300, DEFAULT, None).advice)
    assert "more exact" in str(count_slide(5, 1_500, DEFAULT, None).advice)
    assert "thick film" in str(count_slide(0, 1_500, DEFAULT, None).advice)
    assert count_slide(300, 3_000, DEFAULT, None).advice is None
    assert "more exact" in str(count_slide(300, 3_000, DEFAULT, None, precision=0.05).advice)


def test_more_infected_than_counted_is_no_count() -> None:
    with pytest.raises(CountingError):
        count_slide(5, 4, DEFAULT, None)
    with pytest.raises(CountingError):
        count_slide(0, 0, DEFAULT, None)
