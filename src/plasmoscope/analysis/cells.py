"""The cells of one field, from outlines to calls: put in order, cut out, judged together, called and placed."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from plasmoscope.analysis.method import Calling
from plasmoscope.analysis.results import Cell, Outline
from plasmoscope.classification.classifier import Classifier
from plasmoscope.imaging.cells import cut_cell
from plasmoscope.imaging.stain_reference import refer
from plasmoscope.labels import NOT_TOLD, call_name
from plasmoscope.segmentation.field_reference import cut_referred, references
from plasmoscope.segmentation.segment import FoundObject, Segmentation, segment_field

# Share of an object's diameter by which its kept outline may leave the one that was read: chosen by hand, less than the
# eye sees in a report's picture, and a tenth of the corners.
_OUTLINE_TOLERANCE = 0.01


def call_cells(
    image: NDArray[np.uint8], segmentation: Segmentation, classifier: Classifier, how: Calling
) -> tuple[Cell, ...]:
    """Every object of a field, its red cells called.

    Args:
        image: the upright field, RGB, shape (h, w, 3).
        segmentation: of it.
        classifier: the model.
        how: its answers become calls.
    """
    objects = _reading_order(segmentation)
    reds = [index for index, item in enumerate(objects) if item.kind == "red_cell"]
    standard = classifier.card.preprocessing.reference
    crops = cut_referred(image, segmentation, [objects[index] for index in reds], standard)
    judged = classifier.judge_field(classifier.prepare_batch(crops), how.views)
    answers = dict(zip(reds, judged.each(), strict=True))
    return tuple(_cell(number, item, answers.get(number - 1), how) for number, item in enumerate(objects, start=1))


def crops_as_called(image: NDArray[np.uint8], cells: Sequence[Cell], classifier: Classifier) -> list[NDArray[np.uint8]]:
    """Red cells of a field that was analysed, cut out and with their colours as they were when they were called.

    Args:
        image: the upright field, RGB, shape (h, w, 3).
        cells: of it.
        classifier: that called them.
    """
    crops = [cut_cell(image, np.array(cell.outline, np.int32)) for cell in cells]
    standard = classifier.card.preprocessing.reference
    if standard is None or not cells:
        return crops
    segmentation = segment_field(image)
    reds = [item for item in segmentation.objects if item.kind == "red_cell"]
    if not reds:
        return crops
    own = references(segmentation, reds, [cut_cell(image, item.outline) for item in reds])
    centres = np.array([item.outline.mean(axis=0) for item in reds])
    # A cell that the reader of today does not outline is told against the light at its nearest neighbour.
    nearest = [int(np.linalg.norm(centres - cell.centre, axis=1).argmin()) for cell in cells]
    return [refer(crop, own[number], standard) for crop, number in zip(crops, nearest, strict=True)]


def _reading_order(segmentation: Segmentation) -> list[FoundObject]:
    """Row by row, each row a cell high."""
    row = max(1.0, segmentation.diameter or 1.0)
    return sorted(
        segmentation.objects, key=lambda item: (int(item.outline[:, 1].mean() / row), item.outline[:, 0].mean())
    )


def _cell(number: int, item: FoundObject, judged: tuple[float, float | None] | None, how: Calling) -> Cell:
    probability, not_a_cell = judged or (None, None)
    call = None if probability is None else call_name(probability, how.threshold, not_a_cell, how.silence)
    # What the border cuts is left out already, and a part of a cell looks like no cell.
    silent = call == NOT_TOLD and not item.on_border
    left, top = (int(value) for value in item.outline.min(axis=0))
    right, bottom = (int(value) for value in item.outline.max(axis=0))
    x, y = item.outline.mean(axis=0)
    return Cell(
        number=number,
        kind=NOT_TOLD if silent else item.kind,
        box=(left, top, right - left + 1, bottom - top + 1),
        centre=(round(float(x), 1), round(float(y), 1)),
        area=round(item.area, 1),
        outline=_simplified(item.outline, item.area),
        on_border=item.on_border,
        parasitized_probability=probability,
        parasitized=None if call in (None, NOT_TOLD) else call == "infected",
        not_a_cell_probability=not_a_cell,
    )


def _simplified(outline: NDArray[np.int32], area: float) -> Outline:
    """The same polygon to within a hundredth of its diameter, with far fewer corners to keep for every cell."""
    tolerance = _OUTLINE_TOLERANCE * 2 * np.sqrt(area / np.pi)
    corners = cv2.approxPolyDP(outline[:, None], tolerance, closed=True)[:, 0]
    return Outline((int(x), int(y)) for x, y in (corners if len(corners) >= 3 else outline))
