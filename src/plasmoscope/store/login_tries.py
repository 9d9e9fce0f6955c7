"""Tries to give a password of late, which all servers of one database count together; a new start forgets none."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, text
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from plasmoscope.store.records import LoginTry, now

_WITHIN = timedelta(seconds=60)
_MOST = 5
"""Wrong passwords within that time, by the name and by the address."""
_NOTED = 60
"""Failures within that time that the audit names; who tries from many places must not fill the disk with them."""
_KEPT = 10_000  # tries, the newest; as many names and addresses as are remembered
# Any number but that of other locks, the same in every process: whoever holds it counts the tries and adds one.
_LOCK = 7_305_813


@dataclass(frozen=True)
class Try:
    """A password that is about to be looked at."""

    number: int
    """Of its row, which counts as a failure until it is ``forgotten``; 0 where it must wait."""
    wait: int
    """Seconds until another try; 0 where this one may be made."""
    noted: bool
    """Whether the audit should name it if it fails."""


def begin(session: Session, name: str, address: str) -> Try:
    """Count a try as a failure before the password is looked at, so that many at a time are no more than that.

    Args:
        name: of the account, as typed.
        address: from where.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    moment = now()
    # Where the clock was set back, none of what lies ahead counts.
    session.execute(delete(LoginTry).where((LoginTry.at < moment - _WITHIN) | (LoginTry.at > moment + _WITHIN)))
    hashed = _hash(name)
    wait = max(_wait(session, moment, LoginTry.name == hashed), _wait(session, moment, LoginTry.address == address))
    if wait:
        return Try(0, wait, noted=False)
    others = session.scalar(select(func.count(LoginTry.id))) or 0
    made = LoginTry(name=hashed, address=address, at=moment)
    session.add(made)
    session.flush()
    session.execute(delete(LoginTry).where(LoginTry.id <= made.id - _KEPT))
    return Try(made.id, 0, others < _NOTED)


def forget(session: Session, made: Try) -> None:
    """The password was right."""
    session.execute(delete(LoginTry).where(LoginTry.id == made.number))


def _wait(session: Session, moment: datetime, same: ColumnElement[bool]) -> int:
    last: Sequence[datetime] = session.scalars(
        select(LoginTry.at).where(same).order_by(LoginTry.at.desc()).limit(_MOST)
    ).all()
    return int((last[-1] + _WITHIN - moment).total_seconds()) + 1 if len(last) == _MOST else 0


def _hash(name: str) -> str:
    # What was typed may be a password in the wrong box. Two bytes tell names apart, and nobody can tell it from them.
    return hashlib.sha256(" ".join(name.lower().split()).encode("utf-8", "replace")).hexdigest()[:4]
