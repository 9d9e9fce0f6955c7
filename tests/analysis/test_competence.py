"""Panels scored as the WHO's external assessment does, against examples computed by hand."""

import pytest

from plasmoscope.analysis.competence import Answer, Part, Truth, competence, judge

FALCIPARUM, VIVAX = frozenset({"P. falciparum"}), frozenset({"P. vivax"})
NEGATIVE = Truth(False)


@pytest.mark.parametrize(
    ("counted", "right"), [(150, True), (149, False), (250, True), (251, False), (200, True), (None, False), (0, False)]
)
def test_a_count_is_right_within_a_quarter_of_the_truth(counted: float | None, right: bool) -> None:
    assert judge(Truth(True, count=200), Answer(True, count=counted)).count is right


def test_of_a_mixed_slide_both_species_must_be_named_and_no_third() -> None:
    mixed = Truth(True, FALCIPARUM | VIVAX)
    assert judge(mixed, Answer(True, FALCIPARUM | VIVAX)).species is True
    assert judge(mixed, Answer(True, FALCIPARUM)).species is False
    assert judge(Truth(True, FALCIPARUM), Answer(True, FALCIPARUM | VIVAX)).species is False
    # What was missed is not named either; what is not known is not asked for.
    assert judge(mixed, Answer(False)).species is False
    assert judge(Truth(True), Answer(True, FALCIPARUM)).species is None
    assert judge(NEGATIVE, Answer(True, FALCIPARUM, 40)).species is None


def test_a_regional_panel_of_ten_slides_is_scored_as_by_hand() -> None:
    """Four negative, three for counting, two of one species, one mixed: the panel of a regional course."""
    read = [
        (NEGATIVE, Answer(False)),
        (NEGATIVE, Answer(False)),
        (NEGATIVE, Answer(False)),
        (NEGATIVE, Answer(True, FALCIPARUM, 16)),
        (Truth(True, FALCIPARUM, 1000), Answer(True, FALCIPARUM, 1250)),
        (Truth(True, FALCIPARUM, 4000), Answer(True, FALCIPARUM, 2900)),
        (Truth(True, FALCIPARUM, 200), Answer(True, FALCIPARUM, 180)),
        (Truth(True, VIVAX), Answer(True, VIVAX)),
        (Truth(True, FALCIPARUM), Answer(True, FALCIPARUM)),
        (Truth(True, FALCIPARUM | VIVAX), Answer(True, FALCIPARUM)),
    ]
    found = competence(read)
    assert (found.detection, found.sensitivity, found.specificity) == (Part(9, 10), Part(6, 6), Part(3, 4))
    # 5 of 6 species are 83 %: level 2. 9 of 10 slides are level 1, and so are 2 of 3 counts.
    assert (found.species, found.counts) == (Part(5, 6), Part(2, 3))
    assert found.level == 2
    assert found.complete


@pytest.mark.parametrize(("right", "level"), [(20, 1), (18, 1), (17, 2), (16, 2), (15, 3), (14, 3), (13, 4), (0, 4)])
def test_detection_alone_gives_the_level_where_nothing_else_is_asked_for(right: int, level: int) -> None:
    found = competence([(Truth(True), Answer(number < right)) for number in range(20)])
    assert (found.level, found.complete) == (level, False)


@pytest.mark.parametrize(("right", "level"), [(10, 1), (9, 2), (8, 2), (7, 3), (6, 3), (5, 4)])
def test_counts_alone_keep_a_reader_from_a_level(right: int, level: int) -> None:
    truth = Truth(True, FALCIPARUM, 100)
    read = [(truth, Answer(True, FALCIPARUM, 100 if number < right else 126)) for number in range(20)]
    assert competence(read).level == level


def test_a_program_that_names_no_species_is_not_asked_for_any() -> None:
    found = competence([(Truth(True, FALCIPARUM, 2.0), Answer(True, count=2.4))], names_species=False)
    assert (found.species, found.level, found.complete) == (Part(0, 0), 1, False)


def test_nothing_read_has_no_level() -> None:
    found = competence([])
    assert found.level is None
    assert found.detection.percent is None
