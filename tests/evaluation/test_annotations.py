"""Annotations and the images that they belong to."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from annotation_files import COCO, VOC, write
from plasmoscope.evaluation.annotations import read_annotations
from plasmoscope.evaluation.boxes import BoxesError, TrueBox
from plasmoscope.imaging.pages import with_pages
from plasmoscope.imaging.sources import ImageFile, Readable

MIDDLE = "1 0.5 0.5 0.5 0.5"


def pictures(folder: Path, *names: str) -> dict[str, Readable]:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((30, 40, 3), np.uint8)).save(folder / name)
    return {name: ImageFile(folder / name) for name in names}


def test_a_folder_of_annotations_is_matched_to_the_images_by_name(tmp_path):
    images = pictures(tmp_path, "a.png", "b.avif", "c.png")
    write(tmp_path / "a.xml", VOC)
    write(tmp_path / "b.TXT", MIDDLE)
    write(tmp_path / "d.xml", VOC)
    (tmp_path / "._c.xml").write_bytes(b"what a Mac leaves beside a file")
    write(tmp_path / "classes.txt", "parasite\r\nwhite_cell\r\n", "utf-8-sig")
    found = read_annotations(images, tmp_path)
    assert list(found.boxes) == ["a.png", "b.avif"]
    assert found.boxes["b.avif"] == (TrueBox("white_cell", (10, 7.5, 20, 15)),)
    assert (found.faults, found.unused) == ((), (str(tmp_path / "d.xml"),))
    assert read_annotations(images, tmp_path, {1: "wbc"}).boxes["b.avif"][0].label == "wbc"


def test_class_names_hold_for_the_folders_below_them(tmp_path):
    images = pictures(tmp_path / "images", "a.png")
    (tmp_path / "labels").mkdir()
    write(tmp_path / "classes.txt", "parasite\nwhite_cell")
    write(tmp_path / "labels" / "a.txt", MIDDLE)
    assert read_annotations(images, tmp_path / "labels").boxes["a.png"][0].label == "white_cell"


def test_a_single_file_annotates_the_image_of_its_name_or_those_it_lists(tmp_path):
    images = pictures(tmp_path, "a.png", "b.png", "c.png")
    assert list(read_annotations(images, write(tmp_path / "b.txt", "").path).boxes) == ["b.png"]
    assert list(read_annotations(images, write(tmp_path / "all.json", COCO).path).boxes) == ["a.png", "b.png"]
    centres = read_annotations(images, write(tmp_path / "all.csv", "image,x,y\nc.png,1,2\nd.png,1,2\n").path)
    assert (list(centres.boxes), centres.unused) == (["c.png"], ("d.png",))


def test_what_label_studio_puts_before_a_name_is_no_part_of_it(tmp_path):
    images = pictures(tmp_path, "field 1 (a).png", "b.png", "3f2a1b9c-c.png")
    labels = tmp_path / "labels"
    labels.mkdir()
    write(labels / "0a1b2c3d-field_1_a.txt", MIDDLE)
    write(labels / "8badf00d-b.xml", VOC)
    write(labels / "3f2a1b9c-c.txt", MIDDLE)
    assert list(read_annotations(images, labels).boxes) == list(images)
    listed = [{"id": 7, "file_name": "images\\8badf00d-b.png"}, {"id": 8, "file_name": "upload/0a1b2c3d-field_1_a.png"}]
    coco = write(tmp_path / "all.json", COCO | {"images": listed})
    assert list(read_annotations(images, coco.path).boxes) == ["field 1 (a).png", "b.png"]


def test_images_of_one_name_go_by_their_folders(tmp_path):
    images = pictures(tmp_path / "images", "train/a.png", "test/a.png")
    for part in ("train", "test"):
        (tmp_path / "labels" / part).mkdir(parents=True)
        write(tmp_path / "labels" / part / "a.txt", MIDDLE if part == "train" else "")
    found = read_annotations(images, tmp_path / "labels")
    assert [len(boxes) for boxes in found.boxes.values()] == [1, 0]
    listed = [{"id": 7, "file_name": "train/a.png"}, {"id": 8, "file_name": "test/a.png"}]
    found = read_annotations(images, write(tmp_path / "all.json", COCO | {"images": listed}).path)
    assert [len(boxes) for boxes in found.boxes.values()] == [1, 0]


def test_where_it_cannot_be_told_which_belong_together_they_are_named(tmp_path):
    images = pictures(tmp_path, "a.png", "b.png", "x/c.png", "y/c.png")
    for name in ("a.xml", "b.xml"):
        write(tmp_path / name, VOC)
    write(tmp_path / "a.txt", "")
    write(tmp_path / "c.txt", MIDDLE)
    found = read_annotations(images, tmp_path)
    assert list(found.boxes) == ["b.png"]
    reasons = dict(found.faults)
    assert "both annotate it" in reasons["a.png"]
    assert "another image too" in reasons["x/c.png"]
    assert "another image too" in reasons["y/c.png"]


def test_a_broken_annotation_or_image_is_named_and_the_rest_is_read(tmp_path):
    images = pictures(tmp_path, "a.png", "b.png", "c.png")
    write(tmp_path / "a.xml", "<annotation><object>")
    write(tmp_path / "b.txt", f"{MIDDLE}\n1 2 3")
    write(tmp_path / "c.txt", MIDDLE)
    (tmp_path / "c.png").write_bytes(b"no picture")
    found = read_annotations(images, tmp_path)
    assert len(found.boxes["b.png"]) == 1
    assert list(found.boxes) == ["b.png"]
    assert [fault.where for fault in found.faults] == ["a.png", f"{tmp_path / 'b.txt'}, line 2", "c.png"]
    assert "not XML" in found.faults[0].reason
    assert "not an image" in found.faults[2].reason


def test_the_pages_of_a_stack_are_annotated_under_their_own_names(tmp_path):
    tifffile.imwrite(tmp_path / "stack.tif", np.zeros((3, 30, 40, 3), np.uint8), photometric="rgb")
    images = {Path(page.name).name: page for page in with_pages([ImageFile(tmp_path / "stack.tif")])}
    write(tmp_path / "stack.txt", MIDDLE)
    write(tmp_path / "stack page 2.txt", MIDDLE)
    write(tmp_path / "stack.tif page 3.txt", "")
    found = read_annotations(images, tmp_path)
    assert {name: len(boxes) for name, boxes in found.boxes.items()} == {
        "stack.tif page 2": 1,
        "stack.tif page 3": 0,
    }
    assert found.unused == (str(tmp_path / "stack.txt"),)


def test_annotations_may_lie_in_an_archive(tmp_path):
    images = pictures(tmp_path, "a.png")
    with zipfile.ZipFile(tmp_path / "labels.zip", "w") as archive:
        archive.writestr("labels/a.txt", MIDDLE)
        archive.writestr("classes.txt", "parasite\nwhite_cell")
    assert read_annotations(images, tmp_path / "labels.zip").boxes["a.png"][0].label == "white_cell"


def test_annotations_that_fit_no_image_are_refused(tmp_path):
    images = pictures(tmp_path, "a.png")
    with pytest.raises(BoxesError, match="annotates none of the 1 images"):
        read_annotations(images, tmp_path)
    with pytest.raises(BoxesError, match="no file or folder"):
        read_annotations(images, tmp_path / "missing")
    with pytest.raises(BoxesError, match="unknown format"):
        read_annotations(images, write(tmp_path / "a.tsv", "x").path)
    write(tmp_path / "a.xml", VOC)
    write(tmp_path / "a.txt", "")
    with pytest.raises(BoxesError, match="both annotate"):
        read_annotations(images, tmp_path)
