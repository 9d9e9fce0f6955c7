"""``/jobs``: the queue of photographs."""

from fastapi import APIRouter

from plasmoscope.store import fields
from plasmoscope.web.api import schemas
from plasmoscope.web.dependencies import (
    Records,
)
from plasmoscope.web.security.identity import Reader

router = APIRouter()


@router.get("/jobs", tags=["fields"])
def list_jobs(actor: Reader, records: Records) -> list[schemas.Job]:
    """Photographs that are being analysed or wait for it, in the order in which they are taken."""
    with records.reading() as session:
        line = fields.in_line(session)
        return [
            schemas.Job(field_id=field.id, slide_id=field.slide_id, name=field.name, status=field.status, ahead=ahead)
            for ahead, field in enumerate(line)
        ]
