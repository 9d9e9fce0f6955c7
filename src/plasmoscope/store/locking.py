"""The way to every change: the slide is held until the transaction ends, and a signed one is refused."""

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from plasmoscope.store.blinding import check_not_done
from plasmoscope.store.errors import ConflictError, NotFoundError
from plasmoscope.store.records import Field, Slide


def hold_slide(session: Session, slide_id: int) -> Slide:
    """A slide as it is now, which nobody else can change until the transaction ends; its version grows.

    Raises:
        NotFoundError: no such slide, or it was deleted.
    """
    slide = session.scalar(
        select(Slide).where(Slide.id == slide_id).with_for_update(of=Slide).execution_options(populate_existing=True)
    )
    if slide is None or slide.deleted_at is not None:
        raise NotFoundError("no_slide", slide=str(slide_id))
    slide.version += 1
    return slide


def slide_to_change(session: Session, slide_id: int) -> Slide:
    """``hold_slide``, for what a signed slide must not undergo.

    Raises:
        NotFoundError: no such slide.
        ConflictError: it is signed.
    """
    slide = hold_slide(session, slide_id)
    if slide.status == "signed":
        raise ConflictError("slide_signed", slide=slide.code, signer=slide.signed_by or "")
    return slide


def hold_field(session: Session, field_id: int) -> Field:
    """A field as it is now, whose slide nobody else can change until the transaction ends.

    Raises:
        NotFoundError: no such field.
        ConflictError: its slide is signed, or its reader is done.
    """
    # Another may move it to another slide before this one is held.
    while (slide_id := session.scalar(select(Field.slide_id).where(Field.id == field_id))) is not None:
        slide_to_change(session, slide_id)
        check_not_done(session, slide_id)
        field = session.get(Field, field_id, populate_existing=True)
        if field is not None and field.slide_id == slide_id:
            return field
    raise NotFoundError("no_field", field=str(field_id))


def field_to_change(session: Session, field_id: int) -> Field:
    """``hold_field``, for what a removed field must not undergo.

    Raises:
        NotFoundError: no such field.
        ConflictError: its slide is signed, or it was removed from it.
    """
    field = hold_field(session, field_id)
    refuse_removed(field)
    return field


def refuse_removed(field: Field) -> None:
    """Stop at a removed field.

    Raises:
        ConflictError: it was removed from its slide.
    """
    if field.status == "removed":
        raise ConflictError("photograph_removed", field=field.name, reason=field.remove_reason or "")


def hold_fields(session: Session) -> None:
    """Let nobody upload until the transaction ends; on SQLite that is so from its start."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("LOCK TABLE fields IN EXCLUSIVE MODE"))
