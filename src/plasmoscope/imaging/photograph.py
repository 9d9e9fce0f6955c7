"""What a photograph is, whatever it is given as: a file, its content, a picture in memory, or a page of a file."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path, PurePath
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from plasmoscope.files import name_as_text
from plasmoscope.imaging.pages import Content, pages_of
from plasmoscope.imaging.reading import ImageError, picture_orientation, read_image, read_picture, stored_orientation
from plasmoscope.imaging.sources import ImageFile, Readable

_NoArray = Image.Image | bytes | Path | str | Readable
FieldImage = NDArray[np.uint8] | _NoArray
"""A photograph of a field as it may be given: upright RGB of shape (h, w, 3), a Pillow image, or a file or its content.
"""
_FIELD_TYPES = np.ndarray | _NoArray


class Photograph(NamedTuple):
    """A photograph that was read."""

    pixels: NDArray[np.uint8]
    """Upright RGB, shape (h, w, 3)."""
    sha256: str
    """As ``plasmoscope.analysis.results.Field.sha256``."""
    orientation: int
    """How the file stores it, by EXIF: 1 is upright."""


def read_photograph(image: FieldImage) -> Photograph:
    """Read a photograph, whatever it is given as.

    Raises:
        ImageError: it cannot be read, or is no photograph of a field.
    """
    orientation = 1
    if not isinstance(image, _FIELD_TYPES):
        needed = "a path, its content, a Pillow image or an array"
        raise ImageError("no_picture", detail=type(image).__name__, needed=needed)
    if isinstance(image, Image.Image):
        orientation = picture_orientation(image)
        image = read_picture(image)
    if not isinstance(image, np.ndarray):
        data = _content(image)
        return Photograph(read_image(data), hashlib.sha256(data).hexdigest(), stored_orientation(data))
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        detail = f"an array of {image.dtype} and shape {image.shape}"
        raise ImageError("no_picture", detail=detail, needed="uint8 RGB of shape (height, width, 3)")
    return Photograph(image, hashlib.sha256(np.ascontiguousarray(image).tobytes()).hexdigest(), orientation)


def read_field(image: FieldImage) -> NDArray[np.uint8]:
    """The upright RGB pixels of a field, shape (h, w, 3), as the analysis sees them.

    Raises:
        ImageError: it cannot be read.
    """
    return read_photograph(image).pixels


def photograph_hashes(images: Iterable[Readable]) -> Iterator[str]:
    """``Field.sha256`` of each photograph that can be read, one after the other; nothing is decoded."""
    for image in images:
        with suppress(ImageError):
            yield hashlib.sha256(_content(image)).hexdigest()


def photographs_of(images: FieldImage | Iterable[FieldImage]) -> list[FieldImage]:
    """The photographs in what is given, one alone or several: each page of a TIFF is a photograph of its own."""
    photographs: list[FieldImage] = []
    images = [images] if isinstance(images, _FIELD_TYPES) else images
    for number, image in enumerate(images, start=1):
        if isinstance(image, bytes):
            pages = pages_of(Content(_unnamed(number), image))
            photographs += pages if len(pages) > 1 else [image]
        else:
            photographs += pages_of(_source(image)) if isinstance(image, Path | str | Readable) else [image]
    return photographs


def field_names(images: Sequence[FieldImage]) -> list[str]:
    """What each field is called: its file's name, with folders where two are alike; what has no name is numbered."""
    full = [_full_name(image, number) for number, image in enumerate(images, start=1)]
    plain = [PurePath(name).name for name in full]
    shared = {name for name, times in Counter(plain).items() if times > 1}
    return [whole if name in shared else name for name, whole in zip(plain, full, strict=True)]


def _content(image: bytes | Path | str | Readable) -> bytes:
    if isinstance(image, bytes):
        return image
    return _source(image).read()


def _source(image: Path | str | Readable) -> Readable:
    return ImageFile(Path(image)) if isinstance(image, Path | str) else image


def _full_name(image: FieldImage, number: int) -> str:
    if isinstance(image, Path | str | Readable):
        return name_as_text(_source(image).name)
    return _unnamed(number)


def _unnamed(number: int) -> str:
    return f"field {number}"
