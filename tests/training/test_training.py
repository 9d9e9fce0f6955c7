import io
import json
import logging
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from plasmoscope.classification.card import Preprocessing
from plasmoscope.classification.classifier import Classifier, find_model
from plasmoscope.data.nih import CellDataset, load_nih
from plasmoscope.data.splits import make_split
from plasmoscope.training.batches import CachedCells, CellBatches
from plasmoscope.training.calibration import fit_temperature
from plasmoscope.training.export import FromPixels, export_network
from plasmoscope.training.history import read_history
from plasmoscope.training.lightning_output import quiet_lightning
from plasmoscope.training.models import build_model
from plasmoscope.training.models.mobilenet_v2 import mobilenet_v2
from plasmoscope.training.module import PhaseModule
from plasmoscope.training.recipe import Recipe, load_recipe
from plasmoscope.training.run import infected_from, train
from plasmoscope.training.run_folder import RunError, RunOptions, open_folder
from plasmoscope.training.speed import prepare_for_training
from plasmoscope.training.weights import WeightsError, imagenet_weights, read_weights, start_from

TINY = """
name = "tiny"
description = "three quick epochs in two phases"
source = "tests"
model = "mobilenet_v2"
image_size = 32
cache_size = 40
mean = [0.5, 0.5, 0.5]
std = [0.25, 0.25, 0.25]
batch_size = 16
ema_decay = 0.9
[augmentation]
rotation_degrees = 180
brightness = 0.2
[[phases]]
epochs = 1
trainable = ["classifier"]
learning_rate = 1e-3
[[phases]]
epochs = 3
learning_rate = 1e-3
schedule = "one_cycle"
"""


# Gone in the middle of an epoch, without a farewell.
DIES_IN_THE_THIRD_EPOCH = """
import os
from plasmoscope.cli import main
from plasmoscope.training.module import PhaseModule

def die(self, batch, batch_index):
    if (self.current_epoch, batch_index) == (2, 1):
        os._exit(99)

PhaseModule.on_train_batch_start = die
main()
"""


def test_a_card_says_whose_infected_cells_it_learnt_from_where_that_is_known(
    nih_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = load_nih(nih_folder)
    assert infected_from(dataset, 144) == "", "of a laboratory's own cells nobody knows here whose they are"
    monkeypatch.setattr(CellDataset, "published_by_nih", True)
    nih = "from one laboratory's slides of one species (NIH, P. falciparum)"
    assert [infected_from(dataset, elsewhere) for elsewhere in (0, 144)] == [nih, f"{nih}, but for 144 from elsewhere"]


def test_parts_share_pixels_but_no_transform() -> None:
    """The TransformSubset bug: setting the validation transform used to change the training one as well."""
    pixels = np.random.default_rng(0).integers(0, 256, (20, 32, 32, 3), np.uint8)
    labels = np.arange(20) % 2
    training = CachedCells(pixels, labels, np.arange(10))
    validation = CachedCells(pixels, labels, np.arange(10, 20))
    assert training.__getitems__([3])[0].numpy().tobytes() == pixels[3].tobytes()
    assert validation.__getitems__([3])[0].numpy().tobytes() == pixels[13].tobytes()
    module = PhaseModule(mobilenet_v2(), load_recipe("mobilenet_v2_96"), 0, 0, False)
    seen: list[torch.Tensor] = []
    module.model.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].clone()))
    module.eval()
    batch = validation.__getitems__([0, 1])
    module.log = lambda *args, **kwargs: None  # type: ignore[method-assign]
    module._trainer = SimpleNamespace(global_step=7, global_rank=0)  # type: ignore[assignment]
    for _ in range(2):
        module.validation_step(batch, 0)
    expected = (batch[0].permute(0, 3, 1, 2) / 255 - module.get_buffer("mean")) / module.get_buffer("std")
    assert torch.allclose(seen[0], expected, atol=1e-6)
    assert torch.equal(seen[0], seen[1])
    module.train()
    module.train_forward = module.model
    module.training_step(batch, 0)
    assert seen[2].shape == (2, 3, 96, 96)
    assert not torch.allclose(seen[2][:, :, :32, :32], expected, atol=0.1)


