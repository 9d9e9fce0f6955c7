"""``/classify``: pictures of single cells; and the cells of a photograph."""

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, File, Query, Response, UploadFile
from starlette.concurrency import run_in_threadpool

from plasmoscope.analysis import results
from plasmoscope.analysis.method import Method
from plasmoscope.classification.profile import Profile
from plasmoscope.store import corrections, fields, profiles
from plasmoscope.store.errors import ConflictError, NotFoundError
from plasmoscope.store.records import LONGEST_TEXT, Field
from plasmoscope.store.store import Store
from plasmoscope.web import pictures
from plasmoscope.web.api import schemas
from plasmoscope.web.api.answers import picture
from plasmoscope.web.api.former_names import formerly
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
        raise WebError(413, "too_large", f"Send at most {MAX_CELLS} cells at a time.")
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
        raise NotFoundError("No one place stands out: the call rests on the cell as a whole.")
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


def _photographed_cell(store: Store, field_id: int, number: int) -> tuple[Path, results.Cell, Profile | None]:
    """A photograph, a cell of it, and the profile that it was called under."""
    with store.reading() as session:
        field = fields.get_field(session, field_id)
        cell = _cell(field, number)
        profile = profiles.by_use(session, Method.model_validate(field.method).profile) if field.method else None
        return store.images.path(field.image_sha256), cell, profile


def _cell(field: Field, number: int) -> results.Cell:
    found = field.found()
    if found is None:
        raise ConflictError(f"{field.name} is not analysed yet.")
    for cell in found.cells:
        if cell.number == number:
            return cell
    raise NotFoundError(f"{field.name} has no cell {number}.")
