import csv
import json
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import typer
from PIL import Image
from typer.testing import CliRunner

from plasmoscope.analysis.results import Cell, Field, Outline, QualityCheck, unreadable
from plasmoscope.errors import PlasmoscopeError
from plasmoscope.evaluation.boxes import TrueBox
from plasmoscope.evaluation.fields import FieldsError, FieldsEvaluation, evaluate_fields
from plasmoscope.evaluation.fields_report import write_evaluation
from plasmoscope.evaluation.worst_fields import Panel, draw_panel, worst_fields

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
        outline=Outline([(x, y), (x + w, y), (x + w, y + h), (x, y + h)]),
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
    assert (counts.red_cells, counts.red_cells_found, counts.red_cells_matched, counts.counted) == (3, 3, 2, 3)
    assert (counts.red_cells_aside, counts.red_cells_found_aside) == (1, 1)
    assert (counts.parasites, counts.parasites_found) == (4, 1)
    assert counts.parasites_called_uninfected == counts.parasites_in_cut_cells == counts.parasites_in_no_cell == 1
    assert counts.false_calls == 1


def test_the_figures_of_all_fields_are_of_the_summed_counts(analyzed, truth):
    evaluation = evaluate_fields(analyzed, truth)
    figures = evaluation.figures
    # Of the field that was refused nothing is found.
    assert (figures.precision, figures.recall) == pytest.approx((2 / 3, 2 / 5))
    assert figures.f1 == pytest.approx(4 / 8)
    assert figures.counting_error == pytest.approx(-2 / 5)
    assert evaluation.mean_absolute_counting_error == pytest.approx((0 + 1) / 2)
    # The parasite in the cut cell stands aside.
    assert (figures.parasite_recall, figures.parasites_lost) == pytest.approx((1 / 3, 1 / 3))
    assert figures.false_calls_per_1000 == pytest.approx(1000 / 3)
    assert [one.accepted for one in evaluation.fields] == [True, False]


def rbc(*box: float, label: str = "rbc", difficult: bool = False) -> TrueBox:
    left, top, width, height = box
    return TrueBox(label, (left, top, width, height), difficult)


def evaluated(cells: list[Cell], *truth: TrueBox, **more: Any) -> FieldsEvaluation:
    return evaluate_fields({"a": field("a", *cells)}, {"a": truth}, **more)


def test_cells_cut_by_the_border_are_neither_missed_nor_false():
    cut = rbc(2, 40, 18, 20)
    missed = evaluated([], cut, rbc(3, 80, 18, 20), rbc(100, 182, 20, 16)).counts
    assert (missed.red_cells, missed.red_cells_aside) == (1, 2)
    found_whole = evaluated([cell((2, 40, 18, 20))], cut).counts
    assert (found_whole.red_cells, found_whole.red_cells_found, found_whole.red_cells_matched) == (0, 0, 0)
    # The slide counts it all the same, so it stands on both sides of that count.
    assert (found_whole.counted, found_whole.red_cells_to_count) == (1, 1)
    found_as_cut = evaluated([cell((40, 40, 20, 20), on_border=True)], rbc(40, 40, 20, 20)).counts
    assert (found_as_cut.red_cells, found_as_cut.red_cells_found, found_as_cut.red_cells_to_count) == (0, 0, 0)
    alone = evaluated([cell((40, 40, 20, 20), on_border=True)], rbc(100, 100, 20, 20)).counts
    assert (alone.red_cells, alone.red_cells_found, alone.red_cells_found_aside) == (1, 0, 1)


def test_a_cut_parasite_that_no_cell_holds_is_not_missed():
    gametocyte = rbc(1, 40, 30, 20, label="gametocyte")
    assert evaluated([], gametocyte).counts.parasites_in_cut_cells == 1
    assert evaluated([cell((1, 40, 30, 20), called=True)], gametocyte).counts.parasites_found == 1


