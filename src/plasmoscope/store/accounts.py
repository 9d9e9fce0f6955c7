"""Accounts with passwords, and the sessions of who is logged in."""

import hashlib
import secrets
import unicodedata
from collections.abc import Sequence
from datetime import timedelta
from typing import get_args

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from plasmoscope.store.audit import COMMAND_LINE, PROGRAM, SOMEBODY, note
from plasmoscope.store.errors import ConflictError, NotFoundError, StoreError
from plasmoscope.store.names import alike
from plasmoscope.store.records import LONGEST_TEXT, Account, LoginSession, Role, now, storable
from plasmoscope.store.sites import given_sites

SHORTEST_PASSWORD = 10  # characters; NIST SP 800-63B asks for 8 at least
ACCOUNTS = "account"
"""What the audit's subjects of accounts begin with; by itself the subject of a log-in under a name that is none's."""
_RESERVED = (PROGRAM, COMMAND_LINE, SOMEBODY)  # nobody's name, or their acts would read as another's
_hasher = PasswordHasher()
# What the password of a name that does not exist is held against, so that the time tells nothing.
_NOBODY = _hasher.hash(secrets.token_hex())


def add_account(
    session: Session, who: str, login: str, password: str, role: Role, sites: Sequence[str] = ()
) -> Account:
    """Let somebody log in.

    Where somebody who was removed had the name, the new person stands in the records as ``Amina (2)``: signatures and
    entries of the audit stay the former person's.

    Args:
        sites: as for ``set_sites``.

    Raises:
        StoreError: no name, a password that is too short, no such role, or too many sites.
        ConflictError: the name is taken.
    """
    login = unicodedata.normalize("NFC", " ".join(storable(login).split()))
    if not alike(login) or len(login) > LONGEST_TEXT:
        raise StoreError("account_name", most=LONGEST_TEXT)
    _check_role(role)
    known = session.execute(select(Account.name, Account.login, Account.removed)).all()
    reserved = {alike(name) for name in _RESERVED}
    if alike(login) in reserved | {alike(row.login) for row in known if not row.removed}:
        raise ConflictError("account_taken", name=login)
    name = _free_name(login, {alike(row.name) for row in known})
    belongs_to = given_sites(session, sites)
    account = Account(name=name, login=login, password_hash=_hash(password), role=role, sites=belongs_to)
    session.add(account)
    session.flush()
    note(session, who, "add account", _subject(account.id), name=name, login=login, role=role, sites=belongs_to)
    return account


def set_role(session: Session, who: str, account_id: int, role: Role) -> Account:
    """Give an account another role, which it has at once, also where it is logged in.

    Raises:
        NotFoundError: no such account.
        StoreError: no such role.
        ConflictError: it is the last active admin.
    """
    _check_role(role)
    account = get_account(session, account_id)
    if role != "admin":
        _keep_an_admin(session, account)
    if role != account.role:
        before, account.role = account.role, role
        note(session, who, "change role", _subject(account_id), name=account.name, role=[before, role])
    return account


def set_sites(session: Session, who: str, account_id: int, sites: Sequence[str]) -> Account:
    """Let an account see the slides of these sites only, from now on; of none, as ``sites_of`` says.

    Raises:
        NotFoundError, StoreError: no such account; too many sites.
    """
    account = get_account(session, account_id)
    given = given_sites(session, sites)
    if given != account.sites:
        before, account.sites = account.sites, given
        note(session, who, "change sites", _subject(account_id), name=account.name, sites=[before, given])
    return account


def set_password(session: Session, who: str, account_id: int, password: str) -> Account:
    """Give an account another password; whoever is logged in with it must log in anew.

    Raises:
        NotFoundError, StoreError: no such account; the password is too short.
    """
    account = get_account(session, account_id)
    account.password_hash = _hash(password)
    _end_sessions(session, account_id)
    note(session, who, "set password", _subject(account_id), name=account.name)
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
        note(session, account.name, "fail to change password", _subject(account.id))
        return False
    account.password_hash = _hash(new)
    _end_sessions(session, account.id, but=token)
    note(session, account.name, "change password", _subject(account.id))
    return True


def deactivate(session: Session, who: str, account_id: int) -> Account:
    """Let an account log in no more; what it did stays in the records under its name.

    Raises:
        NotFoundError: no such account.
        ConflictError: it is the last active admin.
    """
    account = get_account(session, account_id)
    _keep_an_admin(session, account)
    account.active = False
    _end_sessions(session, account_id)
    note(session, who, "deactivate account", _subject(account_id), name=account.name)
    return account


