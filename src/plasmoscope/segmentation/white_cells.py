"""White cells whole: the lobes of a nucleus, and cytoplasm apart from it, belong to one cell."""

import cv2
import numpy as np

from plasmoscope.segmentation.instances import Instance
from plasmoscope.segmentation.vocabulary import Tissue

# Share of a red cell's area: one of which more lies inside a white cell's outline is a piece of it. By majority.
_INSIDE = 0.5


def whole_white_cells(instances: list[Instance]) -> list[Instance]:
    """Join white instances that overlap, and drop red ones that lie in the joined outline.

    Args:
        instances: red and white cells as the network's points propose them.

    Returns:
        The same, each white cell once.
    """
    whites = [instance for instance in instances if instance.tissue is Tissue.WHITE_CELL]
    if not whites:
        return instances
    joined = [_joined(group) for group in _overlapping(whites)]
    reds = [instance for instance in instances if instance.tissue is Tissue.RED_CELL]
    kept = [red for red in reds if not any(_shared(red, white) > _INSIDE * red.area for white in joined)]
    return [*kept, *joined]


def _overlapping(whites: list[Instance]) -> list[list[Instance]]:
    groups: list[list[Instance]] = []
    for white in whites:
        apart, together = [], [white]
        for group in groups:
            if any(_shared(white, other) > 0 for other in group):
                together += group
            else:
                apart.append(group)
        groups = [*apart, together]
    return groups


def _joined(group: list[Instance]) -> Instance:
    if len(group) == 1:
        return group[0]
    points = np.concatenate([instance.outline for instance in group])
    hull = cv2.convexHull(points)[:, 0].astype(np.float32)
    return Instance(Tissue.WHITE_CELL, hull, max(instance.score for instance in group))


def _shared(one: Instance, other: Instance) -> float:
    """Square pixels that two outlines, taken as convex, share."""
    low = np.maximum(one.outline.min(axis=0), other.outline.min(axis=0))
    high = np.minimum(one.outline.max(axis=0), other.outline.max(axis=0))
    if (low >= high).any():
        return 0.0
    first, second = (cv2.convexHull(instance.outline) for instance in (one, other))
    return float(cv2.intersectConvexConvex(first, second)[0])
