from dataclasses import replace

import cv2
import numpy as np
import pytest

from plasmoscope.synthetic.rendering import SyntheticField, cell_box, cell_mask, crop_cell, render_field


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
    assert (field.image.shape, field.image.dtype) == ((200, 300, 3), np.dtype(np.uint8))
    assert (field.cell_labels.shape, field.cell_labels.dtype) == ((200, 300), np.dtype(np.int32))
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
    infected: list[float] = []
    clean: list[float] = []
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
    shares: dict[str, list[float]] = {"ring": [], "trophozoite": []}
    for field in fields:
        for index in whole_cells(field):
            if field.cells[index].infected:
                shares[field.cells[index].stage].append(share_of_dark_purple(field, index))
    assert np.median(shares["trophozoite"]) > 2 * np.median(shares["ring"])


def test_a_platelet_on_a_cell_is_purple_though_the_cell_is_not_infected():
    field = render_field(0, 480, 360, cells=16, parasitaemia=0.4, platelets_on_cells=1.0)
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


@pytest.mark.parametrize("parasitaemia", [-0.1, 1.5, float("nan")])
def test_a_parasitaemia_that_is_no_share_is_refused(parasitaemia):
    with pytest.raises(ValueError, match="share from 0 to 1"):
        small_field(0, parasitaemia)


def test_more_cells_than_fit_are_refused_with_what_to_change():
    with pytest.raises(ValueError, match="fewer or smaller cells"):
        render_field(0, 200, 200, cells=40)


@pytest.fixture(scope="module")
def clumped() -> SyntheticField:
    """A field with everything in it."""
    return render_field(
        3, 960, 720, cells=60, cell_diameter=70, overlap=0.8, white_cells=2, platelets=6, precipitate=12
    )


def bounds(mask) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return columns[0], rows[0], columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1


def test_a_cells_mask_and_box_are_its_pixels_where_nothing_overlaps(fields):
    for field in fields:
        for index in range(len(field.cells)):
            mask = cell_mask(field, index)
            assert np.array_equal(mask, field.cell_labels == index + 1)
            assert cell_box(field, index) == bounds(mask)
            assert not field.cells[index].overlaps


def test_the_share_of_cells_asked_for_overlaps_a_neighbour(clumped):
    overlapping = sum(bool(cell.overlaps) for cell in clumped.cells)
    assert len(clumped.cells) == 60
    assert overlapping >= 0.7 * 60  # some lie next to each other across the border of the picture


def test_overlapping_cells_each_have_their_full_area_and_share_a_lens_of_pixels(clumped):
    for index in whole_cells(clumped):
        mask, cell = cell_mask(clumped, index), clumped.cells[index]
        assert mask.sum() == pytest.approx(np.pi * cell.radius**2, rel=0.02)
        for other in range(len(clumped.cells)):
            shared = bool((mask & cell_mask(clumped, other)).any())
            assert shared == (other in cell.overlaps or other == index)


def test_a_cell_covers_no_more_than_about_a_quarter_of_a_neighbours_diameter(clumped):
    for cell in clumped.cells:
        for other in (clumped.cells[i] for i in cell.overlaps):
            depth = cell.radius + other.radius - np.hypot(*np.subtract(cell.centre, other.centre))
            assert depth < 0.27 * 2 * min(cell.radius, other.radius)


def test_absorbance_adds_where_cells_overlap():
    field = render_field(1, 600, 450, cells=24, parasitaemia=0, cell_diameter=70, overlap=1.0, platelets=0)
    depth = np.sum([cell_mask(field, index) for index in range(24)], axis=0)
    two = cv2.erode((depth == 2).astype(np.uint8), np.ones((7, 7))) > 0
    green = field.image[..., 1]
    clear, single, double = np.median(green[depth == 0]), np.median(green[depth == 1]), np.median(green[two])
    # The cells are thinner towards their rims, which are what overlaps.
    assert clear * 0.8 * (single / clear) ** 2 < double < 0.92 * single


def test_with_no_overlap_and_nothing_added_a_field_is_as_it_ever_was():
    plain = small_field(7)
    spelled_out = render_field(7, 480, 360, cells=16, parasitaemia=0.4, overlap=0, white_cells=0, precipitate=0)
    assert np.array_equal(plain.image, spelled_out.image)


