"""Slides that were deleted, and the buttons that delete one, put one back, and erase those deleted long ago."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from plasmoscope.store import slides
from plasmoscope.store.erasing import LONGEST_DAYS, erase_deleted
from plasmoscope.web.dependencies import Number, Records, SettingsInForce
from plasmoscope.web.pages.redirects import go
from plasmoscope.web.pages.rendering import render
from plasmoscope.web.pages.slides import Reason
from plasmoscope.web.pages.welcome import Welcomed
from plasmoscope.web.security.identity import Admin

router = APIRouter(dependencies=[Welcomed])


@router.get("/deleted-slides")
def show_deleted(request: Request, actor: Admin, records: Records, settings: SettingsInForce) -> Response:
    """The slides that can be put back."""
    with records.reading() as session:
        deleted = slides.deleted_slides(session)
    return render(request, "deleted_slides.html", slides=deleted, erased_after=settings.erase_after_days)


@router.post("/deleted-slides/erase")
def erase_slides(actor: Admin, records: Records, days: Annotated[float, Form(ge=0, le=LONGEST_DAYS)]) -> Response:
    """Erase those that were deleted so many days ago or earlier."""
    erase_deleted(records, actor.name, days)
    return go("/deleted-slides")


@router.post("/slides/{slide_id}/delete")
def delete_slide(actor: Admin, records: Records, slide_id: Number, reason: Reason = "") -> Response:
    """Delete a slide."""
    with records.session() as session:
        slides.delete_slide(session, actor.name, slide_id, reason)
    return go("/deleted-slides")


@router.post("/slides/{slide_id}/put-back")
def put_back_slide(actor: Admin, records: Records, slide_id: Number) -> Response:
    """Bring a deleted slide back."""
    with records.session() as session:
        slides.put_back_slide(session, actor.name, slide_id)
    return go(f"/slides/{slide_id}")
