"""Writing files whole or not at all."""

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
