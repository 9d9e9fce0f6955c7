"""A slide's photographs: kept, analysed one after the other, rejected and taken back."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from plasmoscope.analysis import results
from plasmoscope.analysis.method import Method
from plasmoscope.analysis.repeats import CountedPlaces
from plasmoscope.analysis.review import pack_judged
from plasmoscope.i18n.words import english
from plasmoscope.messages import Message, as_record
from plasmoscope.store.audit import PROGRAM, field_subject, note
from plasmoscope.store.blinding import check_not_read
from plasmoscope.store.errors import ConflictError, NotFoundError
from plasmoscope.store.images import Images, content_hash
from plasmoscope.store.locking import field_to_change, refuse_removed, slide_to_change
from plasmoscope.store.records import LONGEST_TEXT, Field, Slide, now
from plasmoscope.store.sites import ON_ALL_SITES
from plasmoscope.store.slides import given_reason

if TYPE_CHECKING:
    from plasmoscope.analysis.drift import Measured
    from plasmoscope.analysis.duplicates import Fingerprint

_MARKS_AT_ONCE = 50
# However few of them the person sees who asks.
_WAITING = select(func.count(Field.id)).where(Field.status == "waiting").execution_options(**ON_ALL_SITES)


def add_field(session: Session, images: Images, who: str, slide_id: int, name: str, data: bytes) -> Field:
    """Keep a photograph and put it in the queue for analysis; one that the slide has already is given back as it is.

    Args:
        name: to show; any text.
        data: the file's content.

    Raises:
        NotFoundError, ConflictError: as ``slide_to_change``; ConflictError also where it was removed from the slide, or
            several people read that.
        OSError: the file cannot be written.
    """
    sha256 = content_hash(data)
    same = select(Field).where(Field.slide_id == slide_id, Field.image_sha256 == sha256)
    if not images.path(sha256).exists() and (lost := session.scalar(same)) is not None:
        # A photograph comes back to a signed slide too: that changes nothing of it.
        images.put(sha256, data)
        return lost
    slide_to_change(session, slide_id)
    if (field := session.scalar(same)) is not None:
        refuse_removed(field)
        return field
    check_not_read(session, slide_id)
    earlier = fields_of(session, slide_id)
    field = Field(
        slide_id=slide_id,
        position=max((field.position for field in earlier), default=0) + 1,
        name=free_name(name, {field.name for field in earlier}),
        image_sha256=sha256,
        size=len(data),
    )
    session.add(field)
    session.flush()
    # Between the row and its commit: no row is ever without its file, and ``doctor``, which waits for the commit,
    # cannot take the file for an orphan.
    images.put(sha256, data)
    note(session, who, "upload", field_subject(field), name=field.name, sha256=sha256, size=len(data))
    return field


def get_field(session: Session, field_id: int) -> Field:
    """A field by its number.

    Raises:
        NotFoundError: no such field, or its slide was deleted.
    """
    field = session.get(Field, field_id)
    if field is None or session.get_one(Slide, field.slide_id).deleted_at is not None:
        raise NotFoundError("no_field", field=str(field_id))
    return field


def fields_of(session: Session, slide_id: int) -> Sequence[Field]:
    """A slide's fields in their order, without their results."""
    return session.scalars(select(Field).where(Field.slide_id == slide_id).order_by(Field.position)).all()


def queued(session: Session) -> Sequence[Field]:
    """The fields that are being analysed, then those that wait, in the order in which they are taken."""
    unfinished = select(Field).where(Field.status.in_(("analysing", "waiting")))
    return session.scalars(unfinished.order_by(Field.status, Field.id)).all()


def how_many_wait(session: Session) -> int:
    """Fields that wait for their analysis, on all slides."""
    return session.scalar(_WAITING) or 0


