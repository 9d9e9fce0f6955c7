"""Patients: found, recognised as one person under two codes, merged, and parted again."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session, aliased
from sqlalchemy.sql.elements import ColumnElement

from plasmoscope.store.audit import entries_of, note, slide_subject
from plasmoscope.store.errors import ConflictError, NotFoundError, StoreError, TakenError
from plasmoscope.store.likeness import skeleton
from plasmoscope.store.locking import hold_slide
from plasmoscope.store.records import AuditEntry, DistinctPatients, Patient, Slide
from plasmoscope.store.sites import check_all_seen
from plasmoscope.store.slides import NO_PATIENT


class PatientRow(NamedTuple):
    """A patient in the list of patients."""

    patient: Patient
    slides: int
    first: date | None
    """When the first slide was made; None without slides."""
    last: date | None
    twins: Sequence[Patient]
    """Others who may be the same person."""


class PatientPage(NamedTuple):
    """Some of the patients that were found."""

    patients: Sequence[PatientRow]
    total: int
    """How many were found in all."""


def patient_subject(patient_id: int) -> str:
    """How a patient is called in the audit."""
    return f"patient/{patient_id}"


def get_patient(session: Session, code: str) -> Patient:
    """A patient by their code, or the one that they turned out to be.

    Raises:
        NotFoundError: no such patient.
    """
    patient = session.scalar(select(Patient).where(Patient.code == code))
    if patient is None or patient.code == NO_PATIENT:
        raise NotFoundError("no_patient", patient=code)
    return session.get_one(Patient, patient.merged_into_id) if patient.merged_into_id else patient


def patient_of_number(session: Session, patient_id: int) -> Patient:
    """A patient by their number.

    Raises:
        NotFoundError: no such patient.
    """
    patient = session.get(Patient, patient_id)
    if patient is None or patient.code == NO_PATIENT:
        raise NotFoundError("no_patient", patient=str(patient_id))
    return patient


def find_patients(
    session: Session, text: str = "", twins_only: bool = False, offset: int = 0, limit: int = 50
) -> PatientPage:
    """The patients that fit, by their codes; one that is merged into another is found as that one.

    Args:
        text: found anywhere in a code, in capitals or not; or a code that looks like it.
        twins_only: only those who may be the same person as another.
    """
    fitting = select(Patient).where(Patient.merged_into_id.is_(None), Patient.code != NO_PATIENT)
    if text.strip():
        like = or_(Patient.code.icontains(text.strip(), autoescape=True), Patient.skeleton == skeleton(text))
        merged = select(Patient.merged_into_id).where(Patient.merged_into_id.is_not(None), like)
        fitting = fitting.where(or_(like, Patient.id.in_(merged)))
    if twins_only:
        other = aliased(Patient)
        fitting = fitting.where(select(other.id).where(_may_be(Patient, other)).exists())
    total = session.scalar(fitting.with_only_columns(func.count(Patient.id))) or 0
    found = session.scalars(fitting.order_by(func.lower(Patient.code), Patient.id).offset(offset).limit(limit)).all()
    return PatientPage(_rows(session, found), total)


def twins_of(session: Session, patient: Patient) -> Sequence[Patient]:
    """Other patients who may be the same person: their codes look alike, and nobody said that they are two."""
    return [row.other for row in _twins(session, [patient.id])]


def twins_of_code(session: Session, code: str) -> Sequence[Patient]:
    """Patients whose codes look like one that no patient has; none where a patient has it."""
    wanted = " ".join(code.split())
    if session.scalar(select(Patient.id).where(Patient.code == wanted)) is not None:
        return ()
    like = select(Patient).where(Patient.skeleton == skeleton(wanted), Patient.merged_into_id.is_(None))
    return session.scalars(like.order_by(Patient.code)).all()


def merged_into(session: Session, patient_id: int) -> Sequence[Patient]:
    """The patients who turned out to be this one."""
    return session.scalars(select(Patient).where(Patient.merged_into_id == patient_id).order_by(Patient.code)).all()


def changes_of(session: Session, patient_id: int, offset: int, limit: int) -> tuple[Sequence[AuditEntry], int]:
    """What was done to a patient and to their slides as such, the newest first; and how many such entries there are.

    What was done to photographs and cells stands with each slide.
    """
    theirs = or_(Patient.id == patient_id, Patient.merged_into_id == patient_id)
    slides = session.scalars(
        select(Slide.id).where(Slide.patient_id.in_(select(Patient.id).where(theirs)), Slide.purpose == "patient")
    )
    merged = session.scalars(select(Patient.id).where(theirs))
    subjects = [*map(slide_subject, slides), *map(patient_subject, merged)]
    return entries_of(session, subjects, offset, limit)


def merge(session: Session, who: str, patient_id: int, code: str) -> Patient:
    """Let the patient with this code turn out to be another; the slides are that one's from now on.

    Signed slides stay as they are signed, under their own code, until they are reopened; they are shown with the
    others. ``part`` undoes it.

    Args:
        patient_id: whose slides they become.
        code: of the patient who is no other.

    Returns:
        The patient whom the slides belong to.

    Raises:
        NotFoundError: no such patient.
        StoreError: it is one patient.
        ConflictError: others are merged into the one that is to be merged.
        TakenError: both have a slide of one code.
    """
    into, other = _both_held(session, patient_id, code)
    if merged_into(session, other.id):
        raise ConflictError("merged_before", patient=other.code, into=into.code)
    other.merged_into_id = into.id
    twice = _codes(session, into.id) & _codes(session, other.id)
    if twice:
        raise TakenError("slide_of_both", patient=into.code, other=other.code, slide=min(twice))
    unsigned = select(Slide.id).where(_there(other.id), Slide.status == "open").order_by(Slide.id)
    # Somebody may have signed one meanwhile.
    held = [hold_slide(session, slide_id) for slide_id in session.scalars(unsigned).all()]
    moved = [slide.id for slide in held if slide.status == "open"]
    for slide in held:
        if slide.id in moved:
            slide.patient, slide.merged_from_id = into, other.id
    session.flush()
    for slide_id in moved:
        note(session, who, "merge patients", slide_subject(slide_id), patient=[other.code, into.code])
    note(session, who, "merge patients", patient_subject(into.id), patient=other.code, slides=moved)
    return into


def part(session: Session, who: str, patient_id: int, code: str) -> Patient:
    """Undo a merge: the slides are that patient's again, and so are those that were recorded under their code since.

    Args:
        patient_id: whom they were merged into.
        code: of the patient who was merged.

    Returns:
        The patient who is parted.

    Raises:
        NotFoundError: no such patient.
        ConflictError: they are not merged, or a slide was signed under the other's code since.
        TakenError: they have another slide of one code.
    """
    into = _held(session, patient_id)
    merged = select(Patient).where(Patient.code == code, Patient.merged_into_id == into.id).with_for_update()
    patient = session.scalar(merged)
    if patient is None:
        raise ConflictError("not_merged", patient=code, into=into.code)
    check_all_seen(session, (into.id, patient.id))
    returning = select(Slide).where(Slide.merged_from_id == patient.id)
    signed = session.scalars(returning.where(Slide.status == "signed").order_by(Slide.id)).all()
    if signed:
        codes = ", ".join(slide.code for slide in signed)
        raise ConflictError("signed_since_merge", patient=into.code, slides=codes)
    back = session.scalars(returning.order_by(Slide.id)).all()
    twice = {slide.code for slide in back if slide.deleted_at is None} & _codes(session, patient.id)
    if twice:
        raise TakenError("slide_of_both", patient=into.code, other=patient.code, slide=min(twice))
    patient.merged_into_id = None
    for slide in back:
        slide.patient, slide.merged_from_id = patient, None
        slide.version += 1
    session.flush()
    for slide in back:
        note(session, who, "part patients", slide_subject(slide.id), patient=[into.code, patient.code])
    note(session, who, "part patients", patient_subject(into.id), patient=patient.code, slides=[one.id for one in back])
    return patient


def keep_apart(session: Session, who: str, patient_id: int, code: str) -> None:
    """Say that two patients whose codes look alike are two people, so that nobody is asked again.

    Raises:
        NotFoundError: no such patient.
        StoreError: it is one patient.
    """
    one, other = _both_held(session, patient_id, code)
    first, second = sorted((one.id, other.id))
    said = select(DistinctPatients.id).where(DistinctPatients.first_id == first, DistinctPatients.second_id == second)
    if session.scalar(said) is None:
        session.add(DistinctPatients(first_id=first, second_id=second, by=who))
        note(session, who, "keep patients apart", patient_subject(one.id), patient=other.code)


def _rows(session: Session, found: Sequence[Patient]) -> list[PatientRow]:
    ids = [patient.id for patient in found]
    # Signed slides of those merged into another are among that one's.
    owner = func.coalesce(Patient.merged_into_id, Patient.id)
    counted = (
        select(owner, func.count(), func.min(Slide.taken_on), func.max(Slide.taken_on))
        .join(Slide, Slide.patient_id == Patient.id)
        .where(owner.in_(ids), Slide.deleted_at.is_(None), Slide.purpose == "patient")
        .group_by(owner)
    )
    none: tuple[int, date | None, date | None] = (0, None, None)
    slides = {patient_id: (number, first, last) for patient_id, number, first, last in session.execute(counted)}
    twins: dict[int, list[Patient]] = {}
    for patient_id, other in _twins(session, ids):
        twins.setdefault(patient_id, []).append(other)
    found_rows = []
    for patient in found:
        number, first, last = slides.get(patient.id, none)
        found_rows.append(PatientRow(patient, number, first, last, twins.get(patient.id, ())))
    return found_rows


class _Twin(NamedTuple):
    patient_id: int
    other: Patient


def _twins(session: Session, patient_ids: Sequence[int]) -> list[_Twin]:
    one, other = aliased(Patient), aliased(Patient)
    pairs = select(one.id, other).join(other, _may_be(one, other)).where(one.id.in_(patient_ids)).order_by(other.code)
    return [_Twin(patient_id, twin) for patient_id, twin in session.execute(pairs)]


def _may_be(one: type[Patient], other: type[Patient]) -> ColumnElement[bool]:
    """Whether two patients may be one person."""
    said = DistinctPatients
    distinct = (
        select(said.id)
        .where(
            or_(
                and_(said.first_id == one.id, said.second_id == other.id),
                and_(said.first_id == other.id, said.second_id == one.id),
            )
        )
        .exists()
    )
    unmerged = one.merged_into_id.is_(None), other.merged_into_id.is_(None)
    return and_(other.skeleton == one.skeleton, other.id != one.id, *unmerged, ~distinct)


def _both_held(session: Session, patient_id: int, code: str) -> tuple[Patient, Patient]:
    """Two patients, those that they turned out to be in their place."""
    one = patient_of_number(session, patient_id)
    ids = one.merged_into_id or one.id, get_patient(session, code).id
    if ids[0] == ids[1]:
        raise StoreError("merged_with_itself", patient=code)
    check_all_seen(session, ids)
    # The smaller number first, as everybody does who holds two.
    held = {number: _held(session, number) for number in sorted(ids)}
    return held[ids[0]], held[ids[1]]


def _held(session: Session, patient_id: int) -> Patient:
    """A patient as they are now, whom nobody else can merge until the transaction ends."""
    held = select(Patient).where(Patient.id == patient_id).with_for_update()
    patient = session.scalar(held.execution_options(populate_existing=True))
    if patient is None:
        raise NotFoundError("no_patient", patient=str(patient_id))
    return patient


def _there(patient_id: int) -> ColumnElement[bool]:
    return and_(Slide.patient_id == patient_id, Slide.deleted_at.is_(None))


def _codes(session: Session, patient_id: int) -> set[str]:
    return set(session.scalars(select(Slide.code).where(_there(patient_id))))
