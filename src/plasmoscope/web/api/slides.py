"""``/slides``: the slides, their details, signatures, changes and files."""

import shutil
import tempfile
from pathlib import Path as FilePath
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from plasmoscope.i18n import languages
from plasmoscope.store import audit, copies, counts, fields, history, patients, review, slides
from plasmoscope.store.erasing import erase_deleted
from plasmoscope.store.sites import check_seen
from plasmoscope.web.api import schemas
from plasmoscope.web.api.history import WantedSlides
from plasmoscope.web.dependencies import (
    HeavyWork,
    Number,
    Records,
)
from plasmoscope.web.downloads import DOWNLOADS, write_download
from plasmoscope.web.file_names import disposition
from plasmoscope.web.security.identity import Admin, Reader, Technician

router = APIRouter()

ReportLanguage = Annotated[
    str | None,
    Query(
        pattern=f"^({'|'.join(languages.LANGUAGES)})$",
        description="Of the report and the pictures; without it, the one that the reader chose or prefers.",
    ),
]


@router.get("/slides", tags=["slides"])
def list_slides(
    actor: Reader,
    records: Records,
    wanted: WantedSlides,
    offset: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> schemas.SlidePage:
    """Find slides, the newest first."""
    with records.reading() as session:
        page = history.find_slides(session, wanted, offset, limit)
        figures = history.figures_of(session, page.slides)
        listed = [schemas.SlideOut.of(found, figures[found.id].tally) for found in page.slides]
    return schemas.SlidePage(slides=listed, total=page.total)


@router.post("/slides", tags=["slides"], status_code=201)
def create_slide(actor: Technician, records: Records, given: schemas.SlideIn) -> schemas.SlideWhole:
    """Record a new slide."""
    with records.session() as session:
        slide_id = slides.create_slide(session, actor.name, given.details()).id
    return get_slide(actor, records, slide_id)


@router.get("/deleted-slides", tags=["slides"])
def list_deleted_slides(actor: Admin, records: Records) -> list[schemas.DeletedSlideOut]:
    """The slides that can be put back, those deleted last first."""
    with records.reading() as session:
        return [schemas.DeletedSlideOut.of(slide) for slide in slides.deleted_slides(session)]


@router.post("/deleted-slides/erase", tags=["slides"])
def erase_deleted_slides(actor: Admin, records: Records, given: schemas.DaysDeleted) -> schemas.ErasedOut:
    """Erase for good the slides that were deleted so many days ago or earlier; backups made before still hold them."""
    return schemas.ErasedOut(**erase_deleted(records, actor.name, given.days)._asdict())


@router.get("/slides/{slide_id}", tags=["slides"])
def get_slide(actor: Reader, records: Records, slide_id: Number) -> schemas.SlideWhole:
    """A slide with its photographs and its running count."""
    with records.reading() as session:
        slide = slides.get_slide(session, slide_id)
        shown = [schemas.FieldOut.model_validate(field) for field in fields.fields_of(session, slide_id)]
        tally = counts.tally(session, slide_id)
        count = counts.slide_count(session, slide, tally)
        there = [
            schemas.CopyOut.model_validate(one)
            for found in copies.copies_of(session, slide_id).values()
            for one in found
        ]
        twins = [twin.code for twin in patients.twins_of(session, slide.patient)]
        whole: schemas.SlideWhole = schemas.SlideWhole.of(
            slide, tally, fields=shown, count=count, copies=there, possible_twins=twins
        )
        return whole


@router.put("/slides/{slide_id}", tags=["slides"])
def describe_slide(actor: Technician, records: Records, slide_id: Number, given: schemas.SlideIn) -> schemas.SlideWhole:
    """Describe a slide anew."""
    with records.session() as session:
        slides.update_slide(session, actor.name, slide_id, given.details())
    return get_slide(actor, records, slide_id)


@router.post("/slides/{slide_id}/delete", tags=["slides"], status_code=204)
def delete_slide(actor: Admin, records: Records, slide_id: Number, given: schemas.Reason) -> None:
    """Delete an open slide; it is kept, and can be put back."""
    with records.session() as session:
        slides.delete_slide(session, actor.name, slide_id, given.reason)


@router.post("/slides/{slide_id}/put-back", tags=["slides"])
def put_back_slide(actor: Admin, records: Records, slide_id: Number) -> schemas.SlideWhole:
    """Bring a deleted slide back."""
    with records.session() as session:
        slides.put_back_slide(session, actor.name, slide_id)
    return get_slide(actor, records, slide_id)


@router.post("/slides/{slide_id}/sign", tags=["slides"])
def sign_slide(actor: Technician, records: Records, slide_id: Number, given: schemas.Signature) -> schemas.SlideWhole:
    """Sign a slide off, as it was at the version that was looked at.

    While nobody has looked at some of the called or uncertain cells that is refused with 409 ``not_looked_at``, unless
    it is confirmed.
    """
    with records.session() as session:
        slides.sign(session, actor.name, slide_id, given.version, given.confirm)
    return get_slide(actor, records, slide_id)


@router.get("/slides/{slide_id}/review", tags=["slides"])
def get_review(
    actor: Reader,
    records: Records,
    slide_id: Number,
    offset: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> schemas.ReviewOut:
    """The cells of a slide to look at: called, uncertain, near the threshold, and a random sample of the rest."""
    with records.reading() as session:
        slides.get_slide(session, slide_id)
        queue = review.slide_queue(session, slide_id)
    shown = [schemas.DueCellOut.of(cell) for cell in queue.cells[offset : offset + limit]]
    return schemas.ReviewOut(cells=shown, total=len(queue.cells), review=queue.review)


@router.post("/slides/{slide_id}/reopen", tags=["slides"])
def reopen_slide(actor: Technician, records: Records, slide_id: Number, given: schemas.Reason) -> schemas.SlideWhole:
    """Let a signed slide be changed again."""
    with records.session() as session:
        slides.reopen(session, actor.name, slide_id, given.reason)
    return get_slide(actor, records, slide_id)


@router.get("/slides/{slide_id}/audit", tags=["slides"])
def list_audit(
    actor: Reader,
    records: Records,
    slide_id: Number,
    offset: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[schemas.AuditOut]:
    """Who changed what of a slide, the newest first."""
    with records.reading() as session:
        check_seen(session, slide_id)
        found = audit.entries(session, audit.slide_subject(slide_id), offset, limit)
        return [schemas.AuditOut.model_validate(entry) for entry in found]


@router.get(
    "/slides/{slide_id}/files/{name}",
    tags=["slides"],
    response_class=Response,
    description=f"The report and the tables: {', '.join(DOWNLOADS)}.",
)
async def download(
    actor: Reader,
    workers: HeavyWork,
    records: Records,
    slide_id: Number,
    name: Annotated[str, Path(max_length=40)],
    request: Request,
    language: ReportLanguage = None,
) -> Response:
    """A file of the report: one of those that its description names."""
    chosen = languages.choose(
        language or request.cookies.get(languages.COOKIE), request.headers.get("accept-language", "")
    )
    # Sent from the disk: of a large slide the annotated photographs weigh more than this process should.
    folder = FilePath(tempfile.mkdtemp(prefix="plasmoscope-"))
    try:
        file, patient, code = await workers.writing.take(
            write_download, records.place, slide_id, name, folder, chosen.code
        )
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    shown = "inline" if name == "report.pdf" else "attachment"
    headers = {"Content-Disposition": disposition(shown, name, patient, code)}
    sent = BackgroundTask(shutil.rmtree, folder, ignore_errors=True)
    return FileResponse(file, media_type=DOWNLOADS[name].download.media_type, headers=headers, background=sent)
