"""Networks that tell any classes apart: what they learn by, what they say, and what stays as it was."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from plasmoscope.classification.card import ModelCard, Preprocessing, TrainingData
from plasmoscope.classification.class_shares import called_class, class_shares, own_log_odds, with_infected
from plasmoscope.classification.classifier import Classifier
from plasmoscope.classification.odds import probability_of
from plasmoscope.csv_tables import write_csv
from plasmoscope.data.loading import load_cells
from plasmoscope.data.nih import DataError
from plasmoscope.labels import Classes
from plasmoscope.training.batches import BalancedSampler, CachedCells
from plasmoscope.training.calibration import fit_class_temperature
from plasmoscope.training.models import ArchitectureError, build_model
from plasmoscope.training.objective import Objective, class_weights
from plasmoscope.training.recipe import RecipeError, load_recipe
from plasmoscope.training.run import train
from stages import write_three_networks

STAGES = Classes(("late stage", "ring", "uninfected"), ("ring", "late stage"))
LOGITS = torch.tensor([[2.0, -1.0, 0.5], [0.1, 3.0, -2.0], [-1.0, 0.0, 4.0]])
LABELS = torch.tensor([0, 1, 2])


@pytest.fixture(autouse=True)
def _own_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "three_networks", raising=False)


def silent(message: str) -> None:
    pass


@pytest.mark.parametrize("smoothing", [0, 0.1])
def test_of_own_classes_the_loss_is_the_cross_entropy(smoothing: float) -> None:
    recipe = load_recipe("basic_cnn").of_classes(STAGES).changed([f"label_smoothing={smoothing}"])
    loss = Objective(recipe).loss(LOGITS, LABELS)
    assert loss.item() == pytest.approx(functional.cross_entropy(LOGITS, LABELS, label_smoothing=smoothing).item())


def test_weights_make_a_rare_class_count_as_much() -> None:
    recipe = load_recipe("basic_cnn").of_classes(STAGES)
    labels = torch.tensor([0] * 2 + [1] * 6 + [2] * 12)
    weights = class_weights(recipe.changed(["class_weights=balanced"]), labels)
    assert weights is not None
    assert [weights[label].item() * number for label, number in enumerate((2, 6, 12))] == pytest.approx([20 / 3] * 3)
    named = class_weights(recipe.changed(["class_weights={ring = 4.0}"]), labels)
    assert named is not None
    assert named.tolist() == [1, 4, 1]
    loss = Objective(recipe, named).loss(LOGITS, LABELS)
    assert loss.item() == pytest.approx(functional.cross_entropy(LOGITS, LABELS, weight=named).item())
    with pytest.raises(RecipeError, match=r"class_weights: there is no class 'rings'\. The classes are late"):
        class_weights(recipe.changed(["class_weights={rings = 4.0}"]), labels)


def test_generalised_cross_entropy_lies_between_cross_entropy_and_the_mean_absolute_error() -> None:
    def loss(q: float, labels: torch.Tensor = LABELS) -> float:
        recipe = load_recipe("basic_cnn").of_classes(STAGES).changed([f"generalised_cross_entropy={q}"])
        return Objective(recipe).loss(LOGITS, labels).item()

    chosen = LOGITS.softmax(dim=1)[torch.arange(3), LABELS]
    assert loss(1) == pytest.approx((1 - chosen).mean().item())
    assert loss(1e-3) == pytest.approx(functional.cross_entropy(LOGITS, LABELS).item(), rel=1e-2)
    # However sure the network is, a wrong label costs no more than 1 / q.
    assert loss(0.7, LABELS.flip(0)) < 1 / 0.7


def test_of_two_classes_the_loss_of_one_logit_and_of_two_agree_under_weights() -> None:
    recipe = load_recipe("basic_cnn").changed(["generalised_cross_entropy=0.7", "class_weights={Parasitized = 3.0}"])
    weights = class_weights(recipe, torch.tensor([0, 1]))
    two = LOGITS[:, :2]
    objective, labels = Objective(recipe, weights), torch.tensor([0, 1, 1])
    assert objective.loss(two, labels).item() == pytest.approx(objective.loss(two[:, :1] - two[:, 1:], labels).item())


def test_a_balanced_sampler_draws_each_class_as_often_and_each_epoch_anew() -> None:
    labels = np.repeat([0, 1, 2], [10, 90, 900])
    cells = CachedCells(np.zeros((1000, 1), np.uint8), labels, np.arange(1000))
    shares = [BalancedSampler(cells, 2, rank, shuffle=True, seed=1) for rank in (0, 1)]
    drawn = [list(share) for share in shares]
    assert [len(one) for one in drawn] == [500, 500]
    counts = np.bincount(labels[np.concatenate(drawn)])
    assert counts.min() > 250
    shares[0].set_epoch(1)
    assert list(shares[0]) != drawn[0]
    shares[0].set_epoch(0)
    assert list(shares[0]) == drawn[0]


def test_the_probabilities_of_classes_sum_to_that_of_infected_at_any_temperature() -> None:
    logits = LOGITS.numpy()
    for temperature in (0.5, 1.0, 3.0):
        shares = class_shares(logits, temperature)
        odds = own_log_odds(logits, STAGES, temperature) / temperature
        assert np.allclose(shares.sum(axis=1), 1)
        assert np.allclose(shares[:, :2].sum(axis=1), probability_of(odds), atol=1e-6)
        moved = with_infected(shares, np.array([0.2, 0.5, 1.0]), STAGES)
        assert np.allclose(moved[:, :2].sum(axis=1), [0.2, 0.5, 1.0])
        assert np.allclose(moved[:, 0] / moved[:, 1], shares[:, 0] / shares[:, 1], rtol=1e-4)


def test_a_class_never_contradicts_the_call_whatever_the_threshold() -> None:
    shares = np.array([[0.1, 0.3, 0.6], [0.1, 0.3, 0.6], [0.5, 0.2, 0.3]])
    assert called_class(shares, np.array([True, False, False]), STAGES).tolist() == [1, 2, 2]


def test_the_temperature_of_several_classes_undoes_the_factor_that_was_applied() -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 2, (4000, 3)).astype(np.float32)
    labels = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    assert fit_class_temperature(3 * logits, labels) == pytest.approx(3, rel=0.1)


def test_a_recipe_names_its_classes_and_refuses_others(tmp_path: Path) -> None:
    text = 'like = "basic_cnn"\n[classes]\nnames = ["uninfected", "ring"]\npositive = ["ring"]\n'
    (tmp_path / "own.toml").write_text(text)
    recipe = load_recipe(tmp_path / "own.toml")
    assert recipe.own_classes == 2
    with pytest.raises(RecipeError, match=r"tells uninfected and ring apart .* the data set has late stage, ring"):
        recipe.of_classes(STAGES)
    (tmp_path / "own.toml").write_text(text.replace('["ring"]', '["rings"]'))
    with pytest.raises(RecipeError, match=r"classes: .*no class 'rings' to count as infected"):
        load_recipe(tmp_path / "own.toml")
    with pytest.raises(RecipeError, match="other_cells and referred_share go with the two"):
        load_recipe("mobilenet_v2_fields").of_classes(STAGES)


def test_recipes_and_cards_of_the_two_classes_are_written_as_ever(classifier: Classifier) -> None:
    written = load_recipe("mobilenet_v2_96").model_dump(mode="json")
    assert not {"classes", "class_weights", "balanced_sampler", "generalised_cross_entropy"} & set(written)
    card = classifier.card.model_dump(mode="json")
    assert card["format"] == 1
    assert card["class_names"] == ["Parasitized", "Uninfected"]
    assert "positive_classes" not in card


@pytest.mark.parametrize(
    "fields",
    [
        {"class_names": STAGES.names},
        {"class_names": STAGES.names, "positive_classes": STAGES.positive},
        {"format": 2},
        {"format": 2, "class_names": STAGES.names, "positive_classes": ["schizont"]},
    ],
)
def test_a_card_whose_classes_do_not_go_together_is_refused(fields: dict[str, object]) -> None:
    preprocessing = Preprocessing(image_size=32, mean=(0, 0, 0), std=(1, 1, 1))
    data = TrainingData(dataset="x", split="x")
    with pytest.raises(ValueError, match=r"format 2|no class"):
        ModelCard.of(
            b"", name="x", recipe="x", architecture="x", preprocessing=preprocessing, data=data, **fields
        )  # fmt: skip


@pytest.mark.parametrize(
    "name",
    ["basic_cnn", "mobilenet_residual", "mobilenet_v2", "plasmosenet", "resnet34", "efficientnet_lite0",
     "torchvision/shufflenet_v2_x0_5", "timm/resnet10t"],
)  # fmt: skip
def test_every_network_ends_in_as_many_logits_as_there_are_classes(name: str) -> None:
    with torch.no_grad():
        assert build_model(name, 64, None, 4).eval()(torch.zeros(1, 3, 64, 64)).shape == (1, 4)


def test_a_network_of_ones_own_that_knows_two_classes_says_what_to_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_three_networks(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert build_model("three_networks:small", 32, None, 3)(torch.zeros(1, 3, 32, 32)).shape == (1, 3)
    with pytest.raises(ArchitectureError, match=r"not 3 logits each, one for each class; take the argument 'classes'"):
        build_model("three_networks:of_two", 32, None, 3)


@pytest.mark.parametrize("changes", [[], ["class_weights=balanced"], ["generalised_cross_entropy=0.7"]])
def test_a_network_learns_three_classes(changes: list[str]) -> None:
    recipe = load_recipe("basic_cnn").of_classes(STAGES).changed(changes)
    labels = torch.arange(60) % 3
    torch.manual_seed(0)
    inputs = functional.one_hot(labels, 3).float() + torch.randn(60, 3) / 4
    network = torch.nn.Linear(3, 3)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.1)
    objective = Objective(recipe, class_weights(recipe, labels))
    for _ in range(50):
        optimizer.zero_grad()
        objective.loss(network(inputs), labels).backward()
        optimizer.step()
    logits = network(inputs).detach()
    assert (logits.argmax(dim=1) == labels).float().mean() > 0.95
    assert ((objective.log_odds(logits) > 0) == objective.infected(labels)).float().mean() > 0.95


def test_a_part_without_a_class_is_refused_before_training(tmp_path: Path) -> None:
    for name in STAGES.names:
        for number in range(2):
            file = tmp_path / "cells" / name / f"{number}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b"")
    dataset = load_cells(tmp_path / "cells")
    parts = [(name, part) for name, part in zip(dataset.names, ["train", "test", "validation"] * 2, strict=True)]
    write_csv(tmp_path / "split.csv", ("name", "part"), parts)
    recipe = load_recipe("basic_cnn").changed([f"split={tmp_path / 'split.csv'}"])
    with pytest.raises(DataError, match=r"There is no cell of .* in the part train"):
        train(recipe, dataset, tmp_path / "run", tmp_path, say=silent)
