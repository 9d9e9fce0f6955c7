import pytest

from annotation_files import COCO, VOC, write
from plasmoscope.errors import PlasmoscopeError
from plasmoscope.evaluation.boxes import BoxesError, TrueBox, read_centres, read_coco, read_voc, read_yolo
from plasmoscope.imaging.sources import ImageFile


def test_voc_boxes_are_read_in_pixels(tmp_path):
    found = read_voc(write(tmp_path / "a.xml", VOC))
    assert not found.faults
    assert found.boxes == (TrueBox("RBC", (346, 361, 100, 93)), TrueBox("WBC", (68.5, 315, 217.5, 165)))


def test_yolo_boxes_are_scaled_to_the_image_and_named(tmp_path):
    file = write(tmp_path / "a.txt", "0 0.5 0.5 0.25 0.5\n\n4 0.1 0.2 0.2 0.4")
    first, second = read_yolo(file, (640, 480), {0: "parasite"}).boxes
    assert first == TrueBox("parasite", (240, 120, 160, 240))
    assert (second.label, second.difficult) == ("4", False)
    assert second.box == pytest.approx((0, 0, 128, 192))


def test_an_empty_yolo_file_means_that_nothing_is_there(tmp_path):
    assert read_yolo(write(tmp_path / "a.txt", ""), (640, 480)) == ((), ())


def test_coco_boxes_are_read_by_file_name(tmp_path):
    boxes, faults = read_coco(write(tmp_path / "a.json", COCO))
    assert not faults
    assert boxes == {"train/a.png": (TrueBox("parasite", (1, 2, 3, 4.5)),), "b.png": ()}


def test_a_box_without_area_annotates_nothing(tmp_path):
    assert len(read_voc(write(tmp_path / "a.xml", VOC.replace("446", "346"))).boxes) == 1
    assert read_yolo(write(tmp_path / "a.txt", "0 0.5 0.5 0 0.5"), (10, 10)) == ((), ())


def test_boxes_that_their_annotator_was_not_sure_of_are_marked(tmp_path):
    voc = VOC.replace("<name>RBC</name>", "<name>RBC</name><difficult>1</difficult>")
    voc = voc.replace("<name>WBC</name>", "<name>WBC</name><difficult>0</difficult>")
    assert [box.difficult for box in read_voc(write(tmp_path / "a.xml", voc)).boxes] == [True, False]
    crowd = {**COCO["annotations"][0], "iscrowd": 1}
    coco = {**COCO, "annotations": [*COCO["annotations"], crowd]}
    boxes, _ = read_coco(write(tmp_path / "a.json", coco))
    assert [box.difficult for box in boxes["train/a.png"]] == [False, True]


def test_a_table_of_centres_is_read_by_image(tmp_path):
    table = "class,x,y,image\r\n3,10,20.5,a.png\r\n0,1,2,b\\c.png\r\n0,many,2,a.png\r\n0,3\r\n"
    centres, faults = read_centres(write(tmp_path / "a.csv", table, "utf-8-sig"))
    assert centres == {
        "a.png": (TrueBox("red cell", (10, 20.5, 0, 0)),),
        "b/c.png": (TrueBox("red cell", (1, 2, 0, 0)),),
    }
    assert all(found.is_centre for found in centres["a.png"])
    assert [fault.where.rsplit(", ", 1)[1] for fault in faults] == ["row 3", "row 4"]
    with pytest.raises(BoxesError, match="columns image, x and y"):
        read_centres(write(tmp_path / "b.csv", "x,y\n1,2\n"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("<annotation><object>", "not XML"),
        ("", "empty|not XML"),
        ("<html></html>", "begins with <html>"),
        ('<!DOCTYPE a [<!ENTITY e "boom">]><annotation>&e;</annotation>', "not XML"),
    ],
)
def test_what_is_no_voc_file_is_refused(tmp_path, content, message):
    with pytest.raises(BoxesError, match=message):
        read_voc(write(tmp_path / "a.xml", content))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (VOC.replace("<name>RBC</name>", ""), "has no <name>"),
        (VOC.replace("<xmax>446</xmax>", ""), "'RBC' has no box"),
        (VOC.replace("446", "many"), "'RBC' has no box"),
        (VOC.replace("446", ""), "'RBC' has no box"),
        (VOC.replace("446", "nan"), "is no box"),
        (VOC.replace("446", "300"), "end lies before its start"),
    ],
)
def test_one_bad_object_of_a_voc_file_is_named_and_the_rest_is_read(tmp_path, content, reason):
    found = read_voc(write(tmp_path / "a.xml", content))
    assert [box.label for box in found.boxes] == ["WBC"]
    (fault,) = found.faults
    assert fault.where == f"{tmp_path / 'a.xml'}, object 1"
    assert reason in fault.reason


@pytest.mark.parametrize(
    "line",
    [
        "0 0.5 0.5 0.2",
        "cell 0.5 0.5 0.2 0.2",
        "0 0.5 0.5 0.2 x",
        "0 1.5 0.5 0.2 0.2",
        "0 nan 0 0 0",
        "0",
        "0 0.1 0.1 0.2 0.2 0.9",
        "0 0.1 0.1 0.2 0.2 0.3 0.3 0.4",
    ],
)
def test_one_bad_line_of_a_yolo_file_is_named_and_the_rest_is_read(tmp_path, line):
    found = read_yolo(write(tmp_path / "a.txt", f"0 0.5 0.5 0.2 0.2\n{line}\n1 0.5 0.5 0.2 0.2"), (640, 480))
    assert [box.label for box in found.boxes] == ["0", "1"]
    (fault,) = found.faults
    assert fault.where == f"{tmp_path / 'a.txt'}, line 2"


