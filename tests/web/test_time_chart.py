from datetime import date

from plasmoscope.analysis.clearance import Visit
from plasmoscope.store.counts import Tally
from plasmoscope.store.history import TimePoint, parasitaemia
from plasmoscope.store.records import Slide
from plasmoscope.web.pages.time_chart import Chart, draw_chart


def point(day: int, infected: int, counted: int) -> TimePoint:
    tally = Tally(counted=counted, infected=infected)
    return TimePoint(Slide(taken_on=date(2026, 3, day)), tally, parasitaemia(tally), (), Visit(day - 1, None))


def chart(*points: TimePoint) -> Chart:
    drawn = draw_chart(points)
    assert drawn is not None
    return drawn


def test_there_is_no_chart_without_a_count() -> None:
    assert draw_chart([point(1, 0, 0)]) is None


def test_a_tenth_of_the_parasitaemia_is_one_line_of_the_scale_lower() -> None:
    drawn = chart(point(1, 200, 1000), point(2, 20, 1000))
    high, low = drawn.marks
    distance = abs(drawn.ticks[1].y - drawn.ticks[0].y)
    assert abs(low.y - high.y - distance) < 0.01
    assert high.top < high.y < high.bottom
    assert drawn.ticks[-1].percent == 100


def test_days_lie_in_order_and_slides_of_one_day_side_by_side() -> None:
    drawn = chart(point(1, 5, 100), point(1, 6, 100), point(9, 7, 100))
    places = [mark.x for mark in drawn.marks]
    assert places == sorted(set(places))
    assert drawn.left < places[0]
    assert places[-1] < drawn.right


def test_where_nothing_is_infected_the_limit_is_shown_within_the_chart() -> None:
    drawn = chart(point(1, 0, 500), point(2, 0, 5_000_000))
    for mark in drawn.marks:
        assert mark.limit_only
        assert mark.y == mark.top
        assert mark.bottom <= drawn.bottom


def test_the_line_joins_estimates_and_never_climbs_to_an_upper_limit() -> None:
    drawn = chart(point(1, 20, 1000), point(2, 4, 1000), point(3, 0, 180))
    assert [mark.limit_only for mark in drawn.marks] == [False, False, True]
    assert len(drawn.line.split()) == 2
