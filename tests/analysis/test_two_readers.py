"""Two readers and a third: worked examples by hand, and simulated readers of known skill."""

import math

import numpy as np
import pytest

from plasmoscope.analysis.two_readers import (
    RULES,
    Reading,
    ReadingError,
    agreement,
    chance_of_difference,
    cohen_kappa,
    disagreements,
    settle,
)


def _read(infected: int, counted: int = 2_000, reader: str = "A", species: str = "") -> Reading:
    return Reading(reader, infected, counted, species)


@pytest.mark.parametrize(
    ("rule", "first", "second", "disagree"),
    [
        # 40 and 50: 10 / 45 = 22.2 %; 40 and 52: 12 / 46 = 26.1 %.
        ("fixed-25", 40, 50, False),
        ("fixed-25", 40, 52, True),
        # 30 and 50: 20 / 40 = 50 %, which is not above it; 30 and 51: 21 / 40.5 = 51.9 %.
        ("fixed-50", 30, 50, False),
        ("fixed-50", 30, 51, True),
        # Roots of 9 and 16 are 1 apart, of 9 and 18 1.243, of 9 and 20 1.472.
        ("alexander-95", 9, 18, False),
        ("alexander-95", 9, 20, True),
        ("alexander-90", 9, 16, False),
        ("alexander-90", 9, 18, True),
    ],
)
def test_each_rule_tells_the_worked_examples(rule: str, first: int, second: int, disagree: bool) -> None:
    assert RULES[rule].disagree(_read(first), _read(second), 5e6) is disagree
    assert RULES[rule].disagree(_read(second), _read(first), 5e6) is disagree


def test_a_fixed_percentage_calls_few_parasites_a_disagreement_that_the_others_know_for_chance() -> None:
    # 2 and 4 cells differ by 67 % of their mean.
    assert RULES["fixed-50"].disagree(_read(2), _read(4), 5e6)
    assert not RULES["obare"].disagree(_read(2), _read(4), 5e6)
    assert not RULES["alexander-90"].disagree(_read(2), _read(4), 5e6)


def test_the_chance_of_a_difference_is_summed_over_every_pair_of_counts() -> None:
    # Mean 1 each: P(|X - Y| >= 2) = 1 - P(0) - 2 P(1) of a Skellam law, by hand from its Bessel series.
    bessel = [sum(1.0 / (math.factorial(k) * math.factorial(k + order)) for k in range(20)) for order in (0, 1)]
    expected = 1 - math.exp(-2) * (bessel[0] + 2 * bessel[1])
    assert chance_of_difference(_read(0), _read(2)) == pytest.approx(expected, rel=1e-9)
    assert chance_of_difference(_read(0), _read(0)) == 1
    assert chance_of_difference(_read(7), _read(7)) == pytest.approx(1)
    # Half the cells and half the parasites is the same share.
    assert chance_of_difference(_read(20, 1_000), _read(40, 2_000)) == pytest.approx(1)


def test_obare_asks_for_a_dense_reading() -> None:
    # 1 of 50,000 cells is 100 per microlitre of 5,000,000; a reading of ten is 1,000.
    assert disagreements(_read(1, 50_000), _read(1, 50_000), RULES["obare"]) == ()
    assert disagreements(_read(1, 50_000), _read(10, 50_000), RULES["obare"]) == ("count",)
    assert disagreements(_read(1, 500_000), _read(10, 500_000), RULES["obare"]) == ()


def test_presence_species_and_count_are_compared_each_on_its_own() -> None:
    rule = RULES["fixed-25"]
    assert disagreements(_read(0), _read(1), rule) == ("presence",)
    assert disagreements(_read(0), _read(0), rule) == ()
    vivax, falciparum = _read(40, species="vivax"), _read(42, species="falciparum")
    assert disagreements(vivax, falciparum, rule) == ("species",)
    assert disagreements(vivax, _read(60, species="falciparum"), rule) == ("species", "count")
    assert disagreements(vivax, _read(40), rule) == ()


def test_two_that_agree_are_averaged_and_a_third_changes_nothing() -> None:
    readings = [_read(40, reader="A"), _read(44, reader="B")]
    settled = settle(readings, RULES["fixed-25"])
    assert settled.share == pytest.approx(0.021)
    assert not settled.third_needed
    assert "fixed rule" in settled.statement
    assert settle([*readings, _read(90, reader="C")], RULES["fixed-25"]) == settled


