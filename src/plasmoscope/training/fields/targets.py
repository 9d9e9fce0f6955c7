"""What the network has to say of a scene, on its grid of half the picture's size."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from plasmoscope.segmentation.vocabulary import Tissue
from plasmoscope.training.fields.scene import Scene

# Pixels of the picture a step of the grid.
STRIDE = 2
RAYS = 32
# Points of each cell at which the network's rays are compared: neighbours say nearly the same.
_POINTS = 4
_MOST_POINTS = 3000
_LEAST_PIXELS = 6
_BOUNDARY = 96

Floats = NDArray[np.float32]


class Targets(NamedTuple):
    """The truth on the grid, sides g."""

    depth: Floats
    """Shape (g, g): distance to the cell's edge over the largest in that cell, 0 outside; -1 where it is unknown."""
    tissue: NDArray[np.int64]
    """Shape (g, g): ``Tissue``."""
    points: NDArray[np.int64]
    """Shape (k, 2): row and column of the points at which rays are known."""
    rays: Floats
    """Shape (k, RAYS): distance to the outline in pixels of the picture, from each point, counter-clockwise from x."""


def targets_of(scene: Scene, rng: np.random.Generator) -> Targets:
    """Compute what the network has to say of a scene; ``rng`` chooses the points."""
    grid = scene.image.shape[0] // STRIDE
    tissue = scene.tissues()[STRIDE // 2 :: STRIDE, STRIDE // 2 :: STRIDE].astype(np.int64)
    depth = np.zeros((grid, grid), np.float32)
    points, rays = [], []
    for thing in scene.objects:
        on_grid = np.asarray((thing.outline + 0.5) / STRIDE - 0.5, np.float32)
        low = np.maximum(np.floor(on_grid.min(axis=0)).astype(int) - 1, 0)
        high = np.minimum(np.ceil(on_grid.max(axis=0)).astype(int) + 2, grid)
        if (high - low < 2).any():
            continue
        # A margin, so that what the picture's border cuts is not shallower there.
        local = np.zeros((high[1] - low[1] + 2, high[0] - low[0] + 2), np.uint8)
        cv2.fillPoly(local, [np.rint((on_grid - low + 1) * 16).astype(np.int32)], 1, shift=4)
        distance = cv2.distanceTransform(local, cv2.DIST_L2, 5)[1:-1, 1:-1]
        deepest = float(distance.max())
        if deepest <= 0 or (distance > 0).sum() < _LEAST_PIXELS:
            continue
        share = distance / deepest
        window = depth[low[1] : high[1], low[0] : high[0]]
        # What the eyepiece's rim or a letter hides is no cell to be seen.
        seen = tissue[low[1] : high[1], low[0] : high[0]] != Tissue.NO_SPECIMEN
        mine = (share > window) & seen
        window[mine] = share[mine]
        if thing.whole:
            rows, columns = np.nonzero(mine & (share > 0.15))
            if len(rows):
                chosen = rng.choice(len(rows), min(_POINTS, len(rows)), replace=False)
                places = np.stack([rows[chosen] + low[1], columns[chosen] + low[0]], axis=1)
                points.append(places)
                rays.append(_rays(places, on_grid) * STRIDE)
    depth[(tissue == Tissue.UNKNOWN) & (depth == 0)] = -1
    if not points:
        return Targets(depth, tissue, np.zeros((0, 2), np.int64), np.zeros((0, RAYS), np.float32))
    all_points, all_rays = np.concatenate(points), np.concatenate(rays)
    # Another cell laid later may own a point by now; its rays are still those of a cell it lies in.
    if len(all_points) > _MOST_POINTS:
        kept = rng.choice(len(all_points), _MOST_POINTS, replace=False)
        all_points, all_rays = all_points[kept], all_rays[kept]
    return Targets(depth, tissue, all_points.astype(np.int64), all_rays.astype(np.float32))


def _rays(places: NDArray[np.int64], outline: Floats) -> Floats:
    """Distance from each place (row, column) to the outline along each ray: the farthest crossing's sector."""
    steps = np.linspace(0, len(outline), _BOUNDARY, endpoint=False)
    index = steps.astype(int)
    share = (steps - index)[:, None]
    boundary = outline[index] * (1 - share) + outline[(index + 1) % len(outline)] * share
    offset = boundary[None] - places[:, None, ::-1]
    far = np.hypot(offset[..., 0], offset[..., 1])
    angle = np.arctan2(offset[..., 1], offset[..., 0]) % (2 * np.pi)
    found = np.empty((len(places), RAYS), np.float32)
    directions = np.arange(RAYS) * 2 * np.pi / RAYS
    for number in range(len(places)):
        order = np.argsort(angle[number])
        found[number] = np.interp(directions, angle[number][order], far[number][order], period=2 * np.pi)
    return found
