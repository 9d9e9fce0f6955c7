"""How points become cells: the rule that finds the red cells of validation scenes best."""

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from plasmoscope.evaluation.matching import match_boxes
from plasmoscope.segmentation.card import FieldCard, InstanceRule
from plasmoscope.segmentation.preparing import clear_colour
from plasmoscope.segmentation.reader import FieldReader
from plasmoscope.segmentation.vocabulary import Tissue
from plasmoscope.training.fields.scene import Scene

_LEAST_DEPTHS = (0.3, 0.4, 0.5, 0.6, 0.7)  # tried, as ``InstanceRule.least_depth``
_MOST_OVERLAPS = (0.4, 0.5, 0.6, 0.7)  # tried, as ``InstanceRule.most_overlap``
# Scenes whose cells are so much smaller or larger than the working diameter are not what a field is read at.
_NEAR = 1.5
# A cell of which the picture shows less, as a share of its box, is left aside on both sides.
_SEEN = 0.7

Boxes = NDArray[np.float64]


def choose_rule(network: bytes, card: FieldCard, scenes: Sequence[Scene]) -> tuple[InstanceRule, float]:
    """The rule with the best F1 of red cells (boxes, IoU 0.5), and that F1.

    Args:
        network: the ONNX graph.
        card: its card, of which the rule is ignored.
        scenes: with known cells, not trained on.
    """
    near = [scene for scene in scenes if 1 / _NEAR < scene.diameter / card.working_diameter < _NEAR and scene.objects]
    best, best_rule = -1.0, card.instances
    for least, overlap in product(_LEAST_DEPTHS, _MOST_OVERLAPS):
        rule = InstanceRule(least_depth=least, most_overlap=overlap, chosen_on=f"{len(near)} validation scenes")
        reader = FieldReader(network, card.model_copy(update={"instances": rule}))
        figure = f1_of(reader, near)
        if figure > best:
            best, best_rule = figure, rule
    return best_rule, best


def f1_of(reader: FieldReader, scenes: Sequence[Scene]) -> float:
    """F1 of the red cells of scenes (boxes, IoU 0.5), those that the border cuts deeply left aside."""
    matched = true = found = 0
    for scene in scenes:
        size = scene.image.shape[0]
        reading = reader.read(scene.image, clear_colour(scene.image))
        known = _boxes(
            [
                thing.outline
                for thing in scene.objects
                if thing.tissue is Tissue.RED_CELL and _is_seen(scene, thing.outline)
            ]
        )
        seen = _boxes([instance.outline for instance in reading.instances if instance.tissue is Tissue.RED_CELL])
        pairs = match_boxes(_clipped(known, size), _clipped(seen, size)).pairs
        deep, hit = _deep(known, size), {pair[0] for pair in pairs}
        matched += sum(bool(deep[index]) for index in hit)
        true += int(deep.sum())
        right = {pair[1] for pair in pairs}
        found += sum(bool(inside) and (index not in right) for index, inside in enumerate(_deep(seen, size)))
    return 2 * matched / max(1, true + found + matched)


def _is_seen(scene: Scene, outline: NDArray[np.float32]) -> bool:
    """Whether a cell's middle lies in the picture and not in the surround."""
    x, y = np.rint(outline.mean(axis=0)).astype(int)
    size = scene.image.shape[0]
    return bool(0 <= x < size and 0 <= y < size and scene.surface[y, x] != Tissue.NO_SPECIMEN)


def _boxes(outlines: Sequence[NDArray[np.float32]]) -> Boxes:
    """Left, top, right and bottom, shape (n, 4)."""
    return np.array([[*outline.min(axis=0), *outline.max(axis=0)] for outline in outlines], float).reshape(-1, 4)


def _clipped(boxes: Boxes, size: int) -> Boxes:
    """What of boxes lies in the picture, as left, top, width and height."""
    inside = np.clip(boxes, 0, size - 1)
    return np.concatenate([inside[:, :2], inside[:, 2:] - inside[:, :2]], axis=1)


def _deep(boxes: Boxes, size: int) -> NDArray[np.bool_]:
    """Whether most of a box lies in the picture."""
    whole = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    return np.asarray(_clipped(boxes, size)[:, 2:].prod(axis=1) >= _SEEN * whole)
