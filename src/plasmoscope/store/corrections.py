"""Calls of single cells by people, which stand above the model's."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import get_args

from sqlalchemy import select
from sqlalchemy.orm import Session

from plasmoscope.analysis import results
from plasmoscope.store.audit import field_subject, note
from plasmoscope.store.errors import ConflictError, NotFoundError, StoreError
from plasmoscope.store.locking import field_to_change
from plasmoscope.store.records import Call, Correction, Field


def correct(session: Session, who: str, field_id: int, cell_number: int, call: Call) -> Correction:
    """Call a cell, or any object taken for something else than a red cell; the slide's count follows.

    Raises:
        NotFoundError: no such field, or no such cell in it.
        ConflictError: the field is not analysed, or its slide is signed.
        StoreError: no such call.
    """
    if call not in get_args(Call):
        raise StoreError(f"A cell is called {', '.join(get_args(Call))}; not '{call}'.")
    field = field_to_change(session, field_id)
    found = field.found()
    if field.status != "done" or found is None:
        raise ConflictError(f"{field.name} is not analysed yet; its cells can be called once it is.")
    cell = next((cell for cell in found.cells if cell.number == cell_number), None)
    if cell is None:
        raise NotFoundError(f"{field.name} has no cell {cell_number}; its cells are numbered 1 to {len(found.cells)}.")
    correction = Correction(
        field_id=field_id,
        cell_number=cell_number,
        call=call,
        by=who,
        model_call=_model_call(cell),
        model_probability=cell.parasitized_probability,
    )
    session.add(correction)
    session.flush()
    reviewed = corrected(found, latest(session, field.slide_id).get(field_id, {}))
    field.counted, field.infected, field.not_a_cell = reviewed.counted, reviewed.infected, reviewed.not_a_cell
    detail = {"cell": cell_number, "call": call, "model_call": correction.model_call}
    note(session, who, "call", field_subject(field), **detail, model_probability=cell.parasitized_probability)
    return correction


def corrections_of(session: Session, field_id: int) -> Sequence[Correction]:
    """All corrections of a field's cells, the earliest first."""
    return session.scalars(select(Correction).where(Correction.field_id == field_id).order_by(Correction.id)).all()


def latest(session: Session, slide_id: int) -> dict[int, dict[int, Correction]]:
    """The corrections that hold on a slide, by field and cell number."""
    holding: dict[int, dict[int, Correction]] = {}
    for correction in session.scalars(
        select(Correction).join(Field).where(Field.slide_id == slide_id).order_by(Correction.id)
    ):
        holding.setdefault(correction.field_id, {})[correction.cell_number] = correction
    return holding


def corrected(found: results.Field, corrections: Mapping[int, Correction]) -> results.Field:
    """A field with people's calls in place of the model's; what is no cell is left out, the rest keep their numbers.

    Args:
        corrections: that hold, by cell number.
    """
    cells = []
    for cell in found.cells:
        correction = corrections.get(cell.number)
        if correction is None:
            cells.append(cell)
        elif correction.call != "not a cell":
            cells.append(replace(cell, kind="red_cell", parasitized=correction.call == "infected"))
    return found.model_copy(update={"cells": tuple(cells)})


def _model_call(cell: results.Cell) -> str:
    if cell.kind != "red_cell":
        return cell.kind
    return "infected" if cell.parasitized else "not infected"
