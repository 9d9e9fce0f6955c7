"""Pictures from object stores and tables to them: the same as from and to a disk."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from pyarrow.parquet import read_table

from command_line import run
from plasmoscope.batch import cells as batch_cells
from plasmoscope.batch import output as batch_output
from plasmoscope.batch.cells import CellsJob
from plasmoscope.batch.job import BatchError
from plasmoscope.batch.output import RemoteOutput
from plasmoscope.batch.running import Outcome, run_batch
from plasmoscope.batch.slides import SlidesJob
from plasmoscope.imaging.remote import RemoteError, RemoteFile
from plasmoscope.imaging.sources import find_images
from plasmoscope.reports.illustrations import encode_png


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """One in memory, empty."""
    monkeypatch.setattr(batch_cells, "_CELLS_OF_A_PART", 4)
    monkeypatch.setattr(batch_output, "_PAUSE_SECONDS", 0)
    memory = fsspec.filesystem("memory")
    memory.store.clear()
    yield memory
    memory.store.clear()


@pytest.fixture
def pictures(rendered_cells: list[tuple[Any, bool]]) -> list[bytes]:
    return [encode_png(cell) for cell, _ in rendered_cells[:10]]


def tables(store: Any, folder: str) -> dict[str, bytes]:
    return {str(file).removeprefix(f"/{folder}"): store.cat_file(file) for file in store.find(f"/{folder}/cells")}


def test_cells_in_a_store_are_called_as_those_on_a_disk_and_a_stopped_batch_goes_on(
    store: Any, pictures: list[bytes], tmp_path: Path
) -> None:
    for number, picture in enumerate(pictures[:7]):
        store.pipe_file(f"/lab/cells/{number}.png", picture)
        (tmp_path / f"{number}.png").write_bytes(picture)
    store.pipe_file("/lab/cells/.hidden.png", b"none")
    with io.BytesIO() as packed, zipfile.ZipFile(packed, "w") as archive:
        for number, picture in enumerate(pictures[7:]):
            archive.writestr(f"{number}.png", picture)
        archive.close()
        store.pipe_file("/lab/cells/more.zip", packed.getvalue())
        (tmp_path / "more.zip").write_bytes(packed.getvalue())
    job = CellsJob(("memory://lab/cells",))
    assert run_batch(job, "memory://lab/called") == Outcome(3, 0, {})
    run_batch(CellsJob((tmp_path,)), tmp_path / "called")
    elsewhere = [
        row for file in sorted(store.find("/lab/called/cells")) for row in read_table(store.open(file)).to_pylist()
    ]
    here = read_table(tmp_path / "called" / "cells").to_pylist()
    assert [row["probability"] for row in elsewhere] == [row["probability"] for row in here]
    assert elsewhere[0]["name"] == "memory:///lab/cells/0.png"
    whole = tables(store, "lab/called")
    store.rm("/lab/called/cells/cells-000001.parquet")
    assert run_batch(job, "memory://lab/called/") == Outcome(1, 2, {})
    assert tables(store, "lab/called") == whole
    with pytest.raises(BatchError, match="memory://lab/called holds another batch"):
        run_batch(CellsJob(("memory://lab/cells",), views=5), "memory://lab/called")


def test_slides_in_a_store_are_told_apart_by_their_folders(store: Any) -> None:
    for name in ("a/1.png", "a/2.png", "b/1.png", "b/notes.txt"):
        store.pipe_file(f"/slides/{name}", b"broken")
    parts = SlidesJob(("memory://slides",)).parts()
    assert [(part.slide, len(part.sources)) for part in parts] == [("memory:///slides/a", 2), ("memory:///slides/b", 1)]


def test_where_a_file_could_be_seen_half_written_it_is_moved_to_its_place(tmp_path: Path) -> None:
    output = RemoteOutput(f"file://{tmp_path}/out")
    assert output.names("cells") == set()
    assert output.read("batch.json") is None
    output.write("cells/one.parquet", b"whole")
    assert output.names("cells") == {"one.parquet"}
    assert (tmp_path / "out" / "cells" / "one.parquet").read_bytes() == b"whole"


def test_a_store_that_fails_for_a_moment_is_tried_again(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    put, tries = type(store).pipe_file, []

    def fail_twice(self: Any, path: str, content: bytes) -> None:
        tries.append(path)
        if len(tries) < 3:
            raise ConnectionError("reset")
        put(self, path, content)

    monkeypatch.setattr(type(store), "pipe_file", fail_twice)
    RemoteOutput("memory://lab").write("one", b"whole")
    assert store.cat_file("/lab/one") == b"whole"
    tries[:] = [""] * -3
    monkeypatch.setattr(type(store), "pipe_file", lambda *_: (_ for _ in ()).throw(PermissionError("no credentials")))
    with pytest.raises(RemoteError, match=r"no credentials.*AWS_ACCESS_KEY_ID"):
        RemoteOutput("memory://lab").write("two", b"whole")


def test_what_cannot_be_had_says_what_to_do(
    store: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(RemoteError, match="nothing at memory://lab/none"):
        find_images(["memory://lab/none"])
    with pytest.raises(RemoteError, match="Protocol not known"):
        find_images(["nowhere://lab"])
    assert run("batch", "cells", "s3://lab/cells", "--output", tmp_path / "out", monkeypatch=monkeypatch) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "s3fs" in said or "AWS_ACCESS_KEY_ID" in said
    (row,) = gone(tmp_path)
    assert "no such file" in row["error"]


def gone(tmp_path: Path) -> list[dict[str, Any]]:
    """A picture that was listed and is there no more."""
    from plasmoscope.batch.job import Part

    files = CellsJob(()).open(1).do(Part("cells-000000", [RemoteFile("memory://lab/gone.png")]))
    return list(read_table(io.BytesIO(files["cells/cells-000000.parquet"])).to_pylist())
