"""Finding slides again: search, a patient's parasitaemia over time, and words used before."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from plasmoscope.analysis.counting import wilson
from plasmoscope.analysis.results import Interval
from plasmoscope.store.counts import Tally, tallies
from plasmoscope.store.errors import NotFoundError
from plasmoscope.store.records import Patient, Slide, SlideStatus


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
    """Percent, with the Wilson interval; None where no cell is counted."""


def find_slides(session: Session, search: Search, offset: int = 0, limit: int = 50) -> Page:
    """The slides that fit, the newest first."""
    fitting = select(Slide).join(Slide.patient)
    for column, text in (
        (Patient.code, search.patient),
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
    total = session.scalar(fitting.with_only_columns(func.count())) or 0
    newest = fitting.order_by(Slide.taken_on.desc(), Slide.id.desc()).offset(offset).limit(limit)
    return Page(session.scalars(newest).all(), total)


def get_patient(session: Session, code: str) -> Patient:
    """A patient by their code.

    Raises:
        NotFoundError: no such patient.
    """
    patient = session.scalar(select(Patient).where(Patient.code == code))
    if patient is None:
        raise NotFoundError("no_patient", patient=code)
    return patient


def time_line(session: Session, patient_id: int) -> list[TimePoint]:
    """A patient's slides in the order they were taken, with their parasitaemia."""
    slides = session.scalars(
        select(Slide).where(Slide.patient_id == patient_id).order_by(Slide.taken_on, Slide.id)
    ).all()
    numbers = tallies(session, [slide.id for slide in slides])
    return [TimePoint(slide, numbers[slide.id], parasitaemia(numbers[slide.id])) for slide in slides]


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
