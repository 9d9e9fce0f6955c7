"""Reading a panel: one slide after the other, and what one was shown of the truth."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

from fastapi import APIRouter, Form, Request, Response
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from plasmoscope.store import panel_takings, panels
from plasmoscope.store.panel_takings import Target
from plasmoscope.store.records import LONGEST_TEXT, Field, PanelSlide
from plasmoscope.store.store import Store
from plasmoscope.web import pictures
from plasmoscope.web.dependencies import HeavyWork, Number, Records
from plasmoscope.web.errors import WebError
from plasmoscope.web.pages.redirects import go
from plasmoscope.web.pages.rendering import render
from plasmoscope.web.pages.welcome import Welcomed
from plasmoscope.web.security.identity import Actor, Reader

router = APIRouter(dependencies=[Welcomed])

# Pixels on the page of the widest photograph, and of a red cell's diameter, so that it can be read and hit.
_WIDEST, _CELL = 8000, 56


class ShownPhotograph(NamedTuple):
    """A photograph of a panel's slide, and what of it is shown."""

    number: int
    view: Sequence[int]
    """Left, top, width and height in pixels of the photograph."""
    size: tuple[int, int]
    """Of the whole photograph."""
    shown_width: int
    """In pixels of the page."""
    targets: Sequence[Target]

    @property
    def found(self) -> int:
        """Infected cells that were marked."""
        return sum(one.marked and bool(one.truth) for one in self.targets)

    @property
    def missed(self) -> int:
        """Infected cells that were not."""
        return sum(not one.marked and bool(one.truth) for one in self.targets)

    @property
    def wrong(self) -> int:
        """Cells that were marked and are not infected."""
        return sum(one.marked and one.truth is False for one in self.targets)


@router.post("/panels/{number}/begin")
def begin(actor: Reader, records: Records, number: Number) -> Response:
    """Begin a panel, or go on with it."""
    with records.session() as session:
        return go(f"/takings/{panel_takings.begin(session, actor.name, number).id}")


@router.get("/takings/{number}")
def show_taking(request: Request, actor: Reader, records: Records, number: Number) -> Response:
    """The next slide to read; where all are read, the result."""
    with records.reading() as session:
        taking = panel_takings.own_taking(session, actor.name, number)
        panel = panels.get_panel(session, taking.panel_id)
        slide = panel_takings.next_slide(session, taking)
        slides = len(panels.slides_of(session, panel.id))
        if slide is not None:
            shown = _photographs(session, slide, panel_takings.targets_of(session, slide))
            return render(
                request, "panel_slide.html", taking=taking, panel=panel, slide=slide, slides=slides, photographs=shown
            )
        score = panel_takings.score_of(session, taking)
        answered = panel_takings.answered_slides(session, taking) if panel_takings.shows_truth(panel) else []
    return render(request, "panel_result.html", taking=taking, panel=panel, score=score, answered=answered)


@router.post("/takings/{number}")
def answer(
    actor: Reader,
    records: Records,
    number: Number,
    position: Annotated[int, Form(ge=1, le=panels.MOST_SLIDES)],
    positive: Annotated[bool, Form()],
    species: Annotated[list[str], Form(max_length=LONGEST_TEXT)] = [],  # noqa: B006 - FastAPI copies it
    count: Annotated[str, Form(max_length=LONGEST_TEXT)] = "",
    cells: Annotated[list[str], Form(max_length=10_000)] = [],  # noqa: B006
) -> Response:
    """Say what is on a slide."""
    with records.session() as session:
        panel_takings.answer(
            session, actor.name, number, position, positive, species, read_count(count), _marked(cells)
        )
        taking = panel_takings.own_taking(session, actor.name, number)
        panel = panels.get_panel(session, taking.panel_id)
    return go(f"/takings/{number}/slides/{position}" if panel.training else f"/takings/{number}")


@router.get("/takings/{number}/slides/{position}")
def show_truth(request: Request, actor: Reader, records: Records, number: Number, position: Number) -> Response:
    """A slide that one has answered, with its truth, as far as that is shown already."""
    with records.reading() as session:
        taking = panel_takings.own_taking(session, actor.name, number)
        panel = panels.get_panel(session, taking.panel_id)
        known = panel_takings.answered_slides(session, taking) if panel_takings.shows_truth(panel) else []
        answered = next((one for one in known if one.slide.position == position), None)
        if answered is None:
            return go(f"/takings/{number}")
        targets = panel_takings.targets_of(session, answered.slide, answered.answer.marked)
        shown = _photographs(session, answered.slide, targets)
        blood = panels.red_cells_of(session, [answered.slide])[answered.slide.slide_id]
    return render(
        request,
        "panel_truth.html",
        taking=taking,
        panel=panel,
        answered=answered,
        program=panels.program_answer(answered.slide, blood),
        photographs=shown,
    )


@router.get("/panels/{number}/photographs/{photograph}")
async def show_photograph(
    actor: Reader, records: Records, workers: HeavyWork, number: Number, photograph: Number
) -> Response:
    """The upright photograph as JPEG, for those who read the panel."""
    file = await run_in_threadpool(_file, records, actor, number, photograph)
    content = await workers.drawing.take(pictures.photograph_jpeg, file, _WIDEST)
    return Response(content, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=3600"})


def read_count(text: str) -> float | None:
    """A number that somebody wrote, with a point or a comma; None where the box was left empty.

    Raises:
        WebError: 422, it is no number.
    """
    if not text.strip():
        return None
    try:
        value = float(text.strip().removesuffix("%").replace(",", "."))
    except ValueError as error:
        raise WebError(422, "invalid", "no_number", text=text) from error
    if not 0 <= value < float("inf"):
        raise WebError(422, "invalid", "no_number", text=text)
    return value


def _marked(cells: Sequence[str]) -> dict[int, frozenset[int]]:
    """From boxes that are named by the numbers of the photograph and of the object."""
    found: dict[int, set[int]] = {}
    for one in cells:
        photograph, _, number = one.partition("-")
        if photograph.isdecimal() and number.isdecimal():
            found.setdefault(int(photograph), set()).add(int(number))
    return {photograph: frozenset(numbers) for photograph, numbers in found.items()}


def _photographs(session: Session, slide: PanelSlide, targets: dict[int, list[Target]]) -> list[ShownPhotograph]:
    return [_shown(field, targets.get(field.id, [])) for field in panels.photographs_of(session, slide)]


def _shown(field: Field, targets: Sequence[Target]) -> ShownPhotograph:
    found = field.found()
    width, height = (found.width, found.height) if found else (1, 1)
    view = field.view or [0, 0, width, height]
    diameter = (found.cell_diameter if found else None) or _CELL
    return ShownPhotograph(field.id, view, (width, height), round(view[2] * _CELL / diameter), targets)


def _file(records: Store, actor: Actor, panel_id: int, field_id: int) -> Path:
    with records.reading() as session:
        field = panel_takings.photograph_to_read(session, actor.name, actor.may("admin"), panel_id, field_id)
        return records.images.path(field.image_sha256)
