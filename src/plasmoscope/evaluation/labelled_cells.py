"""Cells that the analysis finds, labelled by annotated boxes: what ``plasmoscope adapt`` learns from."""

from collections.abc import Collection, Sequence

import numpy as np

from plasmoscope.analysis.results import Cell, Field
from plasmoscope.evaluation.boxes import TrueBox
from plasmoscope.evaluation.fields import PARASITE_LABELS, RED_CELL_LABELS
from plasmoscope.evaluation.judging import Labels, is_difficult, judge_field
from plasmoscope.evaluation.matching import IOU, intersection_matrix, iou_matrix, points_in_boxes


def labelled_cells(
    field: Field,
    truth: Sequence[TrueBox],
    red_cells_boxed: bool,
    red_cell_labels: Collection[str] = RED_CELL_LABELS,
    parasite_labels: Collection[str] = PARASITE_LABELS,
) -> list[tuple[Cell, bool]]:
    """The whole red cells of a field of which the truth tells whether they are infected, each with that.

    A cell is infected where ``evaluate_fields`` would count a call of it as a parasite found; it is uninfected where
    it matches the box of a red cell without a parasite or, where red cells are not boxed, touches no box of a
    parasite. The others, such as a cell beside a parasite, are left out.

    Args:
        field: as analysed; one that was refused has no cells.
        truth: annotated boxes of the field.
        red_cells_boxed: healthy red cells are boxed in this set (``what_is_annotated``).
        red_cell_labels: what red cells are called in the truth, in lower case.
        parasite_labels: what parasites or infected cells are called.
    """
    labels = Labels(red_cell_labels, parasite_labels)
    judgement = judge_field(field, truth, IOU, labels)
    cells = judgement.cells
    parasites = [true for true in truth if labels.parasite(true) and not true.is_centre]
    certain = [true for true in parasites if not is_difficult(true)]
    frames = [cell.box for cell in cells]
    held = points_in_boxes([true.centre for true in certain], frames) | (
        iou_matrix([true.box for true in certain], frames) >= IOU
    )
    infected = np.asarray(held.any(axis=0))
    doubtful = [*parasites, *(true for true in truth if is_difficult(true) and not true.is_centre)]
    touched = np.asarray((intersection_matrix(frames, [true.box for true in doubtful]) > 0).any(axis=1))
    boxed = set(judgement.boxed_uninfected)
    labelled = []
    for index, cell in enumerate(cells):
        if cell.counted and (infected[index] or (index in boxed if red_cells_boxed else not touched[index])):
            labelled.append((cell, bool(infected[index])))
    return labelled
