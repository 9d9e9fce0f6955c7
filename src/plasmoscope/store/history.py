"""Finding slides again: search, a patient's parasitaemia over time, and words used before."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal, NamedTuple

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from plasmoscope.analysis.clearance import Clearance, Seen, Visit, clearance, follow_up
from plasmoscope.analysis.counting import wilson
from plasmoscope.analysis.results import Interval
from plasmoscope.store.counts import Tally, tallies
from plasmoscope.store.readings import readings_of_slides
from plasmoscope.store.records import Patient, Slide, SlideReading, SlideStatus


@dataclass(frozen=True)
class Search:
    """What slides to look for; texts are found anywhere, in capitals or not."""

    patient: str = ""
    slide: str = ""
    microscopist: str = ""
    since: date | None = None
    until: date | None = None
    """The last day that counts."""
    status: SlideStatus | None = None


class Page(NamedTuple):
    """Some of the slides that were found."""

    slides: Sequence[Slide]
    total: int
    """How many were found in all."""


class TimePoint(NamedTuple):
    """One slide in a patient's course."""

    slide: Slide
    tally: Tally
    parasitaemia: Interval | None
    readings: tuple[SlideReading, ...]
    """As ``Figures`` has all three."""
    visit: Visit


class Figures(NamedTuple):
    """A slide's result where slides are listed."""

    tally: Tally
    """Without counts while several people read the slide, who must not know of each other's."""
    parasitaemia: Interval | None
    """Percent, with the Wilson interval; the final one where several people read the slide; None where no cell is
    counted."""
    readings: tuple[SlideReading, ...] = ()
    """Of several people: those whose counts the parasitaemia is the mean of, while ``tally`` is the first reader's."""


def figures_of(session: Session, slides: Collection[Slide]) -> dict[int, Figures]:
    """Numbers of many slides at once, for anybody to see; every slide has an entry."""
    ids = [slide.id for slide in slides]
    figures = {slide_id: Figures(one, parasitaemia(one)) for slide_id, one in tallies(session, ids).items()}
    for slide_id, read in readings_of_slides(session, ids).items():
        tally = figures[slide_id].tally
        if not read.complete:
            tally = replace(tally, counted=0, infected=0, not_a_cell=0)
        figures[slide_id] = Figures(tally, read.parasitaemia, read.used)
    return figures


def find_slides(session: Session, search: Search, offset: int = 0, limit: int = 50) -> Page:
    """The slides that fit, the newest first."""
    fitting = select(Slide).join(Slide.patient).where(Slide.deleted_at.is_(None), Slide.purpose == "patient")
    if search.patient:
        named = Patient.code.icontains(search.patient, autoescape=True)
        # Also by the code of somebody who turned out to be this patient.
        fitting = fitting.where(or_(named, Slide.merged_from_id.in_(select(Patient.id).where(named).correlate(None))))
    for column, text in (
        (Slide.code, search.slide),
        (Slide.microscopist, search.microscopist),
    ):
        if text:
            fitting = fitting.where(column.icontains(text, autoescape=True))
    if search.since:
        fitting = fitting.where(Slide.taken_on >= search.since)
    if search.until:
        fitting = fitting.where(Slide.taken_on <= search.until)
    if search.status:
        fitting = fitting.where(Slide.status == search.status)
    total = session.scalar(fitting.with_only_columns(func.count(Slide.id))) or 0
    newest = fitting.order_by(Slide.taken_on.desc(), Slide.id.desc()).offset(offset).limit(limit)
    return Page(session.scalars(newest).all(), total)


class Named(NamedTuple):
    """What has a code."""

    slides: Sequence[Slide]
    """At most two."""
    patient: Patient | None


def having_code(session: Session, code: str) -> Named:
    """The slides and the patient with just this code, in capitals or not."""
    same = func.lower(Slide.code) == code.lower()
    known = same, Slide.deleted_at.is_(None), Slide.purpose != "panel"
    slides = session.scalars(select(Slide).where(*known).limit(2)).all()
    patients = select(Patient).where(func.lower(Patient.code) == code.lower())
    # Written just so before in another way.
    return Named(slides, session.scalar(patients.order_by((Patient.code == code).desc(), Patient.id).limit(1)))


def time_line(session: Session, patient_id: int) -> list[TimePoint]:
    """A patient's slides in the order they were taken, with their parasitaemia."""
    # Signed slides of those who turned out to be this patient keep their code.
    theirs = select(Patient.id).where(or_(Patient.id == patient_id, Patient.merged_into_id == patient_id))
    slides = session.scalars(
        select(Slide)
        .where(Slide.patient_id.in_(theirs), Slide.deleted_at.is_(None), Slide.purpose == "patient")
        .order_by(Slide.taken_on, Slide.id)
    ).all()
    figures = figures_of(session, slides)
    visits = follow_up([_seen(slide, figures[slide.id].parasitaemia) for slide in slides])
    return [TimePoint(slide, *figures[slide.id], visit) for slide, visit in zip(slides, visits, strict=True)]


def clearance_of(points: Sequence[TimePoint]) -> Clearance | None:
    """What became of the parasites in a patient's last follow-up; None where nothing tells."""
    return clearance([_seen(point.slide, point.parasitaemia) for point in points])


def known_values(
    session: Session, what: Literal["site", "preparer", "microscopist", "stain"], start: str = "", limit: int = 20
) -> Sequence[str]:
    """Words used before, the most frequent first.

    Args:
        start: how they begin, in capitals or not.
    """
    column = {
        "site": Slide.site,
        "preparer": Slide.preparer,
        "microscopist": Slide.microscopist,
        "stain": Slide.stain,
    }[what]
    return session.scalars(
        select(column)
        .where(column != "", column.istartswith(start, autoescape=True))
        .group_by(column)
        .order_by(func.count().desc(), column)
        .limit(limit)
    ).all()


def parasitaemia(numbers: Tally) -> Interval | None:
    """Percent of a slide's red cells, with the Wilson interval; None where no cell is counted."""
    if not numbers.counted:
        return None
    return wilson(numbers.infected, numbers.counted).scaled(100)


def _seen(slide: Slide, percent: Interval | None) -> Seen:
    return Seen(slide.taken_on, slide.visit_day, None if percent is None else percent.value / 100)
