"""A report belongs to one slide: nothing of another is replaced, and nothing of an earlier one is taken for blood."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from command_line import run
from plasmoscope.files import FolderInUseError, alone_in, whole_folder
from plasmoscope.reports.bundle import write_slide
from plasmoscope.reports.folder import FILES, POSSIBLE_CELLS, held_report, is_of_a_report
from plasmoscope.synthetic.rendering import render_field
from slides import rendered_field, slide_of


def photographs(folder: Path, *seeds: int) -> Path:
    """Fields called field_1.png, field_2.png, ..."""
    folder.mkdir()
    for number, seed in enumerate(seeds, start=1):
        image = render_field(seed, 640, 480, cells=24, parasitaemia=0.2, cell_diameter=64).image
        Image.fromarray(image).save(folder / f"field_{number}.png")
    return folder


def names_in(report: Path) -> list[str]:
    return [field["name"] for field in json.loads((report / "slide.json").read_text())["fields"]]


def contents(folder: Path) -> dict[Path, bytes]:
    # Not what the folder was held by.
    files = (file for file in folder.rglob("*") if file.is_file() and not file.name.startswith("."))
    return {file.relative_to(folder): file.read_bytes() for file in files}


def test_photographs_of_another_slide_replace_no_report_although_their_names_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = photographs(tmp_path / "A", 1), photographs(tmp_path / "B", 2)
    report = tmp_path / "report"
    assert run("analyze", one, "--output", report, monkeypatch=monkeypatch) == 0
    before = contents(report)
    capsys.readouterr()
    assert run("analyze", other, "--output", report, monkeypatch=monkeypatch) == 2
    assert "made from other photographs" in " ".join(capsys.readouterr().err.split())
    assert contents(report) == before
    # More photographs of the slide make a new report of it.
    shutil.copy(other / "field_1.png", one / "field_2.png")
    assert run("analyze", one, "--output", report, monkeypatch=monkeypatch) == 0
    assert names_in(report) == ["field_1.png", "field_2.png"]


def test_of_two_commands_at_once_on_one_folder_the_second_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, report = photographs(tmp_path / "A", 1), tmp_path / "report"
    commands = (
        ("analyze", folder, "--output", report),
        ("demo", "--output", report),
        ("data", "download", report),
    )
    with alone_in(report):
        for command in commands:
            assert run(*command, monkeypatch=monkeypatch) == 2
            assert "Another command is writing to" in capsys.readouterr().err
    assert contents(report) == {}
    assert run(*commands[0], monkeypatch=monkeypatch) == 0


def test_a_command_that_was_killed_holds_its_folder_no_longer(tmp_path: Path) -> None:
    holding = (
        "import sys, pathlib\nfrom plasmoscope.files import alone_in\n"
        "with alone_in(pathlib.Path(sys.argv[1])):\n    print('held', flush=True)\n    sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holding, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout
        assert other.stdout.readline() == "held\n"
        with pytest.raises(FolderInUseError), alone_in(tmp_path):
            pass
        other.kill()
    with alone_in(tmp_path):
        pass


def test_a_folder_that_is_being_filled_is_filled_by_one_alone(tmp_path: Path) -> None:
    with whole_folder(tmp_path / "copy") as unfinished:
        (unfinished / "half").touch()
        with pytest.raises(FolderInUseError), whole_folder(tmp_path / "copy"):
            pass
    assert [file.name for file in tmp_path.rglob("*")] == ["copy", "half"]


def test_what_an_earlier_report_wrote_is_no_photograph_wherever_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = photographs(tmp_path / "A", 1)
    assert run("analyze", folder, "--output", folder / "earlier", monkeypatch=monkeypatch) == 0
    (annotated,) = (folder / "earlier" / "fields").glob("*-annotated.jpg")
    shutil.copy(annotated, folder)
    shutil.copy(folder / "earlier" / "called_cells.png", folder)
    capsys.readouterr()
    assert run("analyze", folder, "--output", tmp_path / "report", monkeypatch=monkeypatch) == 0
    assert names_in(tmp_path / "report") == ["field_1.png"]
    assert "as files of an earlier report" in " ".join(capsys.readouterr().err.split())
    # Who names one of them means it.
    assert run("analyze", annotated, "--output", tmp_path / "own", monkeypatch=monkeypatch) in {0, 1}
    assert names_in(tmp_path / "own") == [annotated.name]
    assert run("analyze", folder / "earlier", "--output", tmp_path / "none", monkeypatch=monkeypatch) == 2


def test_a_report_is_told_by_what_stands_in_it_and_other_files_are_not(tmp_path: Path) -> None:
    image, field = rendered_field("a.png")
    write_slide(tmp_path / "report", slide_of(field), lambda _: image)
    # The sheet of possibly infected cells is drawn where there are any.
    assert {Path(name) for name in FILES if name != POSSIBLE_CELLS} <= set(contents(tmp_path / "report"))
    assert all(is_of_a_report(tmp_path / "report" / file) for file in contents(tmp_path / "report"))
    (tmp_path / "cells.csv").touch()
    others = ("cells.csv", "IMG_20150818_142948.jpg", "001.jpg", "12-annotated.jpg", "field_1-annotated.jpg")
    assert not any(is_of_a_report(tmp_path / name) for name in others)


def test_the_report_may_lie_among_the_photographs_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = photographs(tmp_path / "A", 1, 2)
    before = contents(folder)
    for _ in range(2):
        assert run("analyze", folder, "--output", folder, monkeypatch=monkeypatch) == 0
        assert names_in(folder) == ["field_1.png", "field_2.png"]
    assert before.items() <= contents(folder).items()


@pytest.mark.parametrize("name", ["cells.csv", "fields/001-mine.geojson", "slide.json"])
def test_files_of_a_reports_names_that_no_report_wrote_are_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    folder = photographs(tmp_path / "A", 1)
    file = folder / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("of my own")
    assert run("analyze", folder, "--output", folder, monkeypatch=monkeypatch) == 2
    assert "Choose another folder" in " ".join(capsys.readouterr().err.split())
    assert file.read_text() == "of my own"


def test_the_demo_replaces_a_report_of_its_own_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    image, field = rendered_field("a.png")
    write_slide(tmp_path / "slide", slide_of(field), lambda _: image)
    before = contents(tmp_path / "slide")
    assert run("demo", "--output", tmp_path / "slide", monkeypatch=monkeypatch) == 2
    assert "holds the report of slide A-17" in " ".join(capsys.readouterr().err.split())
    assert contents(tmp_path / "slide") == before
    write_slide(tmp_path / "demo", slide_of(field, slide="demo 1", patient=None), lambda _: image)
    assert run("demo", "--seed", 2, "--output", tmp_path / "demo", monkeypatch=monkeypatch) == 0
    held = held_report(tmp_path / "demo")
    assert held is not None
    assert held.slide == "demo 2"


def test_a_table_or_picture_among_the_cells_it_is_of_is_no_cell_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rendered_cells: list[tuple[np.ndarray, bool]]
) -> None:
    Image.fromarray(rendered_cells[0][0]).save(tmp_path / "cell.png")
    for command, output in (("classify", "cells.csv"), ("classify", "cells.json"), ("explain", "why.png")):
        for _ in range(2):
            assert run(command, tmp_path, "--output", tmp_path / output, monkeypatch=monkeypatch) == 0
        (tmp_path / output).unlink()


def test_evaluations_replace_no_report_and_no_evaluation_of_other_photographs(tmp_path: Path) -> None:
    from plasmoscope.evaluation.fields import FieldsError, evaluate_fields
    from plasmoscope.evaluation.fields_report import check_evaluation_folder, write_evaluation

    image, field = rendered_field("a.png")
    write_evaluation(tmp_path, [evaluate_fields({"a.png": field}, {"a.png": []})])
    check_evaluation_folder(tmp_path, ["a.png", "b.png"])
    with pytest.raises(FieldsError, match="an evaluation of other photographs"):
        check_evaluation_folder(tmp_path, ["b.png"])
    # As the first version wrote it, one set without a number.
    (tmp_path / "evaluation.json").write_text('{"fields": [{"name": "old.png"}]}')
    check_evaluation_folder(tmp_path, ["old.png"])
    with pytest.raises(FieldsError, match="an evaluation of other photographs"):
        check_evaluation_folder(tmp_path, ["a.png"])
    write_slide(tmp_path / "report", slide_of(field), lambda _: image, ["json", "csv"])
    with pytest.raises(FieldsError, match="a slide's report"):
        check_evaluation_folder(tmp_path / "report", ["a.png"])
