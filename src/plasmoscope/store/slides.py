"""Slides: made, described anew, signed, reopened, deleted."""

from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from plasmoscope.analysis.counting import red_cell_count
from plasmoscope.store.audit import note, slide_subject
from plasmoscope.store.counts import tally
from plasmoscope.store.errors import ConflictError, NotFoundError, NotLookedAtError, StoreError, TakenError
from plasmoscope.store.locking import hold_slide, slide_to_change
from plasmoscope.store.records import LONGEST_TEXT, Patient, Slide, now, storable
from plasmoscope.store.review import slide_queue

EXAMPLE_PATIENT = "Example"
"""The code of the patient whose photographs are rendered, for people to try things out."""


@dataclass(frozen=True)
class SlideDetails:
    """What people say about a slide."""

    patient: str
    """The patient's code."""
    code: str
    taken_on: date
    site: str = ""
    preparer: str = ""
    microscopist: str = ""
    stain: str = ""
    haematocrit_percent: float | None = None
    red_cells_per_ul: float | None = None


def create_slide(session: Session, who: str, details: SlideDetails) -> Slide:
    """Record a new slide, and its patient where they are new.

    Raises:
        StoreError: a code is missing or a text too long.
        CountingError: a red-cell count or haematocrit that no blood has.
        TakenError: the patient has a slide of this code.
    """
    slide = Slide()
    _describe(session, slide, details)
    note(session, who, "create", slide_subject(slide.id), **_plain(details))
    return slide


def update_slide(session: Session, who: str, slide_id: int, details: SlideDetails) -> Slide:
    """Describe a slide anew.

    Raises:
        NotFoundError, ConflictError: as ``slide_to_change``; otherwise as ``create_slide``.
    """
    slide = slide_to_change(session, slide_id)
    before = _plain(details_of(slide))
    _describe(session, slide, details)
    changed = {name: [before[name], value] for name, value in _plain(details).items() if value != before[name]}
    note(session, who, "describe", slide_subject(slide.id), **changed)
    return slide


def details_of(slide: Slide) -> SlideDetails:
    """What people said about a slide."""
    return SlideDetails(
        patient=slide.patient.code,
        code=slide.code,
        taken_on=slide.taken_on,
        site=slide.site,
        preparer=slide.preparer,
        microscopist=slide.microscopist,
        stain=slide.stain,
        haematocrit_percent=slide.haematocrit_percent,
        red_cells_per_ul=slide.red_cells_per_ul,
    )


def get_slide(session: Session, slide_id: int) -> Slide:
    """A slide by its number.

    Raises:
        NotFoundError: no such slide.
    """
    slide = session.get(Slide, slide_id)
    if slide is None:
        raise NotFoundError("no_slide", slide=str(slide_id))
    return slide


def sign(session: Session, who: str, slide_id: int, seen_version: int, confirm: bool = False) -> Slide:
    """Sign a slide off; until it is reopened nothing about it can change.

    Args:
        seen_version: ``Slide.version`` that the signer looked at, so that nobody signs what they have not seen.
        confirm: sign although nobody has looked at some of the called or uncertain cells.

    Raises:
        NotFoundError: no such slide.
        NotLookedAtError: nobody has looked at some of them, and that is not confirmed.
        ConflictError: it is signed already, has changed since it was looked at, has no photograph, or some are not
            analysed yet.
    """
    slide = slide_to_change(session, slide_id)
    if slide.version != seen_version + 1:
        raise ConflictError("slide_changed", slide=slide.code)
    result = tally(session, slide_id)
    if result.unfinished:
        raise ConflictError("photographs_unfinished", photographs=result.unfinished)
    if not result.done:
        raise ConflictError("nothing_to_sign", slide=slide.code)
    waiting = slide_queue(session, slide_id).review.waiting
    if waiting and not confirm:
        raise NotLookedAtError("not_looked_at", cells=waiting)
    slide.status, slide.signed_by, slide.signed_at = "signed", who, now()
    detail = {"version": slide.version, "counted": result.counted, "infected": result.infected}
    note(session, who, "sign", slide_subject(slide_id), **detail, not_looked_at=waiting)
    return slide


def reopen(session: Session, who: str, slide_id: int, reason: str) -> Slide:
    """Take the signature off.

    Raises:
        NotFoundError: no such slide.
        ConflictError: it is open.
        StoreError: no reason is given.
    """
    slide = hold_slide(session, slide_id)
    if slide.status == "open":
        raise ConflictError("slide_open", slide=slide.code)
    detail = {"reason": given_reason(reason), "signed_by": slide.signed_by}
    slide.status, slide.signed_by, slide.signed_at = "open", None, None
    note(session, who, "reopen", slide_subject(slide_id), **detail)
    return slide


def delete_slide(session: Session, who: str, slide_id: int, reason: str) -> None:
    """Delete an open slide with its fields and corrections; the audit keeps that it was there.

    Its photographs stay on disk until ``doctor`` finds that no slide uses them.

    Raises:
        NotFoundError: no such slide.
        ConflictError: it is signed.
        StoreError: no reason is given.
    """
    slide = slide_to_change(session, slide_id)
    note(session, who, "delete", slide_subject(slide_id), reason=given_reason(reason), **_plain(details_of(slide)))
    session.expunge(slide)
    session.execute(delete(Slide).where(Slide.id == slide_id))


def given_reason(reason: str) -> str:
    """A reason without blanks around it.

    Raises:
        StoreError: it says nothing.
    """
    said = storable(reason).strip()
    if not said:
        raise StoreError("reason_missing")
    return said


def _describe(session: Session, slide: Slide, details: SlideDetails) -> None:
    texts = ("code", "site", "preparer", "microscopist", "stain")
    said = {name: _text(name, getattr(details, name)) for name in ("patient", *texts)}
    if not said["patient"]:
        raise StoreError("patient_missing")
    if not said["code"]:
        raise StoreError("slide_code_missing")
    red_cell_count(details.red_cells_per_ul, None)
    red_cell_count(None, details.haematocrit_percent)
    patient = _patient(session, said["patient"])
    try:
        with session.begin_nested():
            slide.patient = patient
            for name in texts:
                setattr(slide, name, said[name])
            slide.taken_on = details.taken_on
            slide.haematocrit_percent = details.haematocrit_percent
            slide.red_cells_per_ul = details.red_cells_per_ul
            session.add(slide)
    except IntegrityError as error:
        raise TakenError("slide_taken", patient=patient.code, slide=said["code"]) from error


def _patient(session: Session, code: str) -> Patient:
    wanted = select(Patient).where(Patient.code == code)
    patient = session.scalar(wanted)
    if patient is not None:
        return patient
    try:
        with session.begin_nested():
            patient = Patient(code=code)
            session.add(patient)
    except IntegrityError:
        # Somebody else recorded the patient in between.
        return session.scalars(wanted).one()
    return patient


def _text(name: str, value: str) -> str:
    text = " ".join(storable(value).split())
    if len(text) > LONGEST_TEXT:
        raise StoreError("text_too_long", name=name, most=LONGEST_TEXT)
    return text


def _plain(details: SlideDetails) -> dict[str, Any]:
    return asdict(details) | {"taken_on": details.taken_on.isoformat()}
