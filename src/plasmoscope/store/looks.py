"""Who has looked at which cell; the first look of each person is kept."""

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from plasmoscope.store.records import Field, Look

Looks = dict[int, dict[int, Look]]
"""The first look at each cell, by field and cell number."""


def keep_look(session: Session, who: str, field_id: int, cell_number: int, seen: bool = True) -> bool:
    """Keep that somebody looked at a cell, or take it back; tells whether that is new."""
    mine = (Look.field_id == field_id, Look.cell_number == cell_number, Look.by == who)
    known = session.scalar(select(Look.id).where(*mine)) is not None
    if seen and not known:
        session.add(Look(field_id=field_id, cell_number=cell_number, by=who))
    elif known and not seen:
        session.execute(delete(Look).where(*mine))
    return seen != known


def first_looks(session: Session, slide_id: int) -> Looks:
    """The first look at each cell of a slide."""
    first: Looks = {}
    for look in session.scalars(select(Look).join(Field).where(Field.slide_id == slide_id).order_by(Look.id)):
        first.setdefault(look.field_id, {}).setdefault(look.cell_number, look)
    return first
