"""Writing files whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(file: Path) -> Iterator[Path]:
    """Give a path to write to; it becomes ``file`` when the block ends well and vanishes when it does not."""
    unfinished = file.with_name(file.name + ".part")
    try:
        yield unfinished
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)


def replace_file(file: Path, content: bytes) -> None:
    """Write bytes so that at any moment the old content or the new is there."""
    with whole_file(file) as unfinished:
        unfinished.write_bytes(content)


def store_file(file: Path, content: bytes) -> None:
    """Like ``replace_file``, but the content outlives a power cut from here on, and several may write it at once."""
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=file.name, suffix=".part")
    unfinished = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(descriptor)
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)
    keep_names(file.parent)


def keep_names(folder: Path) -> None:
    """Let the names in a folder outlive a power cut; Windows does so by itself."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
