"""What people do with a field's objects: draw, erase, split, join and note, and undo and redo; the count follows."""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy.orm import Session

from plasmoscope.analysis import results
from plasmoscope.analysis.results import ByPeople, Cell
from plasmoscope.store.audit import field_subject, note
from plasmoscope.store.corrections import correct, corrected, latest, recount
from plasmoscope.store.edits import (
    checked_note,
    free_number,
    keep_edit,
    object_of,
    objects_of,
    step_back,
    step_forward,
)
from plasmoscope.store.errors import ConflictError, StoreError
from plasmoscope.store.locking import field_to_change
from plasmoscope.store.looks import keep_look
from plasmoscope.store.records import Correction, Edit, Field

Points = Sequence[tuple[float, float]]
DRAWN = ("infected", "uninfected", "uncertain", "white_cell")
"""What an object may be drawn as."""


def draw(session: Session, who: str, field_id: int, corners: Points, call: str) -> int:
    """Draw a missed object; a parasite drawn in a red cell makes that cell infected.

    Args:
        corners: of its outline, in pixels of the upright field.
        call: one of ``DRAWN``.

    Returns:
        Its number, or that of the cell that holds the parasite.

    Raises:
        NotFoundError, ConflictError: as ``correct``.
        EditingError: it encloses next to nothing.
        StoreError: no such call.
    """
    from plasmoscope.analysis import editing

    if call not in DRAWN:
        raise StoreError("no_such_drawing", calls=", ".join(DRAWN), call=call)
    field, found = _to_edit(session, field_id)
    kind = {"uncertain": "not_a_cell", "white_cell": "white_cell"}.get(call, "red_cell")
    parasitized = {"infected": True, "uninfected": False}.get(call)
    number = free_number(session, field, found)
    cell = editing.drawn(
        corners,
        number,
        found.width,
        found.height,
        kind=kind,
        parasitized=parasitized,
        by_people=ByPeople(outlined_by=who, called_by=who),
    )
    holder = editing.holding(cell, found.cells) if parasitized else None
    if holder is not None:
        return correct(session, who, field_id, holder.number, "infected").cell_number
    _keep(session, who, field, "draw", [], [cell])
    return number


def erase(session: Session, who: str, field_id: int, number: int) -> None:
    """Take an object away that is none; raises as ``correct``."""
    field, found = _to_edit(session, field_id)
    _keep(session, who, field, "erase", [object_of(found, number).number], [])


def split_cell(session: Session, who: str, field_id: int, number: int, line: Points) -> tuple[int, int]:
    """Part an object in two by a line; gives the numbers of the pieces.

    Raises:
        NotFoundError, ConflictError: as ``correct``.
        EditingError: the line does not part it.
    """
    from plasmoscope.analysis import editing

    field, found = _to_edit(session, field_id)
    first = free_number(session, field, found)
    whole = _marked(object_of(found, number), who)
    pieces = editing.split(whole, line, (first, first + 1), found.width, found.height)
    _keep(session, who, field, "split", [number], pieces)
    return first, first + 1


def join_cells(session: Session, who: str, field_id: int, numbers: Sequence[int]) -> int:
    """Make one object of several; gives its number. Raises as ``split_cell``."""
    from plasmoscope.analysis import editing

    field, found = _to_edit(session, field_id)
    called = _corrected_objects(session, field, found)
    pieces = [_marked(object_of(called, number), who) for number in dict.fromkeys(numbers)]
    number = free_number(session, field, found)
    whole = editing.joined(pieces, number, found.width, found.height)
    _keep(session, who, field, "join", [cell.number for cell in pieces], [whole])
    return number


def write_note(session: Session, who: str, field_id: int, number: int, stage: str, species: str) -> None:
    """Note the stage and the species of a parasite in a cell; empty where it is not told.

    Raises:
        NotFoundError, ConflictError: as ``correct``.
        StoreError: no such stage or species.
    """
    said = checked_note(stage, species)
    field, found = _to_edit(session, field_id)
    noted = {"number": object_of(found, number).number, **said}
    keep_edit(session, who, field, "note", noted=noted)
    keep_look(session, who, field_id, number)


def undo(session: Session, who: str, field_id: int) -> Correction | Edit:
    """Undo the last change of a field's objects and calls that holds; it stays in the records.

    Raises:
        NotFoundError, ConflictError: as ``correct``; ConflictError also where nothing is left to undo.
    """
    field, _ = _to_edit(session, field_id)
    return _stepped(session, who, field, "undo", step_back(session, field))


def redo(session: Session, who: str, field_id: int) -> Correction | Edit:
    """Redo what was undone last, as long as nothing else was changed since; raises as ``undo``."""
    field, _ = _to_edit(session, field_id)
    return _stepped(session, who, field, "redo", step_forward(session, field))


def _stepped(session: Session, who: str, field: Field, action: str, change: Correction | Edit) -> Correction | Edit:
    recount(session, field)
    if isinstance(change, Correction):
        note(session, who, action, field_subject(field), cell=change.cell_number, call=change.call, by=change.by)
    else:
        note(session, who, action, field_subject(field), what=change.kind, by=change.by)
    return change


def _corrected_objects(session: Session, field: Field, found: results.Field) -> results.Field:
    """The objects by the calls that hold."""
    return corrected(found, latest(session, field.slide_id).get(field.id, {}))


def _to_edit(session: Session, field_id: int) -> tuple[Field, results.Field]:
    field = field_to_change(session, field_id)
    found = objects_of(session, field)
    # A refused field's objects are found anew when it is counted all the same.
    if field.status != "done" or found is None or not field.accepted:
        raise ConflictError("not_editable", field=field.name)
    return field, found


def _keep(session: Session, who: str, field: Field, kind: str, removed: Sequence[int], added: Sequence[Cell]) -> None:
    keep_edit(session, who, field, kind, removed, added)
    for cell in added:
        keep_look(session, who, field.id, cell.number)
    recount(session, field)


def _marked(cell: Cell, who: str) -> Cell:
    return replace(cell, by_people=replace(cell.by_people or ByPeople(), outlined_by=who))
