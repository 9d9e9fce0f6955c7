"""The pages: what people see in a browser. What their buttons do is in ``actions`` and ``slide_forms``."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from plasmoscope.store import audit, counts, fields, history, slides
from plasmoscope.store.called import CalledCell
from plasmoscope.store.errors import ConflictError
from plasmoscope.store.records import LONGEST_TEXT, Field, Slide
from plasmoscope.web import pictures as drawing
from plasmoscope.web.api import routes as api
from plasmoscope.web.api.routes import Number
from plasmoscope.web.dependencies import PageNumber, Welcomed, paging, records
from plasmoscope.web.errors import WebError
from plasmoscope.web.i18n.sentences import CALLS, mark
from plasmoscope.web.pages import buttons as actions
from plasmoscope.web.pages import login as entrance
from plasmoscope.web.pages import page_data as views
from plasmoscope.web.pages import performance as performance_page
from plasmoscope.web.pages import slide_details as slide_forms
from plasmoscope.web.pages.rendering import reader_words, render
from plasmoscope.web.pages.slide_form import read_date
from plasmoscope.web.pages.time_chart import draw_chart
from plasmoscope.web.security.identity import Reader

router = APIRouter(include_in_schema=False)
router.include_router(entrance.router)
router.include_router(slide_forms.router)
router.include_router(actions.router)
router.include_router(performance_page.router)
_views = APIRouter(dependencies=[Welcomed])

_SLIDES_AT_ONCE = 50
_CELLS_AT_ONCE = 60
_CHANGES_AT_ONCE = 100
_Text = Annotated[str, Query(max_length=LONGEST_TEXT)]
# What the scripts say, by the name that they know it by.
_SCRIPTS_SAY = {
    "waiting": mark("Waiting"),
    "sending": mark("Being sent"),
    "cancel": mark("Cancel"),
    "close": mark("Close"),
    "failed": mark("This did not work"),
    "offline": mark("The workstation cannot be reached. Check that it runs, and try again."),
    "camera": mark("No camera can be used. Check that one is connected and that the browser may use it."),
    "working": mark("Please wait ..."),
    "heat": mark("Yellow: what the call rests on most; dark blue: least."),
    "nowhere": mark("No single place decides: the call rests on the cell as a whole."),
    "infected": CALLS["infected"],
    "notInfected": CALLS["not infected"],
    "notTold": CALLS["not told"],
}


@_views.get("/")
def home(
    request: Request,
    actor: Reader,
    patient: _Text = "",
    slide: _Text = "",
    microscopist: _Text = "",
    since: _Text = "",
    until: _Text = "",
    status: _Text = "",
    page: PageNumber = 1,
) -> Response:
    """All slides, or those that fit a search; a box left empty asks for nothing."""
    wanted = next((known for known in ("open", "signed") if known == status), None)
    search = history.Search(patient, slide, microscopist, read_date(since), read_date(until), wanted)
    with records(request).reading() as session:
        found = history.find_slides(session, search, (page - 1) * _SLIDES_AT_ONCE, _SLIDES_AT_ONCE)
        rows = views.home_rows(session, found.slides)
        known = found.total > 0 or session.scalar(select(Slide.id).limit(1)) is not None
    place = paging(request, page, _SLIDES_AT_ONCE, rows, found.total)
    return render(request, "home.html", search=search, rows=rows, paging=place, any=known)


@_views.get("/slides/{slide_id}")
def show_slide(request: Request, actor: Reader, slide_id: Number) -> Response:
    """A slide with its photographs and its running count."""
    with records(request).reading() as session:
        slide = slides.get_slide(session, slide_id)
        tally = counts.tally(session, slide_id)
        count = counts.slide_count(session, slide, tally)
        cards = views.field_cards(session, slide)
    return render(
        request,
        "slide.html",
        slide=slide,
        count=count,
        tally=tally,
        cards=cards,
        lacking=views.fonts_to_install(slide, cards, actor.name),
        said=_scripts_say(request),
    )


@_views.get("/slides/{slide_id}/cells")
async def show_called_cells(request: Request, actor: Reader, slide_id: Number, page: PageNumber = 1) -> Response:
    """The cells called infected."""
    return await _gallery(request, slide_id, page, drawing.called_cells, "/cells")


@_views.get("/slides/{slide_id}/not-told")
async def show_cells_not_told(request: Request, actor: Reader, slide_id: Number, page: PageNumber = 1) -> Response:
    """What the model left out of the count, for people to call."""
    return await _gallery(request, slide_id, page, drawing.cells_not_told, "/not-told")


@_views.get("/slides/{slide_id}/changes")
def show_changes(request: Request, actor: Reader, slide_id: Number, page: PageNumber = 1) -> Response:
    """Who changed what of a slide, and when."""
    with records(request).reading() as session:
        slide = slides.get_slide(session, slide_id)
        changes = views.changes_of(session, slide, (page - 1) * _CHANGES_AT_ONCE, _CHANGES_AT_ONCE)
        total = audit.how_many(session, audit.slide_subject(slide_id))
    place = paging(request, page, _CHANGES_AT_ONCE, changes, total)
    return render(request, "slide_changes.html", slide=slide, changes=changes, paging=place)


@_views.get("/fields/{field_id}")
def show_field(request: Request, actor: Reader, field_id: Number, cell: int | None = None) -> Response:
    """A photograph with its outlines, and one of its cells large."""
    with records(request).reading() as session:
        field = fields.get_field(session, field_id)
        found = field.found()
        if field.status != "done" or found is None:
            raise ConflictError(f"{field.name} is not analysed yet.")
        objects = views.field_objects(session, field, found)
        shown = views.open_cell(session, field, objects, cell) if cell is not None else None
        slide = slides.get_slide(session, field.slide_id)
        before, after = _neighbours(session, field)
    return render(
        request,
        "field.html",
        field=field,
        slide=slide,
        found=found,
        objects=objects,
        shown=shown,
        before=before,
        after=after,
        said=_scripts_say(request),
    )


@_views.get("/patients/{code:path}")
def show_patient(request: Request, actor: Reader, code: str) -> Response:
    """A patient's slides over time."""
    with records(request).reading() as session:
        patient = history.get_patient(session, code)
        points = history.time_line(session, patient.id)
    return render(request, "patient.html", patient=patient, points=points, chart=draw_chart(points))


