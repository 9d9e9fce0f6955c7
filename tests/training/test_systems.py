"""What the systems need beyond one network: cached features, mixing, rates by depth, many processes, comparison."""

import json
import math
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from typer.testing import CliRunner

from patience import PATIENCE
from plasmoscope.cli import app
from plasmoscope.data.nih import load_nih
from plasmoscope.evaluation.comparison import ComparisonError, Cost, Row, comparison_rows, cost, labels, read_run
from plasmoscope.evaluation.comparison_report import budget_table, cost_table, seeds_table
from plasmoscope.evaluation.published import figures_of, read_published
from plasmoscope.training.batches import CachedCells
from plasmoscope.training.features import cached_features, split_stages
from plasmoscope.training.lr_range import _steepest, learning_rate_range_test
from plasmoscope.training.models import build_model
from plasmoscope.training.module import PhaseModule
from plasmoscope.training.phases import initial_model
from plasmoscope.training.recipe import RecipeError, load_recipe
from plasmoscope.training.run import train
from plasmoscope.training.run_folder import RunOptions
from plasmoscope.training.summary import summarise_stages

CPU = torch.device("cpu")
NO_BATCH_EFFECTS = """
name = "plain"
description = "a network whose step does not depend on how a batch is shared out"
source = "tests"
model = "basic_cnn"
model_options = { dropout = 0.0 }
weights = "random"
image_size = 32
cache_size = 32
mean = [0.5, 0.5, 0.5]
std = [0.25, 0.25, 0.25]
batch_size = 16
gradient_clip = 1.0
[[phases]]
epochs = 1
learning_rate = 1e-3
"""
RUN = load_recipe("basic_cnn").shortened().changed(["image_size=32", "cache_size=32", "split=seed42"])


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (40, 64, 64, 3), np.uint8)


def silent(message: str) -> None:
    pass


def test_cached_features_are_what_the_frozen_stages_give(pixels: np.ndarray, tmp_path: Path) -> None:
    torch.manual_seed(0)
    recipe = load_recipe("mobilenet_residual")
    model = build_model("mobilenet_residual", 64)
    images = (torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255 - 0.5) / 0.5
    for _ in range(20):
        # Statistics that fit the cells keep a random network's features apart.
        model(images)
    model.eval()
    frozen, rest = split_stages(model, recipe.phases[0].trainable)
    assert [name for name, _ in frozen.named_children()][-1] == "block_8"
    features = cached_features(frozen, pixels, recipe.mean, recipe.std, CPU, tmp_path)
    with torch.no_grad():
        whole = model(images)
        parts = rest(torch.from_numpy(features).float())
    # Half precision costs a little; another cell's features would be off by the spread between cells.
    assert (whole - parts).abs().mean() < 0.2 * whole.std(dim=0).mean()


def test_features_are_computed_once(pixels: np.ndarray, tmp_path: Path) -> None:
    frozen = nn.Sequential(nn.Conv2d(3, 4, 3))
    calls: list[int] = []
    frozen.register_forward_hook(lambda *_: calls.append(1))
    for _ in range(2):
        cached_features(frozen, pixels, (0, 0, 0), (1, 1, 1), CPU, tmp_path)
        made = len(calls)
    assert made == 2  # one to learn the shape, one for the cells
    with torch.no_grad():
        frozen[0].weight.add_(0.1)  # type: ignore[operator]
    cached_features(frozen, pixels, (0, 0, 0), (1, 1, 1), CPU, tmp_path)
    assert len(calls) == 4


def test_a_network_without_frozen_stages_has_no_features_to_cache() -> None:
    with pytest.raises(RecipeError, match="cached_features"):
        split_stages(build_model("basic_cnn", 32), ("",))


def test_frozen_statistics_stay_while_learning_ones_move() -> None:
    recipe = load_recipe("mobilenet_residual")
    module = PhaseModule(build_model("mobilenet_residual", 64), recipe, 0, 0, False)
    before = {name: value.clone() for name, value in module.model.named_buffers()}
    module.train()
    module.model(torch.randn(4, 3, 64, 64))
    moved = {name.split(".")[1] for name, value in module.model.named_buffers() if not torch.equal(value, before[name])}
    learning = ["conv_pw_9", "conv_dw_10", "conv_pw_10", "conv_dw_11", "conv_pw_11", "conv_dw_12"]
    assert moved == {f"{layer}_bn" for layer in learning}


