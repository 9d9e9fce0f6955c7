"""``/api/v1``: everything that the pages can do, for programs."""

import shutil
import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path as FilePath
from threading import BoundedSemaphore
from typing import Annotated, Any

from fastapi import APIRouter, File, Path, Query, Request, Response, UploadFile
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool

from plasmoscope.analysis import results
from plasmoscope.analysis.counting import NOT_MEASURED
from plasmoscope.analysis.performance import Performance
from plasmoscope.classification.card import ModelCard
from plasmoscope.imaging.pages import Content, write_pages
from plasmoscope.imaging.reading import ImageError
from plasmoscope.imaging.tiff import MAX_PAGES
from plasmoscope.store import accounts, audit, corrections, counts, fields, history, slides
from plasmoscope.store import performance as performances
from plasmoscope.store.analysis_method import Method
from plasmoscope.store.errors import ConflictError, NotFoundError
from plasmoscope.store.records import LONGEST_TEXT, Field, PerformanceEntry, SlideStatus
from plasmoscope.store.store import Store
from plasmoscope.web import pictures as drawing
from plasmoscope.web.analysis_queue.workers import Crew
from plasmoscope.web.api import schemas
from plasmoscope.web.dependencies import records
from plasmoscope.web.downloads import DOWNLOADS, write_download
from plasmoscope.web.errors import WebError
from plasmoscope.web.file_names import disposition
from plasmoscope.web.security.identity import SCHEMES, Actor, Admin, LoginLimit, Reader, Technician, session_token
from plasmoscope.web.settings import MAX_CELLS, SESSION_HOURS, Settings
from plasmoscope.web.uploads import read_files, read_upload, shown_name

_REFUSALS: dict[int | str, dict[str, Any]] = {
    code: {"model": schemas.Error} for code in (400, 401, 403, 404, 409, 413, 422, 429, 503, 507)
}
router = APIRouter(prefix="/api/v1", responses=_REFUSALS, dependencies=SCHEMES)

# What the databases' integers hold.
Number = Annotated[int, Path(ge=1, le=2**31 - 1)]
WRONG_PASSWORD_CODE = "wrong_password"
_RETRY_SECONDS = 10


@router.post("/login", tags=["accounts"])
def log_in(request: Request, given: schemas.LoginIn) -> schemas.LoginOut:
    """Log in as a program; browsers use the page."""
    return schemas.LoginOut(token=checked_login(request, given.name, given.password))


@router.post("/logout", tags=["accounts"], status_code=204)
def log_out(request: Request, actor: Reader) -> None:
    """End the session."""
    with records(request).session() as session:
        accounts.log_out(session, session_token(request))


@router.get("/accounts", tags=["accounts"])
def list_accounts(request: Request, actor: Admin) -> list[schemas.AccountOut]:
    """Who may log in."""
    with records(request).reading() as session:
        return [schemas.AccountOut.model_validate(account) for account in accounts.all_accounts(session)]


@router.post("/accounts", tags=["accounts"], status_code=201)
def add_account(request: Request, actor: Admin, given: schemas.AccountIn) -> schemas.AccountOut:
    """Let somebody log in."""
    with records(request).session() as session:
        account = accounts.add_account(session, actor.name, given.name, given.password, given.role)
        return schemas.AccountOut.model_validate(account)


@router.post("/accounts/{account_id}/deactivate", tags=["accounts"])
def deactivate_account(request: Request, actor: Admin, account_id: Number) -> schemas.AccountOut:
    """Let an account log in no more."""
    with records(request).session() as session:
        return schemas.AccountOut.model_validate(accounts.deactivate(session, actor.name, account_id))


@router.post("/accounts/{account_id}/activate", tags=["accounts"])
def activate_account(request: Request, actor: Admin, account_id: Number) -> schemas.AccountOut:
    """Let a deactivated account log in again."""
    with records(request).session() as session:
        return schemas.AccountOut.model_validate(accounts.activate(session, actor.name, account_id))


@router.post("/accounts/{account_id}/password", tags=["accounts"])
def set_password(request: Request, actor: Admin, account_id: Number, given: schemas.PasswordIn) -> schemas.AccountOut:
    """Give an account a new password; whoever is logged in with it must log in anew."""
    with records(request).session() as session:
        account = accounts.set_password(session, actor.name, account_id, given.password)
        return schemas.AccountOut.model_validate(account)


