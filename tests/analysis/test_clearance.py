"""Follow-up after treatment, worked out by hand."""

from datetime import date

import pytest

from plasmoscope.analysis.clearance import Clearance, Seen, clearance, follow_up


def seen(day: int, infected: int, visit_day: int | None = None, counted: int = 1000, month: int = 3) -> Seen:
    return Seen(date(2026, month, day), visit_day, infected / counted if counted else None)


COURSE = [seen(1, 40), seen(2, 10), seen(4, 1), seen(8, 0), seen(15, 0)]


def test_what_is_left_is_told_by_the_first_slide_and_days_by_the_dates() -> None:
    visits = follow_up(COURSE)
    assert [visit.day for visit in visits] == [0, 1, 3, 7, 14]
    assert [visit.left for visit in visits] == [1, 0.25, pytest.approx(0.025), 0, 0]


def test_a_day_that_people_gave_holds() -> None:
    assert [visit.day for visit in follow_up([seen(2, 40, visit_day=1), seen(4, 3), seen(5, 2, visit_day=3)])] == [
        1,
        3,
        3,
    ]


def test_blood_is_clear_from_the_first_slide_after_which_nothing_is_found_again() -> None:
    assert clearance(COURSE) == Clearance(clear_from=7, found_on_watched_day=True)
    again = clearance([seen(1, 40), seen(2, 0), seen(4, 0), seen(8, 2)])
    assert again == Clearance(clear_from=None, found_on_watched_day=False)


def test_nothing_is_said_of_one_slide_or_where_nothing_was_found_or_counted() -> None:
    assert clearance([]) is None
    assert clearance([seen(1, 40)]) is None
    assert clearance([seen(1, 0), seen(2, 0)]) is None
    assert clearance([seen(1, 40), seen(2, 0, counted=0)]) is None
    assert follow_up([seen(1, 0, counted=0)])[0].left is None


def test_another_day_0_or_six_weeks_begin_another_follow_up() -> None:
    twice = [seen(1, 40, 0), seen(4, 0, 3), seen(20, 80, 0), seen(23, 20, 3)]
    assert [visit.left for visit in follow_up(twice)] == [1, 0, 1, 0.25]
    assert clearance(twice) == Clearance(clear_from=None, found_on_watched_day=True)
    later = follow_up([seen(1, 40), seen(1, 80, month=6), seen(3, 8, month=6)])
    assert [(visit.day, visit.left) for visit in later] == [(0, 1), (0, 1), (2, pytest.approx(0.1))]
