"""Files of several pages, such as the stacks that microscopes save: each page is a picture of its own."""

import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePath
from typing import IO

from PIL import Image

from plasmoscope.imaging.reading import MAX_BYTES, ImageError, is_tiff
from plasmoscope.imaging.sources import ImageFile, Readable

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
        """The page as a PNG of its own, upright, 8-bit RGB; ImageError where it cannot be had."""
        from plasmoscope.imaging.tiff import read_page

        stream = io.BytesIO()
        # The least effort: a page is rather read again than kept.
        Image.fromarray(read_page(self.source.read(), self.number)).save(stream, "PNG", compress_level=1)
        if stream.tell() > MAX_BYTES:
            raise ImageError(
                f"page {self.number} by itself is more than the {MAX_BYTES // 1024**2} MB allowed; "
                "save it as a JPEG of its own"
            )
        return stream.getvalue()


def with_pages(sources: Iterable[Readable]) -> list[Readable]:
    """The same sources, but for each TIFF of several pages its pages, in their order.

    Only files whose names end as those of TIFFs are looked into; reading any other that has several pages says so. One
    that cannot be read stays as it is, so that reading it tells why.
    """
    return [page for source in sources for page in pages_of(source)]


def pages_of(source: Readable) -> list[Readable]:
    """The pages of a TIFF that has several, or the source alone, as ``with_pages``."""
    if isinstance(source, Page) or PurePath(source.name).suffix.lower() not in _SUFFIXES:
        return [source]
    try:
        with _opened(source) as stream:
            count = _count(stream)
    except (ImageError, OSError):
        return [source]
    return [source] if count == 1 else [Page(source, number) for number in range(1, count + 1)]


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
