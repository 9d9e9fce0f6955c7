"""``/fields`` and ``/analyze``: photographs of fields."""

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, File, Query, Response, UploadFile
from starlette.concurrency import run_in_threadpool

from plasmoscope.analysis import results
from plasmoscope.imaging.pages import Content
from plasmoscope.imaging.reading import ImageError
from plasmoscope.imaging.tiff import MAX_PAGES
from plasmoscope.store import copies, corrections, counts, edits, fields, moving
from plasmoscope.store.records import LONGEST_TEXT
from plasmoscope.store.store import Store
from plasmoscope.web import pictures
from plasmoscope.web.api import schemas
from plasmoscope.web.api.former_names import formerly
from plasmoscope.web.api.picture import picture
from plasmoscope.web.api.profiles import named_profile
from plasmoscope.web.dependencies import (
    AnalysingAlone,
    HeavyWork,
    Number,
    PlainMethod,
    Records,
    WaitingPhotographs,
    WholeWorkstation,
)
from plasmoscope.web.errors import WebError
from plasmoscope.web.security.identity import Reader, Technician
from plasmoscope.web.uploads import keep_upload, read_upload, shown_name

router = APIRouter()
_RETRY_SECONDS = 10


@router.post("/analyze", tags=["fields"])
async def analyze_photograph(
    actor: Reader,
    workers: HeavyWork,
    records: Records,
    method: PlainMethod,
    alone: AnalysingAlone,
    file: Annotated[UploadFile, File(description="One field of a thin film.")],
    page: Annotated[int | None, Query(ge=1, le=MAX_PAGES, description="Of a TIFF that has several.")] = None,
    profile: Annotated[
        str | None, Query(max_length=LONGEST_TEXT, description="To call cells under, instead of the one in use.")
    ] = None,
) -> results.Field:
    """All that is found in one photograph, as ``slide.schema.json`` describes a field; nothing is kept."""
    if not alone.acquire(blocking=False):
        raise WebError(429, "busy", "another_analysed", retry_after=_RETRY_SECONDS)
    try:
        sent = Content(shown_name(file), await run_in_threadpool(read_upload, file))
        under = await run_in_threadpool(named_profile, records, profile, method)
        found = (await workers.model.look_at_sent(sent, page, under)).field
    finally:
        alone.release()
    if found.error_coded:
        raise ImageError.of(found.error_coded[0])
    return found


@router.post("/slides/{slide_id}/fields", tags=["fields"], status_code=201)
async def upload_field(
    actor: Technician, workstation: WholeWorkstation, slide_id: Number, file: Annotated[UploadFile, File()]
) -> schemas.FieldKept:
    """Keep a photograph of the slide and put it in the queue; the same one twice is kept once.

    Each page of a TIFF is a photograph of its own.
    """
    kept = await keep_upload(workstation, actor.name, slide_id, file)
    shown = [schemas.FieldOut.model_validate(field) for field in kept.fields]
    found = await run_in_threadpool(_copies, workstation.store, slide_id)
    elsewhere = [schemas.CopyOut.model_validate(one) for field in kept.fields for one in found.get(field.id, ())]
    return schemas.FieldKept(**shown[0].model_dump(), pages=shown if kept.are_pages else [], copies=elsewhere)


@router.get("/fields/{field_id}", tags=["fields"])
def get_field(actor: Reader, records: Records, field_id: Number) -> schemas.FieldWhole:
    """A photograph with all that was found in it, and what people made of it."""
    with records.reading() as session:
        field = fields.get_field(session, field_id)
        found = field.found()
        objects = counts.reviewed_field(session, field)
        changed = edits.edits_of(session, field.slide_id).get(field_id, [])
        made = [schemas.CorrectionOut.model_validate(made) for made in corrections.corrections_of(session, field_id)]
        shown = schemas.FieldOut.model_validate(field).model_dump()
        edited = [schemas.EditOut.model_validate(edit) for edit in changed]
    program, people = (one.model_dump(mode="json") if one else None for one in (found, objects))
    return schemas.FieldWhole(**shown, found=program, corrections=made, edits=edited, objects=people)


