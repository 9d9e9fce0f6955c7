"""All that was done, for administrators to read."""

from dataclasses import asdict
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response

from plasmoscope.store import audit
from plasmoscope.store.records import LONGEST_TEXT
from plasmoscope.web.dependencies import Records
from plasmoscope.web.pages import page_data
from plasmoscope.web.pages.paging import PageNumber, paging
from plasmoscope.web.pages.rendering import render
from plasmoscope.web.pages.slide_form import read_date
from plasmoscope.web.pages.welcome import Welcomed
from plasmoscope.web.security.identity import Admin

router = APIRouter(dependencies=[Welcomed])

_ENTRIES_AT_ONCE = 100
_Text = Annotated[str, Query(max_length=LONGEST_TEXT)]


@router.get("/audit")
def show_audit(
    request: Request,
    actor: Admin,
    records: Records,
    who: _Text = "",
    action: _Text = "",
    subject: _Text = "",
    since: _Text = "",
    until: _Text = "",
    page: PageNumber = 1,
) -> Response:
    """Who did what, the newest first; a box left empty asks for nothing."""
    wanted = audit.Wanted(who.strip(), action, subject.strip().strip("/"), read_date(since), read_date(until))
    with records.reading() as session:
        entries = audit.entries(session, offset=(page - 1) * _ENTRIES_AT_ONCE, limit=_ENTRIES_AT_ONCE, wanted=wanted)
        changes = [page_data.change_of(entry) for entry in entries]
        total, actions = audit.how_many(session, wanted=wanted), audit.actions(session)
    return render(
        request,
        "audit.html",
        wanted=wanted,
        changes=changes,
        actions=actions,
        query=urlencode({name: value for name, value in asdict(wanted).items() if value}),
        paging=paging(request, page, _ENTRIES_AT_ONCE, changes, total),
    )
