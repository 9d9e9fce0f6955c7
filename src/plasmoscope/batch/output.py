"""The folder that a batch writes to."""

from pathlib import Path
from typing import Protocol

from plasmoscope.files import replace_file


class Output(Protocol):
    """A folder, wherever it lies; each file in it is whole or not there."""

    def names(self, folder: str) -> set[str]:
        """The files in a folder below it, such as ``slides``; none where there is no such folder."""
        ...

    def read(self, name: str) -> bytes | None:
        """A file's content, or None where there is no such file."""
        ...

    def write(self, name: str, content: bytes) -> None:
        """Write a file, and the folders that it lies in."""
        ...


class LocalOutput:
    """On a disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __str__(self) -> str:
        return str(self._folder)

    def names(self, folder: str) -> set[str]:
        """As ``Output``."""
        place = self._folder / folder
        return {file.name for file in place.iterdir()} if place.is_dir() else set()

    def read(self, name: str) -> bytes | None:
        """As ``Output``."""
        try:
            return (self._folder / name).read_bytes()
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes) -> None:
        """As ``Output``."""
        file = self._folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        replace_file(file, content)
