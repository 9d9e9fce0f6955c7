import csv
import json
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import tifffile
import typer
from PIL import Image
from typer.testing import CliRunner

from plasmoscope.analysis.analyze import unreadable
from plasmoscope.analysis.results import Cell, Field
from plasmoscope.errors import PlasmoscopeError
from plasmoscope.evaluation.boxes import TrueBox
from plasmoscope.evaluation.fields import FieldsError, evaluate_fields, write_evaluation

# The package's attribute of this name is the command itself.
command = import_module("plasmoscope.cli.evaluate_fields")


def cell(box: tuple[int, int, int, int], called: bool | None = False, on_border: bool = False, kind="red_cell") -> Cell:
    x, y, w, h = box
    return Cell(
        number=1,
        kind=kind,
        box=box,
        centre=(x + w / 2, y + h / 2),
        area=float(w * h),
        outline=((x, y), (x + w, y), (x + w, y + h), (x, y + h)),
        on_border=on_border,
        parasitized=called,
    )


def field(name: str, *cells: Cell, accepted: bool = True) -> Field:
    return Field(
        name=name, sha256="", width=200, height=200, cell_diameter=20, checks=(), accepted=accepted, cells=cells
    )


@pytest.fixture
def analyzed() -> dict[str, Field]:
    return {
        "a": field(
            "a",
            cell((0, 0, 20, 20), on_border=True),
            cell((40, 40, 20, 20), called=True),
            cell((80, 40, 20, 20)),
            cell((120, 40, 20, 20), called=True),
            cell((100, 150, 30, 30), called=None, kind="white_cell"),
        ),
        "b": field("b", cell((40, 40, 20, 20)), accepted=False),
    }


@pytest.fixture
def truth() -> dict[str, list[TrueBox]]:
    return {
        "a": [
            TrueBox("RBC", (0, 0, 20, 21)),
            TrueBox("RBC", (41, 40, 20, 20)),
            TrueBox("RBC", (80, 40, 20, 20)),
            TrueBox("RBC", (160, 40, 20, 20)),  # not found
            TrueBox("WBC", (100, 150, 30, 30)),
            TrueBox("parasite", (45, 45, 5, 5)),  # found
            TrueBox("P. falciparum", (85, 45, 5, 5)),  # in a cell called uninfected
            TrueBox("parasite", (5, 5, 5, 5)),  # in a cut cell
            TrueBox("parasite", (165, 45, 5, 5)),  # in no cell
        ],
        "b": [TrueBox("red_cell", (40, 40, 20, 20)), TrueBox("red_cell", (90, 90, 20, 20))],
    }


def test_the_counts_of_a_field_are_those_worked_out_by_hand(analyzed, truth):
    counts = evaluate_fields(analyzed, truth).fields[0].counts
    assert (counts.red_cells, counts.red_cells_found, counts.red_cells_matched, counts.counted) == (4, 4, 3, 3)
    assert (counts.parasites, counts.parasites_found) == (4, 1)
    assert counts.parasites_called_uninfected == counts.parasites_in_cut_cells == counts.parasites_in_no_cell == 1
    assert counts.false_calls == 1


def test_the_figures_of_all_fields_are_of_the_summed_counts(analyzed, truth):
    evaluation = evaluate_fields(analyzed, truth)
    figures = evaluation.figures
    assert (figures.precision, figures.recall) == pytest.approx((4 / 5, 4 / 6))
    assert figures.f1 == pytest.approx(8 / 11)
    assert figures.counting_error == pytest.approx(-1 / 6)
    assert evaluation.mean_absolute_counting_error == pytest.approx((0 + 1 / 2) / 2)
    assert figures.parasite_recall == pytest.approx(1 / 4)
    assert figures.false_calls_per_1000 == pytest.approx(1000 / 4)
    assert [one.accepted for one in evaluation.fields] == [True, False]


def test_a_call_that_a_parasites_box_touches_is_no_false_alarm():
    called = {"a": field("a", cell((40, 40, 20, 20), called=True))}
    touching = evaluate_fields(called, {"a": [TrueBox("parasite", (58, 58, 30, 30))]})
    assert (touching.counts.false_calls, touching.counts.parasites_found) == (0, 0)
    apart = evaluate_fields(called, {"a": [TrueBox("parasite", (60, 60, 30, 30))]})
    assert apart.counts.false_calls == 1


