"""The cells of a slide that people look through: those called infected, those that may be, and what cannot be told."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from plasmoscope.analysis.method import Method
from plasmoscope.analysis.review import INFECTED, UNCERTAIN, UNINFECTED, judged_cells, pack_judged
from plasmoscope.store.corrections import corrected, latest
from plasmoscope.store.edits import edited, edits_of
from plasmoscope.store.fields import get_field
from plasmoscope.store.records import Correction, Edit, Field

# What a person's call makes of a cell; by any other it is no red cell.
_CALLS = {"infected": INFECTED, "uninfected": UNINFECTED, "uncertain": UNCERTAIN}


class CalledCell(NamedTuple):
    """An object of a counted field by the call that holds."""

    field_id: int
    field_name: str
    number: int
    probability: float | None
    """P(parasitized)."""
    called_by_person: bool


def called_cells(session: Session, slide_id: int) -> list[CalledCell]:
    """The whole cells called infected, by people or else by the model, the most certain first."""
    return _cells(session, slide_id, Field.infected > 0, lambda cells, _: cells["call"] == INFECTED)


def possibly_infected_cells(session: Session, slide_id: int) -> list[CalledCell]:
    """The cells that the model did not call but that deserve a look, and no person has called; order as above.

    None are of fields that were analysed by versions without such a threshold.
    """

    def wanted(cells: NDArray[np.void], how: Method) -> Any:
        least = np.inf if how.screening is None else how.screening
        probability = cells["probability"]
        return (cells["call"] == UNINFECTED) & (probability >= least) & (probability < how.threshold)

    uncertain = _cells(session, slide_id, Field.counted > 0, wanted)
    return [one for one in uncertain if not one.called_by_person]


def cells_not_told(session: Session, slide_id: int) -> list[CalledCell]:
    """What is left out since it is no red cell or cannot be told; those that may hold a parasite come first."""
    return _cells(session, slide_id, Field.not_a_cell > 0, lambda cells, _: cells["call"] == UNCERTAIN)


def _cells(
    session: Session,
    slide_id: int,
    holding_some: ColumnElement[bool],
    wanted: Callable[[NDArray[np.void], Method], Any],
) -> list[CalledCell]:
    """Cells of the counted fields, the likeliest first.

    Args:
        wanted: for cells as ``judged_cells`` gives them, and how they were called, which of them; shape (n,), boolean.
    """
    holding, edits = latest(session, slide_id), edits_of(session, slide_id)
    of_slide = select(Field.id, Field.name, Field.judged, Field.method).where(
        Field.slide_id == slide_id, Field.in_count, Field.judged.is_not(None), holding_some
    )
    found_cells = []
    for row in session.execute(of_slide.order_by(Field.position)):
        mine = holding.get(row.id, {})
        cells, by_people = _as_called(judged_cells(row.judged), mine), set(mine)
        if cells is None or row.id in edits:
            cells, by_people = _read_whole(session, row.id, edits.get(row.id, ()), mine)
        chosen = cells[wanted(cells, Method.model_validate(row.method))]
        found_cells += [
            CalledCell(row.id, row.name, number, None if np.isnan(probability) else probability, number in by_people)
            for number, _, probability in chosen.tolist()
        ]
    return sorted(found_cells, key=lambda one: -(one.probability or 0))


def _read_whole(
    session: Session, field_id: int, edits: Sequence[Edit], calls: Mapping[int, Correction]
) -> tuple[NDArray[np.void], set[int]]:
    """The cells of a field as people left them, and the numbers of those that people called: takes a moment."""
    found = get_field(session, field_id).found()
    if found is None:
        return judged_cells(b""), set()
    reviewed = corrected(edited(found, edits), calls)
    by_people = {cell.number for cell in reviewed.cells if cell.by_people and cell.by_people.called_by}
    return judged_cells(pack_judged(reviewed)), by_people


def _as_called(cells: NDArray[np.void], calls: Mapping[int, Correction]) -> NDArray[np.void] | None:
    """What the program said, with people's calls in its place; None where they called what it had not."""
    if not calls:
        return cells
    cells, kept = cells.copy(), np.ones(len(cells), bool)
    for number, correction in calls.items():
        (place,) = np.nonzero(cells["number"] == number)
        if not len(place):
            return None
        kept[place] = correction.call in _CALLS
        cells["call"][place] = _CALLS.get(correction.call, UNCERTAIN)
    return cells[kept]
