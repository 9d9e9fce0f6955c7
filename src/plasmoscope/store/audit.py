"""The append-only record of every change.

Nothing in the program alters or deletes an entry, and the database refuses to, by triggers. Whoever owns the database
can drop those: that entries are what was written is shown by their chain, as far as ``plasmoscope.store.chain`` says.
"""

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Select, Text, and_, cast, func, literal, or_, select, true
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from plasmoscope.csv_tables import write_csv
from plasmoscope.i18n.sentences import SENTENCES
from plasmoscope.messages import Message, from_record
from plasmoscope.store.blinding import being_read
from plasmoscope.store.chain import digest_of, hold_end
from plasmoscope.store.records import AuditEntry, Field, SlideReading, now, storable

PROGRAM = "plasmoscope"
"""Who, where the program itself changed something."""
COMMAND_LINE = "command line"
"""Who, where somebody with a shell on the server did."""
SOMEBODY = "local user"
"""Who, where a person without an account has given no name."""
_ROWS_AT_ONCE = 1_000
_COLUMNS = ("number", "at", "who", "action", "subject", "detail", "sha256")


@dataclass(frozen=True)
class Wanted:
    """What entries to look for; what is empty asks for nothing."""

    who: str = ""
    """Found anywhere in the name, in capitals or not."""
    action: str = ""
    subject: str = ""
    """Only this one and what lies below it: ``slide/3`` gives those of its fields too."""
    since: date | None = None
    until: date | None = None
    """The last day that counts, as the first in UTC."""
    of_slides_being_read: bool = False
    """Those of slides whose blinded readings are not complete, too, which tell of calls."""


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


def entries(
    session: Session, subject: str = "", offset: int = 0, limit: int = 100, wanted: Wanted | None = None
) -> Sequence[AuditEntry]:
    """The newest entries first, of a subject or those that are wanted."""
    newest = _newest(wanted or _of_one(subject))
    return session.scalars(newest.offset(offset).limit(limit)).all()


def entries_of(
    session: Session, subjects: Collection[str], offset: int, limit: int
) -> tuple[Sequence[AuditEntry], int]:
    """Entries of just these subjects, the newest first, and how many there are; none of slides that are being read."""
    these = and_(AuditEntry.subject.in_(subjects), _fits(Wanted()))
    newest = select(AuditEntry).where(these).order_by(AuditEntry.id.desc()).offset(offset).limit(limit)
    return session.scalars(newest).all(), session.scalar(select(func.count(AuditEntry.id)).where(these)) or 0


def write_audit(session: Session, wanted: Wanted, file: Path) -> None:
    """Write the entries that are wanted as CSV, the newest first; only some are in memory at a time.

    Raises:
        OSError: the file cannot be written.
    """
    write_csv(file, _COLUMNS, _rows(session, wanted))


def said(entry: AuditEntry) -> Message | None:
    """What an entry says in any language; None where it says nothing, or only in an earlier version's English."""
    record = entry.detail.get("said")
    return from_record(record) if record and record["code"] in SENTENCES else None


def failures(session: Session, fields: Sequence[Field]) -> dict[int, Message]:
    """Why fields could not be analysed the last time, by their numbers; without those of earlier versions."""
    subjects = {field_subject(field): field.id for field in fields}
    # What was moved to another slide since takes along why.
    told = select(AuditEntry).where(AuditEntry.subject.in_(subjects), AuditEntry.action.in_(("fail", "move here")))
    found = {subjects[entry.subject]: said(entry) for entry in session.scalars(told.order_by(AuditEntry.id))}
    return {number: message for number, message in found.items() if message is not None}


def how_many(session: Session, subject: str = "", wanted: Wanted | None = None) -> int:
    """The number of entries, as for ``entries``."""
    return session.scalar(select(func.count(AuditEntry.id)).where(_fits(wanted or _of_one(subject)))) or 0


def actions(session: Session) -> Sequence[str]:
    """All that was ever done, by name."""
    return session.scalars(select(AuditEntry.action).distinct().order_by(AuditEntry.action)).all()


def was_done(session: Session, action: str, subject: str) -> bool:
    """Whether just this subject was ever so acted upon."""
    found = select(AuditEntry.id).where(AuditEntry.subject == subject, AuditEntry.action == action).limit(1)
    return session.scalar(found) is not None


def _newest(wanted: Wanted) -> Select[AuditEntry]:
    return select(AuditEntry).where(_fits(wanted)).order_by(AuditEntry.id.desc())


def _rows(session: Session, wanted: Wanted) -> Iterator[list[object]]:
    for entry in session.scalars(_newest(wanted).execution_options(yield_per=_ROWS_AT_ONCE)):
        detail = json.dumps(entry.detail, ensure_ascii=False, sort_keys=True)
        at = entry.at.isoformat(timespec="microseconds")
        yield [entry.id, at, entry.who, entry.action, entry.subject, detail, entry.digest]


def _fits(wanted: Wanted) -> ColumnElement[bool]:
    asked = [_about(wanted.subject)]
    if wanted.who:
        asked.append(AuditEntry.who.icontains(wanted.who, autoescape=True))
    if wanted.action:
        asked.append(AuditEntry.action == wanted.action)
    if wanted.since:
        asked.append(AuditEntry.at >= _start(wanted.since))
    if wanted.until and wanted.until < date.max:
        asked.append(AuditEntry.at < _start(wanted.until + timedelta(days=1)))
    if not wanted.of_slides_being_read:
        # As ``slide_subject`` writes it.
        slide = literal("slide/") + cast(SlideReading.sheet_id, Text)
        below = AuditEntry.subject.startswith(slide + "/")
        told = or_(AuditEntry.subject == slide, below)
        asked.append(~select(SlideReading.id).where(SlideReading.sheet_id.in_(being_read()), told).exists())
    return and_(*asked)


def _of_one(subject: str) -> Wanted:
    # Who may not see the subject does not come here.
    return Wanted(subject=subject, of_slides_being_read=True)


def _start(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _about(subject: str) -> ColumnElement[bool]:
    if not subject:
        return true()
    return or_(AuditEntry.subject == subject, AuditEntry.subject.startswith(f"{subject}/", autoescape=True))
