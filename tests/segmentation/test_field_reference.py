"""The slide as its own reference."""

import numpy as np
import pytest
from numpy.typing import NDArray

from plasmoscope.imaging.cells import lit, resize_cell
from plasmoscope.imaging.smear_reference import smear_references, unusual_smears
from plasmoscope.imaging.stain_reference import STANDARD, Reference, colour_of, refer
from plasmoscope.segmentation.field_reference import cut_referred, references
from plasmoscope.segmentation.segment import segment_field
from plasmoscope.synthetic.rendering import render_field

PALE = Reference((240.0, 238.0, 236.0), (225.0, 205.0, 214.0))


def test_the_slides_own_background_and_red_cell_become_those_of_the_reference() -> None:
    colours = np.array([[PALE.background, PALE.red_cell]], np.uint8)
    assert np.abs(refer(colours, PALE).astype(int) - [[STANDARD.background, STANDARD.red_cell]]).max() <= 1


def test_what_is_referred_to_itself_stays_and_black_stays_black() -> None:
    cells = np.random.default_rng(0).integers(0, 256, (2, 9, 8, 3), dtype=np.uint8)
    cells[0, 0] = 0
    assert (refer(cells, STANDARD) == cells).all()
    assert not refer(cells, PALE)[0, 0].any()


def test_a_channel_in_which_red_cells_absorb_nothing_is_changed_within_bounds() -> None:
    clear = Reference((220.0, 220.0, 220.0), (220.0, 180.0, 200.0))
    dark = np.full((1, 1, 3), 60, np.uint8)
    assert 0 < refer(dark, clear)[0, 0, 0] < STANDARD.background[0]


def stained(image: NDArray[np.uint8], power: list[float], light: list[float]) -> NDArray[np.uint8]:
    """The same field under another stain and lamp."""
    return np.clip(255 * (image / 255.0) ** power * light, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def field() -> NDArray[np.uint8]:
    return render_field(4, 900, 700, cells=60, cell_diameter=60, parasitaemia=0.2).image


def test_cells_look_alike_under_another_stain_and_lamp(field: NDArray[np.uint8]) -> None:
    def typical(image: NDArray[np.uint8], standard: Reference | None) -> NDArray[np.float64]:
        segmentation = segment_field(image)
        reds = [found for found in segmentation.objects if found.kind == "red_cell"]
        colours = [colour_of(crop) for crop in cut_referred(image, segmentation, reds, standard)]
        return np.median([colour for colour in colours if colour is not None], axis=0)

    other = stained(field, [1.5, 1.3, 1.6], [0.95, 0.9, 0.7])
    assert np.abs(typical(field, None) - typical(other, None)).max() > 25
    assert np.abs(typical(field, STANDARD) - typical(other, STANDARD)).max() <= 4
    assert np.abs(typical(field, STANDARD) - STANDARD.red_cell).max() <= 4


def test_uneven_light_is_told_around_each_cell(field: NDArray[np.uint8]) -> None:
    falling = np.linspace(1.0, 0.7, field.shape[1])[None, :, None]
    uneven = (field * falling).astype(np.uint8)
    segmentation = segment_field(uneven)
    reds = [found for found in segmentation.objects if found.kind == "red_cell"]
    crops = cut_referred(uneven, segmentation, reds, None)
    lights = [reference.background[1] for reference in references(segmentation, reds, crops)]
    places = [found.outline[:, 0].mean() for found in reds]
    assert np.corrcoef(places, lights)[0, 1] < -0.95


def test_a_field_without_red_cells_has_no_reference(field: NDArray[np.uint8]) -> None:
    assert references(segment_field(field), [], []) == []


def test_only_a_smear_unlike_all_of_the_nihs_is_told_against_its_own(real_cells: list[NDArray[np.uint8]]) -> None:
    nih = np.stack([resize_cell(cell, 96) for cell in real_cells])
    other = np.where(lit(nih)[..., None], stained(nih, [0.3, 0.35, 0.35], [1.0, 1.0, 1.0]), 0).astype(np.uint8)
    smears = ["nih"] * len(nih) + ["other"] * len(nih) + ["few"] * 9
    own = unusual_smears(np.concatenate([nih, other, other[:9]]), smears)
    assert set(own) == {"other"}
    assert min(own["other"].background) > 215


def test_pictures_on_white_and_all_black_ones_tell_no_smear() -> None:
    nothing = np.zeros((12, 96, 96, 3), np.uint8)
    assert unusual_smears(nothing, ["A"] * 12) == {}
    assert unusual_smears(nothing + np.array([240, 235, 230], np.uint8), ["A"] * 12) == {}
    assert unusual_smears(nothing[:0], []) == {}


def test_patients_are_told_by_their_cells_rims_and_middles() -> None:
    cell = np.zeros((96, 96, 3), np.uint8)
    y, x = np.mgrid[:96, :96] - 47.5
    cell[np.hypot(x, y) < 46] = 220
    cell[np.hypot(x, y) < 43] = (200, 150, 160)
    own = smear_references(np.stack([cell] * 3), ["P1", "P1", "P2"])
    assert set(own) == {"P1", "P2"}
    assert own["P1"] == Reference((220.0, 220.0, 220.0), (200.0, 150.0, 160.0))
