"""A training run: a recipe, a data set and a folder that can be killed at any moment and taken up again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch.callbacks import Callback
from numpy.typing import NDArray
from torch import nn

from plasmoscope.classification.card import Calibration, ModelCard, Preprocessing, Silence, TrainingData
from plasmoscope.classification.classifier import Classifier
from plasmoscope.classification.control import level
from plasmoscope.classification.familiar import keep_familiar
from plasmoscope.classification.views import VIEWS
from plasmoscope.data.cache import decoded_cells
from plasmoscope.data.classes import check_all_there
from plasmoscope.data.nih import CellDataset
from plasmoscope.data.splits import Split, make_split, unsure_cells
from plasmoscope.files import alone_in, empty
from plasmoscope.imaging.cells import resize_cell
from plasmoscope.imaging.smear_reference import smear_references
from plasmoscope.imaging.stain_reference import STANDARD, refer
from plasmoscope.labels import PARASITIZED, UNINFECTED, log_odds
from plasmoscope.networks import read_network, save_network
from plasmoscope.progress import Track, untracked
from plasmoscope.training.batches import CachedCells
from plasmoscope.training.calibration import (
    COUNTING,
    SCREENING,
    accuracy_threshold,
    fit_class_temperature,
    fit_temperature,
    operating_point,
)
from plasmoscope.training.distillation import teacher_odds
from plasmoscope.training.export import export_network, with_strangeness
from plasmoscope.training.features import cached_features
from plasmoscope.training.history import plot_learning_curves, read_history, write_history
from plasmoscope.training.models import build_model
from plasmoscope.training.other_cells import Maker
from plasmoscope.training.phases import initial_model, run_phase, silent
from plasmoscope.training.recipe import Phase, Recipe
from plasmoscope.training.run_folder import (
    RunError,
    RunOptions,
    first_process,
    load_weights,
    open_folder,
    phase_file,
    save_weights,
)
from plasmoscope.training.silence import fit_evidence, silence_of

_DEFAULTS = RunOptions()
# Infected cells of other laboratories that silence is judged on.
_INFECTED_ELSEWHERE = 1_000


def train(
    recipe: Recipe,
    dataset: CellDataset,
    folder: Path,
    cache_folder: Path,
    options: RunOptions = _DEFAULTS,
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
    if not first_process():
        return _train(recipe, dataset, folder, cache_folder, options, track, silent)
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
    data = _opened(recipe, dataset, folder, cache_folder, options, track)
    recipe = data.recipe
    if (folder / "model.json").exists():
        say(f"{folder} holds a finished run.")
        return read_network(folder / "model.onnx", ModelCard)[1]
    weights_file = folder / "weights.safetensors"
    if not weights_file.exists():
        model = initial_model(recipe, options, say)
        for index in range(len(recipe.phases)):
            run_phase(model, recipe, index, data, folder, options, say)
        if not first_process():
            raise SystemExit(0)
        save_weights(model, weights_file)
    model = build_model(recipe.model, recipe.image_size, recipe.model_options, recipe.own_classes)
    load_weights(model, weights_file)
    history = [row for index in range(len(recipe.phases)) for row in read_history(phase_file(folder, index, "csv"))]
    write_history(folder / "history.csv", history)
    plot_learning_curves(history, folder / "learning_curves.png")
    validation = data.cells(recipe.image_size, "validation")
    described = _describe_data(dataset, data.split, options.seed, data.infected_crops())
    card = export_run(model, recipe, described, folder, validation, data.healthy_elsewhere(), data.infected_elsewhere())
    say(f"Calibrated on validation: temperature {card.calibration.temperature:.3f}, threshold {card.threshold:.2f}.")
    return card


def learn(
    recipe: Recipe,
    dataset: CellDataset,
    folder: Path,
    cache_folder: Path,
    options: RunOptions,
    track: Track,
    say: Callable[[str], None],
    watching: Sequence[Callback],
) -> list[dict[str, float]]:
    """Train alone, without an export; arguments as of ``train``, and callbacks that look on.

    Returns:
        The epochs of the last phase, as ``history.read_history`` gives them.
    """
    data = _opened(recipe, dataset, folder, cache_folder, options, track)
    model = initial_model(data.recipe, options)
    for index in range(len(data.recipe.phases)):
        run_phase(model, data.recipe, index, data, folder, options, say, watching)
    return read_history(phase_file(folder, len(data.recipe.phases) - 1, "csv"))


def _opened(
    recipe: Recipe, dataset: CellDataset, folder: Path, cache_folder: Path, options: RunOptions, track: Track
) -> "_Data":
    """What a run learns from, its folder opened."""
    recipe = recipe.of_classes(dataset.classes)
    _check_other_data(recipe, options.other_data)
    split = make_split(recipe.split, dataset)
    check_all_there(dataset.labels[split.train], dataset.classes, f"the part train of {dataset.root}")
    if len(set(dataset.infected[split.validation].tolist())) < 2:
        raise RunError(
            f"The validation part of the split {split.name} has no infected cells, or nothing else: neither "
            "temperature nor threshold can be set on it. Take another split or fold."
        )
    open_folder(folder, recipe, dataset, split, options)
    return _Data(dataset, split, cache_folder, track, recipe, options.other_data)


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
        if self.recipe.teacher and part == "train":
            taught = teacher_odds(self.recipe.teacher, self.dataset, self.split, self.cache_folder, self.track)
            cells.taught = torch.from_numpy(taught)
        if not (self.recipe.referred_share or self.recipe.other_cells):
            return cells
        members = self.split.part(part)
        everything = cells.inputs.numpy()
        pixels = everything[members]
        own = smear_references(everything, self.dataset.patients)
        # The same cells in every run and phase, whatever was drawn before.
        draws = np.random.default_rng(0).random(len(members))
        for index in np.flatnonzero(draws < self.recipe.referred_share).tolist():
            if reference := own.get(self.dataset.patients[members[index]]):
                pixels[index] = refer(pixels[index], reference)
        others = self._maker(part).make(self.recipe.other_cells)
        resized = [resize_cell(cell, size) for cell in others.pixels]
        labels = np.concatenate([self.dataset.labels[members], others.labels])
        return CachedCells(np.stack([*pixels, *resized]), labels, np.arange(len(labels)))

    def healthy_elsewhere(self) -> list[list[NDArray[np.uint8]]]:
        """Red cells of the recipe's healthy fields that are kept aside: by source and field, (n, size, size, 3)."""
        maker = self._maker("validation")
        size = self.recipe.image_size

        def red_cells(file: Path) -> list[NDArray[np.uint8]]:
            return [resize_cell(cell, size) for cell, label in maker.healthy(file) if label == UNINFECTED]

        return [
            [np.stack(cells) for file in maker.photographs(source) if (cells := red_cells(file))]
            for source in self.recipe.other_cells
            if source.kind == "healthy_fields"
        ]

    def infected_crops(self) -> int:
        """How many real infected cells are trained on beside the data set's."""
        crops = [source for source in self.recipe.other_cells if source.kind == "infected_crops"]
        return len(self._maker("train").make(crops).labels)

    def infected_elsewhere(self) -> NDArray[np.uint8]:
        """Some infected ones of the recipe's other cells that are kept aside, shape (n, size, size, 3)."""
        cells = self._maker("validation").make(self.recipe.other_cells)
        infected = np.flatnonzero(cells.labels == PARASITIZED)
        some = np.random.default_rng(0).permutation(infected)[:_INFECTED_ELSEWHERE]
        size = self.recipe.image_size
        resized = [resize_cell(cells.pixels[index], size) for index in some.tolist()]
        return np.array(resized, np.uint8).reshape(-1, size, size, 3)

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


