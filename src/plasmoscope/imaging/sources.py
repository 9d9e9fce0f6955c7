"""Finding images in files, folders and zip archives: each is given, or named with the reason why it cannot be."""

# ruff: noqa: PTH110, PTH112, PTH113, PTH114, PTH118 - where rights forbid the question, Path raises and os.path says no

import io
import lzma
import os
import threading
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Protocol, runtime_checkable

from plasmoscope.errors import PlasmoscopeError
from plasmoscope.imaging.reading import ImageError, read_file, read_limited
from plasmoscope.imaging.remote import RemoteError, RemoteFile, addresses_below, is_remote, open_remote
from plasmoscope.messages import Message, message

_OPENING_ERRORS = (zipfile.BadZipFile, OSError)
# RuntimeError: encrypted; NotImplementedError: an unknown compression; the rest: damaged.
_UNPACKING_ERRORS = (
    RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, EOFError, ValueError,
)  # fmt: skip

# What operating systems leave in folders of pictures (the official NIH archive holds two Thumbs.db).
_LITTER = {"thumbs.db", "desktop.ini", "__macosx"}
# What lies beside photographs in a folder: labels, tables, notes, reports, outlines.
_NOT_PICTURES = {
    ".txt", ".xml", ".json", ".csv", ".md", ".html", ".pdf", ".yaml", ".yml", ".geojson", ".roi"
}  # fmt: skip
# Archives within archives.
_DEEPEST = 3
_MAX_NESTED_BYTES = 256 * 1024**2


class SourceError(PlasmoscopeError):
    """A path given by the user cannot be searched for images."""


@runtime_checkable
class Readable(Protocol):
    """An image that was named but not read yet, wherever it lies."""

    @property
    def name(self) -> str:
        """What to call it."""

    def read(self) -> bytes:
        """The encoded bytes; ImageError where they cannot be had."""


@dataclass(frozen=True, slots=True)
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

    def size(self) -> int:
        """Bytes; 0 where it is no file."""
        return self.path.stat().st_size if self.path.is_file() else 0


@dataclass(frozen=True, slots=True)
class ZipMember:
    """An image in a zip archive that stays open while any of its members is held; sent elsewhere, it opens it there."""

    archive: "_Archive"
    entry: zipfile.ZipInfo
    number: int = 1
    """Of the entries of one name."""

    @property
    def name(self) -> str:
        """The archive's path, then the path inside it; a number between them tells entries of one name apart."""
        # Made when it is asked for: by the hundred thousand, names are what takes most room.
        number = "" if self.number == 1 else f"({self.number})/"
        return f"{self.archive.name}/{number}{self.entry.filename}"

    def read(self) -> bytes:
        """The encoded bytes; ImageError where they cannot be had."""
        return self.archive.read(self.entry)

    def version(self) -> str:
        """Changes when the image does."""
        return f"{self.entry.CRC:08x}"

    def size(self) -> int:
        """Bytes, as the archive says."""
        return self.entry.file_size


@dataclass(frozen=True)
class Unreadable:
    """What was found and cannot be read: it is named with its reason, as a broken image is."""

    name: str
    why: Message

    @property
    def reason(self) -> str:
        """Why it cannot be read, in English."""
        return str(ImageError.of(self.why))

    def read(self) -> bytes:
        """Raises ImageError with the reason."""
        raise ImageError.of(self.why)

    def version(self) -> str:
        """The same while it cannot be read for that reason."""
        return self.reason

    def size(self) -> int:
        """Nothing."""
        return 0


ImageSource = ImageFile | ZipMember | RemoteFile | Unreadable


@dataclass(eq=False)
class _Archive:
    name: str
    place: tuple[Path | str | int, ...]
    """Its path or address; for one in another, the other's place, then where it begins there, in bytes."""
    file: zipfile.ZipFile | None = None
    """Where it is open; one that another process found is opened when it is read."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __reduce__(self) -> tuple[object, ...]:
        return _Archive, (self.name, self.place)

    def read(self, entry: zipfile.ZipInfo) -> bytes:
        try:
            with self.lock, (self.file or _opened_at(self.place)).open(entry) as stream:
                return read_limited(stream)
        except _UNPACKING_ERRORS as error:
            raise ImageError("not_unpacked", detail=str(error)) from error


@lru_cache(maxsize=2)  # the pictures that a process is sent are of one archive after another
def _opened_at(place: tuple[Path | str | int, ...]) -> zipfile.ZipFile:
    *around, last = place
    if isinstance(last, Path):
        return zipfile.ZipFile(last)
    if isinstance(last, str):
        return zipfile.ZipFile(open_remote(last))
    outer = _opened_at(tuple(around))
    with outer.open(next(entry for entry in outer.infolist() if entry.header_offset == last)) as stream:
        return zipfile.ZipFile(io.BytesIO(read_limited(stream)))


def find_images(paths: Sequence[Path | str]) -> list[ImageSource]:
    """List what may be images, in the order of ``paths``; folders sorted by name, archives in their own order.

    A text is an address in an object store, such as ``s3://bucket/cells``.

    Every file counts but hidden ones and what operating systems leave behind: a file that turns out not to be an
    image is for the reader to report, not for the finder to drop in silence. Links are followed, each folder once;
    archives in folders and in archives are opened.

    Raises:
        SourceError: a path does not exist, or is an archive that cannot be opened.
    """
    return [
        source
        for path in paths
        for source in (_find_elsewhere(path) if isinstance(path, str) and is_remote(path) else _find(Path(path)))
    ]


def find_photographs(paths: Sequence[Path | str]) -> list[ImageSource]:
    """As ``find_images``, without labels, tables and reports that lie beside photographs in a folder or an archive."""
    named = {str(path) for path in paths}
    return [source for source in find_images(paths) if source.name in named or may_be_picture(source.name)]


def may_be_picture(name: str) -> bool:
    """Whether a file's name is that of no label, table or report, and of nothing that operating systems leave."""
    path = PurePosixPath(name)
    return path.suffix.lower() not in _NOT_PICTURES and not _is_litter((path.name,))


