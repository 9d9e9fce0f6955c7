"""Tables that a spreadsheet opens: no text runs as a formula, letters are whole, numbers are numbers."""

import csv
import io
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

import plasmoscope
from plasmoscope.classification.cell_call import CellCall
from plasmoscope.classification.classifier import Classifier
from plasmoscope.csv_tables import csv_text, read_csv, write_csv, write_rows
from plasmoscope.data.nih import load_nih
from plasmoscope.data.splits import make_split, save_split
from plasmoscope.evaluation.boxes import TrueBox
from plasmoscope.evaluation.comparison_report import Table
from plasmoscope.evaluation.evaluate import Predictions, read_reported_cells, report_stem, summarise, write_report
from plasmoscope.evaluation.fields import evaluate_fields
from plasmoscope.evaluation.fields_report import write_evaluation
from plasmoscope.reports.cells import Called, write_cells
from plasmoscope.reports.tables import cells_csv, fields_csv
from plasmoscope.training.history import COLUMNS, read_history, write_history
from slides import rendered_field, slide_of

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_, FIELD = rendered_field()
FORMULAS = ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1", "＋1", "－1", "＠1"]  # noqa: RUF001
PLAIN = ["a=b", "field 1.jpg", "محمد", "'quoted'", "", "x; -3", "5'", "Nguyễn"]


def as_a_spreadsheet_reads(content: str | bytes, delimiter: str = ",") -> list[list[str]]:
    text = content if isinstance(content, str) else content.decode()
    assert text.startswith("\ufeff"), "without it Excel takes the letters for its own country's"
    return list(csv.reader(io.StringIO(text[1:], newline=""), delimiter=delimiter))


def runs_as_a_formula(cell: str) -> bool:
    return bool(re.match(r"[=+@\t\r\n＝＋－＠]|-(?!\d+(\.\d+)?(e[+-]?\d+)?$)", cell))  # noqa: RUF001


@pytest.mark.parametrize("text", [*FORMULAS, *(f"'{text}" for text in FORMULAS), *(f"''{text}" for text in FORMULAS)])
def test_text_like_a_formula_gets_an_apostrophe_and_is_read_back_without(text: str, tmp_path: Path) -> None:
    write_csv(tmp_path / "table.csv", ["name"], [[text]])
    ((name,),) = as_a_spreadsheet_reads((tmp_path / "table.csv").read_bytes())[1:]
    assert name == f"'{text}" or name == text.replace("\t=", "'\t'=")
    assert not runs_as_a_formula(name)
    assert read_csv(tmp_path / "table.csv") == [{"name": text}]


def test_other_text_is_written_as_it_is_and_read_back(tmp_path: Path) -> None:
    write_csv(tmp_path / "table.csv", ["name", "more"], [[text, "x"] for text in PLAIN])
    assert [row[0] for row in as_a_spreadsheet_reads((tmp_path / "table.csv").read_bytes())[1:]] == PLAIN
    assert [row["name"] for row in read_csv(tmp_path / "table.csv")] == PLAIN


def test_numbers_stay_numbers() -> None:
    numbers = [-3, -0.25, "-0.250000", "12", "1e-07", "-1.5e-05", 7, 0.5]
    (row,) = as_a_spreadsheet_reads(csv_text(["n"] * len(numbers), [numbers]))[1:]
    assert row == [str(number) for number in numbers]


def test_text_after_a_semicolon_is_no_formula_where_it_parts_the_cells(tmp_path: Path) -> None:
    name = "field;=1+1;-1+1;'=2"
    write_csv(tmp_path / "table.csv", ["name"], [[name]])
    (cells,) = as_a_spreadsheet_reads((tmp_path / "table.csv").read_bytes(), delimiter=";")[1:]
    assert len(cells) == 4
    assert not any(map(runs_as_a_formula, cells))
    assert read_csv(tmp_path / "table.csv") == [{"name": name}]


