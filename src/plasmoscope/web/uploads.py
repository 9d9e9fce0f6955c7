"""Pictures from outside: bounded, and looked at before they are kept."""

from fastapi import UploadFile

from plasmoscope.imaging.reading import MAX_BYTES, read_image
from plasmoscope.web.errors import WebError


def read_upload(file: UploadFile) -> bytes:
    """The content of an uploaded picture that can be decoded; what its sender called it plays no part.

    Raises:
        WebError: 413, it is too large.
        ImageError: it is no picture that can be used.
    """
    data = file.file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise WebError(413, "too_large", f"The file is larger than {MAX_BYTES // 1024**2} MB; save it smaller.")
    read_image(data)
    return data


def shown_name(file: UploadFile) -> str:
    """What its sender called it, for showing only."""
    return file.filename or "picture"
