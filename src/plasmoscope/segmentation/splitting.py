"""Touching and overlapping red cells, parted."""

from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray

from plasmoscope.segmentation.foreground import Mask

Labels = NDArray[np.int32]

# Two centres whose joining line never comes nearer the edge than this share of the smaller radius are one cell.
_NECK = 0.86
# A piece of more cells' area than this is a clump.
_CLUMP = 1.6
# A piece that fills this share of the circle around it is one cell, however large.
_ROUND = 0.82


def split_cells(mask: Mask, radius: float) -> tuple[Labels, int]:
    """Part a mask into cells that are about round.

    The centres are peaks of the distance to the edge. Each pixel goes to the centre whose circle it lies deepest in
    (a power diagram; Aurenhammer 1987), so two touching cells are parted along their common chord.

    Args:
        mask: stained pixels with pale centres filled.
        radius: of a red cell in pixels.

    Returns:
        Labels from 1, 0 outside, shape (h, w), and how many there are.
    """
    depth = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
    distance = np.asarray(cv2.GaussianBlur(depth, (0, 0), max(0.6, 0.05 * radius)), np.float32)
    count, found = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    components = np.asarray(found, np.int32)
    centres = _peaks(distance, radius)
    owners: list[list[tuple[int, int]]] = [[] for _ in range(count)]
    for x, y in centres:
        owners[components[y, x]].append((x, y))
    labels = np.zeros(mask.shape, np.int32)
    boxes = _boxes(components, count)
    made = 0
    for component in range(1, count):
        window = boxes[component]
        ys, xs = np.nonzero(components[window] == component)
        ys, xs = ys + window[0].start, xs + window[1].start
        groups = _merge(owners[component], distance, radius)
        parts = _deepest(xs, ys, groups, distance) if len(groups) > 1 else np.zeros(len(xs), np.int64)
        for part in range(max(1, len(groups))):
            members = parts == part
            pieces, parted = _shared_out(xs[members], ys[members], np.pi * radius**2)
            labels[ys[members], xs[members]] = made + 1 + pieces
            made += parted
    return labels, made


def _shared_out(xs: NDArray[np.int64], ys: NDArray[np.int64], cell_area: float) -> tuple[NDArray[np.int64], int]:
    """Part a clump that has no necks left into compact pieces of a cell's area (k-means)."""
    count = round(len(xs) / cell_area) if len(xs) > _CLUMP * cell_area else 1
    points = np.stack([xs, ys], axis=1).astype(np.float32)
    if count < 2 or _is_round(points):
        return np.zeros(len(xs), np.int64), 1
    criteria = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 30, 0.5)
    cv2.setRNGSeed(0)
    _, pieces, _ = cv2.kmeans(points, count, None, criteria, 3, cv2.KMEANS_PP_CENTERS)  # type: ignore[call-overload]
    return pieces[:, 0].astype(np.int64), count


def _is_round(points: NDArray[np.float32]) -> bool:
    """Whether a piece is one large cell rather than a clump."""
    _, radius = cv2.minEnclosingCircle(cv2.convexHull(points))
    return bool(len(points) > _ROUND * np.pi * radius**2)


def _peaks(distance: NDArray[np.float32], radius: float) -> list[tuple[int, int]]:
    """Local maxima, one for each neighbourhood of a red cell's half radius."""
    reach = 2 * int(0.45 * radius) + 1
    highest = cv2.dilate(distance, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
    tops = ((distance >= highest - 1e-6) & (distance > 0.35 * radius)).astype(np.uint8)
    # Flat tops are one peak.
    count, _, _, centroids = cv2.connectedComponentsWithStats(tops, connectivity=8)
    height, width = distance.shape
    found = []
    for centre_x, centre_y in np.rint(centroids[1:count]).astype(int):
        x, y = int(np.clip(centre_x, 0, width - 1)), int(np.clip(centre_y, 0, height - 1))
        if distance[y, x] > 0:
            found.append((x, y))
    return found


def _merge(centres: list[tuple[int, int]], distance: NDArray[np.float32], radius: float) -> list[list[tuple[int, int]]]:
    """Group peaks that no neck parts."""
    group = list(range(len(centres)))
    for first, second in combinations(range(len(centres)), 2):
        (x1, y1), (x2, y2) = centres[first], centres[second]
        apart = float(np.hypot(x1 - x2, y1 - y2))
        if apart > 2.0 * radius:
            continue
        steps = max(2, int(apart))
        xs = np.rint(np.linspace(x1, x2, steps)).astype(int)
        ys = np.rint(np.linspace(y1, y2, steps)).astype(int)
        smaller = min(distance[y1, x1], distance[y2, x2])
        if distance[ys, xs].min() > _NECK * smaller:
            old, new = group[second], group[first]
            group = [new if member == old else member for member in group]
    merged: dict[int, list[tuple[int, int]]] = {}
    for centre, member in zip(centres, group, strict=True):
        merged.setdefault(member, []).append(centre)
    return list(merged.values())


def _deepest(
    xs: NDArray[np.int64],
    ys: NDArray[np.int64],
    groups: list[list[tuple[int, int]]],
    distance: NDArray[np.float32],
) -> NDArray[np.int64]:
    """Index of the group in one of whose circles each pixel lies deepest."""
    power = np.full((len(groups), len(xs)), np.inf, np.float32)
    for index, group in enumerate(groups):
        for x, y in group:
            reach = (xs - x) ** 2 + (ys - y) ** 2 - float(distance[y, x]) ** 2
            np.minimum(power[index], reach, out=power[index])
    return np.asarray(power.argmin(axis=0))


def _boxes(labels: Labels, count: int) -> list[tuple[slice, slice]]:
    """Bounding window of every label."""
    ys, xs = np.nonzero(labels)
    values = labels[ys, xs]
    low = np.full((count, 2), np.iinfo(np.int64).max)
    high = np.full((count, 2), -1)
    np.minimum.at(low, values, np.stack([ys, xs], axis=1))
    np.maximum.at(high, values, np.stack([ys, xs], axis=1))
    return [(slice(int(a), int(c) + 1), slice(int(b), int(d) + 1)) for (a, b), (c, d) in zip(low, high, strict=True)]
