"""``/controls``: control slides, and whether they are in control."""

from fastapi import APIRouter

from plasmoscope.store.controls import control_charts
from plasmoscope.web.api import schemas
from plasmoscope.web.dependencies import Records
from plasmoscope.web.security.identity import Reader

router = APIRouter()


@router.get("/controls", tags=["quality"])
def list_controls(actor: Reader, records: Records) -> list[schemas.ControlOut]:
    """Control slides with the readings of their charts, those in use first."""
    with records.reading() as session:
        return [schemas.ControlOut.of(chart) for chart in control_charts(session)]