def test_every_training_cell_comes_once_an_epoch_in_an_order_of_its_own() -> None:
    cells = CachedCells(np.zeros((48, 8, 8, 3), np.uint8), np.arange(48), np.arange(48))
    module = CellBatches(cells, cells, 16, seed=3)
    module.trainer = SimpleNamespace(  # type: ignore[assignment]
        world_size=1, global_rank=0, strategy=SimpleNamespace(root_device=torch.device("cpu"))
    )
    batches = module.train_dataloader()
    orders = []
    for epoch in range(2):
        batches.sampler.set_epoch(epoch)  # type: ignore[attr-defined]
        orders.append(torch.cat([labels for _, labels in batches]).tolist())
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(48))
    assert orders[0] != orders[1]
    assert torch.cat([labels for _, labels in module.val_dataloader()]).tolist() == list(range(48))


def test_two_processes_part_each_batch_of_one_among_them() -> None:
    cells = CachedCells(np.zeros((48, 8, 8, 3), np.uint8), np.arange(48), np.arange(48))

    def batches(processes: int, rank: int) -> list[torch.Tensor]:
        module = CellBatches(cells, cells, 16, seed=3)
        module.trainer = SimpleNamespace(  # type: ignore[assignment]
            world_size=processes, global_rank=rank, strategy=SimpleNamespace(root_device=torch.device("cpu"))
        )
        return [labels for _, labels in module.train_dataloader()]

    for whole, *shares in zip(batches(1, 0), batches(2, 0), batches(2, 1), strict=True):
        assert torch.cat(shares).sort().values.tolist() == whole.sort().values.tolist()
        assert [len(share) for share in shares] == [8, 8]


def test_a_phase_trains_what_it_names_and_nothing_else() -> None:
    recipe = load_recipe("mobilenet_v2")
    counts = []
    for index in range(3):
        model = mobilenet_v2()
        PhaseModule(model, recipe, index, 0, False)
        counts.append(sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad))
    blocks = {f"features.{i}." for i in range(14, 19)} | {"classifier."}
    model = mobilenet_v2()
    late = sum(value.numel() for name, value in model.named_parameters() if name.startswith(tuple(blocks)))
    assert counts == [2_562, late, 2_226_434]


def test_layers_prepared_for_speed_compute_the_same() -> None:
    torch.manual_seed(0)
    model = mobilenet_v2().eval()
    images = torch.randn(2, 3, 64, 64)
    expected = model(images)
    names = list(model.state_dict())
    assert torch.allclose(prepare_for_training(model, "cpu")(images), expected, atol=1e-4)
    assert list(model.state_dict()) == names


def test_temperature_scaling_finds_the_factor_that_was_applied() -> None:
    rng = np.random.default_rng(0)
    odds = rng.normal(0, 3, 20_000).astype(np.float32)
    parasitized = rng.random(20_000) < 1 / (1 + np.exp(-odds))
    assert fit_temperature(3 * odds, parasitized) == pytest.approx(3, rel=0.05)


def test_pretrained_weights_fill_all_but_the_last_layer(imagenet_file: Path) -> None:
    model = mobilenet_v2()
    weights = read_weights(imagenet_file)
    assert start_from(model, weights) == ["classifier"]
    assert torch.equal(model.state_dict()["features.0.0.weight"], weights["features.0.0.weight"])


def test_weights_of_another_network_are_refused() -> None:
    with pytest.raises(WeightsError, match="do not fit"):
        start_from(mobilenet_v2(), {"conv1.weight": torch.zeros(1)})


