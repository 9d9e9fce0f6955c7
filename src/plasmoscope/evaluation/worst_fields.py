"""A picture of the fields that fared worst: true boxes and found outlines, what is wrong drawn thick.

Boxes with straight sides are the truth, outlines are what was found; so are they told apart without colours.
"""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from plasmoscope.analysis.results import Field
from plasmoscope.evaluation.boxes import TrueBox
from plasmoscope.evaluation.fields import PARASITE_LABELS, RED_CELL_LABELS, FieldEvaluation, FieldsEvaluation
from plasmoscope.evaluation.judging import Labels, Verdict, judge_centres, judge_field
from plasmoscope.reports.pictures import Picture
from plasmoscope.segmentation.vocabulary import Colour

WORST = 3  # fields on the picture
_TILE = 560  # pixels of a field's width
_GAP = 8  # pixels
_INK: Colour = (32, 32, 32)
_PAPER: Colour = (255, 255, 255)
_GREY: Colour = (110, 110, 110)  # what nobody judged
# Okabe & Ito's palette.
_TRUE: Colour = (0, 158, 115)
_FOUND: Colour = (0, 114, 178)
_WRONG: Colour = (213, 94, 0)
_WEIGHT: dict[Verdict, int] = {"right": 1, "wrong": 3, "aside": 1}
_LEGEND = (
    "Straight boxes: the truth (green found, thick orange missed). Outlines: what was found (blue right, thick orange "
    "false). Grey: aside. Circles: parasites (thick: missed). Crosses: centres (orange: not in one outline). F: false "
    "call. ?: not told."
)


class Panel(NamedTuple):
    """A field to draw."""

    image: Picture
    field: Field
    truth: Sequence[TrueBox]
    evaluation: FieldEvaluation


def worst_fields(evaluation: FieldsEvaluation, number: int = WORST) -> list[FieldEvaluation]:
    """The fields with most at fault, the worst first; those without any fault are left out.

    They are compared by what the truth tells: the F1 of red cells, the share of centres in one outline, or the
    parasites missed and the false calls.
    """
    faults = [(_fault(field), field) for field in evaluation.fields]
    ordered = sorted(faults, key=lambda pair: (*(-part for part in pair[0]), pair[1].name))
    return [field for fault, field in ordered if max(fault) > 0][:number]


def _fault(field: FieldEvaluation) -> tuple[float, float]:
    """How bad, and of how many objects."""
    counts, figures = field.counts, field.figures
    missed = counts.parasites_called_uninfected + counts.parasites_not_told + counts.parasites_in_no_cell
    calls = missed + counts.false_calls
    if figures.f1 is not None:
        return 1 - figures.f1, counts.red_cells + counts.red_cells_found - 2 * counts.red_cells_matched
    if figures.centre_recall is not None:
        return 1 - figures.centre_recall, counts.centres - counts.centres_in_one_outline
    return calls, calls