@router.get("/fields/{field_id}/image", tags=["fields"], response_class=Response)
async def get_image(
    actor: Reader,
    records: Records,
    workers: HeavyWork,
    field_id: Number,
    width: Annotated[int, Query(ge=64, le=8000)] = 8000,
) -> Response:
    """The upright photograph as JPEG, without what the camera wrote about itself."""
    photograph = await run_in_threadpool(_photograph, records, field_id)
    return picture(await workers.drawing.take(pictures.photograph_jpeg, photograph, width), "image/jpeg")


@router.post("/fields/{field_id}/reject", tags=["fields"])
def reject_field(actor: Technician, records: Records, field_id: Number, given: schemas.Reason) -> schemas.FieldOut:
    """Leave a photograph out of the count."""
    with records.session() as session:
        return schemas.FieldOut.model_validate(fields.reject(session, actor.name, field_id, given.reason))


@router.post("/fields/{field_id}/restore", tags=["fields"])
@router.post("/fields/{field_id}/take-back", tags=["fields"], deprecated=True, dependencies=[formerly("restore")])
def restore_field(actor: Technician, records: Records, field_id: Number) -> schemas.FieldOut:
    """Count a rejected photograph again."""
    with records.session() as session:
        return schemas.FieldOut.model_validate(fields.restore(session, actor.name, field_id))


@router.post("/fields/{field_id}/move", tags=["fields"])
def move_field(actor: Technician, records: Records, field_id: Number, given: schemas.SlideNumber) -> schemas.FieldOut:
    """Put a photograph on another slide, with all that was found in it and all that people did to it."""
    with records.session() as session:
        return schemas.FieldOut.model_validate(moving.move(session, actor.name, field_id, given.slide))


@router.post("/fields/{field_id}/remove", tags=["fields"])
def remove_field(actor: Technician, records: Records, field_id: Number, given: schemas.Reason) -> schemas.FieldOut:
    """Take a photograph off its slide; it is kept, counts nowhere, and can be put back."""
    with records.session() as session:
        return schemas.FieldOut.model_validate(moving.remove(session, actor.name, field_id, given.reason))


@router.post("/fields/{field_id}/put-back", tags=["fields"])
def put_back_field(
    actor: Technician, records: Records, queue: WaitingPhotographs, field_id: Number
) -> schemas.FieldOut:
    """Put a removed photograph back on its slide, as it was."""
    with records.session() as session:
        shown = schemas.FieldOut.model_validate(moving.put_back(session, actor.name, field_id))
    queue.wake()
    return shown


@router.post("/fields/{field_id}/count-repeat", tags=["fields"])
def count_repeat(actor: Technician, records: Records, field_id: Number) -> schemas.FieldOut:
    """Count a photograph although another, ``duplicate_of_id``, shows the same place."""
    with records.session() as session:
        return schemas.FieldOut.model_validate(fields.count_repeat(session, actor.name, field_id))


@router.post("/fields/{field_id}/cancel", tags=["fields"])
def cancel_field(actor: Technician, records: Records, field_id: Number) -> schemas.FieldOut:
    """Take a photograph out of the queue, or drop what its analysis will find."""
    with records.session() as session:
        return schemas.FieldOut.model_validate(fields.cancel(session, actor.name, field_id))


@router.post("/fields/{field_id}/requeue", tags=["fields"])
@router.post("/fields/{field_id}/analyse-again", tags=["fields"], deprecated=True, dependencies=[formerly("requeue")])
def requeue_field(
    actor: Technician, records: Records, queue: WaitingPhotographs, field_id: Number, override_gate: bool = False
) -> schemas.FieldOut:
    """Put a photograph in the queue again; with ``override_gate`` it counts although a quality check fails."""
    with records.session() as session:
        field = fields.requeue(session, actor.name, field_id, override_gate)
        shown = schemas.FieldOut.model_validate(field)
    queue.wake()
    return shown


def _photograph(store: Store, field_id: int) -> Path:
    with store.reading() as session:
        return store.images.path(fields.get_field(session, field_id).image_sha256)


def _copies(store: Store, slide_id: int) -> dict[int, list[copies.Copy]]:
    with store.reading() as session:
        return copies.copies_of(session, slide_id)