def test_a_share_that_is_rounded_past_the_edge_is_the_edge(tmp_path):
    found = read_yolo(write(tmp_path / "a.txt", "0 0.5 0.5 1.0004 1\n0 1.0004 0.5 0.2 -0.0"), (100, 100))
    assert found == ((TrueBox("0", (0, 0, 100, 100)),), ())
    assert read_yolo(write(tmp_path / "a.txt", "0 0.5 0.5 1.02 1"), (100, 100)).faults


def test_segments_are_the_boxes_around_them(tmp_path):
    yolo = write(tmp_path / "a.txt", "0 0.1 0.5 0.3 0.2 0.5 0.6\n1 0.1 0.1 0.3 0.1 0.3 0.2 0.1 0.2")
    assert [pytest.approx(box) for _, box, _ in read_yolo(yolo, (100, 200)).boxes] == [
        (10, 40, 40, 80),
        (10, 20, 20, 20),
    ]
    points = "<polygon><x1>10</x1><y1>50</y1><x2>30</x2><y2>20</y2><x3>50</x3><y3>60</y3></polygon>"
    nested = "<polygon><pt><x>10</x><y>50</y></pt><pt><x>30</x><y>20</y></pt><pt><x>50</x><y>60</y></pt></polygon>"
    for corners in (points, nested):
        voc = f"<annotation><object><name>a</name>{corners}</object></annotation>"
        assert read_voc(write(tmp_path / "a.xml", voc)) == ((TrueBox("a", (10, 20, 40, 40)),), ())
    segment = {"image_id": 7, "category_id": 1, "bbox": [], "segmentation": [[10, 50, 30, 20], [50, 60]]}
    boxes, faults = read_coco(write(tmp_path / "a.json", COCO | {"annotations": [segment]}))
    assert boxes["train/a.png"] == (TrueBox("parasite", (10, 20, 40, 40)),)
    assert not faults


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_harms_no_annotation(tmp_path, encoding):
    assert len(read_voc(write(tmp_path / "a.xml", VOC, encoding)).boxes) == 2
    assert len(read_coco(write(tmp_path / "a.json", COCO, encoding))[0]["train/a.png"]) == 1
    found = read_yolo(write(tmp_path / "a.txt", "0 0.5 0.5 0.2 0.2", encoding), (10, 10))
    assert (len(found.boxes), found.faults) == (1, ())


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({"image_id": 7, "category_id": 1, "bbox": [1, 2, 3]}, "3 numbers"),
        ({"image_id": 9, "category_id": 1, "bbox": [1, 2, 3, 4]}, "does not list"),
        ({"image_id": 7, "category_id": 1, "bbox": [1, 2, -3, 4]}, "is no box"),
        ({"image_id": 7, "category_id": 1, "bbox": []}, "neither a box nor a segment"),
        ({"image_id": 7, "category_id": 1, "segmentation": {"counts": "x", "size": [3, 3]}}, "neither a box"),
        ({"image_id": 7, "category_id": 1, "segmentation": [["a", "b"]]}, "no list of corners"),
        ({"image_id": 7, "bbox": [1, 2, 3, 4]}, "category_id"),
        (None, "dictionary"),
    ],
)
def test_one_bad_annotation_of_a_coco_file_is_named_and_the_rest_is_read(tmp_path, bad, reason):
    changed = COCO | {"annotations": [bad, *COCO["annotations"]]}
    boxes, (fault,) = read_coco(write(tmp_path / "a.json", changed))
    assert len(boxes["train/a.png"]) == 1
    assert fault.where == f"{tmp_path / 'a.json'}, annotation 1"
    assert reason in fault.reason


def test_an_image_that_a_coco_file_lists_twice_is_named_and_left_out(tmp_path):
    images = [*COCO["images"], {"id": 9, "file_name": "b.png"}]
    boxes, (fault,) = read_coco(write(tmp_path / "a.json", COCO | {"images": images}))
    assert list(boxes) == ["train/a.png"]
    assert "b.png" in fault.where
    boxes, (fault,) = read_coco(write(tmp_path / "a.json", COCO | {"images": [*COCO["images"], {"id": "x"}]}))
    assert len(boxes) == 2
    assert fault.where.endswith("image 3")


def test_what_is_no_coco_file_or_no_text_is_refused(tmp_path):
    with pytest.raises(BoxesError, match="not a COCO annotation"):
        read_coco(write(tmp_path / "a.json", "{"))
    with pytest.raises(BoxesError, match="images"):
        read_coco(write(tmp_path / "a.json", COCO | {"images": None}))
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PlasmoscopeError, match="UTF-8"):
        read_yolo(ImageFile(tmp_path / "a.txt"), (4, 4))
    with pytest.raises(BoxesError, match="cannot be opened"):
        read_voc(ImageFile(tmp_path / "missing.xml"))
