"""Finding images in files, folders and zip archives, without opening any of them yet."""

import lzma
import threading
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Protocol

from plasmoscope.errors import PlasmoscopeError
from plasmoscope.imaging.reading import ImageError, read_file, read_limited

# RuntimeError: encrypted; NotImplementedError: an unknown compression; the rest: damaged.
_UNPACKING_ERRORS = (
    RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, EOFError, ValueError,
)  # fmt: skip

# What operating systems leave in folders of pictures (the official NIH archive holds two Thumbs.db).
_LITTER = {"thumbs.db", "desktop.ini", "__macosx"}


class SourceError(PlasmoscopeError):
    """A path given by the user cannot be searched for images."""


class Readable(Protocol):
    """An image that was named but not read yet, wherever it lies."""

    @property
    def name(self) -> str:
        """What to call it."""

    def read(self) -> bytes:
        """The encoded bytes; ImageError where they cannot be had."""


@dataclass(frozen=True)
class ImageFile:
    """An image in a folder."""

    path: Path

    @property
    def name(self) -> str:
        """The path as the user would write it."""
        return str(self.path)

    def read(self) -> bytes:
        """The encoded bytes; ImageError where they cannot be had."""
        return read_file(self.path)

    def version(self) -> str:
        """Changes when the image does."""
        facts = self.path.stat()
        return f"{facts.st_size} {facts.st_mtime_ns}"


@dataclass(frozen=True)
class ZipMember:
    """An image in a zip archive that stays open while any of its members is held."""

    archive: "_Archive"
    member: str

    @property
    def name(self) -> str:
        """The archive's path, then the path inside it."""
        return f"{self.archive.path}/{self.member}"

    def read(self) -> bytes:
        """The encoded bytes; ImageError where they cannot be had."""
        return self.archive.read(self.member)

    def version(self) -> str:
        """Changes when the image does."""
        return f"{self.archive.file.getinfo(self.member).CRC:08x}"


ImageSource = ImageFile | ZipMember


@dataclass
class _Archive:
    path: Path
    file: zipfile.ZipFile
    lock: threading.Lock = field(default_factory=threading.Lock)

    def read(self, member: str) -> bytes:
        try:
            with self.lock, self.file.open(member) as stream:
                return read_limited(stream)
        except _UNPACKING_ERRORS as error:
            raise ImageError(f"it cannot be unpacked ({error}); unpack the archive and give the folder") from error


def find_images(paths: Sequence[Path]) -> list[ImageSource]:
    """List what may be images, in the order of ``paths``; folders sorted by name, archives in their own order.

    Every file counts but hidden ones and what operating systems leave behind: a file that turns out not to be an
    image is for the reader to report, not for the finder to drop in silence.

    Raises:
        SourceError: a path does not exist, or is an archive that cannot be opened.
    """
    return [source for path in paths for source in _find(path)]


def open_zip(path: Path) -> list[ZipMember]:
    """The files of a zip archive, in its order.

    Raises:
        SourceError: not a zip archive, or a damaged one.
    """
    try:
        archive = _Archive(path, zipfile.ZipFile(path))
    except (zipfile.BadZipFile, OSError) as error:
        raise SourceError(f"{path} is not a zip archive that can be opened: {error}. Copy it again.") from error
    names = [info.filename for info in archive.file.infolist() if not info.is_dir()]
    return [ZipMember(archive, name) for name in names if not _is_litter(PurePosixPath(name).parts)]


def _find(path: Path) -> Iterator[ImageSource]:
    if path.is_dir():
        files = (file for file in path.rglob("*") if file.is_file())
        yield from (ImageFile(file) for file in sorted(files) if not _is_litter(file.relative_to(path).parts))
    elif path.suffix.lower() == ".zip" and path.is_file():
        yield from open_zip(path)
    elif path.exists():
        yield ImageFile(path)
    else:
        raise SourceError(f"There is no file or folder '{path}'. Check the path.")


def _is_litter(parts: tuple[str, ...]) -> bool:
    return any(part.startswith(".") or part.lower() in _LITTER for part in parts)
