"""``/quality``: how the laboratory's work runs over the weeks."""

from fastapi import APIRouter

from plasmoscope.store.days import today
from plasmoscope.store.quality import quality
from plasmoscope.web.api import schemas
from plasmoscope.web.dependencies import Records
from plasmoscope.web.security.identity import Reader

router = APIRouter()


@router.get("/quality", tags=["quality"])
def get_quality(actor: Reader, records: Records) -> schemas.QualityOut:
    """Positive slides by week and site, calls taken back, poor photographs, stain and focus, as the page shows them."""
    with records.reading() as session:
        return schemas.QualityOut.model_validate(quality(session, today()))
