"""The list of patients, a patient's slides over time, and who turned out to be whom."""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Query, Request, Response

from plasmoscope.store import history, patients
from plasmoscope.store.records import LONGEST_TEXT, Patient
from plasmoscope.web.dependencies import Number, Records
from plasmoscope.web.pages import page_data
from plasmoscope.web.pages.paging import PageNumber, paging
from plasmoscope.web.pages.redirects import go
from plasmoscope.web.pages.rendering import render
from plasmoscope.web.pages.time_chart import draw_chart
from plasmoscope.web.pages.welcome import Welcomed
from plasmoscope.web.security.identity import Reader, Technician

router = APIRouter(dependencies=[Welcomed])

_PATIENTS_AT_ONCE = 50
_CHANGES_AT_ONCE = 20
_Code = Annotated[str, Form(min_length=1, max_length=LONGEST_TEXT)]


@router.get("/patients")
def list_patients(
    request: Request,
    actor: Reader,
    records: Records,
    search: Annotated[str, Query(max_length=LONGEST_TEXT)] = "",
    twins: bool = False,
    page: PageNumber = 1,
) -> Response:
    """All patients, or those that fit a search."""
    with records.reading() as session:
        found = patients.find_patients(session, search, twins, (page - 1) * _PATIENTS_AT_ONCE, _PATIENTS_AT_ONCE)
    place = paging(request, page, _PATIENTS_AT_ONCE, found.patients, found.total)
    return render(request, "patients.html", search=search, twins=twins, rows=found.patients, paging=place)


@router.get("/patients/{code:path}")
def show_patient(request: Request, actor: Reader, records: Records, code: str, page: PageNumber = 1) -> Response:
    """A patient's slides over time, and what was done to them."""
    with records.reading() as session:
        patient = patients.get_patient(session, code)
        if patient.code != code:
            return _to_patient(patient)
        points = history.time_line(session, patient.id)
        twins = patients.twins_of(session, patient)
        merged = patients.merged_into(session, patient.id)
        entries, total = patients.changes_of(session, patient.id, (page - 1) * _CHANGES_AT_ONCE, _CHANGES_AT_ONCE)
        changes = [page_data.change_of(entry) for entry in entries]
    return render(
        request,
        "patient.html",
        patient=patient,
        points=points,
        clearance=history.clearance_of(points),
        chart=draw_chart(points),
        twins=twins,
        merged=merged,
        changes=changes,
        codes={str(point.slide.id): point.slide.code for point in points},
        paging=paging(request, page, _CHANGES_AT_ONCE, changes, total),
    )


@router.post("/patients/{patient_id}/merge")
def merge(actor: Technician, records: Records, patient_id: Number, code: _Code) -> Response:
    """Let another patient turn out to be this one."""
    with records.session() as session:
        return _to_patient(patients.merge(session, actor.name, patient_id, code.strip()))


@router.post("/patients/{patient_id}/part")
def part(actor: Technician, records: Records, patient_id: Number, code: _Code) -> Response:
    """Undo a merge."""
    with records.session() as session:
        return _to_patient(patients.part(session, actor.name, patient_id, code))


@router.post("/patients/{patient_id}/keep-apart")
def keep_apart(actor: Technician, records: Records, patient_id: Number, code: _Code) -> Response:
    """Say that two patients whose codes look alike are two people."""
    with records.session() as session:
        patients.keep_apart(session, actor.name, patient_id, code)
        return _to_patient(patients.patient_of_number(session, patient_id))


def _to_patient(patient: Patient) -> Response:
    return go(f"/patients/{quote(patient.code, safe='')}")
