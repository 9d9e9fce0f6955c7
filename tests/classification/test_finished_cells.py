"""A run over many cells that is stopped loses none of its calls, and the same command goes on."""

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from command_line import run
from plasmoscope.classification import batch
from plasmoscope.reports.illustrations import encode_png

# The package gives its functions under their modules' names.
command = import_module("plasmoscope.cli.classify")


@pytest.fixture
def cells(tmp_path: Path, rendered_cells: list[tuple[Any, bool]], monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(batch, "_CHUNK", 4)
    folder = tmp_path / "cells"
    folder.mkdir()
    for number, (cell, _) in enumerate(rendered_cells[:12]):
        (folder / f"{number:02d}.png").write_bytes(encode_png(cell))
    (folder / "05.png").write_bytes(b"broken")
    return folder


def stop_after(number: int) -> Any:
    def track(items: Any, total: int, description: str) -> Any:
        for count, item in enumerate(items, start=1):
            yield item
            if count == number:
                raise KeyboardInterrupt

    return track


@pytest.mark.parametrize("suffix", ["csv", "json"])
def test_a_stopped_run_goes_on_and_ends_with_the_same_file(
    suffix: str, cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # What the command keeps lies among the pictures, and is none.
    output, kept = cells / f"called.{suffix}", cells / f"called.{suffix}.part"
    assert run("classify", cells, "--output", tmp_path / f"whole.{suffix}", monkeypatch=monkeypatch) == 1
    with monkeypatch.context() as patched:
        patched.setattr(command, "track", stop_after(7))
        assert run("classify", cells, "--output", output, monkeypatch=patched) not in {0, 2}
    assert "Stopped. The calls so far are kept" in " ".join(capsys.readouterr().err.split())
    assert not output.exists()
    assert [Path(json.loads(line)["name"]).stem for line in kept.read_text("utf-8").splitlines()[1:]] == [
        f"{number:02d}" for number in range(7)
    ]
    # Killed in the middle of a line, which is then done again.
    kept.write_bytes(kept.read_bytes()[:-5])
    assert run("classify", cells, "--output", output, monkeypatch=monkeypatch) == 1
    assert "6 of 12 cells were called before" in capsys.readouterr().out
    assert output.read_bytes() == (tmp_path / f"whole.{suffix}").read_bytes()
    assert not kept.exists()


def test_calls_of_other_pictures_or_of_another_threshold_are_not_taken(
    cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "called.csv"
    with monkeypatch.context() as patched:
        patched.setattr(command, "track", stop_after(3))
        run("classify", cells, "--output", output, monkeypatch=patched)
    kept = (tmp_path / "called.csv.part").read_bytes()
    for change in (("--threshold", "0.9"), ("--isolate",)):
        run("classify", cells, "--output", output, *change, monkeypatch=monkeypatch)
        (tmp_path / "called.csv.part").write_bytes(kept)
    (cells / "00.png").write_bytes(b"another")
    run("classify", cells, "--output", output, monkeypatch=monkeypatch)
    assert "before" not in capsys.readouterr().out
