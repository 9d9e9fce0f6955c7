"""Control slides: named, photographed anew again and again, and each reading a point of their chart.

A reading is what the program called, whatever people call since: a control watches stain, microscope, camera and
program, and people are watched by panels. Its photographs lie on a slide that is nobody's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, undefer

from plasmoscope.analysis import control_chart
from plasmoscope.analysis.control_chart import BASE, Point, State, Target, target_of
from plasmoscope.analysis.review import INFECTED, UNINFECTED, judged_cells
from plasmoscope.store.audit import note, slide_subject
from plasmoscope.store.counts import tally
from plasmoscope.store.days import today
from plasmoscope.store.errors import ConflictError, NotFoundError, StoreError, TakenError
from plasmoscope.store.locking import slide_to_change
from plasmoscope.store.panels import given_name
from plasmoscope.store.records import Control, ControlKind, ControlReading, Field, Slide, now
from plasmoscope.store.sites import site_to_write
from plasmoscope.store.slides import given_reason, no_patient


@dataclass(frozen=True)
class ControlChart:
    """A control with its readings."""

    control: Control
    readings: Sequence[ControlReading]
    """Those that are points of the chart, the earliest first."""
    points: Sequence[Point]
    """Of each of these."""
    target: Target | None
    """What is expected; None before it is known."""
    begun: Sequence[int]
    """Numbers of the slides that are being photographed, as far as one sees them."""

    @property
    def state(self) -> State:
        """What the last reading says."""
        return self.points[-1].state if self.points else "unknown"


def control_subject(control_id: int) -> str:
    """How a control is called in the audit."""
    return f"control/{control_id}"


def make_control(
    session: Session,
    who: str,
    name: str,
    kind: ControlKind,
    site: str = "",
    mean_percent: float | None = None,
    sd_percent: float | None = None,
) -> Control:
    """Name a control slide.

    Args:
        mean_percent: of the red cells, that are expected to be called infected; without it and ``sd_percent`` the
            first readings tell both.

    Raises:
        StoreError: a name, site, mean or deviation that makes no sense, or one of the last two without the other.
        TakenError: there is one of this name.
    """
    said = given_name(name)
    if kind not in get_args(ControlKind):
        raise StoreError("no_such_control_kind", kinds=", ".join(get_args(ControlKind)), kind=kind)
    if (mean_percent is None) != (sd_percent is None):
        raise StoreError("mean_and_deviation")
    if mean_percent is not None and sd_percent is not None and not (0 <= mean_percent <= 100 and 0 < sd_percent <= 100):
        raise StoreError("mean_and_deviation")
    control = Control(
        name=said,
        kind=kind,
        site=site_to_write(session, " ".join(site.split())),
        mean_percent=mean_percent,
        sd_percent=sd_percent,
        made_by=who,
    )
    try:
        with session.begin_nested():
            session.add(control)
    except IntegrityError as error:
        raise TakenError("name_taken", name=said) from error
    detail = {"name": said, "kind": kind, "mean_percent": mean_percent, "sd_percent": sd_percent}
    note(session, who, "make control", control_subject(control.id), **detail)
    return control


def end_control(session: Session, who: str, control_id: int) -> None:
    """Give a control slide up; its chart stays.

    Raises:
        NotFoundError: no such control.
    """
    control = _control(session, control_id)
    if control.ended_at is None:
        control.ended_at = now()
        note(session, who, "end control", control_subject(control_id))


def begin_reading(session: Session, who: str, control_id: int) -> Slide:
    """A slide for photographs of a control that are taken anew.

    Raises:
        NotFoundError: no such control.
        ConflictError: it was given up.
        StoreError: it is another site's.
    """
    control = _control(session, control_id)
    if control.ended_at is not None:
        raise ConflictError("control_ended", control=control.name)
    site = site_to_write(session, control.site)
    of_control = select(func.count(ControlReading.id)).where(ControlReading.control_id == control_id)
    number = (session.scalar(of_control) or 0) + 1
    slide = Slide(
        patient=no_patient(session),
        code=f"{control.name} {number}",
        taken_on=today(),
        site=site,
        preparer="",
        microscopist=who,
        stain="",
        purpose="control",
    )
    try:
        with session.begin_nested():
            session.add(slide)
    except IntegrityError as error:
        # Somebody else began one just now, or a control of another name ends in a number.
        raise TakenError("name_taken", name=slide.code) from error
    session.add(ControlReading(control_id=control_id, slide_id=slide.id))
    session.flush()
    note(session, who, "begin control reading", slide_subject(slide.id), control=control.name)
    return slide


def enter_reading(session: Session, who: str, slide_id: int) -> ControlReading:
    """End a reading: what the program called becomes a point of the chart, and its slide stays as it is.

    Raises:
        NotFoundError, ConflictError: as ``slide_to_change``; NotFoundError also where it is no control's, ConflictError
            also where photographs wait or were taken for another reading, or no cell is counted.
    """
    slide = slide_to_change(session, slide_id)
    reading = reading_of(session, slide_id)
    if reading is None:
        raise NotFoundError("no_control")
    numbers = tally(session, slide_id)
    if numbers.unfinished:
        raise ConflictError("photographs_unfinished", photographs=numbers.unfinished)
    _check_new(session, reading)
    counting = select(Field).where(Field.slide_id == slide_id, Field.in_count).options(undefer(Field.judged))
    calls = [judged_cells(field.judged)["call"] for field in session.scalars(counting) if field.judged]
    reading.infected = sum(int((one == INFECTED).sum()) for one in calls)
    reading.counted = reading.infected + sum(int((one == UNINFECTED).sum()) for one in calls)
    if not reading.counted:
        raise ConflictError("nothing_to_read", slide=slide.code)
    reading.entered_by, reading.entered_at = who, now()
    slide.status, slide.signed_by, slide.signed_at = "signed", who, reading.entered_at
    detail = {"infected": reading.infected, "counted": reading.counted}
    note(session, who, "enter control reading", slide_subject(slide_id), **detail)
    return reading


def leave_out(session: Session, who: str, slide_id: int, reason: str) -> None:
    """Take a reading out of the chart, such as one of another slide.

    Raises:
        NotFoundError: it is no control's.
        StoreError: no reason is given.
    """
    reading = reading_of(session, slide_id)
    if reading is None:
        raise NotFoundError("no_control")
    reading.left_out_by, reading.left_out_reason = who, given_reason(reason)
    note(session, who, "leave out control reading", slide_subject(slide_id), reason=reading.left_out_reason)


def reading_of(session: Session, slide_id: int) -> ControlReading | None:
    """The reading whose photographs lie on a slide; None where it is no control's."""
    return session.scalar(select(ControlReading).where(ControlReading.slide_id == slide_id))


