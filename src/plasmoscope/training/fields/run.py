"""A training run of the network that reads fields: a recipe, a data folder, and a folder that can be taken up again."""

import json
import pickle
import shutil
import sys
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import lightning
import torch
from lightning.pytorch.callbacks import EMAWeightAveraging, ModelCheckpoint

from plasmoscope.networks import card_path, read_network, save_network
from plasmoscope.progress import Track, untracked
from plasmoscope.segmentation.card import FieldCard, FieldTrainingData, InstanceRule
from plasmoscope.segmentation.reader import FieldReader
from plasmoscope.training.fields.batches import FixedScenes, SceneBatches, Scenes
from plasmoscope.training.fields.choosing import choose_rule
from plasmoscope.training.fields.export import export_field_network
from plasmoscope.training.fields.labelled import LabelledField
from plasmoscope.training.fields.module import FieldModule
from plasmoscope.training.fields.network import FieldNetwork
from plasmoscope.training.fields.outlining import outline_fields
from plasmoscope.training.fields.recipe import FieldRecipe
from plasmoscope.training.fields.scene import Scene
from plasmoscope.training.fields.sources import FieldData, check_sources, drawers_of, open_data
from plasmoscope.training.history import History, plot_losses, read_history, write_history
from plasmoscope.training.lightning_output import quiet_lightning
from plasmoscope.training.loggers import make_loggers
from plasmoscope.training.run_folder import (
    RunError,
    RunOptions,
    environment,
    load_weights,
    phase_file,
    save_weights,
    write_json,
)

_COLUMNS = (
    "phase",
    "epoch",
    "learning_rate",
    "train_loss",
    "val_loss",
    "val_depth",
    "val_rays",
    "val_tissue",
    "val_film",
    "val_blur",
    "seconds",
)
_WORKERS = 1  # process that composes scenes beside the training
_DEFAULTS = RunOptions()


_FIRST_RULE = InstanceRule(least_depth=0.5, most_overlap=0.5, chosen_on="nothing yet")
_KEPT_ASIDE = (
    "a fifth of the patients whose cells composites are made of, and of each source of photographs a fifth by file, "
    "block of file numbers or slide, as labelled.is_aside tells"
)

Outlined = dict[str, Sequence[LabelledField]]


def train_fields(
    recipe: FieldRecipe,
    data: Path,
    folder: Path,
    cache_folder: Path,
    options: RunOptions = _DEFAULTS,
    track: Track = untracked,
    say: Callable[[str], None] = print,
    afresh: bool = False,
) -> FieldCard:
    """Train, choose the rule for instances and export; called again on the same folder, go on where it stopped.

    Args:
        recipe: what to train.
        data: folder that the paths of the recipe's sources are below.
        folder: gets config.json, environment.json, history.csv, learning_curves.png, tensorboard/,
            weights.safetensors, model.onnx and model.json.
        cache_folder: where cut-out cells are kept.
        options: seed, accelerator and precision; fields are trained on one device.
        track: shows progress.
        say: is given a line an epoch.
        afresh: empty the folder first instead of resuming.

    Returns:
        The card of the exported network.

    Raises:
        RunError: the folder holds another run or a damaged file.
        FieldDataError: a source of the recipe is missing or empty.
    """
    # A start that fails claims no folder.
    check_sources(data, recipe)
    if afresh:
        shutil.rmtree(folder, ignore_errors=True)
    _open_folder(folder, recipe, data, options)
    model_file = folder / "model.onnx"
    if card_path(model_file).exists():
        say(f"{folder} holds a finished run.")
        return read_network(model_file, FieldCard)[1]
    # A pool of OpenCV's threads does not survive the fork that makes the process which draws scenes.
    cv2.setNumThreads(0)
    training = open_data(data, recipe, cache_folder, False, track)
    validation = open_data(data, recipe, cache_folder, True, track)
    torch.manual_seed(options.seed)
    model = FieldNetwork(recipe.widths)
    outlined: tuple[Outlined, Outlined] = ({}, {})
    for index, phase in enumerate(recipe.phases):
        wanted = [source for source in phase.sources if source.kind == "outlined" and source.path not in outlined[0]]
        if wanted and not phase_file(folder, index, "safetensors").exists():
            reader = FieldReader(*_exported(model, recipe, options))
            for source in wanted:
                for part, aside in zip(outlined, (False, True), strict=True):
                    part[source.path] = outline_fields(data / source.path, source.aside, aside, reader, track)
                say(f"Outlined {len(outlined[0][source.path])} fields of {source.path} to train on.")
        run_phase(model, recipe, index, training, validation, outlined, folder, options, say)
    save_weights(model, folder / "weights.safetensors")
    history = [row for index in range(len(recipe.phases)) for row in read_history(phase_file(folder, index, "csv"))]
    write_history(folder / "history.csv", history)
    plot_losses(history, folder / "learning_curves.png")
    network, card = _exported(model, recipe, options)
    rule, f1 = choose_rule(network, card, _known_scenes(validation))
    card = card.model_copy(update={"instances": rule, "figures": {"validation_scenes_f1": round(f1, 4)}})
    save_network(model_file, network, card)
    say(f"Least depth {rule.least_depth:g}, most overlap {rule.most_overlap:g}: F1 {f1:.4f} on validation scenes.")
    return card


