"""The cells of a slide that people look through: those called infected, those that may be, and what cannot be told."""

from collections.abc import Callable
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session, undefer
from sqlalchemy.sql.elements import ColumnElement

from plasmoscope.analysis.method import Method
from plasmoscope.analysis.results import Cell
from plasmoscope.store.corrections import corrected, latest
from plasmoscope.store.edits import edited, edits_of
from plasmoscope.store.records import Field


class CalledCell(NamedTuple):
    """An object of a counted field by the call that holds."""

    field_id: int
    field_name: str
    cell: Cell
    called_by_person: bool


def called_cells(session: Session, slide_id: int) -> list[CalledCell]:
    """The whole cells called infected, by people or else by the model, the most certain first.

    Reads what was found in every field that holds some: of a large slide that takes seconds.
    """
    called = _cells(
        session, slide_id, Field.infected > 0, lambda _: lambda cell: cell.counted and bool(cell.parasitized)
    )
    return sorted(called, key=lambda one: -(one.cell.parasitized_probability or 0))


def possibly_infected_cells(session: Session, slide_id: int) -> list[CalledCell]:
    """The cells that the model did not call but that deserve a look, and no person has called; order as above.

    Reads what was found in every field. None are of fields that were analysed by versions without such a threshold.
    """

    def wanted(field: Field) -> Callable[[Cell], bool]:
        how = Method.model_validate(field.method)
        return lambda cell: cell.possibly_infected(how.screening, how.threshold)

    uncertain = _cells(session, slide_id, Field.counted > 0, wanted)
    waiting = [one for one in uncertain if not one.called_by_person]
    return sorted(waiting, key=lambda one: -(one.cell.parasitized_probability or 0))


def cells_not_told(session: Session, slide_id: int) -> list[CalledCell]:
    """What the model left out since it is no red cell or cannot be told, and no person has called; time as above.

    Those that may hold a parasite come first.
    """
    left_out = _cells(session, slide_id, Field.not_a_cell > 0, lambda _: lambda cell: cell.kind == "not_a_cell")
    return sorted(left_out, key=lambda one: -(one.cell.parasitized_probability or 0))


def _cells(
    session: Session,
    slide_id: int,
    holding_some: ColumnElement[bool],
    wanted: Callable[[Field], Callable[[Cell], bool]],
) -> list[CalledCell]:
    """Those cells of the counted fields that are wanted of their field."""
    holding, edits = latest(session, slide_id), edits_of(session, slide_id)
    of_slide = select(Field).where(Field.slide_id == slide_id, Field.in_count, holding_some)
    found_cells = []
    for field in session.scalars(of_slide.order_by(Field.position).options(undefer(Field.result))):
        mine, found, of_field = holding.get(field.id, {}), field.found(), wanted(field)
        cells = corrected(edited(found, edits.get(field.id, ())), mine).cells if found is not None else ()
        found_cells += [
            CalledCell(field.id, field.name, one, bool(one.by_people and one.by_people.called_by))
            for one in cells
            if of_field(one)
        ]
    return found_cells
