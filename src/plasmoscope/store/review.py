"""The review of a slide: the cells that people are asked to look at, in order, and how far they are."""

from collections import Counter
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from plasmoscope.analysis.method import Method
from plasmoscope.analysis.results import Review
from plasmoscope.analysis.review import Due, JudgedField, queue_of, review_of
from plasmoscope.store.corrections import latest
from plasmoscope.store.edits import edits_of, gone
from plasmoscope.store.looks import first_looks
from plasmoscope.store.records import Call, Field, Look

_BY_PROGRAM: dict[str, Call] = {"called": "infected", "uncertain": "uncertain"}


class DueCell(NamedTuple):
    """A cell of the queue."""

    due: Due
    field_name: str
    call: Call
    """That holds."""
    by_person: bool
    """Whether the call is a person's."""
    look: Look | None
    """The first; None where nobody has looked."""


class SlideQueue(NamedTuple):
    """What people are asked to look at."""

    cells: list[DueCell]
    """In order."""
    review: Review
    """How far they are."""


def slide_queue(session: Session, slide_id: int) -> SlideQueue:
    """The queue of a slide, of its counted fields; it takes a fraction of a second however many there are."""
    rows = session.execute(
        select(Field.id, Field.name, Field.judged, Field.method)
        .where(Field.slide_id == slide_id, Field.in_count, Field.judged.is_not(None))
        .order_by(Field.position)
    ).all()
    names = {row.id: row.name for row in rows}
    queue = queue_of([_judged(row.id, row.judged, Method.model_validate(row.method)) for row in rows], slide_id)
    calls, looks = latest(session, slide_id), first_looks(session, slide_id)
    absent = {field_id: gone(edits) for field_id, edits in edits_of(session, slide_id).items()}
    cells = []
    for due in queue.due:
        if due.number in absent.get(due.field_id, ()):
            continue
        correction = calls.get(due.field_id, {}).get(due.number)
        call = correction.call if correction else _BY_PROGRAM.get(due.reason, "uninfected")
        look = looks.get(due.field_id, {}).get(due.number)
        cells.append(DueCell(due, names[due.field_id], call, correction is not None, look))
    seen = [cell for cell in cells if cell.look]
    missed = sum(cell.call == "infected" for cell in seen if cell.due.reason == "sample")
    rest, seen_of_rest = sum(map(len, queue.rest.values())), 0
    # Of few photographs anything is gone or seen.
    for field_id in queue.rest.keys() & (absent.keys() | looks.keys()):
        numbers = set(queue.rest[field_id].tolist())
        there = numbers - set(absent.get(field_id, ()))
        rest -= len(numbers) - len(there)
        seen_of_rest += len(there & looks.get(field_id, {}).keys())
    asked, looked_at = (Counter(cell.due.reason for cell in some) for some in (cells, seen))
    return SlideQueue(cells, review_of(asked, looked_at, missed, rest, rest - seen_of_rest))


def _judged(field_id: int, cells: bytes, method: Method) -> JudgedField:
    return JudgedField(field_id, cells, method.screening, method.threshold)