def _exported(model: FieldNetwork, recipe: FieldRecipe, options: RunOptions) -> tuple[bytes, FieldCard]:
    network = export_field_network(model)
    sources = dict.fromkeys(source.path or source.kind for phase in recipe.phases for source in phase.sources)
    data = FieldTrainingData(
        sources=tuple(sources),
        steps=sum(phase.steps for phase in recipe.phases),
        seed=options.seed,
        kept_aside=_KEPT_ASIDE,
    )
    return network, FieldCard.of(
        network,
        name=recipe.name,
        recipe=recipe.name,
        working_diameter=recipe.working_diameter,
        instances=_FIRST_RULE,
        data=data,
    )


def _known_scenes(validation: FieldData) -> list[Scene]:
    """Scenes in which every cell is known: composites and boxed fields of the part kept aside."""
    kinds = ("composites", "boxes")
    phase = validation.recipe.phases[-1]
    known = phase.model_copy(update={"sources": tuple(source for source in phase.sources if source.kind in kinds)})
    return FixedScenes(*drawers_of(validation, known, {}), 2 * validation.recipe.validation_scenes).scenes


def _open_folder(folder: Path, recipe: FieldRecipe, data: Path, options: RunOptions) -> None:
    config = {
        "recipe": recipe.model_dump(mode="json"),
        "data": str(data),
        "options": options.as_config(),
    }
    config_file = folder / "config.json"
    if config_file.exists():
        try:
            there = json.loads(config_file.read_text("utf-8"))
            same = (there["recipe"], there["options"]) == (config["recipe"], config["options"])
        except (ValueError, KeyError, TypeError) as error:
            raise RunError(
                f"{config_file} is damaged. Remove it and run the command that began this run, or give another "
                "folder with --output."
            ) from error
        if not same:
            raise RunError(
                f"{folder} holds a run with another recipe or other options. Give the same ones to resume it, or "
                "another folder with --output."
            )
        return
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "environment.json", environment())
    write_json(config_file, config)


def run_phase(
    model: FieldNetwork,
    recipe: FieldRecipe,
    index: int,
    training: FieldData,
    validation: FieldData,
    outlined: tuple[Outlined, Outlined],
    folder: Path,
    options: RunOptions,
    say: Callable[[str], None],
) -> None:
    """Train one phase and leave its weights in ``model`` and in the folder."""
    done = phase_file(folder, index, "safetensors")
    if done.exists():
        load_weights(model, done)
        return
    phase = recipe.phases[index]
    checkpoints = folder / "checkpoints" / f"phase-{index + 1}"
    last = checkpoints / "last.ckpt"
    steps = min(recipe.epoch_steps, phase.steps)
    with quiet_lightning():
        trainer = lightning.Trainer(
            accelerator=options.accelerator,
            devices=1,
            max_epochs=-(-phase.steps // steps),
            limit_train_batches=steps,
            precision="bf16-mixed" if _bf16_pays(options) else "32-true",
            gradient_clip_val=recipe.gradient_clip,
            callbacks=[
                History(phase_file(folder, index, "csv"), index + 1, say, _COLUMNS),
                EMAWeightAveraging(decay=recipe.ema_decay),
                ModelCheckpoint(checkpoints, "last", save_on_train_epoch_end=True, enable_version_counter=False),
            ],
            logger=make_loggers(options.loggers, folder, index + 1, recipe.model_dump(mode="json")),
            num_sanity_val_steps=0,
            log_every_n_steps=10,
            enable_progress_bar=sys.stdout.isatty(),
            enable_model_summary=False,
        )
        model.to(memory_format=torch.channels_last)
        module = FieldModule(model, recipe, phase).train()
        # A resumed run draws other scenes than it has seen.
        begun = int(torch.load(last, weights_only=True)["epoch"]) if last.exists() else 0
        seed = options.seed * 1_000_003 + index * 1_009 + begun
        scenes = Scenes(*drawers_of(training, phase, outlined[0]), recipe, seed)
        fixed = FixedScenes(*drawers_of(validation, phase, outlined[1]), recipe.validation_scenes)
        if last.exists():
            say(f"Resuming phase {index + 1} from {last}.")
        try:
            trainer.fit(
                module,
                datamodule=SceneBatches(scenes, fixed, _WORKERS),
                ckpt_path=last if last.exists() else None,
                weights_only=True,
            )
        except (EOFError, pickle.UnpicklingError, zipfile.BadZipFile) as error:
            raise RunError(f"The checkpoint {last} is damaged. Remove it to start this phase anew.") from error
    model.cpu()
    save_weights(model, done)
    shutil.rmtree(checkpoints)


def _bf16_pays(options: RunOptions) -> bool:
    """Whether plain convolutions are faster in bfloat16 here: on recent GPUs, and on CPUs with instructions for it."""
    if options.precision != "auto":
        return options.precision == "bf16"
    if options.accelerator in ("auto", "gpu") and torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu.get_capabilities().get("avx512_bf16") or torch.cpu.get_capabilities().get("amx_bf16"))
