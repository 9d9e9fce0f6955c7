"""The size of a field's red cells, by the network that reads them."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from plasmoscope.segmentation.reader import FieldReader, Reading
from plasmoscope.segmentation.vocabulary import Tissue

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Search:
    """How the size of red cells is looked for.

    All was set by hand with the first field reader; on which pictures is not recorded. ``working diameter`` is the
    reader's, 30 pixels as it ships.
    """

    look_pixels: int = 300_000
    """Pixels of the first look."""
    coarser_looks: int = 3
    """Further looks at the whole picture at most; each has a quarter of the pixels of the one before."""
    smallest_look: int = 48
    """Pixels of the shorter side of a coarser look at least: a red cell and a half at the working diameter."""
    places: tuple[tuple[float, float], ...] = ((0.3, 0.3), (0.7, 0.7), (0.3, 0.7), (0.7, 0.3))
    """Middles of the closer looks, in shares of the picture's height and width; one place alone may be empty."""
    place_side: int = 512
    """Pixels of a side of a closer look."""
    smallest: float = 0.45
    """Share of the working diameter from which on red cells are as the network has learnt them. It learns diameters of
    12 to 72 pixels (``training.fields.composites.draw_diameter``)."""
    largest: float = 2.2
    """And up to which they are."""
    coarse: float = 1.4
    """Share of the working diameter: where the median red cell is larger, a coarser look follows. Two in three of the
    scenes that the network learns from have diameters of 22 to 46 pixels."""
    enough: float = 0.04
    """Share of the picture that red cells cover in a look that needs no other."""


SEARCH = Search()


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
        if best.covered > SEARCH.enough and not look.too_large:
            break
    assert best is not None
    for look in _closer(image, clear, reader) if best.covered < SEARCH.enough else ():
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
        likely = diameters[(diameters > SEARCH.smallest * working) & (diameters < SEARCH.largest * working)]
        pixels = sum(picture.shape[0] * picture.shape[1] for picture in pictures)
        film = np.mean([reading.film for reading in readings], axis=0).astype(np.float32)
        covered = float((np.pi / 4 * likely**2).sum() / pixels)
        if not len(likely):
            return cls(0.0, None, True, film)
        return cls(
            covered, float(np.median(likely)) / size, float(np.median(diameters)) > SEARCH.coarse * working, film
        )


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
    return min(1.0, float(np.sqrt(SEARCH.look_pixels / (image.shape[0] * image.shape[1]))))


def _coarser(image: NDArray[np.uint8], clear: Floats, reader: FieldReader) -> Iterator[_Look]:
    """Looks at the whole picture, the first the finest."""
    for number in range(SEARCH.coarser_looks + 1):
        size = _first_size(image) / 2**number
        if number == 0 or min(image.shape[:2]) * size >= SEARCH.smallest_look:
            yield _Look.at([_resized(image, size)], size, clear, reader)


def _closer(image: NDArray[np.uint8], clear: Floats, reader: FieldReader) -> Iterator[_Look]:
    """Looks at a few places of a large picture, nearer and nearer."""
    size = _first_size(image)
    while size < 1:
        size = min(1.0, 2 * size)
        side = min(SEARCH.place_side / size, *image.shape[:2])
        yield _Look.at([_resized(_part(image, place, side), size) for place in SEARCH.places], size, clear, reader)


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