def test_what_the_annotator_was_not_sure_of_is_neither_right_nor_wrong():
    cells = [
        cell((40, 40, 20, 20)),
        cell((80, 40, 20, 20), called=True),
        cell((120, 40, 20, 20)),
        cell((150, 100, 10, 20), called=True),
        cell((160, 100, 10, 20)),
    ]
    difficult = [
        rbc(80, 40, 20, 20, label="Difficult"),
        rbc(120, 40, 20, 20, label="ring", difficult=True),
        # Both halves of a cell, and one box around many.
        rbc(145, 95, 40, 40, difficult=True),
        # Beside the box of a cell that is certain.
        rbc(41, 41, 20, 20, difficult=True),
    ]
    sure = [rbc(40, 40, 20, 20), rbc(10, 150, 9, 9, label="parasite")]
    counts = evaluated(cells, *difficult, *sure).counts
    assert (counts.red_cells, counts.red_cells_found, counts.red_cells_matched) == (1, 1, 1)
    assert (counts.red_cells_found_aside, counts.counted) == (4, 1)
    assert (counts.parasites, counts.false_calls) == (1, 0)


def test_a_cell_cut_into_pieces_is_told_from_one_that_is_missed():
    whole = rbc(40, 40, 40, 40)
    halves = [cell((40, 40, 20, 38)), cell((60, 40, 20, 38))]
    counts = evaluated(halves, whole, rbc(120, 40, 40, 40)).counts
    assert (counts.cut_into_pieces, counts.run_together, counts.red_cells_matched) == (1, 0, 0)
    assert evaluated([cell((40, 40, 30, 40)), cell((70, 40, 10, 40))], whole).counts.cut_into_pieces == 0
    # A neighbour that was found rightly is no piece.
    neighbour = evaluated([halves[0], cell((70, 40, 18, 18))], whole, rbc(70, 40, 18, 18)).counts
    assert (neighbour.cut_into_pieces, neighbour.red_cells_matched) == (0, 1)


def test_cells_run_together_are_told_from_one_that_is_false():
    two = [rbc(40, 40, 20, 20), rbc(60, 40, 20, 20)]
    counts = evaluated([cell((35, 40, 50, 20)), cell((100, 100, 20, 20))], *two).counts
    assert (counts.run_together, counts.cut_into_pieces, counts.red_cells_found) == (1, 0, 2)
    assert evaluated([cell((35, 40, 50, 20)), cell((40, 40, 20, 20))], *two).counts.run_together == 0


def test_parasites_are_told_by_class():
    cells = [cell((40, 40, 20, 20), called=True), cell((80, 40, 20, 20)), cell((120, 40, 20, 20), called=True)]
    truth = [
        rbc(40, 40, 20, 20, label="Ring"),
        rbc(80, 40, 20, 20, label="ring"),
        rbc(120, 40, 20, 20, label="gametocyte"),
        rbc(40, 120, 20, 20, label="ring"),
    ]
    ring, gametocyte = evaluated(cells, *truth).parasite_classes
    assert ring.model_dump() == {
        "name": "ring",
        "parasites": 3,
        "found": 1,
        "called_uninfected": 1,
        "not_told": 0,
        "in_cut_cells": 0,
        "in_no_cell": 1,
    }
    assert (gametocyte.name, gametocyte.parasites, gametocyte.found) == ("gametocyte", 1, 1)


def test_false_calls_are_also_told_of_cells_boxed_as_uninfected():
    cells = [
        cell((40, 40, 20, 20), called=True),  # a parasite's box lies in its own
        cell((80, 40, 20, 20), called=True),  # only the box of the infected neighbour touches it
        cell((120, 40, 20, 20)),
        cell((40, 120, 20, 20), called=True),  # nothing is boxed there
    ]
    truth = [
        rbc(40, 40, 20, 20),
        rbc(45, 45, 6, 6, label="parasite"),
        rbc(80, 40, 20, 20),
        rbc(98, 40, 20, 20, label="ring"),
        rbc(120, 40, 20, 20),
    ]
    evaluation = evaluated(cells, *truth)
    counts, figures = evaluation.counts, evaluation.figures
    assert (counts.boxed_uninfected, counts.boxed_uninfected_called, counts.false_calls) == (2, 1, 1)
    assert (figures.boxed_false_calls_per_1000, figures.false_calls_per_1000) == pytest.approx((500, 250))


