"""One phase of a recipe after the other: the network as it starts, and its training up to the best weights."""

import math
import pickle
import shutil
import sys
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import lightning
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import (
    Callback,
    EarlyStopping,
    EMAWeightAveraging,
    LearningRateMonitor,
    ModelCheckpoint,
)
from torch import nn

from plasmoscope.training.batches import CachedCells, CellBatches
from plasmoscope.training.features import split_stages
from plasmoscope.training.history import History
from plasmoscope.training.lightning_output import quiet_lightning
from plasmoscope.training.loggers import WeightHistograms, make_loggers
from plasmoscope.training.models import build_model
from plasmoscope.training.module import PhaseModule
from plasmoscope.training.objective import class_weights
from plasmoscope.training.recipe import Phase, Recipe
from plasmoscope.training.run_folder import (
    DivergedError,
    RunError,
    RunOptions,
    first_process,
    load_weights,
    phase_file,
    save_weights,
)
from plasmoscope.training.speed import mixed_precision_pays, prepare_for_training
from plasmoscope.training.weights import imagenet_weights, read_weights, start_from


class PhaseData(Protocol):
    """What a phase learns from."""

    def all_cells(self, size: int, part: str) -> CachedCells:
        """The cells of a part, ``train`` or ``validation``, of ``size`` pixels a side."""
        ...

    def features(
        self, frozen: nn.Module, recipe: Recipe, phase: Phase, device: torch.device
    ) -> tuple[CachedCells, CachedCells]:
        """What the frozen stages of a network make of the cells for training and for validation."""
        ...


def silent(message: str) -> None:
    """Say nothing."""


def initial_model(recipe: Recipe, options: RunOptions, say: Callable[[str], None] = silent) -> nn.Module:
    """A recipe's network as its training starts: pretrained, or random where the recipe or the options say so."""
    torch.manual_seed(options.seed)
    model = build_model(recipe.model, recipe.image_size, recipe.model_options, recipe.own_classes)
    if options.from_scratch or (recipe.weights == "random" and not options.init_weights):
        say("Starting from random weights.")
    else:
        weights = read_weights(options.init_weights) if options.init_weights else imagenet_weights(recipe.model)
        random = start_from(model, weights)
        say(f"Starting from {options.init_weights or 'ImageNet weights'}; new: {', '.join(random)}.")
    return model


