"""How well this laboratory's slides are read: the page, and what an admin enters there."""

from typing import Annotated

from fastapi import APIRouter, File, Request, Response, UploadFile

from plasmoscope.analysis.performance import LEAST_INFECTED, LEAST_UNINFECTED, parse_performance
from plasmoscope.store.errors import NotFoundError
from plasmoscope.web.api import routes as api
from plasmoscope.web.dependencies import Welcomed, go
from plasmoscope.web.pages.rendering import render
from plasmoscope.web.security.identity import Admin, Reader
from plasmoscope.web.uploads import read_upload, shown_name

router = APIRouter(dependencies=[Welcomed])


@router.get("/performance")
def show_performance(request: Request, actor: Reader) -> Response:
    """What was measured here, and how to measure."""
    try:
        entered = api.get_performance(request, actor)
    except NotFoundError:
        entered = None
    return render(
        request,
        "performance.html",
        entered=entered,
        least_infected=LEAST_INFECTED,
        least_uninfected=LEAST_UNINFECTED,
    )


@router.post("/performance")
def enter_performance(request: Request, actor: Admin, file: Annotated[UploadFile, File()]) -> Response:
    """Correct counts with what a file says."""
    api.enter_performance(request, actor, parse_performance(read_upload(file), shown_name(file)))
    return go("/performance")


@router.post("/performance/withdraw")
def withdraw_performance(request: Request, actor: Admin) -> Response:
    """Correct counts with nothing."""
    api.withdraw_performance(request, actor)
    return go("/performance")