def _find(path: Path) -> Iterator[ImageSource]:
    if os.path.isdir(path):
        yield from sorted(_in_folder(path), key=_by_folders)
    elif not os.path.exists(path):
        raise SourceError(f"There is no file or folder '{path}'. Check the path.")
    elif _is_archive(path.name) and os.path.isfile(path):
        yield from _in_archive(_opened_archive(path), _Nesting())
    else:
        yield ImageFile(path)


def _find_elsewhere(address: str) -> Iterator[ImageSource]:
    for name, inside in addresses_below(address):
        if _is_litter(inside.parts):
            continue
        if not _is_archive(name):
            yield RemoteFile(name)
            continue
        try:
            archive = _Archive(name, (name,), zipfile.ZipFile(open_remote(name)))
        except (*_OPENING_ERRORS, RemoteError) as error:
            yield Unreadable(name, message("archive_not_opened", detail=str(error)))
        else:
            yield from _in_archive(archive, _Nesting())


def _by_folders(source: ImageSource) -> tuple[str, ...]:
    """As paths are compared: a folder's own files lie together."""
    return Path(source.name).parts


def _in_folder(top: Path) -> Iterator[ImageSource]:
    """All that lies below a folder, each folder once by whatever links it can be reached, so that no circle goes on."""
    waiting, seen = [top], set()
    refused: list[Unreadable] = []

    def refuse(error: OSError) -> None:
        detail = error.strerror or str(error)
        refused.append(Unreadable(str(error.filename), message("folder_not_opened", detail=detail)))

    # Links wait until all folders are found under their own names.
    while waiting:
        for place, folders, files in os.walk(waiting.pop(0), onerror=refuse):
            identity = os.path.realpath(place)
            if identity in seen:
                folders.clear()
                continue
            seen.add(identity)
            folders[:] = sorted(name for name in folders if not _is_litter((name,)))
            waiting += [Path(place, name) for name in folders if os.path.islink(os.path.join(place, name))]
            for name in sorted(files):
                if not _is_litter((name,)):
                    yield from _in_file(Path(place, name))
    yield from refused


def _in_file(path: Path) -> Iterator[ImageSource]:
    if os.path.islink(path) and not os.path.exists(path):
        yield Unreadable(str(path), message("broken_link"))
    elif not os.path.isfile(path):
        yield Unreadable(str(path), message("no_file"))
    elif not _is_archive(path.name):
        yield ImageFile(path)
    else:
        try:
            archive = _Archive(str(path), (path,), zipfile.ZipFile(path))
        except _OPENING_ERRORS as error:
            yield Unreadable(str(path), message("archive_not_opened", detail=str(error)))
            return
        yield from _in_archive(archive, _Nesting())


@dataclass
class _Nesting:
    """How deep archives lie in each other, and how much of them is held in memory."""

    depth: int = 1
    held: int = 0


def _opened_archive(path: Path) -> _Archive:
    try:
        return _Archive(str(path), (path,), zipfile.ZipFile(path))
    except _OPENING_ERRORS as error:
        raise SourceError(f"{path} is not a zip archive that can be opened: {error}. Copy it again.") from error


def _in_archive(archive: _Archive, nesting: _Nesting) -> Iterator[ImageSource]:
    """The files of a zip archive, in its order, and those of archives in it."""
    times: Counter[str] = Counter()
    for entry in archive.file.infolist() if archive.file else ():
        if entry.is_dir() or _is_litter(PurePosixPath(entry.filename).parts):
            continue
        times[entry.filename] += 1
        member = ZipMember(archive, entry, times[entry.filename])
        if _is_archive(entry.filename):
            yield from _in_member(member, nesting)
        else:
            yield member


def _in_member(member: ZipMember, nesting: _Nesting) -> Iterator[ImageSource]:
    if nesting.depth == _DEEPEST:
        yield Unreadable(member.name, message("archives_too_deep", most=_DEEPEST))
        return
    try:
        data = member.read()
        nesting.held += len(data)
        if nesting.held > _MAX_NESTED_BYTES:
            raise ImageError("archives_too_large", most=_MAX_NESTED_BYTES // 1024**2)
        place = (*member.archive.place, member.entry.header_offset)
        archive = _Archive(member.name, place, zipfile.ZipFile(io.BytesIO(data)))
    except ImageError as error:
        yield Unreadable(member.name, error.message)
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        yield Unreadable(member.name, message("archive_not_opened", detail=str(error)))
    else:
        nesting.depth += 1
        yield from _in_archive(archive, nesting)
        nesting.depth -= 1


def _is_archive(name: str) -> bool:
    return name.lower().endswith(".zip")


def _is_litter(parts: tuple[str, ...]) -> bool:
    return any(part.startswith(".") or part.lower() in _LITTER for part in parts)
