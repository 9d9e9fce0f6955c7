"""Who asked for what: a line of JSON for each request, without a word of patients.

Of an address stand the route and the numbers in it, never a code, a name of a file or what was searched for.
"""

import json
import logging
import os
import sys
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path

from starlette.types import Scope

from plasmoscope.errors import PlasmoscopeError

STANDARD_OUTPUT = "-"
_BYTES = 10 * 1024**2
_FILES = 10  # of that size: the newest requests stay


class AccessLog:
    """Writes the lines, to a file that is set aside when it is full, or to the standard output."""

    def __init__(self, place: str) -> None:
        """Open it.

        Args:
            place: a file, or ``-``.

        Raises:
            PlasmoscopeError: the file cannot be written.
        """
        self._log = logging.Logger("plasmoscope.access", logging.INFO)
        self._log.addHandler(_handler(place))

    def write(self, scope: Scope, status: int, seconds: float) -> None:
        """Write a request's line, once it is answered."""
        actor = scope.get("state", {}).get("actor")
        # A patient's code may be a number, too.
        named = scope.get("path_params", {}).items()
        numbers = {name: value for name, value in named if name.endswith("_id") or name == "number"}
        line = {
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "who": actor.name if actor else None,
            "address": scope["client"][0] if scope.get("client") else None,
            "method": scope["method"],
            "route": getattr(scope.get("route"), "path", None),
            "numbers": numbers,
            "status": status,
            "ms": round(1000 * seconds, 1),
        }
        self._log.info(json.dumps(line, ensure_ascii=False))

    def close(self) -> None:
        """Close the file."""
        for handler in self._log.handlers:
            handler.close()


def _handler(place: str) -> logging.Handler:
    if place == STANDARD_OUTPUT:
        return logging.StreamHandler(sys.stdout)
    try:
        # Who works when is for the owner's eyes.
        os.close(os.open(place, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600))
        return RotatingFileHandler(Path(place), maxBytes=_BYTES, backupCount=_FILES, encoding="utf-8")
    except OSError as error:
        raise PlasmoscopeError(
            f"The access log {place} cannot be written ({error.strerror or error}); "
            "name a file in a folder that is there."
        ) from error
