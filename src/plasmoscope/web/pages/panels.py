"""Panels of slides of known truth: the list, making one, and what came of it."""

import secrets
from typing import Annotated, Literal

from fastapi import APIRouter, File, Form, Request, Response, UploadFile

from plasmoscope.store import panel_takings, panels
from plasmoscope.store.counts import tallies
from plasmoscope.store.panels import GivenTruth
from plasmoscope.store.records import LONGEST_TEXT, CountUnit
from plasmoscope.web.dependencies import Number, Records, WholeWorkstation
from plasmoscope.web.drawn_slides import MOST_PHOTOGRAPHS, drawn_slide
from plasmoscope.web.errors import WebError
from plasmoscope.web.pages.panel_answers import read_count
from plasmoscope.web.pages.redirects import go
from plasmoscope.web.pages.rendering import render
from plasmoscope.web.pages.welcome import Welcomed
from plasmoscope.web.security.identity import Admin, Reader
from plasmoscope.web.uploads import keep_uploads

router = APIRouter(dependencies=[Welcomed])

_PAGE = "/panels"
_Text = Annotated[str, Form(max_length=LONGEST_TEXT)]
_Names = Annotated[list[str], Form(max_length=LONGEST_TEXT)]
_SEEDS = 2**31  # different slides that can be drawn


@router.get(_PAGE)
def show_panels(request: Request, actor: Reader, records: Records) -> Response:
    """The panels that there are, and results: one's own, or for admins all."""
    admin = actor.may("admin")
    with records.reading() as session:
        known = [panel for panel in panels.all_panels(session) if admin or panel.opened_at is not None]
        mine = panel_takings.takings_of(session, reader=actor.name)
        results = panel_takings.results(session, None if admin else actor.name)
        sizes = {panel.id: len(panels.slides_of(session, panel.id)) for panel in known}
    return render(
        request,
        "panels.html",
        known=known,
        sizes=sizes,
        begun={taking.panel_id: taking for taking in reversed(mine)},
        results=results,
    )


@router.post(_PAGE)
def make_panel(actor: Admin, records: Records, name: _Text, training: Annotated[bool, Form()] = False) -> Response:
    """Begin a panel."""
    with records.session() as session:
        panel = panels.make_panel(session, actor.name, name, training)
    return go(f"{_PAGE}/{panel.id}")


@router.get(f"{_PAGE}/{{number}}")
def show_panel(request: Request, actor: Admin, records: Records, number: Number) -> Response:
    """A panel with its truth, and all results."""
    with records.reading() as session:
        panel = panels.get_panel(session, number)
        slides = panels.slides_of(session, number)
        counted = tallies(session, [slide.slide_id for slide in slides])
        results = [taken for taken in panel_takings.results(session) if taken.panel.id == number]
        program = panel_takings.program_score(session, panel)
    return render(
        request,
        "panel.html",
        panel=panel,
        slides=slides,
        tallies=counted,
        results=results,
        program=program,
        most_photographs=MOST_PHOTOGRAPHS,
    )


@router.post(f"{_PAGE}/{{number}}/drawn")
async def add_drawn(
    actor: Admin,
    workstation: WholeWorkstation,
    number: Number,
    percent: _Text,
    photographs: Annotated[int, Form(ge=1, le=MOST_PHOTOGRAPHS)],
) -> Response:
    """Add a slide that is drawn by the program."""
    share = read_count(percent) or 0
    if not 0 <= share <= 100:
        raise WebError(422, "invalid", "count_impossible", most=100)
    drawn = await workstation.workers.drawing.take(drawn_slide, secrets.randbelow(_SEEDS), share, photographs)
    with workstation.store.session() as session:
        panels.add_drawn(session, workstation.store.images, actor.name, number, drawn.percent, drawn.photographs)
    workstation.queue.wake()
    return go(f"{_PAGE}/{number}")


@router.post(f"{_PAGE}/{{number}}/copied")
def add_copy(
    actor: Admin,
    records: Records,
    number: Number,
    code: _Text,
    positive: Annotated[bool, Form()],
    species: _Names = [],  # noqa: B006 - FastAPI copies it
    count: _Text = "",
    unit: Annotated[CountUnit, Form()] = "percent",
) -> Response:
    """Add the photographs of a signed slide."""
    truth = GivenTruth(positive, tuple(species), read_count(count), unit)
    with records.session() as session:
        panels.add_copy(session, actor.name, number, code, truth)
    return go(f"{_PAGE}/{number}")


@router.post(f"{_PAGE}/{{number}}/own")
async def add_own(
    actor: Admin,
    workstation: WholeWorkstation,
    number: Number,
    file: Annotated[list[UploadFile], File()],
    positive: Annotated[bool, Form()],
    species: _Names = [],  # noqa: B006 - FastAPI copies it
    count: _Text = "",
    unit: Annotated[CountUnit, Form()] = "percent",
) -> Response:
    """Add a slide with its photographs; one that cannot be taken is named, and does not stop the others."""
    truth = GivenTruth(positive, tuple(species), read_count(count), unit)
    with workstation.store.session() as session:
        slide_id = panels.add_slide(session, actor.name, number, truth).slide_id
    await keep_uploads(workstation, actor.name, slide_id, file)
    return go(f"{_PAGE}/{number}")


@router.post(f"{_PAGE}/{{number}}/remove")
def remove_slide(
    actor: Admin, records: Records, number: Number, position: Annotated[int, Form(ge=1, le=panels.MOST_SLIDES)]
) -> Response:
    """Take a slide out."""
    with records.session() as session:
        panels.remove_slide(session, actor.name, number, position)
    return go(f"{_PAGE}/{number}")


@router.post(f"{_PAGE}/{{number}}/state")
def change_state(
    actor: Admin, records: Records, number: Number, what: Annotated[Literal["open", "close"], Form()]
) -> Response:
    """Let people read it, or no longer."""
    with records.session() as session:
        (panels.open_panel if what == "open" else panels.close_panel)(session, actor.name, number)
    return go(f"{_PAGE}/{number}")