def export_run(
    model: nn.Module,
    recipe: Recipe,
    data: TrainingData,
    folder: Path,
    validation: CachedCells,
    healthy_elsewhere: Sequence[Sequence[NDArray[np.uint8]]],
    infected_elsewhere: NDArray[np.uint8],
) -> ModelCard:
    """Export the network, calibrate it on its own outputs, and write it with its card.

    Args:
        model: trained.
        recipe: that it was trained by.
        data: what is said of the data.
        folder: gets the network and the card.
        validation: cells of the data set.
        healthy_elsewhere: uninfected cells of other laboratories, by laboratory and field, (n, size, size, 3).
        infected_elsewhere: infected cells made of other laboratories', (n, size, size, 3).
    """
    standard = STANDARD if recipe.referred_share else None
    preprocessing = Preprocessing(image_size=recipe.image_size, mean=recipe.mean, std=recipe.std, reference=standard)
    cells = validation.inputs[validation.members].numpy()
    red_cells = np.concatenate([cells, *(field for fields in healthy_elsewhere for field in fields)])
    network = export_network(model, preprocessing)
    classes, labels = recipe.class_set, validation.labels[validation.members].numpy()
    own: dict[str, Any] = {}
    if classes.own:
        own = {"format": 2, "class_names": classes.names, "positive_classes": classes.positive}

    def described(network: bytes) -> ModelCard:
        return ModelCard.of(
            network,
            name=folder.name,
            architecture=recipe.model,
            recipe=recipe.name,
            preprocessing=preprocessing,
            data=data,
            **own,
        )

    first = Classifier(network, described(network))
    if first.has_features:
        network = with_strangeness(network, first.logits_and_features(red_cells)[1])
    card = described(network)
    parasitized = classes.infected(labels)
    logits = Classifier(network, card).logits(cells)
    temperature = (
        fit_class_temperature(logits, labels) if classes.own else fit_temperature(log_odds(logits), parasitized)
    )
    calibration = Calibration(
        temperature=temperature,
        fitted_on=f"{len(cells)} validation cells of the split",
        parasitized_share=float(parasitized.mean()),
    )
    card = card.model_copy(update={"calibration": calibration})
    evidence = fit_evidence(Classifier(network, card), red_cells)
    by_evidence = evidence and Silence(evidence=evidence, threshold=1, silent_share=0, measured_on="")
    calibrated = Classifier(network, card.model_copy(update={"silence": by_evidence}))
    judged = [calibrated.judge_prepared(cells, views) for views in (1, max(VIEWS))]
    probabilities = np.stack([one.parasitized for one in judged])
    if healthy_elsewhere:
        everywhere = [calibrated.predict_prepared(field) for fields in healthy_elsewhere for field in fields]
        calibration = calibration.model_copy(update={"usual_level": level(np.concatenate(everywhere))})
        calibrated = Classifier(network, card.model_copy(update={"calibration": calibration, "silence": by_evidence}))
    elsewhere = [[calibrated.judge_field(field, max(VIEWS)) for field in fields] for fields in healthy_elsewhere]
    called = [np.concatenate([field.parasitized for field in fields]) for fields in elsewhere]
    counting, screening = (
        operating_point(purpose, probabilities[-1], parasitized, called, max(VIEWS))
        for purpose in (COUNTING, SCREENING)
    )
    told = [judged[-1:], *elsewhere]
    infected = calibrated.judge_prepared(infected_elsewhere, max(VIEWS))
    card = card.model_copy(
        update={
            "calibration": calibration,
            "threshold": accuracy_threshold(probabilities, parasitized),
            "counting": counting,
            "screening": screening,
            "silence": silence_of(evidence, told, infected, f"{len(cells)} validation cells of the split"),
        }
    )
    save_network(folder / "model.onnx", network, card)
    keep_familiar(calibrated, cells, parasitized, folder / "model.onnx")
    return card


def _describe_data(dataset: CellDataset, split: Split, seed: int, infected_crops: int) -> TrainingData:
    parts = {"train": split.train, "validation": split.validation, "test": split.test}
    official = all(cell.patient is not None for cell in dataset.cells)
    layout = "own layout" if dataset.classes.own else "NIH/NLM layout"
    return TrainingData(
        dataset=f"{layout}, {len(dataset)} cells, classes {dataset.classes}",
        split=split.name,
        seed=seed,
        cells={name: len(members) for name, members in parts.items()},
        patients={name: len({dataset.patients[i] for i in m}) for name, m in parts.items()} if official else {},
        labels=dataset.label_set,
        unsure=unsure_cells(split.name, dataset),
        infected_from=infected_from(dataset, infected_crops),
    )


def infected_from(dataset: CellDataset, elsewhere: int) -> str:
    """As ``TrainingData.infected_from``; of data other than the NIH's nobody knows here whose they are."""
    if not dataset.published_by_nih:
        return ""
    others = f", but for {elsewhere} from elsewhere" if elsewhere else ""
    return f"from one laboratory's slides of one species (NIH, P. falciparum){others}"
