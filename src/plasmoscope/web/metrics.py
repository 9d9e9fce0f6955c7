"""Figures for Prometheus; nothing about patients or slides."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest


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
