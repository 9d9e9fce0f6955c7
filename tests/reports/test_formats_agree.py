"""One slide says the same in every format that programs read."""

import csv
import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from ome_types import from_xml
from tifffile import TiffFile

from plasmoscope.i18n.words import three_digits
from plasmoscope.reports.bundle import write_slide
from plasmoscope.reports.formats import FORMATS, ON_REQUEST, USUAL
from reported import FIELD, IMAGE, NONE_FOUND, SIGNED
from slides import refused


@pytest.fixture(scope="module", params=["with parasites", "without", "one of two counted"])
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    slide = {
        "with parasites": SIGNED,
        "without": NONE_FOUND,
        "one of two counted": SIGNED.model_copy(update={"fields": (*SIGNED.fields, refused(FIELD))}),
    }[request.param]
    folder = tmp_path_factory.mktemp("report")
    write_slide(folder, slide, lambda field: IMAGE, [*set(FORMATS) - {"html", "pdf", "pictures"}])
    return folder


def _count(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "slide.json").read_bytes())["count"])


def _table(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(file.read_text("utf-8-sig"))))


def _fhir(folder: Path) -> dict[str, dict[str, Any]]:
    entries = [entry["resource"] for entry in json.loads((folder / "fhir.json").read_bytes())["entry"]]
    return {one["code"]["coding"][-1]["code"]: one for one in entries if one["resourceType"] == "Observation"}


def _hl7(folder: Path) -> dict[str, list[str]]:
    segments = [line.split("|") for line in (folder / "oru.hl7").read_bytes().decode().split("\r")]
    return {one[3].split("^")[0]: one for one in segments if one[0] == "OBX"}


def test_tables_coco_fhir_and_hl7_count_the_cells_of_the_json(written: Path) -> None:
    count = _count(written)
    expected = (count["counted"], count["infected"])
    cells = [row for row in _table(written / "cells.csv") if row["counted"] == "yes"]
    assert (len(cells), sum(row["call"] == "parasitized" for row in cells)) == expected
    fields = [row for row in _table(written / "fields.csv") if row["accepted"] == "yes"]
    assert tuple(sum(int(row[name]) for row in fields) for name in ("red_cells_counted", "infected")) == expected
    coco = json.loads((written / "coco.json").read_bytes())
    names = {one["id"]: one["name"] for one in coco["categories"]}
    called = [names[one["category_id"]] for one in coco["annotations"] if one["attributes"]["counted"]]
    assert (len(called), called.count("parasitized_red_cell")) == expected
    fhir = _fhir(written)
    assert tuple(fhir[name]["valueInteger"] for name in ("cells-counted", "cells-infected")) == expected
    hl7 = _hl7(written)
    assert tuple(int(hl7[name][5]) for name in ("cells-counted", "cells-infected")) == expected


def test_the_objects_of_the_ome_tiff_are_those_of_the_json(written: Path) -> None:
    fields = json.loads((written / "slide.json").read_bytes())["fields"]
    files = sorted((written / "fields").glob("*-outlined.ome.tif"))
    assert len(files) == len(fields)
    infected = 0
    for file, field in zip(files, fields, strict=True):
        with TiffFile(file) as tiff:
            ome = from_xml(tiff.ome_metadata)
        assert len(ome.rois) == len(field["cells"])
        if field["accepted"]:
            infected += sum(region.name.split()[1] == "parasitized" for region in ome.rois)
    assert infected == _count(written)["infected"]


@pytest.mark.parametrize(
    ("name", "figure"),
    [
        ("parasitaemia", "parasitaemia"),
        ("parasite-density", "parasites_per_ul"),
        ("parasitaemia-corrected", "corrected"),
    ],
)
def test_figures_with_their_intervals_are_those_of_the_json_to_three_digits(
    written: Path, name: str, figure: str
) -> None:
    interval = {end: three_digits(value) for end, value in _count(written)[figure].items()}
    fhir, hl7 = _fhir(written)[name], _hl7(written)
    measured = fhir["valueQuantity"]
    if not interval["value"]:
        assert (measured["comparator"], measured["value"]) == ("<", interval["high"])
        assert (hl7[name][5].split("^")[0], float(hl7[name][5].split("^")[1])) == ("<", interval["high"])
        return
    limits = fhir["component"][0]["valueRange"]
    assert interval == {
        "value": measured["value"],
        "low": limits["low"]["value"],
        "high": limits["high"]["value"],
    }
    _, low, _, high = hl7[f"{name}-interval"][5].split("^")
    assert interval == {"value": float(hl7[name][5]), "low": float(low), "high": float(high)}


def test_the_limit_of_detection_is_that_of_the_json(written: Path) -> None:
    detection = _count(written)["detection"]
    for name, limit in (("detection-limit", "limit"), ("detection-limit-reviewed", "limit_reviewed")):
        if detection[limit] is None:
            assert name not in _fhir(written)
            continue
        told = three_digits(detection[limit])
        assert _fhir(written)[name]["valueQuantity"]["value"] == told
        assert Decimal(_hl7(written)[name][5]) == Decimal(str(told))


def test_what_takes_much_room_is_written_only_where_it_is_asked_for(tmp_path: Path) -> None:
    assert ON_REQUEST == ("ome",)
    assert {"fhir", "hl7"} <= set(USUAL)
    write_slide(tmp_path, SIGNED, lambda field: IMAGE)
    assert (tmp_path / "fhir.json").exists()
    assert not list(tmp_path.rglob("*.ome.tif"))
