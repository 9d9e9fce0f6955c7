import numpy as np
import pytest

from plasmoscope.evaluation.matching import (
    counting_error,
    iou_matrix,
    match_boxes,
    mean_absolute_counting_error,
    per_thousand,
    share_within,
    touch_border,
)


def test_intersection_over_union_of_boxes_worked_out_by_hand():
    true = [(0, 0, 10, 10), (20, 20, 4, 4)]
    found = [(0, 0, 10, 10), (5, 0, 10, 10), (0, 0, 5, 10), (10, 0, 10, 10)]
    # The same; 50 shared of 150; a half; edge to edge.
    assert iou_matrix(true, found) == pytest.approx(np.array([[1, 1 / 3, 1 / 2, 0], [0, 0, 0, 0]]))


def test_boxes_without_area_overlap_nothing():
    assert iou_matrix([(3, 3, 0, 0)], [(3, 3, 0, 0), (0, 0, 9, 9)]).tolist() == [[0, 0]]


def test_a_box_is_matched_at_the_threshold_and_not_above_it():
    assert match_boxes([(0, 0, 10, 10)], [(0, 0, 5, 10)], iou=0.5).pairs == ((0, 0),)
    assert match_boxes([(0, 0, 10, 10)], [(0, 0, 5, 10)], iou=0.51).pairs == ()


def test_precision_recall_and_f1_of_a_case_worked_out_by_hand():
    true = [(0, 0, 10, 10), (20, 0, 10, 10), (40, 0, 10, 10), (60, 0, 10, 10)]
    found = [(1, 0, 10, 10), (20, 1, 10, 10), (41, 1, 10, 10), (80, 0, 10, 10), (0, 50, 10, 10)]
    matching = match_boxes(true, found)
    assert matching.pairs == ((0, 0), (1, 1), (2, 2))
    assert (matching.true_positives, matching.false_positives, matching.false_negatives) == (3, 2, 1)
    assert matching.precision == pytest.approx(3 / 5)
    assert matching.recall == pytest.approx(3 / 4)
    assert matching.f1 == pytest.approx(2 / 3)


def test_a_second_detection_of_a_cell_is_false():
    matching = match_boxes([(0, 0, 10, 10)], [(0, 0, 10, 9), (0, 0, 10, 10)])
    assert matching.pairs == ((0, 1),)
    assert (matching.false_positives, matching.false_negatives) == (1, 0)


def test_two_pairs_are_better_than_one_that_agrees_more():
    # The second detection fits the first box best (IoU 0.9), but is the only one that fits the other (7 / 13).
    true, found = [(0, 0, 10, 10), (2, 0, 10, 10)], [(-3, 0, 10, 10), (0, 0, 9, 10)]
    assert iou_matrix(true, found) == pytest.approx(np.array([[7 / 13, 0.9], [5 / 15, 7 / 12]]))
    assert match_boxes(true, found).pairs == ((0, 0), (1, 1))


def test_nothing_found_and_nothing_there_leave_their_figures_undefined():
    nothing_found = match_boxes([(0, 0, 5, 5)], [])
    assert (nothing_found.precision, nothing_found.recall, nothing_found.f1) == (None, 0, 0)
    nothing_there = match_boxes([], [(0, 0, 5, 5)])
    assert (nothing_there.precision, nothing_there.recall, nothing_there.f1) == (0, None, 0)
    assert match_boxes([], []).f1 is None


@pytest.mark.parametrize("iou", [0, -0.1, 1.1])
def test_a_threshold_out_of_range_is_refused(iou):
    with pytest.raises(ValueError, match="intersection over union"):
        match_boxes([], [], iou)


def test_counting_errors_are_shares_of_the_truth():
    assert counting_error(20, 23) == pytest.approx(0.15)
    assert counting_error(20, 15) == pytest.approx(-0.25)
    assert counting_error(0, 3) is None
    assert mean_absolute_counting_error([(20, 23), (20, 15), (0, 3)]) == pytest.approx(0.2)
    assert mean_absolute_counting_error([]) is None


def test_false_positives_are_given_per_thousand_cells():
    assert per_thousand(3, 1500) == pytest.approx(2)
    assert per_thousand(3, 0) is None


def test_the_share_of_a_box_within_a_region_is_of_the_boxs_own_area():
    boxes, regions = [(0, 0, 10, 10), (0, 0, 40, 10), (5, 5, 0, 0)], [(0, 0, 20, 20), (30, 0, 5, 5)]
    assert share_within(boxes, regions) == pytest.approx(np.array([[1, 0], [1 / 2, 25 / 400], [0, 0]]))


def test_a_box_touches_the_border_to_within_the_margin_on_every_side():
    boxes = [(2, 9, 5, 5), (9, 2, 5, 5), (9, 9, 89, 5), (9, 9, 5, 39), (2.5, 2.5, 95, 45)]
    assert touch_border(boxes, 100, 50, 2).tolist() == [True, True, True, True, False]
    assert touch_border([], 100, 50, 2).tolist() == []
