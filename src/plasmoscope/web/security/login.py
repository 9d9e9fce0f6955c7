"""Logging in, and how many wrong passwords are borne."""

import time
from collections import OrderedDict

from starlette.requests import HTTPConnection

from plasmoscope.store import accounts, idle
from plasmoscope.store.store import Store
from plasmoscope.web.errors import WebError
from plasmoscope.web.security.identity import session_token
from plasmoscope.web.settings import SESSION_HOURS

WRONG_PASSWORD_CODE = "wrong_password"
_NOTED_A_MINUTE = 60  # failures; who tries from many places must not fill the disk with them
_ALL = "all"


class LoginLimit:
    """Slows down whoever guesses passwords, by name and by address."""

    def __init__(self, failures: int = 5, seconds: int = 60, remembered: int = 10_000) -> None:
        self._allowed = failures
        self._seconds = seconds
        self._remembered = remembered
        self._failures: OrderedDict[str, list[float]] = OrderedDict()

    def check(self, *keys: str) -> None:
        """Refuse another try while there were too many failures of late.

        Raises:
            WebError: 429.
        """
        for key in keys:
            if wait := self._wait(key):
                raise WebError(429, "too_many_logins", "too_many_wrong_passwords", retry_after=wait, seconds=wait)

    def allows(self, key: str) -> bool:
        """Whether there were not too many failures of late."""
        return not self._wait(key)

    def failed(self, *keys: str) -> None:
        """Remember a failure."""
        since = time.monotonic() - self._seconds
        for key in keys:
            recent = [moment for moment in self._failures.pop(key, []) if moment > since]
            self._failures[key] = [*recent, time.monotonic()]
        while len(self._failures) > self._remembered:
            self._failures.popitem(last=False)

    def _wait(self, key: str) -> int:
        """Seconds until another try; 0 where it may be made at once."""
        since = time.monotonic() - self._seconds
        recent = [moment for moment in self._failures.get(key, []) if moment > since]
        return int(recent[0] - since) + 1 if len(recent) >= self._allowed else 0


class Logins:
    """Passwords checked against the accounts."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._limit = LoginLimit()
        self._noted = LoginLimit(_NOTED_A_MINUTE)

    def log_in(self, request: HTTPConnection, name: str, password: str) -> str:
        """The token of a new session.

        Raises:
            WebError: 401, name and password do not fit; 429, after too many failures.
        """
        keys = _keys(request, name)
        self._limit.check(*keys)
        note = self._noted.allows(_ALL)
        with self._store.session() as session:
            token = accounts.log_in(session, name, password, SESSION_HOURS, address_of(request), note)
        if token is None:
            self._limit.failed(*keys)
            self._noted.failed(_ALL)
            raise WebError(401, "login", "wrong_login")
        return token

    def unlock(self, request: HTTPConnection, password: str) -> None:
        """Let the person whose session is locked go on in it.

        Raises:
            WebError: 401, the session is over; 403, the password is not theirs; 429, after too many failures.
        """
        token = session_token(request)
        with self._store.reading() as session:
            account = accounts.logged_in(session, token)
        if account is None:
            raise WebError(401, "login", "log_in_first")
        keys = _keys(request, account.login)
        self._limit.check(*keys)
        with self._store.session() as session:
            right = idle.unlock(session, token, password, address_of(request))
        if not right:
            self._limit.failed(*keys)
            raise WebError(403, WRONG_PASSWORD_CODE, "wrong_login")

    def change_password(self, request: HTTPConnection, name: str, old: str, new: str) -> None:
        """Give somebody who is logged in another password.

        Raises:
            WebError: 403, the old password is wrong; 429, after too many failures.
            NotFoundError, StoreError: the session is nobody's; the new password is too short.
        """
        keys = _keys(request, name)
        self._limit.check(*keys)
        with self._store.session() as session:
            changed = accounts.change_password(session, session_token(request), old, new)
        if not changed:
            self._limit.failed(*keys)
            raise WebError(403, WRONG_PASSWORD_CODE, "wrong_password")


def address_of(request: HTTPConnection) -> str:
    """From where a request comes."""
    return request.client.host if request.client else ""


def _keys(request: HTTPConnection, name: str) -> tuple[str, str]:
    return f"name {' '.join(name.lower().split())}", f"address {address_of(request)}"
