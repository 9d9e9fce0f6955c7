"""The errors that Plasmoscope raises on purpose. Each message says what to do next."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # The command line shows its help without it.
    from pydantic import ValidationError


class PlasmoscopeError(Exception):
    """Base of all errors meant for the user to read."""


def first_fault(error: "ValidationError") -> str:
    """Where the first thing lies that is wrong in a file, and what it is."""
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"])) or "the file"
    return f"{where}: {first['msg']}"
