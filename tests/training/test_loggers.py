"""Where a run is told of while it trains: TensorBoard with graph and histograms, MLflow, Weights & Biases."""

from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import loggers as of_lightning
from lightning.pytorch.loggers.logger import DummyLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn

from plasmoscope.data.nih import load_nih
from plasmoscope.extras import MissingExtraError
from plasmoscope.training.loggers import WeightHistograms, make_loggers
from plasmoscope.training.recipe import load_recipe
from plasmoscope.training.run import train
from plasmoscope.training.run_folder import RunOptions

TRIAL = load_recipe("basic_cnn").shortened().changed(["image_size=32", "cache_size=32"])


class Kept(DummyLogger):
    """A service that keeps what it is told, by Lightning's own interface."""

    made: list["Kept"] = []  # noqa: RUF012

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self.settings = settings
        self.metrics: set[str] = set()
        self.hyperparameters: Any = None
        Kept.made.append(self)

    @property
    def version(self) -> str:
        return str(self.settings.get("run_id") or "run-7")

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        self.metrics |= set(metrics)

    def log_hyperparams(self, params: dict[str, Any] | Namespace, *more: Any, **named: Any) -> None:
        self.hyperparameters = params


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> list[Kept]:
    """Stand-ins of both services."""
    for kind in ("WandbLogger", "MLFlowLogger"):
        monkeypatch.setattr(of_lightning, kind, Kept)
    monkeypatch.setattr("plasmoscope.training.loggers.require_extra", lambda *given: None)
    Kept.made.clear()
    return Kept.made


@pytest.mark.slow
@pytest.mark.usefixtures("exported_once")
def test_every_logger_is_told_rates_and_accuracies_and_tensorboard_draws_the_network(
    few_cells: Path, tmp_path: Path, services: list[Kept]
) -> None:
    options = RunOptions(loggers=("csv", "tensorboard", "wandb", "mlflow"), histograms=True)
    train(TRIAL, load_nih(few_cells), tmp_path / "run", tmp_path, options)
    wandb, mlflow = services
    for service in services:
        assert {"train_accuracy", "train_loss", "val_accuracy", "lr-Adam"} <= service.metrics
        assert service.hyperparameters["model"] == "basic_cnn"
    assert wandb.settings["group"] == "run"
    assert mlflow.settings["tracking_uri"].endswith("/run/mlflow.db")
    tags = EventAccumulator(str(tmp_path / "run" / "tensorboard" / "phase-1")).Reload().Tags()
    assert tags["graph"]
    assert "head.6.weight" in tags["histograms"]
    plain = RunOptions(loggers=("csv",))
    train(TRIAL, load_nih(few_cells), tmp_path / "run", tmp_path, plain)
    assert (tmp_path / "run" / "history.csv").exists(), "another logger is no other run"


def test_a_run_that_goes_on_is_the_same_run_at_the_services(tmp_path: Path, services: list[Kept]) -> None:
    for _ in range(2):
        make_loggers(("mlflow", "wandb", "wandb"), tmp_path, 1, {})
    first, _, again, _ = services
    assert (first.settings["run_id"], again.settings["run_id"]) == (None, "run-7")
    assert services[1].settings["id"] == services[3].settings["id"]
    assert make_loggers(("csv",), tmp_path, 1, {}) == []


@pytest.mark.parametrize("name", ["wandb", "mlflow"])
def test_a_service_whose_package_is_missing_names_the_command_that_installs_it(
    name: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plasmoscope.extras.requires", lambda package: [f'{name}>=0; extra == "{name}"'])
    monkeypatch.setattr("plasmoscope.extras._is_installed", lambda package: False)
    with pytest.raises(MissingExtraError, match=rf'pip install "plasmoscope\[{name}\]"'):
        make_loggers((name,), tmp_path, 1, {})


def test_drawing_changes_neither_the_network_nor_what_chance_gives(tmp_path: Path) -> None:
    class Odd(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            raise ValueError("not to be traced")

    said: list[str] = []
    board = of_lightning.TensorBoardLogger(tmp_path)
    module: Any = Namespace(device=torch.device("cpu"))
    trainer: Any = Namespace(loggers=[board], is_global_zero=True, current_epoch=0)
    trainer.datamodule = Namespace(training=Namespace(inputs=torch.zeros(4, 3, 8, 8)))
    drawing = WeightHistograms(said.append)
    module.model = nn.Sequential(nn.Conv2d(3, 2, 3), nn.BatchNorm2d(2).eval(), nn.Dropout())
    before = {name: value.clone() for name, value in module.model.state_dict().items()}
    chance = torch.get_rng_state()
    drawing.on_fit_start(trainer, module)
    assert torch.equal(chance, torch.get_rng_state())
    assert all(torch.equal(before[name], value) for name, value in module.model.state_dict().items())
    assert [layer.training for layer in module.model] == [True, False, True]
    module.model = Odd()
    drawing.on_fit_start(trainer, module)
    assert said == ["TensorBoard cannot draw this network's graph; all else is there."]
