"""Figures for Prometheus; nothing about patients or slides."""

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from plasmoscope.web.access_log import AccessLog


class Metrics:
    """What a workstation counts from its start."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "plasmoscope_requests", "Requests answered.", ["method", "route", "status"], registry=self._registry
        )
        self.request_seconds = Histogram(
            "plasmoscope_request_seconds", "Time to answer a request.", registry=self._registry
        )
        self.analysis_seconds = Histogram(
            "plasmoscope_analysis_seconds", "Time to analyse a photograph.", registry=self._registry
        )
        self.waiting = Gauge("plasmoscope_fields_waiting", "Photographs that wait.", registry=self._registry)

    def text(self) -> bytes:
        """All figures in Prometheus' text format."""
        return generate_latest(self._registry)


class Measure:
    """Counts requests and their time, and has each written down where there is a log."""

    def __init__(self, app: ASGIApp, metrics: Metrics, log: AccessLog | None = None) -> None:
        self._app = app
        self._metrics = metrics
        self._log = log

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
            seconds = time.perf_counter() - started
            self._metrics.request_seconds.observe(seconds)
            if self._log is not None:
                self._log.write(scope, status, seconds)
