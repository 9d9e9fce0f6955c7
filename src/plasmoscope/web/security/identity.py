"""Who is acting, and what a request must show before it may change anything.

Wherever others can reach the page, people log in with accounts. On loopback there is one person, who is whom they say.
In both cases a page of another site could make a browser send a change (cross-site request forgery). Browsers tell of
every change which site's page sends it, and no page can forge that; so nothing need be remembered for it, and pages
outlive a new start of the server.
"""

import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote, unquote, urlsplit

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
# What programs tell themselves by; a browser lets no page of another site set it.
CLIENT_HEADER = "x-plasmoscope-client"
# For the document of the interface; ``check_source`` and ``Sessions.actor`` do the checking.
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
    # Other sites are told nothing. Without any, browsers would not tell this one that a form is its own either.
    "Referrer-Policy": "same-origin",
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

    async def actor(self, request: HTTPConnection) -> Actor | None:
        """Who is acting; None for somebody who has to log in."""
        if not self._settings.accounts_required:
            name = " ".join(unquote(request.cookies.get(NAME_COOKIE, "")).split())[:LONGEST_NAME]
            return Actor(name, "admin") if name else Actor(_LOCAL_NAME, "admin", named=False)
        token = session_token(request)
        return await run_in_threadpool(_logged_in, request.app.state.store, token) if token else None

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


def check_source(request: HTTPConnection) -> None:
    """Refuse a change that another site's page may have sent.

    A browser says where it comes from in Sec-Fetch-Site, as far as the connection is safe or stays on this machine,
    and in Origin always. Whatever says neither must say that it is a program.

    Raises:
        WebError: 403.
    """
    if request.headers.get(CLIENT_HEADER) or bearer(request):
        return
    site = request.headers.get("sec-fetch-site")
    own = site in {"same-origin", "none"} if site is not None else _is_own(request)
    if not own:
        raise WebError(
            403,
            "csrf",
            "This came from another page than the workstation's own, or from a browser that does not tell. Open the "
            "workstation in an up-to-date browser, and let a proxy before it pass the header Host on; programs send "
            f"the header {CLIENT_HEADER}.",
        )


def _is_own(request: HTTPConnection) -> bool:
    """Whether Origin names the address that was asked."""
    try:
        origin = urlsplit(request.headers.get("origin", "")).netloc
    except ValueError:
        return False
    return bool(origin) and origin.lower() == request.headers.get("host", "").lower()


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
    # Not in a thread: it waits for nothing.
    async def check(request: Request) -> Actor:
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