@_views.get("/cells")
def show_single_cells(request: Request, actor: Reader) -> Response:
    """Pictures of single cells."""
    return render(request, "cells.html", said=_scripts_say(request))


def error_page(request: Request, error: WebError, headers: dict[str, str]) -> Response:
    """What went wrong, in everyday words; or the page that the reader needs first."""
    elsewhere = entrance.turned_away(request, error)
    busy, said = error.code == "busy", str(error)
    return elsewhere or render(request, "error.html", error.status, headers, code=error.status, busy=busy, message=said)


async def _gallery(
    request: Request,
    slide_id: int,
    page: int,
    find: Callable[[Path, str | None, int], list[CalledCell]],
    address: str,
) -> Response:
    """Some cells of a slide side by side, at an address below the slide's."""
    settings, crew = request.app.state.settings, api.crew_of(request)
    slide = await run_in_threadpool(_slide, request, slide_id)
    cells = await crew.drawing.take(find, settings.folder, settings.database_url, slide_id)
    shown = cells[(page - 1) * _CELLS_AT_ONCE : page * _CELLS_AT_ONCE]
    place = paging(request, page, _CELLS_AT_ONCE, shown, len(cells))
    return await run_in_threadpool(
        render, request, "slide_cells.html", slide=slide, cells=shown, paging=place, address=address
    )


def _slide(request: Request, slide_id: int) -> Slide:
    with records(request).reading() as session:
        return slides.get_slide(session, slide_id)


def _scripts_say(request: Request) -> dict[str, str]:
    words = reader_words(request)
    return {name: words.say(message) for name, message in _SCRIPTS_SAY.items()}


def _neighbours(session: Session, field: Field) -> tuple[int | None, int | None]:
    """Numbers of the analysed fields before and after one on its slide."""
    of_slide = [other.id for other in fields.fields_of(session, field.slide_id) if other.status == "done"]
    place = of_slide.index(field.id)
    before = of_slide[place - 1] if place else None
    return before, of_slide[place + 1] if place + 1 < len(of_slide) else None


router.include_router(_views)
