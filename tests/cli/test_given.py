"""Everything that a command is given is counted, or named with its reason and exit code 1."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from command_line import rows, run
from plasmoscope import Classifier, analyze_field, analyze_slide
from plasmoscope.imaging import pages
from plasmoscope.imaging.pages import Content, Page, with_pages, write_pages
from plasmoscope.imaging.reading import ImageError, read_image
from plasmoscope.imaging.sources import ImageFile, find_images
from plasmoscope.imaging.tiff import read_page
from plasmoscope.synthetic.rendering import render_field
from shared_data import shared_path

FIELDS = [render_field(seed, 320, 240, cells=8, cell_diameter=50, parasitaemia=0.3).image for seed in (1, 2, 3)]


def stack(file: Path, pictures: list[np.ndarray], **how: Any) -> Path:
    with tifffile.TiffWriter(file) as writer:
        for picture in pictures:
            writer.write(picture, photometric="rgb", compression="lzw", metadata=None, **how)
    return file


def test_a_stack_is_its_pages_and_any_other_file_itself(tmp_path: Path) -> None:
    three = ImageFile(stack(tmp_path / "three.tif", FIELDS))
    one = ImageFile(stack(tmp_path / "one.TIFF", FIELDS[:1]))
    (tmp_path / "broken.tif").write_bytes(b"II*\0 no picture")
    broken = ImageFile(tmp_path / "broken.tif")
    found = with_pages([three, one, broken])
    assert [Path(source.name).name for source in found] == [
        "three.tif page 1",
        "three.tif page 2",
        "three.tif page 3",
        "one.TIFF",
        "broken.tif",
    ]
    assert with_pages(found) == found
    for page, picture in zip(found, FIELDS, strict=False):
        assert np.array_equal(read_image(page.read()), picture)
    with pytest.raises(ImageError, match="list of pages breaks off"):
        read_image(found[-1].read())


def test_pages_of_a_stack_in_an_archive_are_found_too(tmp_path: Path) -> None:
    stack(tmp_path / "three.tif", FIELDS)
    with zipfile.ZipFile(tmp_path / "slide.zip", "w") as archive:
        archive.write(tmp_path / "three.tif", "three.tif")
    found = with_pages(find_images([tmp_path / "slide.zip"]))
    assert [source.name for source in found] == [f"{tmp_path}/slide.zip/three.tif page {n}" for n in (1, 2, 3)]
    assert np.array_equal(read_image(found[2].read()), FIELDS[2])


def test_a_page_that_is_too_large_by_itself_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = Content("two.tif", stack(tmp_path / "two.tif", FIELDS[:2]).read_bytes())
    assert [name for name, _ in write_pages(content, tmp_path)] == ["two.tif page 1", "two.tif page 2"]
    assert np.array_equal(read_image(tmp_path / "2.png"), FIELDS[1])
    monkeypatch.setattr(pages, "MAX_BYTES", 100)
    with pytest.raises(ImageError, match="page 1 by itself"):
        write_pages(content, tmp_path)


def test_a_stack_under_another_name_is_not_read_in_part(tmp_path: Path) -> None:
    field = analyze_field(stack(tmp_path / "stack.jpg", FIELDS))
    assert field.error is not None
    assert "holds 3 pages" in field.error


def test_every_page_of_a_stack_is_a_field_of_the_slide(tmp_path: Path, classifier: Classifier) -> None:
    slide = analyze_slide(stack(tmp_path / "slide.tif", FIELDS), classifier)
    assert [field.name for field in slide.fields] == [f"slide.tif page {number}" for number in (1, 2, 3)]
    alone = analyze_slide(FIELDS, classifier)
    assert [field.cells for field in slide.fields] == [field.cells for field in alone.fields]
    assert len({field.sha256 for field in slide.fields}) == 3
    in_memory = analyze_slide([(tmp_path / "slide.tif").read_bytes(), FIELDS[0]], classifier)
    assert [field.name for field in in_memory.fields] == [*(f"field 1 page {n}" for n in (1, 2, 3)), "field 4"]


def test_the_shared_stack_counts_as_its_three_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, field_classifier: Classifier
) -> None:
    file = shared_path("cases/slide17.tif")
    assert run("analyze", file, "--output", tmp_path / "out", monkeypatch=monkeypatch) == 0
    written = json.loads((tmp_path / "out" / "slide.json").read_text("utf-8"))
    assert [field["name"] for field in written["fields"]] == [f"slide17.tif page {number}" for number in (1, 2, 3)]
    alone = analyze_slide([read_page(file.read_bytes(), number) for number in (1, 2, 3)], field_classifier)
    assert alone.count is not None
    assert (written["count"]["infected"], written["count"]["counted"]) == (alone.count.infected, alone.count.counted)
    pictures = sorted(file.name for file in (tmp_path / "out" / "fields").glob("*-annotated.jpg"))
    assert len(pictures) == 3


def test_classify_and_explain_answer_for_every_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rendered_cells: list[tuple[np.ndarray, bool]]
) -> None:
    cells = [cell for cell, _ in rendered_cells[:3]]
    file = stack(tmp_path / "cells.tif", cells)
    output = tmp_path / "cells.csv"
    assert run("classify", file, "--output", output, monkeypatch=monkeypatch) == 0
    table = rows(output)
    assert [row["path"] for row in table] == [f"{file} page {number}" for number in (1, 2, 3)]
    alone = Classifier.load().predict(cells)
    assert [float(row["parasitized_probability"]) for row in table] == pytest.approx(alone.tolist(), abs=1e-5)
    assert run("explain", file, "--output", tmp_path / "why.png", monkeypatch=monkeypatch) == 0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One photograph among what must not vanish without a word."""
    folder = tmp_path / "slide"
    folder.mkdir()
    Image.fromarray(FIELDS[0]).save(folder / "field.png")
    (folder / "lost.png").symlink_to(tmp_path / "nowhere.png")
    (tmp_path / "other").mkdir()
    Image.fromarray(FIELDS[1]).save(tmp_path / "other" / "linked.png")
    (folder / "more").symlink_to(tmp_path / "other")
    packed = io.BytesIO()
    Image.fromarray(FIELDS[2]).save(packed, "PNG")
    with zipfile.ZipFile(folder / "packed.zip", "w") as archive:
        archive.writestr("field.png", packed.getvalue())
        archive.writestr("broken.zip", b"no archive")
    return folder


