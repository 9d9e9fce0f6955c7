"""``/readings``: slides that several people read without knowing of each other's result."""

from fastapi import APIRouter

from plasmoscope.store import reading_slides, readings
from plasmoscope.web.api import schemas
from plasmoscope.web.dependencies import Number, Records, SettingsInForce
from plasmoscope.web.security.blinding import check_accounts
from plasmoscope.web.security.identity import Admin, Reader, Technician

router = APIRouter()


@router.get("/readings", tags=["readings"])
def list_readings(actor: Reader, records: Records) -> schemas.ReadingsPage:
    """The slides that were given for a second reading, and how alike first and second readers were.

    Of a slide whose readings are not complete only the readers are told.
    """
    with records.reading() as session:
        known = readings.all_readings(session)
        rule = reading_slides.rule_in_use(session)
        alike = readings.agreement_so_far(session, rule)
        listed = [schemas.ReadingsOut.of(one, actor.name) for one in known]
    return schemas.ReadingsPage(rule=rule.name, agreement=alike, slides=listed)


@router.post("/readings/rule", tags=["readings"])
def choose_rule(actor: Admin, records: Records, given: schemas.RuleIn) -> schemas.ReadingsPage:
    """Compare the counts of slides that are given for a second reading from now on by another rule."""
    with records.session() as session:
        reading_slides.choose_rule(session, actor.name, given.rule)
    return list_readings(actor, records)


@router.post("/slides/{slide_id}/readings", tags=["readings"], status_code=201)
def ask_second(
    actor: Technician, records: Records, settings: SettingsInForce, slide_id: Number, given: schemas.ReadersIn
) -> schemas.ReadingsOut:
    """Give a slide for a blinded second reading; the second reader gets a record of their own."""
    check_accounts(settings)
    with records.session() as session:
        known = reading_slides.ask_second(session, actor.name, slide_id, given.first or actor.name, given.second)
        return schemas.ReadingsOut.of(known, actor.name)


@router.post("/slides/{slide_id}/readings/finish", tags=["readings"])
def finish_reading(
    actor: Technician, records: Records, slide_id: Number, given: schemas.FinishedReading
) -> schemas.ReadingsOut:
    """End one's own reading, in its own record; it then stays as it is."""
    with records.session() as session:
        known = reading_slides.finish_reading(session, actor.name, slide_id, given.species or "")
        return schemas.ReadingsOut.of(known, actor.name)


@router.post("/readings/{number}/third", tags=["readings"])
def name_third(actor: Technician, records: Records, number: Number, given: schemas.ThirdReader) -> schemas.ReadingsOut:
    """Name the third reader of slide ``number``, whose first two disagree."""
    with records.session() as session:
        known = reading_slides.name_third(session, actor.name, number, given.reader)
        return schemas.ReadingsOut.of(known, actor.name)


@router.post("/readings/{number}/withdraw", tags=["readings"], status_code=204)
def withdraw_readings(actor: Admin, records: Records, number: Number, given: schemas.Reason) -> None:
    """Let slide ``number`` be its first reader's alone; the audit keeps what the others counted."""
    with records.session() as session:
        reading_slides.withdraw_readings(session, actor.name, number, given.reason)
