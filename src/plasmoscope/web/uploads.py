"""Pictures from outside, bounded."""

from dataclasses import dataclass

from fastapi import UploadFile

from plasmoscope.imaging.reading import MAX_BYTES, read_limited
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
        return read_limited(self.file.file)
