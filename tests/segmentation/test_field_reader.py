"""Reading a field: instances, white cells, tiles, scale, and what the gate makes of it."""

import cv2
import numpy as np
import pytest

from plasmoscope.analysis.quality import measure, quality_checks
from plasmoscope.imaging.reading import read_image
from plasmoscope.segmentation.instances import Instance, find_instances
from plasmoscope.segmentation.preparing import clear_colour
from plasmoscope.segmentation.reader import FieldReader
from plasmoscope.segmentation.scale import find_scale
from plasmoscope.segmentation.segment import segment_field
from plasmoscope.segmentation.vocabulary import Tissue
from plasmoscope.segmentation.white_cells import whole_white_cells
from plasmoscope.synthetic.rendering import SyntheticField, render_field
from shared_data import shared_path


@pytest.fixture(scope="module")
def reader() -> FieldReader:
    return FieldReader.load(threads=1)


@pytest.fixture(scope="module")
def field() -> SyntheticField:
    return render_field(31, 960, 720, cells=90, cell_diameter=60, overlap=0.1, white_cells=1)


def grid_of(*circles: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Depth and rays of discs (x, y and radius in pixels) on a grid of 64 x 64 points."""
    depth, rays = np.zeros((64, 64), np.float32), np.ones((32, 64, 64), np.float32)
    for x, y, radius in circles:
        column, row = round((x - 0.5) / 2), round((y - 0.5) / 2)
        rows, columns = np.mgrid[:64, :64]
        share = 1 - np.hypot(columns - column, rows - row) * 2 / radius
        nearer = share > depth
        depth[nearer] = share[nearer]
        rays[:, nearer] = radius
    return depth, rays


def test_two_cells_that_overlap_keep_their_whole_outlines() -> None:
    depth, rays = grid_of((40.5, 64.5, 16), (62.5, 64.5, 16))
    found = find_instances(depth, rays, np.full((64, 64), Tissue.RED_CELL, np.uint8), 0.5, 0.5)
    assert sorted(round(float(instance.outline[:, 0].mean())) for instance in found) == [40, 62]
    assert [instance.area for instance in found] == pytest.approx([np.pi * 16**2] * 2, rel=0.05)


def test_a_proposal_inside_a_cell_is_no_cell_of_its_own() -> None:
    depth, rays = grid_of((64.5, 64.5, 20), (72.5, 64.5, 8))
    found = find_instances(depth, rays, np.full((64, 64), Tissue.RED_CELL, np.uint8), 0.5, 0.5)
    assert len(found) == 1


def test_what_is_mostly_dirt_is_no_cell() -> None:
    depth, rays = grid_of((64.5, 64.5, 20))
    assert find_instances(depth, rays, np.full((64, 64), Tissue.PRECIPITATE, np.uint8), 0.5, 0.5) == []


def circle(tissue: Tissue, x: float, y: float, radius: float) -> Instance:
    angles = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    outline = np.stack([x + radius * np.cos(angles), y + radius * np.sin(angles)], axis=1).astype(np.float32)
    return Instance(tissue, outline, 0.9)


def test_lobes_of_one_nucleus_are_one_white_cell_and_leave_no_red_one() -> None:
    lobes = [circle(Tissue.WHITE_CELL, x, 50, 12) for x in (40, 55, 70)]
    apart = circle(Tissue.WHITE_CELL, 150, 50, 20)
    piece, neighbour = circle(Tissue.RED_CELL, 55, 50, 6), circle(Tissue.RED_CELL, 95, 50, 15)
    found = whole_white_cells([*lobes, apart, piece, neighbour])
    assert [instance.tissue for instance in found].count(Tissue.WHITE_CELL) == 2
    assert [instance for instance in found if instance.tissue is Tissue.RED_CELL] == [neighbour]


def test_a_large_picture_is_read_in_tiles_as_if_it_were_whole(reader: FieldReader) -> None:
    large = render_field(5, 2300, 700, cells=600, cell_diameter=30, parasitaemia=0.1)
    found = [found for found in segment_field(large.image, reader).objects if found.kind == "red_cell"]
    whole = sum(cell.whole for cell in large.cells)
    assert abs(sum(not item.on_border for item in found) - whole) <= 0.02 * whole


@pytest.mark.parametrize("size", [0.25, 0.5, 2.0])
def test_the_count_is_that_of_the_same_field_at_another_size(
    field: SyntheticField, reader: FieldReader, size: float
) -> None:
    method = cv2.INTER_AREA if size < 1 else cv2.INTER_CUBIC
    resized = cv2.resize(field.image, None, fx=size, fy=size, interpolation=method)
    assert abs(count(resized, reader) - count(field.image, reader)) <= 0.03 * len(field.cells)


@pytest.mark.parametrize("change", ["turned", "mirrored", "brighter", "darker", "warmer", "cooler"])
def test_the_count_does_not_depend_on_how_the_picture_was_taken(
    field: SyntheticField, reader: FieldReader, change: str
) -> None:
    light = field.image.astype(np.float32)
    changed = {
        "turned": np.rot90(light),
        "mirrored": light[:, ::-1],
        "brighter": np.minimum(light * 1.33, 255),
        "darker": light * 0.67,
        "warmer": light * (1.0, 0.93, 0.8),
        "cooler": light * (0.8, 0.93, 1.0),
    }[change]
    picture = np.ascontiguousarray(changed.astype(np.uint8))
    assert abs(count(picture, reader) - count(field.image, reader)) <= 0.03 * len(field.cells)


def count(image: np.ndarray, reader: FieldReader) -> int:
    found = segment_field(image, reader).objects
    return sum(item.kind == "red_cell" and not item.on_border for item in found)


def test_a_white_cell_is_found_whole_and_no_red_cell_is_cut_from_it(field: SyntheticField, reader: FieldReader) -> None:
    (true,) = field.of_kind("white_cell")
    found = segment_field(field.image, reader).objects
    whites = [item for item in found if item.kind == "white_cell"]
    assert len(whites) == 1
    assert np.linalg.norm(whites[0].outline.mean(axis=0) - true.centre) < 0.4 * true.radius
    assert not any(
        np.linalg.norm(item.outline.mean(axis=0) - true.centre) < 0.6 * true.radius
        for item in found
        if item.kind == "red_cell"
    )


def test_the_diameter_is_found_in_a_small_corner_of_a_large_scan(reader: FieldReader) -> None:
    """At the first look these cells are five pixels wide."""
    part = render_field(9, 900, 900, cells=300, cell_diameter=26).image
    scan = np.tile(part, (4, 4, 1))
    known = find_scale(scan, clear_colour(scan), reader)
    assert known.diameter == pytest.approx(26, rel=0.1)


def test_letters_and_scale_bars_hide_cells_and_are_none(field: SyntheticField, reader: FieldReader) -> None:
    image = field.image.copy()
    for line in range(4):
        cv2.putText(image, "2015-09-18 14:41  50 um", (20, 60 + 55 * line), 0, 1.5, (0, 0, 0), 4)
    found = [item for item in segment_field(image, reader).objects if item.kind == "red_cell"]
    assert len(found) <= len(field.cells)
    letters = [item for item in found if item.on_border and 20 < item.outline[:, 1].mean() < 240]
    assert letters


def checks_of(image: np.ndarray, reader: FieldReader) -> dict[str, str]:
    """What is odd: fault or warning, by check."""
    checks = quality_checks(measure(image, segment_field(image, reader)))
    return {check.name: "warning" if check.passed else "fault" for check in checks if check.warning or not check.passed}


def test_a_good_field_has_neither_fault_nor_warning(field: SyntheticField, reader: FieldReader) -> None:
    assert checks_of(field.image, reader) == {}


def test_a_palette_and_strong_compression_are_told(field: SyntheticField, reader: FieldReader) -> None:
    from PIL import Image

    few = np.asarray(Image.fromarray(field.image).quantize(64).convert("RGB"))
    assert checks_of(few, reader).get("compression") == "warning"
    coded = cv2.imencode(".jpg", field.image, [cv2.IMWRITE_JPEG_QUALITY, 10])[1]
    assert checks_of(np.asarray(cv2.imdecode(coded, 1)), reader).get("compression") == "warning"


def test_cells_too_small_to_show_a_ring_are_refused(field: SyntheticField, reader: FieldReader) -> None:
    small = cv2.resize(field.image, None, fx=9 / 60, fy=9 / 60, interpolation=cv2.INTER_AREA)
    assert {"resolution", "cells"} & {name for name, what in checks_of(small, reader).items() if what == "fault"}
    told = cv2.resize(field.image, None, fx=15 / 60, fy=15 / 60, interpolation=cv2.INTER_AREA)
    assert checks_of(told, reader).get("resolution") == "warning"


def test_an_overexposed_field_is_told(field: SyntheticField, reader: FieldReader) -> None:
    bright = np.minimum(field.image.astype(np.float32) * 1.7, 255).astype(np.uint8)
    assert "exposure" in checks_of(bright, reader)


def test_a_grey_field_is_refused(field: SyntheticField, reader: FieldReader) -> None:
    grey = np.repeat(cv2.cvtColor(field.image, cv2.COLOR_RGB2GRAY)[:, :, None], 3, axis=2)
    assert checks_of(grey, reader).get("stain") == "fault"


@pytest.mark.parametrize("side", [640, 4_000])
def test_a_thick_film_is_refused_in_a_round_view_too(reader: FieldReader, side: int) -> None:
    image = read_image(shared_path("data/fields_single/Nakasi_et_al..jpg"))
    scale = side / max(image.shape[:2])
    resized = cv2.resize(
        image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    )
    y, x = np.ogrid[: resized.shape[0], : resized.shape[1]]
    outside = np.hypot(x - resized.shape[1] / 2, y - resized.shape[0] / 2) > 0.45 * min(resized.shape[:2])
    resized[outside] = 4
    assert checks_of(resized, reader).get("thin_film") == "fault"
