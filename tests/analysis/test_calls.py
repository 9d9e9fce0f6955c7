"""The one table of calls, by which reports, files and pages tell objects apart."""

import subprocess
import sys
from pathlib import Path
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


_ONE_MORE_KIND = """
from enum import IntEnum
from typing import Literal, get_args

from plasmoscope.segmentation import vocabulary

vocabulary.Tissue = IntEnum("Tissue", {**vocabulary.Tissue.__members__, "HAIR": 99})
vocabulary.Kind = Literal[(*get_args(vocabulary.Kind), "hair")]
row = dict(letter="H", category="hair", supercategory="hair", plural="hairs")
vocabulary.OBJECTS = {**vocabulary.OBJECTS, "hair": vocabulary.Call("hair", "hair", "hair", (255, 0, 255), 0.03, **row)}

import csv, json
from dataclasses import replace

from plasmoscope.reports.field_pictures import annotated_field
from plasmoscope.reports.interchange import coco_json
from plasmoscope.reports.slide_json import slide_json, slide_schema
from plasmoscope.reports.tables import fields_csv
from plasmoscope.segmentation.segment import _KINDS
from plasmoscope.analysis.calls import CALLS, LEGEND
from slides import rendered_field, slide_of

image, field = rendered_field()
last = replace(field.cells[-1], kind="hair")
field = field.model_copy(update={"cells": (*field.cells[:-1], last)})
slide = slide_of(field)
assert _KINDS[99] == "hair"
assert next(csv.DictReader(fields_csv(slide).splitlines()))["hairs"] == "1"
coco = json.loads(coco_json(slide))
number = len(coco["categories"])
assert coco["categories"][-1] == {"id": number, "name": "hair", "supercategory": "hair"}
assert coco["annotations"][-1]["category_id"] == number
assert '"kind":"hair"' in slide_json(slide) and '"hair"' in slide_schema()
assert CALLS["hair"] in LEGEND
is_hair = abs(annotated_field(image, field).astype(int) - (255, 0, 255)).sum(axis=2) < 100
left, top, width, height = last.box
drawn, in_legend = is_hair[top : top + height, left : left + width].any(), is_hair[image.shape[0] :].any()
assert drawn and in_legend
"""


def test_a_kind_that_is_added_to_the_vocabulary_is_counted_drawn_and_written_everywhere() -> None:
    support = Path(__file__).parents[1] / "support"
    adding = f"import sys; sys.path.insert(0, {str(support)!r})\n{_ONE_MORE_KIND}"
    run = subprocess.run([sys.executable, "-c", adding], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
