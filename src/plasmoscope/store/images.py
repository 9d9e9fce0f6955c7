"""Photographs as files named by their content, so that a name from outside is never a path."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from plasmoscope.files import keep_names, store_file
from plasmoscope.store.errors import NotFoundError

_SHA256 = re.compile(r"[0-9a-f]{64}")


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
            raise NotFoundError("There is no such photograph.")
        return self.folder / sha256[:2] / sha256

    def put(self, data: bytes) -> str:
        """Keep a photograph; when this returns it outlives a power cut.

        Returns:
            Its SHA-256.
        """
        sha256 = hashlib.sha256(data).hexdigest()
        file = self.path(sha256)
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            store_file(file, data)
            keep_names(self.folder)
        return sha256

    def is_whole(self, sha256: str) -> bool:
        """Whether an existing photograph is still what was put."""
        with self.path(sha256).open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest() == sha256

    def set_aside(self, sha256: str) -> None:
        """Move an altered file away, so that uploading the photograph again brings it back."""
        self.damaged.mkdir(exist_ok=True)
        self.path(sha256).replace(self.damaged / sha256)

    def files(self) -> Iterator[Path]:
        """Every file but those set aside, unfinished ones too."""
        for folder in self.folder.glob("??"):
            yield from folder.iterdir()