def test_precipitate_leaves_the_cells_where_they_are():
    assert small_field(7).cells == render_field(7, 480, 360, cells=16, parasitaemia=0.4, precipitate=5).cells


def test_white_cells_lie_where_the_picture_is_purple(clumped):
    assert len(clumped.of_kind("white_cell")) == 2
    background = np.median(clumped.image[clumped.cell_labels == 0], axis=0)
    for cell in clumped.of_kind("white_cell"):
        assert cell.variety in {"neutrophil", "lymphocyte"}
        assert 10 * 0.9 < 2 * cell.radius / clumped.scale < 15 * 1.1
        left, top, width, height = cell.box
        red, green, blue = clumped.image[top : top + height, left : left + width].reshape(-1, 3).astype(float).T
        purple = (green < 0.55 * background[1]) & (green < red) & (green < blue)
        assert purple.mean() > 0.12


def test_precipitate_is_dark_and_lies_off_the_cells(clumped):
    specks = clumped.of_kind("precipitate")
    assert len(specks) == 12
    background = np.median(clumped.image[clumped.cell_labels == 0], axis=0)
    for speck in specks:
        left, top, width, height = speck.box
        window = slice(top, top + height), slice(left, left + width)
        assert not clumped.cell_labels[window].all()
        assert clumped.image[window][..., 1].min() < 0.6 * background[1]


def test_platelets_are_listed_with_their_boxes(clumped):
    platelets = clumped.of_kind("platelet")
    assert tuple(thing.centre for thing in platelets) == clumped.platelets
    for thing in platelets:
        left, top, width, height = thing.box
        assert left <= thing.centre[0] < left + width
        assert top <= thing.centre[1] < top + height
        assert not thing.whole or width * height * np.pi / 4 == pytest.approx(np.pi * thing.radius**2, rel=0.35)


def test_as_many_platelets_as_asked_for_on_average():
    counts = [len(render_field(seed, 480, 360, cells=6, platelets=12).platelets) for seed in range(5)]
    assert 8 < np.mean(counts) < 16
    assert not render_field(0, 480, 360, cells=6, platelets=0).platelets


def test_an_eyepiece_shows_a_disc_and_hides_the_rest():
    field = render_field(2, 480, 360, cells=16, cell_diameter=60, eyepiece=0.9)
    assert field.view.sum() == pytest.approx(np.pi * (0.9 * 180) ** 2, rel=0.01)
    assert not field.cell_labels[~field.view].any()
    far_out = cv2.erode((~field.view).astype(np.uint8), np.ones((15, 15))) > 0
    assert field.image[far_out].max() < 10
    assert 0 < len(field.cells) < 16
    for index, cell in enumerate(field.cells):
        mask = cell_mask(field, index)
        assert mask.any()
        if cell.whole:
            assert mask.sum() == pytest.approx(np.pi * cell.radius**2, rel=0.03)
    assert any(not cell.whole for cell in field.cells)


def test_light_falls_off_as_much_as_asked_for():
    def spread(uneven_light):
        field = render_field(4, 480, 360, cells=4, platelets=0, uneven_light=uneven_light)
        clear = cv2.erode((field.cell_labels == 0).astype(np.uint8), np.ones((25, 25))) > 0
        background = cv2.blur(field.image[..., 1].astype(float), (9, 9))[clear]
        return background.min() / background.max()

    assert spread(0.0) > 0.98
    assert spread(0.6) < 0.85


def test_defocus_blurs_the_edges_of_the_cells():
    def steepest(defocus):
        green = render_field(4, 480, 360, cells=9, parasitaemia=0, platelets=0, defocus=defocus).image[..., 1]
        smooth = cv2.GaussianBlur(green.astype(float), (0, 0), 2)
        return np.percentile(np.hypot(*np.gradient(smooth)), 99)

    assert steepest(0.5) < 0.6 * steepest(0)


def test_the_clear_field_has_the_background_asked_for():
    tinted = render_field(4, 480, 360, cells=4, background=(250, 228, 180), uneven_light=0)
    assert np.median(tinted.image[tinted.cell_labels == 0], axis=0) == pytest.approx([250, 228, 180], abs=3)


def test_an_overlap_that_is_no_share_is_refused():
    with pytest.raises(ValueError, match="overlap is a share"):
        render_field(0, 480, 360, cells=4, overlap=1.2)
