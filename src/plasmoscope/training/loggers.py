"""Where a run is told of while it trains, by Lightning's loggers; ``history.csv`` is written in any case."""

import os
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch import loggers as lightning_loggers
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import Logger, TensorBoardLogger

from plasmoscope.extras import MissingExtraError, how_to_install, require_extra
from plasmoscope.files import replace_file
from plasmoscope.training.run_folder import LoggerName, first_process, phase_file

# What all runs are found under at a service.
_PROJECT = "plasmoscope"


def make_loggers(names: Sequence[LoggerName], folder: Path, phase: int, settings: dict[str, Any]) -> list[Logger]:
    """Lightning's loggers of one phase of a run; none for ``csv``.

    Args:
        names: which.
        folder: of the run. What belongs to one run is grouped by its name.
        phase: from 1.
        settings: the recipe, for services that show what runs differ in.

    Raises:
        MissingExtraError: a service's package is not installed.
    """
    made = [_MAKERS[name](folder, phase) for name in dict.fromkeys(names) if name in _MAKERS]
    for logger in made:
        if not isinstance(logger, TensorBoardLogger):
            logger.log_hyperparams(settings)
    return made


def _tensorboard(folder: Path, phase: int) -> Logger:
    return TensorBoardLogger(folder, name="tensorboard", version=f"phase-{phase}")


def _wandb(folder: Path, phase: int) -> Logger:
    """Online as the user has set up W&B; ``WANDB_MODE=offline`` keeps all in the folder."""
    known = phase_file(folder, phase - 1, "wandb")
    if first_process() and not known.exists():
        replace_file(known, secrets.token_hex(4).encode())
    return _of_service(
        "wandb",
        "WandbLogger",
        project=_PROJECT,
        group=folder.name,
        name=f"{folder.name}-phase-{phase}",
        # A run that goes on is the same one there.
        id=known.read_text("utf-8") if known.exists() else None,
        resume="allow",
        save_dir=folder,
    )


def _mlflow(folder: Path, phase: int) -> Logger:
    """On the server of ``MLFLOW_TRACKING_URI``, or in a database in the run folder."""
    known = phase_file(folder, phase - 1, "mlflow")
    address = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{(folder / 'mlflow.db').resolve().as_posix()}"
    logger = _of_service(
        "mlflow",
        "MLFlowLogger",
        experiment_name=_PROJECT,
        run_name=f"{folder.name}-phase-{phase}",
        tracking_uri=address,
        run_id=known.read_text("utf-8") if known.exists() else None,
    )
    if first_process():
        replace_file(known, str(logger.version).encode())
    return logger


def _of_service(extra: str, kind: str, **settings: Any) -> Logger:
    purpose = f"Logging to {extra}"
    require_extra(extra, purpose)
    try:
        logger: Logger = getattr(lightning_loggers, kind)(**settings)
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"{purpose} needs a package that is not installed. {how_to_install(extra)}") from error
    return logger


_MAKERS: dict[LoggerName, Callable[[Path, int], Logger]] = {
    "tensorboard": _tensorboard,
    "wandb": _wandb,
    "mlflow": _mlflow,
}


class WeightHistograms(Callback):
    """The network's graph, once, and histograms of the weights that learn, each epoch, for TensorBoard."""

    def __init__(self, say: Callable[[str], None]) -> None:
        """Take whom to tell where a graph cannot be drawn."""
        self.say = say

    def on_fit_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Draw the graph, without a change to the network."""
        network: Any = pl_module.model
        for board in _boards(trainer):
            modes = [(layer, layer.training) for layer in network.modules()]
            try:
                with torch.no_grad():
                    board.add_graph(network.eval(), _example(trainer, pl_module))
            except (RuntimeError, TypeError, ValueError):
                self.say("TensorBoard cannot draw this network's graph; all else is there.")
            for layer, training in modes:
                layer.training = training

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Draw the histograms."""
        network: Any = pl_module.model
        for board in _boards(trainer):
            for name, parameter in network.named_parameters():
                if parameter.requires_grad:
                    board.add_histogram(name, parameter.detach().float().cpu(), trainer.current_epoch)


def _example(trainer: Any, module: Any) -> torch.Tensor:
    """A cell as the network takes it, shape (1, 3, h, w), or its features, where the phase learns from those."""
    inputs: torch.Tensor = trainer.datamodule.training.inputs[:1]
    if not inputs.is_floating_point():
        size = module.recipe.image_size_of(module.phase)
        inputs = torch.zeros(1, 3, size, size)
    return inputs.to(module.device, torch.float32)


def _boards(trainer: lightning.Trainer) -> list[Any]:
    """TensorBoard's writers, in the process that writes."""
    boards = [logger for logger in trainer.loggers if isinstance(logger, TensorBoardLogger)]
    return [board.experiment for board in boards] if trainer.is_global_zero else []
