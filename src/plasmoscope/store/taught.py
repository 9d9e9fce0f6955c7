"""Whole cells that people called infected or not: what training data and profiles are made of."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, undefer

from plasmoscope.analysis.results import Cell
from plasmoscope.store.corrections import latest
from plasmoscope.store.records import Correction, Field, Patient, Slide
from plasmoscope.store.slides import EXAMPLE_PATIENT


class TaughtField(NamedTuple):
    """A photograph with cells that people called."""

    field_id: int
    slide_id: int
    patient_id: int
    image_sha256: str
    cells: Sequence[tuple[Cell, bool]]
    """With whether it is infected, by the latest call."""


def taught_fields(session: Session, field_ids: Iterable[int]) -> Iterator[TaughtField]:
    """The whole cells of some photographs that people called infected or not; what is no cell is left out."""
    for field_id in field_ids:
        field = session.get_one(Field, field_id, options=[undefer(Field.result)])
        slide = session.get_one(Slide, field.slide_id)
        calls = latest(session, slide.id).get(field.id, {})
        found = field.found()
        cells = [
            (cell, calls[cell.number].call == "infected")
            for cell in (found.cells if found else ())
            if cell.number in calls and calls[cell.number].call in ("infected", "not infected") and not cell.on_border
        ]
        session.expunge(field)
        yield TaughtField(field.id, slide.id, slide.patient_id, field.image_sha256, cells)


def with_taught_cells(session: Session) -> Sequence[int]:
    """Numbers of the photographs with cells that people called, without rejected ones and the rendered example."""
    return session.scalars(_of_fields(select(Field.id)).order_by(Field.id)).all()


def how_many_taught(session: Session) -> tuple[int, int]:
    """Cells that people called infected, and not infected; cells at a photograph's border, too, which teach nothing."""
    holding = select(func.max(Correction.id)).group_by(Correction.field_id, Correction.cell_number)
    of_fields = Correction.field_id.in_(_of_fields(select(Field.id)))
    counted = select(Correction.call, func.count()).where(Correction.id.in_(holding), of_fields)
    calls = dict(session.execute(counted.group_by(Correction.call)).tuples().all())
    return calls.get("infected", 0), calls.get("not infected", 0)


def _of_fields(what: Select[int]) -> Select[int]:
    return (
        what.join(Slide, Slide.id == Field.slide_id)
        .join(Patient, Patient.id == Slide.patient_id)
        .where(Field.id.in_(select(Correction.field_id)), ~Field.rejected, Patient.code != EXAMPLE_PATIENT)
    )
