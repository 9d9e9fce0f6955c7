"""A model in another form says what the model says, and its card tells how nearly."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from command_line import run
from plasmoscope.classification.card import ModelCard, Preprocessing, TrainingData
from plasmoscope.classification.classifier import Classifier
from plasmoscope.data.nih import CellDataset, load_nih
from plasmoscope.errors import PlasmoscopeError
from plasmoscope.exporting.export import TARGETS, export_model
from plasmoscope.exporting.running import in_batches
from plasmoscope.extras import MissingExtraError, has_extra
from plasmoscope.networks import read_network, save_network
from plasmoscope.training.export import export_network
from plasmoscope.training.models import build_model

# Cells a graph is asked about: neither one nor a whole batch.
SOME = 5


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network whose weights are chance; what it says differs from cell to cell all the same."""
    torch.manual_seed(0)
    preprocessing = Preprocessing(image_size=48, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    network = export_network(build_model("slim_resnet", 48), preprocessing)
    card = ModelCard.of(
        network,
        name="small",
        architecture="slim_resnet",
        recipe="none",
        preprocessing=preprocessing,
        data=TrainingData(dataset="none", split="seed42"),
    )
    file = tmp_path_factory.mktemp("model") / "small.onnx"
    save_network(file, network, card)
    return file


@pytest.fixture(scope="module")
def cells(few_cells: Path) -> CellDataset:
    return load_nih(few_cells)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def prepared(model: Path, cells: CellDataset) -> np.ndarray:
    classifier = Classifier.load(model, threads=1)
    return classifier.prepare_batch([cell.source.path for cell in cells.cells[:SOME]])  # type: ignore[union-attr]


@pytest.mark.slow
@pytest.mark.parametrize("to", [name for name in TARGETS if "int8" not in name])
def test_another_form_says_the_same(to: str, model: Path, cells: CellDataset, cache: Path, tmp_path: Path) -> None:
    target = TARGETS[to]
    if not has_extra(target.extra):
        pytest.skip(f"needs plasmoscope[{target.extra}]")
    told = export_model(model, to, tmp_path / f"made{target.suffix}", cells, cache).export
    assert told is not None
    assert told.largest_difference < 1e-3
    assert told.accuracy == told.accuracy_before
    assert told.cells == len(cells) // 10
    assert told.made_from == Classifier.load(model).card.sha256
    assert told.speed_ratio > 0


@pytest.mark.slow
@pytest.mark.parametrize("to", [name for name in TARGETS if "int8" in name])
def test_eight_bits_are_smaller_and_say_nearly_the_same(
    to: str, model: Path, cells: CellDataset, cache: Path, tmp_path: Path
) -> None:
    target = TARGETS[to]
    if not has_extra(target.extra):
        pytest.skip(f"needs plasmoscope[{target.extra}]")
    told = export_model(model, to, tmp_path / f"made{target.suffix}", cells, cache).export
    assert told is not None
    assert told.megabytes < told.megabytes_before
    assert 0 < told.largest_difference < 0.05
    assert "training cells" in told.how


def test_a_graph_for_one_cell_at_a_time_is_a_model_like_any_other(
    model: Path, cells: CellDataset, cache: Path, tmp_path: Path
) -> None:
    export_model(model, "onnx-static", tmp_path / "made.onnx", cells, cache)
    static, before = Classifier.load(tmp_path / "made.onnx", threads=1), Classifier.load(model, threads=1)
    some = prepared(model, cells)
    assert static.predict_prepared(some) == pytest.approx(before.predict_prepared(some), abs=1e-5)
    assert static.predict_prepared(some[:0]).shape == (0,)


def test_the_weights_beside_the_program_are_the_networks(
    model: Path, cells: CellDataset, cache: Path, tmp_path: Path
) -> None:
    export_model(model, "torch", tmp_path / "made.pt2", cells, cache)
    weights = load_file(tmp_path / "made.safetensors")
    module = torch.export.load(tmp_path / "made.pt2").module()
    some = prepared(model, cells)
    with torch.no_grad():
        said = module(torch.from_numpy(some)).numpy()
    assert said == pytest.approx(in_batches(Classifier.load(model).logits, some), abs=1e-4)
    assert sum(value.numel() for name, value in weights.items() if name.endswith("weight")) > 180_000


def test_a_form_whose_packages_are_missing_names_the_command(
    model: Path, cells: CellDataset, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plasmoscope.extras._is_installed", lambda package: package != "litert-torch")
    with pytest.raises(MissingExtraError, match=r"litert-torch.*pip install \"plasmoscope\[tflite\]\""):
        export_model(model, "tflite", tmp_path / "made.tflite", cells, cache)


def test_a_name_that_does_not_fit_or_is_taken_is_refused(
    model: Path, cells: CellDataset, cache: Path, tmp_path: Path
) -> None:
    with pytest.raises(PlasmoscopeError, match=r"a name ending in \.pt2"):
        export_model(model, "torch", tmp_path / "made.onnx", cells, cache)
    with pytest.raises(PlasmoscopeError, match="exists already"):
        export_model(model, "onnx-static", model, cells, cache)


def test_weights_of_another_architecture_are_refused(
    model: Path, cells: CellDataset, cache: Path, tmp_path: Path
) -> None:
    network, card = read_network(model, ModelCard)
    other = tmp_path / "other.onnx"
    save_network(other, network, card.model_copy(update={"architecture": "mobilenet_v2"}))
    with pytest.raises(PlasmoscopeError, match="do not fit the architecture"):
        export_model(other, "torch", tmp_path / "made.pt2", cells, cache)


def test_the_command_tells_what_was_lost(
    model: Path, few_cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("export", model, "--data", few_cells, "--to", "onnx-static", monkeypatch=monkeypatch) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "small-onnx-static.onnx and its card are written" in said
    assert "the largest difference between two probabilities is" in said
    assert run("classify", few_cells, "--model", "small-onnx-static.onnx", monkeypatch=monkeypatch) == 0
