"""A training run: a recipe, a data set and a folder that can be killed at any moment and taken up again."""

import json
import math
import os
import pickle
import platform
import shutil
import sys
import time
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import lightning
import numpy as np
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Callback, EarlyStopping, EMAWeightAveraging, ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from numpy.typing import NDArray
from pydantic import ValidationError
from safetensors.torch import save_file
from torch import nn

from plasmoscope.classification.card import Calibration, Counting, ModelCard, Preprocessing, Silence, TrainingData
from plasmoscope.classification.classifier import Classifier
from plasmoscope.classification.views import VIEWS
from plasmoscope.data.cache import decoded_cells
from plasmoscope.data.nih import CellDataset
from plasmoscope.data.splits import Split, make_split, save_split, unsure_cells
from plasmoscope.errors import PlasmoscopeError
from plasmoscope.files import alone_in, empty, replace_file, whole_file
from plasmoscope.imaging.cells import resize_cell
from plasmoscope.imaging.reference import STANDARD, refer
from plasmoscope.labels import CLASS_NAMES, PARASITIZED, UNINFECTED, log_odds
from plasmoscope.networks import read_network, save_network
from plasmoscope.progress import Track, untracked
from plasmoscope.training.batches import CachedCells, CellBatches
from plasmoscope.training.calibration import accuracy_threshold, counting_threshold, fit_temperature, silence_threshold
from plasmoscope.training.export import export_network
from plasmoscope.training.features import cached_features, split_stages
from plasmoscope.training.history import History, plot_learning_curves, read_history, write_history
from plasmoscope.training.lightning_output import quiet_lightning
from plasmoscope.training.models import build_model
from plasmoscope.training.module import PhaseModule
from plasmoscope.training.other_cells import Maker
from plasmoscope.training.patient_references import patient_references
from plasmoscope.training.recipe import Phase, Recipe
from plasmoscope.training.speed import mixed_precision_pays, prepare_for_training
from plasmoscope.training.weights import WeightsError, imagenet_weights, read_weights, start_from