def test_of_healthy_people_every_call_is_false():
    cells = [cell((40, 40, 20, 20), called=True), cell((80, 40, 20, 20))]
    truth = [rbc(40, 40, 20, 20), rbc(80, 40, 20, 20)]
    assert evaluated(cells, *truth).figures.boxed_false_calls_per_1000 is None
    healthy = evaluated(cells, *truth, healthy=True).figures
    assert (healthy.false_calls_per_1000, healthy.boxed_false_calls_per_1000) == pytest.approx((500, 500))
    with pytest.raises(FieldsError, match="said to be healthy"):
        evaluated(cells, rbc(40, 40, 20, 20, label="ring"), healthy=True)


def test_intervals_are_of_drawn_fields_not_of_drawn_cells():
    places = [(20 * number, 40, 18, 18) for number in range(1, 5)]
    truth = [rbc(*place) for place in places]
    many, few = [cell(place) for place in places[:3]], [cell(places[0])]
    evaluation = evaluate_fields({"a": field("a", *many), "b": field("b", *few)}, {"a": truth, "b": truth})
    # Of two fields a quarter of the draws holds only the one and a quarter only the other.
    recall = evaluation.intervals.recall
    assert (recall.value, recall.low, recall.high) == pytest.approx((1 / 2, 1 / 4, 3 / 4))
    error = evaluation.intervals.mean_absolute_counting_error
    assert (error.value, error.low, error.high) == pytest.approx((1 / 2, 1 / 4, 3 / 4))
    assert evaluation.intervals.parasite_recall is None
    # Nothing false among four cells is no proof that nothing ever is: 4 / (4 + 1.96²) after Wilson.
    precision = evaluation.intervals.precision
    assert (precision.value, precision.low, precision.high) == pytest.approx((1, 0.5101, 1), abs=1e-4)


def test_refused_fields_are_told_by_the_check_that_failed():
    def checks(*failed: str) -> tuple[QualityCheck, ...]:
        names = ("focus", "stain", "cells")
        return tuple(QualityCheck(name=name, value=0, passed=name not in failed, message="") for name in names)

    refused = {"a": ("focus",), "b": ("focus", "cells"), "c": ()}
    fields = {
        name: field(name, accepted=not failed).model_copy(update={"checks": checks(*failed)})
        for name, failed in refused.items()
    }
    evaluation = evaluate_fields(fields, dict.fromkeys(fields, ()))
    assert (evaluation.refused, evaluation.refused_by_check) == (2, {"focus": 2, "cells": 1})
    assert [one.failed_checks for one in evaluation.fields] == [("focus",), ("focus", "cells"), ()]


def centre(x: float, y: float) -> TrueBox:
    return TrueBox("red cell", (x, y, 0, 0))


def test_centres_are_counted_by_the_outlines_in_which_they_lie():
    cells = [cell((20 * number, 40, 20, 20)) for number in range(1, 7)]
    in_two = cell((35, 45, 10, 10), on_border=True)
    centres = [centre(20 * number + 10, 50) for number in range(1, 6)]
    several = [centre(112, 55), centre(38, 48), centre(10, 150)]
    evaluation = evaluated([*cells, in_two], *centres, *several)
    counts = evaluation.counts
    # Apart from two outlines that share a place, and from a centre where nothing was found.
    assert (counts.centres, counts.centres_in_one_outline) == (8, 6)
    # The second outline holds one centre, the first two, the fifth two, the sixth none; the cut one stands aside.
    assert (counts.outlines, counts.outlines_with_no_centre, counts.outlines_with_several_centres) == (6, 1, 2)
    assert evaluation.figures.centre_recall == pytest.approx(6 / 8)
    assert evaluation.figures.outlines_at_fault == pytest.approx(3 / 6)
    assert evaluation.figures.f1 is evaluation.figures.precision is None
    part = evaluated(cells, *centres[:3]).counts
    assert (part.centres_in_one_outline, part.outlines) == (3, 0), "a field labelled in part tells of no outline"


