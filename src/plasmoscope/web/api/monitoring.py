"""Whether the workstation is well, for whoever watches over it."""

from fastapi import APIRouter, Response
from sqlalchemy import text

from plasmoscope import __version__
from plasmoscope.store import fields
from plasmoscope.web.dependencies import Figures, Records

router = APIRouter(tags=["watching"])


@router.get("/health")
def health(records: Records) -> dict[str, str]:
    """Answers while the records can be read."""
    with records.reading() as session:
        session.execute(text("SELECT 1"))
    return {"status": "ok", "version": __version__}


@router.get("/metrics", response_class=Response)
def metrics(records: Records, figures: Figures) -> Response:
    """Figures in Prometheus' text format; they tell nothing of patients."""
    with records.reading() as session:
        figures.waiting.set(fields.how_many_wait(session))
    return Response(figures.text(), media_type="text/plain; version=0.0.4; charset=utf-8")
