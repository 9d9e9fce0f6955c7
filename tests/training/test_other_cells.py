"""Training cells that the data set lacks."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from plasmoscope.data.nih import load_nih
from plasmoscope.labels import NOT_A_CELL, PARASITIZED, UNINFECTED
from plasmoscope.synthetic.dataset import write_cells
from plasmoscope.synthetic.rendering import render_field
from plasmoscope.training.fields.late_stages import late_stage
from plasmoscope.training.other_cells import Cells, Maker
from plasmoscope.training.recipe import OtherCells, load_recipe
from plasmoscope.training.run import train
from plasmoscope.training.run_folder import RunError, RunOptions

HEALTHY = OtherCells(kind="healthy_fields", path="healthy", aside="block", cells=40)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("other")
    write_cells(root / "nih_cells.zip", fields=6, seed=3)
    (root / "healthy" / "images").mkdir(parents=True)
    images, annotations = [], []
    for number in (1, 2, 201):
        field = render_field(number, 480, 360, cells=25, cell_diameter=50, white_cells=1, platelets=3)
        Image.fromarray(field.image).save(root / "healthy" / "images" / f"{number}.png")
        images.append({"id": number, "file_name": f"{number}.png", "width": 480, "height": 360})
        for kind, x, y in [(1, *cell.centre) for cell in field.cells]:
            annotations.append({"image_id": number, "category_id": kind, "bbox": [x - 25, y - 25, 50, 50]})
        for thing in field.objects:
            kind = {"white_cell": 2, "platelet": 3}[thing.kind]
            annotations.append({"image_id": number, "category_id": kind, "bbox": [int(v) for v in thing.box]})
    for number, annotation in enumerate(annotations):
        annotation["id"] = number
    kinds = [{"id": 1, "name": "red_cell"}, {"id": 2, "name": "white_cell"}, {"id": 3, "name": "platelet"}]
    truth = {"images": images, "annotations": annotations, "categories": kinds}
    (root / "healthy" / "truth.json").write_text(json.dumps(truth))
    return root


def made(data: Path, sources: Sequence[OtherCells], aside: bool = False) -> Cells:
    dataset = load_nih(data / "nih_cells.zip")
    members = np.arange(len(dataset), dtype=np.int64)
    return Maker(data, dataset, members, 48, aside, data / "cache").make(sources)


def test_healthy_fields_give_uninfected_cells_and_what_is_no_cell(data: Path) -> None:
    cells = made(data, [HEALTHY])
    assert cells.pixels.shape[0] == len(cells.labels) <= 40
    assert cells.pixels.shape[1:] == (48, 48, 3)
    assert set(cells.labels.tolist()) == {UNINFECTED, NOT_A_CELL}
    assert (cells.labels == UNINFECTED).sum() > 25


def test_blocks_of_files_are_kept_aside(data: Path) -> None:
    training, aside = made(data, [HEALTHY]), made(data, [HEALTHY], aside=True)
    assert 0 < len(aside.labels) <= 8
    assert not any((aside.pixels[0] == cell).all() for cell in training.pixels)


@pytest.mark.parametrize("kind", ["transplants", "filled"])
def test_a_parasite_is_laid_into_another_laboratorys_cell(data: Path, kind: str) -> None:
    hosts = made(data, [HEALTHY])
    infected = made(data, [OtherCells(kind=kind, cells=20, hosts=(HEALTHY,))])
    assert (infected.labels == PARASITIZED).all()
    healthy = hosts.pixels[hosts.labels == UNINFECTED].astype(int)
    outside = healthy.max(axis=3) <= 25
    for cell in infected.pixels.astype(int):
        # Of its host it has the outline.
        host = (outside != (cell.max(axis=2) <= 25)).mean(axis=(1, 2)).argmin()
        assert (outside[host] != (cell.max(axis=2) <= 25)).mean() < 0.05
        assert 0.001 < (np.abs(healthy[host] - cell).max(axis=2) > 12).mean() < 0.9


def test_composed_cells_are_infected_or_not(data: Path) -> None:
    composed = OtherCells(kind="composed", path="healthy", cells=30)
    cells = made(data, [composed])
    assert len(cells.labels) == 30
    assert set(cells.labels.tolist()) <= {PARASITIZED, UNINFECTED}


def test_pictures_of_nothing_and_doublets_are_no_cells_and_made_once(data: Path) -> None:
    source = OtherCells(kind="no_cells", cells=12, hosts=(HEALTHY,))
    first, again = made(data, [source]), made(data, [source])
    assert (first.labels == NOT_A_CELL).all()
    assert (first.pixels == again.pixels).all()


def test_a_recipe_that_cuts_cells_from_fields_says_where_they_must_lie(data: Path) -> None:
    recipe, dataset = load_recipe("mobilenet_v2_fields"), load_nih(data / "nih_cells.zip")
    with pytest.raises(RunError, match="--other-data"):
        train(recipe, dataset, data / "run", data / "cache")
    with pytest.raises(RunError, match="no fields_chula/images, fields_txl/images, plasmocount_crops/images in"):
        train(recipe, dataset, data / "run", data / "cache", RunOptions(other_data=data))


@pytest.mark.parametrize("across", [12, 40, 96])
def test_a_drawn_late_stage_is_seen_in_its_cell_and_nowhere_else(across: int) -> None:
    y, x = np.mgrid[:across, :across] - (across - 1) / 2
    mask = (np.hypot(x, y) < across / 2).astype(np.float32)
    for seed in range(10):
        laid = late_stage(np.random.default_rng(seed), mask, float(across))
        assert not laid[mask == 0].any()
        assert laid[mask > 0].min() >= 0
        assert laid[:, :, 1][mask > 0].mean() > 0.02
    assert not late_stage(np.random.default_rng(0), np.zeros_like(mask), float(across)).any()
