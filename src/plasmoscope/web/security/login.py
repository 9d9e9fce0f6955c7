"""Logging in, and how many wrong passwords are borne."""

from starlette.requests import HTTPConnection

from plasmoscope.errors import PlasmoscopeError
from plasmoscope.store import accounts, idle, login_tries
from plasmoscope.store.login_tries import Try
from plasmoscope.store.store import Store
from plasmoscope.web.errors import WebError
from plasmoscope.web.security.identity import session_token
from plasmoscope.web.settings import SESSION_HOURS

WRONG_PASSWORD_CODE = "wrong_password"


class Logins:
    """Passwords checked against the accounts."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def log_in(self, request: HTTPConnection, name: str, password: str) -> str:
        """The token of a new session.

        Raises:
            WebError: 401, name and password do not fit; 429, after too many failures.
        """
        made = self._begin(request, name)
        with self._store.session() as session:
            token = accounts.log_in(session, name, password, SESSION_HOURS, address_of(request), made.noted)
            if token is not None:
                login_tries.forget(session, made)
        if token is None:
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
        made = self._begin(request, account.login)
        with self._store.session() as session:
            right = idle.unlock(session, token, password, address_of(request))
            if right:
                login_tries.forget(session, made)
        if not right:
            raise WebError(403, WRONG_PASSWORD_CODE, "wrong_login")

    def change_password(self, request: HTTPConnection, name: str, old: str, new: str) -> None:
        """Give somebody who is logged in another password.

        Raises:
            WebError: 403, the old password is wrong; 429, after too many failures.
            NotFoundError, StoreError: the session is nobody's; the new password is too short.
        """
        made = self._begin(request, name)
        try:
            with self._store.session() as session:
                changed = accounts.change_password(session, session_token(request), old, new)
                if changed:
                    login_tries.forget(session, made)
        except PlasmoscopeError:
            # The old one was right, and it is the new one that will not do.
            with self._store.session() as session:
                login_tries.forget(session, made)
            raise
        if not changed:
            raise WebError(403, WRONG_PASSWORD_CODE, "wrong_password")

    def _begin(self, request: HTTPConnection, name: str) -> Try:
        """Count a try.

        Raises:
            WebError: 429, after too many failures.
        """
        with self._store.session() as session:
            made = login_tries.begin(session, name, address_of(request))
        if made.wait:
            raise WebError(429, "too_many_logins", "too_many_wrong_passwords", retry_after=made.wait, seconds=made.wait)
        return made


def address_of(request: HTTPConnection) -> str:
    """From where a request comes."""
    return request.client.host if request.client else ""
