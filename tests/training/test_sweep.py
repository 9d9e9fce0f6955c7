"""The best of many settings: proposed, judged on validation alone, pruned, stopped and gone on with."""

import csv
from pathlib import Path
from typing import Any

import pytest

from command_line import rows, run
from plasmoscope.data.nih import load_nih
from plasmoscope.errors import PlasmoscopeError
from plasmoscope.training import sweep as sweeping
from plasmoscope.training.recipe import Recipe, RecipeError, load_recipe
from plasmoscope.training.run_folder import DivergedError, RunError
from plasmoscope.training.sweep import SweepError, read_space, sweep, write_recipe

RECIPE = load_recipe("basic_cnn").changed(["image_size=32", "cache_size=32", "phases.0.epochs=2", "split=seed42"])
SPACE = """
"phases.0.learning_rate" = { low = 1e-4, high = 1e-2, log = true }
batch_size = [16, 64]
[phases.0]
plateau_patience = { low = 1, high = 5 }
"""


def space_in(folder: Path, text: str = SPACE) -> Path:
    (folder / "space.toml").write_text(text)
    return folder / "space.toml"


@pytest.fixture
def learnt(monkeypatch: pytest.MonkeyPatch) -> list[Recipe]:
    """Settings that were trained, each as good on validation as its rate is near to 0.003; no network learns."""
    tried: list[Recipe] = []

    def learn(recipe: Recipe, dataset: Any, folder: Path, *more: Any) -> list[dict[str, float]]:
        folder.mkdir(parents=True)
        tried.append(recipe)
        return [{"val_accuracy": 1 - abs(recipe.phases[0].learning_rate - 0.003)}, {"val_accuracy": 0.1}]

    monkeypatch.setattr(sweeping, "learn", learn)
    return tried


def test_the_best_of_all_settings_is_written_as_a_recipe_and_the_recipes_own_came_first(
    few_cells: Path, tmp_path: Path, learnt: list[Recipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    space, folder = space_in(tmp_path), tmp_path / "sweep"
    data = load_nih(few_cells)
    for trials in (4, 8):
        best = sweep(RECIPE, read_space(space, RECIPE), data, folder, tmp_path, trials, say=lambda line: None)
    assert len(learnt) == 8, "the second call goes on where the first ended"
    assert learnt[0].phases == RECIPE.phases
    assert len({recipe.phases[0].learning_rate for recipe in learnt}) == 8, "nothing is tried twice"
    nearest = min(learnt, key=lambda recipe: abs(recipe.phases[0].learning_rate - 0.003))
    assert best.phases == nearest.phases
    assert load_recipe(folder / "best.toml") == best
    assert best.name == "basic_cnn_best"
    assert best.published.accuracy is None, "what was published was reached with other settings"
    table = rows(folder / "trials.csv")
    assert [row["state"] for row in table] == ["complete"] * 8
    assert float(table[0]["phases.0.learning_rate"]) == RECIPE.phases[0].learning_rate
    with pytest.raises(SweepError, match="another recipe, space"):
        sweep(RECIPE.changed(["batch_size=8"]), read_space(space, RECIPE), data, folder, tmp_path, 9)


@pytest.mark.slow
def test_settings_are_trained_pruned_and_gone_on_with_after_a_kill(
    few_cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = read_space(space_in(tmp_path, "batch_size = { low = 9, high = 64 }"), RECIPE)
    given = (RECIPE, space, load_nih(few_cells), tmp_path / "sweep", tmp_path)
    told = sweeping._Reporting.on_train_epoch_end
    epochs: list[int] = []

    def killed(self: Any, trainer: Any, module: Any) -> None:
        epochs.append(trainer.current_epoch)
        told(self, trainer, module)
        if len(epochs) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(sweeping._Reporting, "on_train_epoch_end", killed)
    with pytest.raises(KeyboardInterrupt):
        sweep(*given, 1)
    assert not (tmp_path / "sweep" / "best.toml").exists()
    sweep(*given, 1)
    assert epochs == [0, 1, 1], "from its last whole epoch"
    monkeypatch.setattr("optuna.trial.Trial.should_prune", lambda self: True)
    said: list[str] = []
    sweep(*given, 3, say=said.append)
    with (tmp_path / "sweep" / "trials.csv").open(encoding="utf-8-sig") as stream:
        table = list(csv.DictReader(stream))
    assert [row["setting"] for row in table] == ["1", "2", "3"]
    assert table[0]["state"] == "complete"
    assert [(row["state"], row["epochs"]) for row in table[1:]] == [("pruned", "1")] * 2
    assert said[0].startswith("Setting 2 of 3: batch_size ")
    assert not [*(tmp_path / "sweep" / "trials").iterdir()], "what is not the best needs no room"


def test_a_setting_that_diverges_is_one_that_was_tried_but_a_missing_accelerator_ends_the_sweep(
    few_cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def learn(recipe: Recipe, dataset: Any, folder: Path, *more: Any) -> list[dict[str, float]]:
        folder.mkdir(parents=True)
        raise DivergedError("nan") if fault == "nan" else RunError(fault)

    monkeypatch.setattr(sweeping, "learn", learn)
    space = read_space(space_in(tmp_path), RECIPE)
    for fault, told in (("nan", "No setting could be trained to its end"), ("no such accelerator", "no such")):
        with pytest.raises(PlasmoscopeError, match=told):
            sweep(RECIPE, space, load_nih(few_cells), tmp_path / fault, tmp_path, 2)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("batch_size = 3", "takes a list of values or a range"),
        ("batch_size = []", "nothing to choose from"),
        ("batch_size = { low = 5, high = 4 }", "low below high"),
        ('"phases.0.learning_rate" = { low = 0, high = 1, log = true }', "above 0 where log"),
        ("", "names no field"),
        ("batch_size = [", "cannot be read"),
    ],
)
def test_a_space_that_cannot_be_searched_says_why(text: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(SweepError, match=why):
        read_space(space_in(tmp_path, text), RECIPE)


def test_a_field_that_there_is_not_is_named_before_anything_is_trained(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="warp"):
        read_space(space_in(tmp_path, "warp = [1]"), RECIPE)
    with pytest.raises(RecipeError, match="batch_size"):
        read_space(space_in(tmp_path, "batch_size = { low = 0, high = 9 }"), RECIPE)


@pytest.mark.parametrize("name", ["mobilenet_v2_fields", "resnet34"])
def test_a_recipe_that_is_written_is_read_as_the_same(name: str, tmp_path: Path) -> None:
    recipe = load_recipe(name)
    write_recipe(recipe, tmp_path / "own.toml")
    assert load_recipe(tmp_path / "own.toml") == recipe


def test_the_command_tells_where_all_settings_are(
    few_cells: Path, tmp_path: Path, learnt: list[Recipe], monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    arguments = ("--data", few_cells, "--search", space_in(tmp_path), "--trials", 2, "--output", tmp_path / "sweep")
    assert run("sweep", "basic_cnn", *arguments, monkeypatch=monkeypatch) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "the best of 2 settings on validation cells" in said
    assert "is optimistic" in said
