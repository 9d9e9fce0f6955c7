"""A training run: a recipe, a data set and a folder that can be killed at any moment and taken up again."""

import json
import pickle
import platform
import sys
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, EMAWeightAveraging, ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from safetensors.torch import load_file, save_file
from torch import nn

from plasmoscope.classification.card import (
    Calibration,
    ModelCard,
    Preprocessing,
    TrainingData,
    read_model,
    save_model,
)
from plasmoscope.classification.classifier import Classifier
from plasmoscope.data.cache import decoded_cells
from plasmoscope.data.nih import CellDataset
from plasmoscope.data.splits import Split, make_split, write_split
from plasmoscope.errors import PlasmoscopeError
from plasmoscope.files import replace_file, whole_file
from plasmoscope.labels import CLASS_NAMES, PARASITIZED
from plasmoscope.progress import Track, untracked
from plasmoscope.training.batches import CachedCells, training_batches, validation_batches
from plasmoscope.training.calibration import balanced_threshold, fit_temperature
from plasmoscope.training.export import export_network
from plasmoscope.training.history import History, plot_learning_curves, read_history, write_history
from plasmoscope.training.models import MODELS
from plasmoscope.training.module import PhaseModule
from plasmoscope.training.recipe import Recipe
from plasmoscope.training.speed import mixed_precision_pays, prepare_for_training
from plasmoscope.training.weights import imagenet_weights, read_weights, start_from

_VALIDATION_BATCH = 128


class RunError(PlasmoscopeError):
    """A run folder does not fit what is asked of it."""


@dataclass(frozen=True)
class RunOptions:
    """What may differ between two runs of one recipe."""

    seed: int = 0
    init_weights: Path | None = None
    """ImageNet weights from a file instead of torchvision's download."""
    from_scratch: bool = False
    accelerator: Literal["auto", "cpu", "gpu", "mps"] = "auto"
    precision: Literal["auto", "32", "bf16"] = "auto"
    """``auto``: bf16 where the machine is faster with it."""
    compile: bool = False
    """Compile the network first: pays after a few epochs, needs a C++ compiler on a CPU."""


def train(
    recipe: Recipe,
    dataset: CellDataset,
    folder: Path,
    cache_folder: Path,
    options: RunOptions = RunOptions(),
    track: Track = untracked,
    say: Callable[[str], None] = print,
) -> ModelCard:
    """Train, calibrate and export; called again on the same folder, go on where it stopped.

    Args:
        folder: gets config.json, environment.json, split.csv, history.csv, learning_curves.png, tensorboard/,
            weights.safetensors, model.onnx and model.json.
        cache_folder: where decoded cells are kept.

    Returns:
        The card of the exported model.

    Raises:
        RunError: the folder holds another run.
    """
    split = make_split(recipe.split, dataset)
    _open_folder(folder, recipe, dataset, split, options)
    if (folder / "model.json").exists():
        say(f"{folder} holds a finished run.")
        return read_model(folder / "model.onnx")[1]
    weights_file = folder / "weights.safetensors"
    labels = dataset.labels
    validation_pixels = decoded_cells(dataset, recipe.image_size, cache_folder, track)
    validation = CachedCells(validation_pixels, labels, split.validation)
    if not weights_file.exists():
        model = _initial_model(recipe, options, say)
        for index in range(len(recipe.phases)):
            pixels = decoded_cells(dataset, recipe.phase_cache_size(index), cache_folder, track)
            training = CachedCells(pixels, labels, split.train)
            _run_phase(model, recipe, index, training, validation, folder, options, say)
        _save_weights(model, weights_file)
    model = MODELS[recipe.model]()
    model.load_state_dict(load_file(weights_file))
    history = [row for index in range(len(recipe.phases)) for row in read_history(_phase_file(folder, index, "csv"))]
    write_history(folder / "history.csv", history)
    plot_learning_curves(history, folder / "learning_curves.png")
    card = _export(model, recipe, _describe_data(dataset, split, options.seed), folder, validation)
    say(f"Calibrated on validation: temperature {card.calibration.temperature:.3f}, threshold {card.threshold:.2f}.")
    return card


def _open_folder(folder: Path, recipe: Recipe, dataset: CellDataset, split: Split, options: RunOptions) -> None:
    config = {
        "recipe": recipe.model_dump(mode="json"),
        "data": str(dataset.root),
        "cells": len(dataset),
        "content": dataset.content,
        "options": {name: value if value is None else str(value) for name, value in asdict(options).items()},
    }
    config_file = folder / "config.json"
    if config_file.exists():
        if json.loads(config_file.read_text("utf-8")) != config:
            raise RunError(
                f"{folder} holds a run with another recipe, data set or options (see {config_file}). "
                "Give the same ones to resume it, or another folder with --output."
            )
        return
    folder.mkdir(parents=True, exist_ok=True)
    _write_json(folder / "environment.json", _environment())
    with (folder / "split.csv").open("w", newline="", encoding="utf-8") as stream:
        write_split(split, dataset, stream)
    # Written last: a folder with a config is a whole one.
    _write_json(config_file, config)


