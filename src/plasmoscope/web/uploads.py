"""Pictures from outside, bounded."""

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import UploadFile

from plasmoscope.imaging.pages import Content, pages_of
from plasmoscope.imaging.reading import MAX_BYTES, ImageError, read_limited
from plasmoscope.imaging.sources import Readable, Unreadable
from plasmoscope.web.errors import WebError
from plasmoscope.web.settings import MAX_CELLS


def read_upload(file: UploadFile) -> bytes:
    """The content of an uploaded file, which need not be a picture; what its sender called it plays no part.

    Raises:
        WebError: 413, it is too large.
    """
    data = file.file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise WebError(413, "too_large", f"The file is larger than {MAX_BYTES // 1024**2} MB; save it smaller.")
    return data


def shown_name(file: UploadFile) -> str:
    """What its sender called it, for showing only."""
    return file.filename or "picture"


@dataclass(frozen=True)
class UploadedImage:
    """One of several uploaded pictures, of which a bad one must not stop the others."""

    file: UploadFile

    @property
    def name(self) -> str:
        """What its sender called it."""
        return shown_name(self.file)

    def read(self) -> bytes:
        """The encoded bytes; ImageError where they are too many."""
        self.file.file.seek(0)
        return read_limited(self.file.file)


def sent_cells(files: Sequence[UploadFile]) -> list[tuple[int, Readable]]:
    """Uploaded pictures of single cells, each page of a TIFF by itself; with each, which of the files it is of.

    A file with more pages than may be sent at a time stands for itself, to be named.
    """
    cells: list[tuple[int, Readable]] = []
    for number, file in enumerate(files):
        pages = pages_of(UploadedImage(file))
        if len(pages) > 1 and len(cells) + len(pages) > MAX_CELLS:
            reason = f"it holds {len(pages)} cells; send at most {MAX_CELLS} at a time"
            pages = [Unreadable(shown_name(file), reason)]
        cells += [(number, page) for page in pages]
    return cells


def sent_page(content: Content, number: int | None) -> Readable:
    """The one picture of an uploaded file, or the page that is named.

    Raises:
        ImageError: it has several pages and none is named, or not the one that is.
    """
    pages = pages_of(content)
    if number is None and len(pages) > 1:
        raise ImageError(f"it holds {len(pages)} pages; say which one is meant with ?page=1 to ?page={len(pages)}")
    if (index := (number or 1) - 1) >= len(pages):
        raise ImageError(f"it has no page {number}; it holds {len(pages)}")
    return pages[index]
