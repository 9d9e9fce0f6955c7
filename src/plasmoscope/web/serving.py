"""The server that listens, and its connections: bounded in number, and closed where nothing comes of them.

What uvicorn offers for this begins only once a request's head is whole: connections that send half a head, or read no
answer, stay open for as long as they like, until the system has no number left for the connection of anybody else.
"""

import asyncio
import logging
import sys
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from plasmoscope.web.security.rare_log import RareLog

_log = RareLog(logging.getLogger(__name__))
_MOST = 500  # connections at once
_HEAD_SECONDS = 10.0
"""How long a connection may stay open without a whole head of a request."""
_HEAD_BYTES = 64 * 1024
_REST_SECONDS = 60.0
"""How long a body that was refused may go on coming in: a browser reads no answer before all of it is sent."""
_STUCK_SECONDS = 30.0
"""How long somebody may take nothing of an answer that waits for them."""
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\ncontent-type: text/plain\r\ncontent-length: 35\r\n"
    b"connection: close\r\n\r\nToo many connections; try it again.\n"
)


def server(app: Any, **settings: Any) -> uvicorn.Server:
    """A server for the workstation's application; ``settings`` are uvicorn's."""
    return uvicorn.Server(
        uvicorn.Config(app, http=_Connection, ws="none", log_level="warning", server_header=False, **settings)
    )


class _Connection(HttpToolsProtocol):
    """One connection. It waits for a request's head, then for the answer, over and over."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._head = 0
        self._unsent = 0
        self._since = self.loop.time()
        if len(self.connections) > most_connections() and not self._displace_another():
            _log.warn("Turned away: a connection from %s, since all others are at work.", self._who)
            transport.write(_FULL)
            transport.close()
        self._timer = self.loop.call_later(_HEAD_SECONDS, self._look_after)

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._waits and not self._rest_comes:
            self._head += len(data)
            if self._head > _HEAD_BYTES and not self.transport.is_closing():
                self._end("Closed: a connection from %s whose request's head has no end.")

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self._head = 0

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._since = self.loop.time()

    @property
    def _waits(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    @property
    def _rest_comes(self) -> bool:
        """Whether a body still comes in whose request was answered."""
        return self.cycle is not None and self.cycle.more_body

    @property
    def _who(self) -> str:
        return self.client[0] if self.client else "somebody"

    def _displace_another(self) -> bool:
        """Close the connection that has waited longest for a request, so that there is room for this one."""
        idle = [other for other in self.connections if isinstance(other, _Connection) and other._waits]
        others = [other for other in idle if other is not self and not other.transport.is_closing()]
        if not others:
            return False
        min(others, key=lambda other: other._since)._end("Closed for want of room: a connection from %s, idle longest.")
        return True

    def _look_after(self) -> None:
        """Every now and then: close what came to nothing."""
        unsent = self.transport.get_write_buffer_size()
        now = self.loop.time()
        if unsent:
            if unsent != self._unsent:
                self._since = now
            elif now - self._since > _STUCK_SECONDS:
                self._end("Closed: a connection from %s that takes no answer.")
        elif self._waits and now - self._since >= (_REST_SECONDS if self._rest_comes else _HEAD_SECONDS):
            if not self._head:
                # Browsers open connections that they may need.
                self.transport.close()
            else:
                self._end("Closed: a connection from %s with half a request.")
        self._unsent = unsent
        self._timer = self.loop.call_later(_HEAD_SECONDS / 2, self._look_after)

    def _end(self, why: str) -> None:
        _log.warn(why, self._who)
        self.transport.abort()


def most_connections() -> int:
    """How many connections there may be: fewer than the system gives this process numbers for."""
    if sys.platform == "win32":
        return _MOST
    import resource

    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return _MOST if files == resource.RLIM_INFINITY else min(_MOST, files // 2)
