"""The audit's entries as a chain: each holds a hash of itself and of the hash before it.

An entry that is altered, put in or taken out breaks the chain there, however it was done. Whoever can write to the
database can also make the whole chain anew, or cut off its end, and nothing in it tells; only its last hash does that
was noted elsewhere before.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, select, text
from sqlalchemy.orm import Session

from plasmoscope.store.records import AuditEntry

START = "0" * 64
"""What stands before the first entry."""
_ROWS_AT_ONCE = 1_000
# Any number but that of other locks, the same in every process: whoever holds it writes the next entry.
_LOCK = 7_305_812


@dataclass(frozen=True)
class Link:
    """An entry in a few words."""

    number: int
    at: datetime
    who: str
    action: str
    subject: str


@dataclass(frozen=True)
class Chain:
    """What a look through the whole audit found."""

    entries: int
    """How many were looked at: all of them, or those up to the one that is broken."""
    head: str
    """The hash of the last one that is whole; ``START`` where there is none."""
    broken: Link | None
    """The first entry that does not follow from what stands before it; None where all do."""
    noted_is_there: bool
    """Whether the hash that was noted earlier is one of these; true where none was given."""

    @property
    def whole(self) -> bool:
        """Whether nothing is wrong."""
        return self.broken is None and self.noted_is_there


def digest_of(before: str, at: datetime, who: str, action: str, subject: str, detail: Mapping[str, Any]) -> str:
    """An entry's hash, SHA-256 in hexadecimal digits.

    Args:
        before: that of the entry before it, or ``START``.
        at: without a time zone it is in UTC.
    """
    moment = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    said = [before, moment.isoformat(timespec="microseconds"), who, action, subject, detail]
    return hashlib.sha256(json.dumps(said, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def hold_end(session: Session) -> str:
    """The hash of the last entry, after which nobody else can write one until the transaction ends."""
    # On SQLite that is so from a transaction's start.
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    return session.scalar(select(AuditEntry.digest).order_by(AuditEntry.id.desc()).limit(1)) or START


def verify(session: Session, noted: str | None = None) -> Chain:
    """Look through the whole audit.

    Args:
        noted: a hash that was the last at some time.
    """
    head, entries, there = START, 0, noted in {None, START}
    for row in _rows(session):
        entries += 1
        if row.digest != digest_of(head, row.at, row.who, row.action, row.subject, row.detail):
            return Chain(entries, head, Link(row.id, row.at, row.who, row.action, row.subject), there)
        head = row.digest
        there = there or head == noted
    return Chain(entries, head, None, there)


def _rows(session: Session) -> Iterator[Row[Any]]:
    entry = AuditEntry
    columns = select(entry.id, entry.at, entry.who, entry.action, entry.subject, entry.detail, entry.digest)
    yield from session.execute(columns.order_by(entry.id).execution_options(yield_per=_ROWS_AT_ONCE))
