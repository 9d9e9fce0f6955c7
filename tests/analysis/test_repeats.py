"""A place of the smear counts once, by one rule for analyses and records."""

import pytest

from plasmoscope.analysis.repeats import CountedPlaces


@pytest.mark.parametrize(
    ("shown", "counts_anyway", "repeats"),
    [
        ("abca", (), [None, None, None, 0]),
        ("aaa", (), [None, 0, 0]),
        # The second holds the place as well, but a third is named after the first.
        ("aaa", (1,), [None, 0, 0]),
        ("ab", (0, 1), [None, None]),
    ],
)
def test_a_photograph_repeats_the_first_counted_one_of_its_place(
    shown: str, counts_anyway: tuple[int, ...], repeats: list[int | None]
) -> None:
    places = CountedPlaces[int](lambda earlier, later: shown[earlier] == shown[later])
    assert [places.repeated_by(number, number in counts_anyway) for number in range(len(shown))] == repeats


def test_what_overlaps_two_photographs_repeats_only_a_counted_one() -> None:
    # Each shows half of the one before: the third overlaps the second alone, which does not count.
    places = CountedPlaces[int](lambda earlier, later: later - earlier < 2)
    assert [places.repeated_by(number, False) for number in range(3)] == [None, 0, None]
    # Where the second counts all the same, it holds its half for itself.
    places = CountedPlaces[int](lambda earlier, later: later - earlier < 2)
    assert [places.repeated_by(number, number == 1) for number in range(3)] == [None, 0, 1]
