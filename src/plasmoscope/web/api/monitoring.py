"""Whether the workstation is well, for whoever watches over it."""

from fastapi import APIRouter, Request, Response
from sqlalchemy import text

from plasmoscope import __version__
from plasmoscope.store import fields
from plasmoscope.web.metrics import Metrics

router = APIRouter(tags=["watching"])


@router.get("/health")
def health(request: Request) -> dict[str, str]:
    """Answers while the records can be read."""
    with request.app.state.store.reading() as session:
        session.execute(text("SELECT 1"))
    return {"status": "ok", "version": __version__}


@router.get("/metrics", response_class=Response)
def metrics(request: Request) -> Response:
    """Figures in Prometheus' text format; they tell nothing of patients."""
    figures: Metrics = request.app.state.metrics
    with request.app.state.store.reading() as session:
        figures.waiting.set(fields.how_many_wait(session))
    return Response(figures.text(), media_type="text/plain; version=0.0.4; charset=utf-8")