def test_a_centre_in_the_box_but_beside_the_outline_is_not_in_it():
    triangle = cell((40, 40, 20, 20))
    triangle = Cell(
        **{**{name: getattr(triangle, name) for name in Cell.__slots__}, "outline": ((40, 40), (60, 40), (40, 60))}
    )
    assert evaluated([triangle], centre(58, 58)).counts.centres_in_one_outline == 0
    assert evaluated([triangle], centre(50, 50)).counts.centres_in_one_outline == 1


def test_the_worst_fields_are_those_with_the_lowest_f1(analyzed, truth):
    analyzed = {**analyzed, "c": field("c", cell((40, 40, 20, 20)))}
    evaluation = evaluate_fields(analyzed, {**truth, "c": [rbc(40, 40, 20, 20)]})
    assert [one.name for one in worst_fields(evaluation)] == ["b", "a"]
    assert [one.name for one in worst_fields(evaluation, 1)] == ["b"]
    parasites = {"a": truth["a"][5:], "b": [], "c": []}
    assert [one.name for one in worst_fields(evaluate_fields(analyzed, parasites))] == ["a"]


def test_what_is_missed_and_what_is_false_are_drawn_thick():
    found = field("a", cell((100, 100, 40, 40)), cell((300, 100, 40, 40))).model_copy(
        update={"width": 560, "height": 400}
    )
    truth = [rbc(100, 100, 40, 40), rbc(100, 300, 40, 40)]
    evaluation = evaluate_fields({"a": found}, {"a": truth})
    panel = draw_panel(Panel(np.zeros((400, 560, 3), np.uint8), found, truth, evaluation.fields[0]), 0.5)
    drawn = panel[-400:]
    orange, line = (213, 94, 0), slice(98, 103)
    assert (drawn[298:303, 120] == orange).all(axis=1).sum() >= 3, "missed"
    assert (drawn[line, 320] == orange).all(axis=1).sum() >= 3, "false"
    assert not (drawn[line, 120] == orange).all(axis=1).any()
    assert 1 <= drawn[line, 120].any(axis=1).sum() <= 3, "right"


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
    other = evaluate_fields({"c": field("c")}, {"c": []}, name="other")
    written = write_evaluation(tmp_path / "new", [evaluation, other], np.zeros((2, 2, 3), np.uint8))
    assert {file.name for file in written} == {
        "evaluation.json", "sets.csv", "fields.csv", "parasites.csv", "worst_fields.png"
    }  # fmt: skip
    whole = json.loads(written[0].read_text())
    assert whole["schema_version"] == 2
    assert [one["name"] for one in whole["sets"]] == ["fields", "other"]
    assert whole["sets"][0]["counts"]["parasites"] == 4
    rows = table(tmp_path / "new" / "fields.csv")
    assert [(row["set"], row["field"]) for row in rows] == [("fields", "a"), ("fields", "b"), ("other", "c")]
    assert (rows[0]["red_cells_matched"], rows[0]["parasite_recall"], rows[1]["parasite_recall"]) == ("2", "0.3333", "")
    sets = table(tmp_path / "new" / "sets.csv")
    assert (sets[0]["recall"], sets[0]["refused"], sets[1]["recall_low"]) == ("0.4000", "1", "")
    assert 0 <= float(sets[0]["recall_low"]) <= 0.4 <= float(sets[0]["recall_high"]) <= 1
    classes = table(tmp_path / "new" / "parasites.csv")
    assert [(row["class"], row["found"], row["in_no_cell"]) for row in classes] == [
        ("parasite", "1", "1"),
        ("p. falciparum", "0", "0"),
    ]
    again = write_evaluation(tmp_path / "new", [other])
    assert {file.name for file in (tmp_path / "new").iterdir()} == {file.name for file in again}


def table(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(file.open(encoding="utf-8-sig")))


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
    assert "…" not in done.output
    assert [row["parasites_found"] for row in table(tmp_path / "out" / "fields.csv")] == ["1"]


