"""Deleted slides erased for good, with all that belongs to them; the audit keeps what was written in it."""

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import delete, exists, or_, select
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from plasmoscope.progress import Track, untracked
from plasmoscope.store.audit import note, slide_subject
from plasmoscope.store.locking import hold_fields
from plasmoscope.store.records import DistinctPatients, Field, Patient, Slide, SlideReading, now
from plasmoscope.store.store import Store

LONGEST_DAYS = 36_500  # a hundred years


class Erased(NamedTuple):
    """What is gone."""

    slides: int
    photographs: int
    """Files; those that other slides show too stay."""


def erase_deleted(store: Store, who: str, days: float, track: Track = untracked) -> Erased:
    """Erase the slides that were deleted so many days ago or earlier, with readings, calls, looks and photographs.

    Patients who have no slide left go too. One slide after the other: what is cut off can be done again, and the files
    that it left behind ``doctor`` removes.

    Args:
        days: from 0, which erases all that are deleted, to ``LONGEST_DAYS``.

    Raises:
        OSError: a file cannot be removed.
    """
    with store.reading() as session:
        due = session.scalars(select(Slide.id).where(_is_due(days)).order_by(Slide.id)).all()
    slides = photographs = 0
    for slide_id in track(due, len(due), "Erasing slides"):
        with store.session() as session:
            hashes = _erase(session, who, slide_id, days)
        if hashes is not None:
            slides += 1
            photographs += _remove_files(store, hashes)
    return Erased(slides, photographs)


def _is_due(days: float) -> ColumnElement[bool]:
    return Slide.deleted_at.is_not(None) & (Slide.deleted_at <= now() - timedelta(days))


def _erase(session: Session, who: str, slide_id: int, days: float) -> Sequence[str] | None:
    """The photographs of a slide that is gone now; None where it was put back or erased in between."""
    slide = session.scalar(select(Slide).where(Slide.id == slide_id, _is_due(days)).with_for_update(of=Slide))
    if slide is None:
        return None
    sheets = session.scalars(select(SlideReading.sheet_id).where(SlideReading.slide_id == slide_id)).all()
    of_slide = Field.slide_id.in_({slide_id, *sheets})
    hashes = session.scalars(select(Field.image_sha256).where(of_slide).distinct()).all()
    told = {"deleted": str(slide.deleted_at), "deleted_by": slide.deleted_by, "reason": slide.delete_reason}
    patients = [number for number in (slide.patient_id, slide.merged_from_id) if number is not None]
    session.expunge_all()
    # What belongs to them goes by the tables' own rules.
    session.execute(delete(Slide).where(Slide.id.in_({slide_id, *sheets})))
    for patient_id in patients:
        _erase_patient(session, patient_id)
    note(session, who, "erase slide", slide_subject(slide_id), **told, photographs=len(hashes))
    return hashes


def _erase_patient(session: Session, patient_id: int) -> None:
    """Erase a patient without a slide, whom no merge needs."""
    has_slide = exists().where(or_(Slide.patient_id == Patient.id, Slide.merged_from_id == Patient.id))
    other = Patient.__table__.alias()
    is_merged = exists().where(other.c.merged_into_id == Patient.id)
    alone = select(Patient.id).where(Patient.id == patient_id, Patient.merged_into_id.is_(None), ~has_slide, ~is_merged)
    if session.scalar(alone) is not None:
        told = or_(DistinctPatients.first_id == patient_id, DistinctPatients.second_id == patient_id)
        session.execute(delete(DistinctPatients).where(told))
        session.execute(delete(Patient).where(Patient.id == patient_id))


def _remove_files(store: Store, hashes: Sequence[str]) -> int:
    """Remove the photographs that no slide shows any more."""
    with store.session() as session:
        hold_fields(session)
        needed = set(session.scalars(select(Field.image_sha256).where(Field.image_sha256.in_(hashes))))
        gone = [sha256 for sha256 in hashes if sha256 not in needed]
        for sha256 in gone:
            store.images.remove(sha256)
    return len(gone)
