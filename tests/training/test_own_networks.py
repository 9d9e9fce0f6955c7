"""Networks from elsewhere: of torchvision, of timm, and one's own."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from command_line import run
from plasmoscope.classification.card import Preprocessing
from plasmoscope.classification.classifier import Classifier
from plasmoscope.data.nih import load_nih
from plasmoscope.training.export import export_network
from plasmoscope.training.models import ArchitectureError, build_model
from plasmoscope.training.recipe import load_recipe
from plasmoscope.training.run import train
from plasmoscope.training.run_folder import RunOptions

OWN = """
from collections import OrderedDict
from torch import nn

def small(image_size, width=4, classes=2):
    body = nn.Sequential(nn.Conv2d(3, int(width), 3, stride=4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return nn.Sequential(OrderedDict(body=body, head=nn.Linear(int(width), int(classes))))

def number(image_size):
    return 7

def maps(image_size):
    return nn.Sequential(nn.Conv2d(3, 4, 3))
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module of somebody's in the current folder."""
    (tmp_path / "my_networks.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "my_networks", raising=False)


@pytest.mark.slow
@pytest.mark.usefixtures("own")
def test_a_network_of_ones_own_is_trained_exported_compared_and_calls_cells(
    few_cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = ["model=my_networks:small", "image_size=32", "cache_size=32", "weights=random"]
    recipe = load_recipe("basic_cnn").shortened().changed(changes)
    dataset = load_nih(few_cells)
    card = train(recipe, dataset, tmp_path / "run", tmp_path, RunOptions())
    classifier = Classifier.load(tmp_path / "run")
    assert classifier.card == card
    written = EventAccumulator(str(tmp_path / "run" / "tensorboard" / "phase-1")).Reload().Tags()["scalars"]
    assert {"train_loss", "train_accuracy", "val_loss", "val_accuracy", "val_auc"} < set(written)
    assert [name for name in written if name.startswith("lr-")], written
    probabilities = classifier.predict([cell.source.path for cell in dataset.cells[:3]])  # type: ignore[union-attr]
    assert np.all((probabilities > 0) & (probabilities < 1))
    for part in (["evaluate", "--model", "run", "--data", few_cells, "--part", "test"], ["compare", "run"]):
        assert run(*part, monkeypatch=monkeypatch) == 0
    some = [str(cell.source.name) for cell in dataset.cells[:3]]
    assert run("embed", *some, "--model", "run", "--output", "cells.npz", monkeypatch=monkeypatch) == 0
    with np.load("cells.npz") as embedded:
        assert embedded["embeddings"].shape == (3, 4)


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize(
    ("place", "options", "why"),
    [
        ("my_networks:none", {}, "model: there is no 'none' in my_networks"),
        ("no_such_module:net", {}, "model: the module 'no_such_module' cannot be loaded"),
        ("my_networks:number", {}, "model: .* gives no torch.nn.Module but int"),
        ("my_networks:maps", {}, r"model: .* gives \(2, 4, 30, 30\) for two pictures"),
        ("my_networks:small", {"classes": 5}, r"model: .* gives \(2, 5\) for two pictures"),
        ("my_networks:small", {"depth": 3}, "model_options: .*depth"),
    ],
)
def test_a_network_of_ones_own_that_cannot_serve_says_why(place: str, options: dict[str, float], why: str) -> None:
    with pytest.raises(ArchitectureError, match=why):
        build_model(place, 32, options)


@pytest.mark.parametrize("name", ["resnet10t", "vit_tiny_patch16_224"])
def test_a_network_of_timm_gives_logits_at_the_recipes_size(name: str) -> None:
    model = build_model(f"timm/{name}", 32, {"classes": 3, "dropout": 0.1})
    assert model(torch.zeros(2, 3, 32, 32)).shape == (2, 3)
    assert [part for part, _ in model.named_children()] == ["backbone", "head"]


@pytest.mark.slow
def test_a_network_of_timm_is_exported() -> None:
    preprocessing = Preprocessing(image_size=32, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    assert export_network(build_model("timm/resnet10t", 32), preprocessing)


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_networks_with_further_heads_answer_with_logits_in_training_too(name: str) -> None:
    model = build_model(f"torchvision/{name}", 96).train()
    assert model(torch.zeros(2, 3, 96, 96)).shape == (2, 2)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("timm/no_such_network", "timm has no network"),
        ("torchvision/no_such_network", "torchvision has no classifier"),
        ("no_such_network", "package.module:function"),
    ],
)
def test_a_network_that_there_is_not_is_named(name: str, why: str) -> None:
    with pytest.raises(ArchitectureError, match=why):
        build_model(name, 32)
