"""Writing a model in another form, with a card that tells how it compares with the one it was made from."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from plasmoscope.classification.card import UNKNOWN_SPLIT, Export, ModelCard
from plasmoscope.classification.classifier import Classifier, find_model
from plasmoscope.data.cache import decoded_cells
from plasmoscope.data.nih import CellDataset
from plasmoscope.data.splits import make_split
from plasmoscope.errors import PlasmoscopeError
from plasmoscope.exporting.comparing import cells_per_second, probabilities
from plasmoscope.exporting.running import Cells, Runner
from plasmoscope.exporting.static_onnx import logits_alone, static_graph
from plasmoscope.extras import require_extra
from plasmoscope.files import replace_file
from plasmoscope.networks import card_path, read_network
from plasmoscope.progress import Track, untracked

# Cells at a time of a static graph: one, as a telephone or a page in a browser has them.
_STATIC = 1
# Training cells that ranges of activations are taken from, and that ways of finding them are compared on.
_CALIBRATION, _ASIDE = 300, 300
# The former for ONNX Runtime, which holds all their activations in memory.
_ONNX_CALIBRATION = 96
_MEGABYTE = 1_000_000  # bytes


class ExportError(PlasmoscopeError):
    """A model cannot be written in the form that was asked for."""


@dataclass(frozen=True)
class _Made:
    """What a target wrote."""

    files: tuple[Path, ...]
    """The first is the one to load."""
    run: Runner
    how: str


@dataclass(frozen=True)
class Target:
    """A form that a model can be written in."""

    extra: str
    """Of the packages that it needs."""
    suffix: str
    make: Callable[[bytes, ModelCard, Path, Cells], _Made]
    """From an ONNX graph, its card, the file to write, and training cells in random order."""


def _onnx_runner(file: Path, card: ModelCard) -> Runner:
    network = file.read_bytes()
    return Classifier(network, card.model_copy(update={"silence": None}), threads=1).logits


def _halves(training: Cells, most: int) -> tuple[Cells, Cells]:
    """Cells to calibrate on, at most so many, and others to compare on."""
    calibration = min(most, len(training) // 2)
    return training[:calibration], training[calibration:][:_ASIDE]


def _static(network: bytes, card: ModelCard, file: Path, training: Cells) -> _Made:
    replace_file(file, static_graph(network, _STATIC))
    return _Made((file,), _onnx_runner(file, card), f"for {_STATIC} cell at a time, constants worked out")


def _int8(network: bytes, card: ModelCard, file: Path, training: Cells) -> _Made:
    from plasmoscope.exporting.int8_onnx import int8_graph

    calibration, aside = _halves(training, _ONNX_CALIBRATION)
    quantised, ranges = int8_graph(network, calibration, aside)
    replace_file(file, quantised)
    how = (
        f"8-bit weights by channel and 8-bit activations, ranges by {ranges} of {len(calibration)} training cells, "
        f"chosen on {len(aside)} others without their labels; the first convolution and the last layer in 32 bits"
    )
    return _Made((file,), _onnx_runner(file, card), how)


def _openvino(network: bytes, card: ModelCard, file: Path, training: Cells) -> _Made:
    from plasmoscope.exporting.openvino_ir import open_openvino, save_openvino

    how = save_openvino(logits_alone(network), file)
    return _Made((file, file.with_suffix(".bin")), open_openvino(file, threads=1), how)


def _openvino_int8(network: bytes, card: ModelCard, file: Path, training: Cells) -> _Made:
    from plasmoscope.exporting.openvino_ir import open_openvino, save_openvino_int8

    calibration, aside = _halves(training, _CALIBRATION)
    how = save_openvino_int8(logits_alone(network), file, calibration, aside)
    return _Made((file, file.with_suffix(".bin")), open_openvino(file, threads=1), how)


def _torch(network: bytes, card: ModelCard, file: Path, training: Cells) -> _Made:
    from plasmoscope.exporting.torch_program import open_program, save_program

    save_program(network, card, file)
    files = file, file.with_suffix(".safetensors")
    return _Made(files, open_program(file), "a program of torch.export for any number of cells, and its weights")


def _tflite(network: bytes, card: ModelCard, file: Path, training: Cells) -> _Made:
    from plasmoscope.exporting.tflite import open_tflite, save_tflite

    save_tflite(network, card, file)
    return _Made((file,), open_tflite(file, threads=1), "32-bit numbers, one cell at a time, by litert-torch")


TARGETS = {
    "onnx-static": Target("train", ".onnx", _static),
    "int8": Target("train", ".onnx", _int8),
    "openvino": Target("openvino", ".xml", _openvino),
    "openvino-int8": Target("openvino", ".xml", _openvino_int8),
    "tflite": Target("tflite", ".tflite", _tflite),
    "torch": Target("train", ".pt2", _torch),
}


def export_model(
    model: Path | str | None,
    to: str,
    output: Path,
    dataset: CellDataset,
    cache_folder: Path,
    split: str | None = None,
    track: Track = untracked,
) -> ModelCard:
    """Write a model in another form, compare it with the model on validation cells, and write that into its card.

    Args:
        model: as ``Classifier.load`` takes it.
        to: a key of ``TARGETS``.
        output: the file to write; its card, and what else belongs to it, lie beside it.
        dataset: labelled cells that the comparison and the calibration take their cells from.
        cache_folder: where decoded cells are kept.
        split: which of them are for training and which for validation; the model's own if None.
        track: shows progress.

    Returns:
        The card, with its ``export``.

    Raises:
        ExportError: the name does not fit the form, a file is there already, or nothing says which cells it knows.
        MissingExtraError: naming the command that installs what the form needs.
        ModelError: there is no such model.
    """
    target = TARGETS[to]
    require_extra(target.extra, f"Exporting to {to}")
    if output.suffix != target.suffix:
        raise ExportError(f"{to} is written to a name ending in {target.suffix}; give --output one, not {output.name}.")
    if there := [file for file in (output, card_path(output)) if file.exists()]:
        raise ExportError(f"{there[0]} exists already; give another --output.")
    source = find_model(model)
    network, card = read_network(source, ModelCard)
    chosen = split or card.data.split
    if chosen == UNKNOWN_SPLIT:
        raise ExportError(
            f"The card of {card.name} does not tell which cells it learnt from. Say with --split which are for "
            "training and which for the comparison."
        )
    parts = make_split(chosen, dataset)
    pixels = decoded_cells(dataset, card.preprocessing.image_size, cache_folder, track)
    members = parts.part("validation")
    if not len(members) or not len(parts.train):
        raise ExportError(f"The split {chosen} of these data leaves no cells for training or none for validation.")
    training = pixels[np.random.default_rng(0).permutation(parts.part("train"))[: _CALIBRATION + _ASIDE]]
    output.parent.mkdir(parents=True, exist_ok=True)
    made = target.make(network, card, output, training)
    compared = _compared(network, card, made, pixels[members], dataset.infected[members])
    told = Export(
        to=to,
        made_from=card.sha256,
        how=made.how,
        compared_on=f"validation cells of the split {chosen}, labels {dataset.label_set}",
        megabytes=sum(file.stat().st_size for file in made.files) / _MEGABYTE,
        megabytes_before=len(network) / _MEGABYTE,
        **compared,
    )
    content = b"".join(file.read_bytes() for file in made.files)
    fields = card.model_dump(exclude={"created", "plasmoscope", "sha256", "evaluations", "export"})
    exported = ModelCard.of(content, **fields | {"name": f"{card.name}-{to}", "export": told})
    exported.write(output)
    return exported


def _compared(
    network: bytes, card: ModelCard, made: _Made, cells: Cells, parasitized: NDArray[np.bool_]
) -> dict[str, float | int]:
    model = Classifier(network, card, threads=1)
    said, said_before = (probabilities(run, model, cells) for run in (made.run, model.logits))
    speed, speed_before = cells_per_second([made.run, model.logits], cells)
    accuracy, accuracy_before = (float(((p >= card.threshold) == parasitized).mean()) for p in (said, said_before))
    return {
        "cells": len(cells),
        "largest_difference": float(np.abs(said - said_before).max()),
        "accuracy": accuracy,
        "accuracy_before": accuracy_before,
        "speed_ratio": speed / speed_before,
    }