def test_a_box_around_an_infected_cell_is_a_red_cell_and_a_parasite():
    called = {"a": field("a", cell((40, 40, 20, 20), called=True))}
    counts = evaluate_fields(called, {"a": [TrueBox("Trophozoite", (41, 41, 20, 20))]}).counts
    assert (counts.red_cells_matched, counts.parasites_found, counts.false_calls) == (1, 1, 0)


def test_figures_that_the_truth_says_nothing_about_are_left_open(analyzed):
    only_parasites = {"a": [TrueBox("parasite", (45, 45, 5, 5))], "b": []}
    figures = evaluate_fields(analyzed, only_parasites).figures
    assert figures.precision is figures.recall is figures.f1 is figures.counting_error is None
    assert figures.parasite_recall == 1
    only_infected = {"a": [TrueBox("ring", (40, 40, 20, 20))], "b": []}
    some = evaluate_fields(analyzed, only_infected)
    assert some.figures.precision is some.figures.counting_error is some.mean_absolute_counting_error is None
    assert some.figures.parasite_recall == 1
    only_red_cells = {"a": [TrueBox("RBC", (40, 40, 20, 20))], "b": []}
    assert evaluate_fields(analyzed, only_red_cells).figures.false_calls_per_1000 is None


def test_labels_that_mean_nothing_are_refused_with_what_to_do(analyzed):
    with pytest.raises(FieldsError, match=r"there are: 0\. .*--classes"):
        evaluate_fields(analyzed, {"a": [TrueBox("0", (45, 45, 5, 5))], "b": []})


def test_an_image_without_its_truth_is_named(analyzed, truth):
    with pytest.raises(FieldsError, match="missing for: b"):
        evaluate_fields(analyzed, {"a": truth["a"]})


def test_the_evaluation_is_written_as_json_and_csv(tmp_path, analyzed, truth):
    evaluation = evaluate_fields(analyzed, truth)
    whole, table = write_evaluation(tmp_path / "new", evaluation)
    assert json.loads(whole.read_text())["counts"]["parasites"] == 4
    rows = list(csv.DictReader(table.open(encoding="utf-8-sig")))
    assert [row["field"] for row in rows] == ["a", "b"]
    assert (rows[0]["red_cells_matched"], rows[0]["parasite_recall"], rows[1]["parasite_recall"]) == ("3", "0.2500", "")


@pytest.fixture
def run(monkeypatch):
    def fake(files, classifier, how):
        for file in files:
            whole = field(file.name, cell((8, 8, 16, 16), called=True))
            yield unreadable(file.name, "it is damaged") if "damaged" in file.name else whole

    monkeypatch.setattr(command, "_analyze", fake)
    app = typer.Typer()
    app.command()(command.evaluate_fields)
    return lambda *arguments: CliRunner().invoke(app, [str(argument) for argument in arguments])


def photograph(folder: Path, name: str) -> None:
    Image.fromarray(np.zeros((32, 32, 3), np.uint8)).save(folder / name)


