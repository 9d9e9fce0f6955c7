"""``/queue``: the photographs that are being analysed or wait for it."""

from fastapi import APIRouter

from plasmoscope.store import fields
from plasmoscope.web.api import schemas
from plasmoscope.web.api.former_names import formerly
from plasmoscope.web.dependencies import Records
from plasmoscope.web.security.identity import Reader

router = APIRouter()


@router.get("/queue", tags=["fields"])
@router.get("/jobs", tags=["fields"], deprecated=True, dependencies=[formerly("queue")])
def list_queue(actor: Reader, records: Records) -> list[schemas.QueuedField]:
    """Photographs that are being analysed or wait for it, in the order in which they are taken."""
    with records.reading() as session:
        queued = fields.queued(session)
        return [
            schemas.QueuedField(
                field_id=field.id, slide_id=field.slide_id, name=field.name, status=field.status, ahead=ahead
            )
            for ahead, field in enumerate(queued)
        ]