def test_rates_grow_geometrically_from_the_first_stage_to_the_last() -> None:
    recipe = load_recipe("resnet34")
    module = PhaseModule(build_model("resnet34", 64), recipe, 1, 0, False)
    rates = [group["lr"] for group in module._parameter_groups()]
    assert rates[0] == pytest.approx(1e-6)
    assert rates[-1] == pytest.approx(1e-5)
    steps = np.diff(np.log(rates))
    assert len(rates) == 7
    assert np.allclose(steps, math.log(10) / 6)


def test_warm_up_grows_to_the_peak_and_the_cosine_ends_at_its_share() -> None:
    recipe = load_recipe("plasmosenet")
    module = PhaseModule(nn.Sequential(nn.Linear(2, 2)), recipe, 0, 0, False)
    [optimizer], [schedule] = module.configure_optimizers()
    rates = []
    for _ in range(151):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert rates[0] == pytest.approx(1e-4)
    assert int(np.argmax(rates)) == 10
    assert max(rates) == pytest.approx(1e-3)
    assert rates[150] == pytest.approx(1e-6)


def test_mixing_blends_cells_and_their_labels_alike() -> None:
    recipe = load_recipe("plasmosenet").changed(["cutmix_alpha=0", "augmentation={}", "image_size=32"])
    module = PhaseModule(build_model("plasmosenet", 32), recipe, 0, 0, False)
    assert module.mix is not None
    torch.manual_seed(1)
    labels = torch.tensor([0, 1] * 8)
    # Parasitized cells are white, so a blend's brightness is its share.
    images = (1 - labels.float())[:, None, None, None].expand(16, 3, 32, 32)
    mixed, shares = module.mix(images, labels)
    assert torch.allclose(mixed.mean(dim=(1, 2, 3)), shares[:, 0], atol=1e-5)
    assert torch.any((shares > 0.001) & (shares < 0.999))


@pytest.mark.slow
def test_two_processes_learn_what_one_learns(few_cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "plain.toml").write_text(NO_BATCH_EFFECTS)
    recipe = load_recipe(tmp_path / "plain.toml")
    alone = RunOptions(accelerator="cpu", precision="32")
    train(recipe, load_nih(few_cells), tmp_path / "run1", tmp_path / "cache", alone, say=silent)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    arguments = ["plain.toml", "--data", str(few_cells), "--output", "run2", "--cache", "cache"]
    arguments += ["--devices", "2", "--accelerator", "cpu", "--precision", "32"]
    command = [sys.executable, "-m", "plasmoscope", "train", *arguments]
    finished = subprocess.run(command, check=False, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE)
    assert finished.returncode == 0, finished.stderr
    start = initial_model(recipe, RunOptions()).state_dict()
    ends = [load_file(tmp_path / name / "weights.safetensors") for name in ("run1", "run2")]
    one, two = (torch.cat([(end[name] - start[name]).flatten() for name in start]) for end in ends)
    # Adam makes much of rounding where a gradient is nearly nothing: on one processor or another such weights part by
    # 0.001 of the way. Processes that learn from their own cells alone part by 0.8 of it.
    assert (one - two).norm() < 0.1 * one.norm()
    assert one.norm() > 0
    history = (tmp_path / "run2" / "history.csv").read_text().splitlines()
    assert len(history) == 2


def test_the_range_test_suggests_a_rate_between_no_progress_and_divergence(nih_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "plain.toml").write_text(NO_BATCH_EFFECTS)
    recipe = load_recipe(tmp_path / "plain.toml")
    rng = np.random.default_rng(0)
    labels = np.arange(64) % 2
    # Bright against dark: easily learnt.
    images = (rng.integers(0, 60, (64, 32, 32, 3)) + 150 * labels[:, None, None, None]).astype(np.uint8)
    torch.manual_seed(0)
    model = build_model("basic_cnn", 32)
    before = model.state_dict()["head.0.weight"].clone()
    result = learning_rate_range_test(model, recipe, 0, CachedCells(images, labels, np.arange(64)), steps=60)
    assert torch.equal(model.state_dict()["head.0.weight"], before)
    assert result.suggestion is not None
    assert 1e-6 < result.suggestion < 1
    assert min(result.losses) < result.losses[0]
    assert result.losses[0] == pytest.approx(np.log(2), abs=0.1), "at first the network knows nothing"


