"""From what the network says at every point to cells with outlines, each found once.

Each point deep in a cell proposes a star-convex outline, and of proposals that overlap too far the deepest stays
(StarDist; Schmidt et al. 2018, arXiv:1806.03535). Cells that overlap keep their whole outlines.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from plasmoscope.segmentation.vocabulary import Tissue

Floats = NDArray[np.float32]

# Pixels of the picture a step of the network's grid.
STRIDE = 2
# Outlines are compared on a raster of so many pixels a step: that of the network's grid.
_RASTER = 2
# Pixels of the picture: proposals of a smaller median radius are no cells. A red cell has 15 at the working diameter.
# Set by hand.
_SMALLEST_RADIUS = 2.5
# A bound of memory and time, set by hand.
_MOST_PROPOSALS = 20_000


@dataclass(frozen=True)
class Instance:
    """One red or white cell, in the pixels of the picture that the network read."""

    tissue: Tissue
    outline: Floats
    """Star-convex polygon, shape (rays, 2), x and y; it may reach beyond the picture."""
    score: float
    """How deep its deepest point lies, 0 to 1."""

    @property
    def area(self) -> float:
        """Square pixels."""
        return float(cv2.contourArea(self.outline))


def find_instances(
    depth: Floats, rays: Floats, tissue: NDArray[np.uint8], least: float, overlap: float
) -> list[Instance]:
    """Find the cells.

    Args:
        depth: how deep in a cell each point of the grid lies, shape (h, w), 0 to 1.
        rays: distance to the outline in pixels of the picture, shape (rays, h, w).
        tissue: ``Tissue`` of each point, shape (h, w).
        least: the least depth of a cell's deepest point.
        overlap: the most that two cells share, of the smaller one's area.

    Returns:
        Red and white cells, the surest first.
    """
    smooth = cv2.GaussianBlur(depth, (0, 0), 0.7)
    highest = cv2.dilate(smooth, np.ones((3, 3), np.uint8))
    rows, columns = np.nonzero((smooth >= highest) & (depth >= least))
    order = np.argsort(-depth[rows, columns], kind="stable")[:_MOST_PROPOSALS]
    rows, columns = rows[order], columns[order]
    reach = rays[:, rows, columns].T
    kept = np.median(reach, axis=1) >= _SMALLEST_RADIUS
    rows, columns, reach = rows[kept], columns[kept], reach[kept]
    outlines = _polygons(rows, columns, reach)
    cells: list[Instance] = []
    taken = _Taken(depth.shape)
    for row, column, outline in zip(rows.tolist(), columns.tolist(), outlines, strict=True):
        raster = _Raster(outline)
        if raster.area == 0 or taken.shares(raster) > overlap:
            continue
        kind = _kind(raster, tissue)
        if kind is None:
            continue
        taken.add(raster)
        cells.append(Instance(kind, outline, float(depth[row, column])))
    return cells


def _polygons(rows: NDArray[np.int64], columns: NDArray[np.int64], reach: Floats) -> Floats:
    """Outlines in pixels of the picture, shape (n, rays, 2)."""
    angles = np.arange(reach.shape[1]) * (2 * np.pi / reach.shape[1])
    # Middle of a grid point in pixels of the picture.
    x = (columns * STRIDE + (STRIDE - 1) / 2)[:, None] + reach * np.cos(angles)
    y = (rows * STRIDE + (STRIDE - 1) / 2)[:, None] + reach * np.sin(angles)
    return np.stack([x, y], axis=2).astype(np.float32)


class _Raster:
    """A polygon on the grid."""

    def __init__(self, outline: Floats) -> None:
        points = outline / _RASTER
        self.left, self.top = (int(value) for value in np.floor(points.min(axis=0)))
        right, bottom = (int(value) for value in np.ceil(points.max(axis=0)))
        self.mask = np.zeros((bottom - self.top + 1, right - self.left + 1), np.uint8)
        moved = np.rint((points - (self.left, self.top)) * 16).astype(np.int32)
        cv2.fillPoly(self.mask, [moved], 1, shift=4)
        self.area = int(self.mask.sum())

    def window(self, shape: tuple[int, ...]) -> tuple[tuple[slice, slice], NDArray[np.uint8]]:
        """Where it lies in a plane, and the part of its mask that lies there."""
        height, width = self.mask.shape
        rows = slice(max(0, self.top), min(shape[0], self.top + height))
        columns = slice(max(0, self.left), min(shape[1], self.left + width))
        if rows.start >= rows.stop or columns.start >= columns.stop:
            return (slice(0, 0), slice(0, 0)), self.mask[:0, :0]
        part = self.mask[
            rows.start - self.top : rows.stop - self.top, columns.start - self.left : columns.stop - self.left
        ]
        return (rows, columns), part


class _Taken:
    """What the cells found so far cover."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        # Two layers, for two cells may share a point; where three lie on each other, the first is forgotten.
        self._layers = np.zeros((2, *shape), np.int32)
        self._areas = [0]

    def shares(self, raster: _Raster) -> float:
        """The largest share, of the smaller one's area, of what a polygon has in common with a cell found before."""
        window, part = raster.window(self._layers.shape[1:])
        seen = self._layers[(slice(None), *window)][:, part > 0].ravel()
        owners, counts = np.unique(seen[seen > 0], return_counts=True)
        return max(
            (count / min(raster.area, self._areas[owner]) for owner, count in zip(owners, counts, strict=True)),
            default=0.0,
        )

    def add(self, raster: _Raster) -> None:
        """Take a polygon's points."""
        window, part = raster.window(self._layers.shape[1:])
        self._areas.append(max(1, raster.area))
        lower, upper = self._layers[0][window], self._layers[1][window]
        inside = part > 0
        upper[inside & (lower > 0)] = len(self._areas) - 1
        lower[inside & (lower == 0)] = len(self._areas) - 1


def _kind(raster: _Raster, tissue: NDArray[np.uint8]) -> Tissue | None:
    """Red or white, by most points; None for what is mostly neither."""
    window, part = raster.window(tissue.shape)
    counts = np.bincount(tissue[window][part > 0], minlength=len(Tissue))
    red, white = counts[Tissue.RED_CELL], counts[Tissue.WHITE_CELL]
    if red + white < 0.5 * counts.sum():
        return None
    return Tissue.RED_CELL if red >= white else Tissue.WHITE_CELL
