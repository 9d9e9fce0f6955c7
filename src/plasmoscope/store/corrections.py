"""Calls of single cells by people, which stand above the model's."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, get_args

from sqlalchemy import select
from sqlalchemy.orm import Session

from plasmoscope.analysis import results
from plasmoscope.store.audit import field_subject, note
from plasmoscope.store.edits import edits_of, gone, next_step, object_of, objects_of
from plasmoscope.store.errors import ConflictError, StoreError
from plasmoscope.store.locking import field_to_change
from plasmoscope.store.looks import keep_look
from plasmoscope.store.records import Call, Correction, Field, Look

BY_HAND = "none"
"""What stands for the model's call of an object that a person outlined."""
# What a person's call makes of an object that is then no red cell.
_CALLED: dict[str, dict[str, Any]] = {
    "uncertain": {"kind": "not_a_cell", "parasitized": None},
    "white_cell": {"kind": "white_cell", "parasitized": None},
}


def correct(session: Session, who: str, field_id: int, cell_number: int, call: Call) -> Correction:
    """Call a cell, or any object taken for something else than a red cell; the slide's count follows.

    Whoever calls a cell has looked at it.

    Raises:
        NotFoundError: no such field, or no such cell in it.
        ConflictError: the field is not analysed, or its slide is signed.
        StoreError: no such call.
    """
    if call not in get_args(Call):
        raise StoreError("no_such_call", calls=", ".join(get_args(Call)), call=call)
    field = field_to_change(session, field_id)
    cell = _cell(session, field, cell_number)
    correction = Correction(
        field_id=field_id,
        cell_number=cell_number,
        call=call,
        by=who,
        model_call=_model_call(cell),
        model_probability=cell.parasitized_probability,
        step=next_step(session, field_id),
    )
    session.add(correction)
    keep_look(session, who, field_id, cell_number)
    session.flush()
    recount(session, field)
    detail = {"cell": cell_number, "call": call, "model_call": correction.model_call}
    note(session, who, "call", field_subject(field), **detail, model_probability=cell.parasitized_probability)
    return correction


def look(session: Session, who: str, field_id: int, cell_number: int, seen: bool = True) -> None:
    """Note that somebody has looked at a cell and leaves its call as it is, or has not after all.

    Raises:
        NotFoundError, ConflictError: as ``correct``.
    """
    field = field_to_change(session, field_id)
    _cell(session, field, cell_number)
    if keep_look(session, who, field_id, cell_number, seen):
        note(session, who, "look" if seen else "take back look", field_subject(field), cell=cell_number)


def recount(session: Session, field: Field) -> None:
    """Bring a field's numbers up to date with its objects and their calls."""
    found = objects_of(session, field)
    if found is not None:
        reviewed = corrected(found, latest(session, field.slide_id).get(field.id, {}))
        field.counted, field.infected, field.not_a_cell = reviewed.counted, reviewed.infected, reviewed.not_a_cell


def corrections_of(session: Session, field_id: int) -> Sequence[Correction]:
    """All corrections of a field's cells, the earliest first."""
    return session.scalars(select(Correction).where(Correction.field_id == field_id).order_by(Correction.id)).all()


def latest(session: Session, slide_id: int) -> dict[int, dict[int, Correction]]:
    """The corrections that hold on a slide, by field and cell number; what was taken back or undone is none.

    Nor is one of an object that is no longer there.
    """
    holding: dict[int, dict[int, Correction]] = {}
    for correction in session.scalars(
        select(Correction).join(Field).where(Field.slide_id == slide_id, ~Correction.undone).order_by(Correction.id)
    ):
        of_field = holding.setdefault(correction.field_id, {})
        if correction.call == "program":
            of_field.pop(correction.cell_number, None)
        else:
            of_field[correction.cell_number] = correction
    for field_id, edits in edits_of(session, slide_id).items():
        for number in gone(edits) & holding.get(field_id, {}).keys():
            del holding[field_id][number]
    return holding


def corrected(
    found: results.Field, corrections: Mapping[int, Correction], looks: Mapping[int, Look] = MappingProxyType({})
) -> results.Field:
    """A field with people's calls in place of the model's; what is no cell is left out, the rest keep their numbers.

    Args:
        corrections: that hold, by cell number.
        looks: the first at each cell, by its number.
    """
    cells = []
    for cell in found.cells:
        correction, look = corrections.get(cell.number), looks.get(cell.number)
        if correction is not None and correction.call == "not_a_cell":
            continue
        changes: dict[str, Any] = {}
        if correction is not None:
            changes = _CALLED.get(correction.call, {"kind": "red_cell", "parasitized": correction.call == "infected"})
            changes = {**changes, "by_people": replace(_people(cell), called_by=correction.by)}
        if look is not None:
            by = changes.get("by_people", _people(cell))
            changes = {**changes, "by_people": replace(by, looked_at_by=look.by, looked_at=look.at)}
        cells.append(replace(cell, **changes) if changes else cell)
    return found.model_copy(update={"cells": tuple(cells)})


def _cell(session: Session, field: Field, cell_number: int) -> results.Cell:
    found = objects_of(session, field)
    if field.status != "done" or found is None:
        raise ConflictError("not_analysed", field=field.name)
    return object_of(found, cell_number)


def _people(cell: results.Cell) -> results.ByPeople:
    return cell.by_people or results.ByPeople()


def _model_call(cell: results.Cell) -> str:
    if _people(cell).outlined_by:
        return BY_HAND
    if cell.kind != "red_cell":
        return cell.kind
    return "infected" if cell.parasitized else "uninfected"