def test_no_rate_is_suggested_on_the_brink_of_divergence() -> None:
    rates = np.logspace(-6, 0, 61)
    losses = 1 - np.linspace(0, 1, 61) ** 4
    losses[51:] = np.nan
    suggestion = _steepest(rates, losses)
    assert suggestion is not None
    assert suggestion <= rates[50] / 10 * 1.001
    assert _steepest(rates, -losses) is None, "a loss that only rises falls nowhere"


def check_published_cells(folds: Row, folder: Path) -> None:
    tables = [folder / f"basic_cnn-patient-{fold}-seed0-test-1-view.csv.gz" for fold in (0, 1)]
    for run, table in zip(folds.runs, tables, strict=True):
        evaluation = run.evaluation("test", 1)
        assert evaluation is not None
        for name, figure in figures_of(read_published(table)).items():
            assert figure.value == pytest.approx(evaluation.figures[name].value, abs=1e-8, nan_ok=True)
    result = CliRunner().invoke(app, ["recompute", *map(str, tables)])
    assert f"{folds.cells} cells. In brackets: 95 % bootstrap intervals, drawn by patients" in " ".join(
        result.output.split()
    )


def check_seeds(folds: Row) -> None:
    again = [replace(run, seed=1) for run in folds.runs]
    seeds = comparison_rows([*folds.runs, *again], "test", 1)
    assert [row.split for row in seeds] == ["patient, 2 folds, 2 seeds"]
    assert seeds[0].cells == folds.cells
    assert seeds[0].of_seeds("accuracy") == pytest.approx([folds.figures["accuracy"].value] * 2)
    assert "± 0.00 " in seeds_table(seeds).rows[0][3]
    assert seeds[0].calls().correct.tolist() == folds.calls().correct.tolist()
    assert len(comparison_rows([*folds.runs, again[0]], "test", 1)) == 2, "seeds of other folds are no such seeds"
    assert len(comparison_rows([*folds.runs, *folds.runs], "test", 1)) == 2, "the same again is no second seed"


