"""Writing files whole or not at all, and telling their names."""

import codecs
import glob
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from plasmoscope.errors import PlasmoscopeError

_LOCK = ".plasmoscope.lock"
_ABANDONED_SECONDS = 3600.0


class FolderInUseError(PlasmoscopeError):
    """Another command writes to the same folder."""


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Hold a folder, which is made where it does not exist, so that no other command writes to it meanwhile.

    The system itself lets go of it when the process ends, however it ends; the file by which it is held stays.

    Raises:
        FolderInUseError: another command holds it.
        OSError: it cannot be written to.
    """
    from filelock import FileLock, Timeout

    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / _LOCK, timeout=0):
            yield
    except Timeout as error:
        raise FolderInUseError(
            f"Another command is writing to {folder} at this moment. Wait until it has ended, or choose another folder."
        ) from error


def name_as_text(name: str) -> str:
    """A file's name for records and reports; one from an old archive or stick may hold bytes that are no text."""
    return name.encode("utf-8", "backslashreplace").decode()


def decode_text(data: bytes) -> str:
    """What is in a text file, with the byte-order mark that Windows puts before it or without: UTF-8, or marked UTF-16.

    Raises:
        UnicodeDecodeError: it is neither.
    """
    marked = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return data.decode("utf-16" if marked else "utf-8-sig")


@contextmanager
def whole_file(file: Path) -> Iterator[Path]:
    """Give a path to write to; it becomes ``file`` when the block ends well and vanishes when it does not.

    Several may write one file at once: each has a path of its own, and the last to end well stays.
    """
    unfinished = file.with_name(f"{file.name}.{secrets.token_hex(4)}.part")
    try:
        yield unfinished
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def whole_text(file: Path) -> Iterator[TextIO]:
    """Like ``whole_file``, for UTF-8 text such as a table; a name in it that is no text is written as an escape."""
    with (
        whole_file(file) as unfinished,
        unfinished.open("w", newline="", encoding="utf-8", errors="backslashreplace") as stream,
    ):
        yield stream


def replace_file(file: Path, content: bytes) -> None:
    """Write bytes so that at any moment the old content or the new is there."""
    with whole_file(file) as unfinished:
        unfinished.write_bytes(content)


def empty(folder: Path) -> None:
    """Remove all that a folder holds but what ``alone_in`` holds it by."""
    for old in folder.iterdir():
        if old.is_dir() and not old.is_symlink():
            shutil.rmtree(old)
        elif old.name != _LOCK:
            old.unlink()


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Give an empty folder to fill; it becomes ``folder`` when the block ends well.

    Otherwise it stays as ``<folder>.part``, which the next try empties.

    Raises:
        FolderInUseError: another command is filling it.
    """
    unfinished = folder.with_name(f"{folder.name}.part")
    with alone_in(unfinished):
        empty(unfinished)
        yield unfinished
    # Windows renames no folder in which a file is open, so it is let go of first.
    (unfinished / _LOCK).unlink(missing_ok=True)
    unfinished.replace(folder)


def remove_abandoned(file: Path) -> None:
    """Remove what killed writers of a large file left behind; what somebody still writes is younger."""
    for unfinished in file.parent.glob(f"{glob.escape(file.name)}.*.part"):
        with suppress(FileNotFoundError):
            if time.time() - unfinished.stat().st_mtime > _ABANDONED_SECONDS:
                unfinished.unlink()


def store_file(file: Path, content: bytes) -> None:
    """Like ``replace_file``, but the content outlives a power cut from here on, and is the owner's alone to read."""
    with whole_file(file) as unfinished, open(unfinished, "xb", opener=_for_the_owner) as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    keep_names(file.parent)


def _for_the_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def keep_names(folder: Path) -> None:
    """Let the names in a folder outlive a power cut; Windows does so by itself."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
