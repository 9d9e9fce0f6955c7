"""Batches: the same tables however the work was divided, stopped or broken."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyarrow.parquet import read_table

from command_line import run
from dying import DyingJob
from plasmoscope.analysis.analyze import SlideOptions, analyze_slide
from plasmoscope.batch import cells as batch_cells
from plasmoscope.batch.cells import CellsJob
from plasmoscope.batch.job import BatchError
from plasmoscope.batch.running import Outcome, Shard, run_batch
from plasmoscope.batch.slides import SlidesJob
from plasmoscope.classification.classifier import Classifier
from plasmoscope.reports.illustrations import encode_png
from plasmoscope.synthetic.rendering import render_field


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_cells, "_CELLS_OF_A_PART", 10)


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory, rendered_cells: list[tuple[object, bool]]) -> Path:
    """35 pictures of cells, one of them broken."""
    folder = tmp_path_factory.mktemp("cells")
    for number, (cell, _) in enumerate(rendered_cells[:35]):
        (folder / f"{number:02d}.png").write_bytes(encode_png(cell))  # type: ignore[arg-type]
    (folder / "17.png").write_bytes(b"broken")
    return folder


@pytest.fixture(scope="module")
def slides(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two slides, and one of nothing but a broken file."""
    folder = tmp_path_factory.mktemp("slides")
    for seed in (1, 2):
        (folder / f"S {seed}").mkdir()
        for field in (0, 1):
            picture = render_field(10 * seed + field, 640, 480, cells=30, parasitaemia=0.2).image
            (folder / f"S {seed}" / f"{field}.png").write_bytes(encode_png(picture))
    (folder / "broken").mkdir()
    (folder / "broken" / "0.png").write_bytes(b"broken")
    return folder


def tables(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*.parquet")}


def stopped_after(parts: int) -> object:
    """A progress bar that is stopped with Ctrl+C."""

    def follow(items: Iterator[object], all_parts: object) -> Iterator[object]:
        for number, item in enumerate(items, start=1):
            yield item
            if number == parts:
                raise KeyboardInterrupt

    return follow


def test_a_batch_of_cells_has_a_row_for_each_and_a_broken_one_its_reason(cells: Path, tmp_path: Path) -> None:
    assert run_batch(CellsJob((cells,)), tmp_path / "out") == Outcome(4, 0, {})
    rows = read_table(tmp_path / "out" / "cells").to_pylist()
    assert [Path(row["name"]).name for row in rows] == sorted(file.name for file in cells.iterdir())
    assert [Path(row["name"]).name for row in rows if row["error"]] == ["17.png"]
    alone = Classifier.load().predict([cells / "00.png", cells / "34.png"])
    assert [rows[0]["probability"], rows[34]["probability"]] == pytest.approx(alone.tolist(), abs=1e-4)


def test_shards_and_a_stopped_batch_that_goes_on_give_the_same_tables(cells: Path, tmp_path: Path) -> None:
    job = CellsJob((cells,))
    run_batch(job, tmp_path / "whole")
    for number in (1, 2, 3):
        run_batch(job, tmp_path / "shared", Shard(number, 3))
    with pytest.raises(KeyboardInterrupt):
        run_batch(job, tmp_path / "stopped", follow=stopped_after(2))  # type: ignore[arg-type]
    assert len(tables(tmp_path / "stopped")) == 2
    assert run_batch(job, tmp_path / "stopped") == Outcome(2, 2, {})
    assert tables(tmp_path / "whole") == tables(tmp_path / "shared") == tables(tmp_path / "stopped")


@pytest.mark.slow
def test_slides_are_counted_as_by_themselves_by_one_process_or_two(slides: Path, tmp_path: Path) -> None:
    assert run_batch(SlidesJob((slides,)), tmp_path / "one").done == 3
    assert run_batch(SlidesJob((slides,)), tmp_path / "two", processes=2).done == 3
    assert tables(tmp_path / "one") == tables(tmp_path / "two")
    counted = {Path(row["slide"]).name: row for row in read_table(tmp_path / "one" / "slides").to_pylist()}
    alone = analyze_slide(sorted((slides / "S 1").iterdir()), options=SlideOptions(slide="S 1")).count
    assert alone
    assert (counted["S 1"]["counted"], counted["S 1"]["infected"]) == (alone.counted, alone.infected)
    assert counted["S 1"]["parasitaemia_percent"] == pytest.approx(alone.parasitaemia.value)
    assert counted["broken"]["error"]
    assert counted["broken"]["counted"] is None
    found = read_table(tmp_path / "one" / "found").to_pylist()
    whole = [row for row in found if Path(row["slide"]).name == "S 1" and row["call"] and not row["on_border"]]
    assert sum(row["call"] == "infected" for row in whole) == alone.infected


@pytest.mark.slow
def test_a_part_whose_process_dies_is_tried_again_and_no_other_is_lost(tmp_path: Path) -> None:
    outcome = run_batch(DyingJob(tmp_path), tmp_path / "out", processes=2)
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["a", "b", "batch.json"]
    assert outcome.done == 2
    assert outcome.failed == {
        "c": "ZeroDivisionError: nought",
        "d": "the process that worked on it died, 3 times",
    }


@pytest.mark.slow
def test_a_part_that_is_worked_on_beside_a_deadly_one_is_not_blamed_for_it(tmp_path: Path) -> None:
    outcome = run_batch(DyingJob(tmp_path, ("d", "e")), tmp_path / "out", processes=2)
    assert (outcome.done, list(outcome.failed)) == (1, ["d"])
    assert (tmp_path / "out" / "e").exists()


def test_a_folder_of_another_batch_is_refused_and_kept(cells: Path, tmp_path: Path) -> None:
    run_batch(CellsJob((cells,)), tmp_path / "out")
    before = tables(tmp_path / "out")
    with pytest.raises(BatchError, match=r"another batch \(other views\)"):
        run_batch(CellsJob((cells,), views=8), tmp_path / "out")
    (tmp_path / "out" / "batch.json").write_text("[", "utf-8")
    with pytest.raises(BatchError, match="another batch"):
        run_batch(CellsJob((cells,)), tmp_path / "out")
    assert tables(tmp_path / "out") == before


def test_slides_of_like_names_have_files_of_their_own(slides: Path, tmp_path: Path) -> None:
    for name in ("S 1", "S_1", "S?1"):
        shutil.copytree(slides / "broken", tmp_path / "slides" / name)
    assert len({part.name for part in SlidesJob((tmp_path / "slides",)).parts()}) == 3


def test_the_command_says_what_was_done_and_refuses_what_makes_no_sense(
    cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("batch", "cells", str(cells), "--output", str(tmp_path / "out"))
    assert run(*arguments, monkeypatch=monkeypatch) == 0
    assert "4 parts done" in capsys.readouterr().out
    assert run(*arguments, monkeypatch=monkeypatch) == 0
    assert "0 parts done, 4 were there already" in capsys.readouterr().out
    assert json.loads((tmp_path / "out" / "batch.json").read_text("utf-8"))["pictures"] == 35
    for shard in ("0/4", "5/4", "two"):
        assert run(*arguments, "--shard", shard, monkeypatch=monkeypatch) == 2
    (tmp_path / "empty").mkdir()
    assert run("batch", "cells", str(tmp_path / "empty"), "--output", str(tmp_path / "e"), monkeypatch=monkeypatch) == 2
    assert "no pictures" in capsys.readouterr().err
