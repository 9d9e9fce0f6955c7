"""How a laboratory's work runs over the weeks: positive slides, calls that people took back, and poor photographs."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from plasmoscope.analysis.counting import wilson
from plasmoscope.analysis.results import Interval
from plasmoscope.store.blinding import being_read
from plasmoscope.store.history import figures_of
from plasmoscope.store.records import Correction, Field, Patient, Slide
from plasmoscope.store.slides import EXAMPLE_PATIENT

WEEKS = 26
"""As many, up to the present one, are told of."""


@dataclass(frozen=True)
class Share:
    """Some of all."""

    some: int
    all: int

    @property
    def percent(self) -> Interval | None:
        """With the Wilson interval; None of none."""
        return wilson(self.some, self.all).scaled(100) if self.all else None


@dataclass(frozen=True)
class Week:
    """One week's slides, by the day on which they were made."""

    monday: date
    positive: Share
    """Of the signed slides, those with an infected cell."""
    false_calls: Share
    """Of the cells that the program called infected and a person called too, those that the person called otherwise."""
    poor: Share
    """Of the photographs, those that the quality gate refused or that are to be read with care: a drift of stain, light
    or focus shows here first."""


@dataclass(frozen=True)
class Quality:
    """The last weeks."""

    weeks: Sequence[Week]
    """Those with a signed slide, a call or a photograph, the earliest first."""
    by_site: dict[str, Share]
    """Signed slides with an infected cell, by their site; an empty name where none is told."""


def quality(session: Session, today: date) -> Quality:
    """The last weeks of all patients' slides, without deleted ones, the rendered example, and those being read.

    Args:
        today: in the last week that is told of.
    """
    since = _monday(today) - timedelta(weeks=WEEKS - 1)
    positives: dict[date, list[bool]] = defaultdict(list)
    sites: dict[str, list[bool]] = defaultdict(list)
    signed = session.scalars(
        select(Slide).join(Slide.patient).where(*_counted_here(since, today), Slide.status == "signed")
    ).all()
    figures = figures_of(session, signed)
    for slide in signed:
        share = figures[slide.id].parasitaemia
        if share is not None:
            positives[_monday(slide.taken_on)].append(share.value > 0)
            sites[slide.site].append(share.value > 0)
    calls, poor = _false_calls(session, since, today), _poor_photographs(session, since, today)
    return Quality(
        [
            Week(monday, _share(positives[monday]), _share(calls[monday]), _share(poor[monday]))
            for monday in sorted({*positives, *calls, *poor})
        ],
        {site: _share(sites[site]) for site in sorted(sites)},
    )


def _false_calls(session: Session, since: date, today: date) -> dict[date, list[bool]]:
    """Whether people took back the program's calls, of those that they gave their own of, by week."""
    last = (
        select(func.max(Correction.id)).where(~Correction.undone).group_by(Correction.field_id, Correction.cell_number)
    )
    judged = (
        select(Slide.taken_on, Correction.call)
        .join(Field, Field.slide_id == Slide.id)
        .join(Correction, Correction.field_id == Field.id)
        .join(Slide.patient)
        .where(
            *_counted_here(since, today),
            Field.in_count,
            Correction.id.in_(last),
            Correction.model_call == "infected",
            Correction.call != "program",
        )
    )
    calls: dict[date, list[bool]] = defaultdict(list)
    for day, call in session.execute(judged):
        calls[_monday(day)].append(call != "infected")
    return calls


def _poor_photographs(session: Session, since: date, today: date) -> dict[date, list[bool]]:
    """Whether photographs were refused or are to be read with care, by week."""
    analysed = (
        select(Slide.taken_on, Field.accepted, Field.warnings)
        .join(Field, Field.slide_id == Slide.id)
        .join(Slide.patient)
        .where(*_counted_here(since, today), Field.status == "done")
    )
    poor: dict[date, list[bool]] = defaultdict(list)
    for day, accepted, warnings in session.execute(analysed):
        poor[_monday(day)].append(not accepted or bool(warnings))
    return poor


def _counted_here(since: date, today: date) -> tuple[ColumnElement[bool], ...]:
    return (
        Slide.purpose == "patient",
        Slide.deleted_at.is_(None),
        Slide.id.not_in(being_read()),
        Slide.taken_on >= since,
        Slide.taken_on <= today,
        Patient.code != EXAMPLE_PATIENT,
    )


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _share(told: Iterable[bool]) -> Share:
    each = list(told)
    return Share(sum(each), len(each))
