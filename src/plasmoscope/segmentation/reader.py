"""The network that reads a field: pixels in, what lies at every point out."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from plasmoscope.networks import open_session, read_network
from plasmoscope.segmentation.card import FieldCard
from plasmoscope.segmentation.instances import STRIDE, Instance, find_instances
from plasmoscope.segmentation.vocabulary import Film
from plasmoscope.segmentation.white_cells import whole_white_cells

Floats = NDArray[np.float32]

SHIPPED_READER = Path(__file__).parent / "models" / "field_reader.onnx"
# The network halves a picture so often that its sides must be multiples of this.
_MULTIPLE = 32
# Pixels a side of the tiles in which large pictures are read: a bound of memory.
_TILE = 1_024
# Pixels that two neighbours share: more than a white cell, which at 20 micrometres is some 80 pixels across where a red
# cell has the working diameter of 30.
_SHARED = 128


class Reading(NamedTuple):
    """What the network says of a picture."""

    instances: list[Instance]
    """Red and white cells in pixels of the picture."""
    tissue: NDArray[np.uint8]
    """``Tissue`` of every second pixel, shape (h / 2, w / 2)."""
    film: Floats
    """Probability of each ``Film``, shape (3,): the mean over the picture."""
    blur: float
    """Standard deviation of the blur over the diameter of a red cell."""


class FieldReader:
    """A loaded network that reads fields."""

    def __init__(self, network: bytes, card: FieldCard, threads: int | None = None) -> None:
        """Use ``load`` unless the model is already in memory; arguments and errors as there."""
        self.card = card
        self._session = open_session(network, card.name, threads)

    @classmethod
    def load(cls, model: Path = SHIPPED_READER, threads: int | None = None) -> "FieldReader":
        """Load a network and check it against its card.

        Args:
            model: an ``.onnx`` file with its card beside it; the one that ships if left out.
            threads: processor threads; as many as ``usable_threads`` if None.

        Raises:
            ModelError: missing, altered or not usable.
        """
        return cls(*read_network(model, FieldCard), threads)

    def read(self, image: NDArray[np.uint8], clear: Floats) -> Reading:
        """Read a picture whose red cells have about the working diameter.

        Args:
            image: RGB, shape (h, w, 3); large ones are read in tiles.
            clear: colour of the clear background, RGB, shape (3,).
        """
        height, width = image.shape[:2]
        grid = (-(-height // STRIDE), -(-width // STRIDE))
        tissue = np.zeros(grid, np.uint8)
        instances: list[Instance] = []
        films, blurs, areas = [], [], []
        for window in _tiles(height, width):
            depth, rays, kinds, film, blur = self._run(image[window.rows, window.columns], clear)
            rule = self.card.instances
            in_tile = find_instances(depth, rays, kinds, rule.least_depth, rule.most_overlap)
            corner = np.array([window.columns.start, window.rows.start], np.float32)
            for instance in in_tile:
                moved = Instance(instance.tissue, instance.outline + corner, instance.score)
                # What two tiles share, each reads up to the middle.
                if window.owns(moved.outline.mean(axis=0)):
                    instances.append(moved)
            rows = slice(window.rows.start // STRIDE, window.rows.start // STRIDE + kinds.shape[0])
            columns = slice(window.columns.start // STRIDE, window.columns.start // STRIDE + kinds.shape[1])
            tissue[rows, columns] = kinds
            films.append(film)
            blurs.append(blur)
            areas.append(kinds.size)
        return Reading(
            whole_white_cells(instances),
            tissue,
            np.average(films, axis=0, weights=areas).astype(np.float32),
            float(np.average(blurs, weights=areas)),
        )

    def _run(self, image: NDArray[np.uint8], clear: Floats) -> tuple[Floats, Floats, NDArray[np.uint8], Floats, float]:
        """Depth (h, w), rays (r, h, w), tissue (h, w) on the grid, film (3,) and blur of one tile."""
        height, width = image.shape[:2]
        down, right = -height % _MULTIPLE, -width % _MULTIPLE
        # Repeating the last pixels makes no edge that could be taken for a cell's.
        padded = cv2.copyMakeBorder(image, 0, down, 0, right, cv2.BORDER_REPLICATE)
        depth, rays, tissue, film, blur = self._session.run(None, {"pixels": padded[None], "clear": clear[None]})
        rows, columns = -(-height // STRIDE), -(-width // STRIDE)
        return (
            depth[0, :rows, :columns],
            rays[0, :, :rows, :columns],
            np.ascontiguousarray(tissue[0, :rows, :columns]),
            film[0],
            float(blur[0]),
        )


class _Tile(NamedTuple):
    rows: slice
    columns: slice
    top: float
    bottom: float
    left: float
    right: float

    def owns(self, point: Floats) -> bool:
        """Whether a point (x, y) is nearer to this tile's middle than to a neighbour's."""
        return bool(self.left <= point[0] < self.right and self.top <= point[1] < self.bottom)


def _tiles(height: int, width: int) -> Iterator[_Tile]:
    for rows, top, bottom in _stretches(height):
        for columns, left, right in _stretches(width):
            yield _Tile(rows, columns, top, bottom, left, right)


def _stretches(length: int) -> Iterator[tuple[slice, float, float]]:
    """Stretches that overlap, each with the part that it owns; the outermost own what lies beyond the picture."""
    count = 1 if length <= _TILE else -(-(length - _SHARED) // (_TILE - _SHARED))
    step = (length - _SHARED) / count
    # Even starts, so that the grids of all tiles fall together.
    starts = [int(number * step) // STRIDE * STRIDE for number in range(count)]
    ends = [*(int((number + 1) * step) + _SHARED for number in range(count - 1)), length]
    middles = [(end + start) / 2 for end, start in zip(ends, starts[1:], strict=False)]
    borders = [-np.inf, *middles, np.inf]
    for start, end, low, high in zip(starts, ends, borders, borders[1:], strict=False):
        yield slice(start, end), low, high


@cache
def shipped_reader() -> FieldReader:
    """The network that ships, loaded once."""
    return FieldReader.load()


def is_thin(film: Floats) -> bool:
    """Whether a thin film is the likeliest."""
    return int(film.argmax()) == Film.THIN
