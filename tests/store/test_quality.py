"""Positive slides and calls that people took back, by week and site."""

from datetime import date, timedelta

import pytest

from analysed import FOUND, IMAGE, METHOD, OTHER_FOUND, OTHER_IMAGE, analysed
from plasmoscope.analysis.drift import Measured
from plasmoscope.reports.illustrations import encode_png
from plasmoscope.store import corrections, fields, slides
from plasmoscope.store.quality import Share, quality, take_as_usual, usual_since
from plasmoscope.store.records import Field, Slide
from plasmoscope.store.slides import EXAMPLE_PATIENT, SlideDetails
from plasmoscope.store.store import Store
from plasmoscope.web.pages.week_chart import BOTTOM, LEFT, RIGHT, TOP, draw_weeks
from slides import rendered_field

MONDAY = date(2026, 3, 2)
INFECTED = [cell.number for cell in FOUND.cells if cell.counted and cell.parasitized]
OTHERS = [cell.number for cell in FOUND.cells if cell.counted and not cell.parasitized]


def signed(store: Store, code: str, day: date, site: str, taken_back: int, patient: str = "P-1") -> int:
    """A slide, so many of whose called cells a person called uninfected, and one uncalled cell infected."""
    with store.session() as session:
        slide = slides.create_slide(session, "Amina", SlideDetails(patient, code, day, site=site)).id
    field = analysed(store, slide)
    with store.session() as session:
        for number in INFECTED[:taken_back]:
            corrections.correct(session, "Amina", field, number, "uninfected")
        for number in INFECTED[taken_back : taken_back + 1]:
            corrections.correct(session, "Amina", field, number, "infected")
        version = session.get_one(Slide, slide).version
        slides.sign(session, "Amina", slide, version, confirm=True)
    return slide


def test_signed_slides_are_told_by_week_and_site_and_calls_by_what_people_made_of_them(store: Store) -> None:
    signed(store, "S-1", MONDAY, "Gulu", taken_back=2)
    signed(store, "S-2", MONDAY + timedelta(days=6), "Gulu", taken_back=len(INFECTED))
    signed(store, "S-3", MONDAY + timedelta(days=7), "Lira", taken_back=0)
    # None of these is told of: the example, a deleted one, one that is open, and one of last year.
    signed(store, "S-4", MONDAY, "Gulu", taken_back=0, patient=EXAMPLE_PATIENT)
    signed(store, "S-5", MONDAY - timedelta(days=365), "Gulu", taken_back=0)
    gone = signed(store, "S-6", MONDAY, "Gulu", taken_back=0)
    with store.session() as session:
        slides.reopen(session, "Amina", gone, "another patient's")
        slides.delete_slide(session, "Amina", gone, "another patient's")
        open_one = slides.create_slide(session, "Amina", SlideDetails("P-2", "S-7", MONDAY, site="Gulu")).id
    analysed(store, open_one)
    refused = analysed(store, open_one, OTHER_IMAGE, OTHER_FOUND)
    soft = analysed(store, open_one, *rendered_field("soft.png", seed=8))
    with store.session() as session:
        fields.get_field(session, refused).accepted = False
        fields.get_field(session, soft).warnings = ["soft_focus"]
    with store.reading() as session:
        found = quality(session, MONDAY + timedelta(days=9))
    first, second = found.weeks
    assert (first.monday, first.positive, first.false_calls) == (
        MONDAY,
        Share(1, 2),
        Share(2 + len(INFECTED), 3 + len(INFECTED)),
    )
    assert (second.monday, second.positive, second.false_calls) == (
        MONDAY + timedelta(days=7),
        Share(1, 1),
        Share(0, 1),
    )
    # Photographs of slides that are open are told of, too.
    assert (first.poor, second.poor) == (Share(2, 5), Share(0, 1))
    assert found.by_site == {"Gulu": Share(1, 2), "Lira": Share(1, 1)}


def test_a_chart_has_the_weeks_in_their_places() -> None:
    chart = draw_weeks(
        [
            (MONDAY, Share(0, 40)),
            (MONDAY + timedelta(days=7), Share(0, 0)),
            (MONDAY + timedelta(days=14), Share(20, 40)),
        ]
    )
    assert chart is not None
    assert [mark.x for mark in chart.marks] == [LEFT, RIGHT]
    assert chart.ticks[0] == (BOTTOM, 0)
    assert chart.ticks[-1] == (TOP, 100)
    assert [mark.y for mark in chart.marks] == [BOTTOM, (BOTTOM + TOP) / 2]
    assert draw_weeks([(MONDAY, Share(0, 0))]) is None


def measured(store: Store, code: str, day: date, green: float, blur: float) -> None:
    """A slide whose photograph was measured."""
    with store.session() as session:
        slide = slides.create_slide(session, "Amina", SlideDetails("P-1", code, day)).id
        session.add(
            Field(slide_id=slide, position=1, name="a.png", image_sha256=f"{slide:064}", size=1, status="done",
                  accepted=True, red_absorbance=0.1, green_absorbance=green, blue_absorbance=0.1, blur=blur)
        )  # fmt: skip


def test_stain_and_focus_are_told_against_the_first_slides_until_others_are_taken_as_usual(store: Store) -> None:
    for week in range(8):
        drifted = week >= 5
        for number in range(5):
            spread = 0.004 * (number - 2)
            green = (0.30 if drifted else 0.18) + spread
            measured(store, f"S-{week}-{number}", MONDAY + timedelta(weeks=week), green, 0.02 + spread / 4)
    today = MONDAY + timedelta(weeks=7, days=3)
    with store.reading() as session:
        found = quality(session, today)
    assert found.stain is not None
    assert found.focus is not None
    assert [week.drifts for week in found.stain.weeks] == [False] * 5 + [True] * 3
    assert not any(week.drifts for week in found.focus.weeks)
    assert [week.value for week in found.focus.weeks] == [pytest.approx(2)] * 8
    with store.session() as session:
        take_as_usual(session, "Amina", MONDAY + timedelta(weeks=5, days=1))
    with store.reading() as session:
        found = quality(session, today)
        assert usual_since(session) == MONDAY + timedelta(weeks=5)
    # Three weeks are too few to say what is usual.
    assert (found.stain, found.focus) == (None, None)


def test_what_analysis_measures_is_kept_with_the_photograph(store: Store) -> None:
    with store.session() as session:
        slide = slides.create_slide(session, "Amina", SlideDetails("P-1", "S-1", MONDAY)).id
        field = fields.add_field(session, store.images, "Amina", slide, "a.png", encode_png(IMAGE)).id
        fields.take_waiting(session)
        found = FOUND.model_copy(update={"sha256": fields.get_field(session, field).image_sha256})
        fields.finish(session, field, found, METHOD, None, measured=Measured(0.1, 0.2, 0.3, 0.04))
        kept = fields.get_field(session, field)
        assert (kept.red_absorbance, kept.green_absorbance, kept.blue_absorbance, kept.blur) == (0.1, 0.2, 0.3, 0.04)
