"""A small network answers, and a large one where the small one is in doubt."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from command_line import run
from plasmoscope import Classifier
from plasmoscope.classification.card import CascadeRule, ModelCard, Preprocessing, TrainingData
from plasmoscope.classification.cascade import Cascade
from plasmoscope.classification.classifier import find_model
from plasmoscope.imaging.cells import resize_cell
from plasmoscope.networks import ModelError, read_network
from plasmoscope.training.cascading import choose_band
from plasmoscope.training.export import export_network
from plasmoscope.training.models import build_model


@pytest.fixture(scope="module")
def small() -> Classifier:
    torch.manual_seed(0)
    preprocessing = Preprocessing(image_size=48, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    network = export_network(build_model("slim_resnet", 48), preprocessing)
    data = TrainingData(dataset="none", split="seed42")
    card = ModelCard.of(
        network, name="small", architecture="slim_resnet", recipe="none", preprocessing=preprocessing, data=data
    )
    return Classifier(network, card, threads=1)


def together(small: Classifier, low: float, high: float) -> Cascade:
    network, card = read_network(find_model(None), ModelCard)
    rule = CascadeRule(
        first="small",
        second="large",
        doubtful_from=low,
        doubtful_to=high,
        doubtful_share=0.5,
        chosen_on="",
        measured_on="",
        accuracy=1,
        accuracy_second=1,
    )
    return Cascade(small, network, card.model_copy(update={"cascade": rule}), threads=1)


def test_the_large_network_answers_in_the_band_and_the_small_one_elsewhere(
    small: Classifier, classifier: Classifier, rendered_cells: list[tuple[np.ndarray, bool]]
) -> None:
    cells = classifier.prepare_batch([cell for cell, _ in rendered_cells[:12]])
    first = small.predict_prepared(np.stack([resize_cell(cell, 48) for cell in cells]))
    second = classifier.predict_prepared(cells)
    middle = float(np.median(first))
    expected = np.where(first >= middle, second, first)
    assert together(small, middle, 1).predict_prepared(cells) == pytest.approx(expected, abs=1e-4)
    assert together(small, 0, 1).predict_prepared(cells) == pytest.approx(second, abs=1e-4)
    assert together(small, 1, 1).predict_prepared(cells) == pytest.approx(first, abs=1e-4)


def test_a_picture_is_called_as_its_prepared_cell_and_none_as_none(
    small: Classifier, rendered_cells: list[tuple[np.ndarray, bool]]
) -> None:
    both = together(small, 0.3, 0.7)
    cell = rendered_cells[0][0]
    assert both.predict(cell) == pytest.approx(both.predict_prepared(both.prepare(cell)[None]))
    assert both.predict([]).shape == (0,)


def test_the_band_is_the_one_with_the_fewest_cells_that_loses_nothing() -> None:
    parasitized = np.array([True] * 50 + [False] * 50)
    first = np.where(parasitized, 0.99, 0.004).astype(np.float32)
    second = np.where(parasitized, 0.9, 0.1).astype(np.float32)
    first[:5], first[50:53] = 0.15, 0.6  # what the small network misreads, and knows that it may
    low, high = choose_band(first, second, parasitized, 0.5)
    doubtful = (first >= low) & (first <= high)
    assert doubtful.sum() == 8
    assert doubtful[:5].all()


def test_a_card_without_a_rule_or_of_other_models_is_refused(tmp_path: Path) -> None:
    shipped = find_model(None)
    lone = tmp_path / "lone.json"
    shutil.copy(shipped.with_suffix(".json"), lone)
    with pytest.raises(ModelError, match="is the card of a network"):
        Classifier.load(lone)
    rule = CascadeRule(
        first="mobilenet_v2_96",
        second="mobilenet_v2_96",
        doubtful_from=0.1,
        doubtful_to=0.9,
        doubtful_share=0,
        chosen_on="",
        measured_on="",
        accuracy=1,
        accuracy_second=1,
    )
    card = read_network(shipped, ModelCard)[1].model_copy(update={"cascade": rule})
    lone.write_text(card.model_dump_json())
    with pytest.raises(ModelError, match="are not those that it was made of"):
        Classifier.load(lone)


def test_the_command_makes_a_cascade_that_classifies(
    few_cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ("cascade", "mobilenet_v2_96", "mobilenet_v2_96", "--data", few_cells)
    assert run(*words, monkeypatch=monkeypatch) == 0
    assert "The cascade is written: cascade.json" in " ".join(capsys.readouterr().out.split())
    assert run("classify", few_cells, "--model", "cascade.json", monkeypatch=monkeypatch) == 0
    assert run(*words, monkeypatch=monkeypatch) == 2


@pytest.mark.parametrize("name", ["fast", "cascade"])
def test_the_models_that_ship_by_name_tell_real_cells_apart(name: str, real_cells: list[np.ndarray]) -> None:
    called = Classifier.load(name, threads=1)
    assert np.count_nonzero((called.predict(real_cells) >= called.threshold) == (np.arange(12) % 2 == 0)) >= 11
