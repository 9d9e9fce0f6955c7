from itertools import pairwise
from pathlib import Path

import pytest
from typer.testing import CliRunner

from doc_pages import ROOT, blocks, commands
from plasmoscope.cli import app
from plasmoscope.training.recipe import RecipeError, load_recipe, recipe_names


def test_the_published_recipe_is_as_published() -> None:
    recipe = load_recipe("mobilenet_v2")
    assert (recipe.image_size, recipe.batch_size, recipe.label_smoothing, recipe.gradient_clip) == (224, 64, 0.1, 1.0)
    table = [
        (phase.epochs, phase.optimizer, phase.learning_rate, phase.weight_decay, phase.schedule, phase.patience)
        for phase in recipe.phases
    ]
    assert table == [
        (5, "adam", 1e-3, 1e-4, "cosine", None),
        (10, "adam", 3e-4, 1e-4, "cosine", None),
        (15, "adam", 1e-5, 1e-5, "cosine", 7),
    ]


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_that_comes_along_is_valid_and_named_as_its_file(name: str) -> None:
    assert load_recipe(name).name == name


def test_a_mistake_in_a_recipe_is_named_by_its_field(tmp_path: Path) -> None:
    from importlib.resources import files

    text = files("plasmoscope.training").joinpath("recipes", "mobilenet_v2.toml").read_text()
    file = tmp_path / "mine.toml"
    file.write_text(text.replace("learning_rate = 3e-4", "learning_rate = -1"))
    with pytest.raises(RecipeError, match=r"phases\.1\.learning_rate"):
        load_recipe(file)
    file.write_text(text.replace("hue =", "hew ="))
    with pytest.raises(RecipeError, match=r"augmentation\.hew"):
        load_recipe(file)
    file.write_text(text.replace("crop_area = [0.8, 1.0]", "crop_area = [1.0, 0.8]"))
    with pytest.raises(RecipeError, match=r"augmentation\.crop_area"):
        load_recipe(file)
    file.write_text("name = ")
    with pytest.raises(RecipeError, match="TOML"):
        load_recipe(file)


def test_a_recipe_takes_from_another_what_it_leaves_out(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('like = "mobilenet_v2_96"\nname = "mine"\nimage_size = 80\n')
    mine, shipped = load_recipe(file), load_recipe("mobilenet_v2_96")
    assert mine.name == "mine"
    assert mine.differences(shipped) == ["image_size 80 instead of 96"]
    file.write_text('like = "nothing_such"\n')
    with pytest.raises(RecipeError, match="There is no recipe 'nothing_such'"):
        load_recipe(file)


def test_an_unknown_recipe_lists_the_known_ones() -> None:
    with pytest.raises(RecipeError, match="mobilenet_v2_96"):
        load_recipe("resnet_9000")


def test_a_field_can_be_changed_by_name_and_the_change_is_told() -> None:
    recipe = load_recipe("mobilenet_v2")
    changed = recipe.changed(["image_size=96", "phases.0.epochs=2", "split=patient-1", "model_options.dropout=0.1"])
    assert (changed.image_size, changed.phases[0].epochs, changed.split) == (96, 2, "patient-1")
    assert changed.model_options == {"dropout": 0.1}
    assert changed.differences(recipe)[:2] == [
        "model_options.dropout 0.1 instead of nothing",
        "split patient-1 instead of seed42",
    ]
    assert recipe.differences(recipe) == []
    assert recipe.changed(["ema_decay=0.9"]).differences(recipe) == ["ema_decay 0.9 instead of nothing"]
    shorter = recipe.model_copy(update={"phases": recipe.phases[:1]})
    assert shorter.differences(recipe) == ["phases 1 instead of 3"]


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("image_size=3", "image_size"),
        ("phases.0.speed=3", r"phases\.0\.speed"),
        ("phases.7.epochs=3", r"phases\.7\.epochs"),
        ("epochs", "field=value"),
    ],
)
def test_a_change_that_makes_no_sense_is_named(setting: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        load_recipe("mobilenet_v2").changed([setting])


def test_the_list_of_recipes_shows_their_names_whole_in_a_narrow_terminal() -> None:
    listed = CliRunner().invoke(app, ["recipes"], env={"COLUMNS": "80"}).output
    assert all(f" {name} " in listed for name in recipe_names())
    assert "…" not in listed


def test_an_unknown_field_is_told_beside_those_that_there_are() -> None:
    with pytest.raises(RecipeError, match=r"phases\.0\.speed: .*known: epochs, .*\)$"):
        load_recipe("basic_cnn").changed(["phases.0.speed=3"])
    with pytest.raises(RecipeError, match=r"augmentation\.tilt: .*known: .*shear_degrees"):
        load_recipe("basic_cnn").changed(["augmentation.tilt=3"])


def test_a_mistake_in_the_only_phase_is_the_one_that_is_told() -> None:
    with pytest.raises(RecipeError, match="trainable names nothing") as caught:
        load_recipe("basic_cnn").changed(["phases.0.trainable=[]"])
    assert "at least 1 item" not in str(caught.value)
    with pytest.raises(RecipeError, match="at least 1 item"):
        load_recipe("basic_cnn").changed(["phases=[]"])


def test_a_recipe_in_another_encoding_is_not_called_missing(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_bytes('name = "Ångström"'.encode("latin-1"))
    with pytest.raises(RecipeError, match="UTF-8"):
        load_recipe(tmp_path / "mine.toml")


def test_features_cannot_be_cached_under_augmentation() -> None:
    with pytest.raises(RecipeError, match="cached_features"):
        load_recipe("mobilenet_residual").changed(["augmentation.horizontal_flip=true"])


def test_a_phase_may_train_at_a_smaller_size_but_not_the_last() -> None:
    recipe = load_recipe("resnet34_scratch")
    assert [recipe.image_size_of(phase) for phase in recipe.phases] == [48, 64]
    assert [recipe.cache_size_of(phase) for phase in recipe.phases] == [72, 64]
    with pytest.raises(RecipeError, match=r"phases\.1\.image_size"):
        recipe.changed(["phases.1.image_size=48"])


def test_a_recipe_may_be_saved_as_windows_saves_text(tmp_path: Path) -> None:
    from importlib.resources import files

    text = files("plasmoscope.training").joinpath("recipes", "mobilenet_v2_96.toml").read_text("utf-8")
    for encoding in ("utf-8-sig", "utf-16"):
        (tmp_path / "mine.toml").write_bytes(text.replace("\n", "\r\n").encode(encoding))
        assert load_recipe(tmp_path / "mine.toml") == load_recipe("mobilenet_v2_96")


def test_every_run_of_the_page_on_ingredients_is_a_recipe_that_differs() -> None:
    lines = [words for block in blocks(ROOT / "docs" / "ablation.md", "sh") for words in commands(str(block.parsed))]
    runs = [words for words in lines if words[1] == "train"]
    assert len(runs) > 10
    for words in runs:
        shipped = load_recipe(words[2])
        settings = [value for option, value in pairwise(words) if option == "--set"]
        changed = shipped.changed(settings)
        assert len(changed.differences(shipped)) == len(settings), settings
