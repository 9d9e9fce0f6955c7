"""Where results go: checked before the work, so that nothing is lost after it."""

from collections.abc import Collection
from pathlib import Path

from plasmoscope.errors import PlasmoscopeError


class OutputError(PlasmoscopeError):
    """A result cannot be written where the user wants it."""


def check_output(file: Path, suffixes: Collection[str] = ()) -> None:
    """Refuse a file of another kind than ``suffixes``, where these are given, or in a folder that does not exist.

    Raises:
        OutputError: saying which kinds can be written, or which folder is missing.
    """
    if suffixes and file.suffix.lower() not in suffixes:
        raise OutputError(f"This can be written as {' or '.join(suffixes)}, not as '{file.suffix}': {file}")
    if not file.parent.is_dir():
        raise OutputError(f"The folder {file.parent} does not exist; make it first, or choose another.")