_COUNTING_SPECIFICITY = 0.995
_MOST_SILENT = 0.005
# In healthy blood of other laboratories every call is a phantom: three among a thousand cells are as many as we allow.
_SPECIFICITY_ELSEWHERE = 0.997
# What launchers set in the processes of a run on many devices; the first process has zeros or nothing.
_RANKS = ("RANK", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK", "SLURM_PROCID")
# The first machine may be slow to read the data, and the disk they share to show what it wrote.
_SHARED_FOLDER_WAIT_S = 600


class RunError(PlasmoscopeError):
    """A run folder does not fit what is asked of it, or training cannot go on."""


@dataclass(frozen=True)
class RunOptions:
    """What may differ between two runs of one recipe."""

    seed: int = 0
    init_weights: Path | None = None
    """ImageNet weights from a file instead of torchvision's download."""
    from_scratch: bool = False
    other_data: Path | None = None
    """Folder that the paths of the recipe's other cells are below."""
    accelerator: Literal["auto", "cpu", "gpu", "mps"] = "auto"
    precision: Literal["auto", "32", "bf16"] = "auto"
    """``auto``: bf16 where the machine is faster with it."""
    compile: bool = False
    """Compile the network first: pays after a few epochs, needs a C++ compiler on a CPU."""
    devices: int = 1
    """Processes on this machine, each with a device of its own (on a CPU: processes that share it)."""
    nodes: int = 1
    """Machines; the same command runs on each, in a folder they share (see Lightning's cluster environments)."""


def train(
    recipe: Recipe,
    dataset: CellDataset,
    folder: Path,
    cache_folder: Path,
    options: RunOptions = RunOptions(),
    track: Track = untracked,
    say: Callable[[str], None] = print,
    afresh: bool = False,
) -> ModelCard:
    """Train, calibrate and export; called again on the same folder, go on where it stopped.

    Args:
        folder: gets config.json, environment.json, split.csv, history.csv, learning_curves.png, tensorboard/,
            weights.safetensors, model.onnx and model.json.
        cache_folder: where decoded cells are kept.
        afresh: empty the folder first instead of resuming.

    Returns:
        The card of the exported model.

    Raises:
        RunError: the folder holds another run or a damaged file, or the loss is no finite number any more.
        FolderInUseError: another command trains in it.
    """
    if not _first_process():
        return _train(recipe, dataset, folder, cache_folder, options, track, _silent)
    with alone_in(folder):
        if afresh:
            empty(folder)
        return _train(recipe, dataset, folder, cache_folder, options, track, say)


def _train(
    recipe: Recipe,
    dataset: CellDataset,
    folder: Path,
    cache_folder: Path,
    options: RunOptions,
    track: Track,
    say: Callable[[str], None],
) -> ModelCard:
    _check_other_data(recipe, options.other_data)
    split = make_split(recipe.split, dataset)
    _open_folder(folder, recipe, dataset, split, options)
    if (folder / "model.json").exists():
        say(f"{folder} holds a finished run.")
        return read_network(folder / "model.onnx", ModelCard)[1]
    weights_file = folder / "weights.safetensors"
    data = _Data(dataset, split, cache_folder, track, recipe, options.other_data)
    if not weights_file.exists():
        model = initial_model(recipe, options, say)
        for index in range(len(recipe.phases)):
            _run_phase(model, recipe, index, data, folder, options, say)
        if not _first_process():
            raise SystemExit(0)
        save_weights(model, weights_file)
    model = build_model(recipe.model, recipe.image_size, recipe.model_options)
    load_weights(model, weights_file)
    history = [row for index in range(len(recipe.phases)) for row in read_history(phase_file(folder, index, "csv"))]
    write_history(folder / "history.csv", history)
    plot_learning_curves(history, folder / "learning_curves.png")
    validation = data.cells(recipe.image_size, "validation")
    described = _describe_data(dataset, split, options.seed)
    card = export_run(model, recipe, described, folder, validation, data.healthy_elsewhere())
    say(f"Calibrated on validation: temperature {card.calibration.temperature:.3f}, threshold {card.threshold:.2f}.")
    return card


@dataclass(frozen=True)
class _Data:
    """A data set with its split, and where what is made of it is kept."""

    dataset: CellDataset
    split: Split
    cache_folder: Path
    track: Track
    recipe: Recipe
    others: Path | None
    """Folder of the data that the recipe's other cells are made of."""

    def cells(self, size: int, part: str) -> CachedCells:
        """The data set's cells of one part."""
        pixels = decoded_cells(self.dataset, size, self.cache_folder, self.track)
        return CachedCells(pixels, self.dataset.labels, self.split.part(part))

    def all_cells(self, size: int, part: str) -> CachedCells:
        """The data set's cells of one part, referred as the recipe asks, and the recipe's other cells."""
        cells = self.cells(size, part)
        if not (self.recipe.referred_share or self.recipe.other_cells):
            return cells
        members = self.split.part(part)
        everything = cells.inputs.numpy()
        pixels = everything[members]
        own = patient_references(everything, self.dataset.patients)
        # The same cells in every run and phase, whatever was drawn before.
        draws = np.random.default_rng(0).random(len(members))
        for index in np.flatnonzero(draws < self.recipe.referred_share).tolist():
            if reference := own.get(self.dataset.patients[members[index]]):
                pixels[index] = refer(pixels[index], reference)
        others = self._maker(part).make(self.recipe.other_cells)
        resized = [resize_cell(cell, size) for cell in others.pixels]
        labels = np.concatenate([self.dataset.labels[members], others.labels])
        return CachedCells(np.stack([*pixels, *resized]), labels, np.arange(len(labels)))

    def healthy_elsewhere(self) -> NDArray[np.uint8]:
        """Red cells of the recipe's healthy fields that are kept aside, shape (n, size, size, 3)."""
        sources = [source for source in self.recipe.other_cells if source.kind == "healthy_fields"]
        size = self.recipe.image_size
        if not sources:
            return np.empty((0, size, size, 3), np.uint8)
        cells = self._maker("validation").make(sources)
        return np.stack([resize_cell(cell, size) for cell in cells.pixels[cells.labels == UNINFECTED]])

    def _maker(self, part: str) -> Maker:
        members, size = self.split.part(part), self.recipe.cache_size
        return Maker(self.others or Path(), self.dataset, members, size, part != "train", self.cache_folder, self.track)

    def features(
        self, frozen: nn.Module, recipe: Recipe, phase: Phase, device: torch.device
    ) -> tuple[CachedCells, CachedCells]:
        pixels = decoded_cells(self.dataset, recipe.image_size_of(phase), self.cache_folder, self.track)
        features = cached_features(frozen, pixels, recipe.mean, recipe.std, device, self.cache_folder, self.track)
        labels = self.dataset.labels
        return CachedCells(features, labels, self.split.train), CachedCells(features, labels, self.split.validation)


def _check_other_data(recipe: Recipe, folder: Path | None) -> None:
    wanted = sorted({source.path for source in recipe.other_cells if source.path})
    if wanted and folder is None:
        raise RunError(
            f"The recipe {recipe.name} cuts cells from {', '.join(wanted)}. Give the folder that holds them with "
            "--other-data."
        )
    if missing := [path for path in wanted if folder and not (folder / path / "images").is_dir()]:
        raise RunError(f"There is no {', '.join(f'{path}/images' for path in missing)} in {folder}.")


def _first_process() -> bool:
    """Whether this process is the one that writes: the others were started by Lightning or on other machines."""
    return all(int(os.environ.get(name, "0")) == 0 for name in _RANKS)


def _silent(message: str) -> None:
    pass


def _open_folder(folder: Path, recipe: Recipe, dataset: CellDataset, split: Split, options: RunOptions) -> None:
    config = {
        "recipe": recipe.model_dump(mode="json"),
        "data": str(dataset.root),
        "cells": len(dataset),
        "content": dataset.content,
        "options": {name: value if value is None else str(value) for name, value in asdict(options).items()},
    }
    config_file = folder / "config.json"
    if not _first_process():
        _wait_until(lambda: config_file.exists() and not _differences(config, recipe, config_file), config_file)
        return
    if config_file.exists() and _has_begun(folder):
        if differences := _differences(config, recipe, config_file):
            raise RunError(
                f"{folder} holds a run with another recipe, data set or options; asked for now: "
                f"{'; '.join(differences)}. Give the same ones to resume it, or another folder with --output."
            )
        return
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "environment.json", environment())
    save_split(split, dataset, folder / "split.csv")
    # Written last: a folder with a config is a whole one.
    write_json(config_file, config)


