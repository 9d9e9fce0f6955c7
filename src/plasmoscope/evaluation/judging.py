"""One field judged against its truth: which red cells were found, which parasites, and what was called wrongly.

What cannot be judged stands aside on both sides, neither missed nor false: cells cut by the border, and boxes that
their annotator marked as difficult, as in Pascal VOC (Everingham et al. 2010) and COCO (Lin et al. 2014).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from plasmoscope.analysis.results import Cell, Field
from plasmoscope.evaluation.boxes import TrueBox
from plasmoscope.evaluation.matching import (
    Bools,
    intersection_matrix,
    iou_matrix,
    match_boxes,
    points_in_boxes,
    share_within,
    touch_border,
)

# Pixels: a box this close to the picture's border is of a cell that the border cuts. Set by hand.
BORDER = 2.0
# Share of the whole outlines: a field in which more hold a labelled centre is taken to be labelled throughout. Set by
# hand.
LABELLED_THROUGHOUT = 0.8
_DIFFICULT_LABELS = frozenset({"difficult", "ignore"})

Verdict = Literal["right", "wrong", "aside"]
Fate = Literal["found", "called uninfected", "not told", "in a cut cell", "in no cell"]


@dataclass(frozen=True)
class Labels:
    """What red cells and parasites are called in a truth, in lower case with blanks."""

    red_cells: Collection[str]
    parasites: Collection[str]

    def red_cell(self, true: TrueBox) -> bool:
        """Whether it is the box of a red cell, infected or not."""
        return plain_label(true.label) in self.red_cells

    def parasite(self, true: TrueBox) -> bool:
        """Whether it is the box of a parasite or an infected cell."""
        return plain_label(true.label) in self.parasites

    def uninfected(self, true: TrueBox) -> bool:
        """Whether it is the box of a red cell that by itself tells of no parasite."""
        return self.red_cell(true) and not self.parasite(true)


@dataclass(frozen=True)
class TrueParasite:
    """A parasite of the truth, and what became of it."""

    true: TrueBox
    fate: Fate


@dataclass(frozen=True)
class Judgement:
    """A field against its truth. Indices are of ``boxes`` and ``cells``."""

    boxes: tuple[TrueBox, ...]
    """Red cells of the truth, but for difficult ones."""
    box_verdicts: tuple[Verdict, ...]
    """Found, missed, or aside."""
    cells: tuple[Cell, ...]
    """Red cells found; none in a field that was refused."""
    not_told: tuple[Cell, ...]
    """What was outlined as a red cell, but of which the classifier says that it is none, or that it cannot tell."""
    cell_verdicts: tuple[Verdict, ...]
    """A red cell, none, or aside."""
    pairs: tuple[tuple[int, int], ...]
    """Box and cell that match, those aside included."""
    difficult: frozenset[int]
    """Cells that lie in a difficult box and match no other."""
    in_pieces: tuple[int, ...]
    """Missed boxes that hold the centres of two false cells or more."""
    run_together: tuple[int, ...]
    """False cells whose boxes hold the centres of two missed boxes or more."""
    parasites: tuple[TrueParasite, ...]
    false_calls: tuple[int, ...]
    """Counted cells called parasitized that no box of a parasite touches."""
    boxed_uninfected: tuple[int, ...]
    """Cells that match the box of a red cell without a parasite."""


def judge_field(field: Field, truth: Sequence[TrueBox], iou: float, labels: Labels) -> Judgement:
    """Judge a field against the boxes of its truth.

    Boxes and cells are matched one to one. A pair of which the border cuts one stands aside as a whole; so does every
    unmatched cell that lies in a difficult box to the threshold or more.

    Args:
        field: as analysed; of one that was refused nothing is found.
        truth: boxes with an area; centres are for ``judge_centres``.
        iou: the least intersection over union of a match.
        labels: what red cells and parasites are called.
    """
    boxed = [true for true in truth if not true.is_centre]
    difficult = [true for true in boxed if is_difficult(true)]
    certain = [true for true in boxed if not is_difficult(true)]
    boxes = [true for true in certain if labels.red_cell(true)]
    parasites = [true for true in certain if labels.parasite(true)]
    cells, not_told = red_cells_of(field), not_told_of(field)
    frames, found = [true.box for true in boxes], [cell.box for cell in cells]
    pairs = match_boxes(frames, found, iou).pairs
    cut = touch_border(frames, field.width, field.height, BORDER)
    unsure: Bools = np.asarray((share_within(found, [true.box for true in difficult]) >= iou).any(axis=1))
    unsure[[cell for _, cell in pairs]] = False
    box_verdicts: list[Verdict] = ["aside" if at_border else "wrong" for at_border in cut]
    cell_verdicts: list[Verdict] = [
        "aside" if cell.on_border or doubt else "wrong" for cell, doubt in zip(cells, unsure, strict=True)
    ]
    for box, cell in pairs:
        box_verdicts[box] = cell_verdicts[cell] = "aside" if cut[box] or cells[cell].on_border else "right"
    missed = [index for index, verdict in enumerate(box_verdicts) if verdict == "wrong"]
    false = [index for index, verdict in enumerate(cell_verdicts) if verdict == "wrong"]
    pieces = points_in_boxes([cells[index].centre for index in false], [frames[index] for index in missed])
    joined = points_in_boxes([boxes[index].centre for index in missed], [found[index] for index in false])
    # Whether a cell was called rightly is not known where an annotator was not sure either.
    doubtful = [*parasites, *difficult]
    touched: Bools = np.asarray((intersection_matrix(found, [true.box for true in doubtful]) > 0).any(axis=1))
    infected: Bools = np.asarray(points_in_boxes([true.centre for true in doubtful], frames).any(axis=0))
    return Judgement(
        boxes=tuple(boxes),
        box_verdicts=tuple(box_verdicts),
        cells=tuple(cells),
        not_told=tuple(not_told),
        cell_verdicts=tuple(cell_verdicts),
        pairs=pairs,
        difficult=frozenset(np.flatnonzero(unsure).tolist()),
        in_pieces=tuple(missed[index] for index in np.flatnonzero(pieces.sum(axis=0) >= 2)),
        run_together=tuple(false[index] for index in np.flatnonzero(joined.sum(axis=0) >= 2)),
        parasites=tuple(TrueParasite(true, _fate(true, cells, not_told, iou, field)) for true in parasites),
        false_calls=tuple(
            index for index, cell in enumerate(cells) if cell.counted and cell.parasitized and not touched[index]
        ),
        boxed_uninfected=tuple(
            cell
            for box, cell in pairs
            if box_verdicts[box] == "right" and labels.uninfected(boxes[box]) and not infected[box]
        ),
    )


@dataclass(frozen=True)
class CentresJudgement:
    """A field against the centres of its red cells."""

    held: tuple[int, ...]
    """In how many outlines of red cells, cut ones included, each centre lies."""
    outlines: tuple[Cell, ...]
    """Whole red cells; none where the field is not labelled throughout."""
    holding: tuple[int, ...]
    """How many centres each of them holds."""


def judge_centres(field: Field, truth: Sequence[TrueBox]) -> CentresJudgement:
    """Judge a field against labelled centres.

    In how many outlines a centre lies can always be told. That an outline holds none is a fault only where every cell
    is labelled, which is taken to be so where four fifths of the whole outlines hold a centre.
    """
    centres = [true.centre for true in truth if true.is_centre]
    cells = red_cells_of(field)
    held = _holds(cells, centres)
    whole = np.array([not cell.on_border for cell in cells], bool)
    holding = held[whole].sum(axis=1)
    throughout = bool(centres) and len(holding) > 0 and (holding > 0).mean() >= LABELLED_THROUGHOUT
    return CentresJudgement(
        held=tuple(held.sum(axis=0).tolist()),
        outlines=tuple(cell for cell in cells if not cell.on_border) if throughout else (),
        holding=tuple(holding.tolist()) if throughout else (),
    )


def red_cells_of(field: Field) -> list[Cell]:
    """Red cells found, cut ones included; none in a field that was refused."""
    return [cell for cell in field.cells if cell.kind == "red_cell"] if field.accepted else []


def not_told_of(field: Field) -> list[Cell]:
    """What is outlined as a red cell but left out, being none to the classifier or nothing that it can tell."""
    return [cell for cell in field.cells if cell.kind == "not_a_cell"] if field.accepted else []


def is_difficult(true: TrueBox) -> bool:
    """Whether the annotator was not sure of it, said by a mark or by the label."""
    return true.difficult or plain_label(true.label) in _DIFFICULT_LABELS


def plain_label(label: str) -> str:
    """A label in lower case with blanks."""
    return label.strip().lower().replace("_", " ")


def _fate(parasite: TrueBox, cells: Sequence[Cell], not_told: Sequence[Cell], iou: float, field: Field) -> Fate:
    holders = _holders(parasite, cells, iou)
    if any(cell.counted and cell.parasitized for cell in holders):
        return "found"
    if any(cell.counted for cell in holders):
        return "called uninfected"
    if _holders(parasite, not_told, iou):
        return "not told"
    # What the border cuts need not be found at all; what was counted all the same is judged as counted.
    cut = bool(touch_border([parasite.box], field.width, field.height, BORDER)[0])
    return "in a cut cell" if holders or cut else "in no cell"


def _holders(parasite: TrueBox, cells: Sequence[Cell], iou: float) -> list[Cell]:
    """The cells that a parasite is taken to lie in."""
    boxes = [cell.box for cell in cells]
    holds = points_in_boxes([parasite.centre], boxes)[0] | (iou_matrix([parasite.box], boxes)[0] >= iou)
    return [cells[index] for index in np.flatnonzero(holds).tolist()]


def _holds(cells: Sequence[Cell], points: Sequence[tuple[float, float]]) -> Bools:
    """Whether each outline holds each point, its edge included; shape (cells, points)."""
    held = points_in_boxes(points, [cell.box for cell in cells]).T
    for index, point in np.argwhere(held):
        outline = np.array(cells[index].outline, np.int32)
        held[index, point] = cv2.pointPolygonTest(outline, points[point], False) >= 0
    return held
