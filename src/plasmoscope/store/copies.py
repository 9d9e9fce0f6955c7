"""Photographs that lie on several slides, by their content: one of them is the wrong one."""

from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from plasmoscope.store.records import Field, Patient, Slide


class Copy(NamedTuple):
    """The same photograph on another slide."""

    field_id: int
    """Of the one that was asked for."""
    slide_id: int
    slide: str
    patient: str
    other_patient: bool
    """Whether that slide is another patient's."""


def copies_of(session: Session, slide_id: int) -> dict[int, list[Copy]]:
    """Where else photographs of a slide lie, by field; removed ones and deleted slides aside."""
    here, there, mine, owner = aliased(Field), aliased(Field), aliased(Slide), aliased(Patient)
    # Of two who turned out to be one, signed slides keep theirs.
    other_person = func.coalesce(Patient.merged_into_id, Patient.id) != func.coalesce(owner.merged_into_id, owner.id)
    found = (
        select(here.id, Slide.id, Slide.code, Patient.code, other_person)
        .join(there, (there.image_sha256 == here.image_sha256) & (there.slide_id != here.slide_id))
        .join(mine, mine.id == here.slide_id)
        .join(owner, owner.id == mine.patient_id)
        .join(Slide, Slide.id == there.slide_id)
        .join(Patient, Patient.id == Slide.patient_id)
        .where(
            here.slide_id == slide_id,
            here.status != "removed",
            there.status != "removed",
            Slide.deleted_at.is_(None),
            # A second reading is of the same photographs.
            Slide.purpose == "patient",
            mine.purpose == "patient",
        )
        .order_by(here.position, Slide.id)
    )
    copies: dict[int, list[Copy]] = {}
    for row in session.execute(found):
        copies.setdefault(row[0], []).append(Copy(*row))
    return copies
