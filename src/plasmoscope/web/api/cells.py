"""``/classify``: pictures of single cells; and the cells of a photograph."""

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, File, Query, Response, UploadFile
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from plasmoscope.analysis import results
from plasmoscope.analysis.method import Method
from plasmoscope.classification.profile import Profile
from plasmoscope.store import corrections, editing, edits, fields, profiles
from plasmoscope.store.errors import ConflictError, NotFoundError
from plasmoscope.store.records import LONGEST_TEXT, Field
from plasmoscope.store.store import Store
from plasmoscope.web import pictures
from plasmoscope.web.api import schemas
from plasmoscope.web.api.former_names import formerly
from plasmoscope.web.api.picture import picture
from plasmoscope.web.api.profiles import named_profile
from plasmoscope.web.dependencies import CellModelCard, HeavyWork, Number, PlainMethod, Records
from plasmoscope.web.errors import WebError
from plasmoscope.web.security.identity import Reader, Technician
from plasmoscope.web.settings import MAX_CELLS
from plasmoscope.web.uploads import read_files

router = APIRouter()


@router.post("/classify", tags=["cells"])
async def classify_cells(
    actor: Reader,
    workers: HeavyWork,
    records: Records,
    method: PlainMethod,
    card: CellModelCard,
    files: Annotated[list[UploadFile], File(description="Single cells.")],
    one_smear: Annotated[bool, Query(description="Judge them together, as cells of one smear.")] = False,
    profile: Annotated[
        str | None, Query(max_length=LONGEST_TEXT, description="To call them under, by the model that it was made for.")
    ] = None,
) -> schemas.CellCalls:
    """What pictures of single cells are called, and how probably; nothing is kept.

    A broken picture does not stop the others. Each page of a TIFF is a cell of its own. No slide comes with single
    cells to compare their colours with: each is judged as if it were stained and lit like the slides that the model
    learnt from, unless those of one smear tell otherwise (``one_smear``); ``reference`` says which.
    """
    if len(files) > MAX_CELLS:
        raise WebError(413, "too_large", "too_many_cells", most=MAX_CELLS)
    under = None if profile is None else await run_in_threadpool(named_profile, records, profile, method)
    sent = await run_in_threadpool(read_files, files)
    cells = await workers.model.call_cells(sent, one_smear, under)
    if under is not None:
        return schemas.CellCalls(cells=cells, model=under.model, threshold=under.threshold, profile=under.used)
    return schemas.CellCalls(cells=cells, model=card.name, threshold=card.threshold)


@router.post("/cells", tags=["cells"], deprecated=True, dependencies=[formerly("classify")])
async def former_classify_cells(called: Annotated[schemas.CellCalls, Depends(classify_cells)]) -> schemas.CellAnswers:
    """As ``/classify``, with the calls' former names."""
    cells = [schemas.CellAnswer.of(cell) for cell in called.cells]
    return schemas.CellAnswers(cells=cells, model=called.model, threshold=called.threshold, profile=called.profile)


@router.get("/fields/{field_id}/cells/{number}/picture", tags=["cells"], response_class=Response)
async def get_cell_picture(
    actor: Reader, records: Records, workers: HeavyWork, field_id: Number, number: Number, heat: bool = False
) -> Response:
    """One cell, or with ``heat`` what its call rests on, laid over it; 404 where no one place stands out."""
    photograph, cell, profile = await run_in_threadpool(_photographed_cell, records, field_id, number)
    if not heat:
        return picture(await workers.drawing.take(pictures.cell_png, photograph, cell), "image/png")
    why = await workers.model.explain(photograph, cell, profile)
    if why is None:
        raise NotFoundError("no_one_place")
    return picture(why, "image/png")


@router.post("/fields/{field_id}/cells/{number}/call", tags=["cells"], status_code=201)
def call_cell(
    actor: Technician, records: Records, field_id: Number, number: Number, given: schemas.CorrectionIn
) -> schemas.CorrectionOut:
    """Change a cell's call; what the model said is kept."""
    with records.session() as session:
        made = corrections.correct(session, actor.name, field_id, number, given.call)
        return schemas.CorrectionOut.model_validate(made)


@router.post("/fields/{field_id}/cells/{number}/look", tags=["cells"], status_code=204)
def look_at_cell(actor: Technician, records: Records, field_id: Number, number: Number, given: schemas.LookIn) -> None:
    """Keep that a person has looked at a cell and agrees with its call, or take that back."""
    with records.session() as session:
        corrections.look(session, actor.name, field_id, number, given.looked_at)


@router.post("/fields/{field_id}/cells", tags=["cells"], status_code=201)
def draw_cell(actor: Technician, records: Records, field_id: Number, given: schemas.DrawnIn) -> schemas.Numbers:
    """Draw a missed cell; a parasite drawn in a red cell makes that cell infected, and gives its number."""
    with records.session() as session:
        return schemas.Numbers(numbers=[editing.draw(session, actor.name, field_id, given.outline(), given.call)])


@router.post("/fields/{field_id}/cells/{number}/erase", tags=["cells"], status_code=204)
def erase_cell(actor: Technician, records: Records, field_id: Number, number: Number) -> None:
    """Take an object away that is none."""
    with records.session() as session:
        editing.erase(session, actor.name, field_id, number)


@router.post("/fields/{field_id}/cells/{number}/split", tags=["cells"], status_code=201)
def split_cell(
    actor: Technician, records: Records, field_id: Number, number: Number, given: schemas.LineIn
) -> schemas.Numbers:
    """Part two cells that were outlined as one."""
    with records.session() as session:
        return schemas.Numbers(numbers=list(editing.split_cell(session, actor.name, field_id, number, given.line)))


@router.post("/fields/{field_id}/join", tags=["cells"], status_code=201)
def join_cells(actor: Technician, records: Records, field_id: Number, given: schemas.Numbers) -> schemas.Numbers:
    """Make one object of pieces."""
    with records.session() as session:
        return schemas.Numbers(numbers=[editing.join_cells(session, actor.name, field_id, given.numbers)])


@router.post("/fields/{field_id}/cells/{number}/note", tags=["cells"], status_code=204)
def note_on_cell(actor: Technician, records: Records, field_id: Number, number: Number, given: schemas.NoteIn) -> None:
    """Note the stage and species of a parasite by hand."""
    with records.session() as session:
        editing.write_note(session, actor.name, field_id, number, given.stage or "", given.species or "")


@router.post("/fields/{field_id}/undo", tags=["cells"], status_code=204)
def undo(actor: Technician, records: Records, field_id: Number) -> None:
    """Undo the last change of a photograph's objects, calls and notes."""
    with records.session() as session:
        editing.undo(session, actor.name, field_id)


@router.post("/fields/{field_id}/redo", tags=["cells"], status_code=204)
def redo(actor: Technician, records: Records, field_id: Number) -> None:
    """Redo what was undone last."""
    with records.session() as session:
        editing.redo(session, actor.name, field_id)


def _photographed_cell(store: Store, field_id: int, number: int) -> tuple[Path, results.Cell, Profile | None]:
    """A photograph, a cell of it, and the profile that it was called under."""
    with store.reading() as session:
        field = fields.get_field(session, field_id)
        cell = _cell(session, field, number)
        profile = profiles.by_use(session, Method.model_validate(field.method).profile) if field.method else None
        return store.images.path(field.image_sha256), cell, profile


def _cell(session: Session, field: Field, number: int) -> results.Cell:
    found = edits.objects_of(session, field)
    if found is None:
        raise ConflictError("not_analysed", field=field.name)
    return edits.object_of(found, number)
