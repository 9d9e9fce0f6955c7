"""``/patients``: the list, a patient's course, and who turned out to be whom."""

from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy.orm import Session

from plasmoscope.store import history, patients
from plasmoscope.store.records import LONGEST_TEXT, Patient
from plasmoscope.web.api import schemas
from plasmoscope.web.dependencies import Number, Records
from plasmoscope.web.security.identity import Reader, Technician

router = APIRouter()


@router.get("/patients", tags=["patients"])
def list_patients(
    actor: Reader,
    records: Records,
    search: Annotated[str, Query(max_length=LONGEST_TEXT)] = "",
    twins: Annotated[bool, Query(description="Only those who may be the same person as another.")] = False,
    offset: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> schemas.PatientPage:
    """Find patients, by their codes."""
    with records.reading() as session:
        page = patients.find_patients(session, search, twins, offset, limit)
    return schemas.PatientPage(patients=[schemas.PatientOut.of(row) for row in page.patients], total=page.total)


@router.get("/patients/{patient_id}", tags=["patients"])
def get_patient(actor: Reader, records: Records, patient_id: Number) -> schemas.PatientWhole:
    """A patient with their slides over time."""
    with records.reading() as session:
        return _whole(session, patients.patient_of_number(session, patient_id))


@router.get("/patients/{patient_id}/audit", tags=["patients"])
def list_patient_audit(
    actor: Reader,
    records: Records,
    patient_id: Number,
    offset: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[schemas.AuditOut]:
    """What was done to a patient and to their slides as such, the newest first; each slide has the rest of its own."""
    with records.reading() as session:
        patient = patients.patient_of_number(session, patient_id)
        found, _ = patients.changes_of(session, patient.id, offset, limit)
        return [schemas.AuditOut.model_validate(entry) for entry in found]


@router.post("/patients/{patient_id}/merge", tags=["patients"])
def merge_patients(
    actor: Technician, records: Records, patient_id: Number, given: schemas.PatientCode
) -> schemas.PatientWhole:
    """Let another patient turn out to be this one, whose slides theirs are from now on.

    Signed slides keep their code until they are reopened.
    """
    with records.session() as session:
        return _whole(session, patients.merge(session, actor.name, patient_id, given.patient))


@router.post("/patients/{patient_id}/part", tags=["patients"])
def part_patients(
    actor: Technician, records: Records, patient_id: Number, given: schemas.PatientCode
) -> schemas.PatientWhole:
    """Undo the merge of another patient into this one."""
    with records.session() as session:
        patients.part(session, actor.name, patient_id, given.patient)
        return _whole(session, patients.patient_of_number(session, patient_id))


@router.post("/patients/{patient_id}/keep-apart", tags=["patients"])
def keep_patients_apart(
    actor: Technician, records: Records, patient_id: Number, given: schemas.PatientCode
) -> schemas.PatientWhole:
    """Say that another patient whose code looks alike is another person."""
    with records.session() as session:
        patients.keep_apart(session, actor.name, patient_id, given.patient)
        return _whole(session, patients.patient_of_number(session, patient_id))


def _whole(session: Session, patient: Patient) -> schemas.PatientWhole:
    points = history.time_line(session, patient.id)
    cleared = history.clearance_of(points)
    return schemas.PatientWhole(
        id=patient.id,
        code=patient.code,
        possible_twins=[twin.code for twin in patients.twins_of(session, patient)],
        merged=[one.code for one in patients.merged_into(session, patient.id)],
        visits=[schemas.VisitOut.of(point) for point in points],
        clearance=schemas.ClearanceOut.model_validate(cleared) if cleared else None,
    )