def test_missing_imagenet_weights_name_the_offline_way(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*args: object, **kwargs: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", offline)
    with pytest.raises(WeightsError, match="--init-weights"):
        imagenet_weights("mobilenet_v2")


@pytest.mark.slow
def test_pytorch_and_onnx_agree(nih_folder: Path, tmp_path: Path, imagenet_file: Path, nih_zip: Path) -> None:
    """On real cells, with a network whose outputs are far from constant."""
    from plasmoscope.training.convert import convert_mobilenet_v2

    torch.manual_seed(0)
    model = mobilenet_v2()
    start_from(model, read_weights(imagenet_file))
    torch.nn.init.normal_(model.get_parameter("classifier.1.weight"), std=0.1)
    save_file(model.state_dict(), tmp_path / "weights.safetensors")
    card = convert_mobilenet_v2(tmp_path / "weights.safetensors", tmp_path / "model.onnx", 96)
    classifier = Classifier.load(tmp_path / "model.onnx")
    dataset = load_nih(nih_zip)
    cells = np.stack([classifier.prepare(_decode(dataset.cells[i])) for i in range(0, len(dataset), 1_000)])
    with torch.no_grad():
        logits, features = FromPixels(model, card.preprocessing).eval()(torch.from_numpy(cells))
    assert np.ptp(logits.numpy()) > 1
    assert np.abs(classifier.logits(cells) - logits.numpy()).max() < 1e-3
    assert np.abs(classifier.logits_and_features(cells)[1] - features.numpy()).max() < 1e-3
    assert features.shape == (len(cells), 64)


@pytest.mark.parametrize(
    ("name", "stage", "width"),
    [
        ("mobilenet_residual", "block_6", 512),
        ("mobilenet_v2", "features.7", 64),
        ("efficientnet_lite0", "stage_4", 80),
        ("resnet34", "layer3", 256),
    ],
)
def test_a_network_is_exported_with_the_means_of_its_first_maps_of_a_sixteenth(
    name: str, stage: str, width: int
) -> None:
    """So that a laboratory's head can be fitted to them; the logits stay what they are."""
    torch.manual_seed(0)
    model = build_model(name, 64).eval()
    network = FromPixels(model, Preprocessing(image_size=64, mean=(0.5,) * 3, std=(0.5,) * 3)).eval()
    pixels = torch.randint(0, 256, (3, 64, 64, 3), dtype=torch.uint8)
    with torch.no_grad():
        logits, features = network(pixels)
        expected = model((pixels.permute(0, 3, 1, 2) / 255 - 0.5) / 0.5)
    assert network.stage == stage
    assert features.shape == (3, width)
    assert torch.allclose(logits, expected, atol=1e-4)


def test_a_network_without_such_maps_is_exported_without_features(
    classifier: Classifier, real_cells: list[np.ndarray]
) -> None:
    """As the networks of earlier versions are."""
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 2, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    preprocessing = Preprocessing(image_size=32, mean=(0.5,) * 3, std=(0.5,) * 3)
    card = classifier.card.model_copy(update={"preprocessing": preprocessing})
    plain = Classifier(export_network(model, preprocessing), card)
    assert not plain.has_features
    assert plain.predict(real_cells).shape == (len(real_cells),)


def plain_recipe() -> Recipe:
    """One that is soon trained."""
    return load_recipe("basic_cnn").shortened().changed(["image_size=32", "cache_size=32"])


def _decode(cell: object) -> np.ndarray:
    from plasmoscope.imaging.cells import read_cell

    return read_cell(cell.source.read())  # type: ignore[attr-defined]


@pytest.mark.slow
@pytest.mark.usefixtures("exported_once")
def test_a_run_folder_is_not_taken_over_by_another_run(few_cells: Path, tmp_path: Path) -> None:
    recipe = plain_recipe()
    dataset = load_nih(few_cells)
    train(recipe, dataset, tmp_path / "run", tmp_path, RunOptions(from_scratch=True), say=lambda text: None)
    with pytest.raises(RunError, match="another recipe"):
        train(recipe, dataset, tmp_path / "run", tmp_path, RunOptions(seed=1, from_scratch=True))
    changed = recipe.changed(["phases.0.weight_decay=0.1"])
    with pytest.raises(RunError, match=r"now: phases\.0\.weight_decay 0\.1 instead of 0.*; seed 1 instead of 0\."):
        train(changed, dataset, tmp_path / "run", tmp_path, RunOptions(seed=1, from_scratch=True))
    moved = shutil.copytree(few_cells, tmp_path / "moved")
    said: list[str] = []
    train(recipe, load_nih(moved), tmp_path / "run", tmp_path, RunOptions(from_scratch=True), say=said.append)
    assert said == [f"{tmp_path / 'run'} holds a finished run."]


@pytest.mark.slow
@pytest.mark.usefixtures("exported_once")
def test_a_loss_that_is_no_number_ends_the_run_and_the_folder_is_free_for_the_next(
    few_cells: Path, tmp_path: Path
) -> None:
    recipe = plain_recipe()
    arguments = load_nih(few_cells), tmp_path / "run", tmp_path, RunOptions(from_scratch=True)
    with pytest.raises(RunError, match=r"phase 1 .*phases\.0\.learning_rate"):
        train(recipe.changed(["phases.0.learning_rate=1e36"]), *arguments, say=lambda text: None)
    assert not (tmp_path / "run" / "model.onnx").exists()
    with pytest.raises(RunError, match="--accelerator cpu"):
        train(recipe, *arguments[:3], RunOptions(from_scratch=True, accelerator="mps"), say=lambda text: None)
    train(recipe, *arguments, say=lambda text: None)
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["recipe"]["phases"][0]["learning_rate"] == 1e-3
    assert config["options"]["accelerator"] == "auto"


@pytest.mark.parametrize("damaged", ["weights.safetensors", "phases/phase-1.safetensors", "config.json"])
def test_a_damaged_file_of_a_run_is_named(damaged: str, few_cells: Path, tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text(TINY)
    recipe = load_recipe(tmp_path / "tiny.toml").shortened()
    dataset = load_nih(few_cells)
    open_folder(tmp_path / "run", recipe, dataset, make_split(recipe.split, dataset), RunOptions(from_scratch=True))
    (tmp_path / "run" / "phases").mkdir()
    (tmp_path / "run" / "phases" / "phase-2.safetensors").touch()
    (tmp_path / "run" / damaged).write_bytes(b"{")
    with pytest.raises(RunError, match=f"{damaged} is damaged. Remove it"):
        train(recipe, dataset, tmp_path / "run", tmp_path, RunOptions(from_scratch=True), say=lambda text: None)


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    save_file({"features.weight": torch.tensor([0.0, torch.nan])}, tmp_path / "weights.safetensors")
    with pytest.raises(WeightsError, match=r"not finite, in features\.weight"):
        read_weights(tmp_path / "weights.safetensors")


def test_lightning_neither_advertises_nor_ends_the_command_its_own_way() -> None:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    logger = logging.getLogger("lightning.pytorch")
    logger.addHandler(handler)
    with quiet_lightning():
        logger.warning("💡 Tip: install more")
        logger.warning("The GPU is too small")
    with pytest.raises(KeyboardInterrupt), quiet_lightning():
        sys.exit(1)
    logger.removeHandler(handler)
    assert written.getvalue() == "The GPU is too small\n"


@pytest.mark.slow
@pytest.mark.usefixtures("exported_once")
def test_a_run_killed_in_the_middle_resumes_to_the_same_figures(
    few_cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tiny.toml").write_text(TINY)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    dying = [sys.executable, "-c", DIES_IN_THE_THIRD_EPOCH, "train", "tiny.toml", "--data", str(few_cells)]
    dying += ["--output", "killed", "--cache", "cache", "--from-scratch", "--accelerator", "cpu"]
    died = subprocess.run(dying, cwd=tmp_path, check=False, capture_output=True, text=True)
    assert died.returncode == 99, died.stderr
    assert len(read_history(tmp_path / "killed" / "phases" / "phase-2.csv")) == 2
    assert not (tmp_path / "killed" / "model.json").exists()
    assert not (tmp_path / "killed" / "checkpoints" / "phase-1").exists(), "finished phases leave only their weights"
    recipe, dataset, said = load_recipe(tmp_path / "tiny.toml"), load_nih(few_cells), list[str]()
    for name in ("killed", "whole"):
        options = RunOptions(from_scratch=True, accelerator="cpu")
        train(recipe, dataset, tmp_path / name, tmp_path / "cache", options, say=said.append)
    assert [line.split(" from ")[0] for line in said if "Resuming" in line] == ["Resuming phase 2"]
    whole, killed = (read_history(tmp_path / name / "history.csv") for name in ("whole", "killed"))
    assert len(whole) == 4
    for row in whole + killed:
        del row["seconds"]
    assert whole == killed
    weights = [load_file(tmp_path / name / "weights.safetensors") for name in ("whole", "killed")]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    cards = [json.loads((tmp_path / name / "model.json").read_text()) for name in ("whole", "killed")]
    assert cards[0]["calibration"] == cards[1]["calibration"]


def test_an_exported_network_tells_nothing_of_the_machine_it_was_made_on() -> None:
    preprocessing = Preprocessing(image_size=32, mean=(0.5,) * 3, std=(0.5,) * 3)
    for network in (export_network(build_model("basic_cnn", 32), preprocessing), find_model(None).read_bytes()):
        assert str(Path(__file__).parents[2]).encode() not in network
        assert b'File "' not in network
