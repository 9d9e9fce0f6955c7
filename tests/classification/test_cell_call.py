"""The record of a cell's call, and what version 0.1 called it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from plasmoscope.classification import batch
from plasmoscope.classification.cell_call import CellCall
from plasmoscope.classification.classifier import Classifier
from plasmoscope.csv_tables import read_csv
from plasmoscope.reports.cells import Called, write_cells
from plasmoscope.web.api.schemas import CellCalls
from slides import rendered_field

CELLS = [
    CellCall("a.png", "infected", 0.9, "model", remark="large", reference="standard"),
    CellCall("b.png", "uninfected", 0.1, "model", reference="standard", file=1),
    CellCall("c.png", "not_a_cell", 0.4, "model", not_a_cell_probability=0.8, reference="standard", file=2),
    CellCall("d.png", error="it is empty", file=3),
]


def test_python_files_and_http_tell_a_call_alike(tmp_path: Path, classifier: Classifier) -> None:
    called = Called(classifier.card, 1, 0.5)
    for name in ("cells.csv", "cells.json"):
        write_cells(tmp_path / name, CELLS, called)
    said = [cell.as_record() for cell in CELLS]
    written = json.loads((tmp_path / "cells.json").read_text("utf-8"))["cells"]
    assert [{name: cell[name] for name in said[0]} for cell in written] == said
    assert json.loads(CellCalls(cells=CELLS, model="model", threshold=0.5).model_dump_json())["cells"] == said
    rows = read_csv(tmp_path / "cells.csv")
    assert [(row["name"], row["call"] or None, row["by"] or None) for row in rows] == [
        (cell.name, cell.call, cell.by) for cell in CELLS
    ]
    assert [float(row["probability"] or "nan") for row in rows] == pytest.approx(
        [float("nan") if cell.probability is None else cell.probability for cell in CELLS], nan_ok=True
    )


def test_a_cell_of_a_field_is_called_in_the_same_words() -> None:
    _, field = rendered_field(parasitaemia=0.4)
    cell = next(cell for cell in field.cells if cell.parasitized)
    assert cell.call == "infected"
    assert replace(cell, parasitized=False).call == "uninfected"
    assert replace(cell, kind="not_a_cell", parasitized=None).call == "not_a_cell"
    assert replace(cell, kind="white_cell", parasitized=None).call is None
    assert {called.call for called in CELLS[:3]} == {"infected", "uninfected", "not_a_cell"}


def test_files_keep_the_former_columns_where_they_were(tmp_path: Path, classifier: Classifier) -> None:
    for name in ("cells.csv", "cells.json"):
        write_cells(tmp_path / name, CELLS, Called(classifier.card, 1, 0.5))
    former = [
        ("a.png", "0.900000", "Parasitized"),
        ("b.png", "0.100000", "Uninfected"),
        ("c.png", "0.400000", "not_a_cell"),
        ("d.png", "", ""),
    ]
    lines = (tmp_path / "cells.csv").read_text("utf-8-sig").splitlines()
    assert lines[0].startswith(
        "path,parasitized_probability,label,error,remark,smear,probability_alone,not_a_cell_probability,reference,profile"
    )
    assert [tuple(line.split(",")[:3]) for line in lines[1:]] == former
    written = json.loads((tmp_path / "cells.json").read_text("utf-8"))["cells"]
    names = ("path", "parasitized_probability", "label")
    assert [tuple(cell[name] for name in names) for cell in written] == [
        (name, float(probability) if probability else None, label or None) for name, probability, label in former
    ]


def test_former_names_answer_and_say_what_to_take() -> None:
    with pytest.warns(DeprecationWarning, match="called CellCall now"):
        assert batch.CellResult is CellCall
    cell = CELLS[0]
    with pytest.warns(DeprecationWarning, match=r"take '\.call'"):
        assert cell.label == "Parasitized"
    with pytest.warns(DeprecationWarning, match=r"take '\.name'"):
        assert cell.path == "a.png"
    with pytest.warns(DeprecationWarning, match=r"take '\.probability'"):
        assert cell.parasitized_probability == 0.9
    with pytest.warns(DeprecationWarning, match=r"take '\.remark'"):
        assert cell["remark"] == "large"
    with pytest.raises(KeyError):
        cell["label"]
    assert not hasattr(batch, "CellNothing")
