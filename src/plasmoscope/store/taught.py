"""Whole cells that people called infected or not: what training data and profiles are made of."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session, undefer

from plasmoscope.analysis.results import Cell
from plasmoscope.store.blinding import being_read
from plasmoscope.store.corrections import corrected, latest
from plasmoscope.store.edits import objects_of
from plasmoscope.store.records import Correction, Edit, Field, Patient, Slide
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
        found = objects_of(session, field)
        cells = corrected(found, latest(session, slide.id).get(field.id, {})).cells if found else ()
        taught = [
            (cell, bool(cell.parasitized))
            for cell in cells
            if cell.by_people and cell.by_people.called_by and cell.counted and cell.parasitized is not None
        ]
        session.expunge(field)
        yield TaughtField(
            field.id, slide.id, slide.patient.merged_into_id or slide.patient_id, field.image_sha256, taught
        )


def with_taught_cells(session: Session) -> Sequence[int]:
    """Numbers of the photographs with cells that people called.

    Rejected ones, the rendered example, and slides that several people are reading are left out.
    """
    return session.scalars(_of_fields(select(Field.id)).order_by(Field.id)).all()


def how_many_taught(session: Session) -> tuple[int, int]:
    """Cells that people called infected, and uninfected; cells at a photograph's border, too, which teach nothing."""
    edited = select(Edit.field_id).where(~Edit.undone)
    last = select(func.max(Correction.id)).where(~Correction.undone, Correction.field_id.not_in(edited))
    holding = last.group_by(Correction.field_id, Correction.cell_number)
    of_fields = Correction.field_id.in_(_of_fields(select(Field.id)))
    counted = select(Correction.call, func.count()).where(Correction.id.in_(holding), of_fields)
    calls: Counter[str] = Counter()
    for call, number in session.execute(counted.group_by(Correction.call)):
        calls[call] += number
    # Of objects that people changed, what was found must be read.
    for field in taught_fields(
        session, session.scalars(_of_fields(select(Field.id)).where(Field.id.in_(edited))).all()
    ):
        calls.update("infected" if infected else "uninfected" for _, infected in field.cells)
    return calls["infected"], calls["uninfected"]


def _of_fields(what: Select[int]) -> Select[int]:
    return (
        what.join(Slide, Slide.id == Field.slide_id)
        .join(Patient, Patient.id == Slide.patient_id)
        .where(
            or_(Field.id.in_(select(Correction.field_id)), Field.id.in_(select(Edit.field_id))),
            ~Field.rejected,
            Field.status != "removed",
            Slide.deleted_at.is_(None),
            Patient.code != EXAMPLE_PATIENT,
            # The same cells as on the slide itself; and while people read it, their calls are known to nobody else.
            Slide.purpose == "patient",
            Slide.id.not_in(being_read()),
        )
    )
