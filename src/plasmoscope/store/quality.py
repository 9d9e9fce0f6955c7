"""How a laboratory's work runs over the weeks: positive slides, calls taken back, poor photographs, stain and focus."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from plasmoscope.analysis.counting import wilson
from plasmoscope.analysis.drift import Drift, Measured, focus_drift, more_false_calls, stain_drift
from plasmoscope.analysis.drift import Week as SlidesOfWeek
from plasmoscope.analysis.results import Interval
from plasmoscope.store.blinding import being_read
from plasmoscope.store.choices import choose, chosen
from plasmoscope.store.history import figures_of
from plasmoscope.store.records import Correction, Field, Patient, Slide
from plasmoscope.store.slides import EXAMPLE_PATIENT

_USUAL = "usual_since"
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
    """Of the photographs, those that the quality gate refused or that are to be read with care."""
    more_false_calls: bool
    """Clearly more calls were taken back than in the weeks before."""


@dataclass(frozen=True)
class Quality:
    """The last weeks."""

    weeks: Sequence[Week]
    """Those with a signed slide, a call or a photograph, the earliest first."""
    by_site: dict[str, Share]
    """Signed slides with an infected cell, by their site; an empty name where none is told."""
    stain: Drift | None
    """Of the median slide of each week; None while it is not known what is usual."""
    focus: Drift | None


def quality(session: Session, today: date) -> Quality:
    """The last weeks of all patients' slides, without deleted ones, the rendered example, and those being read.

    Args:
        today: in the last week that is told of.
    """
    since = monday_of(today) - timedelta(weeks=WEEKS - 1)
    positives: dict[date, list[bool]] = defaultdict(list)
    sites: dict[str, list[bool]] = defaultdict(list)
    signed = session.scalars(
        select(Slide).join(Slide.patient).where(*_counted_here(since, today), Slide.status == "signed")
    ).all()
    figures = figures_of(session, signed)
    for slide in signed:
        share = figures[slide.id].parasitaemia
        if share is not None:
            positives[monday_of(slide.taken_on)].append(share.value > 0)
            sites[slide.site].append(share.value > 0)
    calls, poor = _false_calls(session, since, today), _poor_photographs(session, since, today)
    usual = usual_since(session)
    usual_calls = Share(0, 0)
    weeks = []
    for monday in sorted({*positives, *calls, *poor}):
        false = _share(calls[monday])
        more = more_false_calls(false.some, false.all, usual_calls.some, usual_calls.all)
        weeks.append(Week(monday, _share(positives[monday]), false, _share(poor[monday]), more))
        # What is clearly more is not taken for usual.
        if not more and (usual is None or monday >= usual):
            usual_calls = Share(usual_calls.some + false.some, usual_calls.all + false.all)
    measured = _measured(session, since, today, usual)
    return Quality(
        weeks,
        {site: _share(sites[site]) for site in sorted(sites)},
        _shown(stain_drift(measured), since),
        _shown(focus_drift(measured), since),
    )


def usual_since(session: Session) -> date | None:
    """The week from which on the laboratory's usual stain and focus are taken; None: from its first slides on."""
    since = chosen(session, _USUAL)
    return date.fromisoformat(since["since"]) if since else None


def take_as_usual(session: Session, who: str, today: date) -> None:
    """Take the slides from this week on as usual, such as after a new batch of stain that was found to be good."""
    since = monday_of(today).isoformat()
    choose(session, who, _USUAL, {"since": since}, since=since)


def _measured(session: Session, since: date, today: date, usual: date | None) -> list[SlidesOfWeek]:
    """By week the stain and focus of slides: of those that make the usual, and of the last weeks, the earliest first.

    Args:
        since: first day of the last weeks.
        usual: first day of the usual ones; None takes the first slides that were measured.
    """
    measures = Field.red_absorbance, Field.green_absorbance, Field.blue_absorbance, Field.blur
    there = Field.in_count, Field.blur.is_not(None)
    if usual is None:
        first = select(func.min(Slide.taken_on)).join(Field, Field.slide_id == Slide.id).join(Slide.patient)
        usual = session.scalar(first.where(*_counted_here(date.min, today), *there))
    if usual is None:
        return []
    of_slide = (
        select(Slide.taken_on, *map(func.avg, measures))
        .join(Field, Field.slide_id == Slide.id)
        .join(Slide.patient)
        .where(
            *_counted_here(usual, today),
            *there,
            or_(Slide.taken_on >= since, Slide.taken_on < usual + timedelta(weeks=WEEKS)),
        )
        .group_by(Slide.id, Slide.taken_on)
    )
    weeks: dict[date, list[Measured]] = defaultdict(list)
    for day, *values in session.execute(of_slide):
        weeks[monday_of(day)].append(Measured(*values))
    return [SlidesOfWeek(monday, tuple(weeks[monday])) for monday in sorted(weeks)]


def _shown(drift: Drift | None, since: date) -> Drift | None:
    """The last weeks alone."""
    if drift is None:
        return None
    return Drift(drift.limit, tuple(week for week in drift.weeks if week.monday >= since))


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
        calls[monday_of(day)].append(call != "infected")
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
        poor[monday_of(day)].append(not accepted or bool(warnings))
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


def monday_of(day: date) -> date:
    """The first day of a day's week."""
    return day - timedelta(days=day.weekday())


def _share(told: Iterable[bool]) -> Share:
    each = list(told)
    return Share(sum(each), len(each))
