"""Files of several pages, such as the stacks that microscopes save: each page is a picture of its own."""

import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import IO

from PIL import Image

from plasmoscope.imaging.reading import MAX_BYTES, ImageError, is_tiff, read_image
from plasmoscope.imaging.remote import RemoteFile
from plasmoscope.imaging.sources import ImageFile, Readable, ZipMember

_SUFFIXES = {".tif", ".tiff"}


@dataclass(frozen=True)
class Page:
    """One page of a file that has several."""

    source: Readable
    number: int
    """From 1."""

    @property
    def name(self) -> str:
        """The file's name, then which page of it."""
        return f"{self.source.name} page {self.number}"

    def read(self) -> bytes:
        """The page as a picture of its own, upright, 8-bit RGB; ImageError where it cannot be had.

        In PPM, whose bytes are the same whatever version of a library writes them, so that its hash tells the page.
        """
        from plasmoscope.imaging.tiff import read_page

        pixels = read_page(self.source.read(), self.number)
        return b"P6 %d %d 255\n" % (pixels.shape[1], pixels.shape[0]) + pixels.tobytes()


@dataclass(frozen=True)
class Content:
    """A file's content in memory."""

    name: str
    data: bytes

    def read(self) -> bytes:
        """The encoded bytes."""
        return self.data


def with_pages(sources: Iterable[Readable]) -> list[Readable]:
    """The same sources, but for each TIFF of several pages its pages, in their order.

    Of files on disk and in stores only those are looked into whose names end as those of TIFFs; reading any other that
    has several pages says so. One that cannot be read stays as it is, so that reading it tells why.
    """
    return [page for source in sources for page in pages_of(source)]


def pages_of(source: Readable) -> list[Readable]:
    """The pages of a TIFF that has several, or the source alone, as ``with_pages``."""
    if isinstance(source, Page) or not _may_have_pages(source):
        return [source]
    try:
        with _opened(source) as stream:
            count = _count(stream)
    except (ImageError, OSError):
        return [source]
    return [source] if count == 1 else [Page(source, number) for number in range(1, count + 1)]


def write_pages(content: Content, folder: Path) -> list[tuple[str, Path]]:
    """Write the pages of a TIFF that has several, each as a PNG of its own; a picture by itself is only looked at.

    Returns:
        Name and file of each page; none of a picture by itself.

    Raises:
        ImageError: the picture, or one of the pages, cannot be read, or is too large by itself.
    """
    pages = pages_of(content)
    if len(pages) == 1:
        read_image(content.data)
        return []
    written = []
    for number, page in enumerate(pages, start=1):
        file = folder / f"{number}.png"
        try:
            Image.fromarray(read_image(page.read())).save(file, compress_level=1)
        except ImageError as error:
            raise ImageError("on_page", page=number, error=error.message) from error
        if file.stat().st_size > MAX_BYTES:
            raise ImageError("page_too_large", page=number, most=MAX_BYTES // 1024**2)
        written.append((page.name, file))
    return written


def _may_have_pages(source: Readable) -> bool:
    return (
        not isinstance(source, ImageFile | ZipMember | RemoteFile) or PurePath(source.name).suffix.lower() in _SUFFIXES
    )


def _opened(source: Readable) -> IO[bytes]:
    """A file on disk is not read whole for its number of pages; one that is too large to be read has no page."""
    if isinstance(source, ImageFile) and source.path.stat().st_size <= MAX_BYTES:
        return source.path.open("rb")
    return io.BytesIO(source.read())


def _count(stream: IO[bytes]) -> int:
    if not is_tiff(stream.read(4)):
        return 1
    from plasmoscope.imaging.tiff import count_pages

    stream.seek(0)
    return count_pages(stream)
