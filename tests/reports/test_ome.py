"""OME-TIFF: read by tifffile, and by ``ome-types`` against the official schema."""

import io
from dataclasses import replace

import cv2
import numpy as np
import pytest
from ome_types import OME, from_xml
from ome_types.model import Polygon
from tifffile import TiffFile

from plasmoscope.analysis.calls import INFECTED, title_of
from plasmoscope.analysis.results import Field
from plasmoscope.messages import RESEARCH_USE
from plasmoscope.reports.ome import ome_tiff
from reported import FIELD, IMAGE, ODD
from slides import refused


def _opened(field: Field = FIELD) -> tuple[OME, list[np.ndarray]]:
    with TiffFile(io.BytesIO(ome_tiff(IMAGE, field))) as tiff:
        assert tiff.is_ome
        return from_xml(tiff.ome_metadata, validate=True), [series.asarray() for series in tiff.series]


def _polygons(ome: OME) -> list[Polygon]:
    return [shape for region in ome.rois for shape in region.union]


def test_every_outline_is_read_back_with_its_name_and_colour() -> None:
    ome, _ = _opened()
    assert [region.name for region in ome.rois] == [title_of(cell) for cell in FIELD.cells]
    assert [reference.id for reference in ome.images[0].roi_refs] == [region.id for region in ome.rois]
    for shape, cell in zip(_polygons(ome), FIELD.cells, strict=True):
        corners = [tuple(map(int, corner.split(","))) for corner in shape.points.split()]
        assert corners == list(cell.outline)
    infected = next(number for number, cell in enumerate(FIELD.cells) if cell.counted and cell.parasitized)
    assert _polygons(ome)[infected].stroke_color.as_rgb_tuple()[:3] == INFECTED.colour


def test_the_photograph_is_whole_and_every_cell_has_its_number_in_the_labels() -> None:
    ome, (photograph, labels) = _opened()
    np.testing.assert_array_equal(photograph, IMAGE)
    assert [(image.pixels.size_x, image.pixels.size_y, image.pixels.size_c) for image in ome.images] == [
        (480, 360, 3),
        (480, 360, 1),
    ]
    assert labels.shape == IMAGE.shape[:2]
    assert set(np.unique(labels)) == {0, *(cell.number for cell in FIELD.cells)}
    cell = next(cell for cell in FIELD.cells if cell.counted)
    mask = np.zeros(labels.shape, np.uint8)
    cv2.fillPoly(mask, [np.array(cell.outline)], 1)
    assert (labels[mask == 1] == cell.number).mean() > 0.99


def test_it_says_what_it_is_for_and_that_a_photograph_was_not_counted() -> None:
    assert _opened()[0].images[0].description == RESEARCH_USE
    assert _opened(refused(FIELD))[0].images[0].description == f"{RESEARCH_USE} Photograph not counted."


@pytest.mark.parametrize("name", [ODD, '<&>".png', "स्लाइड.jpg"])
def test_any_name_makes_a_file_that_opens(name: str) -> None:
    ome, _ = _opened(FIELD.model_copy(update={"name": name}))
    assert ome.images[0].name


def test_a_field_without_cells_and_one_with_many_numbers_open() -> None:
    assert not _opened(FIELD.model_copy(update={"cells": ()}))[0].rois
    many = FIELD.model_copy(update={"cells": (replace(FIELD.cells[0], number=70_000),)})
    _, (_, labels) = _opened(many)
    assert labels.max() == 70_000
