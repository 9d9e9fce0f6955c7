"""Files from outside, bounded."""

from collections.abc import Iterable

from fastapi import UploadFile

from plasmoscope.imaging.pages import Content
from plasmoscope.imaging.reading import MAX_BYTES, ImageError, read_limited
from plasmoscope.imaging.sources import Readable, Unreadable
from plasmoscope.web.errors import WebError


def read_upload(file: UploadFile) -> bytes:
    """The content of an uploaded file, which need not be a picture; what its sender called it plays no part.

    Raises:
        WebError: 413, it is too large.
    """
    data = file.file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise WebError(413, "too_large", f"The file is larger than {MAX_BYTES // 1024**2} MB; save it smaller.")
    return data


def read_files(files: Iterable[UploadFile]) -> list[Readable]:
    """Several uploaded files, of which a bad one must not stop the others: one that is too large says so when read."""
    return [_read_file(file) for file in files]


def shown_name(file: UploadFile) -> str:
    """What its sender called it, for showing only."""
    return file.filename or "picture"


def _read_file(file: UploadFile) -> Readable:
    try:
        return Content(shown_name(file), read_limited(file.file))
    except ImageError as error:
        return Unreadable(shown_name(file), str(error))