@router.post("/password", tags=["accounts"], status_code=204)
def change_password(request: Request, actor: Reader, given: schemas.OwnPasswordIn) -> None:
    """Give oneself a new password; one's other sessions end."""
    change_own_password(request, actor, given.old_password, given.password)


@router.get("/performance", tags=["performance"])
def get_performance(request: Request, actor: Reader) -> schemas.PerformanceOut:
    """What was measured on this laboratory's slides; 404 where nothing was, and then no count is corrected."""
    with records(request).reading() as session:
        entry = performances.latest(session)
        if entry is None:
            raise NotFoundError(NOT_MEASURED)
        return _entered(entry, request.app.state.method)


@router.put("/performance", tags=["performance"])
def enter_performance(request: Request, actor: Admin, given: Performance) -> schemas.PerformanceOut:
    """Correct slides with this for wrong calls: the content of the file that ``evaluate-fields`` wrote.

    It is kept with every field that is analysed from now on.
    """
    method: Method = request.app.state.method
    with records(request).session() as session:
        return _entered(performances.enter(session, actor.name, given, method), method)


@router.delete("/performance", tags=["performance"], status_code=204)
def withdraw_performance(request: Request, actor: Admin) -> None:
    """Correct slides with nothing; those that are analysed already keep what they have."""
    with records(request).session() as session:
        performances.withdraw(session, actor.name)


@router.post("/cells", tags=["cells"])
async def classify_cells(
    request: Request,
    actor: Reader,
    files: Annotated[list[UploadFile], File(description="Single cells.")],
    one_smear: Annotated[bool, Query(description="Judge them together, as cells of one smear.")] = False,
) -> schemas.CellAnswers:
    """P(parasitized) of pictures of single cells; nothing is kept. A broken picture does not stop the others.

    Each page of a TIFF is a cell of its own.
    """
    if len(files) > MAX_CELLS:
        raise WebError(413, "too_large", f"Send at most {MAX_CELLS} cells at a time.")
    card: ModelCard = request.app.state.card
    sent = await run_in_threadpool(read_files, files)
    judged = await crew_of(request).analysts.call_cells(sent, one_smear)
    answers = [schemas.CellAnswer.of(file, result) for file, result in judged]
    return schemas.CellAnswers(cells=answers, model=card.name, threshold=card.threshold)


@router.post("/analyze", tags=["fields"])
async def analyze_photograph(
    request: Request,
    actor: Reader,
    file: Annotated[UploadFile, File(description="One field of a thin film.")],
    page: Annotated[int | None, Query(ge=1, le=MAX_PAGES, description="Of a TIFF that has several.")] = None,
) -> results.Field:
    """All that is found in one photograph, as ``slide.schema.json`` describes a field; nothing is kept."""
    alone: BoundedSemaphore = request.app.state.analysing_alone
    if not alone.acquire(blocking=False):
        raise WebError(429, "busy", "Another photograph is being analysed; send this one again.", _RETRY_SECONDS)
    try:
        sent = Content(shown_name(file), await run_in_threadpool(read_upload, file))
        found = (await crew_of(request).analysts.look_at_sent(sent, page)).field
    finally:
        alone.release()
    if found.error is not None:
        raise ImageError(found.error)
    return found


@router.get("/jobs", tags=["fields"])
def list_jobs(request: Request, actor: Reader) -> list[schemas.Job]:
    """Photographs that are being analysed or wait for it, in the order in which they are taken."""
    with records(request).reading() as session:
        line = fields.in_line(session)
        return [
            schemas.Job(field_id=field.id, slide_id=field.slide_id, name=field.name, status=field.status, ahead=ahead)
            for ahead, field in enumerate(line)
        ]


