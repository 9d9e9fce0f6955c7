"""``/audit`` and ``/audit.csv``: all that was done, for admins."""

import shutil
import tempfile
from datetime import date
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from plasmoscope.store import audit
from plasmoscope.store.audit import Wanted
from plasmoscope.store.records import LONGEST_TEXT
from plasmoscope.web.api import schemas
from plasmoscope.web.dependencies import HeavyWork, Records
from plasmoscope.web.downloads import write_audit_file
from plasmoscope.web.security.identity import Admin

router = APIRouter()
_Text = Annotated[str, Query(max_length=LONGEST_TEXT)]


def wanted_of(
    who: _Text = "", action: _Text = "", subject: _Text = "", since: date | None = None, until: date | None = None
) -> Wanted:
    """What entries a request looks for."""
    return Wanted(who, action, subject.strip().strip("/"), since, until)


WantedEntries = Annotated[Wanted, Depends(wanted_of)]


@router.get("/audit", tags=["accounts"])
def list_audit(
    actor: Admin,
    records: Records,
    wanted: WantedEntries,
    offset: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> schemas.AuditPage:
    """Who did what: changes, accounts, log-ins and those that failed; the newest first."""
    with records.reading() as session:
        found = audit.entries(session, offset=offset, limit=limit, wanted=wanted)
        shown = [schemas.AuditOut.model_validate(entry) for entry in found]
        return schemas.AuditPage(entries=shown, total=audit.how_many(session, wanted=wanted))


@router.get("/audit.csv", tags=["accounts"], response_class=Response)
async def export_audit(actor: Admin, workers: HeavyWork, records: Records, wanted: WantedEntries) -> Response:
    """The same as a table, all of it, with each entry's hash."""
    folder = Path(tempfile.mkdtemp(prefix="plasmoscope-"))
    try:
        file = await workers.writing.take(write_audit_file, records.place, wanted, folder / "audit.csv")
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    sent = BackgroundTask(shutil.rmtree, folder, ignore_errors=True)
    return FileResponse(file, media_type="text/csv; charset=utf-8", filename=file.name, background=sent)