def control_charts(session: Session) -> list[ControlChart]:
    """All controls, those in use first, by their names."""
    controls = session.scalars(select(Control).order_by(Control.ended_at.is_not(None), Control.name)).all()
    each: dict[int, list[ControlReading]] = {control.id: [] for control in controls}
    begun: dict[int, list[int]] = {control.id: [] for control in controls}
    kept = select(ControlReading).where(ControlReading.left_out_reason.is_(None))
    order = ControlReading.entered_at, ControlReading.id
    for reading in session.scalars(kept.order_by(*order)):
        if reading.entered_at is None:
            begun[reading.control_id].append(reading.slide_id)
        else:
            each[reading.control_id].append(reading)
    waiting = [number for numbers in begun.values() for number in numbers]
    seen = set(session.scalars(select(Slide.id).where(Slide.id.in_(waiting))))
    return [
        _chart(control, each[control.id], [number for number in begun[control.id] if number in seen])
        for control in controls
    ]


def _chart(control: Control, readings: Sequence[ControlReading], begun: Sequence[int]) -> ControlChart:
    counted = [control_chart.Reading(reading.infected, reading.counted) for reading in readings]
    given = None
    if control.mean_percent is not None and control.sd_percent is not None:
        given = Target(control.mean_percent, control.sd_percent)
    points = control_chart.chart(counted, control.kind, given)
    target = given or (target_of(counted[:BASE]) if len(counted) >= BASE else None)
    return ControlChart(control, readings, points, target, begun)


def _control(session: Session, control_id: int) -> Control:
    held = select(Control).where(Control.id == control_id).with_for_update()
    control = session.scalar(held.execution_options(populate_existing=True))
    if control is None:
        raise NotFoundError("no_control")
    return control


def _check_new(session: Session, reading: ControlReading) -> None:
    """See that the photographs were taken for this reading."""
    earlier = select(ControlReading.slide_id).where(
        ControlReading.control_id == reading.control_id,
        ControlReading.id != reading.id,
        ControlReading.entered_at.is_not(None),
    )
    used = select(Field.image_sha256).where(Field.slide_id.in_(earlier))
    mine = Field.slide_id == reading.slide_id, Field.status != "removed", Field.image_sha256.in_(used)
    again = select(Field.name).where(*mine).limit(1)
    if (name := session.scalar(again)) is not None:
        raise ConflictError("photograph_not_new", field=name)
