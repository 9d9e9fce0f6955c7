"""What happens to every request: bounded, recognised, counted, and answered with headers that protect the page."""

import secrets
import time
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from plasmoscope.web import security
from plasmoscope.web.metrics import Metrics


class BodyLimit:
    """Reads no more of a request than is allowed, whatever its headers say."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app = app
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count what comes in."""
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._most:
                raise HTTPException(413, f"This is more than {self._most // 1024**2} MB; send smaller files.")
            return message

        await self._app(scope, counted if scope["type"] == "http" else receive, send)


class Headers:
    """Adds the protecting headers, and keeps patients' pages out of the browser's cache."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add them as the answer starts."""

        async def protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in security.HEADERS.items():
                    headers[name] = value
                # Styles and scripts may be kept, and are asked for anew whether they changed.
                headers.setdefault("Cache-Control", "no-cache" if scope["path"].startswith("/static/") else "no-store")
            await send(message)

        await self._app(scope, receive, protected if scope["type"] == "http" else send)


class Visitor:
    """Gives each browser a session cookie, which the CSRF token belongs to."""

    def __init__(self, app: ASGIApp, sessions: security.Sessions) -> None:
        self._app = app
        self._sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Set ``request.state.session`` to the browser's session, a new one where it has none."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        known = HTTPConnection(scope).cookies.get(security.SESSION_COOKIE)
        state: dict[str, Any] = scope.setdefault("state", {})
        state["session"] = known or secrets.token_urlsafe(32)

        async def with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start" and not known:
                headers = MutableHeaders(scope=message)
                # A log-in sets a cookie of its own.
                page = headers.get("content-type", "").startswith("text/html") and scope["path"][:5] != "/api/"
                if page and security.SESSION_COOKIE not in headers.get("set-cookie", ""):
                    self._sessions.add_cookie(headers, security.SESSION_COOKIE, state["session"])
            await send(message)

        await self._app(scope, receive, with_cookie)


class Measure:
    """Counts requests and their time."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count one."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        started = time.perf_counter()
        try:
            await self._app(scope, receive, watched)
        finally:
            # The route's pattern, not the address: that would hold numbers of slides.
            route = getattr(scope.get("route"), "path", "none")
            self._metrics.requests.labels(scope["method"], route, str(status)).inc()
            self._metrics.request_seconds.observe(time.perf_counter() - started)