def _has_begun(folder: Path) -> bool:
    """Whether there is anything to resume; a start that failed leaves only what the next one writes anew."""
    kept = ("checkpoints/*/*.ckpt", "phases/*.safetensors", "weights.safetensors", "model.json")
    return any(any(folder.glob(pattern)) for pattern in kept)


def _differences(config: dict[str, Any], recipe: Recipe, config_file: Path) -> list[str]:
    """What is asked for otherwise than in a run folder's config, as phrases; where the data lie does not matter."""
    try:
        there = json.loads(config_file.read_text("utf-8"))
        options, cells = dict(there["options"]), (there["cells"], there["content"])
        found = recipe.differences(Recipe.model_validate(there["recipe"]))
    except ValidationError:
        return ["a recipe as this version of Plasmoscope reads it"]
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"{config_file} is damaged. Remove it and run the command that began this run, or give another folder "
            "with --output."
        ) from error
    if (config["cells"], config["content"]) != cells:
        found.append(f"a data set of {config['cells']:,} other cells or labels instead of {cells[0]:,}")
    own = config["options"]
    return found + [
        f"{name} {own[name]} instead of {options.get(name)}" for name in own if own[name] != options.get(name)
    ]


def initial_model(recipe: Recipe, options: RunOptions, say: Callable[[str], None] = _silent) -> nn.Module:
    """A recipe's network as its training starts: pretrained, or random where the recipe or the options say so."""
    torch.manual_seed(options.seed)
    model = build_model(recipe.model, recipe.image_size, recipe.model_options)
    if options.from_scratch or (recipe.weights == "random" and not options.init_weights):
        say("Starting from random weights.")
    else:
        weights = read_weights(options.init_weights) if options.init_weights else imagenet_weights(recipe.model)
        random = start_from(model, weights)
        say(f"Starting from {options.init_weights or 'ImageNet weights'}; new: {', '.join(random)}.")
    return model


