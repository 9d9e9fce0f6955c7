"""What a request meets first: who asks is decided before any of its body is read, and no body is endless."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from plasmoscope.web.errors import WebError
from plasmoscope.web.security import cross_site
from plasmoscope.web.security.identity import Sessions
from plasmoscope.web.security.rare_log import RareLog

_log = RareLog(logging.getLogger(__name__))
_RETRY_SECONDS = 5


@dataclass(frozen=True)
class Limits:
    """How much of requests' bodies comes in, and how slowly."""

    largest: int
    """Bytes of one request of somebody who is known."""
    largest_of_strangers: int = 64 * 1024
    """Bytes of one request of somebody who is not logged in: the form to do so."""
    at_once: int = 4
    """As many of the largest requests may be in work at once, or more of smaller ones: they lie in temporary files."""
    grace_seconds: float = 20
    """How long the server waits for a body in any case, ..."""
    bytes_per_second: float = 16 * 1024
    """... and how fast it has to come in beyond that."""


class Admission:
    """Tells who is acting (``request.state.actor``), and refuses what may not come in.

    That is: names that are not this machine's, changes that another site's page may have sent, and bodies that are too
    large, too many or too slow. Such bodies are logged.
    """

    def __init__(
        self,
        app: ASGIApp,
        sessions: Sessions,
        limits: Limits,
        refuse: Callable[[Request, Exception], Awaitable[Response]],
    ) -> None:
        self._app = app
        self._sessions = sessions
        self._limits = limits
        self._refuse = refuse
        self._in_work = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Admit one, or answer why not."""
        if scope["type"] != "http" or scope["path"].startswith("/static/"):
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        request.state.actor = None
        try:
            self._sessions.check_host(request)
            if cross_site.is_change(request.method):
                cross_site.check_source(request)
            request.state.actor = await self._sessions.actor(request)
            body = _Body(request, receive, self._limits)
            self._make_room(body)
        # The application, which answers for its own errors, is not asked yet.
        except Exception as error:
            answer = await self._refuse(request, error)
            await answer(scope, receive, send)
            return
        self._in_work += body.size
        try:
            await self._app(scope, body.receive, send)
        finally:
            self._in_work -= body.size

    def _make_room(self, body: "_Body") -> None:
        if body.size and self._in_work + body.size > self._limits.at_once * self._limits.largest:
            _log.warn("Refused for the moment: a body of %d bytes, since others are in work already.", body.size)
            raise WebError(503, "busy", "much_comes_in", retry_after=_RETRY_SECONDS)


class _Body:
    """The body of a request as it comes in."""

    def __init__(self, request: Request, receive: Receive, limits: Limits) -> None:
        self._receive = receive
        self._limits = limits
        self._who = request.client.host if request.client else "somebody"
        self._stranger = request.state.actor is None
        self._most = limits.largest_of_strangers if self._stranger else limits.largest
        self._received = 0
        self._waited = 0.0
        self._whole = False
        claimed = request.headers.get("content-length", "")
        self.size = int(claimed) if claimed.isdecimal() else self._most if "transfer-encoding" in request.headers else 0
        """Bytes that it may hold, as far as its head tells; 0 where they are few."""
        if self.size > self._most:
            raise self._too_large()
        if self.size <= limits.largest_of_strangers:
            self.size = 0

    async def receive(self) -> Message:
        """The next message of the request; WebError where the body is too large or too slow."""
        if self._whole:
            return await self._receive()
        clock = asyncio.get_running_loop().time
        started = clock()
        allowed = self._limits.grace_seconds + self._received / self._limits.bytes_per_second
        try:
            async with asyncio.timeout(allowed - self._waited):
                message = await self._receive()
        except TimeoutError as error:
            _log.warn("Given up: a body from %s that came in too slowly.", self._who)
            raise WebError(408, "slow", "too_slow") from error
        # What the server itself takes to work on a part is no fault of the sender.
        self._waited += clock() - started
        self._received += len(message.get("body", b""))
        if self._received > self._most:
            raise self._too_large()
        self._whole = not message.get("more_body", False)
        return message

    def _too_large(self) -> WebError:
        _log.warn("Refused: a body from %s larger than %d bytes.", self._who, self._most)
        if self._stranger:
            return WebError(401, "login", "log_in_first")
        return WebError(413, "too_large", "body_too_large", most=self._most // 1024**2)
