"""Sessions that nobody uses: locked until the same person gives their password.

It stands in the records, so that all servers of one database know it.
"""

from datetime import timedelta

from sqlalchemy.orm import Session

from plasmoscope.store.accounts import ACCOUNTS, password_fits, session_of
from plasmoscope.store.audit import note
from plasmoscope.store.records import LoginSession, now

_KEPT_EVERY = timedelta(seconds=15)
"""Acts in between are not written down."""


def is_locked(found: LoginSession, minutes: float) -> bool:
    """Whether it was locked, or nobody has acted in it for so long; 0 minutes lock nothing."""
    if not minutes:
        return False
    return found.locked or (found.acted is not None and found.acted < now() - timedelta(minutes=minutes))


def is_to_keep(found: LoginSession) -> bool:
    """Whether an act just now is worth writing down."""
    return found.acted is None or found.acted < now() - _KEPT_EVERY


def act(session: Session, token: str) -> None:
    """Keep that somebody acts in a session."""
    found = session_of(session, token)
    if found is not None and not found.locked:
        found.acted = now()


def lock(session: Session, token: str) -> None:
    """Lock a session."""
    found = session_of(session, token)
    if found is not None and not found.locked:
        found.locked = True
        note(session, found.account.name, "lock", f"{ACCOUNTS}/{found.account_id}")


def unlock(session: Session, token: str, password: str, address: str = "") -> bool:
    """Let the person whose session it is go on; gives whether the password is theirs."""
    found = session_of(session, token)
    if found is None:
        return False
    subject = f"{ACCOUNTS}/{found.account_id}"
    if not password_fits(found.account, password):
        note(session, found.account.name, "fail to unlock", subject, address=address)
        return False
    found.locked, found.acted = False, now()
    note(session, found.account.name, "unlock", subject)
    return True
