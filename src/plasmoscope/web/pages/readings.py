"""Slides that several people read without knowing of each other's result: the list, and the buttons of readings."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from plasmoscope.analysis.two_readers import RULES
from plasmoscope.store import reading_slides, readings
from plasmoscope.store.records import LONGEST_TEXT
from plasmoscope.web.dependencies import Number, Records, SettingsInForce
from plasmoscope.web.pages.redirects import go
from plasmoscope.web.pages.rendering import render
from plasmoscope.web.pages.slides import Reason
from plasmoscope.web.pages.welcome import Welcomed
from plasmoscope.web.security.blinding import check_accounts
from plasmoscope.web.security.identity import Admin, Reader, Technician

router = APIRouter(dependencies=[Welcomed])

_PAGE = "/readings"
_Name = Annotated[str, Form(max_length=LONGEST_TEXT)]


@router.get(_PAGE)
def show_readings(request: Request, actor: Reader, records: Records) -> Response:
    """What waits for whoever looks, what the others are at, and how alike readers are."""
    with records.reading() as session:
        known = readings.all_readings(session)
        to_do = readings.readings_to_do(session, actor.name)
        rule = reading_slides.rule_in_use(session)
        alike = readings.agreement_so_far(session, rule)
        people = reading_slides.readers(session)
    return render(
        request, "readings.html", to_do=to_do, known=known, rule=rule, rules=RULES.values(), alike=alike, people=people
    )


@router.post("/slides/{slide_id}/readings")
def ask_second(
    actor: Technician, records: Records, settings: SettingsInForce, slide_id: Number, first: _Name, second: _Name
) -> Response:
    """Give a slide for a blinded second reading."""
    check_accounts(settings)
    with records.session() as session:
        reading_slides.ask_second(session, actor.name, slide_id, first, second)
    return go(_PAGE)


@router.post("/slides/{slide_id}/readings/finish")
def finish_reading(actor: Technician, records: Records, slide_id: Number, species: _Name = "") -> Response:
    """End one's own reading."""
    with records.session() as session:
        reading_slides.finish_reading(session, actor.name, slide_id, species)
    return go(_PAGE)


@router.post("/readings/rule")
def choose_rule(actor: Admin, records: Records, rule: _Name) -> Response:
    """Compare counts by another rule from now on."""
    with records.session() as session:
        reading_slides.choose_rule(session, actor.name, rule)
    return go(_PAGE)


@router.post("/readings/{number}/third")
def name_third(actor: Technician, records: Records, number: Number, reader: _Name) -> Response:
    """Name the third reader of a slide."""
    with records.session() as session:
        reading_slides.name_third(session, actor.name, number, reader)
    return go(_PAGE)


@router.post("/readings/{number}/withdraw")
def withdraw_readings(actor: Admin, records: Records, number: Number, reason: Reason = "") -> Response:
    """Let a slide be its first reader's alone."""
    with records.session() as session:
        reading_slides.withdraw_readings(session, actor.name, number, reason)
    return go(_PAGE)
