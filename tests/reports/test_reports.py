import csv
import html
import io
import json
import re
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import ExifTags, Image

from pdf_texts import texts_of_pdf
from plasmoscope.analysis.calls import INFECTED, drawn_as
from plasmoscope.analysis.counting import NOT_MEASURED, count_slide, red_cell_count
from plasmoscope.analysis.notes import notes_on
from plasmoscope.analysis.quality import WARNINGS
from plasmoscope.analysis.results import Count, Field, Outline, Slide
from plasmoscope.classification.card import ModelCard
from plasmoscope.classification.classifier import Use, find_model
from plasmoscope.i18n.languages import ENGLISH
from plasmoscope.i18n.sentences import SENTENCES
from plasmoscope.i18n.words import english, without_marks
from plasmoscope.imaging.reading import read_image, stored_orientation
from plasmoscope.imaging.samples import turned_upright
from plasmoscope.messages import RESEARCH_USE, message
from plasmoscope.networks import read_network
from plasmoscope.reports import fonts as fonts_module
from plasmoscope.reports import pdf as pdf_module
from plasmoscope.reports.bundle import field_stem, write_slide
from plasmoscope.reports.field_pictures import annotated_field, cell_crop
from plasmoscope.reports.fonts import showable
from plasmoscope.reports.formats import FORMATS
from plasmoscope.reports.html import slide_html
from plasmoscope.reports.illustrations import Illustrations, encode_jpeg, encode_png, fields_to_show
from plasmoscope.reports.interchange import coco_json, geojson, imagej_rois
from plasmoscope.reports.output import OutputError
from plasmoscope.reports.pdf import slide_pdf
from plasmoscope.reports.slide_json import SlideFileError, read_slide, slide_json, slide_schema
from plasmoscope.reports.tables import cells_csv, fields_csv
from plasmoscope.reports.wording import Line, ReportWords
from slides import CARE, refused, rendered_field, slide_of, warned

IMAGE, FIELD = rendered_field()
_, CLEAN = rendered_field("clean.png", parasitaemia=0.0)
UNREADABLE = Field(
    name="cut.png",
    sha256="",
    width=0,
    height=0,
    cell_diameter=None,
    checks=(),
    accepted=False,
    error="cut.png ends early; copy it from the camera again.",
)
WORDS = ReportWords(ENGLISH)
HEAPS = message("cells_in_heaps")
MANY = [FIELD.model_copy(update={"name": f"{number}.png"}) for number in range(60)]


def images(field: Field) -> np.ndarray:
    assert field.error is None
    return IMAGE


def pages(pdf: bytes) -> int:
    return len(re.findall(rb"/Type /Page\b(?!s)", pdf))


# Pictures


def test_a_called_cell_is_outlined_in_its_colour_and_the_picture_keeps_its_width() -> None:
    drawn = annotated_field(IMAGE, FIELD)
    cell = next(cell for cell in FIELD.cells if cell.counted and cell.parasitized)
    x, y = cell.outline[len(cell.outline) // 2]
    assert np.abs(drawn[y, x].astype(int) - INFECTED.colour).max() < 30
    assert drawn.shape[1] == FIELD.width
    assert drawn.shape[0] > FIELD.height
    assert not np.shares_memory(drawn, IMAGE)


def test_the_photograph_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="480 x 360"):
        annotated_field(IMAGE[:-1], FIELD)


