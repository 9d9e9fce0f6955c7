"""The one table of calls, by which reports, files and pages tell objects apart."""

from typing import get_args

from plasmoscope.analysis.calls import CALLS, CATEGORIES, LEGEND, OTHER_OBJECTS, call_of
from plasmoscope.analysis.results import Cell, Outline
from plasmoscope.reports.tables import FIELD_COLUMNS
from plasmoscope.segmentation.segment import _KINDS
from plasmoscope.segmentation.vocabulary import Kind


def test_every_kind_of_object_has_its_pixels_its_call_and_its_category() -> None:
    kinds = get_args(Kind)
    assert set(_KINDS.values()) | {"not_a_cell"} == set(kinds)
    for kind in kinds:
        call = call_of(Cell(1, kind, (0, 0, 9, 9), (4, 4), 50, Outline([(0, 0), (9, 0), (9, 9)]), on_border=False))
        assert call in LEGEND
        assert call in CATEGORIES


def test_no_two_calls_are_told_or_drawn_alike() -> None:
    calls = list(CALLS.values())
    assert len({call.message for call in calls}) == len(calls)
    assert len({(call.colour, call.weight, call.dashes) for call in calls}) == len(calls)
    letters = [call.letter for call in calls if call.letter]
    assert len(set(letters)) == len(letters)


def test_files_keep_the_categories_and_columns_that_they_had() -> None:
    names = ["parasitized_red_cell", "uninfected_red_cell", "red_cell", "white_cell", "platelet", "precipitate"]
    assert {call.category: number for call, number in CATEGORIES.items()} == {
        name: number for number, name in enumerate([*names, "not_a_cell"], start=1)
    }
    first = FIELD_COLUMNS.index("white_cells")
    assert FIELD_COLUMNS[first : first + len(OTHER_OBJECTS)] == ("white_cells", "platelets", "precipitate")
