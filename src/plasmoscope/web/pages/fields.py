"""A photograph's page with its cells, and the buttons of photographs, which lead back to the slide."""

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response
from sqlalchemy.orm import Session

from plasmoscope.store import corrections, editing, fields, moving, slides
from plasmoscope.store.errors import ConflictError
from plasmoscope.store.history import Search, find_slides
from plasmoscope.store.locking import refuse_removed
from plasmoscope.store.records import LONGEST_TEXT, Call, Field
from plasmoscope.web.dependencies import Number, Records, WaitingPhotographs
from plasmoscope.web.pages import page_data
from plasmoscope.web.pages.redirects import go
from plasmoscope.web.pages.rendering import render
from plasmoscope.web.pages.script_messages import script_messages
from plasmoscope.web.pages.slides import Reason
from plasmoscope.web.pages.welcome import Welcomed
from plasmoscope.web.security.identity import Reader, Technician

router = APIRouter(dependencies=[Welcomed])

_SLIDES_AT_ONCE = 100


@router.get("/fields/{field_id}")
def show_field(
    request: Request, actor: Reader, records: Records, field_id: Number, cell: int | None = None
) -> Response:
    """A photograph with its outlines, and one of its cells large."""
    with records.reading() as session:
        field = fields.get_field(session, field_id)
        refuse_removed(field)
        found = field.found()
        if field.status != "done" or found is None:
            raise ConflictError("not_analysed", field=field.name)
        objects = page_data.field_objects(session, field, found)
        shown = page_data.open_cell(session, field, objects, cell) if cell is not None else None
        slide = slides.get_slide(session, field.slide_id)
        before, after = _neighbours(session, field)
    return render(
        request,
        "field.html",
        field=field,
        slide=slide,
        found=found,
        objects=objects,
        warnings=page_data.warnings_of(field),
        shown=shown,
        before=before,
        after=after,
        said=script_messages(request),
    )


@router.post("/fields/{field_id}/cancel")
def cancel(actor: Technician, records: Records, field_id: Number) -> Response:
    """Stop an analysis."""
    with records.session() as session:
        return _to_slide(fields.cancel(session, actor.name, field_id))


@router.post("/fields/{field_id}/requeue")
def requeue(
    actor: Technician,
    records: Records,
    queue: WaitingPhotographs,
    field_id: Number,
    override_gate: Annotated[bool, Form()] = False,
) -> Response:
    """Analyse a photograph once more."""
    with records.session() as session:
        answer = _to_slide(fields.requeue(session, actor.name, field_id, override_gate))
    queue.wake()
    return answer


@router.post("/fields/{field_id}/count-repeat")
def count_repeat(actor: Technician, records: Records, field_id: Number) -> Response:
    """Count a photograph although another shows the same place."""
    with records.session() as session:
        return _to_slide(fields.count_repeat(session, actor.name, field_id))


@router.post("/fields/{field_id}/reject")
def reject(actor: Technician, records: Records, field_id: Number, reason: Reason = "") -> Response:
    """Leave a photograph out of the count."""
    with records.session() as session:
        return _to_slide(fields.reject(session, actor.name, field_id, reason))


@router.post("/fields/{field_id}/restore")
def restore(actor: Technician, records: Records, field_id: Number) -> Response:
    """Count a rejected photograph again."""
    with records.session() as session:
        return _to_slide(fields.restore(session, actor.name, field_id))


@router.get("/fields/{field_id}/move")
def show_moving(
    request: Request,
    actor: Technician,
    records: Records,
    field_id: Number,
    patient: Annotated[str, Query(max_length=LONGEST_TEXT)] = "",
) -> Response:
    """Where a photograph can be moved to, and its removal; ``patient`` narrows the slides down."""
    with records.reading() as session:
        field = fields.get_field(session, field_id)
        slide = slides.get_slide(session, field.slide_id)
        found = find_slides(session, Search(patient=patient, status="open"), limit=_SLIDES_AT_ONCE).slides
    others = [other for other in found if other.id != slide.id]
    return render(request, "field_move.html", field=field, slide=slide, slides=others, patient=patient)


@router.post("/fields/{field_id}/move")
def move(
    actor: Technician, records: Records, field_id: Number, slide: Annotated[int, Form(ge=1, le=2**31 - 1)]
) -> Response:
    """Put a photograph on another slide, and go there."""
    with records.session() as session:
        return _to_slide(moving.move(session, actor.name, field_id, slide))


@router.post("/fields/{field_id}/remove")
def remove(actor: Technician, records: Records, field_id: Number, reason: Reason = "") -> Response:
    """Take a photograph off its slide."""
    with records.session() as session:
        return _to_slide(moving.remove(session, actor.name, field_id, reason))


@router.post("/fields/{field_id}/put-back")
def put_back(actor: Technician, records: Records, queue: WaitingPhotographs, field_id: Number) -> Response:
    """Put a removed photograph back."""
    with records.session() as session:
        answer = _to_slide(moving.put_back(session, actor.name, field_id))
    queue.wake()
    return answer


@router.post("/fields/{field_id}/cells/{number}/call")
def call_cell(
    actor: Technician, records: Records, field_id: Number, number: Number, call: Annotated[Call, Form()]
) -> Response:
    """Call a cell."""
    with records.session() as session:
        corrections.correct(session, actor.name, field_id, number, call)
    return go(f"/fields/{field_id}?cell={number}")


@router.post("/fields/{field_id}/cells/{number}/erase")
def erase_cell(actor: Technician, records: Records, field_id: Number, number: Number) -> Response:
    """Take an object away."""
    with records.session() as session:
        editing.erase(session, actor.name, field_id, number)
    return go(f"/fields/{field_id}")


@router.post("/fields/{field_id}/cells/{number}/note")
def note_on_cell(
    actor: Technician,
    records: Records,
    field_id: Number,
    number: Number,
    stage: Annotated[str, Form(max_length=LONGEST_TEXT)] = "",
    species: Annotated[str, Form(max_length=LONGEST_TEXT)] = "",
) -> Response:
    """Note a parasite's stage and species."""
    with records.session() as session:
        editing.write_note(session, actor.name, field_id, number, stage, species)
    return go(f"/fields/{field_id}?cell={number}")


@router.post("/fields/{field_id}/undo")
def undo(actor: Technician, records: Records, field_id: Number) -> Response:
    """Undo the last change of the photograph's cells."""
    with records.session() as session:
        editing.undo(session, actor.name, field_id)
    return go(f"/fields/{field_id}")


@router.post("/fields/{field_id}/redo")
def redo(actor: Technician, records: Records, field_id: Number) -> Response:
    """Redo what was undone."""
    with records.session() as session:
        editing.redo(session, actor.name, field_id)
    return go(f"/fields/{field_id}")


def _to_slide(field: Field) -> Response:
    return go(f"/slides/{field.slide_id}")


def _neighbours(session: Session, field: Field) -> tuple[int | None, int | None]:
    """Numbers of the analysed fields before and after one on its slide."""
    of_slide = [other.id for other in fields.fields_of(session, field.slide_id) if other.status == "done"]
    place = of_slide.index(field.id)
    before = of_slide[place - 1] if place else None
    return before, of_slide[place + 1] if place + 1 < len(of_slide) else None
