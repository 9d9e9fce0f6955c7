"""Slides: made, described anew, signed, reopened, deleted and put back."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, get_args

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from plasmoscope.analysis.counting import red_cell_count
from plasmoscope.analysis.results import Sex
from plasmoscope.store.audit import note, slide_subject
from plasmoscope.store.blinding import being_read
from plasmoscope.store.counts import tally
from plasmoscope.store.days import past_day
from plasmoscope.store.errors import ConflictError, NotFoundError, NotLookedAtError, StoreError, TakenError
from plasmoscope.store.likeness import skeleton
from plasmoscope.store.locking import hold_slide, slide_to_change
from plasmoscope.store.readings import OF_SLIDE
from plasmoscope.store.records import LONGEST_TEXT, Field, Patient, Slide, SlideReading, now, storable
from plasmoscope.store.review import slide_queue
from plasmoscope.store.sites import ON_ALL_SITES, site_to_write

EXAMPLE_PATIENT = "Example"
"""The code of the patient whose photographs are rendered, for people to try things out."""
NO_PATIENT = " quality"
"""The code of nobody, whom slides of panels and controls are of. It cannot be written: codes begin with no blank."""
OLDEST_YEARS = 130  # of age; nobody was ever older than 122
LAST_VISIT_DAY = 3650  # days after treatment began: ten years


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
    age_years: float | None = None
    """Of the patient when it was made, up to ``OLDEST_YEARS``."""
    sex: Sex | None = None
    visit_day: int | None = None
    """Of a follow-up, from 0, the day on which the treatment began, to ``LAST_VISIT_DAY``."""


def create_slide(session: Session, who: str, details: SlideDetails) -> Slide:
    """Record a new slide, and its patient where they are new.

    Raises:
        StoreError: a code is missing, a text too long, the site another's, the date to come, or an age, sex or visit
            day that is none.
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
    if slide.purpose in ("panel", "control"):
        raise ConflictError("no_patients_slide", slide=slide.code)
    before = _plain(details_of(slide))
    _describe(session, slide, details)
    sheets = select(Slide).join(SlideReading, SlideReading.sheet_id == Slide.id)
    for sheet in session.scalars(sheets.where(SlideReading.slide_id == slide_id, SlideReading.place > 1)).all():
        for name in OF_SLIDE:
            setattr(sheet, name, getattr(slide, name))
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
        age_years=slide.age_years,
        sex=slide.sex,
        visit_day=slide.visit_day,
    )