@pytest.mark.slow
@pytest.mark.usefixtures("exported_once")
def test_compare_writes_every_run_with_its_protocol(trained_run: Path, nih_folder: Path, tmp_path: Path) -> None:
    def evaluate(folder: Path, *more: str) -> str:
        arguments = ["evaluate", "--model", str(folder), "--data", str(nih_folder), "--part", "test", *more]
        assert CliRunner().invoke(app, arguments).exit_code == 0
        return (folder / "evaluations" / "test-1-view.json").read_text()

    folders = [str(shutil.copytree(trained_run, tmp_path / "cells"))]
    figures = evaluate(tmp_path / "cells", "--tta", "1")
    own = evaluate(tmp_path / "cells", "--threshold", "0.01")
    assert own == figures, "a threshold of one's own is no figure of the run"
    for fold in (0, 1):
        folder, recipe = tmp_path / f"fold{fold}", RUN.changed([f"split=patient-{fold}"])
        train(recipe, load_nih(nih_folder), folder, tmp_path, RunOptions(from_scratch=True), say=silent)
        evaluate(folder, "--tta", "1")
        folders.append(str(folder))
    output = tmp_path / "RESULTS.md"
    assert CliRunner().invoke(app, ["compare", *folders, "--output", str(output)]).exit_code == 0
    assert "plasmosenet" not in output.read_text(), "what nobody trained is not asked for"
    result = CliRunner().invoke(app, ["compare", *folders, "--all", "--output", str(output)])
    assert result.exit_code == 0, result.output
    assert "basic_cnn" in result.output
    assert "plasmosenet" in result.output.partition("None of the runs is of")[2]
    text = output.read_text()
    assert "| basic_cnn | random weights | 1 | seed42 | test |" in text
    assert "| on another split |" in text, "the published figure is of the article's split"
    assert "patient, 2 folds" in text
    assert "| basic_cnn | 32 | seed42 |" in text, "the random split is set against the folds of the same recipe"
    assert "image_size 32 instead of 125" in text
    assert "plasmosenet" in text
    assert output.with_suffix(".png").stat().st_size > 1_000
    folds = comparison_rows([read_run(Path(folder)) for folder in folders[1:]], "test", 1)[0]
    accuracies = [run.evaluation("test", 1).figures["accuracy"].value for run in folds.runs]
    assert folds.figures["accuracy"].value == pytest.approx(np.mean(accuracies))
    cells = comparison_rows([read_run(Path(folders[0]))], "test", 1)[0]
    assert labels([cells, folds]) == ["basic_cnn", "basic_cnn"]
    longer = replace(cells, runs=(replace(cells.runs[0], epochs=2),))
    assert labels([cells, longer]) == ["basic_cnn, 1 epochs", "basic_cnn, 2 epochs"]
    wider = replace(cells, recipe=cells.recipe.changed(["batch_size=9"]))
    assert labels([cells, wider])[1] == f"basic_cnn (batch_size 9 instead of {cells.recipe.batch_size})"
    assert "From ImageNet weights" not in text, "the recipe asks for none"
    pretrained = replace(
        cells, recipe=load_recipe("vgg19_frozen"), runs=(replace(cells.runs[0], recipe=load_recipe("vgg19_frozen")),)
    )
    assert "plasmoscope train vgg19_frozen --data DATA" in budget_table([pretrained]).note
    assert len(folds.calls().names) == folds.cells
    check_published_cells(folds, tmp_path / "RESULTS-cells")
    check_seeds(folds)
    larger = replace(folds.runs[1], recipe=folds.runs[1].recipe.changed(["image_size=64"]))
    assert len(comparison_rows([folds.runs[0], larger], "test", 1)) == 2, "folds of two recipes are no five folds"
    (tmp_path / "RESULTS.csv").write_text("")
    assert CliRunner().invoke(app, ["compare", *folders, "--output", str(tmp_path / "RESULTS.csv")]).exit_code == 0
    assert (tmp_path / "RESULTS.csv").read_text("utf-8-sig").startswith("system,start,epochs,split")


