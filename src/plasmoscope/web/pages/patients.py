"""A patient's slides over time."""

from fastapi import APIRouter, Request, Response

from plasmoscope.store import history
from plasmoscope.web.dependencies import Records
from plasmoscope.web.pages.rendering import render
from plasmoscope.web.pages.time_chart import draw_chart
from plasmoscope.web.pages.welcome import Welcomed
from plasmoscope.web.security.identity import Reader

router = APIRouter(dependencies=[Welcomed])


@router.get("/patients/{code:path}")
def show_patient(request: Request, actor: Reader, records: Records, code: str) -> Response:
    """A patient's slides over time."""
    with records.reading() as session:
        patient = history.get_patient(session, code)
        points = history.time_line(session, patient.id)
    return render(request, "patient.html", patient=patient, points=points, chart=draw_chart(points))