def get_slide(session: Session, slide_id: int) -> Slide:
    """A slide by its number.

    Raises:
        NotFoundError: no such slide, or it was deleted.
    """
    slide = session.get(Slide, slide_id)
    if slide is None or slide.deleted_at is not None:
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
        ConflictError: it is signed already, has changed since it was looked at, has no photograph, some are not
            analysed yet, or not all who were asked to read it are done.
    """
    slide = slide_to_change(session, slide_id)
    if slide.version != seen_version + 1:
        raise ConflictError("slide_changed", slide=slide.code)
    if slide.purpose != "patient" or session.scalar(being_read().where(SlideReading.sheet_id == slide_id)) is not None:
        raise ConflictError("readings_not_done", slide=slide.code)
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
    if slide.purpose != "patient":
        raise ConflictError("no_patients_slide", slide=slide.code)
    if slide.status == "open":
        raise ConflictError("slide_open", slide=slide.code)
    detail: dict[str, Any] = {"reason": given_reason(reason), "signed_by": slide.signed_by}
    slide.status, slide.signed_by, slide.signed_at = "open", None, None
    if _goes_to_merged(session, slide):
        detail["patient"] = _to_merged(session, slide)
    note(session, who, "reopen", slide_subject(slide_id), **detail)
    return slide


def delete_slide(session: Session, who: str, slide_id: int, reason: str) -> None:
    """Delete an open slide; all of it is kept, and ``put_back_slide`` brings it back.

    Raises:
        NotFoundError: no such slide.
        ConflictError: it is signed, or holds one reading of another slide.
        StoreError: no reason is given.
    """
    slide = slide_to_change(session, slide_id)
    if slide.purpose == "reading":
        raise ConflictError("sheet_stays", slide=slide.code)
    if slide.purpose != "patient":
        raise ConflictError("no_patients_slide", slide=slide.code)
    slide.deleted_at, slide.deleted_by, slide.delete_reason = now(), who, given_reason(reason)
    # What waits is not analysed for nobody.
    unfinished = Field.slide_id == slide_id, Field.status.in_(("waiting", "analysing"))
    session.execute(update(Field).where(*unfinished).values(status="cancelled"))
    note(session, who, "delete", slide_subject(slide_id), reason=slide.delete_reason, **_plain(details_of(slide)))


def put_back_slide(session: Session, who: str, slide_id: int) -> Slide:
    """Bring a deleted slide back; what was not analysed then is cancelled.

    Raises:
        NotFoundError: no slide of this number is deleted.
        TakenError: its patient has another slide of its code now.
    """
    deleted = select(Slide).where(Slide.id == slide_id, Slide.deleted_at.is_not(None)).with_for_update(of=Slide)
    slide = session.scalar(deleted)
    if slide is None:
        raise NotFoundError("not_deleted", slide=str(slide_id))
    try:
        with session.begin_nested():
            slide.deleted_at = slide.deleted_by = slide.delete_reason = None
    except IntegrityError as error:
        raise TakenError("slide_taken", patient=slide.patient.code, slide=slide.code) from error
    slide.version += 1
    if _goes_to_merged(session, slide):
        _to_merged(session, slide)
    note(session, who, "put back slide", slide_subject(slide_id))
    return slide


def deleted_slides(session: Session, limit: int = 200) -> Sequence[Slide]:
    """Slides that can be put back, those deleted last first."""
    deleted = select(Slide).where(Slide.deleted_at.is_not(None)).order_by(Slide.deleted_at.desc(), Slide.id.desc())
    return session.scalars(deleted.limit(limit)).all()


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
    said["site"] = site_to_write(session, said["site"])
    red_cell_count(details.red_cells_per_ul, None)
    red_cell_count(None, details.haematocrit_percent)
    past_day(details.taken_on)
    _check_person(details)
    patient = named = patient_of_code(session, said["patient"])
    if named.merged_into_id:
        patient = session.get_one(Patient, named.merged_into_id, execution_options=ON_ALL_SITES)
    try:
        with session.begin_nested():
            if slide.patient is not patient:
                slide.patient, slide.merged_from_id = patient, named.id if named is not patient else None
            for name in texts:
                setattr(slide, name, said[name])
            slide.taken_on = details.taken_on
            slide.haematocrit_percent = details.haematocrit_percent
            slide.red_cells_per_ul = details.red_cells_per_ul
            slide.age_years, slide.sex, slide.visit_day = details.age_years, details.sex, details.visit_day
            session.add(slide)
    except IntegrityError as error:
        raise TakenError("slide_taken", patient=patient.code, slide=said["code"]) from error


def _check_person(details: SlideDetails) -> None:
    if details.age_years is not None and not 0 <= details.age_years <= OLDEST_YEARS:
        raise StoreError("age_impossible", years=details.age_years, most=OLDEST_YEARS)
    if details.sex is not None and details.sex not in get_args(Sex):
        raise StoreError("no_such_sex", sexes=", ".join(get_args(Sex)), sex=details.sex)
    if details.visit_day is not None and not 0 <= details.visit_day <= LAST_VISIT_DAY:
        raise StoreError("visit_day_impossible", day=details.visit_day, most=LAST_VISIT_DAY)


def _goes_to_merged(session: Session, slide: Slide) -> bool:
    """Whether its patient was merged while it was signed or deleted, and the other has no slide of its code."""
    into = slide.patient.merged_into_id
    if into is None:
        return False
    same = select(Slide.id).where(Slide.patient_id == into, Slide.code == slide.code, Slide.deleted_at.is_(None))
    return session.scalar(same) is None


def _to_merged(session: Session, slide: Slide) -> list[str]:
    """Let it belong to the patient whom its own was merged into; gives the codes of both."""
    before = slide.patient
    after = session.get_one(Patient, before.merged_into_id, execution_options=ON_ALL_SITES)
    slide.patient, slide.merged_from_id = after, before.id
    return [before.code, after.code]


def patient_of_code(session: Session, code: str) -> Patient:
    """The patient whom just this code names, recorded where they are new; they may be merged into another."""
    # Who sees none of the patient's slides adds theirs all the same.
    wanted = select(Patient).where(Patient.code == code).execution_options(**ON_ALL_SITES)
    patient = session.scalar(wanted)
    if patient is not None:
        return patient
    try:
        with session.begin_nested():
            patient = Patient(code=code, skeleton=skeleton(code))
            session.add(patient)
    except IntegrityError:
        # Somebody else recorded the patient in between.
        return session.scalars(wanted).one()
    return patient


def no_patient(session: Session) -> Patient:
    """Whom slides of panels and controls are of: nobody, and found among no patients."""
    nobody = patient_of_code(session, NO_PATIENT)
    # Like no code that people write.
    nobody.skeleton = NO_PATIENT
    return nobody


def _text(name: str, value: str) -> str:
    text = " ".join(storable(value).split())
    if len(text) > LONGEST_TEXT:
        raise StoreError("text_too_long", name=name, most=LONGEST_TEXT)
    return text


def _plain(details: SlideDetails) -> dict[str, Any]:
    return asdict(details) | {"taken_on": details.taken_on.isoformat()}