@pytest.fixture(scope="module")
def trained_run(nih_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Finished, but not evaluated; for tests to copy."""
    folder = tmp_path_factory.mktemp("trained")
    train(RUN, load_nih(nih_folder), folder / "run", folder, RunOptions(from_scratch=True), say=silent)
    return folder / "run"


def test_figures_of_other_cells_do_not_pass_for_the_runs_own(
    trained_run: Path, nih_folder: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(trained_run, tmp_path / "run")
    others = shutil.copytree(nih_folder, tmp_path / "others")
    for file in sorted(others.rglob("*.png"))[::9]:
        file.unlink()
    arguments = ["evaluate", "--model", str(run), "--part", "validation", "--data"]
    result = CliRunner().invoke(app, [*arguments, str(others)])
    assert result.exit_code == 0, result.output
    assert "trained on other cells" in result.output
    assert "calibrated on these cells" not in result.output
    assert not (run / "evaluations").exists()
    card = (run / "model.json").read_bytes()
    for refused in ([str(others), "--record"], [str(nih_folder), "--record", "--threshold", "0.4"]):
        result = CliRunner().invoke(app, [*arguments, *refused])
        assert "--record" in str(result.exception)
    result = CliRunner().invoke(app, ["evaluate", "--data", str(nih_folder), "--record"])
    assert "--model" in str(result.exception), "the card that ships is not rewritten"
    assert (run / "model.json").read_bytes() == card
    result = CliRunner().invoke(app, [*arguments, str(nih_folder), "--record"])
    assert "calibrated on these cells" in " ".join(result.output.split())
    assert (run / "evaluations" / "validation-1-view.json").exists()
    assert len(json.loads((run / "model.json").read_text())["evaluations"]) == 1


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("config.json", '{"recipe": {"warp": 9}, "options": {}}', "another version of Plasmoscope.*warp"),
        ("config.json", "[]", "not the folder of a finished run"),
        ("history.csv", "phase,epoch\n", "no epochs"),
        ("evaluations/test-1-view.json", "{}", "damaged. Run: plasmoscope evaluate"),
        (
            "evaluations/test-1-view.json",
            '{"part": "test", "split": "", "views": 1, "cells": 1, "interval": "", "threshold": 0.5, "figures": {}}',
            "lacks accuracy, auc, .* Run: plasmoscope evaluate",
        ),
    ],
)
def test_compare_names_what_is_damaged_in_a_run(
    file: str, content: str, message: str, trained_run: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(trained_run, tmp_path / "run")
    (run / "evaluations").mkdir()
    (run / file).write_text(content)
    with pytest.raises(ComparisonError, match=message):
        comparison_rows([read_run(run)], "test", 1)


def test_compare_says_what_to_run_where_an_evaluation_is_missing(trained_run: Path, tmp_path: Path) -> None:
    shutil.copytree(trained_run, tmp_path / "run")
    result = CliRunner().invoke(app, ["compare", str(tmp_path / "run")])
    assert result.exit_code != 0
    assert "plasmoscope evaluate --model" in str(result.exception)
    shutil.rmtree(tmp_path / "run" / "phases")
    (tmp_path / "run" / "history.csv").unlink()
    result = CliRunner().invoke(app, ["compare", str(tmp_path / "run")])
    assert "not the folder of a finished run" in str(result.exception)


def test_summary_shows_what_learns_in_each_phase() -> None:
    result = CliRunner().invoke(app, ["summary", "mobilenet_v2"])
    assert result.exit_code == 0
    for count in ("2,226,434", "2,562", "2,223,872"):
        assert count in result.output


def test_summary_shows_maps_and_counts_as_keras_and_as_pytorch_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plasmoscope.cli.console.console.width", 120)
    result = CliRunner().invoke(app, ["summary", "mobilenet_residual"])
    rows = {line.split("│")[1].strip(): line for line in result.output.splitlines() if line.startswith("│")}
    assert "1,619,778" in rows["all"]
    assert "1,074,496" in rows["frozen"]
    assert "1,635,522" in rows["all with statistics"]
    assert "545,282" in rows["all with statistics"]
    assert "1,090,240" in rows["frozen with statistics"]
    assert "15,744 running means" in result.output
    stages = summarise_stages(build_model("plasmosenet", 224), load_recipe("plasmosenet"))
    shapes = {stage.name: stage.output for stage in stages}
    assert shapes["features.0"] == (64, 112, 112)
    assert shapes["features.6"] == (256, 28, 28)
    assert shapes["features.12"] == (384, 14, 14)


def test_a_run_is_compared_also_where_the_code_of_its_network_is_not_here(trained_run: Path) -> None:
    run = read_run(trained_run)
    known, elsewhere = cost(run), cost(replace(run, recipe=run.recipe.changed(["model=not_here:net"])))
    assert elsewhere == Cost(None, known.size_on_disk, None)
    row = Row(run.recipe, (run,), "test", 1, 1, {}, "")
    assert "| basic_cnn | 32 |  |" in cost_table([row], [elsewhere], [1.0]).markdown()
    assert "module is found" in cost_table([row], [elsewhere], [1.0]).note


def test_augmentations_draws_each_cell_beside_its_copies(nih_folder: Path, tmp_path: Path) -> None:
    import cv2

    output = tmp_path / "preview.png"
    for size, settings in ((96, []), (48, ["--set", "phases.0.image_size=48"])):
        arguments = ["augmentations", "mobilenet_v2_96", "--data", str(nih_folder), "--output", str(output), *settings]
        assert CliRunner().invoke(app, arguments).exit_code == 0
        picture = cv2.imread(str(output))
        assert picture is not None
        assert picture.shape[1] == 4 + 10 * (size + 4)


@pytest.mark.slow
@pytest.mark.usefixtures("exported_once")
def test_a_smoke_run_needs_neither_data_nor_network(
    trained_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "runs" / "mobilenet_v2_96-seed42-0-smoke"
    shutil.copytree(trained_run, folder)
    arguments = ["train", "--smoke", "mobilenet_v2_96", "--set", "image_size=32", "--cache", str(tmp_path)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "phase 3, epoch 1/1" in result.output, "each smoke run starts afresh"
    card = json.loads((folder / "model.json").read_text())
    assert card["preprocessing"]["image_size"] == 32