def draw_panel(panel: Panel, iou: float) -> Picture:
    """A field as wide as a tile, its name and what is wrong with it above.

    Args:
        panel: its image is RGB, shape (field.height, field.width, 3).
        iou: the least intersection over union of a match.
    """
    field = panel.field
    scale = _TILE / field.width
    drawn = cv2.resize(panel.image, (_TILE, max(1, round(field.height * scale))), interpolation=cv2.INTER_AREA)
    judged = judge_field(field, panel.truth, iou, Labels(RED_CELL_LABELS, PARASITE_LABELS))
    # Without boxes nothing tells of any outline whether it is right.
    verdicts: Sequence[Verdict] = judged.cell_verdicts if judged.boxes else ["aside"] * len(judged.cells)
    # What is wrong is drawn last, on top.
    for cell, verdict in sorted(zip(judged.cells, verdicts, strict=True), key=lambda one: _WEIGHT[one[1]]):
        outline = np.rint((np.array(cell.outline, float) + 0.5) * scale).astype(np.int32)
        cv2.polylines(drawn, [outline], True, _colour(verdict, _FOUND), _WEIGHT[verdict], cv2.LINE_AA)
    for true, verdict in sorted(zip(judged.boxes, judged.box_verdicts, strict=True), key=lambda one: _WEIGHT[one[1]]):
        left, top, width, height = (round(value * scale) for value in true.box)
        cv2.rectangle(
            drawn, (left, top), (left + width, top + height), _colour(verdict, _TRUE), _WEIGHT[verdict], cv2.LINE_AA
        )
    for cell in judged.not_told:
        x, y = (round(value * scale) for value in cell.centre)
        cv2.putText(drawn, "?", (x - 7, y + 7), cv2.FONT_HERSHEY_SIMPLEX, 0.7, _GREY, 2, cv2.LINE_AA)
    for parasite in judged.parasites:
        x, y = (round(value * scale) for value in parasite.true.centre)
        radius = max(5, round(max(parasite.true.box[2:]) * scale / 2))
        missed = parasite.fate in {"called uninfected", "not told", "in no cell"}
        cv2.circle(drawn, (x, y), radius, _WRONG if missed else _TRUE, 3 if missed else 1, cv2.LINE_AA)
    for index in judged.false_calls:
        x, y = (round(value * scale) for value in judged.cells[index].centre)
        cv2.putText(drawn, "F", (x - 7, y + 7), cv2.FONT_HERSHEY_SIMPLEX, 0.7, _WRONG, 2, cv2.LINE_AA)
    centres = [true for true in panel.truth if true.is_centre]
    for true, held in zip(centres, judge_centres(field, panel.truth).held, strict=True):
        x, y = (round(value * scale) for value in true.centre)
        cv2.drawMarker(drawn, (x, y), _TRUE if held == 1 else _WRONG, cv2.MARKER_CROSS, 9, 1 if held == 1 else 3)
    return np.vstack([_caption(panel.evaluation), np.asarray(drawn, np.uint8)])


def lay_out(rows: Sequence[tuple[str, Sequence[Picture]]]) -> Picture:
    """Panels of sets: the set's name over a row of its panels, a legend at the foot.

    Args:
        rows: name of a set and its panels, all of one width.
    """
    columns = max([1, *(len(panels) for _, panels in rows)])
    width = columns * (_TILE + _GAP) - _GAP
    parts = []
    for name, panels in rows:
        height = max((panel.shape[0] for panel in panels), default=0)
        row = np.full((height, width, 3), _PAPER, np.uint8)
        for column, panel in enumerate(panels):
            left = column * (_TILE + _GAP)
            row[: panel.shape[0], left : left + _TILE] = panel
        parts += [_text([name if panels else f"{name}: no field with a fault that its truth tells"], width, 18), row]
    return np.vstack([*parts, _text(_wrapped(_LEGEND, width, 13), width, 13)])


def _colour(verdict: Verdict, right: Colour) -> Colour:
    return right if verdict == "right" else _WRONG if verdict == "wrong" else _GREY


def _caption(field: FieldEvaluation) -> Picture:
    counts, figures = field.counts, field.figures
    said = [f"{field.name}:"]
    if field.failed_checks:
        said.append(f"refused for {', '.join(field.failed_checks)};")
    if figures.f1 is not None:
        missed, false = counts.red_cells - counts.red_cells_matched, counts.red_cells_found - counts.red_cells_matched
        said.append(f"F1 {figures.f1:.2f}; of {counts.red_cells} red cells {missed} missed, {false} false,")
        said.append(f"{counts.cut_into_pieces} in pieces, {counts.run_together} run together;")
    if counts.centres:
        said.append(f"{counts.centres_in_one_outline} of {counts.centres} centres in one outline;")
    if counts.parasites or counts.false_calls:
        said.append(f"{counts.parasites_found} of {counts.parasites} parasites, {counts.false_calls} false calls;")
    lines = _wrapped(" ".join(said).rstrip(";"), _TILE, 13)[:3]
    return _text([*lines, *[""] * (3 - len(lines))], _TILE, 13)


def _wrapped(text: str, width: int, size: int) -> list[str]:
    """Lines of a text that are no wider than a picture, but for a single word."""
    font = ImageFont.load_default(size)
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and font.getlength(longer) > width - 8:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _text(lines: Sequence[str], width: int, size: int) -> Picture:
    """Lines on white paper."""
    height = round(1.35 * size)
    paper = Image.new("RGB", (width, height * len(lines) + 6), _PAPER)
    pen = ImageDraw.Draw(paper)
    font = ImageFont.load_default(size)
    for number, line in enumerate(lines):
        pen.text((4, 3 + number * height), line, _INK, font)
    return np.asarray(paper)
