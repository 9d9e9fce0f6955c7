"""Photographs that lie on the wrong slide: moved to another, removed, put back; both slides are counted anew."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from plasmoscope.messages import as_record
from plasmoscope.store.audit import failures, field_subject, note, slide_subject
from plasmoscope.store.blinding import check_not_read
from plasmoscope.store.errors import ConflictError, StoreError, TakenError
from plasmoscope.store.fields import fields_of, free_name, mark_duplicates, same_place_as
from plasmoscope.store.locking import field_to_change, hold_field, slide_to_change
from plasmoscope.store.records import Field, Slide
from plasmoscope.store.slides import given_reason


def move(session: Session, who: str, field_id: int, slide_id: int) -> Field:
    """Put a field on another slide, with all that was found in it and all that people did to it.

    Raises:
        NotFoundError, ConflictError: as ``field_to_change``, and as ``slide_to_change`` of the other slide.
        ConflictError: several people read either slide; so of the others here.
        StoreError: it is on that slide already.
        TakenError: the other slide has the same photograph.
    """
    # The smaller number first, as everybody does who holds two.
    from_id = session.scalar(select(Field.slide_id).where(Field.id == field_id))
    if from_id is not None and slide_id < from_id:
        slide_to_change(session, slide_id)
    field = field_to_change(session, field_id)
    if field.slide_id == slide_id:
        raise StoreError("moved_nowhere", field=field.name)
    before, after = field.slide_id, slide_to_change(session, slide_id)
    for slide in (session.get_one(Slide, before), after):
        if slide.purpose in ("panel", "control"):
            raise ConflictError("no_patients_slide", slide=slide.code)
    check_not_read(session, before)
    check_not_read(session, slide_id)
    there = fields_of(session, slide_id)
    if any(other.image_sha256 == field.image_sha256 for other in there):
        raise TakenError("photograph_taken", field=field.name, slide=after.code)
    why = failures(session, [field] if field.status == "failed" else []).get(field_id)
    note(session, who, "move away", field_subject(field), photograph=field.name, to=slide_subject(slide_id))
    field.slide_id = slide_id
    field.position = max((other.position for other in there), default=0) + 1
    field.name = free_name(field.name, {other.name for other in there})
    field.count_repeat, field.duplicate_of_id = False, None
    _compare(session, field)
    for one in (before, slide_id):
        mark_duplicates(session, one)
    said = {"said": as_record(why)} if why else {}
    note(session, who, "move here", field_subject(field), **{"from": slide_subject(before)}, **said)
    return field


def remove(session: Session, who: str, field_id: int, reason: str) -> Field:
    """Take a field off its slide; it is kept, counts nowhere, stands in no report, and can be put back.

    Raises:
        NotFoundError, ConflictError: as ``field_to_change``.
        StoreError: no reason is given.
    """
    field = field_to_change(session, field_id)
    check_not_read(session, field.slide_id)
    field.remove_reason = given_reason(reason)
    field.status_before = "waiting" if field.status == "analysing" else field.status
    field.status = "removed"
    mark_duplicates(session, field.slide_id)
    note(session, who, "remove", field_subject(field), reason=field.remove_reason)
    return field


def put_back(session: Session, who: str, field_id: int) -> Field:
    """Put a removed field back on its slide, as it was.

    Raises:
        NotFoundError, ConflictError: as ``hold_field``; ConflictError also where it was not removed.
    """
    field = hold_field(session, field_id)
    check_not_read(session, field.slide_id)
    if field.status != "removed" or field.status_before is None:
        raise ConflictError("not_removed", field=field.name)
    field.status, field.status_before, field.remove_reason = field.status_before, None, None
    _compare(session, field)
    mark_duplicates(session, field.slide_id)
    note(session, who, "put back", field_subject(field))
    return field


def _compare(session: Session, field: Field) -> None:
    """See which of the slide's fields it shows the same place as."""
    # It brings OpenCV, which only the analysis itself needs.
    from plasmoscope.analysis.duplicates import Fingerprint

    session.flush()
    mark = Fingerprint.from_bytes(field.fingerprint) if field.status == "done" and field.fingerprint else None
    field.same_place = same_place_as(session, field, mark) if mark else []
