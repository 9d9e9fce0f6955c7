"""Files of several pages that are sent to the workstation: each page is a photograph, or a cell, of its own."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile
from fastapi.testclient import TestClient

from plasmoscope.client import Workstation
from plasmoscope.imaging.reading import ImageError, read_image
from plasmoscope.imaging.sources import SourceError
from plasmoscope.reports.illustrations import encode_png
from plasmoscope.store import fields
from plasmoscope.synthetic.rendering import render_field
from workstation import new_slide, running, served, when_analysed, workstation

FIELDS = [render_field(seed, 320, 240, cells=8, cell_diameter=50, parasitaemia=0.3).image for seed in (1, 2)]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with workstation(tmp_path_factory.mktemp("records")) as client:
        yield client


def stack(pictures: list[np.ndarray]) -> bytes:
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as file:
        for picture in pictures:
            file.write(picture, photometric="rgb", compression="lzw", metadata=None)
    return stream.getvalue()


def test_each_page_of_an_uploaded_stack_is_a_photograph_of_its_own(client: TestClient) -> None:
    slide = new_slide(client, code="stack")
    pictures = [FIELDS[0], np.ascontiguousarray(FIELDS[0][::-1])]
    sent = {"file": ("stack.tif", stack(pictures))}
    kept = client.post(f"/api/v1/slides/{slide}/fields", files=sent)
    assert kept.status_code == 201, kept.text
    pages = kept.json()["pages"]
    assert [page["name"] for page in pages] == ["stack.tif page 1", "stack.tif page 2"]
    assert kept.json()["id"] == pages[0]["id"]
    # The same again adds nothing.
    again = client.post(f"/api/v1/slides/{slide}/fields", files=sent).json()
    assert [page["id"] for page in again["pages"]] == [page["id"] for page in pages]
    store = running(client).store
    for page, picture in zip(pages, pictures, strict=True):
        with store.reading() as session:
            sha256 = fields.get_field(session, page["id"]).image_sha256
        assert np.array_equal(read_image(store.images.path(sha256)), picture)
    whole = when_analysed(client, slide)
    assert [field["status"] for field in whole["fields"]] == ["done", "done"]


def test_a_stack_with_a_broken_page_is_refused_whole_and_the_page_named(client: TestClient) -> None:
    slide = new_slide(client, code="broken")
    data = bytearray(stack([FIELDS[0], FIELDS[0][::-1]]))
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        offset, count = file.pages[1].dataoffsets[0], file.pages[1].databytecounts[0]
    data[offset : offset + count] = bytes(count)
    answer = client.post(f"/api/v1/slides/{slide}/fields", files={"file": ("stack.tif", bytes(data))})
    assert answer.status_code == 422
    assert answer.json()["error"]["message"].startswith("page 2: ")
    assert client.get(f"/api/v1/slides/{slide}").json()["fields"] == []


def test_one_page_of_a_stack_is_analysed_when_it_is_named(client: TestClient) -> None:
    sent = {"file": ("stack.tif", stack([FIELDS[0], FIELDS[1]]))}
    asked = client.post("/api/v1/analyze", files=sent)
    assert asked.status_code == 422
    assert "?page=1 to ?page=2" in asked.json()["error"]["message"]
    second = client.post("/api/v1/analyze", files=sent, params={"page": 2}).json()
    alone = client.post("/api/v1/analyze", files={"file": ("other.png", encode_png(FIELDS[1]))}).json()
    assert second["name"] == "stack.tif page 2"
    assert second["cells"] == alone["cells"]
    missing = client.post("/api/v1/analyze", files={"file": ("a.png", encode_png(FIELDS[0]))}, params={"page": 2})
    assert "no page 2" in missing.json()["error"]["message"]


def test_each_page_of_a_stack_of_cells_is_answered(
    client: TestClient, rendered_cells: list[tuple[np.ndarray, bool]]
) -> None:
    cells = [cell for cell, _ in rendered_cells[:3]]
    files = [
        ("files", ("stack.tif", stack(cells))),
        ("files", ("broken.tif", b"II*\0")),
        ("files", ("one.png", encode_png(cells[1]))),
    ]
    answers = client.post("/api/v1/classify", files=files).json()["cells"]
    assert [(answer["file"], answer["name"]) for answer in answers] == [
        *((0, f"stack.tif page {number}") for number in (1, 2, 3)),
        (1, "broken.tif"),
        (2, "one.png"),
    ]
    assert answers[3]["error"]
    assert answers[1]["probability"] == pytest.approx(answers[4]["probability"], abs=1e-6)


def test_a_program_sends_stacks_folders_and_archives(
    tmp_path: Path, rendered_cells: list[tuple[np.ndarray, bool]]
) -> None:
    folder = tmp_path / "slide"
    folder.mkdir()
    (folder / "a.tif").write_bytes(stack(FIELDS))
    (folder / "notes.txt").write_text("no photograph")
    (folder / "z.png").symlink_to(tmp_path / "nowhere.png")
    cells = tmp_path / "cells"
    cells.mkdir()
    (cells / "a.tif").write_bytes(stack([cell for cell, _ in rendered_cells[:2]]))
    (cells / "b.png").symlink_to(tmp_path / "nowhere.png")
    (cells / "c.png").write_bytes(encode_png(rendered_cells[2][0]))
    with served(tmp_path / "records") as address, Workstation(address) as workstation:
        slide = workstation.new_slide("P", "S")
        assert len(workstation.upload(slide, folder / "a.tif")) == 2
        with pytest.raises(ImageError, match=r"z\.png: it is a link to a file that is not there"):
            workstation.upload(slide, [folder])
        with pytest.raises(SourceError, match="no file or folder"):
            workstation.upload(slide, tmp_path / "missing.png")
        assert [field["name"] for field in workstation.slide(slide)["fields"]] == ["a.tif page 1", "a.tif page 2"]
        assert workstation.analyze(folder / "a.tif", page=2).name == "a.tif page 2"
        answers = workstation.classify(cells)
        assert [answer.name for answer in answers] == ["a.tif page 1", "a.tif page 2", "b.png", "c.png"]
        assert [answer.error is None for answer in answers] == [True, True, False, True]


def test_a_photograph_that_cannot_be_taken_stops_no_other_of_a_browser_without_scripts(client: TestClient) -> None:
    slide = new_slide(client, code="one bad")
    client.headers["origin"] = "http://testserver"
    client.post("/welcome")
    files = [("file", ("bad.png", b"no picture")), ("file", ("good.png", encode_png(FIELDS[0])))]
    answer = client.post(f"/slides/{slide}/photographs", files=files)
    assert answer.status_code == 422
    assert "bad.png: not an image" in answer.text
    assert [field["name"] for field in client.get(f"/api/v1/slides/{slide}").json()["fields"]] == ["good.png"]
