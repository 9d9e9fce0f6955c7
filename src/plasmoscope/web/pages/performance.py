"""How well this laboratory's slides are read: the page, and what an admin enters there."""

from typing import Annotated

from fastapi import APIRouter, File, Request, Response, UploadFile

from plasmoscope.analysis.performance import LEAST_INFECTED, LEAST_UNINFECTED, parse_performance
from plasmoscope.store import performance as performances
from plasmoscope.web.dependencies import MethodInUse, Records
from plasmoscope.web.pages.redirects import go
from plasmoscope.web.pages.rendering import render
from plasmoscope.web.pages.welcome import Welcomed
from plasmoscope.web.security.identity import Admin, Reader
from plasmoscope.web.uploads import read_upload, shown_name

router = APIRouter(dependencies=[Welcomed])


@router.get("/performance")
def show_performance(request: Request, actor: Reader, records: Records, method: MethodInUse) -> Response:
    """What was measured here, and how to measure."""
    with records.reading() as session:
        entered = performances.latest(session)
    return render(
        request,
        "performance.html",
        entered=entered,
        misfit=performances.misfit(entered, method) if entered else None,
        least_infected=LEAST_INFECTED,
        least_uninfected=LEAST_UNINFECTED,
    )


@router.post("/performance")
def enter_performance(
    actor: Admin, records: Records, method: MethodInUse, file: Annotated[UploadFile, File()]
) -> Response:
    """Correct counts with what a file says."""
    measured = parse_performance(read_upload(file), shown_name(file))
    with records.session() as session:
        performances.enter(session, actor.name, measured, method)
    return go("/performance")


@router.post("/performance/withdraw")
def withdraw_performance(actor: Admin, records: Records) -> Response:
    """Correct counts with nothing."""
    with records.session() as session:
        performances.withdraw(session, actor.name)
    return go("/performance")