@router.get("/slides", tags=["slides"])
def list_slides(
    request: Request,
    actor: Reader,
    patient: Annotated[str, Query(max_length=LONGEST_TEXT)] = "",
    slide: Annotated[str, Query(max_length=LONGEST_TEXT)] = "",
    microscopist: Annotated[str, Query(max_length=LONGEST_TEXT)] = "",
    since: date | None = None,
    until: date | None = None,
    status: SlideStatus | None = None,
    offset: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> schemas.SlidePage:
    """Find slides, the newest first."""
    search = history.Search(patient, slide, microscopist, since, until, status)
    with records(request).reading() as session:
        page = history.find_slides(session, search, offset, limit)
        numbers = counts.tallies(session, [found.id for found in page.slides])
        listed = [schemas.SlideOut.of(found, numbers[found.id]) for found in page.slides]
    return schemas.SlidePage(slides=listed, total=page.total)


@router.post("/slides", tags=["slides"], status_code=201)
def create_slide(request: Request, actor: Technician, given: schemas.SlideIn) -> schemas.SlideWhole:
    """Record a new slide."""
    with records(request).session() as session:
        slide_id = slides.create_slide(session, actor.name, given.details()).id
    return get_slide(request, actor, slide_id)


@router.get("/slides/{slide_id}", tags=["slides"])
def get_slide(request: Request, actor: Reader, slide_id: Number) -> schemas.SlideWhole:
    """A slide with its photographs and its running count."""
    with records(request).reading() as session:
        slide = slides.get_slide(session, slide_id)
        shown = [schemas.FieldOut.model_validate(field) for field in fields.fields_of(session, slide_id)]
        tally = counts.tally(session, slide_id)
        count = counts.slide_count(session, slide, tally)
        whole: schemas.SlideWhole = schemas.SlideWhole.of(slide, tally, fields=shown, count=count)
        return whole


@router.put("/slides/{slide_id}", tags=["slides"])
def describe_slide(request: Request, actor: Technician, slide_id: Number, given: schemas.SlideIn) -> schemas.SlideWhole:
    """Describe a slide anew."""
    with records(request).session() as session:
        slides.update_slide(session, actor.name, slide_id, given.details())
    return get_slide(request, actor, slide_id)


@router.post("/slides/{slide_id}/delete", tags=["slides"], status_code=204)
def delete_slide(request: Request, actor: Admin, slide_id: Number, given: schemas.Reason) -> None:
    """Delete an open slide; the audit keeps that it was there."""
    with records(request).session() as session:
        slides.delete_slide(session, actor.name, slide_id, given.reason)


@router.post("/slides/{slide_id}/sign", tags=["slides"])
def sign_slide(request: Request, actor: Technician, slide_id: Number, given: schemas.Signature) -> schemas.SlideWhole:
    """Sign a slide off, as it was at the version that was looked at."""
    with records(request).session() as session:
        slides.sign(session, actor.name, slide_id, given.version)
    return get_slide(request, actor, slide_id)


@router.post("/slides/{slide_id}/reopen", tags=["slides"])
def reopen_slide(request: Request, actor: Technician, slide_id: Number, given: schemas.Reason) -> schemas.SlideWhole:
    """Let a signed slide be changed again."""
    with records(request).session() as session:
        slides.reopen(session, actor.name, slide_id, given.reason)
    return get_slide(request, actor, slide_id)


@router.get("/slides/{slide_id}/audit", tags=["slides"])
def list_audit(
    request: Request,
    actor: Reader,
    slide_id: Number,
    offset: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[schemas.AuditOut]:
    """Who changed what of a slide, the newest first."""
    with records(request).reading() as session:
        found = audit.entries(session, audit.slide_subject(slide_id), offset, limit)
        return [schemas.AuditOut.model_validate(entry) for entry in found]


@router.get("/slides/{slide_id}/files/{name}", tags=["slides"], response_class=Response)
async def download(
    request: Request, actor: Reader, slide_id: Number, name: Annotated[str, Path(max_length=40)]
) -> Response:
    """The report and the tables.

    report.pdf, report.html, slide.json, cells.csv, fields.csv, coco.json, qupath.zip, fiji.zip or pictures.zip.
    """
    settings: Settings = request.app.state.settings
    where = settings.folder, settings.database_url
    # Sent from the disk: of a large slide the annotated photographs weigh more than this process should.
    folder = FilePath(tempfile.mkdtemp(prefix="plasmoscope-"))
    try:
        file, patient, code = await crew_of(request).writing.take(write_download, *where, slide_id, name, folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    shown = "inline" if name == "report.pdf" else "attachment"
    headers = {"Content-Disposition": disposition(shown, name, patient, code)}
    sent = BackgroundTask(shutil.rmtree, folder, ignore_errors=True)
    return FileResponse(file, media_type=DOWNLOADS[name].media_type, headers=headers, background=sent)


@router.post("/slides/{slide_id}/fields", tags=["fields"], status_code=201)
async def upload_field(
    request: Request, actor: Technician, slide_id: Number, file: Annotated[UploadFile, File()]
) -> schemas.FieldKept:
    """Keep a photograph of the slide and put it in line; the same one twice is kept once.

    Each page of a TIFF is a photograph of its own.
    """
    await run_in_threadpool(_check_line, request)
    name, data = shown_name(file), await run_in_threadpool(read_upload, file)
    with tempfile.TemporaryDirectory() as folder:
        # What cannot be decoded is not kept, nor any page where one cannot be.
        pages = await crew_of(request).drawing.take(write_pages, Content(name, data), FilePath(folder))
        photographs: list[tuple[str, bytes | FilePath]] = [*pages] or [(name, data)]
        kept = await run_in_threadpool(_keep_fields, records(request), actor.name, slide_id, photographs)
    request.app.state.jobs.wake()
    return schemas.FieldKept(**kept[0].model_dump(), pages=kept if pages else [])


@router.get("/fields/{field_id}", tags=["fields"])
def get_field(request: Request, actor: Reader, field_id: Number) -> schemas.FieldWhole:
    """A photograph with all that was found in it, and what people made of it."""
    with records(request).reading() as session:
        field = fields.get_field(session, field_id)
        found = field.found()
        made = [schemas.CorrectionOut.model_validate(made) for made in corrections.corrections_of(session, field_id)]
        shown = schemas.FieldOut.model_validate(field).model_dump()
    return schemas.FieldWhole(**shown, found=found.model_dump(mode="json") if found else None, corrections=made)


@router.get("/fields/{field_id}/image", tags=["fields"], response_class=Response)
async def get_image(
    request: Request, actor: Reader, field_id: Number, width: Annotated[int, Query(ge=64, le=8000)] = 8000
) -> Response:
    """The upright photograph as JPEG, without what the camera wrote about itself."""
    photograph = await run_in_threadpool(_photograph, request, field_id)
    return _picture(await crew_of(request).drawing.take(drawing.photograph_jpeg, photograph, width), "image/jpeg")


@router.get("/fields/{field_id}/cells/{number}/picture", tags=["cells"], response_class=Response)
async def get_cell_picture(
    request: Request, actor: Reader, field_id: Number, number: Number, heat: bool = False
) -> Response:
    """One cell, or with ``heat`` what its call rests on, laid over it; 404 where no one place stands out."""
    photograph, cell = await run_in_threadpool(_photographed_cell, request, field_id, number)
    if not heat:
        return _picture(await crew_of(request).drawing.take(drawing.cell_png, photograph, cell), "image/png")
    why = await crew_of(request).analysts.explain(photograph, cell)
    if why is None:
        raise NotFoundError("No one place stands out: the call rests on the cell as a whole.")
    return _picture(why, "image/png")


@router.post("/fields/{field_id}/cells/{number}/call", tags=["cells"], status_code=201)
def call_cell(
    request: Request, actor: Technician, field_id: Number, number: Number, given: schemas.CorrectionIn
) -> schemas.CorrectionOut:
    """Change a cell's call; what the model said is kept."""
    with records(request).session() as session:
        made = corrections.correct(session, actor.name, field_id, number, given.call)
        return schemas.CorrectionOut.model_validate(made)


@router.post("/fields/{field_id}/reject", tags=["fields"])
def reject_field(request: Request, actor: Technician, field_id: Number, given: schemas.Reason) -> schemas.FieldOut:
    """Leave a photograph out of the count."""
    with records(request).session() as session:
        return schemas.FieldOut.model_validate(fields.reject(session, actor.name, field_id, given.reason))


@router.post("/fields/{field_id}/take-back", tags=["fields"])
def take_field_back(request: Request, actor: Technician, field_id: Number) -> schemas.FieldOut:
    """Count a rejected photograph again."""
    with records(request).session() as session:
        return schemas.FieldOut.model_validate(fields.take_back(session, actor.name, field_id))


@router.post("/fields/{field_id}/count-repeat", tags=["fields"])
def count_repeat(request: Request, actor: Technician, field_id: Number) -> schemas.FieldOut:
    """Count a photograph although another, ``duplicate_of_id``, shows the same place."""
    with records(request).session() as session:
        return schemas.FieldOut.model_validate(fields.count_repeat(session, actor.name, field_id))


@router.post("/fields/{field_id}/cancel", tags=["fields"])
def cancel_field(request: Request, actor: Technician, field_id: Number) -> schemas.FieldOut:
    """Take a photograph out of the line, or drop what its analysis will find."""
    with records(request).session() as session:
        return schemas.FieldOut.model_validate(fields.cancel(session, actor.name, field_id))


@router.post("/fields/{field_id}/analyse-again", tags=["fields"])
def analyse_field_again(
    request: Request, actor: Technician, field_id: Number, override_gate: bool = False
) -> schemas.FieldOut:
    """Put a photograph in line again; with ``override_gate`` it counts although a quality check fails."""
    with records(request).session() as session:
        field = fields.analyse_again(session, actor.name, field_id, override_gate)
        shown = schemas.FieldOut.model_validate(field)
    request.app.state.jobs.wake()
    return shown


def checked_login(request: Request, name: str, password: str) -> str:
    """The token of a new session.

    Raises:
        WebError: 401, name and password do not fit; 429, after too many failures.
    """
    limit, keys = _login_limit(request, name)
    limit.check(*keys)
    with records(request).session() as session:
        token = accounts.log_in(session, name, password, SESSION_HOURS)
    if token is None:
        limit.failed(*keys)
        raise WebError(401, "login", "Name and password do not fit.")
    return token


def change_own_password(request: Request, actor: Actor, old: str, new: str) -> None:
    """Give somebody who is logged in another password.

    Raises:
        WebError: 403, the old password is wrong; 429, after too many failures.
        NotFoundError, StoreError: the session is nobody's; the new password is too short.
    """
    limit, keys = _login_limit(request, actor.name)
    limit.check(*keys)
    with records(request).session() as session:
        changed = accounts.change_password(session, session_token(request), old, new)
    if not changed:
        limit.failed(*keys)
        raise WebError(403, WRONG_PASSWORD_CODE, "The old password is wrong.")


def _entered(entry: PerformanceEntry, method: Method) -> schemas.PerformanceOut:
    misfit = performances.misfit(entry, method)
    return schemas.PerformanceOut(performance=entry.performance, by=entry.by, at=entry.at, misfit=misfit)


def _login_limit(request: Request, name: str) -> tuple[LoginLimit, tuple[str, str]]:
    address = request.client.host if request.client else ""
    return request.app.state.login_limit, (f"name {' '.join(name.lower().split())}", f"address {address}")


def crew_of(request: Request) -> Crew:
    """The workstation's processes for heavy work."""
    crew: Crew = request.app.state.crew
    return crew


def _check_line(request: Request) -> None:
    """Refuse a photograph for the moment where too many wait."""
    settings: Settings = request.app.state.settings
    with records(request).reading() as session:
        waiting = fields.how_many_wait(session)
    if waiting >= settings.longest_queue:
        raise WebError(
            429, "busy", f"{waiting} photographs wait already; send this one again in a moment.", _RETRY_SECONDS
        )


def _keep_fields(
    store: Store, who: str, slide_id: int, photographs: Sequence[tuple[str, bytes | FilePath]]
) -> list[schemas.FieldOut]:
    kept = []
    for name, content in photographs:
        data = content if isinstance(content, bytes) else content.read_bytes()
        # One by one, so that others may write meanwhile; an upload that was broken off is sent again.
        with store.session() as session:
            field = fields.add_field(session, store.images, who, slide_id, name, data)
            kept.append(schemas.FieldOut.model_validate(field))
    return kept


def _photograph(request: Request, field_id: int) -> FilePath:
    store = records(request)
    with store.reading() as session:
        return store.images.path(fields.get_field(session, field_id).image_sha256)


def _photographed_cell(request: Request, field_id: int, number: int) -> tuple[FilePath, results.Cell]:
    store = records(request)
    with store.reading() as session:
        field = fields.get_field(session, field_id)
        return store.images.path(field.image_sha256), _cell(field, number)


def _cell(field: Field, number: int) -> results.Cell:
    found = field.found()
    if found is None:
        raise ConflictError(f"{field.name} is not analysed yet.")
    for cell in found.cells:
        if cell.number == number:
            return cell
    raise NotFoundError(f"{field.name} has no cell {number}.")


def _picture(content: bytes, media_type: str) -> Response:
    # A photograph never changes under its number; the browser may keep it while it is open.
    return Response(content, media_type=media_type, headers={"Cache-Control": "private, max-age=3600"})