def _initial_model(recipe: Recipe, options: RunOptions, say: Callable[[str], None]) -> nn.Module:
    torch.manual_seed(options.seed)
    model = MODELS[recipe.model]()
    if options.from_scratch:
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
    training: CachedCells,
    validation: CachedCells,
    folder: Path,
    options: RunOptions,
    say: Callable[[str], None],
) -> None:
    """Train one phase and leave its best weights in ``model`` and in the folder."""
    best_file = _phase_file(folder, index, "safetensors")
    if best_file.exists():
        model.load_state_dict(load_file(best_file))
        return
    phase = recipe.phases[index]
    checkpoints = folder / "checkpoints" / f"phase-{index + 1}"
    best = ModelCheckpoint(checkpoints, "best", monitor="val_accuracy", mode="max", save_on_train_epoch_end=True)
    # save_last of the best one would leave out epochs that bring no improvement.
    latest = ModelCheckpoint(checkpoints, "last", save_on_train_epoch_end=True, enable_version_counter=False)
    callbacks: list[Callback] = [History(_phase_file(folder, index, "csv"), index + 1, say)]
    if recipe.ema_decay:
        callbacks.append(EMAWeightAveraging(decay=recipe.ema_decay))
    if phase.patience:
        callbacks.append(EarlyStopping("val_accuracy", mode="max", patience=phase.patience))
    # Last, so that a checkpoint holds what the others noted of its epoch.
    callbacks += [best, latest]
    with warnings.catch_warnings():
        # Lightning advises more loading workers; cached cells need none.
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        warnings.filterwarnings("ignore", message=".*Checkpoint directory .* exists and is not empty.*")
        trainer = lightning.Trainer(
            accelerator=options.accelerator,
            devices=1,
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
        prepare_for_training(model, trainer.strategy.root_device.type)
        module = PhaseModule(model, recipe, index, options.seed, options.compile)
        last = checkpoints / "last.ckpt"
        if last.exists():
            say(f"Resuming phase {index + 1} from {last}.")
        try:
            trainer.fit(
                module,
                training_batches(training, recipe.batch_size, options.seed),
                validation_batches(validation, _VALIDATION_BATCH),
                ckpt_path=last if last.exists() else None,
                weights_only=True,
            )
        except (RuntimeError, EOFError, pickle.UnpicklingError, zipfile.BadZipFile) as error:
            if last.exists() and not _can_be_read(last):
                raise RunError(f"The checkpoint {last} is damaged. Remove it to start this phase anew.") from error
            raise
        except SystemExit as interrupted:  # Lightning's answer to Ctrl-C
            raise RunError("Training was interrupted. Run the same command again to go on.") from interrupted
    state = torch.load(best.best_model_path, map_location="cpu", weights_only=True)["state_dict"]
    own = {name.removeprefix("model."): value for name, value in state.items() if name.startswith("model.")}
    model.cpu().load_state_dict(own)
    _save_weights(model, best_file)


def _export(model: nn.Module, recipe: Recipe, data: TrainingData, folder: Path, validation: CachedCells) -> ModelCard:
    """Export the network, calibrate it on its own outputs, and write it with its card."""
    preprocessing = Preprocessing(image_size=recipe.image_size, mean=recipe.mean, std=recipe.std)
    network = export_network(model, preprocessing)
    card = ModelCard.of(
        network,
        name=folder.name,
        architecture=recipe.model,
        recipe=recipe.name,
        preprocessing=preprocessing,
        data=data,
    )
    cells, labels = validation.pixels[validation.members], validation.labels[validation.members]
    batches = [cells[start : start + _VALIDATION_BATCH] for start in range(0, len(cells), _VALIDATION_BATCH)]
    uncalibrated = Classifier(network, card)
    temperature = fit_temperature(np.concatenate([uncalibrated.logits(batch) for batch in batches]), labels)
    calibration = Calibration(temperature=temperature, fitted_on=f"{len(labels)} validation cells of the split")
    card = card.model_copy(update={"calibration": calibration})
    calibrated = Classifier(network, card)
    probabilities = np.concatenate([calibrated.predict_prepared(batch) for batch in batches])
    card = card.model_copy(update={"threshold": balanced_threshold(probabilities, labels == PARASITIZED)})
    save_model(folder / "model.onnx", network, card)
    return card


def _describe_data(dataset: CellDataset, split: Split, seed: int) -> TrainingData:
    parts = {"train": split.train, "validation": split.validation, "test": split.test}
    official = all(cell.patient is not None for cell in dataset.cells)
    return TrainingData(
        dataset=f"NIH/NLM layout, {len(dataset)} cells, classes {' and '.join(CLASS_NAMES)}",
        split=split.name,
        seed=seed,
        cells={name: len(members) for name, members in parts.items()},
        patients={name: len({dataset.patients[i] for i in m}) for name, m in parts.items()} if official else {},
    )


def _precision(options: RunOptions) -> Literal["bf16-mixed", "32-true"]:
    if options.precision != "auto":
        return "bf16-mixed" if options.precision == "bf16" else "32-true"
    device = "cuda" if options.accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available() else "cpu"
    return "bf16-mixed" if mixed_precision_pays(device) else "32-true"


def _phase_file(folder: Path, index: int, suffix: str) -> Path:
    file = folder / "phases" / f"phase-{index + 1}.{suffix}"
    file.parent.mkdir(exist_ok=True)
    return file


def _save_weights(model: nn.Module, file: Path) -> None:
    with whole_file(file) as unfinished:
        save_file({name: value.contiguous() for name, value in model.state_dict().items()}, unfinished)


def _can_be_read(checkpoint: Path) -> bool:
    try:
        torch.load(checkpoint, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError, zipfile.BadZipFile):
        return False
    return True


def _write_json(file: Path, content: dict[str, Any]) -> None:
    replace_file(file, (json.dumps(content, indent=2) + "\n").encode())


def _environment() -> dict[str, Any]:
    packages = ("plasmoscope", "torch", "torchvision", "lightning", "numpy", "opencv-python-headless", "onnxruntime")
    return {
        "python": platform.python_version(),
        "system": platform.platform(terse=True),
        "processor": platform.machine(),
        "threads": torch.get_num_threads(),
        "packages": {name: version(name) for name in packages},
    }