def take_waiting(session: Session) -> Field | None:
    """The field that has waited longest, now marked as being analysed; None when none waits."""
    field = session.scalar(
        select(Field)
        .where(Field.status == "waiting")
        .order_by(Field.id)
        .limit(1)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    if field is not None:
        field.status, field.taken_at = "analysing", now()
    return field


def finish(
    session: Session,
    field_id: int,
    found: results.Field,
    method: Method,
    mark: "Fingerprint | None",
    view: tuple[int, int, int, int] | None = None,
    measured: "Measured | None" = None,
) -> bool:
    """Keep what the analysis found.

    Args:
        found: as ``analyze_field`` gives it, without an ``error``: that is for ``fail``.
        method: how it was analysed.
        mark: of the photograph; None where it could not be read.
        view: left, top, width and height of the field of view's box in pixels; None where it is not known.
        measured: its stain and focus; None where they are not known.

    Returns:
        False where the field is no longer being analysed, such as after ``cancel``; nothing is kept then.

    Raises:
        NotFoundError: the slide was deleted meanwhile.
    """
    field = field_to_change(session, field_id)
    if field.status != "analysing":
        return False
    if found.sha256 != field.image_sha256:
        raise ValueError(f"the result is of another photograph than {field.name}")
    field.status = "done"
    field.error = None
    field.result = found.model_dump_json()
    field.judged = pack_judged(found)
    field.method = method.model_dump(mode="json")
    field.fingerprint = None if mark is None else mark.to_bytes()
    field.view = None if view is None else list(view)
    stain_and_focus = measured or (None, None, None, None)
    field.red_absorbance, field.green_absorbance, field.blue_absorbance, field.blur = stain_and_focus
    field.same_place = [] if mark is None else same_place_as(session, field, mark)
    field.accepted, field.warnings = found.accepted, [warning.code for warning in found.warnings]
    field.counted, field.infected, field.not_a_cell = found.counted, found.infected, found.not_a_cell
    mark_duplicates(session, field.slide_id)
    detail = {"accepted": found.accepted, "counted": found.counted, "infected": found.infected}
    note(session, PROGRAM, "analyse", field_subject(field), **detail, method=field.method)
    return True


def fail(session: Session, field_id: int, why: Message) -> bool:
    """Record why a field could not be analysed; returns and raises as ``finish``."""
    field = field_to_change(session, field_id)
    if field.status != "analysing":
        return False
    field.status, field.error = "failed", english(why)
    note(session, PROGRAM, "fail", field_subject(field), error=field.error, said=as_record(why))
    return True


def cancel(session: Session, who: str, field_id: int) -> Field:
    """Take a field out of the queue, or drop what its analysis will find.

    Raises:
        NotFoundError, ConflictError: as ``field_to_change``; ConflictError also where its analysis has ended.
    """
    field = field_to_change(session, field_id)
    if field.status not in {"waiting", "analysing"}:
        raise ConflictError("analysis_ended", field=field.name)
    field.status = "cancelled"
    note(session, who, "cancel", field_subject(field))
    return field


def requeue(session: Session, who: str, field_id: int, override_gate: bool = False) -> Field:
    """Put a field in the queue again that failed, was cancelled, or was refused by the quality gate.

    Args:
        override_gate: count it although a quality check fails.

    Raises:
        NotFoundError, ConflictError: as ``field_to_change``; ConflictError also where it waits or was counted.
    """
    field = field_to_change(session, field_id)
    if field.status in {"waiting", "analysing"} or (field.status == "done" and field.accepted):
        raise ConflictError("needs_no_analysis", field=field.name)
    check_not_read(session, field.slide_id)
    field.status, field.override_gate = "waiting", override_gate
    note(session, who, "analyse again", field_subject(field), override_gate=override_gate)
    return field


def requeue_interrupted(session: Session, longer_than: timedelta = timedelta(0)) -> int:
    """Put every field back in the queue that is marked as being analysed, as after a crash; gives how many.

    What is being analysed just now, by this server or another, is analysed once more; whoever is done first is kept.

    Args:
        longer_than: only what was taken before that time.
    """
    interrupted = update(Field).where(Field.status == "analysing").values(status="waiting").returning(Field.id)
    if longer_than:
        interrupted = interrupted.where(or_(Field.taken_at.is_(None), Field.taken_at < now() - longer_than))
    return len(session.scalars(interrupted).all())


def reject(session: Session, who: str, field_id: int, reason: str) -> Field:
    """Leave a field out of the count.

    Raises:
        NotFoundError, ConflictError: as ``field_to_change``.
        StoreError: no reason is given.
    """
    return _set_rejected(session, who, field_id, given_reason(reason))


def restore(session: Session, who: str, field_id: int) -> Field:
    """Let a rejected field count again.

    Raises:
        NotFoundError, ConflictError: as ``field_to_change``.
    """
    return _set_rejected(session, who, field_id, None)


def count_repeat(session: Session, who: str, field_id: int) -> Field:
    """Count a field although another shows the same place.

    Raises:
        NotFoundError, ConflictError: as ``field_to_change``; ConflictError also where it is not left out for that.
    """
    field = field_to_change(session, field_id)
    if field.duplicate_of_id is None or field.count_repeat:
        raise ConflictError("not_left_out", field=field.name)
    field.count_repeat = True
    same = get_field(session, field.duplicate_of_id)
    mark_duplicates(session, field.slide_id)
    note(session, who, "count repeat", field_subject(field), same_place_as=same.name)
    return field


def _set_rejected(session: Session, who: str, field_id: int, reason: str | None) -> Field:
    field = field_to_change(session, field_id)
    field.rejected, field.reject_reason = reason is not None, reason
    mark_duplicates(session, field.slide_id)
    note(session, who, "reject" if field.rejected else "take back", field_subject(field), reason=reason)
    return field


def same_place_as(session: Session, field: Field, mark: "Fingerprint") -> list[int]:
    """Numbers of the slide's other analysed fields that show the same place."""
    # It brings OpenCV, which only the analysis itself needs.
    from plasmoscope.analysis.duplicates import Fingerprint, same_place

    others = select(Field.id, Field.fingerprint).where(
        Field.slide_id == field.slide_id, Field.id != field.id, Field.status == "done", Field.fingerprint.is_not(None)
    )
    return [
        other.id
        for other in session.execute(others.order_by(Field.position).execution_options(yield_per=_MARKS_AT_ONCE))
        if (earlier := Fingerprint.from_bytes(other.fingerprint)) is not None and same_place(mark, earlier)
    ]


def mark_duplicates(session: Session, slide_id: int) -> None:
    """Of the fields that show one place, let only the first count, but for those that people let count as well."""
    session.flush()
    places = CountedPlaces[Field](
        lambda earlier, later: earlier.id in later.same_place or later.id in earlier.same_place
    )
    for field in fields_of(session, slide_id):
        field.duplicate_of_id = None
        if field.in_count and (earlier := places.repeated_by(field, field.count_repeat)) is not None:
            field.duplicate_of_id = earlier.id


def free_name(name: str, taken: set[str]) -> str:
    """A name that no other field of the slide has: a camera in a browser calls every picture alike."""
    whole = PurePosixPath(name[-LONGEST_TEXT:])
    number, free = 1, str(whole)
    while free in taken:
        number += 1
        free = f"{whole.stem} ({number}){whole.suffix}"
    return free