def test_a_third_reader_decides_by_the_two_closest_counts() -> None:
    two = [_read(20, reader="A"), _read(60, reader="B")]
    waiting = settle(two, RULES["alexander-95"])
    assert waiting.third_needed
    assert waiting.share is None
    assert "third reader" in waiting.statement
    settled = settle([*two, _read(52, reader="C")], RULES["alexander-95"])
    assert settled.readers == ("B", "C")
    assert settled.share == pytest.approx(56 / 2_000)
    assert "2.8 %" in settled.statement


def test_a_third_reader_decides_presence_and_species_by_the_majority() -> None:
    rule = RULES["obare"]
    negative = settle([_read(0, reader="A"), _read(2, reader="B"), _read(0, reader="C")], rule)
    assert negative.positive is False
    assert negative.share == 0
    assert "No parasite seen" in negative.statement
    positive = settle([_read(0, reader="A"), _read(2, reader="B"), _read(4, reader="C")], rule)
    assert positive.share == pytest.approx(3 / 2_000)
    three = [_read(40, reader=reader, species=name) for reader, name in zip("ABC", "vfv", strict=True)]
    assert settle(three, rule).species == "v"
    all_different = [_read(40, reader=reader, species=name) for reader, name in zip("ABC", "vfo", strict=True)]
    assert settle(all_different, rule).species == ""


def test_readings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ReadingError, match="no count"):
        _read(3, 2)
    with pytest.raises(ReadingError, match="two or three readings"):
        settle([_read(1)], RULES["obare"])
    with pytest.raises(ReadingError, match="another reader"):
        settle([_read(1), _read(2)], RULES["obare"])
    with pytest.raises(ReadingError, match="No slide"):
        agreement([], RULES["obare"])


def test_kappa_is_that_of_a_table_worked_by_hand() -> None:
    # 50 slides: observed 0.7, expected 0.5 x 0.6 + 0.5 x 0.4 = 0.5, kappa 0.4.
    kappa, interval = cohen_kappa(np.array([[20.0, 5.0], [10.0, 15.0]]))
    assert kappa == pytest.approx(0.4)
    # Fleiss, Cohen & Everitt's variance by hand: 0.126 squared.
    assert interval == pytest.approx((0.4 - 1.96 * 0.1267, 0.4 + 1.96 * 0.1267), abs=2e-3)
    assert cohen_kappa(np.array([[9.0, 0.0], [0.0, 0.0]])) == (None, None)
    assert cohen_kappa(np.array([[9.0, 0.0], [0.0, 9.0]]))[0] == 1


def test_simulated_readers_of_known_skill_have_the_kappa_that_is_expected() -> None:
    slides, sensitivity, specificity = 20_000, 0.9, 0.95
    rng = np.random.default_rng(0)
    infected = rng.random(slides) < 0.5

    def call() -> list[bool]:
        return [bool(x) for x in np.where(infected, rng.random(slides) < sensitivity, rng.random(slides) > specificity)]

    pairs = [(_read(int(a)), _read(int(b), reader="B")) for a, b in zip(call(), call(), strict=True)]
    positive = 0.5 * sensitivity + 0.5 * (1 - specificity)
    both = 0.5 * sensitivity**2 + 0.5 * (1 - specificity) ** 2
    neither = 0.5 * (1 - sensitivity) ** 2 + 0.5 * specificity**2
    chance = positive**2 + (1 - positive) ** 2
    measured = agreement(pairs, RULES["fixed-25"])
    assert measured.kappa == pytest.approx((both + neither - chance) / (1 - chance), abs=0.02)
    assert measured.disagreeing == measured.only_first + measured.only_second


@pytest.mark.parametrize(
    ("rule", "least", "most"),
    [("alexander-95", 0.035, 0.065), ("alexander-90", 0.085, 0.115), ("obare", 0.07, 0.10)],
)
def test_readers_who_differ_by_chance_alone_disagree_as_often_as_the_rule_says(
    rule: str, least: float, most: float
) -> None:
    rng = np.random.default_rng(1)
    counts = rng.poisson(60, (4_000, 2)).tolist()
    measured = agreement([(_read(a), _read(b, reader="B")) for a, b in counts], RULES[rule])
    assert least <= measured.disagreeing / measured.slides <= most
    assert measured.mean_difference == pytest.approx(0, abs=0.02)
    # 95 % limits of a difference of two counts of 60 on 2,000 cells: 1.96 x sqrt(120) / 20 points.
    assert measured.limits is not None
    assert measured.limits[1] - measured.limits[0] == pytest.approx(2 * 1.96 * math.sqrt(120) / 20, rel=0.05)
