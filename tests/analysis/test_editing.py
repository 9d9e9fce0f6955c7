"""Outlines drawn, split and joined by hand."""

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest

from plasmoscope.analysis.editing import EditingError, drawn, ellipse, holding, joined, split
from plasmoscope.analysis.results import Cell, Outline
from slides import rendered_field

FIELD = rendered_field()[1]
WIDTH, HEIGHT = FIELD.width, FIELD.height


def square(number: int, left: int, top: int, side: int = 40, **changes: Any) -> Cell:
    corners = [(left, top), (left + side, top), (left + side, top + side), (left, top + side)]
    return replace(drawn(corners, number, WIDTH, HEIGHT, kind="red_cell", parasitized=False), **changes)


def overlap(one: Cell, others: list[Cell]) -> float:
    """Share of one that the others cover together."""
    masks = [np.zeros((HEIGHT, WIDTH), np.uint8) for _ in range(2)]
    for mask, cells in zip(masks, ([one], others), strict=True):
        for cell in cells:
            cv2.fillPoly(mask, [np.array(cell.outline, np.int32)], 1)
    return float((masks[0] & masks[1]).sum() / masks[0].sum())


def test_a_drawn_ellipse_is_a_cell_of_its_place_and_size() -> None:
    cell = drawn(ellipse(100, 80, 60, 40), 7, WIDTH, HEIGHT, kind="red_cell", parasitized=True)
    assert (cell.number, cell.counted, cell.parasitized, cell.on_border) == (7, True, True, False)
    assert cell.box == pytest.approx((100, 80, 61, 41), abs=1)
    assert cell.centre == pytest.approx((130, 100), abs=1)
    assert cell.area == pytest.approx(np.pi * 30 * 20, rel=0.02)
    assert cell.parasitized_probability is None


def test_what_reaches_beyond_the_picture_is_cut_there_and_not_counted() -> None:
    cell = drawn(ellipse(-30, 80, 60, 60), 1, WIDTH, HEIGHT, kind="red_cell", parasitized=True)
    assert cell.on_border
    assert not cell.counted
    assert min(x for x, _ in cell.outline) == 0


@pytest.mark.parametrize("corners", [[(5, 5), (6, 5)], [(5, 5), (6, 5), (6, 6)], [(5, 5), (90, 5), (40, 5)]])
def test_a_line_or_a_dot_is_no_outline(corners: list[tuple[float, float]]) -> None:
    with pytest.raises(EditingError, match="draw around the cell"):
        drawn(corners, 1, WIDTH, HEIGHT, kind="red_cell")


def test_an_outline_that_crosses_itself_encloses_one_piece() -> None:
    eight = [(100, 100), (160, 160), (160, 100), (100, 160)]
    cell = drawn(eight, 1, WIDTH, HEIGHT, kind="red_cell")
    contour = np.array(cell.outline, np.int32)
    assert cell.area == pytest.approx(cv2.contourArea(contour), rel=0.1)


def test_real_outlines_are_split_in_two_that_together_are_the_whole() -> None:
    whole = [cell for cell in FIELD.cells if cell.counted and not cell.parasitized]
    for cell in whole:
        x, y = cell.centre
        line = [(x, cell.box[1] + 5), (x, y)]
        one, other = split(cell, line, (101, 102), WIDTH, HEIGHT)
        assert (one.number, other.number) == (101, 102)
        assert one.area + other.area == pytest.approx(cell.area, rel=0.2)
        assert overlap(one, [other]) < 0.1
        assert overlap(cell, [one, other]) > 0.85
        assert all(piece.counted and piece.parasitized is False for piece in (one, other))
        again = joined([one, other], 103, WIDTH, HEIGHT)
        assert overlap(cell, [again]) > 0.95
        assert overlap(again, [cell]) > 0.95


def test_pieces_of_an_infected_cell_are_uncertain_until_a_person_calls_them() -> None:
    cell = square(1, 100, 100, parasitized=True, parasitized_probability=0.99)
    pieces = split(cell, [(120, 95), (120, 145)], (2, 3), WIDTH, HEIGHT)
    assert [(one.kind, one.parasitized, one.parasitized_probability) for one in pieces] == [
        ("not_a_cell", None, None)
    ] * 2


def test_a_line_that_does_not_part_the_cell_is_refused() -> None:
    cell = square(1, 100, 100)
    for line in ([(20, 20), (20, 60)], [(101, 90), (101, 150)], [(120, 120), (120, 120)]):
        with pytest.raises(EditingError, match="does not part"):
            split(cell, line, (2, 3), WIDTH, HEIGHT)


def test_of_a_cell_at_the_border_the_piece_inside_is_whole() -> None:
    cell = square(1, 0, 100, 80)
    assert cell.on_border
    pieces = split(cell, [(40, 90), (40, 190)], (2, 3), WIDTH, HEIGHT)
    assert sorted(piece.on_border for piece in pieces) == [False, True]
    # Where another border than the picture's cut it, nothing tells which piece is whole.
    inner = square(1, 100, 100, on_border=True)
    assert all(piece.on_border for piece in split(inner, [(120, 90), (120, 150)], (2, 3), WIDTH, HEIGHT))


def test_pieces_are_joined_over_a_gap_and_what_lies_apart_is_not() -> None:
    left, right = square(1, 100, 100), square(2, 145, 100, parasitized=True)
    whole = joined([left, right], 3, WIDTH, HEIGHT)
    assert (whole.kind, whole.parasitized) == ("red_cell", True)
    assert whole.area > left.area + right.area
    with pytest.raises(EditingError, match="lie apart"):
        joined([left, square(2, 300, 100)], 3, WIDTH, HEIGHT)
    with pytest.raises(EditingError, match="at least two"):
        joined([left], 3, WIDTH, HEIGHT)


def test_a_parasite_drawn_in_a_cell_is_held_by_it() -> None:
    cell = square(1, 100, 100)
    parasite = drawn(ellipse(110, 110, 12, 12), 2, WIDTH, HEIGHT, kind="red_cell", parasitized=True)
    beside = drawn(ellipse(160, 110, 12, 12), 3, WIDTH, HEIGHT, kind="red_cell", parasitized=True)
    assert holding(parasite, [square(9, 300, 100), cell]) is cell
    assert holding(beside, [cell]) is None
    assert holding(replace(cell, outline=Outline(cell.outline)), [cell]) is None