def test_the_command_prints_a_table_and_writes_its_files(tmp_path, run):
    photograph(tmp_path, "one.png")
    photograph(tmp_path, "two.png")
    (tmp_path / "one.txt").write_text("0 0.5 0.5 0.25 0.25")
    done = run(tmp_path, "--truth", tmp_path, "--classes", "0=parasite", "--output", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert "1 images have no annotation" in done.output
    assert "1 of 1 found" in done.output
    assert "…" not in done.output
    assert (tmp_path / "out" / "fields.csv").is_file()


def test_an_unreadable_photograph_is_named_and_left_out_of_the_figures(tmp_path, run):
    voc = (
        "<annotation><object><name>parasite</name><bndbox><xmin>12</xmin><ymin>12</ymin><xmax>20</xmax>"
        "<ymax>20</ymax></bndbox></object></annotation>"
    )
    for name in ("one", "damaged"):
        photograph(tmp_path, f"{name}.png")
        (tmp_path / f"{name}.xml").write_text(voc)
    done = run(tmp_path, "--truth", tmp_path, "--output", tmp_path / "out")
    assert done.exit_code == 1, done.output
    assert "it is damaged" in " ".join(done.stderr.split())
    assert "1 of 1 found" in done.output
    assert "quality gate" not in done.output
    assert "damaged" not in (tmp_path / "out" / "fields.csv").read_text()


def test_labels_that_mean_nothing_are_refused_before_the_work(tmp_path, run, monkeypatch):
    photograph(tmp_path, "one.png")
    (tmp_path / "one.txt").write_text("0 0.5 0.5 0.25 0.25")
    monkeypatch.setattr(command, "_analyze", lambda *given: pytest.fail("analysed"))
    assert isinstance(run(tmp_path, "--truth", tmp_path).exception, FieldsError)


def test_the_command_refuses_class_names_it_cannot_read(tmp_path, run):
    photograph(tmp_path, "one.png")
    done = run(tmp_path, "--truth", tmp_path, "--classes", "parasite")
    assert isinstance(done.exception, PlasmoscopeError)
    assert "0=parasite,4=white_cell" in str(done.exception)


def test_the_command_refuses_a_folder_without_photographs(tmp_path, run):
    assert "no photographs" in str(run(tmp_path, "--truth", tmp_path).exception)


def test_one_bad_record_is_named_and_the_rest_is_evaluated(tmp_path, run):
    labels = tmp_path / "labels"
    labels.mkdir()
    for name in ("one.png", "two.avif", "three.png", "four.jpg"):
        photograph(tmp_path, name)
    (tmp_path / "._one.png").write_bytes(b"what a Mac leaves beside a file")
    (labels / "._one.txt").write_bytes(b"what a Mac leaves beside a file")
    box = "0 0.5 0.5 0.25 0.25"
    (labels / "one.txt").write_bytes(b"\xef\xbb\xbf" + f"{box}\n0 0.5\n0 0.9 0.9 1.0004 0.01".encode())
    (labels / "0a1b2c3d-two.txt").write_text("0 0.4 0.4 0.6 0.4 0.6 0.6 0.4 0.6")
    (labels / "three.txt").write_bytes(b"\xff no text")
    (labels / "four.xml").write_text(
        "<annotation><object><name>parasite</name><bndbox/></object><object><name>parasite</name><bndbox><xmin>12</xmin>"
        "<ymin>12</ymin><xmax>20</xmax><ymax>20</ymax></bndbox></object></annotation>"
    )
    done = run(tmp_path, "--truth", labels, "--classes", "0=parasite", "--output", tmp_path / "out")
    said = " ".join(done.stderr.split())
    assert done.exit_code == 1, done.output
    assert "line 2" in said
    assert "three.png" in said
    assert "object 1" in said
    assert "._one" not in done.output
    rows = list(csv.DictReader((tmp_path / "out" / "fields.csv").open(encoding="utf-8-sig")))
    assert [row["field"] for row in rows] == ["four.jpg", "one.png", "two.avif"]
    assert sum(int(row["parasites_found"]) for row in rows) == 3


def test_what_is_annotated_on_one_side_only_is_named(tmp_path, run):
    for name in ("one.png", "two.png"):
        photograph(tmp_path, name)
    (tmp_path / "one.txt").write_text("0 0.5 0.5 0.25 0.25")
    (tmp_path / "other.txt").write_text("0 0.5 0.5 0.25 0.25")
    (tmp_path / "lost.png").symlink_to(tmp_path / "nowhere.png")
    done = run(tmp_path, "--truth", tmp_path, "--classes", "0=parasite")
    said = " ".join(done.output.split())
    assert "1 images have no annotation and are left out: two.png." in said
    assert "1 annotations belong to none of the images" in said
    assert "other.txt" in said
    assert "link to a file that is not there" in said
    assert done.exit_code == 1


def test_pages_of_a_stack_are_evaluated(tmp_path, run):
    tifffile.imwrite(tmp_path / "stack.tif", np.zeros((2, 32, 32, 3), np.uint8), photometric="rgb")
    for number in (1, 2):
        (tmp_path / f"stack page {number}.txt").write_text("0 0.5 0.5 0.25 0.25")
    done = run(tmp_path, "--truth", tmp_path, "--classes", "0=parasite")
    assert done.exit_code == 0, done.output
    assert "2 of 2 found" in done.output
