"""Preparing a cell picture for a network: the one resize that training and inference share."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from plasmoscope.imaging.reading import ImageError, read_image
from plasmoscope.imaging.remote import RemoteFile
from plasmoscope.imaging.sources import Readable
from plasmoscope.threads import usable_threads, worked_ahead

Picture = NDArray[np.uint8]
Decoded = TypeVar("Decoded")

# Pixels a side; the largest of the NIH's 27,558 cells has 394.
_LARGE = 500
_TOO_LARGE = (
    "large for a picture of one red cell; if it is a whole field, the probability says nothing: analyze it as one"
)
_EMPTY = "all black, so the probability says nothing; take the picture of a cell"
# Between the most and the least bright channel, on average; the palest of the NIH's 27,558 cells has 2.2, a grey one 0.
_LEAST_COLOUR = 1
_NO_COLOUR = (
    "without colour, so the probability says little: the model looks for what Giemsa stains; take the colour picture"
)
_NOT_ON_BLACK = (
    "not one red cell on black, so the probability says little; "
    "cut the cell out and blacken its surroundings, or, if this is a whole field, analyze it as one"
)
# Grey level up to which a pixel is black: JPEG leaves black a little grey. Set by hand.
_BLACK = 25
_AT_ONCE = 16  # pictures on their way from an object store
# A cell fills a few hundred pixels a side; a picture this large is something else.
MAX_CELL_PIXELS = 16_000_000


def read_cell(source: Path | bytes) -> NDArray[np.uint8]:
    """Decode the picture of one segmented cell; RGB, shape (height, width, 3). See ``read_image`` for errors."""
    return read_image(source, MAX_CELL_PIXELS)


def resize_cell(image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Resize to a square without keeping the aspect, as the published models do.

    Shrinking to less than half averages over areas, which keeps a thin ring visible; all else is bilinear, which
    then still sees every pixel and is several times faster.

    Args:
        image: RGB, shape (height, width, 3).
        size: side of the result in pixels.

    Returns:
        RGB, shape (size, size, 3).
    """
    height, width = image.shape[:2]
    if (height, width) == (size, size):
        return image
    method = cv2.INTER_AREA if height * width > 4 * size * size else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (size, size), interpolation=method), dtype=np.uint8)


def remarks_on(cells: NDArray[np.uint8], sides: Sequence[int] | None = None) -> list[str | None]:
    """Why a network's answer may say little of a picture.

    It is all black, without colour, large, or fewer than two of its four corners are black.

    Of 689 NIH cells, every fortieth, 687 have four such corners and two have three.

    Args:
        cells: RGB, shape (n, size, size, 3).
        sides: the longer side of each as it was given, in pixels, where that is known.

    Returns:
        One for each picture: a phrase for its user, or None for what looks like a cell that was cut out.
    """
    edge = max(1, cells.shape[1] // 20)
    ends = (slice(None, edge), slice(-edge, None))
    corners = [cells[:, rows, columns].max(axis=3) <= _BLACK for rows in ends for columns in ends]
    black = np.sum([corner.mean(axis=(1, 2)) > 0.5 for corner in corners], axis=0)
    # Some pixels tell colour as well as all of them.
    red, green, blue = np.moveaxis(np.ascontiguousarray(cells[:, ::8, ::8]), 3, 0)
    brightest, darkest = np.maximum(np.maximum(red, green), blue), np.minimum(np.minimum(red, green), blue)
    lit = brightest > _BLACK
    colour = ((brightest - darkest) * lit).sum(axis=(1, 2)) / np.maximum(1, lit.sum(axis=(1, 2)))
    large = np.zeros(len(cells), bool) if sides is None else np.array(sides, int) > _LARGE
    faults = {
        _EMPTY: ~lit.any(axis=(1, 2)),
        _NO_COLOUR: colour < _LEAST_COLOUR,
        _NOT_ON_BLACK: black < 2,
        _TOO_LARGE: large,
    }
    return [next((fault for fault, holds in faults.items() if holds[index]), None) for index in range(len(cells))]


def lit(cells: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which pixels are not of the black surround; RGB, shape (..., 3), to shape (...)."""
    return np.asarray(cells.max(axis=-1) > _BLACK, np.bool_)


def square(reach: int) -> NDArray[np.uint8]:
    """What erosion takes so many pixels off a side with."""
    return np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)


def cut_cell(image: NDArray[np.uint8], outline: NDArray[np.int32]) -> NDArray[np.uint8]:
    """Cut one cell out of its field as the NIH data set's cells are: by its bounding box, black outside the cell.

    Args:
        image: RGB, shape (height, width, 3).
        outline: closed polygon inside the image, shape (k, 2), x and y in pixels.

    Returns:
        RGB, shape (box height, box width, 3).
    """
    left, top, width, height = cv2.boundingRect(outline)
    inside = np.zeros((height, width), np.uint8)
    cv2.fillPoly(inside, [outline - (left, top)], 1)
    return blacken_outside(image[top : top + height, left : left + width], inside.astype(bool))


def blacken_outside(crop: NDArray[np.uint8], inside: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """A cell's bounding box with the background set to black.

    Args:
        crop: RGB, shape (height, width, 3).
        inside: the cell's pixels, shape (height, width).
    """
    return np.asarray(np.where(inside[:, :, None], crop, np.uint8(0)), np.uint8)


def decode_cells(sources: Sequence[Readable], use: Callable[[Picture], Decoded]) -> Iterator[Decoded | ImageError]:
    """Read pictures of single cells on all cores, one after the other in their order.

    Args:
        use: what to keep of each, RGB of shape (h, w, 3); made at once, so that no more full pictures lie in memory
            than there are threads. It may raise ImageError.

    Yields:
        What ``use`` gives, or why the picture cannot be read.
    """

    def decode(source: Readable) -> Decoded | ImageError:
        try:
            return use(read_cell(source.read()))
        except ImageError as error:
            return error

    # What comes by the network is mostly waited for.
    at_once = _AT_ONCE if any(isinstance(source, RemoteFile) for source in sources) else usable_threads()
    yield from worked_ahead(decode, sources, at_once)
