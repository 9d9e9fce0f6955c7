"""Training the network that reads fields: scenes, targets, a run from start to finish."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from plasmoscope.cli import app
from plasmoscope.networks import read_network
from plasmoscope.segmentation.card import FieldCard
from plasmoscope.segmentation.reader import SHIPPED_READER, FieldReader
from plasmoscope.segmentation.vocabulary import Film, Tissue
from plasmoscope.synthetic.dataset import write_cells
from plasmoscope.synthetic.rendering import cell_box, render_field
from plasmoscope.training.fields.composites import Stock, compose
from plasmoscope.training.fields.cutouts import cut_out
from plasmoscope.training.fields.elsewhere import something_else, thick_film
from plasmoscope.training.fields.labelled import FieldDataError, is_aside, read_boxed_fields
from plasmoscope.training.fields.recipe import field_recipe_names, load_field_recipe
from plasmoscope.training.fields.run import train_fields
from plasmoscope.training.fields.scene import Scene, SceneObject
from plasmoscope.training.fields.targets import RAYS, STRIDE, targets_of
from plasmoscope.training.recipe import RecipeError
from plasmoscope.training.run_folder import RunError

CLEAR = np.array([235.0, 225.0, 230.0])


def disc(radius: int, colour: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    mask = np.hypot(x, y) <= radius
    return np.where(mask[:, :, None], np.array(colour), CLEAR).astype(np.uint8), mask


@pytest.fixture(scope="module")
def stock() -> Stock:
    red = [cut_out(*disc(radius, (200, 150, 170)), CLEAR, 1.0) for radius in (24, 26, 28)]
    white = [cut_out(*disc(36, (90, 40, 120)), CLEAR, 1.6)]
    platelets = [cut_out(*disc(8, (150, 90, 150)), CLEAR, 0.3)]
    return Stock([red], white, platelets)


def circle(x: float, y: float, radius: float) -> np.ndarray:
    angles = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    return np.stack([x + radius * np.cos(angles), y + radius * np.sin(angles)], axis=1).astype(np.float32)


def scene_of(*objects: SceneObject) -> Scene:
    return Scene(np.zeros((128, 128, 3), np.uint8), list(objects), np.zeros((128, 128), np.uint8), Film.THIN)


def test_a_composed_scene_tells_where_its_cells_are(stock: Stock) -> None:
    scene = compose(np.random.default_rng(5), stock, 192)
    tissues = scene.tissues()
    assert scene.image.shape == (192, 192, 3)
    assert scene.film is Film.THIN
    assert sum(thing.tissue is Tissue.RED_CELL for thing in scene.objects) > 5
    # What is drawn as a red cell looks other than what is drawn as clear.
    seen = [np.median(scene.image[tissues == tissue], axis=0) for tissue in (Tissue.CLEAR, Tissue.RED_CELL)]
    assert np.abs(seen[0] - seen[1]).max() > 5


def test_the_same_seed_composes_the_same_scene(stock: Stock) -> None:
    one, other = (compose(np.random.default_rng(8), stock, 128) for _ in range(2))
    assert np.array_equal(one.image, other.image)
    assert len(one.objects) == len(other.objects)


def test_thick_films_and_other_pictures_hold_no_red_cell(stock: Stock) -> None:
    for seed in range(12):
        rng = np.random.default_rng(seed)
        for scene in (thick_film(rng, stock, 96), something_else(rng, 96)):
            assert scene.film in (Film.THICK, Film.OTHER)
            assert not (scene.tissues() == Tissue.RED_CELL).any()


def test_rays_of_a_circle_are_its_radius_at_its_middle() -> None:
    targets = targets_of(scene_of(SceneObject(Tissue.RED_CELL, circle(64, 64, 20))), np.random.default_rng(0))
    assert targets.rays.shape[1] == RAYS
    for (row, column), rays in zip(targets.points, targets.rays, strict=True):
        middle = STRIDE * np.array([column, row]) + (STRIDE - 1) / 2
        angles = np.arange(RAYS) * 2 * np.pi / RAYS
        reached = middle + rays[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        assert np.hypot(*(reached - 64).T) == pytest.approx(20, abs=1.2)
    assert targets.depth.max() == 1
    assert targets.depth[32, 32] > 0.9


def test_overlapping_cells_each_have_their_own_depth() -> None:
    scene = scene_of(*(SceneObject(Tissue.RED_CELL, circle(x, 64, 20)) for x in (50, 76)))
    depth = targets_of(scene, np.random.default_rng(0)).depth[32]
    assert depth[25] > 0.9
    assert depth[38] > 0.9
    assert depth[31] < 0.7


def test_what_is_unknown_teaches_nothing() -> None:
    scene = scene_of(SceneObject(Tissue.RED_CELL, circle(64, 64, 20)))
    scene.surface[:30] = Tissue.UNKNOWN
    targets = targets_of(scene, np.random.default_rng(0))
    assert (targets.depth[:15] == -1).all()
    assert (targets.tissue[:15] == Tissue.UNKNOWN).all()


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_turned_scene_has_its_outlines_where_its_cells_are(turns: int, mirrored: bool) -> None:
    scene = scene_of(SceneObject(Tissue.RED_CELL, circle(30, 50, 12)))
    cv2.circle(scene.image, (30, 50), 12, (255, 255, 255), cv2.FILLED)
    turned = scene.turned(turns, mirrored)
    inside = turned.tissues() == Tissue.RED_CELL
    assert (inside == (turned.image[:, :, 0] > 0)).mean() > 0.99


def test_the_part_kept_aside_holds_whole_slides_and_blocks() -> None:
    blocks = {number: is_aside(f"{number}.jpg", "block") for number in range(1, 501)}
    assert sum(blocks.values()) == 100
    assert all(blocks[number] == blocks[number + 49] for number in range(1, 501, 50))
    assert is_aside("L3733PV1.jpg", "slide") == is_aside("L3733PV20.jpg", "slide")
    assert is_aside("L35PF 3.jpg", "slide") == is_aside("L35PF 17.jpg", "slide")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rendered cells, boxed fields, fields with centres and thick films, laid out as the recipe that ships wants."""
    root = tmp_path_factory.mktemp("fields")
    write_cells(root / "nih_cells.zip", fields=5, seed=3)
    images: list[dict[str, object]] = []
    annotations: list[dict[str, object]] = []
    centres = ["image,x,y,class"]
    for folder in ("fields_txl", "fields_chula", "fields_nih", "thick_films"):
        (root / folder / "images").mkdir(parents=True)
    for number in range(1, 13):
        field = render_field(number, 320, 240, cells=22, cell_diameter=44, white_cells=1, platelets=4, parasitaemia=0.1)
        name = f"{number}.png"
        Image.fromarray(field.image).save(root / "fields_txl" / "images" / name)
        images.append({"id": number, "file_name": name, "width": 320, "height": 240})
        boxes = [(1, cell_box(field, index)) for index in range(len(field.cells))]
        boxes += [({"white_cell": 2, "platelet": 3}[thing.kind], thing.box) for thing in field.objects]
        for kind, box in boxes:
            annotation = {
                "image_id": number,
                "category_id": kind,
                "bbox": [int(value) for value in box],
                "id": len(annotations),
            }
            annotations.append(annotation)
    kinds = [{"id": 1, "name": "red_cell"}, {"id": 2, "name": "white_cell"}, {"id": 3, "name": "platelet"}]
    truth = {"images": images, "annotations": annotations, "categories": kinds}
    (root / "fields_txl" / "truth.json").write_text(json.dumps(truth))
    for number in (1, 201):
        field = render_field(number, 320, 240, cells=22, cell_diameter=44)
        Image.fromarray(field.image).save(root / "fields_chula" / "images" / f"{number}.png")
        centres += [f"{number}.png,{cell.centre[0]:.0f},{cell.centre[1]:.0f},0" for cell in field.cells]
    (root / "fields_chula" / "centres.csv").write_text("\n".join(centres))
    rng = np.random.default_rng(0)
    for number in range(12):
        haze = cv2.GaussianBlur(rng.normal(190, 60, (160, 160, 3)), (0, 0), 6).clip(0, 255).astype(np.uint8)
        Image.fromarray(haze).save(root / "thick_films" / "images" / f"L{number}PF 1.png")
        field = render_field(60 + number, 320, 240, cells=22, cell_diameter=44)
        Image.fromarray(field.image).save(root / "fields_nih" / "images" / f"{number}.png")
    return root


