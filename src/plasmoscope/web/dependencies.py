"""What the pages take from a request: the records, whether the reader was welcomed, which page of a list."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Query, Request
from fastapi.responses import RedirectResponse
from starlette.datastructures import URL

from plasmoscope.store.store import Store
from plasmoscope.web.errors import WebError

_WELCOME_COOKIE = "welcome"
WELCOME_CODE = "welcome"
_ACCEPTED = "accepted"
_YEAR_SECONDS = 365 * 24 * 3600

PageNumber = Annotated[int, Query(ge=1, le=1_000_000)]


@dataclass(frozen=True)
class Paging:
    """Which part of a list is shown."""

    total: int
    first: int
    """From 1."""
    last: int
    before: str | None
    """Address of the part before this one."""
    after: str | None

    @property
    def size(self) -> int:
        """How many are shown."""
        return self.last - self.first + 1


def paging(request: Request, page: int, size: int, shown: Sequence[Any], total: int) -> Paging:
    """Where the reader is in a list of ``total`` that shows ``size`` at a time."""
    first = (page - 1) * size + 1
    last = first + len(shown) - 1
    before = _address(request.url.include_query_params(page=page - 1)) if page > 1 else None
    after = _address(request.url.include_query_params(page=page + 1)) if last < total and shown else None
    return Paging(total, first, last, before, after)


def records(request: Request) -> Store:
    """The workstation's records."""
    store: Store = request.app.state.store
    return store


def remember(answer: RedirectResponse, request: Request, name: str, value: str) -> RedirectResponse:
    """Keep a reader's choice in their browser for a year."""
    secure = request.app.state.settings.secure_cookies
    answer.set_cookie(name, value, max_age=_YEAR_SECONDS, httponly=True, samesite="lax", secure=secure)
    return answer


def welcome(answer: RedirectResponse, request: Request) -> RedirectResponse:
    """Keep that the reader has accepted what the program is for."""
    return remember(answer, request, _WELCOME_COOKIE, _ACCEPTED)


def go(address: str) -> RedirectResponse:
    """Send the browser on to a page of ours, after a form or in place of another page."""
    return RedirectResponse(own(address), 303)


def own(address: str) -> str:
    """An address on this workstation; the first page in place of any other."""
    foreign = not address.startswith("/") or address.startswith("//") or "\\" in address or not address.isprintable()
    return "/" if foreign else address


async def _welcomed(request: Request) -> None:
    # Whoever has to log in does that first.
    if request.state.actor is not None and request.cookies.get(_WELCOME_COOKIE) != _ACCEPTED:
        raise WebError(303, WELCOME_CODE, "Accept on the page /welcome what the program is for.")


Welcomed = Depends(_welcomed)
"""Readers who have not accepted what the program is for are shown the welcome first."""


def _address(url: URL) -> str:
    return f"{url.path}?{url.query}"
