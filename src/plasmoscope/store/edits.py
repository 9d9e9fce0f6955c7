"""What people changed of a field's objects: drawn, erased, split, joined, noted; and undo and redo of all they did.

What the program found is never altered. A change tells which objects are gone and which are in their place, and those
that are not undone are laid over what was found, in their order. Calls are changes too, in ``corrections``.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, get_args

from pydantic import TypeAdapter
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from plasmoscope.analysis import results
from plasmoscope.analysis.results import ByPeople, Cell, Species, Stage
from plasmoscope.store.audit import field_subject, note
from plasmoscope.store.errors import ConflictError, NotFoundError, StoreError
from plasmoscope.store.records import Correction, Edit, Field

_CELL = TypeAdapter(Cell)


def edits_of(session: Session, slide_id: int) -> dict[int, list[Edit]]:
    """All edits of a slide by field, in their order; undone ones too."""
    edits: dict[int, list[Edit]] = {}
    for edit in session.scalars(select(Edit).join(Field).where(Field.slide_id == slide_id).order_by(Edit.step)):
        edits.setdefault(edit.field_id, []).append(edit)
    return edits


def edited(found: results.Field, edits: Iterable[Edit]) -> results.Field:
    """A field with the objects as people left them; the rest keep their numbers."""
    cells = {cell.number: cell for cell in found.cells}
    for edit in edits:
        if edit.undone:
            continue
        for number in edit.removed:
            cells.pop(number, None)
        for cell in added_by(edit):
            cells[cell.number] = cell
        if edit.note and (noted := cells.get(edit.note["number"])):
            by = replace(noted.by_people or ByPeople(), stage=edit.note["stage"], species=edit.note["species"])
            cells[noted.number] = replace(noted, by_people=by)
    return found.model_copy(update={"cells": tuple(cells.values())})


def added_by(edit: Edit) -> list[Cell]:
    """The objects that an edit put there."""
    return [_CELL.validate_python(cell) for cell in edit.added]


def gone(edits: Sequence[Edit]) -> set[int]:
    """Numbers of a field's objects that are no longer there, or not again; of all its edits."""
    absent = {int(cell["number"]) for edit in edits for cell in edit.added}
    for edit in edits:
        if not edit.undone:
            absent = (absent | set(edit.removed)) - {int(cell["number"]) for cell in edit.added}
    return absent


def objects_of(session: Session, field: Field) -> results.Field | None:
    """What a field holds: the objects as people left them, by the program's calls; None before it is analysed."""
    found = field.found()
    return None if found is None else edited(found, _of_field(session, field.id))


def next_step(session: Session, field_id: int) -> int:
    """The number of the field's next change."""
    last = (
        session.scalar(select(func.max(kind.step)).where(kind.field_id == field_id)) or 0 for kind in (Correction, Edit)
    )
    return max(last) + 1


def keep_edit(
    session: Session,
    who: str,
    field: Field,
    kind: str,
    removed: Sequence[int] = (),
    added: Sequence[Cell] = (),
    noted: Mapping[str, Any] | None = None,
) -> Edit:
    """Keep a change of a field that is held, and note it in the audit."""
    edit = Edit(
        field_id=field.id,
        step=next_step(session, field.id),
        kind=kind,
        removed=list(removed),
        added=[_CELL.dump_python(cell, mode="json") for cell in added],
        note=None if noted is None else dict(noted),
        by=who,
    )
    session.add(edit)
    session.flush()
    outlines = {str(cell.number): cell.outline.path for cell in added}
    detail = {"removed": edit.removed, "added": outlines} if noted is None else dict(noted)
    note(session, who, kind, field_subject(field), **detail)
    return edit


def free_number(session: Session, field: Field, found: results.Field) -> int:
    """A number that no object of the field ever had."""
    ever = [cell.number for cell in found.cells]
    ever += [int(cell["number"]) for edit in _of_field(session, field.id) for cell in edit.added]
    return max(ever, default=0) + 1


def step_back(session: Session, field: Field) -> Correction | Edit:
    """Undo the last change of a field that holds.

    Raises:
        ConflictError: nothing is left to undo.
    """
    last = max(_changes(session, field.id, undone=False), key=lambda change: change.step, default=None)
    if last is None:
        raise ConflictError("nothing_to_undo", field=field.name)
    last.undone = True
    session.flush()
    return last


def step_forward(session: Session, field: Field) -> Correction | Edit:
    """Redo what was undone last and not yet replaced by another change.

    Raises:
        ConflictError: there is no such.
    """
    done = max((change.step for change in _changes(session, field.id, undone=False)), default=0)
    later = [change for change in _changes(session, field.id, undone=True) if change.step > done]
    if not later:
        raise ConflictError("nothing_to_redo", field=field.name)
    first = min(later, key=lambda change: change.step)
    first.undone = False
    session.flush()
    return first


def can_step(session: Session, field_id: int) -> tuple[bool, bool]:
    """Whether a change can be undone, and whether one can be redone."""
    steps = [change.step for change in _changes(session, field_id, undone=False)]
    undone = [change.step for change in _changes(session, field_id, undone=True)]
    return bool(steps), max(undone, default=0) > max(steps, default=0)


def checked_note(stage: str, species: str) -> dict[str, str | None]:
    """A note's stage and species; empty ones are None.

    Raises:
        StoreError: there is no such.
    """
    for said, known in ((stage, get_args(Stage)), (species, get_args(Species))):
        if said and said not in known:
            raise StoreError("no_such_note", notes=", ".join(known), note=str(said))
    return {"stage": stage or None, "species": species or None}


def object_of(found: results.Field, number: int) -> Cell:
    """One object by its number.

    Raises:
        NotFoundError: there is none.
    """
    for cell in found.cells:
        if cell.number == number:
            return cell
    raise NotFoundError("no_cell", field=found.name, cell=str(number), cells=len(found.cells))


def _of_field(session: Session, field_id: int) -> Sequence[Edit]:
    return session.scalars(select(Edit).where(Edit.field_id == field_id).order_by(Edit.step)).all()


def _changes(session: Session, field_id: int, undone: bool) -> list[Correction | Edit]:
    # Of earlier versions' calls, which have no step, the order is not known.
    calls = select(Correction).where(Correction.field_id == field_id, Correction.undone == undone, Correction.step > 0)
    edits = select(Edit).where(Edit.field_id == field_id, Edit.undone == undone)
    return [*session.scalars(calls), *session.scalars(edits)]
