"""The review of a slide: the cells to look at, in order, each called by one key."""

from collections.abc import Sequence

from fastapi import APIRouter, Request, Response

from plasmoscope.store import slides
from plasmoscope.store.review import DueCell, slide_queue
from plasmoscope.web.dependencies import Number, Records
from plasmoscope.web.pages.paging import PageNumber, paging
from plasmoscope.web.pages.rendering import render
from plasmoscope.web.pages.script_messages import script_messages
from plasmoscope.web.pages.welcome import Welcomed
from plasmoscope.web.security.identity import Reader

router = APIRouter(dependencies=[Welcomed])

_CELLS_AT_ONCE = 120


@router.get("/slides/{slide_id}/review")
def show_review(
    request: Request, actor: Reader, records: Records, slide_id: Number, page: PageNumber | None = None
) -> Response:
    """The cells to look at; where no page is named, from the first that nobody has looked at."""
    with records.reading() as session:
        slide = slides.get_slide(session, slide_id)
        queue = slide_queue(session, slide_id)
    number = page or 1 + _first_waiting(queue.cells) // _CELLS_AT_ONCE
    cells = queue.cells[(number - 1) * _CELLS_AT_ONCE : number * _CELLS_AT_ONCE]
    return render(
        request,
        "slide_review.html",
        slide=slide,
        cells=cells,
        review=queue.review,
        paging=paging(request, number, _CELLS_AT_ONCE, cells, len(queue.cells)),
        said=script_messages(request),
    )


def _first_waiting(cells: Sequence[DueCell]) -> int:
    return next((place for place, cell in enumerate(cells) if cell.look is None), 0)