def test_a_table_of_an_earlier_version_or_another_program_is_read(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_bytes(b"name,n\r\n=a,-1\r\n\r\n'b'\r\n")
    assert read_csv(tmp_path / "table.csv") == [{"name": "=a", "n": "-1"}, {"name": "'b'", "n": ""}]
    (tmp_path / "table.csv").write_bytes(b"")
    assert read_csv(tmp_path / "table.csv") == []


def test_a_stream_that_is_no_file_gets_no_byte_order_mark() -> None:
    stream = io.StringIO()
    write_rows(stream, ["name"], [["=1"]])
    assert stream.getvalue() == "name\r\n'=1\r\n"


# Every table that the program writes


def check(content: str | bytes, column: str, expected: list[str]) -> None:
    header, *rows = as_a_spreadsheet_reads(content)
    assert [row[header.index(column)] for row in rows] == expected
    assert not [cell for row in rows for cell in row if runs_as_a_formula(cell)]


def test_the_tables_of_a_slide_hold_no_formula() -> None:
    slide = slide_of(FIELD.model_copy(update={"name": "=HYPERLINK(1).png", "cells": FIELD.cells[:2]}))
    check(cells_csv(slide), "field", ["'=HYPERLINK(1).png"] * 2)
    check(fields_csv(slide), "field", ["'=HYPERLINK(1).png"])


def test_the_table_of_single_cells_holds_no_formula(tmp_path: Path) -> None:
    results = [CellCall("@cell.png", error="-it is damaged", smear="+1+1", remark="=x")]
    write_cells(tmp_path / "cells.csv", results, Called(Classifier.load().card, 1, 0.5))
    check((tmp_path / "cells.csv").read_bytes(), "path", ["'@cell.png"])


def test_the_table_of_evaluated_fields_holds_no_formula(tmp_path: Path) -> None:
    evaluation = evaluate_fields({"-1+1": FIELD}, {"-1+1": [TrueBox("parasite", (8.0, 8.0, 16.0, 16.0))]})
    written = write_evaluation(tmp_path, [evaluation.model_copy(update={"name": "=a"})])
    tables = {file.name: file.read_bytes() for file in written}
    check(tables["fields.csv"], "field", ["'-1+1"])
    for name in ("fields.csv", "sets.csv", "parasites.csv"):
        check(tables[name], "set", ["'=a"])


def test_the_table_of_evaluated_cells_and_a_split_hold_no_formula_and_are_read_back(
    nih_folder: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(nih_folder, tmp_path / "cells")
    for number, file in enumerate(sorted(folder.rglob("*.png"))[:2]):
        file.rename(file.with_name(f"=1+{number}.png"))
    dataset = load_nih(folder)
    names = [cell.name for cell in dataset.cells]
    truth = np.array(dataset.labels, bool)
    predictions = Predictions(dataset, tuple(range(len(dataset))), 1, np.where(truth, 0.6, 0.4), truth)
    write_report(tmp_path, predictions, summarise(predictions, "seed42", "all", 0.5, False))
    guarded = [f"'{name}" if name.startswith("=") else name for name in names]
    check((tmp_path / "all-1-view.csv").read_bytes(), "name", guarded)
    assert list(read_reported_cells(tmp_path, report_stem("all", 1)).names) == names
    save_split(make_split("80-20", dataset), dataset, tmp_path / "split.csv")
    assert (tmp_path / "split.csv").read_bytes().startswith(BYTE_ORDER_MARK)
    assert not [row for row in as_a_spreadsheet_reads((tmp_path / "split.csv").read_bytes()) if row[0][0] == "="]


def test_the_comparison_and_the_history_are_such_tables_too(tmp_path: Path) -> None:
    check(Table("Runs", ("system",), (("=1+1",),)).csv(), "system", ["'=1+1"])
    rows = [dict.fromkeys(COLUMNS, -0.5)]
    write_history(tmp_path / "history.csv", rows)
    check((tmp_path / "history.csv").read_bytes(), "val_loss", ["-0.5"])
    assert read_history(tmp_path / "history.csv") == rows


def test_no_other_module_writes_csv() -> None:
    sources = Path(plasmoscope.__file__).parent
    importing = re.compile(r"^\s*(?:import csv\b|from csv\b)", re.MULTILINE)
    assert [file.name for file in sources.rglob("*.py") if importing.search(file.read_text("utf-8"))] == [
        "csv_tables.py"
    ]
