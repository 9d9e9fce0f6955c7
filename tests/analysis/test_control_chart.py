"""Westgard's rules on readings whose deviations are computed by hand."""

import pytest

from plasmoscope.analysis.control_chart import Kind, Reading, Rule, Target, chart, target_of

TARGET = Target(mean=2.0, sd=0.5)


def readings(*deviations: float) -> list[Reading]:
    """Of 10,000 cells each: 2 % are 200 infected cells, and a deviation is 50."""
    return [Reading(round(200 + 50 * z), 10_000) for z in deviations]


@pytest.mark.parametrize(
    ("deviations", "broken"),
    [
        ((0.0,), ()),
        ((2.0,), ()),
        ((2.1,), ("1-2s",)),
        ((-3.1,), ("1-3s", "1-2s")),
        ((2.1, 2.1), ("2-2s", "1-2s")),
        ((2.1, 0.0, 2.1), ("1-2s",)),
        ((-2.1, 2.1), ("R-4s", "1-2s")),
        ((1.9, -2.1), ("1-2s",)),
        ((1.1, 1.1, 1.1, 1.1), ("4-1s",)),
        ((1.1, 1.1, 0.9, 1.1), ()),
        ((-0.1,) * 10, ("10x",)),
        ((-0.1,) * 9, ()),
        ((-0.1,) * 9 + (0.1,), ()),
    ],
)
def test_the_last_reading_breaks_these_rules(deviations: tuple[float, ...], broken: tuple[Rule, ...]) -> None:
    last = chart(readings(*deviations), "positive", TARGET)[-1]
    assert last.broken == broken
    state = "in control" if not broken else "warning" if broken == ("1-2s",) else "out of control"
    assert last.state == state


def test_the_first_ten_readings_set_mean_and_deviation_and_are_judged_by_nothing() -> None:
    first = readings(-1, 1, -1, 1, -1, 1, -1, 1, -1, 9)
    points = chart([*first, *readings(0)], "positive")
    assert [point.state for point in points[:10]] == ["unknown"] * 10
    # In percent: 1.5 and 2.5 in turn, and 6.5. Their mean is 2.4; the squares of what is left, 5 x 0.81 + 4 x 0.01 +
    # 16.81 = 20.9, over 9 give 2.3222, whose root is 1.5239. So 2 % lies 0.4 / 1.5239 below.
    assert points[10].z == pytest.approx(-0.26249, abs=1e-5)
    assert all(point.z is None for point in chart(first[:9], "positive"))


def test_ten_readings_without_a_call_leave_room_for_chance() -> None:
    target = target_of([Reading(0, 1_000)] * 10)
    # The Wilson interval of 0 in 10,000 reaches 3.8400e-4; the root of 3.84e-4 x (1 - 3.84e-4) / 1,000 is 6.195e-4.
    assert target.mean == 0
    assert target.sd == pytest.approx(0.06195, abs=1e-5)


@pytest.mark.parametrize(("kind", "state"), [("negative", "in control"), ("positive", "out of control")])
def test_a_negative_control_cannot_have_too_few_false_calls(kind: Kind, state: str) -> None:
    assert chart(readings(-3.5), kind, TARGET)[-1].state == state
