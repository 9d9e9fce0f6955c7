"""Slides given for blinded readings: asked for, finished, and a third where two disagree.

Each reader has a record of their own, a sheet, with the same photographs and what the program found in them, and
without anything that another person did. ``plasmoscope.store.blinding`` says who sees which.
"""

from collections.abc import Sequence

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, undefer

from plasmoscope.analysis.two_readers import RULES, Rule
from plasmoscope.i18n.words import english
from plasmoscope.messages import as_record
from plasmoscope.store.audit import PROGRAM, note, slide_subject
from plasmoscope.store.choices import choose, chosen
from plasmoscope.store.counts import tally
from plasmoscope.store.edits import checked_note
from plasmoscope.store.errors import ConflictError, NotFoundError, StoreError
from plasmoscope.store.fields import mark_duplicates
from plasmoscope.store.locking import slide_to_change
from plasmoscope.store.readings import NOBODY, OF_SLIDE, Readings, readings_of, readings_of_slides
from plasmoscope.store.records import Account, Correction, Edit, Field, Look, Slide, SlideReading, now
from plasmoscope.store.slides import get_slide, given_reason

DEFAULT_RULE = "fixed-25"
"""As WHO asks of routine counts."""
_RULE = "reading_rule"
# What a sheet has of a slide's photographs, as the program left them.
_OF_FIELD = ("position", "name", "image_sha256", "size", "status", "override_gate", "result", "method", "judged",
             "fingerprint", "warnings")  # fmt: skip

_READERS = select(Account.name).where(Account.active, Account.role.in_(("technician", "admin")))


def rule_in_use(session: Session) -> Rule:
    """By which counts of slides that are given for a second reading from now on are compared."""
    return RULES[(chosen(session, _RULE) or {"rule": DEFAULT_RULE})["rule"]]


def choose_rule(session: Session, who: str, name: str) -> None:
    """Compare counts by another rule; slides that are being read keep the one that they were given under.

    Raises:
        StoreError: no such rule.
    """
    if name not in RULES:
        raise StoreError("no_such_rule", rules=", ".join(RULES), rule=name)
    choose(session, who, _RULE, {"rule": name}, rule=name)


def readers(session: Session) -> Sequence[str]:
    """Names of those who may read slides."""
    return session.scalars(_READERS.order_by(Account.name)).all()


def ask_second(session: Session, who: str, slide_id: int, first: str, second: str) -> Readings:
    """Give a slide for a blinded second reading.

    Args:
        first: who reads it, or has read it, in the record that there is.
        second: who gets a sheet of their own.

    Raises:
        NotFoundError, ConflictError: as ``slide_to_change``; ConflictError also where readings were asked for already,
            photographs are not analysed, nothing is counted, or the second reader looked at cells of the slide.
        StoreError: a name that may not read slides, or the same twice.
    """
    slide = slide_to_change(session, slide_id)
    if slide.purpose != "patient" or readings_of_slides(session, [slide_id]):
        raise ConflictError("readings_asked", slide=slide.code)
    numbers = tally(session, slide_id)
    if numbers.unfinished:
        raise ConflictError("photographs_unfinished", photographs=numbers.unfinished)
    if not numbers.counted:
        raise ConflictError("nothing_to_read", slide=slide.code)
    first, second = _reader(session, first), _reader(session, second)
    if first == second:
        raise StoreError("same_reader", name=first)
    _check_blind(session, second, slide_id)
    rule = rule_in_use(session).name
    session.add(SlideReading(slide_id=slide_id, sheet_id=slide_id, place=1, reader=first, rule=rule, asked_by=who))
    _add_reading(session, who, slide, 2, second, rule)
    note(session, who, "ask readings", slide_subject(slide_id), readers=f"{first}, {second}", rule=rule)
    return readings_of(session, slide_id)


def name_third(session: Session, who: str, slide_id: int, third: str) -> Readings:
    """Name the third reader of a slide whose first two disagree.

    Raises:
        NotFoundError: no such slide, or nobody was asked to read it.
        ConflictError: no third reader is needed, or this one looked at cells of the slide.
        StoreError: a name that may not read slides, or that read this one.
    """
    slide_to_change(session, slide_id)
    known = readings_of(session, slide_id)
    if not known.third_to_name:
        raise ConflictError("no_third_needed")
    third = _reader(session, third)
    if known.of(third) is not None:
        raise StoreError("same_reader", name=third)
    for reading in known.each:
        _check_blind(session, third, reading.sheet_id)
    last = known.each[-1]
    last.reader, last.asked_by, last.asked_at = third, who, now()
    get_slide(session, last.sheet_id).microscopist = third
    note(session, who, "name third reader", slide_subject(slide_id), reader=third)
    return readings_of(session, slide_id)


