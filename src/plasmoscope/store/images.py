"""Photographs as files named by their content, so that a name from outside is never a path."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from plasmoscope.files import keep_names, store_file
from plasmoscope.store.errors import NotFoundError

_SHA256 = re.compile(r"[0-9a-f]{64}")


def content_hash(data: bytes) -> str:
    """The name of a photograph: its SHA-256."""
    return hashlib.sha256(data).hexdigest()


class Images:
    """The folder of photographs: ``ab/abcdef...`` by SHA-256."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.damaged = folder / "damaged"
        """Where altered files are set aside."""

    def path(self, sha256: str) -> Path:
        """Where the photograph with this hash lies.

        Raises:
            NotFoundError: it is no SHA-256.
        """
        if not _SHA256.fullmatch(sha256):
            raise NotFoundError("no_photograph")
        return self.folder / sha256[:2] / sha256

    def put(self, sha256: str, data: bytes) -> None:
        """Keep a photograph; when this returns it outlives a power cut.

        Args:
            sha256: ``content_hash`` of the data.
        """
        file = self.path(sha256)
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            store_file(file, data)
            keep_names(self.folder)

    def is_whole(self, sha256: str) -> bool:
        """Whether an existing photograph is still what was put."""
        with self.path(sha256).open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest() == sha256

    def set_aside(self, sha256: str) -> None:
        """Move an altered file away, so that uploading the photograph again brings it back."""
        self.damaged.mkdir(exist_ok=True)
        self.path(sha256).replace(self.damaged / sha256)

    def remove(self, sha256: str) -> None:
        """Remove a photograph, and an altered one of its name that was set aside."""
        self.path(sha256).unlink(missing_ok=True)
        (self.damaged / sha256).unlink(missing_ok=True)

    def files(self) -> Iterator[Path]:
        """Every file but those set aside, unfinished ones too."""
        for folder in self.folder.glob("??"):
            yield from folder.iterdir()
