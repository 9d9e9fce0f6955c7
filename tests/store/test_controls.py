"""Control slides: each reading is what the program called in photographs taken anew."""

from datetime import date

import pytest

from analysed import FOUND, analysed
from plasmoscope.store import controls, corrections, slides
from plasmoscope.store.counts import slide_result
from plasmoscope.store.errors import ConflictError, NotFoundError, StoreError
from plasmoscope.store.history import Search, find_slides
from plasmoscope.store.patients import find_patients
from plasmoscope.store.quality import quality
from plasmoscope.store.records import Slide, now
from plasmoscope.store.slides import SlideDetails
from plasmoscope.store.store import Store
from slides import rendered_field

WHOLE = [cell for cell in FOUND.cells if cell.counted]
INFECTED = [cell for cell in WHOLE if cell.parasitized]


def made(store: Store, mean: float | None = None, sd: float | None = None) -> int:
    with store.session() as session:
        return controls.make_control(session, "Amina", "Bank", "positive", "", mean, sd).id


def begun(store: Store, control: int) -> int:
    with store.session() as session:
        return controls.begin_reading(session, "Ben", control).id


def test_a_reading_is_the_programs_whatever_people_call(store: Store) -> None:
    control = made(store, mean=100 * len(INFECTED) / len(WHOLE), sd=1.0)
    slide = begun(store, control)
    field = analysed(store, slide)
    with store.session() as session:
        corrections.correct(session, "Ben", field, INFECTED[0].number, "uninfected")
        reading = controls.enter_reading(session, "Ben", slide)
        assert (reading.infected, reading.counted) == (len(INFECTED), len(WHOLE))
        with pytest.raises(ConflictError) as error:
            corrections.correct(session, "Ben", field, INFECTED[0].number, "infected")
        assert error.value.message.code == "slide_signed"
        (chart,) = controls.control_charts(session)
        assert chart.points[0].z == pytest.approx(0)
        assert chart.state == "in control"
        controls.leave_out(session, "Amina", slide, "another slide")
        assert controls.control_charts(session)[0].points == []


def test_photographs_of_an_earlier_reading_are_no_new_ones(store: Store) -> None:
    control = made(store)
    first, again = begun(store, control), begun(store, control)
    analysed(store, first)
    analysed(store, again, *rendered_field("new.png", seed=9))
    analysed(store, again)
    with store.session() as session:
        controls.enter_reading(session, "Ben", first)
        assert controls.control_charts(session)[0].begun == [again]
        with pytest.raises(ConflictError) as error:
            controls.enter_reading(session, "Ben", again)
        assert error.value.message.code == "photograph_not_new"


def test_the_chart_knows_what_is_usual_after_ten_readings(store: Store) -> None:
    control = made(store)
    with store.session() as session:
        for number in range(11):
            slide = controls.begin_reading(session, "Ben", control)
            reading = controls.reading_of(session, slide.id)
            assert reading is not None
            # Of 10,000 cells: 1.8 and 2.2 % in turn, and then 4 %.
            infected = 400 if number == 10 else 180 + 40 * (number % 2)
            reading.infected, reading.counted, reading.entered_at = infected, 10_000, now()
        (chart,) = controls.control_charts(session)
        assert chart.target is not None
        # Five times 0.2 off to either side: the root of 10 x 0.04 / 9.
        assert (chart.target.mean, chart.target.sd) == pytest.approx((2.0, 0.21082), abs=1e-5)
        assert chart.points[-1].z == pytest.approx(2 / 0.21082, abs=1e-3)
        assert (chart.points[-1].broken, chart.state) == (("1-3s", "1-2s"), "out of control")


def test_a_control_is_no_patients(store: Store) -> None:
    slide = begun(store, made(store))
    analysed(store, slide)
    with store.session() as session:
        controls.enter_reading(session, "Ben", slide)
        record = session.get_one(Slide, slide)
        assert find_slides(session, Search()).total == 0
        assert find_patients(session).total == 0
        assert quality(session, record.taken_on).weeks == []
        for refused in (
            lambda: slide_result(session, record),
            lambda: slides.reopen(session, "Ben", slide, "why not"),
        ):
            with pytest.raises(ConflictError) as error:
                refused()
            assert error.value.message.code == "no_patients_slide"


def test_what_makes_no_control_or_reading_is_refused(store: Store) -> None:
    control = made(store)
    slide = begun(store, control)
    with store.session() as session:
        own = slides.create_slide(session, "Amina", SlideDetails("P-1", "S-1", date(2026, 3, 1))).id
        for mean, sd in ((1.0, None), (None, 1.0), (1.0, 0.0), (101.0, 1.0)):
            with pytest.raises(StoreError):
                controls.make_control(session, "Amina", "Other", "negative", "", mean, sd)
        with pytest.raises(ConflictError):
            controls.enter_reading(session, "Ben", slide)
        with pytest.raises(NotFoundError):
            controls.enter_reading(session, "Ben", own)
        with pytest.raises(NotFoundError):
            controls.leave_out(session, "Ben", own, "why")
        controls.end_control(session, "Amina", control)
        with pytest.raises(ConflictError) as error:
            controls.begin_reading(session, "Ben", control)
        assert error.value.message.code == "control_ended"


def test_a_control_of_another_site_is_not_photographed(store: Store) -> None:
    with store.session() as session:
        control = controls.make_control(session, "Amina", "Bank", "negative", "Lira").id
    with store.seen_by(frozenset({"Gulu"})).session() as session, pytest.raises(StoreError) as error:
        controls.begin_reading(session, "Ben", control)
    assert error.value.message.code == "site_not_yours"
    with store.seen_by(frozenset({"Lira"})).session() as session:
        slide = controls.begin_reading(session, "Ben", control)
        assert slide.site == "Lira"
        assert controls.control_charts(session)[0].begun == [slide.id]
    with store.seen_by(frozenset({"Gulu"})).session() as session:
        assert controls.control_charts(session)[0].begun == []