def finish_reading(session: Session, who: str, sheet_id: int, species: str = "") -> Readings:
    """End one's own reading, which then stays as it is.

    Where the first two disagree, a third sheet is made, for whoever is named to read it.

    Args:
        species: that the reader sees; empty where they name none.

    Raises:
        NotFoundError, ConflictError: as ``slide_to_change``; NotFoundError also where nobody was asked to read it,
            ConflictError also where the reading is another's, is done already, or nothing is counted.
        StoreError: no such species.
    """
    slide_id = session.scalar(select(SlideReading.slide_id).where(SlideReading.sheet_id == sheet_id))
    if slide_id is None:
        raise NotFoundError("no_readings")
    # The slide itself is held in any case: two readers who end at a time settle it once.
    slide, sheet = slide_to_change(session, slide_id), slide_to_change(session, sheet_id)
    reading = next(one for one in readings_of(session, slide_id).each if one.sheet_id == sheet_id)
    if reading.reader != who:
        raise ConflictError("not_your_reading", reader=reading.reader)
    if reading.done_at is not None:
        raise ConflictError("reading_done", reader=who)
    numbers = tally(session, sheet_id)
    if not numbers.counted:
        raise ConflictError("nothing_to_read", slide=sheet.code)
    reading.species = checked_note("", species)["species"] or ""
    reading.infected, reading.counted, reading.done_at = numbers.infected, numbers.counted, now()
    detail = {"infected": numbers.infected, "counted": numbers.counted, "species": reading.species}
    note(session, who, "finish reading", slide_subject(sheet_id), **detail)
    known = readings_of(session, slide_id)
    if known.settled is not None:
        if known.settled.third_needed:
            _add_reading(session, PROGRAM, slide, 3, NOBODY, reading.rule)
        # Who may not know it yet does not see the slide's changes either.
        told = english(known.settled.said)
        note(
            session,
            PROGRAM,
            "settle readings",
            slide_subject(slide_id),
            result=told,
            said=as_record(known.settled.said),
        )
    return readings_of(session, slide_id)


def withdraw_readings(session: Session, who: str, slide_id: int, reason: str) -> None:
    """Let a slide be its first reader's alone; the audit keeps what the others counted.

    Raises:
        NotFoundError, ConflictError: as ``slide_to_change``; NotFoundError also where nobody was asked to read it.
        StoreError: no reason is given.
    """
    slide_to_change(session, slide_id)
    known = readings_of(session, slide_id)
    told = [f"{one.reader}: {one.infected}/{one.counted}" for one in known.each if one.done_at is not None]
    note(
        session,
        who,
        "withdraw readings",
        slide_subject(slide_id),
        reason=given_reason(reason),
        readings="; ".join(told),
    )
    for reading in known.each:
        session.delete(reading)
    session.flush()
    for reading in known.each[1:]:
        session.delete(get_slide(session, reading.sheet_id))


def _reader(session: Session, name: str) -> str:
    if session.scalar(_READERS.where(Account.name == name)) is None:
        raise StoreError("no_such_reader", name=name)
    return name


def _check_blind(session: Session, name: str, slide_id: int) -> None:
    of_slide = select(Field.id).where(Field.slide_id == slide_id)
    for kind in (Correction, Edit, Look):
        if session.scalar(select(kind.id).where(kind.field_id.in_(of_slide), kind.by == name).limit(1)) is not None:
            raise ConflictError("reader_not_blind", name=name)


def _add_reading(session: Session, who: str, slide: Slide, place: int, reader: str, rule: str) -> None:
    sheet = _copied(session, slide, place, reader)
    session.add(SlideReading(slide_id=slide.id, sheet_id=sheet.id, place=place, reader=reader, rule=rule, asked_by=who))
    session.flush()


def _copied(session: Session, slide: Slide, place: int, reader: str) -> Slide:
    """A record of the same photographs as the program left them, for one reader."""
    taken = set(
        session.scalars(
            select(Slide.code).where(
                Slide.patient_id == slide.patient_id, Slide.code.startswith(slide.code, autoescape=True)
            )
        )
    )
    number, code = place, f"{slide.code} ({place})"
    while code in taken:
        number += 1
        code = f"{slide.code} ({number})"
    sheet = Slide(
        code=code, microscopist=reader, purpose="reading", **{name: getattr(slide, name) for name in OF_SLIDE}
    )
    session.add(sheet)
    session.flush()
    copy_photographs(session, slide, sheet)
    return sheet


def copy_photographs(session: Session, slide: Slide, sheet: Slide) -> dict[int, int]:
    """Give another record a slide's photographs as the program left them; gives their new numbers by their own."""
    copies: dict[Field, Field] = {}
    whole = select(Field).where(Field.slide_id == slide.id, or_(Field.status == "done", Field.status == "failed"))
    eager = [undefer(column) for column in (Field.result, Field.judged, Field.fingerprint)]
    for field in session.scalars(whole.order_by(Field.position).options(*eager)).all():
        copy = Field(slide_id=sheet.id, error=field.error, **{name: getattr(field, name) for name in _OF_FIELD})
        if (found := field.found()) is not None:
            copy.accepted, copy.counted = found.accepted, found.counted
            copy.infected, copy.not_a_cell = found.infected, found.not_a_cell
        session.add(copy)
        copies[field] = copy
    session.flush()
    numbers = {field.id: copy.id for field, copy in copies.items()}
    for field, copy in copies.items():
        copy.same_place = [numbers[other] for other in field.same_place if other in numbers]
    mark_duplicates(session, sheet.id)
    return numbers
