"""The cells of a slide that are called infected."""

from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session, undefer

from plasmoscope.analysis.results import Cell
from plasmoscope.store.corrections import corrected, latest
from plasmoscope.store.records import Field


class CalledCell(NamedTuple):
    """A whole red cell of a counted field that is called infected."""

    field_id: int
    field_name: str
    cell: Cell
    called_by_person: bool


def called_cells(session: Session, slide_id: int) -> list[CalledCell]:
    """The cells of the counted fields called infected, by people or else by the model, the most certain first.

    Reads what was found in every field that holds some: of a large slide that takes seconds.
    """
    holding = latest(session, slide_id)
    of_slide = select(Field).where(Field.slide_id == slide_id, Field.in_count, Field.infected > 0)
    called = []
    for field in session.scalars(of_slide.order_by(Field.position).options(undefer(Field.result))):
        mine, found = holding.get(field.id, {}), field.found()
        cells = corrected(found, mine).cells if found is not None else ()
        called += [
            CalledCell(field.id, field.name, one, one.number in mine)
            for one in cells
            if one.counted and one.parasitized
        ]
    return sorted(called, key=lambda one: -(one.cell.parasitized_probability or 0))
