"""Detections against the truth: which belongs to which, and the figures that follow from it.

Boxes are matched one to one at a threshold of intersection over union, as in Pascal VOC (Everingham et al. 2010) and
StarDist (Schmidt et al. 2018); of all such matchings the largest is taken, not the first that a greedy search finds.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

# Intersection over union from which two boxes are of one object, as in PASCAL VOC (Everingham et al. 2010,
# doi:10.1007/s11263-009-0275-4).
IOU = 0.5


@dataclass(frozen=True)
class Matching:
    """Which detection is which true object. A figure is None where nothing decides it."""

    pairs: tuple[tuple[int, int], ...]
    """Index of the true object and index of the detection, in the order of the former."""
    true: int
    """Number of true objects."""
    found: int
    """Number of detections."""

    @property
    def true_positives(self) -> int:
        """Detections that are right."""
        return len(self.pairs)

    @property
    def false_positives(self) -> int:
        """Detections of nothing, or of what another detection has already found."""
        return self.found - len(self.pairs)

    @property
    def false_negatives(self) -> int:
        """True objects that no detection matches."""
        return self.true - len(self.pairs)

    @property
    def precision(self) -> float | None:
        """Share of the detections that are right."""
        return share(len(self.pairs), self.found)

    @property
    def recall(self) -> float | None:
        """Share of the true objects that are found."""
        return share(len(self.pairs), self.true)

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall."""
        return share(2 * len(self.pairs), self.found + self.true)


def iou_matrix(true: ArrayLike, found: ArrayLike) -> Floats:
    """Intersection over union of each box with each.

    Args:
        true: boxes as left, top, width, height, shape (n, 4).
        found: the same, shape (m, 4).

    Returns:
        0 (apart, or without area) to 1 (the same), shape (n, m).
    """
    one, other = _boxes(true), _boxes(found)
    shared = intersection_matrix(one, other)
    union = one[:, None, 2:].prod(axis=-1) + other[:, 2:].prod(axis=-1) - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(shared), where=union > 0))


def intersection_matrix(one: ArrayLike, other: ArrayLike) -> Floats:
    """The area, in square pixels, that each box shares with each: boxes as for ``iou_matrix``, shape (n, m)."""
    first, second = _boxes(one), _boxes(other)
    start = np.maximum(first[:, None, :2], second[:, :2])
    end = np.minimum((first[:, :2] + first[:, 2:])[:, None], second[:, :2] + second[:, 2:])
    return np.asarray(np.clip(end - start, 0, None).prod(axis=-1))


def share_within(boxes: ArrayLike, regions: ArrayLike) -> Floats:
    """The share of each box's own area that lies in each region: boxes as for ``iou_matrix``, shape (n, m), 0 to 1."""
    inner = _boxes(boxes)
    shared = intersection_matrix(inner, regions)
    area = inner[:, None, 2:].prod(axis=-1)
    return np.asarray(np.divide(shared, area, out=np.zeros_like(shared), where=area > 0))


def touch_border(boxes: ArrayLike, width: int, height: int, margin: float) -> Bools:
    """Whether each box, as for ``iou_matrix``, reaches to within a margin of the picture's border; in pixels."""
    frames = _boxes(boxes)
    ends = frames[:, :2] + frames[:, 2:]
    return np.asarray((frames[:, :2] <= margin).any(axis=1) | (ends >= np.array([width, height]) - margin).any(axis=1))


def match_boxes(true: ArrayLike, found: ArrayLike, iou: float = IOU) -> Matching:
    """Match boxes one to one: as many pairs as can be at or above the threshold, then those that agree best.

    Args:
        true: boxes as left, top, width, height, shape (n, 4).
        found: the same, shape (m, 4).
        iou: the least intersection over union of a pair, above 0 and at most 1.

    Raises:
        ValueError: the threshold is out of range.
    """
    if not 0 < iou <= 1:
        raise ValueError(f"a threshold of intersection over union lies above 0 and at most at 1, not at {iou}")
    overlap = iou_matrix(true, found)
    allowed = overlap >= iou
    # All agreement together weighs less than one more pair.
    gain = np.where(allowed, 1 + overlap / (min(overlap.shape) + 1), 0)
    rows, columns = linear_sum_assignment(gain, maximize=True)
    pairs = [(int(row), int(column)) for row, column in zip(rows, columns, strict=True) if allowed[row, column]]
    return Matching(tuple(pairs), *overlap.shape)


def points_in_boxes(points: ArrayLike, boxes: ArrayLike) -> Bools:
    """Whether each box holds each point, its edge included.

    Args:
        points: x and y, shape (n, 2).
        boxes: left, top, width, height, shape (m, 4).

    Returns:
        Shape (n, m).
    """
    places, frames = np.asarray(points, float).reshape(-1, 1, 2), _boxes(boxes)
    held = (places >= frames[:, :2]) & (places <= frames[:, :2] + frames[:, 2:])
    return np.asarray(held.all(axis=-1))


def counting_error(true: int, found: int) -> float | None:
    """By what share of the truth the count is too high, or too low where it is negative."""
    return share(found - true, true)


def mean_absolute_counting_error(counts: Iterable[tuple[int, int]]) -> float | None:
    """Mean over fields of the counting error without its sign; fields with nothing to count stay out.

    Args:
        counts: the true count and the one found, field by field.
    """
    errors = [abs(found - true) / true for true, found in counts if true]
    return share(sum(errors), len(errors))


def per_thousand(events: int, cells: int) -> float | None:
    """Events, such as false positives, per 1,000 cells."""
    return share(1000 * events, cells)


def share(part: float, whole: float) -> float | None:
    """Part of a whole; None of nothing."""
    return part / whole if whole else None


def _boxes(boxes: ArrayLike) -> Floats:
    return np.asarray(boxes, np.float64).reshape(-1, 4)
