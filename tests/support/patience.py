"""How long a test waits for what must happen."""

PATIENCE = 900.0
"""Seconds. Only what hangs takes so long: a busy laptop is slow, and no test may fail for that."""