@pytest.fixture
def sets(tmp_path: Path) -> Path:
    """Photographs with a parasite boxed, with a red cell's box elsewhere, with two centres, and without truth."""
    for name in ("parasites", "cells", "centres", "thick"):
        (tmp_path / name).mkdir()
        photograph(tmp_path / name, f"{name}.png")
    (tmp_path / "parasites" / "parasites.txt").write_text("0 0.5 0.5 0.25 0.25")
    (tmp_path / "cells" / "cells.xml").write_text(
        "<annotation><object><name>RBC</name><bndbox><xmin>20</xmin><ymin>20</ymin><xmax>28</xmax><ymax>28</ymax>"
        "</bndbox></object></annotation>"
    )
    (tmp_path / "centres.csv").write_text("image,x,y,class\ncentres.png,16,16,3\ncentres.png,4,4,0\n")
    return tmp_path


def test_several_sets_are_evaluated_in_one_call(sets, run):
    done = run(
        sets / "parasites", "--truth", sets / "parasites", "--classes", "0=parasite",
        "--set", f"blood={sets / 'cells'},{sets / 'cells'}", "--healthy", "blood",
        "--set", f"Chula={sets / 'centres'},{sets / 'centres.csv'}",
        "--set", f"thick={sets / 'thick'}", "--output", sets / "out",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "…" not in done.output
    assert max(map(len, done.output.splitlines())) <= 80
    rows = {row["set"]: row for row in table(sets / "out" / "sets.csv")}
    assert list(rows) == ["parasites", "blood", "Chula", "thick"]
    assert (rows["parasites"]["parasite_recall"], rows["parasites"]["recall"]) == ("1.0000", "")
    assert (rows["blood"]["recall"], rows["blood"]["false_calls_per_1000"]) == ("0.0000", "1000.0000")
    assert rows["Chula"]["centre_recall"] == "0.5000"
    assert (rows["thick"]["fields"], rows["thick"]["refused"], rows["thick"]["false_calls_per_1000"]) == ("1", "0", "")
    drawn = np.asarray(Image.open(sets / "out" / "worst_fields.png"))
    assert drawn.shape[1] == 560


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Give photographs with --truth"),
        (("{0}/cells",), "go together"),
        (("--set", "cells"), "NAME=IMAGES,TRUTH"),
        (("--set", "={0}/cells"), "NAME=IMAGES,TRUTH"),
        (("--set", "a={0}/cells", "--set", "a={0}/thick"), "Two sets are called 'a'"),
        (("--set", "a={0}/cells", "--healthy", "b"), "names 'b', which is none of the sets: a"),
        (
            ("--set", "a={0}/cells", "--set", "b={0}/thick", "--performance", "{0}/p.json", "--laboratory", "L",
             "--patients", "2"),
            "one set",
        ),
    ],
)  # fmt: skip
def test_sets_that_make_no_sense_are_refused_before_the_work(sets, run, monkeypatch, arguments, message):
    monkeypatch.setattr(command, "_analyze", lambda *given: pytest.fail("analysed"))
    done = run(*(argument.format(sets) for argument in arguments))
    assert isinstance(done.exception, PlasmoscopeError)
    assert message in str(done.exception)


def test_a_path_may_hold_a_comma(sets, run):
    (sets / "thick").rename(sets / "thick, old")
    done = run("--set", f"thick={sets / 'thick, old'}")
    assert done.exit_code == 0, done.output


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
    rows = table(tmp_path / "out" / "fields.csv")
    assert [(row["field"], row["accepted"], row["parasites_found"]) for row in rows] == [("one.png", "True", "1")]


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
    assert "other.txt" in done.output.replace("\n", "")
    assert "link to a file that is not there" in said
    assert done.exit_code == 1


def test_pages_of_a_stack_are_evaluated(tmp_path, run):
    tifffile.imwrite(tmp_path / "stack.tif", np.zeros((2, 32, 32, 3), np.uint8), photometric="rgb")
    for number in (1, 2):
        (tmp_path / f"stack page {number}.txt").write_text("0 0.5 0.5 0.25 0.25")
    done = run(tmp_path, "--truth", tmp_path, "--classes", "0=parasite", "--output", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert [row["parasites_found"] for row in table(tmp_path / "out" / "fields.csv")] == ["1", "1"]
