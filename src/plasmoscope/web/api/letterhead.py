"""``/letterhead``: what stands at the head of the laboratory's reports."""

from fastapi import APIRouter

from plasmoscope.reports.letterhead import Letterhead, letterhead
from plasmoscope.store.letterheads import letterhead_in_use, remove_letterhead, set_letterhead
from plasmoscope.web.api import schemas
from plasmoscope.web.dependencies import Records
from plasmoscope.web.security.identity import Admin, Reader

router = APIRouter()


@router.get("/letterhead", tags=["letterhead"])
def get_letterhead(actor: Reader, records: Records) -> Letterhead | None:
    """What reports bear; null where nothing was set."""
    with records.reading() as session:
        return letterhead_in_use(session)


@router.put("/letterhead", tags=["letterhead"])
def put_letterhead(actor: Admin, records: Records, given: schemas.LetterheadIn) -> Letterhead:
    """Have reports bear a letterhead from now on; without a logo it has none."""
    made = letterhead(given.name, "\n".join(given.address), given.logo)
    with records.session() as session:
        set_letterhead(session, actor.name, made)
    return made


@router.delete("/letterhead", tags=["letterhead"], status_code=204)
def delete_letterhead(actor: Admin, records: Records) -> None:
    """Have reports bear none."""
    with records.session() as session:
        remove_letterhead(session, actor.name)
