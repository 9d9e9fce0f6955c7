import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from plasmoscope.errors import PlasmoscopeError
from plasmoscope.evaluation.boxes import BoxesError, TrueBox, read_boxes, read_coco, read_voc, read_yolo

VOC = """<annotation><filename>other.jpg</filename><size><width>640</width><height>480</height></size>
<object><name>RBC</name><bndbox><xmin>346</xmin><ymin>361</ymin><xmax>446</xmax><ymax>454</ymax></bndbox></object>
<object><name>WBC</name><bndbox><xmin>68.5</xmin><ymin>315</ymin><xmax>286</xmax><ymax>480</ymax></bndbox></object>
</annotation>"""
COCO = {
    "info": {"year": 2024},
    "images": [{"id": 7, "file_name": "train/a.png", "width": 40, "height": 30}, {"id": 8, "file_name": "b.png"}],
    "categories": [{"id": 1, "name": "parasite"}],
    "annotations": [{"id": 1, "image_id": 7, "category_id": 1, "bbox": [1, 2, 3, 4.5], "area": 13.5}],
}


def write(file: Path, content: object) -> Path:
    file.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return file


def picture(file: Path, width: int = 40, height: int = 30) -> Path:
    Image.fromarray(np.zeros((height, width, 3), np.uint8)).save(file)
    return file


def test_voc_boxes_are_read_in_pixels(tmp_path):
    boxes = read_voc(write(tmp_path / "a.xml", VOC))
    assert boxes == (TrueBox("RBC", (346, 361, 100, 93)), TrueBox("WBC", (68.5, 315, 217.5, 165)))


def test_yolo_boxes_are_scaled_to_the_image_and_named(tmp_path):
    file = write(tmp_path / "a.txt", "0 0.5 0.5 0.25 0.5\n\n4 0.1 0.2 0.2 0.4")
    assert read_yolo(file, (640, 480), {0: "parasite"}) == (
        TrueBox("parasite", (240, 120, 160, 240)),
        TrueBox("4", pytest.approx((0, 0, 128, 192))),
    )


def test_an_empty_yolo_file_means_that_nothing_is_there(tmp_path):
    assert read_yolo(write(tmp_path / "a.txt", ""), (640, 480)) == ()


def test_coco_boxes_are_read_by_file_name(tmp_path):
    boxes = read_coco(write(tmp_path / "a.json", COCO))
    assert boxes == {"a.png": (TrueBox("parasite", (1, 2, 3, 4.5)),), "b.png": ()}


def test_a_box_without_area_annotates_nothing(tmp_path):
    assert len(read_voc(write(tmp_path / "a.xml", VOC.replace("446", "346")))) == 1
    assert read_yolo(write(tmp_path / "a.txt", "0 0.5 0.5 0 0.5"), (10, 10)) == ()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("<annotation><object>", "not XML"),
        ("", "empty|not XML"),
        ("<html></html>", "begins with <html>"),
        (VOC.replace("<name>RBC</name>", ""), "object 1 has no <name>"),
        (VOC.replace("<xmax>446</xmax>", ""), "object 1 has no number as <xmax>"),
        (VOC.replace("446", "many"), "no number as <xmax>"),
        (VOC.replace("446", "nan"), "object 1 .* no box"),
        (VOC.replace("446", "300"), "object 1 .* no box"),
        ('<!DOCTYPE a [<!ENTITY e "boom">]><annotation>&e;</annotation>', "not XML"),
    ],
)
def test_a_malformed_voc_file_is_refused_with_what_is_wrong(tmp_path, content, message):
    with pytest.raises(BoxesError, match=message):
        read_voc(write(tmp_path / "a.xml", content))


@pytest.mark.parametrize(
    "line", ["0 0.5 0.5 0.2", "cell 0.5 0.5 0.2 0.2", "0 0.5 0.5 0.2 x", "0 1.5 0.5 0.2 0.2", "0 nan 0 0 0"]
)
def test_a_malformed_yolo_line_is_named(tmp_path, line):
    with pytest.raises(BoxesError, match="line 2"):
        read_yolo(write(tmp_path / "a.txt", f"0 0.5 0.5 0.2 0.2\n{line}"), (640, 480))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": None}, "images"),
        ({"annotations": [{"image_id": 7, "category_id": 1, "bbox": [1, 2, 3]}]}, "bbox"),
        ({"annotations": [{"image_id": 9, "category_id": 1, "bbox": [1, 2, 3, 4]}]}, "does not list"),
        ({"annotations": [{"image_id": 7, "category_id": 1, "bbox": [1, 2, -3, 4]}]}, "annotation 1 .* no box"),
        ({"images": [{"id": 7, "file_name": "x/a.png"}, {"id": 8, "file_name": "y/a.png"}]}, "two images"),
    ],
)
def test_a_malformed_coco_file_is_refused_with_what_is_wrong(tmp_path, change, message):
    with pytest.raises(BoxesError, match=message):
        read_coco(write(tmp_path / "a.json", COCO | change))


def test_what_is_no_json_or_no_text_is_refused(tmp_path):
    with pytest.raises(BoxesError, match="not a COCO annotation"):
        read_coco(write(tmp_path / "a.json", "{"))
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PlasmoscopeError, match="UTF-8"):
        read_yolo(tmp_path / "a.txt", (4, 4))
    with pytest.raises(BoxesError, match="cannot be opened"):
        read_voc(tmp_path / "missing.xml")


def test_a_folder_of_annotations_is_matched_to_the_images_by_name(tmp_path):
    images = [picture(tmp_path / name) for name in ("a.png", "b.png", "c.png")]
    write(tmp_path / "a.xml", VOC)
    write(tmp_path / "b.txt", "1 0.5 0.5 0.5 0.5")
    write(tmp_path / "classes.txt", "parasite\r\nwhite_cell\r\n")
    found = read_boxes(images, tmp_path)
    assert list(found) == images[:2]
    assert found[images[1]] == (TrueBox("white_cell", (10, 7.5, 20, 15)),)
    assert read_boxes(images, tmp_path, {1: "wbc"})[images[1]][0].label == "wbc"


def test_a_single_file_annotates_the_image_of_its_name_or_those_it_lists(tmp_path):
    images = [picture(tmp_path / name) for name in ("a.png", "b.png", "c.png")]
    assert list(read_boxes(images, write(tmp_path / "b.txt", ""))) == [images[1]]
    assert list(read_boxes(images, write(tmp_path / "all.json", COCO))) == images[:2]


def test_annotations_that_fit_no_image_are_refused(tmp_path):
    image = picture(tmp_path / "a.png")
    with pytest.raises(BoxesError, match="annotates none of the 1 images"):
        read_boxes([image], tmp_path)
    with pytest.raises(BoxesError, match="no file or folder"):
        read_boxes([image], tmp_path / "missing")
    with pytest.raises(BoxesError, match="unknown format"):
        read_boxes([image], write(tmp_path / "a.csv", "x"))
    write(tmp_path / "a.xml", VOC)
    write(tmp_path / "a.txt", "")
    with pytest.raises(BoxesError, match="both annotate"):
        read_boxes([image], tmp_path)
