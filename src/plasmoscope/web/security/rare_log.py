"""A log of what strangers can cause at will, which must not fill the disk."""

import logging
import time


class RareLog:
    """Writes each kind of line now and then, with how many there would have been."""

    def __init__(self, log: logging.Logger, seconds: float = 10.0) -> None:
        self._log = log
        self._seconds = seconds
        self._written: dict[str, float] = {}
        self._unwritten: dict[str, int] = {}

    def warn(self, message: str, *values: object) -> None:
        """Write a line, unless one of this kind was written a moment ago.

        Args:
            message: tells the kind; it has places for the values as in ``logging``.
        """
        now = time.monotonic()
        if now - self._written.get(message, -self._seconds) < self._seconds:
            self._unwritten[message] = self._unwritten.get(message, 0) + 1
            return
        self._written[message] = now
        more = self._unwritten.pop(message, 0)
        self._log.warning(f"{message}%s", *values, f" ({more} more like this before)" if more else "")