def test_a_crop_is_black_outside_the_cell() -> None:
    cell = next(cell for cell in FIELD.cells if cell.counted)
    crop = cell_crop(IMAGE, cell)
    assert crop.shape == (cell.box[3], cell.box[2], 3)
    assert not crop[0, 0].any()
    assert crop[crop.shape[0] // 2, crop.shape[1] // 2].any()


def test_pictures_carry_nothing_but_pixels() -> None:
    with Image.open(io.BytesIO(encode_jpeg(IMAGE))) as picture:
        assert not picture.getexif()


# Tables and files for other programs


def test_the_table_of_cells_adds_up_to_the_count() -> None:
    slide = slide_of(FIELD, refused(CLEAN))
    rows = list(csv.DictReader(io.StringIO(cells_csv(slide).lstrip("\ufeff"))))
    counted = [row for row in rows if row["counted"] == "yes"]
    assert len(rows) == len(FIELD.cells) + len(CLEAN.cells)
    assert len(counted) == slide.count.counted
    assert sum(row["call"] == "parasitized" for row in counted) == slide.count.infected


def test_the_table_of_fields_says_why_one_was_not_counted() -> None:
    rows = list(csv.DictReader(io.StringIO(fields_csv(slide_of(FIELD, refused(CLEAN), UNREADABLE)).lstrip("\ufeff"))))
    assert [row["accepted"] for row in rows] == ["yes", "no", "no"]
    assert "Out of focus" in rows[1]["reason"]
    assert "ends early" in rows[2]["reason"]


def test_the_table_of_fields_and_the_json_say_what_to_read_with_care(tmp_path: Path) -> None:
    slide = slide_of(FIELD, warned(FIELD), warned(refused(FIELD)))
    rows = list(csv.DictReader(io.StringIO(fields_csv(slide).lstrip("\ufeff"))))
    assert [CARE[1:] in row["reason"] for row in rows] == [False, True, False]
    assert rows[1]["reason"].startswith("Read with care: The cells")
    assert rows[1]["accepted"] == "yes"
    (tmp_path / "slide.json").write_text(slide_json(slide), "utf-8")
    assert [field.warnings for field in read_slide(tmp_path / "slide.json").fields] == [(), (HEAPS,), (HEAPS,)]


def test_files_from_before_the_gate_warned_are_read(tmp_path: Path) -> None:
    said = json.loads(slide_json(slide_of(FIELD)))
    for check in said["fields"][0]["checks"]:
        del check["warning"]
    (tmp_path / "slide.json").write_text(json.dumps(said), "utf-8")
    assert read_slide(tmp_path / "slide.json").fields[0].warnings == ()


def test_coco_polygons_lie_in_their_picture_and_enclose_the_cell() -> None:
    coco = json.loads(coco_json(slide_of(UNREADABLE, FIELD, CLEAN)))
    sizes = {image["id"]: (image["width"], image["height"]) for image in coco["images"]}
    assert len(coco["annotations"]) == len(FIELD.cells) + len(CLEAN.cells)
    assert len({annotation["id"] for annotation in coco["annotations"]}) == len(coco["annotations"])
    names = {category["id"]: category["name"] for category in coco["categories"]}
    for annotation in coco["annotations"]:
        (ring,) = annotation["segmentation"]
        points = np.array(ring).reshape(-1, 2)
        assert (points >= 0).all()
        assert (points <= sizes[annotation["image_id"]]).all()
        assert cv2.contourArea(points.astype(np.float32)) <= annotation["bbox"][2] * annotation["bbox"][3]
        assert ("score" in annotation) == (
            names[annotation["category_id"]]
            in {
                "parasitized_red_cell",
                "uninfected_red_cell",
            }
        )


def test_geojson_rings_are_closed_and_its_identifiers_differ() -> None:
    features = json.loads(geojson(FIELD))["features"]
    assert len({feature["id"] for feature in features}) == len(FIELD.cells)
    for feature, cell in zip(features, FIELD.cells, strict=True):
        (ring,) = feature["geometry"]["coordinates"]
        assert ring[0] == ring[-1]
        assert len(ring) >= 4
        assert feature["properties"]["classification"]["name"] == drawn_as(cell).name


def test_imagej_reads_every_outline_back(tmp_path: Path) -> None:
    from roifile import roiread

    file = tmp_path / "rois.zip"
    file.write_bytes(imagej_rois(FIELD))
    rois = roiread(file)
    assert isinstance(rois, list)
    assert len(rois) == len(FIELD.cells)
    number = next(index for index, cell in enumerate(FIELD.cells) if cell.parasitized)
    cell, roi = FIELD.cells[number], rois[number]
    assert roi.name == f"{cell.number:04d} parasitized {cell.parasitized_probability:.2f}"
    assert roi.stroke_color == bytes((255, *INFECTED.colour))
    np.testing.assert_array_equal(roi.coordinates()[: len(cell.outline)], cell.outline)


def test_what_is_not_counted_is_no_training_cell_in_coco() -> None:
    infected = next(cell for cell in FIELD.cells if cell.parasitized)
    cut = replace(infected, number=99, on_border=True)
    field = FIELD.model_copy(update={"cells": (*FIELD.cells, cut)})
    twin = FIELD.model_copy(update={"name": "twin.png", "accepted": False, "duplicate_of": FIELD.name})
    coco = json.loads(coco_json(slide_of(field, refused(CLEAN), twin)))
    names = {category["id"]: category["name"] for category in coco["categories"]}
    assert [image["counted"] for image in coco["images"]] == [True, False, False]
    assert "Out of focus" in coco["images"][1]["reason"]
    trained = [one for one in coco["annotations"] if not one["iscrowd"]]
    assert {one["image_id"] for one in trained} == {1}
    classes = [names[one["category_id"]] for one in trained]
    assert classes.count("parasitized_red_cell") == FIELD.infected
    assert classes.count("uninfected_red_cell") == FIELD.counted - FIELD.infected
    passed_over = [one for one in coco["annotations"] if one["iscrowd"]]
    # A reader that heeds no flag learns no parasite from them either.
    assert not {"parasitized_red_cell", "uninfected_red_cell"} & {names[one["category_id"]] for one in passed_over}
    assert all(one["ignore"] == 1 and not one["attributes"]["counted"] and "score" not in one for one in passed_over)
    assert 99 in {one["attributes"]["number"] for one in passed_over}


def test_objects_of_a_refused_photograph_are_not_of_the_counted_classes() -> None:
    features = json.loads(geojson(refused(FIELD)))["features"]
    names = [feature["properties"]["classification"]["name"] for feature in features]
    assert names == [f"photograph not counted: {drawn_as(cell).name}" for cell in FIELD.cells]
    with zipfile.ZipFile(io.BytesIO(imagej_rois(refused(FIELD)))) as archive:
        assert all(name.endswith(" (photograph not counted).roi") for name in archive.namelist())


@pytest.mark.parametrize("orientation", range(1, 9))
def test_qupath_and_fiji_get_coordinates_of_the_stored_pixels_and_coco_of_the_upright_ones(
    orientation: int, tmp_path: Path
) -> None:
    from roifile import roiread

    inverse = {6: 8, 8: 6}.get(orientation, orientation)
    stored = turned_upright(IMAGE, inverse)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    Image.fromarray(stored).save(tmp_path / "field.png", exif=exif)
    assert (read_image(tmp_path / "field.png") == IMAGE).all()
    field = FIELD.model_copy(update={"orientation": stored_orientation((tmp_path / "field.png").read_bytes())})
    assert field.orientation == orientation
    collection = json.loads(geojson(field))
    (tmp_path / "rois.zip").write_bytes(imagej_rois(field))
    rois = roiread(tmp_path / "rois.zip")
    assert isinstance(rois, list)
    coco = json.loads(coco_json(slide_of(field)))
    for cell, feature, roi, annotation in zip(
        FIELD.cells, collection["features"], rois, coco["annotations"], strict=True
    ):
        (ring,) = feature["geometry"]["coordinates"]
        corners = [tuple(corner) for corner in ring[:-1]]
        assert [tuple(corner) for corner in np.asarray(roi.coordinates()).tolist()] == corners
        assert [tuple(stored[y, x]) for x, y in corners] == [tuple(IMAGE[y, x]) for x, y in cell.outline]
        assert np.array(annotation["segmentation"][0]).reshape(-1, 2).tolist() == [list(one) for one in cell.outline]
        assert f"orientation {orientation}, not applied" in roi.props
    assert f"orientation {orientation}, not applied" in collection["pixels"]
    assert "orientation applied" in coco["info"]["pixels"]
    assert coco["images"][0]["exif_orientation"] == orientation


def test_a_speck_on_a_turned_photograph_becomes_its_box_there() -> None:
    speck = replace(FIELD.cells[0], outline=Outline([(479, 0)]), box=(479, 0, 1, 1))
    field = FIELD.model_copy(update={"cells": (speck,), "orientation": 6})
    assert json.loads(geojson(field))["features"][0]["geometry"]["coordinates"] == [
        [[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]
    ]


def test_coordinates_of_earlier_results_are_said_to_be_upright() -> None:
    assert "orientation applied" in json.loads(geojson(FIELD))["pixels"]


def test_an_outline_without_area_becomes_its_box() -> None:
    speck = replace(FIELD.cells[0], outline=Outline([(5, 5)]), box=(5, 5, 1, 1))
    field = FIELD.model_copy(update={"cells": (speck,)})
    ring = json.loads(geojson(field))["features"][0]["geometry"]["coordinates"][0]
    assert ring == [[5, 5], [6, 5], [6, 6], [5, 6], [5, 5]]
    annotated_field(IMAGE, field)


def test_a_slide_survives_its_json(tmp_path: Path) -> None:
    slide = slide_of(FIELD, UNREADABLE, patient="محمد")
    file = tmp_path / "slide.json"
    file.write_text(slide_json(slide), "utf-8")
    assert read_slide(file) == slide


def test_an_outline_is_the_path_that_svg_draws_it_by() -> None:
    outline = Outline([(10, 20), (15, 20), (13, 23)])
    assert outline.path == "m10 20 5 0-2 3z"
    assert Outline.from_path("m10 20 5 0-2 3z") == Outline.from_path("m 10 20 5 0 -2 3 z") == outline
    assert Outline([(7, 8)]).path == "m7 8z"


@pytest.mark.parametrize(
    "path", ["", "m", "mz", "m1z", "m1 2 3z", "M1 2z", "m1 2", "m1 2 --3 4z", "m1 2 - 3z", "m1_0 2z", f"m{'9' * 20} 1z"]
)
def test_what_is_no_such_path_is_no_outline(path: str) -> None:
    with pytest.raises(ValueError, match="SVG path"):
        Outline.from_path(path)


def test_outlines_take_little_room_and_each_object_a_line() -> None:
    odd = slide_of(FIELD, patient='{"name":"x"},{"number":1}')
    text = slide_json(odd)
    corners = sum(len(cell.outline) for cell in FIELD.cells)
    assert sum(len(cell.outline.path) for cell in FIELD.cells) < 5 * corners
    assert sum(line.startswith('{"number":') for line in text.splitlines()) == len(FIELD.cells)
    assert Slide.model_validate_json(text) == odd


def test_what_version_1_wrote_is_still_read(tmp_path: Path) -> None:
    content = json.loads(slide_json(slide_of(FIELD)))
    content["schema_version"] = 1
    for written, cell in zip(content["fields"][0]["cells"], FIELD.cells, strict=True):
        written["outline"] = [list(corner) for corner in cell.outline]
    del content["fields"][0]["orientation"]
    file = tmp_path / "slide.json"
    file.write_text(json.dumps(content, indent=2))
    assert read_slide(file) == slide_of(FIELD)
    # As the workstation keeps a field.
    assert Field.model_validate_json(json.dumps(content["fields"][0])) == FIELD


def test_a_file_that_is_no_slide_is_named_with_its_fault(tmp_path: Path) -> None:
    file = tmp_path / "other.json"
    file.write_text(slide_json(slide_of(FIELD)).replace('"schema_version":2', '"schema_version":9'))
    with pytest.raises(SlideFileError, match="schema_version"):
        read_slide(file)
    with pytest.raises(SlideFileError, match="cannot be read"):
        read_slide(tmp_path / "missing.json")


def test_the_documented_schema_is_the_one_written() -> None:
    documented = (Path(__file__).parents[2] / "docs" / "slide.schema.json").read_text("utf-8")
    assert json.loads(documented) == json.loads(slide_schema()), "write plasmoscope.reports.slide_json.slide_schema()"


# Words


def test_a_report_says_whose_infected_cells_its_model_learnt_from_as_the_card_does() -> None:
    own, unknown = slide_of(FIELD, infected_from="from Kisumu's slides of 2025"), slide_of(FIELD)
    said = "The infected cells that its model learnt from are from Kisumu's slides of 2025; expect more mistakes"
    for shown in (html.unescape(slide_html(own, Illustrations())), " ".join(WORDS.limits(own))):
        assert said in " ".join(without_marks(shown).split())
    assert WORDS.limits(unknown)[1].startswith("Expect more mistakes"), "files of earlier versions do not tell"


def test_a_report_says_that_a_probability_is_not_that_of_a_cell_in_blood() -> None:
    assert "as if every second cell held a parasite" in WORDS.method(slide_of(FIELD))


@pytest.mark.parametrize(("use", "others"), [("cells", ""), ("fields", ", but for 144 from elsewhere")])
def test_the_models_that_ship_say_whose_infected_cells_they_learnt_from(use: Use, others: str) -> None:
    card = read_network(find_model(None, use), ModelCard)[1]
    assert card.data.infected_from == f"from one laboratory's slides of one species (NIH, P. falciparum){others}"


def test_without_an_infected_cell_the_headline_is_the_upper_limit() -> None:
    slide = slide_of(CLEAN)
    assert WORDS.headline(slide).startswith("below ")
    assert all(line.value.startswith("below ") for line in WORDS.result_lines(slide.count)[2:])
    assert WORDS.headline(slide_of(refused(FIELD))) == "No result"


def test_percentages_carry_digits_that_mean_something() -> None:
    assert [without_marks(WORDS.percent(value)) for value in (0, 0.0012, 0.05, 0.52, 2.346, 31.23, 99.97)] == [
        "0 %", "0.0012 %", "0.05 %", "0.52 %", "2.35 %", "31.2 %", "100 %",
    ]  # fmt: skip


# What the corrected estimate rests on


def unmeasured() -> Count:
    return count_slide(FIELD.infected, FIELD.counted, red_cell_count(None, None), None)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the PDF shows."""
    texts: list[str] = []

    def noted(text: str, fonts: Any) -> str:
        texts.append(text)
        return showable(text, fonts)

    monkeypatch.setattr(pdf_module, "showable", noted)
    return texts


def test_every_report_says_on_whose_slides_the_figures_hold_where_nothing_was_measured_here(said: list[str]) -> None:
    slide = slide_of(FIELD, count=unmeasured())
    line = WORDS.corrected_line(slide.count)
    assert (line.value, line.remark) == ("not given", english(NOT_MEASURED))
    page = slide_html(slide, Illustrations())
    slide_pdf(slide, Illustrations())
    for shown in (html.unescape(page), "\n".join(said), json.loads(slide_json(slide))["count"]["correction_basis"]):
        assert english(NOT_MEASURED) in shown
    assert "93.2" not in page
    assert json.loads(slide_json(slide))["count"]["corrected"] is None


def test_every_report_says_where_the_errors_were_measured_that_a_count_is_corrected_with(said: list[str]) -> None:
    slide = slide_of(FIELD)
    line = WORDS.corrected_line(slide.count)
    assert line.value == WORDS.percent(slide.count.corrected.value)
    page = slide_html(slide, Illustrations())
    slide_pdf(slide, Illustrations())
    for shown in (html.unescape(page), "\n".join(said)):
        assert without_marks(line.remark) in without_marks(shown)
    assert "on slides of St. Mary, Kisumu" in without_marks(line.remark)


@pytest.mark.parametrize("measured_here", [True, False])
def test_every_report_says_what_its_count_can_tell(said: list[str], measured_here: bool) -> None:
    slide = slide_of(FIELD) if measured_here else slide_of(FIELD, count=unmeasured())
    statement = slide.count.detection.statement
    page = slide_html(slide, Illustrations())
    slide_pdf(slide, Illustrations())
    for shown in (
        html.unescape(page),
        "\n".join(said),
        json.loads(slide_json(slide))["count"]["detection"]["statement"],
    ):
        assert statement in without_marks(shown)


def test_an_earlier_versions_file_without_what_its_count_can_tell_is_read(tmp_path: Path) -> None:
    content = json.loads(slide_json(slide_of(FIELD)))
    del content["count"]["detection"]
    file = tmp_path / "slide.json"
    file.write_text(json.dumps(content))
    slide = read_slide(file)
    assert "can tell" not in slide_html(slide, Illustrations())
    assert slide_pdf(slide, Illustrations())


def test_the_corrected_estimate_of_an_earlier_versions_file_is_not_shown_as_if_it_held_here(tmp_path: Path) -> None:
    content = json.loads(slide_json(slide_of(FIELD)))
    for name in ("performance", "correction_basis", "correction_basis_coded"):
        del content["count"][name]
    content["count"] |= {"sensitivity": 0.9322, "specificity": 0.9943}
    file = tmp_path / "slide.json"
    file.write_text(json.dumps(content))
    slide = read_slide(file)
    assert slide.count.corrected, "nothing that was written is lost"
    assert WORDS.corrected_line(slide.count).value == "not given"


# Whose it is, and who answers for it

OPEN = {
    "status": "open",
    "taken_on": "2026-02-27",
    "site": "Kumasi",
    "preparer": "Esi",
    "microscopist": "Kofi",
    "stain": "Giemsa 3 %",
    "created": "2026-03-01T09:30:00+00:00",
}
SIGNED = OPEN | {"status": "signed", "signed_by": "محمد", "signed_at": "2026-03-01T09:30:00Z"}


@pytest.fixture
def in_nepal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This computer's clock, as far as the test goes."""
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("in_nepal")
def test_a_signed_slide_tells_who_signed_and_when_on_this_computers_clock() -> None:
    slide = slide_of(FIELD, **SIGNED)
    assert without_marks(WORDS.signature(slide)) == "Signed by محمد on 1 Mar 2026, 15:15:00 (UTC+05:45)"
    page = slide_html(slide, Illustrations())
    assert WORDS.signature(slide) in page
    assert "Not signed" not in page
    assert "Report made" not in page


@pytest.mark.usefixtures("in_nepal")
def test_a_draft_says_plainly_that_it_is_not_signed() -> None:
    page = slide_html(slide_of(FIELD, **OPEN), Illustrations())
    assert '<p class="signature">Not signed</p>' in page
    assert "Signed by" not in page
    assert "<dt>Report made</dt><dd><bdi>1 Mar 2026, 15:15:00 (UTC+05:45)</bdi>" in page


def test_a_report_of_the_command_line_has_no_line_for_a_signature() -> None:
    assert WORDS.signature(slide_of(FIELD)) is None
    told = [line.name for line in WORDS.head(slide_of(FIELD, patient=None))]
    assert told == ["Slide", "Patient", "Report made", "Photographs counted"]
    assert "igned" not in slide_html(slide_of(FIELD), Illustrations())


def test_a_time_that_is_none_is_shown_as_it_is() -> None:
    assert Line("Report made", "in spring") in WORDS.head(slide_of(FIELD, created="in spring"))
    assert WORDS.head(slide_of(FIELD, created="2026-03-01T09:30:00")) == WORDS.head(slide_of(FIELD))


def test_page_and_pdf_tell_how_the_slide_was_made(monkeypatch: pytest.MonkeyPatch) -> None:
    for about in (OPEN, SIGNED):
        slide = slide_of(FIELD, **about)
        page = without_marks(slide_html(slide, Illustrations()))
        said = list(map(without_marks, texts_of_pdf(slide, monkeypatch)))
        assert pages(slide_pdf(slide, Illustrations())) == 1
        for text in ("27 Feb 2026", "Kumasi", "Esi", "Kofi", "Giemsa 3 %", without_marks(WORDS.signature(slide))):
            assert text in page
            assert text in said


def test_what_an_earlier_version_wrote_is_still_read(tmp_path: Path) -> None:
    content = json.loads(slide_json(slide_of(FIELD)))
    for name in SIGNED.keys() - {"created"}:
        del content[name]
    file = tmp_path / "slide.json"
    file.write_text(json.dumps(content))
    assert read_slide(file) == slide_of(FIELD)
    file.write_text(slide_json(slide_of(FIELD, **SIGNED)))
    assert read_slide(file) == slide_of(FIELD, **SIGNED)


# HTML


def test_the_page_needs_nothing_outside_itself_and_escapes_what_it_is_given(tmp_path: Path) -> None:
    write_slide(tmp_path, slide_of(FIELD, slide="<script>alert(1)</script>"), images, ["html"])
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    without_pictures = re.sub(r'"data:image/[^"]*"', "", page)
    assert not re.search(r"https?:|src=|<link|url\(|@import", without_pictures.replace("src=>", ""))
    assert page.count(RESEARCH_USE) == 1
    assert page.count("data:image/jpeg;base64,") == 1
    assert page.count("data:image/png;base64,") == 1


def test_the_page_says_how_many_pictures_and_cells_it_leaves_out(tmp_path: Path) -> None:
    fields = [FIELD.model_copy(update={"name": f"{number}.png"}) for number in range(50)]
    write_slide(tmp_path, slide_of(*fields), images, ["pictures", "html"])
    page = (tmp_path / "report.html").read_text("utf-8")
    called = 50 * FIELD.infected
    assert "The photographs with the most infected cells, every object outlined: 12." in page
    assert "all 50 photographs are in the folder" in page
    assert f"Cells called infected: {called:,}. Only the 120 most certain are shown." in page
    assert page.count("data:image/jpeg;base64,") == 12


# PDF


@pytest.mark.parametrize(
    ("slide", "expected"),
    [
        (slide_of(FIELD), 2),
        (slide_of(CLEAN), 1),
        (slide_of(FIELD, count=unmeasured()), 2),
        (slide_of(refused(FIELD), UNREADABLE), 1),
        (slide_of(*MANY), 2),
        (slide_of(*MANY, **SIGNED), 2),
        (slide_of(*MANY, count=unmeasured(), **SIGNED), 2),
        (slide_of(*(warned(field, *map(SENTENCES.get, WARNINGS)) for field in MANY), count=unmeasured(), **SIGNED), 2),
        (slide_of(FIELD, patient="محمد بن عبد الله", slide="ชื่อ 7 \U0001f9a0"), 2),
    ],
    ids=[
        "infected",
        "none infected",
        "not corrected",
        "all refused",
        "many fields",
        "many fields signed",
        "many fields signed and not corrected",
        "many fields to be read with care",
        "other scripts",
    ],
)
def test_the_result_stands_on_one_sheet_with_the_called_cells_on_a_second(
    slide: Slide, expected: int, tmp_path: Path
) -> None:
    write_slide(tmp_path, slide, images, ["pdf"])
    content = (tmp_path / "report.pdf").read_bytes()
    assert content.startswith(b"%PDF-")
    assert content.rstrip().endswith(b"%%EOF")
    assert pages(content) == expected


def sheet(height: int) -> bytes:
    return encode_png(np.full((height, 1152, 3), 128, np.uint8))


def test_galleries_share_a_page_where_they_fit() -> None:
    slide = slide_of(FIELD)
    small, large = (Illustrations(gallery=sheet(height), possible=sheet(height)) for height in (300, 1200))
    assert pages(slide_pdf(slide, small)) == 2
    assert pages(slide_pdf(slide, large)) == 3


def test_the_same_slide_gives_the_same_pdf() -> None:
    slide = slide_of(FIELD, patient="Nguyễn Thị Ánh")
    assert slide_pdf(slide, Illustrations()) == slide_pdf(slide, Illustrations())


def test_without_fonts_a_foreign_name_is_marked_and_the_page_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts_module, "_folders", list)
    slide = slide_of(FIELD, patient="محمد")
    said = texts_of_pdf(slide, monkeypatch)
    assert pages(slide_pdf(slide, Illustrations())) == 1
    assert "????" in said
    assert WORDS.say(pdf_module._CANNOT_SHOW, fonts="Noto Sans Arabic") in said
    assert said.count(RESEARCH_USE) == 2  # measured, then written
    said = texts_of_pdf(slide_of(FIELD, patient="José Peña?"), monkeypatch)
    assert "José Peña?" in said
    assert not [text for text in said if text.startswith("A '?' stands for")]


def test_control_characters_do_not_reach_the_page() -> None:
    assert showable("a\tb\n\x07c", []) == "a b c"


# All in one folder


def test_everything_is_written_and_named_safely(tmp_path: Path) -> None:
    fields = [FIELD.model_copy(update={"name": name}) for name in ("a/b c.png", "a/b c.png", "../شريحة.png", "???")]
    written = write_slide(tmp_path / "out", slide_of(*fields, UNREADABLE), images)
    assert all(file.is_file() and file.stat().st_size for file in written)
    assert {str(file.relative_to(tmp_path / "out")) for file in written if file.suffix == ".jpg"} == {
        f"fields/{stem}-annotated.jpg" for stem in ("001-b_c", "002-b_c", "003-شريحة", "004")
    }
    assert len(written) == 6 + 4 * 3 + 3
    assert not list(tmp_path.rglob("*.part"))
    assert field_stem(7, FIELD.model_copy(update={"name": "x" * 300})) == "007-" + "x" * 40


def test_page_and_pdf_say_what_to_read_with_care(monkeypatch: pytest.MonkeyPatch) -> None:
    fields = [warned(FIELD.model_copy(update={"name": f"{number}.png"})) for number in range(4)]
    fields[1] = refused(fields[1])
    notes = notes_on(fields)
    told = list(map(english, notes))
    assert told[1:] == [f"All 3 counted photographs are to be read with care: {CARE}."]
    slide = slide_of(*fields, notes=told, notes_coded=notes)
    page = slide_html(slide, Illustrations())
    assert page.count(f"Counted. Read with care: {CARE.capitalize()}.") == 3
    assert told[1] in page
    said = texts_of_pdf(slide, monkeypatch)
    # Once, with the numbers of the photographs, not also as a note.
    assert [text for text in said if "heaps" in text] == [f"Read with care: No. 1, 3-4: {CARE.capitalize()}."]


@pytest.mark.parametrize(
    ("warnings", "note"),
    [
        ([[CARE], [], []], f"0.png is to be read with care: {CARE}."),
        ([[CARE], [], [CARE]], f"2 of 3 counted photographs are to be read with care: {CARE}."),
        ([[CARE]], f"0.png is to be read with care: {CARE}."),
    ],
)
def test_a_warning_is_noted_once_for_all_photographs(warnings: list[list[str]], note: str) -> None:
    fields = [FIELD.model_copy(update={"name": f"{number}.png"}) for number in range(len(warnings))]
    warned_of = [warned(field, *said) if said else field for field, said in zip(fields, warnings, strict=True)]
    assert list(map(english, notes_on(warned_of))) == [note]


@pytest.mark.parametrize("slide", [slide_of(CLEAN), slide_of(refused(FIELD), UNREADABLE)], ids=["clean", "all refused"])
def test_a_slide_without_a_called_cell_makes_complete_reports(slide: Slide, tmp_path: Path) -> None:
    (tmp_path / "called_cells.png").write_bytes(b"of another slide")
    write_slide(tmp_path, slide, images)
    assert not (tmp_path / "called_cells.png").exists()
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "No whole red cell is called infected." in page
    assert "negative" not in page
    assert ("(not counted)" in page) == (slide.count is None)
    assert page.count(RESEARCH_USE) == 1


def test_a_field_that_had_another_number_in_an_earlier_run_is_gone(tmp_path: Path) -> None:
    first, second = (FIELD.model_copy(update={"name": name}) for name in ("a.png", "شريحة.png"))
    write_slide(tmp_path, slide_of(second), images)
    (tmp_path / "fields" / "notes.txt").write_text("the laboratory's own")
    written = write_slide(tmp_path, slide_of(first, second), images)
    own = tmp_path / "fields" / "notes.txt"
    assert set((tmp_path / "fields").iterdir()) == {file for file in written if file.parent.name == "fields"} | {own}


def test_one_photograph_is_held_at_a_time(tmp_path: Path) -> None:
    import gc
    import weakref

    held: list[weakref.ref[object]] = []

    def load(_: Field) -> np.ndarray:
        gc.collect()
        assert sum(one() is not None for one in held) <= 1
        image = IMAGE.copy()
        held.append(weakref.ref(image))
        return image

    write_slide(tmp_path, slide_of(*[FIELD] * 5), load)
    assert len(held) == 5


def test_what_fails_leaves_whole_files_only(tmp_path: Path) -> None:
    def second_fails(field: Field) -> np.ndarray:
        if field.name == "second.png":
            raise RuntimeError("the card was pulled out")
        return IMAGE

    with pytest.raises(RuntimeError):
        write_slide(tmp_path, slide_of(FIELD, FIELD.model_copy(update={"name": "second.png"})), second_fails)
    assert not list(tmp_path.rglob("*.part"))
    assert not (tmp_path / "report.html").exists()
    assert (tmp_path / "fields" / "001-smear-annotated.jpg").exists()
    assert read_slide(tmp_path / "slide.json").slide == "A-17"


def test_a_folder_that_cannot_be_made_and_a_format_that_is_none_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        write_slide(tmp_path / "file" / "out", slide_of(FIELD), images)
    with pytest.raises(ValueError, match="docx"):
        write_slide(tmp_path, slide_of(FIELD), images, [*FORMATS, "docx"])


def test_the_fields_shown_are_those_with_most_infected_cells() -> None:
    assert fields_to_show(slide_of(CLEAN, FIELD, refused(FIELD), UNREADABLE), limit=1) == [1]
    assert fields_to_show(slide_of(UNREADABLE, refused(FIELD))) == [1]


def test_rois_of_one_field_are_the_same_bytes_each_time() -> None:
    assert imagej_rois(FIELD) == imagej_rois(FIELD)
    assert zipfile.ZipFile(io.BytesIO(imagej_rois(FIELD))).testzip() is None


def test_a_slide_without_pictures_still_makes_a_page() -> None:
    assert "No photograph could be read." in slide_html(slide_of(UNREADABLE), Illustrations())


def test_packages_of_the_reports_are_loaded_only_when_used() -> None:
    import subprocess
    import sys

    heavy = (
        "import sys, plasmoscope.reports.bundle; print({'fpdf', 'jinja2', 'roifile', 'fontTools'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True).stdout == "set()\n"
