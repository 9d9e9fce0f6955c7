"""The laboratory's letterhead: the page, and what an admin sets there."""

from typing import Annotated

from fastapi import APIRouter, File, Form, Request, Response, UploadFile

from plasmoscope.reports.letterhead import MAX_LINES, MAX_LOGO_BYTES, letterhead
from plasmoscope.store.letterheads import letterhead_in_use, remove_letterhead, set_letterhead
from plasmoscope.web.dependencies import Records
from plasmoscope.web.pages.redirects import go
from plasmoscope.web.pages.rendering import render
from plasmoscope.web.pages.welcome import Welcomed
from plasmoscope.web.security.identity import Admin

router = APIRouter(dependencies=[Welcomed])

_PAGE = "/letterhead"


@router.get(_PAGE)
def show_letterhead(request: Request, actor: Admin, records: Records) -> Response:
    """What reports bear."""
    with records.reading() as session:
        in_use = letterhead_in_use(session)
    return render(request, "letterhead.html", in_use=in_use, most_lines=MAX_LINES)


@router.post(_PAGE)
def change_letterhead(
    actor: Admin,
    records: Records,
    name: Annotated[str, Form(max_length=1000)],
    address: Annotated[str, Form(max_length=5000)] = "",
    logo: Annotated[UploadFile | None, File()] = None,
) -> Response:
    """Have reports bear a letterhead; without a new logo it keeps the one that there is."""
    # A browser sends an empty file where none is chosen.
    given = logo.file.read(MAX_LOGO_BYTES + 1) if logo else b""
    with records.session() as session:
        known = letterhead_in_use(session)
        set_letterhead(session, actor.name, letterhead(name, address, given or (known.logo if known else None)))
    return go(_PAGE)


@router.post(f"{_PAGE}/remove")
def remove(actor: Admin, records: Records) -> Response:
    """Have reports bear none."""
    with records.session() as session:
        remove_letterhead(session, actor.name)
    return go(_PAGE)
