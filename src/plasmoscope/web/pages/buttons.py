"""What the buttons of the pages do: each changes the records and leads back to the page that it stands on."""

from typing import Annotated

from fastapi import APIRouter, File, Form, Request, Response, UploadFile

from plasmoscope.imaging.reading import ImageError
from plasmoscope.store import corrections, fields, slides
from plasmoscope.store.records import Call, Field
from plasmoscope.web.api import routes as api
from plasmoscope.web.api.routes import Number
from plasmoscope.web.dependencies import Welcomed, go, records
from plasmoscope.web.errors import WebError
from plasmoscope.web.pages.login import show_example
from plasmoscope.web.security.identity import LONGEST_NAME, Technician

router = APIRouter(dependencies=[Welcomed])

_Reason = Annotated[str, Form(max_length=1000)]


@router.post("/example")
async def make_example(request: Request, actor: Technician) -> Response:
    """The example slide, made where there is none."""
    return go(f"/slides/{await show_example(request, actor.name)}")


@router.post("/slides/{slide_id}/photographs")
async def add_photographs(
    request: Request, actor: Technician, slide_id: Number, file: Annotated[list[UploadFile], File()]
) -> Response:
    """Photographs from a browser without scripts, which sends an empty one for each box that holds none.

    One that cannot be taken is named, and does not stop the others.
    """
    refused = []
    for photograph in file:
        if photograph.filename:
            try:
                await api.upload_field(request, actor, slide_id, photograph)
            except (ImageError, WebError) as error:
                refused.append(f"{photograph.filename}: {error}")
    if refused:
        raise WebError(422, "unusable_image", f"Not taken: {'; '.join(refused)}")
    return go(f"/slides/{slide_id}")


@router.post("/slides/{slide_id}/sign")
def sign(
    request: Request,
    actor: Technician,
    slide_id: Number,
    version: Annotated[int, Form()],
    signer: Annotated[str, Form(max_length=LONGEST_NAME)] = "",
) -> Response:
    """Sign a slide off, as it was when the page was made; without accounts, under the name that is given."""
    alone = not request.app.state.settings.accounts_required
    name = " ".join(signer.split()) if alone else actor.name
    if not name:
        raise WebError(422, "invalid", "Give your name; the slide is signed with it.")
    with records(request).session() as session:
        slides.sign(session, name, slide_id, version)
    answer = go(f"/slides/{slide_id}")
    if alone:
        request.app.state.sessions.keep_name(answer.headers, name)
    return answer


@router.post("/slides/{slide_id}/reopen")
def reopen(request: Request, actor: Technician, slide_id: Number, reason: _Reason = "") -> Response:
    """Take the signature off."""
    with records(request).session() as session:
        slides.reopen(session, actor.name, slide_id, reason)
    return go(f"/slides/{slide_id}")


@router.post("/fields/{field_id}/cancel")
def cancel(request: Request, actor: Technician, field_id: Number) -> Response:
    """Stop an analysis."""
    with records(request).session() as session:
        return _to_slide(fields.cancel(session, actor.name, field_id))


@router.post("/fields/{field_id}/again")
def analyse_again(
    request: Request, actor: Technician, field_id: Number, override_gate: Annotated[bool, Form()] = False
) -> Response:
    """Analyse a photograph once more."""
    with records(request).session() as session:
        answer = _to_slide(fields.analyse_again(session, actor.name, field_id, override_gate))
    request.app.state.jobs.wake()
    return answer


@router.post("/fields/{field_id}/count-repeat")
def count_repeat(request: Request, actor: Technician, field_id: Number) -> Response:
    """Count a photograph although another shows the same place."""
    with records(request).session() as session:
        return _to_slide(fields.count_repeat(session, actor.name, field_id))


@router.post("/fields/{field_id}/reject")
def reject(request: Request, actor: Technician, field_id: Number, reason: _Reason = "") -> Response:
    """Leave a photograph out of the count."""
    with records(request).session() as session:
        return _to_slide(fields.reject(session, actor.name, field_id, reason))


@router.post("/fields/{field_id}/restore")
def restore(request: Request, actor: Technician, field_id: Number) -> Response:
    """Count a rejected photograph again."""
    with records(request).session() as session:
        return _to_slide(fields.take_back(session, actor.name, field_id))


@router.post("/fields/{field_id}/cells/{number}/call")
def call_cell(
    request: Request, actor: Technician, field_id: Number, number: Number, call: Annotated[Call, Form()]
) -> Response:
    """Call a cell."""
    with records(request).session() as session:
        corrections.correct(session, actor.name, field_id, number, call)
    return go(f"/fields/{field_id}?cell={number}")


def _to_slide(field: Field) -> Response:
    return go(f"/slides/{field.slide_id}")
