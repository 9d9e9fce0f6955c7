"""Each recipe that ships, from cells to a model that calls them."""

from pathlib import Path

import numpy as np
import pytest

from plasmoscope.classification.classifier import Classifier
from plasmoscope.classification.familiar import familiar_of
from plasmoscope.data.nih import load_nih
from plasmoscope.training.history import read_history
from plasmoscope.training.recipe import load_recipe, recipe_names
from plasmoscope.training.run import train
from plasmoscope.training.run_folder import RunOptions


@pytest.mark.slow
@pytest.mark.parametrize("name", recipe_names())
@pytest.mark.usefixtures("exported_once")
def test_every_recipe_runs_from_data_to_a_usable_model(name: str, few_cells: Path, tmp_path: Path) -> None:
    # AlexNet's strides leave nothing of smaller pictures.
    size = 64 if name == "alexnet_features" else 32
    recipe = load_recipe(name).shortened().changed([f"image_size={size}", f"cache_size={size}"])
    said: list[str] = []
    dataset = load_nih(few_cells)
    card = train(recipe, dataset, tmp_path / "run", tmp_path, RunOptions(from_scratch=True), say=said.append)
    classifier = Classifier.load(tmp_path / "run")
    assert classifier.card == card
    assert card.recipe == name
    assert card.calibration.fitted_on.endswith("validation cells of the split")
    probabilities = classifier.predict([cell.source.path for cell in dataset.cells[:3]])  # type: ignore[union-attr]
    assert np.all((probabilities > 0) & (probabilities < 1))
    history = read_history(tmp_path / "run" / "history.csv")
    assert [row["phase"] for row in history] == list(range(1, len(recipe.phases) + 1))
    # Mixed pictures have no class that could be told rightly.
    mixes = bool(recipe.mixup_alpha or recipe.cutmix_alpha)
    assert all((0 <= row.get("train_accuracy", -1) <= 1) != mixes for row in history)
    for file in ("config.json", "environment.json", "split.csv", "learning_curves.png", "tensorboard"):
        assert (tmp_path / "run" / file).exists()
    familiar = familiar_of(classifier, tmp_path / "run" / "model.onnx")
    assert (familiar is not None) == classifier.has_features
