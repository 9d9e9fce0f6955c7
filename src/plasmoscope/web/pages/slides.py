"""A slide's page, its cells side by side, its changes, and its buttons; each button leads back to the slide."""

from collections.abc import Callable
from typing import Annotated, Literal

from fastapi import APIRouter, File, Form, Request, Response, UploadFile
from sqlalchemy.orm import Session

from plasmoscope.store import audit, called, cameras, controls, copies, counts, patients, slides
from plasmoscope.store.blinding import reading_on
from plasmoscope.store.called import CalledCell
from plasmoscope.store.reading_slides import readers
from plasmoscope.store.readings import readings_of
from plasmoscope.store.records import LONGEST_TEXT
from plasmoscope.store.review import slide_queue
from plasmoscope.store.store import Store
from plasmoscope.web.dependencies import KnownSessions, Number, Records, SettingsInForce, WholeWorkstation
from plasmoscope.web.downloads import DOWNLOADS
from plasmoscope.web.errors import WebError
from plasmoscope.web.pages import page_data
from plasmoscope.web.pages.paging import PageNumber, paging
from plasmoscope.web.pages.redirects import go
from plasmoscope.web.pages.rendering import render
from plasmoscope.web.pages.script_messages import script_messages
from plasmoscope.web.pages.welcome import Welcomed
from plasmoscope.web.security.identity import LONGEST_NAME, Reader, Technician
from plasmoscope.web.uploads import keep_uploads

router = APIRouter(dependencies=[Welcomed])

_CELLS_AT_ONCE = 60
_CHANGES_AT_ONCE = 100
Reason = Annotated[str, Form(max_length=1000)]


@router.get("/slides/{slide_id}")
def show_slide(request: Request, actor: Reader, records: Records, slide_id: Number) -> Response:
    """A slide with its photographs and its running count."""
    with records.reading() as session:
        slide = slides.get_slide(session, slide_id)
        tally = counts.tally(session, slide_id)
        count = counts.slide_count(session, slide, tally)
        review = slide_queue(session, slide_id).review
        cards = page_data.field_cards(session, slide)
        elsewhere = copies.copies_of(session, slide_id)
        twins = patients.twins_of(session, slide.patient)
        watched = page_data.watched_cameras(session, slide.site)
        mine = reading_on(session, slide_id)
        read = readings_of(session, mine.slide_id) if mine else None
        people = readers(session)
        control = controls.reading_of(session, slide_id)
    return render(
        request,
        "slide.html",
        slide=slide,
        count=count,
        review=review,
        tally=tally,
        cards=cards,
        copies=elsewhere,
        twins=twins,
        cameras=watched,
        read=read,
        mine=mine,
        people=people,
        control=control,
        lacking=page_data.fonts_to_install(slide, cards, actor.name),
        downloads=[offer.download for offer in DOWNLOADS.values()],
        said=script_messages(request),
    )


@router.get("/slides/{slide_id}/cells")
def show_called_cells(
    request: Request, actor: Reader, records: Records, slide_id: Number, page: PageNumber = 1
) -> Response:
    """The cells called infected."""
    return _gallery(request, records, slide_id, page, called.called_cells, "/cells")


@router.get("/slides/{slide_id}/possible")
def show_possibly_infected_cells(
    request: Request, actor: Reader, records: Records, slide_id: Number, page: PageNumber = 1
) -> Response:
    """The cells that are not called infected, but so nearly that a person should look."""
    return _gallery(request, records, slide_id, page, called.possibly_infected_cells, "/possible")


@router.get("/slides/{slide_id}/not-told")
def show_cells_not_told(
    request: Request, actor: Reader, records: Records, slide_id: Number, page: PageNumber = 1
) -> Response:
    """What the model left out of the count, for people to call."""
    return _gallery(request, records, slide_id, page, called.cells_not_told, "/not-told")


@router.get("/slides/{slide_id}/changes")
def show_changes(request: Request, actor: Reader, records: Records, slide_id: Number, page: PageNumber = 1) -> Response:
    """Who changed what of a slide, and when."""
    with records.reading() as session:
        slide = slides.get_slide(session, slide_id)
        changes = page_data.changes_of(session, slide, (page - 1) * _CHANGES_AT_ONCE, _CHANGES_AT_ONCE)
        total = audit.how_many(session, audit.slide_subject(slide_id))
    place = paging(request, page, _CHANGES_AT_ONCE, changes, total)
    return render(request, "slide_changes.html", slide=slide, changes=changes, paging=place)


@router.post("/slides/{slide_id}/photographs")
async def add_photographs(
    actor: Technician, workstation: WholeWorkstation, slide_id: Number, file: Annotated[list[UploadFile], File()]
) -> Response:
    """Photographs from a browser without scripts; one that cannot be taken is named, and does not stop the others."""
    await keep_uploads(workstation, actor.name, slide_id, file)
    return go(f"/slides/{slide_id}")


@router.post("/slides/{slide_id}/camera")
def direct_camera(
    actor: Technician,
    records: Records,
    slide_id: Number,
    camera: Annotated[str, Form(max_length=LONGEST_TEXT)],
    what: Annotated[Literal["open", "close", "take", "leave"], Form()],
) -> Response:
    """Have a camera's pictures go to the slide, or no longer; or say where those belong that wait."""
    with records.session() as session:
        if what == "open":
            cameras.open_for(session, actor.name, slide_id, camera)
        elif what == "close":
            cameras.close(session, actor.name, slide_id, camera)
        else:
            cameras.ask(session, actor.name, slide_id, camera, what)
    return go(f"/slides/{slide_id}")


@router.post("/slides/{slide_id}/sign")
def sign(
    actor: Technician,
    records: Records,
    settings: SettingsInForce,
    sessions: KnownSessions,
    slide_id: Number,
    version: Annotated[int, Form()],
    confirm: Annotated[bool, Form()] = False,
    signer: Annotated[str, Form(max_length=LONGEST_NAME)] = "",
) -> Response:
    """Sign a slide off, as it was when the page was made; without accounts, under the name that is given."""
    alone = not settings.accounts_required
    name = " ".join(signer.split()) if alone else actor.name
    if not name:
        raise WebError(422, "invalid", "signer_missing")
    with records.session() as session:
        slides.sign(session, name, slide_id, version, confirm)
    answer = go(f"/slides/{slide_id}")
    if alone:
        sessions.keep_name(answer.headers, name)
    return answer


@router.post("/slides/{slide_id}/reopen")
def reopen(actor: Technician, records: Records, slide_id: Number, reason: Reason = "") -> Response:
    """Take the signature off."""
    with records.session() as session:
        slides.reopen(session, actor.name, slide_id, reason)
    return go(f"/slides/{slide_id}")


def _gallery(
    request: Request,
    records: Store,
    slide_id: int,
    page: int,
    find: Callable[[Session, int], list[CalledCell]],
    address: str,
) -> Response:
    """Some cells of a slide side by side, at an address below the slide's."""
    with records.reading() as session:
        slide = slides.get_slide(session, slide_id)
        cells = find(session, slide_id)
    shown = cells[(page - 1) * _CELLS_AT_ONCE : page * _CELLS_AT_ONCE]
    place = paging(request, page, _CELLS_AT_ONCE, shown, len(cells))
    return render(request, "slide_cells.html", slide=slide, cells=shown, paging=place, address=address)
