"""The append-only record of every change.

Nothing in the program alters or deletes an entry, and the database refuses to, by triggers. Whoever owns the database
can drop those: that entries are what was written is shown by their chain, as far as ``plasmoscope.store.chain`` says.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, or_, select, true
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from plasmoscope.i18n.sentences import SENTENCES
from plasmoscope.messages import Message, from_record
from plasmoscope.store.chain import digest_of, hold_end
from plasmoscope.store.records import AuditEntry, Field, now, storable

PROGRAM = "plasmoscope"
"""Who, where the program itself changed something."""


def slide_subject(slide_id: int) -> str:
    """How a slide is called in the audit."""
    return f"slide/{slide_id}"


def field_subject(field: Field) -> str:
    """How a field is called in the audit."""
    return f"{slide_subject(field.slide_id)}/field/{field.id}"


def note(session: Session, who: str, action: str, subject: str, **detail: Any) -> None:
    """Write an entry in the transaction of the change itself, as the last thing there: others wait to write theirs.

    Args:
        who: name of the account.
        action: a verb or two, such as ``sign``.
        subject: what was changed: ``slide_subject``, ``field_subject``, or ``account/1``.
        detail: JSON.
    """
    before = hold_end(session)
    at, who = now(), storable(who)
    digest = digest_of(before, at, who, action, subject, detail)
    session.add(AuditEntry(at=at, who=who, action=action, subject=subject, detail=detail, digest=digest))


def entries(session: Session, subject: str = "", offset: int = 0, limit: int = 100) -> Sequence[AuditEntry]:
    """The newest entries first.

    Args:
        subject: only this one and what lies below it: ``slide/3`` gives those of its fields too; all if empty.
    """
    newest = select(AuditEntry).where(_about(subject)).order_by(AuditEntry.id.desc())
    return session.scalars(newest.offset(offset).limit(limit)).all()


def said(entry: AuditEntry) -> Message | None:
    """What an entry says in any language; None where it says nothing, or only in an earlier version's English."""
    record = entry.detail.get("said")
    return from_record(record) if record and record["code"] in SENTENCES else None


def failures(session: Session, fields: Sequence[Field]) -> dict[int, Message]:
    """Why fields could not be analysed the last time, by their numbers; without those of earlier versions."""
    subjects = {field_subject(field): field.id for field in fields}
    told = select(AuditEntry).where(AuditEntry.subject.in_(subjects), AuditEntry.action == "fail")
    found = {subjects[entry.subject]: said(entry) for entry in session.scalars(told.order_by(AuditEntry.id))}
    return {number: message for number, message in found.items() if message is not None}


def how_many(session: Session, subject: str = "") -> int:
    """The number of entries, of a subject as for ``entries``."""
    return session.scalar(select(func.count()).where(_about(subject))) or 0


def was_done(session: Session, action: str, subject: str) -> bool:
    """Whether just this subject was ever so acted upon."""
    found = select(AuditEntry.id).where(AuditEntry.subject == subject, AuditEntry.action == action).limit(1)
    return session.scalar(found) is not None


def _about(subject: str) -> ColumnElement[bool]:
    if not subject:
        return true()
    return or_(AuditEntry.subject == subject, AuditEntry.subject.startswith(f"{subject}/", autoescape=True))
