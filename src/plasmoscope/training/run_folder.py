"""The folder of a run: opened for one recipe, data set and options, and what is kept in it between two calls."""

import json
import os
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import ValidationError
from safetensors.torch import save_file
from torch import nn

from plasmoscope.data.nih import CellDataset
from plasmoscope.data.splits import Split, save_split
from plasmoscope.errors import PlasmoscopeError
from plasmoscope.files import replace_file, whole_file
from plasmoscope.training.recipe import Recipe
from plasmoscope.training.weights import WeightsError, read_weights

LoggerName = Literal["csv", "tensorboard", "wandb", "mlflow"]
# What launchers set in the processes of a run on many devices; the first process has zeros or nothing.
_RANKS = ("RANK", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK", "SLURM_PROCID")
# The first machine may be slow to read the data, and the disk they share to show what it wrote.
_SHARED_FOLDER_WAIT_S = 600


class RunError(PlasmoscopeError):
    """A run folder does not fit what is asked of it, or training cannot go on."""


class DivergedError(RunError):
    """A loss is no finite number any more."""


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
    loggers: tuple[LoggerName, ...] = ("csv", "tensorboard")
    """Where the run is told of."""
    histograms: bool = False
    """The network's graph and histograms of its weights, for TensorBoard."""

    def as_config(self) -> dict[str, str | None]:
        """What a run folder keeps of them; how a run is told of is no part of what it is."""
        kept = {name: value for name, value in asdict(self).items() if name not in ("loggers", "histograms")}
        return {name: value if value is None else str(value) for name, value in kept.items()}


def first_process() -> bool:
    """Whether this process is the one that writes: the others were started by Lightning or on other machines."""
    return all(int(os.environ.get(name, "0")) == 0 for name in _RANKS)


def open_folder(folder: Path, recipe: Recipe, dataset: CellDataset, split: Split, options: RunOptions) -> None:
    """Make the folder of a new run, or see that a folder that is there holds this one.

    Raises:
        RunError: it holds another run, or its config is damaged.
    """
    config = {
        "recipe": recipe.model_dump(mode="json"),
        "data": str(dataset.root),
        "cells": len(dataset),
        "content": dataset.content,
        "options": options.as_config(),
    }
    config_file = folder / "config.json"
    if not first_process():
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


def phase_file(folder: Path, index: int, suffix: str) -> Path:
    """The file of a run folder that belongs to one phase."""
    file = folder / "phases" / f"phase-{index + 1}.{suffix}"
    file.parent.mkdir(exist_ok=True)
    return file


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
