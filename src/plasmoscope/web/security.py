"""Who is acting, and what a request must show before it may change anything.

Wherever others can reach the page, people log in with accounts. On loopback there is one person, who is whom they say.
In both cases a browser holds a session cookie, and every change must carry a token that belongs to it: another web page
can make a browser send the cookie, but cannot read the token (cross-site request forgery).
"""

import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote, unquote

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader, HTTPBearer
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import Response

from plasmoscope.store import accounts
from plasmoscope.store.records import Role
from plasmoscope.store.store import Store
from plasmoscope.web.errors import WebError
from plasmoscope.web.settings import SESSION_HOURS, Settings, is_loopback

SESSION_COOKIE = "plasmoscope_session"
NAME_COOKIE = "plasmoscope_name"
CSRF_FIELD = "csrf_token"
CSRF_HEADER = "x-csrf-token"
# Programs that are no browser send no cookie; a page of another site cannot set this header.
CLIENT_HEADER = "x-plasmoscope-client"
# For the document of the interface; ``check_csrf`` and ``Sessions.actor`` do the checking.
SCHEMES = [
    Security(
        APIKeyHeader(
            name=CLIENT_HEADER,
            scheme_name="program",
            description="Any value, with whatever is not read alone: it tells a program from another site's page.",
            auto_error=False,
        )
    ),
    Security(
        HTTPBearer(
            scheme_name="account", description="The token of /login, where people must log in.", auto_error=False
        )
    ),
]
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_RANKS: dict[Role, int] = {"reader": 0, "technician": 1, "admin": 2}
_LOCAL_NAME = "local user"
LONGEST_NAME = 100
"""Characters of a name that somebody gives without an account."""

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; "
        "form-action 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass(frozen=True)
class Actor:
    """Who is acting."""

    name: str
    role: Role
    named: bool = True
    """Whether the name is their own; without accounts nobody has given one at first."""

    def may(self, role: Role) -> bool:
        """Whether this role is theirs or below."""
        return _RANKS[self.role] >= _RANKS[role]


class Sessions:
    """Recognises whoever sends a request."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # Tokens of browsers that are open while the program starts anew are refused once; the page then reloads.
        self._secret = secrets.token_bytes(32)

    async def actor(self, request: HTTPConnection) -> Actor | None:
        """Who is acting; None for somebody who has to log in."""
        if not self._settings.accounts_required:
            name = " ".join(unquote(request.cookies.get(NAME_COOKIE, "")).split())[:LONGEST_NAME]
            return Actor(name, "admin") if name else Actor(_LOCAL_NAME, "admin", named=False)
        token = session_token(request)
        return await run_in_threadpool(_logged_in, request.app.state.store, token) if token else None

    def csrf_token(self, session: str) -> str:
        """What a change must carry beside this session's cookie."""
        return hmac.new(self._secret, session.encode(), hashlib.sha256).hexdigest()

    def check_csrf(self, request: HTTPConnection, given: str) -> None:
        """Refuse a change that another site's page may have sent.

        Raises:
            WebError: 403.
        """
        cookie = request.cookies.get(SESSION_COOKIE, "")
        if not cookie and (request.headers.get(CLIENT_HEADER) or bearer(request)):
            return
        if not cookie or not hmac.compare_digest(given.encode(), self.csrf_token(cookie).encode()):
            raise WebError(
                403,
                "csrf",
                "This page is out of date, or the request came from elsewhere. Reload the page and try again; programs "
                f"send the header {CLIENT_HEADER}.",
            )

    def check_host(self, request: HTTPConnection) -> None:
        """On loopback, refuse names that are not: a site could point its own name here (DNS rebinding).

        Raises:
            WebError: 400.
        """
        host = request.headers.get("host", "")
        name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
        if not self._settings.accounts_required and not is_loopback(name.strip("[]")):
            raise WebError(400, "host", "This workstation answers on this machine alone.")

    def keep_name(self, headers: MutableHeaders, name: str) -> None:
        """Without accounts, know this browser's changes by the name that somebody gave there."""
        self.add_cookie(headers, NAME_COOKIE, name)

    def add_cookie(self, headers: MutableHeaders, name: str, value: str) -> None:
        """Give the browser a cookie that no script reads and no other site's form sends."""
        carrier = Response()
        carrier.set_cookie(
            name,
            quote(value, safe=" "),
            max_age=SESSION_HOURS * 3600,
            httponly=True,
            samesite="lax",
            secure=self._settings.secure_cookies,
        )
        headers.append("set-cookie", carrier.headers["set-cookie"])


def _logged_in(store: Store, token: str) -> Actor | None:
    with store.reading() as session:
        account = accounts.logged_in(session, token)
        return Actor(account.name, account.role) if account else None


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
        since = time.monotonic() - self._seconds
        for key in keys:
            recent = [moment for moment in self._failures.get(key, []) if moment > since]
            if len(recent) >= self._allowed:
                wait = int(recent[0] - since) + 1
                raise WebError(429, "too_many_logins", f"Too many wrong passwords; wait {wait} seconds.", wait)

    def failed(self, *keys: str) -> None:
        """Remember a failure."""
        since = time.monotonic() - self._seconds
        for key in keys:
            recent = [moment for moment in self._failures.pop(key, []) if moment > since]
            self._failures[key] = [*recent, time.monotonic()]
        while len(self._failures) > self._remembered:
            self._failures.popitem(last=False)


def bearer(request: HTTPConnection) -> str:
    """The token that a program sends, or nothing."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def session_token(request: HTTPConnection) -> str:
    """The token of whoever is logged in, from a program's header or a browser's cookie; or nothing."""
    return bearer(request) or request.cookies.get(SESSION_COOKIE, "")


def is_change(method: str) -> bool:
    """Whether a request of this method may change something."""
    return method not in _SAFE_METHODS


def _require(role: Role) -> object:
    def check(request: Request) -> Actor:
        actor: Actor | None = request.state.actor
        if actor is None:
            raise WebError(401, "login", "Log in first.")
        if not actor.may(role):
            raise WebError(403, "role", f"Only a {role} may do this; you are logged in as {actor.role}.")
        return actor

    return Depends(check)


Reader = Annotated[Actor, _require("reader")]
Technician = Annotated[Actor, _require("technician")]
Admin = Annotated[Actor, _require("admin")]
