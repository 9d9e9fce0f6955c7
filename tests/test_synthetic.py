from dataclasses import replace

import cv2
import numpy as np
import pytest

from plasmoscope.synthetic.rendering import SyntheticField, crop_cell, render_field


def small_field(seed: int, parasitaemia: float = 0.4) -> SyntheticField:
    return render_field(seed, 480, 360, cells=16, parasitaemia=parasitaemia)


@pytest.fixture(scope="module")
def fields() -> list[SyntheticField]:
    return [small_field(seed) for seed in range(6)]


def whole_cells(field: SyntheticField) -> list[int]:
    return [index for index, cell in enumerate(field.cells) if cell.whole]


def share_of_dark_purple(field: SyntheticField, index: int) -> float:
    """Pixels of a cell whose green is far below the cell's, and below their own red and blue."""
    red, green, blue = field.image[field.cell_labels == index + 1].astype(float).T
    return float(((green < 0.75 * np.median(green)) & (green < red) & (green < blue)).mean())


def test_the_same_seed_renders_the_same_field():
    first, second = small_field(7), small_field(7)
    assert np.array_equal(first.image, second.image)
    assert np.array_equal(first.cell_labels, second.cell_labels)
    assert (first.cells, first.platelets) == (second.cells, second.platelets)


def test_another_seed_renders_another_field():
    first, second = small_field(7), small_field(8)
    assert first.cells != second.cells
    assert not np.array_equal(first.image, second.image)


def test_a_field_has_the_size_and_the_number_of_cells_asked_for():
    field = render_field(0, 300, 200, cells=7, cell_diameter=60)
    assert (field.image.shape, field.image.dtype) == ((200, 300, 3), np.uint8)
    assert (field.cell_labels.shape, field.cell_labels.dtype) == ((200, 300), np.int32)
    assert len(field.cells) == 7
    assert np.mean([cell.radius for cell in field.cells]) == pytest.approx(30, rel=0.1)


def test_every_whole_cell_is_one_region_with_the_area_of_its_radius(fields):
    for field in fields:
        for index in whole_cells(field):
            mask = (field.cell_labels == index + 1).astype(np.uint8)
            assert cv2.connectedComponents(mask)[0] == 2  # the background is the other one
            assert mask.sum() == pytest.approx(np.pi * field.cells[index].radius ** 2, rel=0.02)
            assert np.argwhere(mask).mean(axis=0)[::-1] == pytest.approx(field.cells[index].centre, abs=2)


def test_cells_do_not_overlap(fields):
    for field in fields:
        centres = np.array([cell.centre for cell in field.cells])
        radii = np.array([cell.radius for cell in field.cells])
        distances = np.linalg.norm(centres[:, None] - centres, axis=2)
        np.fill_diagonal(distances, np.inf)
        assert (distances > radii[:, None] + radii).all()


def test_the_cells_on_the_border_are_those_that_are_not_whole(fields):
    for field in fields:
        labels = field.cell_labels
        on_border = set(np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))) - {0}
        assert on_border == {index + 1 for index, cell in enumerate(field.cells) if not cell.whole}
    assert any(not cell.whole for field in fields for cell in field.cells)


def test_infected_cells_hold_dark_purple_and_the_others_none(fields):
    infected, clean = [], []
    for field in fields:
        for index in whole_cells(field):
            cell = field.cells[index]
            if not cell.platelet_on_cell:
                (infected if cell.infected else clean).append(share_of_dark_purple(field, index))
    assert len(infected) >= 10
    assert len(clean) >= 10
    assert min(infected) > 0.005
    assert max(clean) < 0.001


def test_a_trophozoite_is_larger_than_a_ring(fields):
    shares = {"ring": [], "trophozoite": []}
    for field in fields:
        for index in whole_cells(field):
            if field.cells[index].infected:
                shares[field.cells[index].stage].append(share_of_dark_purple(field, index))
    assert np.median(shares["trophozoite"]) > 2 * np.median(shares["ring"])


def test_a_platelet_on_a_cell_is_purple_though_the_cell_is_not_infected(monkeypatch):
    monkeypatch.setattr("plasmoscope.synthetic.rendering.PLATELET_ON_CELL_SHARE", 1.0)
    field = small_field(0)
    uninfected = [index for index in whole_cells(field) if not field.cells[index].infected]
    assert all(field.cells[index].platelet_on_cell for index in uninfected)
    assert min(share_of_dark_purple(field, index) for index in uninfected) > 0.005
    assert not any(cell.platelet_on_cell for cell in field.cells if cell.infected)


def test_free_platelets_are_purple_bodies_between_the_cells(fields):
    assert any(field.platelets for field in fields)
    for field in fields:
        background = np.median(field.image[field.cell_labels == 0], axis=0)
        for x, y in field.platelets:
            assert field.cell_labels[int(y), int(x)] == 0
            red, green, blue = field.image[int(y) - 2 : int(y) + 3, int(x) - 2 : int(x) + 3].mean(axis=(0, 1))
            assert green < 0.75 * background[1]
            assert green < min(red, blue)


def test_a_crop_is_the_cells_bounding_box_and_black_outside_its_outline(fields):
    field = fields[0]
    for index in whole_cells(field):
        mask = field.cell_labels == index + 1
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        window = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        crop = crop_cell(field, index)
        assert crop.dtype == np.uint8
        assert np.array_equal(crop[mask[window]], field.image[mask])
        assert crop[mask[window]].min() > 0
        assert not crop[~mask[window]].any()


def test_a_cell_on_the_border_is_not_cropped(fields):
    cut = replace(fields[0], cells=(replace(fields[0].cells[0], whole=False), *fields[0].cells[1:]))
    with pytest.raises(ValueError, match="cell 0 is cut by the border"):
        crop_cell(cut, 0)


def test_no_cell_is_infected_at_parasitaemia_0():
    cells = small_field(0, parasitaemia=0).cells
    assert not any(cell.infected or cell.stage for cell in cells)


def test_every_cell_is_infected_at_parasitaemia_1():
    cells = small_field(0, parasitaemia=1).cells
    assert all(cell.infected and cell.stage in {"ring", "trophozoite"} for cell in cells)


def test_a_whole_cell_is_infected_however_low_the_parasitaemia():
    for seed in range(3):
        assert sum(cell.infected and cell.whole for cell in small_field(seed, parasitaemia=1e-9).cells) == 1


@pytest.mark.parametrize("parasitaemia", [-0.1, 1.5, float("nan")])
def test_a_parasitaemia_that_is_no_share_is_refused(parasitaemia):
    with pytest.raises(ValueError, match="share from 0 to 1"):
        small_field(0, parasitaemia)


def test_more_cells_than_fit_are_refused_with_what_to_change():
    with pytest.raises(ValueError, match="fewer or smaller cells"):
        render_field(0, 200, 200, cells=40)