def _run_phase(
    model: nn.Module,
    recipe: Recipe,
    index: int,
    data: _Data,
    folder: Path,
    options: RunOptions,
    say: Callable[[str], None],
) -> None:
    """Train one phase and leave its best weights in ``model`` and in the folder."""
    best_file = phase_file(folder, index, "safetensors")
    if best_file.exists():
        load_weights(model, best_file)
        return
    phase = recipe.phases[index]
    checkpoints = folder / "checkpoints" / f"phase-{index + 1}"
    best = ModelCheckpoint(checkpoints, "best", monitor=phase.chosen_by, mode="max", save_on_train_epoch_end=True)
    # save_last of the best one would leave out epochs that bring no improvement.
    latest = ModelCheckpoint(checkpoints, "last", save_on_train_epoch_end=True, enable_version_counter=False)
    callbacks: list[Callback] = [History(phase_file(folder, index, "csv"), index + 1, say), _Divergence(index)]
    if recipe.ema_decay:
        callbacks.append(EMAWeightAveraging(decay=recipe.ema_decay))
    if phase.patience:
        callbacks.append(EarlyStopping(phase.chosen_by, mode="max", patience=phase.patience))
    # Last, so that a checkpoint holds what the others noted of its epoch.
    callbacks += [best, latest]
    with quiet_lightning():
        trainer = _trainer(
            accelerator=options.accelerator,
            devices=options.devices,
            num_nodes=options.nodes,
            strategy="ddp" if options.devices * options.nodes > 1 else "auto",
            # The batches part themselves among the processes.
            use_distributed_sampler=False,
            max_epochs=phase.epochs,
            precision=_precision(options),
            gradient_clip_val=recipe.gradient_clip,
            callbacks=callbacks,
            logger=TensorBoardLogger(folder, name="tensorboard", version=f"phase-{index + 1}"),
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
        module = PhaseModule(learner, recipe, index, options.seed, options.compile)
        last = checkpoints / "last.ckpt"
        if last.exists():
            say(f"Resuming phase {index + 1} from {last}.")
        try:
            trainer.fit(
                module,
                datamodule=CellBatches(training, validation, recipe.batch_size, options.seed),
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
    if _first_process():
        save_weights(model, best_file)
        # With the optimiser's state, a checkpoint is several times as large as the weights.
        shutil.rmtree(checkpoints)


def export_run(
    model: nn.Module,
    recipe: Recipe,
    data: TrainingData,
    folder: Path,
    validation: CachedCells,
    healthy_elsewhere: NDArray[np.uint8],
) -> ModelCard:
    """Export the network, calibrate it on its own outputs, and write it with its card.

    Args:
        model: trained.
        recipe: that it was trained by.
        data: what is said of the data.
        folder: gets the network and the card.
        validation: cells of the data set.
        healthy_elsewhere: uninfected cells of other laboratories, shape (n, size, size, 3).
    """
    standard = STANDARD if recipe.referred_share else None
    preprocessing = Preprocessing(image_size=recipe.image_size, mean=recipe.mean, std=recipe.std, reference=standard)
    network = export_network(model, preprocessing)
    card = ModelCard.of(
        network,
        name=folder.name,
        architecture=recipe.model,
        recipe=recipe.name,
        preprocessing=preprocessing,
        data=data,
    )
    cells = validation.inputs[validation.members].numpy()
    parasitized = validation.labels[validation.members].numpy() == PARASITIZED
    odds = log_odds(Classifier(network, card).logits(cells))
    temperature = fit_temperature(odds, parasitized)
    calibration = Calibration(
        temperature=temperature,
        fitted_on=f"{len(cells)} validation cells of the split",
        parasitized_share=float(parasitized.mean()),
    )
    card = card.model_copy(update={"calibration": calibration})
    calibrated = Classifier(network, card)
    judged = [calibrated.judge_prepared(cells, views) for views in (1, max(VIEWS))]
    probabilities = np.stack([one.parasitized for one in judged])
    elsewhere = calibrated.predict_prepared(healthy_elsewhere, max(VIEWS))
    counting = _counting(probabilities[-1], parasitized, elsewhere, max(VIEWS))
    card = card.model_copy(
        update={
            "threshold": accuracy_threshold(probabilities, parasitized),
            "counting": counting,
            "silence": None if judged[-1].not_a_cell is None else _silence(judged[-1].not_a_cell),
        }
    )
    save_network(folder / "model.onnx", network, card)
    return card


def _counting(
    probabilities: NDArray[np.float32],
    parasitized: NDArray[np.bool_],
    healthy_elsewhere: NDArray[np.float32],
    views: int,
) -> Counting:
    threshold = counting_threshold(probabilities[~parasitized], _COUNTING_SPECIFICITY)
    measured_on = "validation cells of the split"
    if len(healthy_elsewhere):
        # Look-alikes that one laboratory does not have decide in another.
        threshold = max(threshold, counting_threshold(healthy_elsewhere, _SPECIFICITY_ELSEWHERE))
        measured_on += f"; the threshold also on {len(healthy_elsewhere):,} healthy cells of other laboratories"
    called = probabilities >= threshold
    return Counting(
        threshold=threshold,
        views=views,
        sensitivity=float(called[parasitized].mean()),
        parasitized=int(parasitized.sum()),
        specificity=float((~called[~parasitized]).mean()),
        uninfected=int((~parasitized).sum()),
        measured_on=measured_on,
    )


def _silence(not_a_cell: NDArray[np.float32]) -> Silence:
    threshold = silence_threshold(not_a_cell, _MOST_SILENT)
    return Silence(
        threshold=threshold,
        silent_share=float((not_a_cell >= threshold).mean()),
        measured_on=f"{len(not_a_cell)} validation cells of the split",
    )


def _describe_data(dataset: CellDataset, split: Split, seed: int) -> TrainingData:
    parts = {"train": split.train, "validation": split.validation, "test": split.test}
    official = all(cell.patient is not None for cell in dataset.cells)
    return TrainingData(
        dataset=f"NIH/NLM layout, {len(dataset)} cells, classes {' and '.join(CLASS_NAMES)}",
        split=split.name,
        seed=seed,
        cells={name: len(members) for name, members in parts.items()},
        patients={name: len({dataset.patients[i] for i in m}) for name, m in parts.items()} if official else {},
        labels=dataset.label_set,
        unsure=unsure_cells(split.name, dataset),
    )


def _precision(options: RunOptions) -> Literal["bf16-mixed", "32-true"]:
    if options.precision != "auto":
        return "bf16-mixed" if options.precision == "bf16" else "32-true"
    device = "cuda" if options.accelerator in ("auto", "gpu") and torch.cuda.is_available() else "cpu"
    return "bf16-mixed" if mixed_precision_pays(device) else "32-true"


def phase_file(folder: Path, index: int, suffix: str) -> Path:
    """The file of a run folder that belongs to one phase."""
    file = folder / "phases" / f"phase-{index + 1}.{suffix}"
    file.parent.mkdir(exist_ok=True)
    return file


def _wait_until(opened: Callable[[], bool], config_file: Path) -> None:
    """Until the first process has opened the run folder for the same run."""
    deadline = time.monotonic() + _SHARED_FOLDER_WAIT_S
    while not opened():
        if time.monotonic() > deadline:
            raise RunError(
                f"{config_file} does not appear, or is of another run. The machines of one run must share its folder, "
                "and the command must be the same on each."
            )
        time.sleep(0.2)


def _trainer(**settings: Any) -> lightning.Trainer:
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
            raise RunError(
                f"The loss of phase {self.index + 1} is no finite number any more: training diverged in epoch "
                f"{trainer.current_epoch + 1}, and nothing was exported. Lower phases.{self.index}.learning_rate "
                f"(--set phases.{self.index}.learning_rate=...), and give another folder with --output."
            )


def load_weights(model: nn.Module, file: Path) -> None:
    """Load a network's weights from a file of the run folder.

    Raises:
        RunError: the file is damaged.
    """
    try:
        model.load_state_dict(read_weights(file))
    except (WeightsError, RuntimeError) as error:
        raise RunError(f"{file} is damaged. Remove it and run the same command again to make it anew.") from error


def save_weights(model: nn.Module, file: Path) -> None:
    """Write a network's weights, all at once."""
    with whole_file(file) as unfinished:
        save_file({name: value.contiguous() for name, value in model.state_dict().items()}, unfinished)


def _can_be_read(checkpoint: Path) -> bool:
    try:
        torch.load(checkpoint, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError, zipfile.BadZipFile):
        return False
    return True


def write_json(file: Path, content: dict[str, Any]) -> None:
    """Write a JSON file, all at once."""
    replace_file(file, (json.dumps(content, indent=2) + "\n").encode())


def environment() -> dict[str, Any]:
    """What a run was made with: versions, system and processor."""
    packages = ("plasmoscope", "torch", "torchvision", "lightning", "numpy", "opencv-python-headless", "onnxruntime")
    return {
        "python": platform.python_version(),
        "system": platform.platform(terse=True),
        "processor": platform.machine(),
        "threads": torch.get_num_threads(),
        "packages": {name: version(name) for name in packages},
    }
