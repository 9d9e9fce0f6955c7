"""People whom a provider of OpenID Connect knows, and their log-ins on the way there and back.

These stand in the records, so that any server of the database can take up what another began.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from plasmoscope.store.accounts import ACCOUNTS, add_account, begin_session, get_account
from plasmoscope.store.audit import PROGRAM, note
from plasmoscope.store.errors import ConflictError
from plasmoscope.store.records import Account, OpenIDLogin, Role, now

_MINUTES = 10
"""So long may somebody take to log in at the provider."""
_MOST = 1_000
"""Log-ins on their way; whoever begins more makes the oldest fail."""


@dataclass(frozen=True)
class Begun:
    """What goes to the provider."""

    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True)
class Person:
    """Whom the provider tells of."""

    issuer: str
    subject: str
    name: str

    @property
    def openid(self) -> str:
        """Which person that is, for good; names may change."""
        return f"{self.issuer} {self.subject}"


def begin(session: Session, browser: str, then: str) -> Begun:
    """Keep that somebody goes to the provider.

    Args:
        browser: a secret that their browser shows again when they come back.
        then: the page that they asked for.
    """
    session.execute(delete(OpenIDLogin).where(OpenIDLogin.expires < now()))
    kept = select(OpenIDLogin.id).order_by(OpenIDLogin.id.desc()).limit(_MOST)
    session.execute(delete(OpenIDLogin).where(OpenIDLogin.id.not_in(kept)))
    begun = Begun(secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48))
    session.add(
        OpenIDLogin(
            state_hash=_hash(begun.state),
            browser_hash=_hash(browser),
            nonce=begun.nonce,
            verifier=begun.verifier,
            then=then,
            expires=now() + timedelta(minutes=_MINUTES),
        )
    )
    return begun


def take(session: Session, state: str, browser: str) -> OpenIDLogin | None:
    """What was begun, which nobody can take again; None where this browser began nothing such, or long ago."""
    found = session.scalar(select(OpenIDLogin).where(OpenIDLogin.state_hash == _hash(state)).with_for_update())
    if found is None:
        return None
    session.expunge(found)
    session.execute(delete(OpenIDLogin).where(OpenIDLogin.id == found.id))
    mine = secrets.compare_digest(found.browser_hash, _hash(browser))
    return found if mine and found.expires > now() else None


def log_in(session: Session, person: Person, hours: float, role: Role | None, address: str) -> str | None:
    """Begin a session of somebody whom the provider knows.

    Args:
        role: of whoever has no account yet, and gets one; None: they are refused.
        address: from where, for the audit.

    Returns:
        Its token; None where they have no account, or one that is not active.
    """
    account = session.scalar(select(Account).where(Account.openid == person.openid))
    if account is None and role is not None:
        account = _add(session, person, role)
    if account is None or not account.active or account.removed:
        subject = f"{ACCOUNTS}/{account.id}" if account else ACCOUNTS
        refused(session, address, subject, openid=person.openid, name=person.name)
        return None
    return begin_session(session, account, hours, address, "OpenID Connect")


def refused(session: Session, address: str, subject: str = ACCOUNTS, **detail: str) -> None:
    """Note that somebody came back from the provider and was not let in."""
    note(session, PROGRAM, "fail to log in", subject, address=address, how="OpenID Connect", **detail)


def link(session: Session, who: str, account_id: int, issuer: str, subject: str) -> Account:
    """Let somebody whom the provider knows log in to an account.

    Raises:
        NotFoundError: no such account.
        ConflictError: they have another.
    """
    account, openid = get_account(session, account_id), Person(issuer, subject, "").openid
    other = session.scalar(select(Account).where(Account.openid == openid, Account.id != account_id))
    if other is not None:
        raise ConflictError("account_taken", name=other.name)
    account.openid = openid
    note(session, who, "link account", f"{ACCOUNTS}/{account_id}", name=account.name, openid=openid)
    return account


def _add(session: Session, person: Person, role: Role) -> Account:
    number = 1
    while True:
        name = person.name if number == 1 else f"{person.name} ({number})"
        try:
            # Nobody knows this password, so that nobody logs in with one.
            account = add_account(session, PROGRAM, name[:200], secrets.token_urlsafe(32), role)
        except ConflictError:
            number += 1
            continue
        account.openid = person.openid
        return account


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