def remove(session: Session, who: str, account_id: int) -> Account:
    """Let an account log in never again, and its name be somebody else's; what it did stays under the name it had.

    Raises:
        NotFoundError, ConflictError: as ``deactivate``.
    """
    account = deactivate(session, who, account_id) if get_account(session, account_id).active else None
    account = account or get_account(session, account_id)
    account.removed = True
    note(session, who, "remove account", _subject(account_id), name=account.name)
    return account


def activate(session: Session, who: str, account_id: int) -> Account:
    """Let a deactivated account log in again, with the password that it had.

    Raises:
        NotFoundError: no such account.
    """
    account = get_account(session, account_id)
    account.active = True
    note(session, who, "activate account", _subject(account_id), name=account.name)
    return account


def get_account(session: Session, account_id: int) -> Account:
    """One account.

    Raises:
        NotFoundError: no such account.
    """
    account = session.get(Account, account_id)
    if account is None or account.removed:
        raise NotFoundError("no_account", account=str(account_id))
    return account


def all_accounts(session: Session) -> Sequence[Account]:
    """Every account by name, without those that were removed."""
    return session.scalars(select(Account).where(~Account.removed).order_by(Account.name)).all()


def log_in(
    session: Session, login: str, password: str, hours: float, address: str = "", note_failure: bool = True
) -> str | None:
    """Begin a session.

    Args:
        address: from where, for the audit.
        note_failure: write into the audit that it failed. A name that is no account's is not written down: it may be
            a password that was typed into the wrong box.

    Returns:
        Its token, which only the caller ever sees; None where name and password do not fit an active account.
    """
    known = session.scalars(select(Account).where(~Account.removed)).all()
    account = next((one for one in known if alike(one.login) == alike(login)), None)
    fits = _fits(account.password_hash if account else _NOBODY, password)
    if account is None or not account.active or not fits:
        if note_failure:
            subject, name = (_subject(account.id), account.name) if account else (ACCOUNTS, None)
            note(session, PROGRAM, "fail to log in", subject, name=name, address=address)
        return None
    return begin_session(session, account, hours, address)


def begin_session(session: Session, account: Account, hours: float, address: str = "", how: str = "password") -> str:
    """Begin a session of somebody who was recognised; gives its token, which only the caller ever sees."""
    session.execute(delete(LoginSession).where(LoginSession.expires < now()))
    token = secrets.token_urlsafe(32)
    expires = now() + timedelta(hours=hours)
    session.add(LoginSession(token_hash=_token_hash(token), account_id=account.id, expires=expires, acted=now()))
    note(session, account.name, "log in", _subject(account.id), address=address, how=how)
    return token


def logged_in(session: Session, token: str) -> Account | None:
    """Whose session a token belongs to; None where it has ended."""
    found = session_of(session, token)
    return found.account if found else None


def session_of(session: Session, token: str) -> LoginSession | None:
    """The session that a token is of; None where it has ended."""
    found = session.scalar(select(LoginSession).where(LoginSession.token_hash == _token_hash(token)))
    return found if found and found.expires > now() and found.account.active else None


def password_fits(account: Account, password: str) -> bool:
    """Whether it is this account's."""
    return _fits(account.password_hash, password)


def log_out(session: Session, token: str) -> None:
    """End a session."""
    account = logged_in(session, token)
    session.execute(delete(LoginSession).where(LoginSession.token_hash == _token_hash(token)))
    if account is not None:
        note(session, account.name, "log out", _subject(account.id))


def _subject(account_id: int) -> str:
    return f"{ACCOUNTS}/{account_id}"


def _check_role(role: Role) -> None:
    if role not in get_args(Role):
        raise StoreError("no_such_role", roles=", ".join(get_args(Role)), role=role)


def _keep_an_admin(session: Session, account: Account) -> None:
    """Refuse to take the last active admin away."""
    # Held until the end, so that no two admins deactivate each other at once.
    admins = select(Account.id).where(Account.role == "admin", Account.active).order_by(Account.id).with_for_update()
    if account.role == "admin" and not set(session.scalars(admins)) - {account.id}:
        raise ConflictError("last_admin", name=account.name)


def _free_name(login: str, taken: set[str]) -> str:
    name, number = login, 1
    while alike(name) in taken:
        number += 1
        name = f"{login} ({number})"
    return name


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
