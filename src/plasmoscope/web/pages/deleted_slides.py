"""Slides that were deleted, and the buttons that delete one and put one back."""

from fastapi import APIRouter, Request, Response

from plasmoscope.store import slides
from plasmoscope.web.dependencies import Number, Records
from plasmoscope.web.pages.redirects import go
from plasmoscope.web.pages.rendering import render
from plasmoscope.web.pages.slides import Reason
from plasmoscope.web.pages.welcome import Welcomed
from plasmoscope.web.security.identity import Admin

router = APIRouter(dependencies=[Welcomed])


@router.get("/deleted-slides")
def show_deleted(request: Request, actor: Admin, records: Records) -> Response:
    """The slides that can be put back."""
    with records.reading() as session:
        deleted = slides.deleted_slides(session)
    return render(request, "deleted_slides.html", slides=deleted)


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