def run_phase(
    model: nn.Module,
    recipe: Recipe,
    index: int,
    data: PhaseData,
    folder: Path,
    options: RunOptions,
    say: Callable[[str], None],
    watching: Sequence[Callback] = (),
) -> None:
    """Train one phase and leave its best weights in ``model`` and in the folder; ``watching`` looks on."""
    best_file = phase_file(folder, index, "safetensors")
    if best_file.exists():
        load_weights(model, best_file)
        return
    phase = recipe.phases[index]
    checkpoints = folder / "checkpoints" / f"phase-{index + 1}"
    best = ModelCheckpoint(checkpoints, "best", monitor=phase.chosen_by, mode="max", save_on_train_epoch_end=True)
    # save_last of the best one would leave out epochs that bring no improvement.
    latest = ModelCheckpoint(checkpoints, "last", save_on_train_epoch_end=True, enable_version_counter=False)
    loggers = make_loggers(options.loggers, folder, index + 1, recipe.model_dump(mode="json"))
    history = History(phase_file(folder, index, "csv"), index + 1, say)
    # Checkpoints last, so that they hold what the others noted of their epoch.
    callbacks = [history, *_watching(recipe, index, bool(loggers)), *watching, best, latest]
    if options.histograms:
        callbacks.insert(0, WeightHistograms(say))
    with quiet_lightning():
        trainer = make_trainer(
            accelerator=options.accelerator,
            devices=options.devices,
            num_nodes=options.nodes,
            strategy="ddp" if options.devices * options.nodes > 1 else "auto",
            # The batches part themselves among the processes.
            use_distributed_sampler=False,
            max_epochs=phase.epochs,
            precision=precision_of(options),
            gradient_clip_val=recipe.gradient_clip,
            callbacks=callbacks,
            logger=loggers,
            num_sanity_val_steps=0,
            log_every_n_steps=10,
            enable_progress_bar=sys.stdout.isatty(),
            enable_model_summary=False,
        )
        device = trainer.strategy.root_device
        prepare_for_training(model, device.type)
        learner = model
        if phase.cached_features:
            frozen, learner = split_stages(model, phase.trainable)
            training, validation = data.features(frozen, recipe, phase, device)
        else:
            training = data.all_cells(recipe.cache_size_of(phase), "train")
            validation = data.all_cells(recipe.image_size_of(phase), "validation")
        weights = class_weights(recipe, training.labels[training.members])
        module = PhaseModule(learner, recipe, index, options.seed, options.compile, weights)
        last = checkpoints / "last.ckpt"
        if last.exists():
            say(f"Resuming phase {index + 1} from {last}.")
        try:
            trainer.fit(
                module,
                datamodule=CellBatches(training, validation, recipe.batch_size, options.seed, recipe.balanced_sampler),
                ckpt_path=last if last.exists() else None,
                weights_only=True,
            )
        except (RuntimeError, EOFError, pickle.UnpicklingError, zipfile.BadZipFile) as error:
            if last.exists() and not _can_be_read(last):
                raise RunError(f"The checkpoint {last} is damaged. Remove it to start this phase anew.") from error
            raise
        except SystemExit:  # Lightning's answer to Ctrl-C
            say("Training was interrupted. Run the same command again to go on.")
            raise
    state = torch.load(best.best_model_path, map_location="cpu", weights_only=True)["state_dict"]
    own = {name.removeprefix("model."): value for name, value in state.items() if name.startswith("model.")}
    learner.cpu().load_state_dict(own)
    model.cpu()
    # The others have read the checkpoint, too, before it goes.
    trainer.strategy.barrier()
    if first_process():
        save_weights(model, best_file)
        # With the optimiser's state, a checkpoint is several times as large as the weights.
        shutil.rmtree(checkpoints)


def _watching(recipe: Recipe, index: int, logged: bool) -> Iterator[Callback]:
    """What looks on and ends a phase, or averages its weights."""
    phase = recipe.phases[index]
    yield _Divergence(index)
    if logged:
        yield LearningRateMonitor()
    if recipe.ema_decay:
        yield EMAWeightAveraging(decay=recipe.ema_decay)
    if phase.patience:
        yield EarlyStopping(phase.chosen_by, mode="max", patience=phase.patience)


def precision_of(options: RunOptions) -> Literal["bf16-mixed", "32-true"]:
    """The precision to train with, as Lightning calls it: what was asked for, or what is faster on this machine."""
    if options.precision != "auto":
        return "bf16-mixed" if options.precision == "bf16" else "32-true"
    device = "cuda" if options.accelerator in ("auto", "gpu") and torch.cuda.is_available() else "cpu"
    return "bf16-mixed" if mixed_precision_pays(device) else "32-true"


def make_trainer(**settings: Any) -> lightning.Trainer:
    """Lightning's trainer.

    Raises:
        RunError: the machine has no such accelerator, or too few devices.
    """
    try:
        return lightning.Trainer(**settings)
    except MisconfigurationException as error:
        raise RunError(
            f"This machine has no such accelerator, or too few devices ({error}). Give --accelerator cpu, or fewer "
            "--devices."
        ) from error


class _Divergence(Callback):
    """Ends a phase whose loss is no finite number any more, before that epoch becomes a checkpoint."""

    def __init__(self, index: int) -> None:
        self.index = index

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Look at the losses of training and validation, which all processes share."""
        if not all(math.isfinite(trainer.callback_metrics[name]) for name in ("train_loss", "val_loss")):
            raise DivergedError(
                f"The loss of phase {self.index + 1} is no finite number any more: training diverged in epoch "
                f"{trainer.current_epoch + 1}, and nothing was exported. Lower phases.{self.index}.learning_rate "
                f"(--set phases.{self.index}.learning_rate=...), and give another folder with --output."
            )


def _can_be_read(checkpoint: Path) -> bool:
    try:
        torch.load(checkpoint, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError, zipfile.BadZipFile):
        return False
    return True
