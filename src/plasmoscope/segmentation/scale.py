"""The size of a field's red cells, by the network that reads them."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from plasmoscope.segmentation.reader import FieldReader, Reading
from plasmoscope.segmentation.vocabulary import Tissue

Floats = NDArray[np.float32]

# Pixels of the first look; each coarser look has a quarter of the one before.
_LOOK_PIXELS = 300_000
_COARSER_LOOKS = 3
# Pixels of the shorter side at least.
_SMALLEST_LOOK = 48
# Closer looks are taken at these places, in shares of the picture's sides, of so many pixels a side.
_PLACES = ((0.3, 0.3), (0.7, 0.7), (0.3, 0.7), (0.7, 0.3))
_PLACE_SIDE = 512
# Red cells between these shares of the working diameter are as the network has learnt them.
_SMALLEST, _LARGEST = 0.45, 2.2
# Larger ones, over the working diameter, are looked at again, coarser.
_COARSE = 1.4
# Of the picture that cells cover in a look that needs no other.
_ENOUGH = 0.04


@dataclass(frozen=True)
class Scale:
    """How large red cells are."""

    diameter: float | None
    """Median in pixels of the picture given; None where no look found any."""
    film: Floats
    """Probability of each kind of film in the look that decided."""


def find_scale(image: NDArray[np.uint8], clear: Floats, reader: FieldReader) -> Scale:
    """Look at a picture at several sizes and take the one at which the most of it is red cells of a known size.

    Args:
        image: RGB, shape (h, w, 3).
        clear: colour of the clear background, RGB.
        reader: the network.
    """
    best: _Look | None = None
    for look in _coarser(image, clear, reader):
        if best is None or look.covered > best.covered:
            best = look
        if best.covered > _ENOUGH and not look.too_large:
            break
    assert best is not None
    for look in _closer(image, clear, reader) if best.covered < _ENOUGH else ():
        if look.covered > best.covered:
            best = look
    return Scale(best.diameter, best.film)


@dataclass(frozen=True)
class _Look:
    """What is seen at one size."""

    covered: float
    """Share of the picture that red cells of a size that the network reads well cover."""
    diameter: float | None
    """Of red cells in pixels of the picture given."""
    too_large: bool
    """Whether a coarser look would bring the cells nearer to the size that the network reads best."""
    film: Floats

    @classmethod
    def at(cls, pictures: list[NDArray[np.uint8]], size: float, clear: Floats, reader: FieldReader) -> "_Look":
        """Look at pictures that were brought to a size, over that of the picture given."""
        readings = [reader.read(picture, clear) for picture in pictures]
        diameters = np.concatenate(
            [_diameters(reading, picture) for reading, picture in zip(readings, pictures, strict=True)]
        )
        working = reader.card.working_diameter
        likely = diameters[(diameters > _SMALLEST * working) & (diameters < _LARGEST * working)]
        pixels = sum(picture.shape[0] * picture.shape[1] for picture in pictures)
        film = np.mean([reading.film for reading in readings], axis=0).astype(np.float32)
        covered = float((np.pi / 4 * likely**2).sum() / pixels)
        if not len(likely):
            return cls(0.0, None, True, film)
        return cls(covered, float(np.median(likely)) / size, float(np.median(diameters)) > _COARSE * working, film)


def _diameters(reading: Reading, picture: NDArray[np.uint8]) -> Floats:
    """Diameters of the red cells that the picture's border does not cut."""
    height, width = picture.shape[:2]
    reds = [instance for instance in reading.instances if instance.tissue is Tissue.RED_CELL]
    whole = [
        instance
        for instance in reds
        if (instance.outline.min(axis=0) >= 0).all() and (instance.outline.max(axis=0) < (width, height)).all()
    ]
    return np.array([np.sqrt(4 * instance.area / np.pi) for instance in whole or reds], np.float32)


def _first_size(image: NDArray[np.uint8]) -> float:
    return min(1.0, float(np.sqrt(_LOOK_PIXELS / (image.shape[0] * image.shape[1]))))


def _coarser(image: NDArray[np.uint8], clear: Floats, reader: FieldReader) -> Iterator[_Look]:
    """Looks at the whole picture, the first the finest."""
    for number in range(_COARSER_LOOKS + 1):
        size = _first_size(image) / 2**number
        if number == 0 or min(image.shape[:2]) * size >= _SMALLEST_LOOK:
            yield _Look.at([_resized(image, size)], size, clear, reader)


def _closer(image: NDArray[np.uint8], clear: Floats, reader: FieldReader) -> Iterator[_Look]:
    """Looks at a few places of a large picture, nearer and nearer."""
    size = _first_size(image)
    while size < 1:
        size = min(1.0, 2 * size)
        side = min(_PLACE_SIDE / size, *image.shape[:2])
        yield _Look.at([_resized(_part(image, place, side), size) for place in _PLACES], size, clear, reader)


def _part(image: NDArray[np.uint8], place: tuple[float, float], side: float) -> NDArray[np.uint8]:
    """A square around a place, which is given in shares of the sides."""
    height, width = image.shape[:2]
    top = int(np.clip(place[0] * height - side / 2, 0, height - side))
    left = int(np.clip(place[1] * width - side / 2, 0, width - side))
    return image[top : top + int(side), left : left + int(side)]


def _resized(image: NDArray[np.uint8], size: float) -> NDArray[np.uint8]:
    if size == 1:
        return image
    shape = (max(8, round(image.shape[1] * size)), max(8, round(image.shape[0] * size)))
    return np.asarray(cv2.resize(image, shape, interpolation=cv2.INTER_AREA), np.uint8)
