"""Who may not see which slides yet: until all its readings are there, each is seen by its own reader alone."""

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from plasmoscope.store.errors import BlindedError, ConflictError
from plasmoscope.store.records import Field, Slide, SlideReading


def being_read() -> Select[int]:
    """Numbers of the slides and sheets whose readings are not all done; a third that is needed is among them."""
    open_ones = select(SlideReading.slide_id).where(SlideReading.done_at.is_(None))
    return select(SlideReading.sheet_id).where(SlideReading.slide_id.in_(open_ones))


def check_may_see(session: Session, who: str, slide_id: int) -> None:
    """See that somebody may know what a slide's record holds.

    Raises:
        BlindedError: others read it, or read the same slide, and are not done; or it belongs to a panel, which has
            its own pages.
    """
    slide = session.get(Slide, slide_id)
    if slide is not None and slide.purpose == "panel":
        raise BlindedError("of_panel")
    hidden = being_read().where(SlideReading.sheet_id == slide_id, SlideReading.reader != who)
    if session.scalar(hidden) is not None:
        raise BlindedError("blinded")


def check_may_see_field(session: Session, who: str, field_id: int) -> None:
    """``check_may_see`` of a photograph's slide."""
    slide_id = session.scalar(select(Field.slide_id).where(Field.id == field_id))
    if slide_id is not None:
        check_may_see(session, who, slide_id)


def reading_on(session: Session, sheet_id: int) -> SlideReading | None:
    """The reading whose calls a record holds; None where nobody asked for readings."""
    return session.scalar(select(SlideReading).where(SlideReading.sheet_id == sheet_id))


def check_not_read(session: Session, sheet_id: int) -> None:
    """See that a reading's photographs stay the same, and that one that is done stays as it is.

    Raises:
        ConflictError: the record holds a reading.
    """
    if reading_on(session, sheet_id) is not None:
        raise ConflictError("read_by_several")


def check_not_done(session: Session, sheet_id: int) -> None:
    """See that a reading that is done stays as it is.

    Raises:
        ConflictError: it is done.
    """
    reading = reading_on(session, sheet_id)
    if reading is not None and reading.done_at is not None:
        raise ConflictError("reading_done", reader=reading.reader)
