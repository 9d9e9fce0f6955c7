"""Calls of single cells by people, which stand above the model's."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, get_args

from sqlalchemy import select
from sqlalchemy.orm import Session

from plasmoscope.analysis import results
from plasmoscope.store.audit import field_subject, note
from plasmoscope.store.errors import ConflictError, NotFoundError, StoreError
from plasmoscope.store.locking import field_to_change
from plasmoscope.store.looks import keep_look
from plasmoscope.store.records import Call, Correction, Field, Look


def correct(session: Session, who: str, field_id: int, cell_number: int, call: Call) -> Correction:
    """Call a cell, or any object taken for something else than a red cell; the slide's count follows.

    Whoever calls a cell has looked at it.

    Raises:
        NotFoundError: no such field, or no such cell in it.
        ConflictError: the field is not analysed, or its slide is signed.
        StoreError: no such call.
    """
    if call not in get_args(Call):
        raise StoreError(f"A cell is called {', '.join(get_args(Call))}; not '{call}'.")
    field = field_to_change(session, field_id)
    found, cell = _found_cell(field, cell_number)
    correction = Correction(
        field_id=field_id,
        cell_number=cell_number,
        call=call,
        by=who,
        model_call=_model_call(cell),
        model_probability=cell.parasitized_probability,
    )
    session.add(correction)
    keep_look(session, who, field_id, cell_number)
    session.flush()
    reviewed = corrected(found, latest(session, field.slide_id).get(field_id, {}))
    field.counted, field.infected, field.not_a_cell = reviewed.counted, reviewed.infected, reviewed.not_a_cell
    detail = {"cell": cell_number, "call": call, "model_call": correction.model_call}
    note(session, who, "call", field_subject(field), **detail, model_probability=cell.parasitized_probability)
    return correction


def look(session: Session, who: str, field_id: int, cell_number: int, seen: bool = True) -> None:
    """Note that somebody has looked at a cell and leaves its call as it is, or has not after all.

    Raises:
        NotFoundError, ConflictError: as ``correct``.
    """
    field = field_to_change(session, field_id)
    _found_cell(field, cell_number)
    if keep_look(session, who, field_id, cell_number, seen):
        note(session, who, "look" if seen else "take back look", field_subject(field), cell=cell_number)


def corrections_of(session: Session, field_id: int) -> Sequence[Correction]:
    """All corrections of a field's cells, the earliest first."""
    return session.scalars(select(Correction).where(Correction.field_id == field_id).order_by(Correction.id)).all()


def latest(session: Session, slide_id: int) -> dict[int, dict[int, Correction]]:
    """The corrections that hold on a slide, by field and cell number; what was taken back is none."""
    holding: dict[int, dict[int, Correction]] = {}
    for correction in session.scalars(
        select(Correction).join(Field).where(Field.slide_id == slide_id).order_by(Correction.id)
    ):
        of_field = holding.setdefault(correction.field_id, {})
        if correction.call == "program":
            of_field.pop(correction.cell_number, None)
        else:
            of_field[correction.cell_number] = correction
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
        if correction is not None and correction.call == "not a cell":
            continue
        changes: dict[str, Any] = {}
        if correction is not None:
            changes = {"kind": "red_cell", "parasitized": correction.call == "infected"}
        if correction is not None and correction.call == "uncertain":
            changes = {"kind": "not_a_cell", "parasitized": None}
        if correction is not None or look is not None:
            changes["by_people"] = results.ByPeople(
                looked_at_by=look.by if look else None,
                looked_at=look.at if look else None,
                called_by=correction.by if correction else None,
            )
        cells.append(replace(cell, **changes) if changes else cell)
    return found.model_copy(update={"cells": tuple(cells)})


def _found_cell(field: Field, cell_number: int) -> tuple[results.Field, results.Cell]:
    found = field.found()
    if field.status != "done" or found is None:
        raise ConflictError(f"{field.name} is not analysed yet; its cells can be called once it is.")
    for cell in found.cells:
        if cell.number == cell_number:
            return found, cell
    raise NotFoundError(f"{field.name} has no cell {cell_number}; its cells are numbered 1 to {len(found.cells)}.")


def _model_call(cell: results.Cell) -> str:
    if cell.kind != "red_cell":
        return cell.kind
    return "infected" if cell.parasitized else "not infected"
