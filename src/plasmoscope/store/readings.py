"""The blinded readings of slides by two people, and by a third where they disagree; and what they come to.

``plasmoscope.store.blinding`` says who sees which, and ``plasmoscope.store.reading_slides`` how they come about.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Select, select
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from plasmoscope.analysis import results
from plasmoscope.analysis.counting import red_cell_count, wilson
from plasmoscope.analysis.results import Interval
from plasmoscope.analysis.two_readers import RULES, Agreement, Reading, Rule, Settled, agreement, settle
from plasmoscope.i18n.words import english
from plasmoscope.store.errors import NotFoundError
from plasmoscope.store.records import Slide, SlideReading

# What is said of a slide, and so of each reader's record of it.
OF_SLIDE = ("patient_id", "taken_on", "site", "preparer", "stain", "haematocrit_percent", "red_cells_per_ul",
            "age_years", "sex", "visit_day", "merged_from_id")  # fmt: skip
NOBODY = ""
"""Reads a third reading until somebody is named."""


@dataclass(frozen=True)
class Readings:
    """The readings of one slide."""

    slide: Slide
    each: Sequence[SlideReading]
    """In their order."""
    settled: Settled | None
    """Of those that are done; None before the first two are."""

    @property
    def complete(self) -> bool:
        """Whether the result is final."""
        return all(reading.done_at is not None for reading in self.each)

    @property
    def third_to_name(self) -> bool:
        """Whether a third reader is needed, and nobody is named yet."""
        return any(reading.reader == NOBODY for reading in self.each)

    def of(self, who: str) -> SlideReading | None:
        """Somebody's own reading."""
        return next((reading for reading in self.each if reading.reader == who), None)

    @property
    def used(self) -> tuple[SlideReading, ...]:
        """Whose counts the final result is the mean of; nobody's before it is final."""
        if not self.complete or self.settled is None:
            return ()
        return tuple(reading for reading in self.each if reading.reader in self.settled.readers)

    @property
    def parasitaemia(self) -> Interval | None:
        """The final one in percent, with the interval of a count as large as the mean of those that it is of.

        The readers looked at the same cells, so that two counts are no surer than one. None before it is final.
        """
        if self.settled is None or self.settled.share is None or not self.used:
            return None
        infected, counted = (
            round(sum(numbers) / len(self.used)) for numbers in zip(*map(_numbers, self.used), strict=True)
        )
        span, share = wilson(infected, counted), self.settled.share
        return Interval(value=share, low=min(span.low, share), high=max(span.high, share)).scaled(100)

    def record(self) -> results.Readings:
        """As reports have them; while they are not complete nothing that would end the blinding."""
        rule = RULES[self.each[0].rule]
        if not self.complete or self.settled is None:
            return results.Readings(rule=rule.name, rule_coded=rule.said)
        return results.Readings(
            rule=rule.name,
            rule_coded=rule.said,
            complete=True,
            readings=tuple(
                results.ReadingOfOne(
                    reader=reading.reader, infected=reading.infected, counted=reading.counted, species=reading.species
                )
                for reading in self.each
            ),
            disagreements=self.settled.disagreements,
            positive=self.settled.positive,
            parasitaemia=self.parasitaemia,
            mean_of=self.settled.readers,
            species=self.settled.species,
            statement=english(self.settled.said),
            statement_coded=(self.settled.said,),
        )


def readings_of(session: Session, slide_id: int) -> Readings:
    """The readings of a slide.

    Raises:
        NotFoundError: nobody was asked for any.
    """
    found = readings_of_slides(session, [slide_id])
    if slide_id not in found:
        raise NotFoundError("no_readings")
    return found[slide_id]


def readings_of_slides(session: Session, slide_ids: Collection[int]) -> dict[int, Readings]:
    """The readings of those slides that were given for some."""
    wanted = select(SlideReading).where(SlideReading.slide_id.in_(slide_ids)).order_by(SlideReading.place)
    return _gathered(session, session.scalars(wanted).all())


def all_readings(session: Session, limit: int = 200) -> list[Readings]:
    """Of the slides given last, the newest first."""
    newest = (
        select(SlideReading.slide_id)
        .where(_of_a_slide_there())
        .group_by(SlideReading.slide_id)
        .order_by(SlideReading.slide_id.desc())
    )
    found = readings_of_slides(session, session.scalars(newest.limit(limit)).all())
    return [found[slide_id] for slide_id in sorted(found, reverse=True)]


def readings_to_do(session: Session, who: str) -> list[Readings]:
    """The slides that somebody is asked to read and has not finished, the oldest first."""
    mine = select(SlideReading.slide_id).where(
        SlideReading.reader == who, SlideReading.done_at.is_(None), _of_a_slide_there()
    )
    found = readings_of_slides(session, session.scalars(mine).all())
    return [found[slide_id] for slide_id in sorted(found)]


def agreement_so_far(session: Session, rule: Rule) -> Agreement | None:
    """How alike first and second readers were, over all slides whose readings are complete; None before there is one.

    Args:
        rule: when counts disagree.
    """
    done = select(SlideReading).where(
        SlideReading.slide_id.not_in(_with_open_ones()), SlideReading.place < 3, _of_a_slide_there()
    )
    pairs: dict[int, list[Reading]] = {}
    for reading in session.scalars(done.order_by(SlideReading.slide_id, SlideReading.place)):
        pairs.setdefault(reading.slide_id, []).append(_as_counted(reading))
    return agreement([(one, other) for one, other in pairs.values()], rule) if pairs else None


def _of_a_slide_there() -> ColumnElement[bool]:
    """The slide was not deleted."""
    return SlideReading.slide_id.in_(select(Slide.id).where(Slide.deleted_at.is_(None)))


def _with_open_ones() -> Select[int]:
    return select(SlideReading.slide_id).where(SlideReading.done_at.is_(None))


def _gathered(session: Session, found: Iterable[SlideReading]) -> dict[int, Readings]:
    each: dict[int, list[SlideReading]] = {}
    for reading in found:
        each.setdefault(reading.slide_id, []).append(reading)
    slides = {slide.id: slide for slide in session.scalars(select(Slide).where(Slide.id.in_(each)))}
    return {slide_id: _settled(slides[slide_id], readings) for slide_id, readings in each.items()}


def _settled(slide: Slide, readings: Sequence[SlideReading]) -> Readings:
    done = [_as_counted(reading) for reading in readings if reading.done_at is not None]
    if len(done) < 2:
        return Readings(slide, readings, None)
    red_cells = red_cell_count(slide.red_cells_per_ul, slide.haematocrit_percent).per_ul
    return Readings(slide, readings, settle(done, RULES[readings[0].rule], red_cells))


def _as_counted(reading: SlideReading) -> Reading:
    return Reading(reading.reader, reading.infected, reading.counted, reading.species)


def _numbers(reading: SlideReading) -> tuple[int, int]:
    return reading.infected, reading.counted
