"""Objects of a field as a person draws, splits and joins them.

All coordinates are pixels of the upright field, and every outline that comes out encloses one piece of it, even where
what is drawn crosses itself or reaches beyond the picture.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from plasmoscope.analysis.results import Cell, Outline
from plasmoscope.errors import ToldError

Point = tuple[float, float]
Mask = NDArray[np.uint8]

MOST_CORNERS = 2_000  # of an outline drawn by a person; a hand needs some dozens
# Square pixels; the smallest cell that the quality gate lets pass has some hundred.
_LEAST_AREA = 12
# Of what is split, the least that a piece has; less is a corner that the line cut off.
_LEAST_PIECE = 0.05
# Pieces are joined over a gap of at most this share of the larger one's diameter.
_WIDEST_GAP = 0.5
_TOLERANCE = 0.01
_ELLIPSE_CORNERS = 48
# Of an object before its outline is known.
_NOTHING_YET: dict[str, Any] = {
    "box": (0, 0, 1, 1),
    "centre": (0.0, 0.0),
    "area": 0.0,
    "outline": Outline(()),
    "on_border": False,
}


class EditingError(ToldError):
    """What was drawn makes no object."""


def ellipse(left: float, top: float, width: float, height: float) -> list[Point]:
    """Corners of the ellipse in a box."""
    angles = np.linspace(0, 2 * np.pi, _ELLIPSE_CORNERS, endpoint=False)
    x = left + width / 2 * (1 + np.cos(angles))
    y = top + height / 2 * (1 + np.sin(angles))
    return list(zip(x.tolist(), y.tolist(), strict=True))


def drawn(corners: Sequence[Point], number: int, width: int, height: int, **called: Any) -> Cell:
    """An object with a drawn outline.

    Args:
        corners: closed polygon, 3 to ``MOST_CORNERS``.
        number: of the object.
        width, height: of the field; what lies beyond is cut off.
        called: ``kind`` and, of a red cell, ``parasitized``.

    Raises:
        EditingError: it encloses next to nothing of the field.
    """
    if not 3 <= len(corners) <= MOST_CORNERS:
        raise EditingError("outline_corners", most=MOST_CORNERS)
    points = np.clip(np.rint(np.array(corners, np.float64)), (0, 0), (width - 1, height - 1)).astype(np.int32)
    mask, left, top = _filled([points])
    return _object(mask, left, top, (width - 1, height - 1), Cell(number=number, **_NOTHING_YET, **called))


def holding(cell: Cell, cells: Sequence[Cell]) -> Cell | None:
    """The red cell that holds most of a much smaller object, such as a parasite drawn in it; None where none does."""
    points = np.array(cell.outline, np.int32)
    for other in cells:
        if other.kind not in ("red_cell", "not_a_cell") or other.area < 2 * cell.area:
            continue
        outline = np.array(other.outline, np.int32)
        if np.mean([cv2.pointPolygonTest(outline, (float(x), float(y)), False) >= 0 for x, y in points]) > 0.8:
            return other
    return None


def split(cell: Cell, line: Sequence[Point], numbers: tuple[int, int], width: int, height: int) -> tuple[Cell, Cell]:
    """Two objects in place of one, parted by a line that is drawn across it.

    Whether a piece is infected is not known where the whole was: then both are uncertain. Of a cell that the border
    cuts, the pieces at the picture's edge are cut, or both where the border is another one.

    Args:
        line: at least two points; it goes on straight beyond its ends.
        numbers: of the pieces.

    Raises:
        EditingError: the line does not part it in two.
    """
    if not 2 <= len(line) <= MOST_CORNERS:
        raise EditingError("line_too_short")
    whole, left, top = _filled([np.array(cell.outline, np.int32)])
    points = np.array(line, np.float64) - (left, top)
    reach = float(np.hypot(*whole.shape))
    ends = [points[0] + _ahead(points[0] - points[1], reach), points[-1] + _ahead(points[-1] - points[-2], reach)]
    path = np.rint(np.vstack([ends[0], points, ends[1]])).astype(np.int32)
    parted = whole.copy()
    cv2.polylines(parted, [path], isClosed=False, color=0, thickness=2)
    found, labels, statistics, _ = cv2.connectedComponentsWithStats(parted, connectivity=4)
    areas = statistics[:, cv2.CC_STAT_AREA]
    pieces = [label for label in range(1, found) if areas[label] >= max(_LEAST_AREA, _LEAST_PIECE * whole.sum())]
    if len(pieces) != 2:
        raise EditingError("line_parts_nothing")
    unsure = cell.kind == "red_cell" and bool(cell.parasitized)
    called: dict[str, Any] = {"kind": "not_a_cell", "parasitized": None} if unsure else {}
    like = replace(cell, parasitized_probability=None, not_a_cell_probability=None, **called)
    first, second = (
        _object((labels == label).astype(np.uint8), left, top, (width - 1, height - 1), replace(like, number=number))
        for label, number in zip(pieces, numbers, strict=True)
    )
    if cell.on_border and not (first.on_border or second.on_border):
        return replace(first, on_border=True), replace(second, on_border=True)
    return first, second


def joined(cells: Sequence[Cell], number: int, width: int, height: int) -> Cell:
    """One object in place of several pieces of it.

    It is infected where a piece is; else uninfected where one was called so; else what the first one is.

    Raises:
        EditingError: fewer than two pieces, or they lie apart.
    """
    if len(cells) < 2:
        raise EditingError("too_few_pieces")
    mask, left, top = _filled([np.array(cell.outline, np.int32) for cell in cells])
    widest = round(_WIDEST_GAP * 2 * np.sqrt(max(cell.area for cell in cells) / np.pi))
    gap = 1
    while cv2.connectedComponents(mask)[0] > 2:
        if gap > widest:
            raise EditingError("pieces_apart")
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * gap + 1, 2 * gap + 1))
        padded = cv2.copyMakeBorder(mask, gap, gap, gap, gap, cv2.BORDER_CONSTANT, value=0)
        closed = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, kernel)
        mask = np.asarray(closed[gap:-gap, gap:-gap], np.uint8)
        gap *= 2
    infected = [cell.parasitized for cell in cells if cell.kind == "red_cell" and cell.parasitized is not None]
    first = cells[0]
    like = replace(first, number=number, parasitized_probability=None, not_a_cell_probability=None)
    if infected:
        like = replace(like, kind="red_cell", parasitized=any(infected))
    made = _object(mask, left, top, (width - 1, height - 1), like)
    return replace(made, on_border=made.on_border or any(cell.on_border for cell in cells))


def _filled(outlines: Sequence[NDArray[np.int32]]) -> tuple[Mask, int, int]:
    """What outlines enclose, cut out of the field, with its left and top there."""
    left, top, width, height = cv2.boundingRect(np.vstack(outlines))
    mask = np.zeros((height, width), np.uint8)
    for outline in outlines:
        cv2.fillPoly(mask, [outline - (left, top)], 1)
    return mask, left, top


def _object(mask: Mask, left: int, top: int, last: tuple[int, int], like: Cell) -> Cell:
    """The largest piece of a mask as an object; ``last`` are the field's last column and row."""
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    contour = max(contours, key=cv2.contourArea, default=None)
    if contour is None or cv2.contourArea(contour) < _LEAST_AREA:
        raise EditingError("outline_empty")
    points = np.asarray(contour[:, 0] + (left, top), np.int32)
    area = float(cv2.contourArea(points))
    corners = cv2.approxPolyDP(points[:, None], _TOLERANCE * 2 * np.sqrt(area / np.pi), closed=True)[:, 0]
    x, y = (int(value) for value in points.min(axis=0))
    right, bottom = (int(value) for value in points.max(axis=0))
    middle_x, middle_y = points.mean(axis=0)
    return replace(
        like,
        box=(x, y, right - x + 1, bottom - y + 1),
        centre=(round(float(middle_x), 1), round(float(middle_y), 1)),
        area=round(area, 1),
        outline=Outline((int(one), int(other)) for one, other in (corners if len(corners) >= 3 else points)),
        on_border=x <= 0 or y <= 0 or right >= last[0] or bottom >= last[1],
    )


def _ahead(direction: NDArray[np.float64], reach: float) -> NDArray[np.float64]:
    length = float(np.hypot(*direction))
    return direction / length * reach if length else np.zeros(2)
