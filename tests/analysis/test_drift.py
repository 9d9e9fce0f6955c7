"""What is usual in a laboratory, and what drifts away from it."""

from datetime import date, timedelta

import numpy as np
import pytest

from plasmoscope import Classifier
from plasmoscope.analysis.analyze import look_at_field
from plasmoscope.analysis.drift import (
    Measured,
    Week,
    base_of,
    focus_drift,
    more_false_calls,
    stain_drift,
)
from plasmoscope.analysis.method import calling
from plasmoscope.synthetic.rendering import render_field

MONDAY = date(2026, 3, 2)
USUAL = Measured(0.10, 0.18, 0.09, 0.02)


def weeks(*each: list[Measured]) -> list[Week]:
    return [Week(MONDAY + timedelta(weeks=number), tuple(slides)) for number, slides in enumerate(each)]


def blurred(*blurs: float) -> list[Measured]:
    return [USUAL._replace(blur=blur) for blur in blurs]


def test_the_first_weeks_are_usual_as_soon_as_they_have_enough_slides() -> None:
    assert base_of(weeks(*[[USUAL] * 4] * 4)) == 0
    assert base_of(weeks(*[[USUAL] * 4] * 6)) == 5
    assert base_of(weeks(*[[USUAL] * 30] * 6)) == 4
    assert stain_drift(weeks([USUAL] * 30)) is None


def test_a_week_drifts_in_focus_whose_median_slide_is_worse_than_95_of_100_usual_ones() -> None:
    # 21 slides with a blur of 1.0 to 3.0 %: the 95th percentile is the 20th of them, 2.9 %.
    usual = blurred(*[0.01 + 0.001 * number for number in range(21)])
    found = focus_drift(
        weeks(usual[:6], usual[6:12], usual[12:18], usual[18:], blurred(0.01, 0.0291, 0.05), blurred(0.05, 0.05))
    )
    assert found is not None
    assert found.limit == pytest.approx(2.9)
    assert [week.drifts for week in found.weeks] == [False, False, False, False, True, False]
    assert found.weeks[4].value == pytest.approx(2.91)
    # Sharper than usual is no fault.
    better = focus_drift(weeks(usual[:6], usual[6:12], usual[12:18], usual[18:], blurred(0, 0, 0)))
    assert better is not None
    assert not better.weeks[4].drifts


def test_a_stain_drifts_in_either_direction_and_whatever_the_lamp() -> None:
    spread = [USUAL._replace(green=USUAL.green + 0.005 * number) for number in range(-2, 3)]
    base = [spread] * 4
    paler, deeper = ([USUAL._replace(green=green)] * 3 for green in (0.08, 0.30))
    found = stain_drift(weeks(*base, [USUAL] * 3, paler, deeper))
    assert found is not None
    assert [week.drifts for week in found.weeks] == [False] * 5 + [True, True]
    assert found.weeks[4].value == pytest.approx(0)
    # exp(-0.10), exp(-0.18), exp(-0.09) of white is L* 87.20, a* 9.64, b* -7.62; with exp(-0.30) in green 81.39, 22.42,
    # -16.29, by the formulas of CIE 1976: the difference is 16.50.
    assert found.weeks[6].value == pytest.approx(16.5, abs=0.1)


@pytest.mark.parametrize(
    ("taken_back", "judged", "more"), [(9, 20, True), (2, 20, False), (1, 1, False), (0, 0, False)]
)
def test_more_calls_are_taken_back_where_the_intervals_do_not_meet(taken_back: int, judged: int, more: bool) -> None:
    # The usual 10 of 200 lie between 2.4 and 9.0 %; 9 of 20 between 23.1 and 68.5 %, 2 of 20 between 1.2 and 31.7 %.
    # A single call, taken back, lies between 2.5 and 100 %.
    assert more_false_calls(taken_back, judged, 10, 200) is more


def test_stain_and_focus_are_measured_in_each_photograph(field_classifier: Classifier) -> None:
    how = calling(field_classifier)
    sharp, soft = (
        look_at_field(render_field(3, 640, 480, cells=30, defocus=defocus).image, "a.png", field_classifier, how)
        for defocus in (0.0, 0.3)
    )
    assert sharp.measured is not None
    assert soft.measured is not None
    # Red cells take most light away in green; the colour is that of the same smear, whatever its focus.
    assert sharp.measured.green > max(sharp.measured.red, sharp.measured.blue) > 0
    assert sharp.measured[:3] == pytest.approx(soft.measured[:3], abs=0.03)
    assert soft.measured.blur > 1.5 * sharp.measured.blur
    black = np.zeros((120, 160, 3), np.uint8)
    assert look_at_field(black, "b.png", field_classifier, how).measured is None


@pytest.mark.parametrize(("shift", "least", "most"), [(0, 0, 0.01), (2, 0.5, 0.75), (3, 0.9, 1)])
def test_simulated_laboratories_drift_seldom_by_chance_and_mostly_where_the_stain_has_shifted(
    shift: float, least: float, most: float
) -> None:
    """Of 60 laboratories, five slides a week, whose stain differs from slide to slide by a tenth."""
    rng = np.random.default_rng(5)
    drifting = []
    for _ in range(60):
        strengths = rng.normal(1, 0.1, (8, 5))
        strengths[4:] += 0.1 * shift
        found = stain_drift(
            weeks(*[[Measured(0.1 * k, 0.18 * k, 0.09 * k, 0.02) for k in week] for week in strengths.tolist()])
        )
        assert found is not None
        drifting += [week.drifts for week in found.weeks[4:]]
    assert least <= np.mean(drifting) <= most