def shortened():
    recipe = load_field_recipe("field_reader").shortened()
    # Networks of two steps outline nothing.
    phases = tuple(
        phase.model_copy(update={"sources": tuple(s for s in phase.sources if s.kind != "outlined")})
        for phase in recipe.phases[:2]
    )
    return recipe.model_copy(update={"phases": phases, "widths": (8, 8, 8, 8, 8)})


@pytest.fixture(scope="module")
def finished(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run and its cache; for tests to copy."""
    folder = tmp_path_factory.mktemp("finished")
    train_fields(shortened(), data, folder / "run", folder / "cache", say=lambda line: None)
    return folder


@pytest.mark.slow
def test_a_run_leaves_a_network_that_reads_and_says_how_it_came_about(
    finished: Path, data: Path, tmp_path: Path
) -> None:
    lines: list[str] = []
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    card = read_network(tmp_path / "run" / "model.onnx", FieldCard)[1]
    network, kept = read_network(tmp_path / "run" / "model.onnx", FieldCard)
    assert kept == card
    assert "fields_txl" in card.data.sources
    assert card.data.steps == 4
    for file in ("config.json", "environment.json", "history.csv", "learning_curves.png", "weights.safetensors"):
        assert (tmp_path / "run" / file).exists()
    image = render_field(1, 200, 150, cells=8, cell_diameter=40).image
    reading = FieldReader(network, card, threads=1).read(image, np.full(3, 255, np.float32))
    assert reading.tissue.shape == (75, 100)
    assert reading.film.sum() == pytest.approx(1, abs=1e-4)
    # The same command again finds it finished; another recipe does not fit the folder.
    assert train_fields(shortened(), data, tmp_path / "run", tmp_path / "cache", say=lines.append) == card
    assert "finished" in lines[-1]
    other = shortened().model_copy(update={"working_diameter": 32.0})
    with pytest.raises(RunError, match="another recipe"):
        train_fields(other, data, tmp_path / "run", tmp_path / "cache", say=lines.append)


@pytest.mark.slow
def test_a_run_goes_on_with_the_phase_that_it_had_not_begun(finished: Path, data: Path, tmp_path: Path) -> None:
    lines: list[str] = []
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    for file in ("model.json", "phases/phase-2.safetensors"):
        (tmp_path / "run" / file).unlink()
    train_fields(shortened(), data, tmp_path / "run", tmp_path / "cache", say=lines.append)
    assert not any(line.startswith("phase 1") for line in lines)
    assert any(line.startswith("phase 2") for line in lines)


def test_self_training_trusts_outlines_with_one_centre(data: Path) -> None:
    from plasmoscope.training.fields.outlining import outline_fields

    (field,) = outline_fields(data / "fields_chula", "block", False, FieldReader.load(threads=1))
    assert field.name == "1.png"
    reds = [thing for thing in field.objects if thing.tissue is Tissue.RED_CELL]
    assert 15 <= len(reds) <= 22
    assert field.diameter == pytest.approx(44, rel=0.1)
    aside = outline_fields(data / "fields_chula", "block", True, FieldReader.load(threads=1))
    assert [field.name for field in aside] == ["201.png"]


def test_boxed_fields_are_read_in_two_parts(data: Path) -> None:
    parts = [[field.name for field in read_boxed_fields(data / "fields_txl", aside)] for aside in (False, True)]
    assert len(parts[0]) + len(parts[1]) == 12
    assert not set(parts[0]) & set(parts[1])
    assert parts[1]


def test_a_missing_source_is_named(tmp_path: Path) -> None:
    with pytest.raises(FieldDataError, match="fields_txl"):
        train_fields(load_field_recipe("field_reader"), tmp_path, tmp_path / "run", tmp_path / "cache")
    run = tmp_path / "other run"
    result = CliRunner().invoke(app, ["train-fields", "field_reader", "--data", str(tmp_path), "--output", str(run)])
    assert isinstance(result.exception, FieldDataError)
    assert not run.exists()


def test_every_field_recipe_that_ships_is_valid_and_a_wrong_one_is_told() -> None:
    assert "field_reader" in field_recipe_names()
    for name in field_recipe_names():
        load_field_recipe(name)
    with pytest.raises(RecipeError, match="field_reader"):
        load_field_recipe("nothing")


def test_the_card_of_the_network_that_ships_fits_its_recipe() -> None:
    _, card = read_network(SHIPPED_READER, FieldCard)
    recipe = load_field_recipe("field_reader")
    assert card.working_diameter == recipe.working_diameter
    assert card.data.steps == sum(phase.steps for phase in recipe.phases)
