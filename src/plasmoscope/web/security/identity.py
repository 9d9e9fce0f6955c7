"""Who is acting.

Wherever others can reach the page, people log in with accounts. On loopback there is one person, who is whom they say.
"""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote, unquote

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import Response

from plasmoscope.messages import message
from plasmoscope.store import accounts, idle
from plasmoscope.store.audit import SOMEBODY
from plasmoscope.store.records import Role
from plasmoscope.store.sites import Sites, sites_of
from plasmoscope.store.store import Store
from plasmoscope.web.errors import WebError
from plasmoscope.web.settings import SESSION_HOURS, Settings, is_loopback

SESSION_COOKIE = "plasmoscope_session"
NAME_COOKIE = "plasmoscope_name"
IDLE_HEADER = "x-plasmoscope-unasked"
"""With what a page asks for by itself, nobody acting."""
_LOCKED = "locked"
_RANKS: dict[Role, int] = {"reader": 0, "technician": 1, "admin": 2}
LONGEST_NAME = 100
"""Characters of a name that somebody gives without an account."""


@dataclass(frozen=True)
class Actor:
    """Who is acting."""

    name: str
    role: Role
    named: bool = True
    """Whether the name is their own; without accounts nobody has given one at first."""
    sites: Sites | None = None
    """Whose slides they see; None: all."""

    def may(self, role: Role) -> bool:
        """Whether this role is theirs or below."""
        return _RANKS[self.role] >= _RANKS[role]


class Sessions:
    """Recognises whoever sends a request."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._store = store

    async def actor(self, request: HTTPConnection) -> Actor | None:
        """Who is acting; None for somebody who has to log in."""
        if not self._settings.accounts_required:
            name = " ".join(unquote(request.cookies.get(NAME_COOKIE, "")).split())[:LONGEST_NAME]
            return Actor(name, "admin") if name else Actor(SOMEBODY, "admin", named=False)
        token = session_token(request)
        if not token:
            return None
        found = await run_in_threadpool(self._logged_in, token, _is_act(request))
        request.state.locked = found is _LOCKED
        return None if isinstance(found, str) else found

    def _logged_in(self, token: str, is_act: bool) -> Actor | str | None:
        """Who acts, or ``_LOCKED`` in a locked session."""
        minutes = self._settings.idle_minutes
        with self._store.reading() as session:
            found = accounts.session_of(session, token)
            if found is None:
                return None
            account = found.account
            locked, to_keep = idle.is_locked(found, minutes), idle.is_to_keep(found)
        if locked:
            return _LOCKED
        if minutes and is_act and to_keep:
            with self._store.session() as session:
                idle.act(session, token)
        return Actor(account.name, account.role, sites=sites_of(account, self._settings.strict_sites))

    def check_host(self, request: HTTPConnection) -> None:
        """On loopback, refuse names that are not: a site could point its own name here (DNS rebinding).

        Raises:
            WebError: 400.
        """
        host = request.headers.get("host", "")
        name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
        if not self._settings.accounts_required and not is_loopback(name.strip("[]")):
            raise WebError(400, "host", "wrong_host")

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


def _is_act(request: HTTPConnection) -> bool:
    """Whether a person or a program asks for it, and no page by itself, such as for a picture or for what is new."""
    if request.headers.get(IDLE_HEADER):
        return False
    read = request.scope["method"] in {"GET", "HEAD"}
    return not read or "text/html" in request.headers.get("accept", "") or bool(bearer(request))


def bearer(request: HTTPConnection) -> str:
    """The token that a program sends, or nothing."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def session_token(request: HTTPConnection) -> str:
    """The token of whoever is logged in, from a program's header or a browser's cookie; or nothing."""
    return bearer(request) or request.cookies.get(SESSION_COOKIE, "")


def _require(role: Role) -> object:
    # Not in a thread: it waits for nothing.
    async def check(request: Request) -> Actor:
        actor: Actor | None = request.state.actor
        if actor is None:
            locked = getattr(request.state, "locked", False)
            raise WebError(401, "locked", "session_locked") if locked else WebError(401, "login", "log_in_first")
        if not actor.may(role):
            needed, own = (message(f"role_{name}") for name in (role, actor.role))
            raise WebError(403, "role", "role_needed", needed=needed, role=own)
        return actor

    return Depends(check)


Reader = Annotated[Actor, _require("reader")]
Technician = Annotated[Actor, _require("technician")]
Admin = Annotated[Actor, _require("admin")]
