"""The folder that a batch writes to, on a disk or in an object store."""

import time
from pathlib import Path, PurePosixPath
from typing import Protocol

from plasmoscope.files import replace_file
from plasmoscope.imaging.remote import RemoteError, is_remote, reached

# Stores in which an object is there once all of it has come; elsewhere a file is written beside and moved.
_WHOLE_OBJECTS = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "memory"}
_TRIES = 3  # to write to a store
_PAUSE_SECONDS = 2.0


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


class RemoteOutput:
    """In an object store, or whatever else fsspec reaches."""

    def __init__(self, address: str) -> None:
        self._address = address.rstrip("/")

    def __str__(self) -> str:
        return self._address

    def names(self, folder: str) -> set[str]:
        """As ``Output``."""
        try:
            with reached(f"{self._address}/{folder}") as (store, path):
                store.invalidate_cache()
                return {PurePosixPath(file).name for file in store.ls(path, detail=False)}
        except FileNotFoundError:
            return set()

    def read(self, name: str) -> bytes | None:
        """As ``Output``."""
        try:
            with reached(f"{self._address}/{name}") as (store, path):
                content: bytes = store.cat_file(path)
                return content
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes) -> None:
        """As ``Output``; the network may fail for a moment."""
        for left in reversed(range(_TRIES)):
            try:
                self._put(name, content)
            except RemoteError:
                if not left:
                    raise
                time.sleep(_PAUSE_SECONDS)
            else:
                return

    def _put(self, name: str, content: bytes) -> None:
        address = f"{self._address}/{name}"
        with reached(address) as (store, path):
            if self._address.partition("://")[0] in _WHOLE_OBJECTS:
                store.pipe_file(path, content)
                return
            store.makedirs(path.rpartition("/")[0], exist_ok=True)
            store.pipe_file(f"{path}.part", content)
            store.mv(f"{path}.part", path)


def output_at(place: Path | str) -> Output:
    """The folder at a path or an address."""
    return RemoteOutput(str(place)) if is_remote(place) else LocalOutput(Path(place))
