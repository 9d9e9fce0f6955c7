"""Control slides: what an admin names, and the buttons of their readings."""

from typing import Annotated

from fastapi import APIRouter, Form, Response

from plasmoscope.store import controls
from plasmoscope.store.records import LONGEST_TEXT, ControlKind
from plasmoscope.web.dependencies import Number, Records
from plasmoscope.web.pages.panel_answers import read_count
from plasmoscope.web.pages.redirects import go
from plasmoscope.web.pages.slides import Reason
from plasmoscope.web.pages.welcome import Welcomed
from plasmoscope.web.security.identity import Admin, Technician

router = APIRouter(dependencies=[Welcomed])

_PAGE = "/quality#controls"
_Text = Annotated[str, Form(max_length=LONGEST_TEXT)]


@router.post("/controls")
def make_control(
    actor: Admin,
    records: Records,
    name: _Text,
    kind: Annotated[ControlKind, Form()],
    site: _Text = "",
    mean: _Text = "",
    sd: _Text = "",
) -> Response:
    """Name a control slide."""
    with records.session() as session:
        controls.make_control(session, actor.name, name, kind, site, read_count(mean), read_count(sd))
    return go(_PAGE)


@router.post("/controls/{number}/end")
def end_control(actor: Admin, records: Records, number: Number) -> Response:
    """Give a control slide up."""
    with records.session() as session:
        controls.end_control(session, actor.name, number)
    return go(_PAGE)


@router.post("/controls/{number}/begin")
def begin_reading(actor: Technician, records: Records, number: Number) -> Response:
    """Photograph a control anew."""
    with records.session() as session:
        return go(f"/slides/{controls.begin_reading(session, actor.name, number).id}")


@router.post("/slides/{slide_id}/control/enter")
def enter_reading(actor: Technician, records: Records, slide_id: Number) -> Response:
    """Make what the program called a point of the chart."""
    with records.session() as session:
        controls.enter_reading(session, actor.name, slide_id)
    return go(_PAGE)


@router.post("/slides/{slide_id}/control/leave-out")
def leave_out(actor: Technician, records: Records, slide_id: Number, reason: Reason = "") -> Response:
    """Take a reading out of the chart."""
    with records.session() as session:
        controls.leave_out(session, actor.name, slide_id, reason)
    return go(_PAGE)