RIGHT = {
    "field.png": "",
    "lost.png": "a link to a file that is not there",
    "more/linked.png": "",
    "packed.zip/broken.zip": "not a zip archive",
    "packed.zip/field.png": "",
}


def test_analyze_counts_or_names_everything(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("analyze", folder, "--output", tmp_path / "out", monkeypatch=monkeypatch) == 1
    written = json.loads((tmp_path / "out" / "slide.json").read_text("utf-8"))
    assert len(written["fields"]) == len(RIGHT)
    for field, (name, reason) in zip(written["fields"], RIGHT.items(), strict=True):
        assert name.endswith(Path(field["name"]).name)
        assert bool(reason) == bool(field["error"])
        assert reason in (field["error"] or "")


def test_classify_counts_or_names_everything(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = tmp_path / "cells.csv"
    assert run("classify", folder, "--output", output, monkeypatch=monkeypatch) == 1
    assert [row["path"] for row in rows(output)] == [f"{folder}/{name}" for name in RIGHT]
    for row, reason in zip(rows(output), RIGHT.values(), strict=True):
        assert reason in row["error"]
        assert bool(reason) == bool(row["error"])


def test_a_page_is_named_after_its_file() -> None:
    assert Page(ImageFile(Path("a/stack.tif")), 2).name.endswith("stack.tif page 2")


@pytest.mark.parametrize("name", ["p5528.png", "p7839_rational_make.jpg", "png_exif_junk.png", "webp_exif_junk.webp"])
def test_a_field_with_odd_exif_is_counted(name: str, classifier: Classifier) -> None:
    field = analyze_field(shared_path(f"cases/odd_exif/{name}"), classifier)
    assert field.error is None
    assert field.counted > 50
