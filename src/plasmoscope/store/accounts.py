"""Accounts with passwords, and the sessions of who is logged in."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import get_args

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from plasmoscope.store.audit import note
from plasmoscope.store.errors import ConflictError, NotFoundError, StoreError
from plasmoscope.store.records import LONGEST_TEXT, Account, LoginSession, Role, now, storable

SHORTEST_PASSWORD = 10  # characters; NIST SP 800-63B asks for 8 at least
_hasher = PasswordHasher()
# What the password of a name that does not exist is held against, so that the time tells nothing.
_NOBODY = _hasher.hash(secrets.token_hex())


def add_account(session: Session, who: str, name: str, password: str, role: Role) -> Account:
    """Let somebody log in.

    Raises:
        StoreError: no name, a password that is too short, or no such role.
        ConflictError: the name is taken.
    """
    name = " ".join(storable(name).split())
    if not name or len(name) > LONGEST_TEXT:
        raise StoreError("account_name", most=LONGEST_TEXT)
    if role not in get_args(Role):
        raise StoreError("no_such_role", roles=", ".join(get_args(Role)), role=role)
    if session.scalar(select(Account.id).where(func.lower(Account.name) == name.lower())):
        raise ConflictError("account_taken", name=name)
    account = Account(name=name, password_hash=_hash(password), role=role)
    session.add(account)
    session.flush()
    note(session, who, "add account", f"account/{account.id}", name=name, role=role)
    return account


def set_password(session: Session, who: str, account_id: int, password: str) -> Account:
    """Give an account another password; whoever is logged in with it must log in anew.

    Raises:
        NotFoundError, StoreError: no such account; the password is too short.
    """
    account = get_account(session, account_id)
    account.password_hash = _hash(password)
    _end_sessions(session, account_id)
    note(session, who, "set password", f"account/{account_id}")
    return account


def change_password(session: Session, token: str, old: str, new: str) -> bool:
    """Give the account that a session belongs to another password; its other sessions end.

    Returns:
        Whether the old password was right; where it was not, nothing has changed.

    Raises:
        NotFoundError, StoreError: the session is nobody's; the new password is too short.
    """
    account = logged_in(session, token)
    if account is None:
        raise NotFoundError("nobody_logged_in")
    if not _fits(account.password_hash, old):
        return False
    account.password_hash = _hash(new)
    _end_sessions(session, account.id, but=token)
    note(session, account.name, "change password", f"account/{account.id}")
    return True


def deactivate(session: Session, who: str, account_id: int) -> Account:
    """Let an account log in no more; what it did stays in the records under its name.

    Raises:
        NotFoundError: no such account.
        ConflictError: it is the last active admin.
    """
    account = get_account(session, account_id)
    # Held until the end, so that no two admins deactivate each other at once.
    admins = select(Account.id).where(Account.role == "admin", Account.active).order_by(Account.id).with_for_update()
    if account.role == "admin" and not set(session.scalars(admins)) - {account_id}:
        raise ConflictError("last_admin", name=account.name)
    account.active = False
    _end_sessions(session, account_id)
    note(session, who, "deactivate account", f"account/{account_id}")
    return account


def activate(session: Session, who: str, account_id: int) -> Account:
    """Let a deactivated account log in again, with the password that it had.

    Raises:
        NotFoundError: no such account.
    """
    account = get_account(session, account_id)
    account.active = True
    note(session, who, "activate account", f"account/{account_id}")
    return account


def get_account(session: Session, account_id: int) -> Account:
    """One account.

    Raises:
        NotFoundError: no such account.
    """
    account = session.get(Account, account_id)
    if account is None:
        raise NotFoundError("no_account", account=str(account_id))
    return account


def all_accounts(session: Session) -> Sequence[Account]:
    """Every account by name."""
    return session.scalars(select(Account).order_by(Account.name)).all()


def log_in(session: Session, name: str, password: str, hours: float) -> str | None:
    """Begin a session.

    Returns:
        Its token, which only the caller ever sees; None where name and password do not fit an active account.
    """
    account = session.scalar(select(Account).where(func.lower(Account.name) == " ".join(name.split()).lower()))
    fits = _fits(account.password_hash if account else _NOBODY, password)
    if account is None or not account.active or not fits:
        return None
    session.execute(delete(LoginSession).where(LoginSession.expires < now()))
    token = secrets.token_urlsafe(32)
    expires = now() + timedelta(hours=hours)
    session.add(LoginSession(token_hash=_token_hash(token), account_id=account.id, expires=expires))
    note(session, account.name, "log in", f"account/{account.id}")
    return token


def logged_in(session: Session, token: str) -> Account | None:
    """Whose session a token belongs to; None where it has ended."""
    found = session.scalar(select(LoginSession).where(LoginSession.token_hash == _token_hash(token)))
    return found.account if found and found.expires > now() and found.account.active else None


def log_out(session: Session, token: str) -> None:
    """End a session."""
    session.execute(delete(LoginSession).where(LoginSession.token_hash == _token_hash(token)))


def _end_sessions(session: Session, account_id: int, but: str = "") -> None:
    others = LoginSession.token_hash != _token_hash(but)
    session.execute(delete(LoginSession).where(LoginSession.account_id == account_id, others))


def _fits(password_hash: str, password: str) -> bool:
    try:
        return _hasher.verify(password_hash, password)
    except VerifyMismatchError:
        return False


def _hash(password: str) -> str:
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_TEXT:
        raise StoreError("password_length", least=SHORTEST_PASSWORD, most=LONGEST_TEXT)
    return _hasher.hash(password)


def _token_hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
