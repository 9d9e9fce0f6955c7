"""A pupil learns what its teacher says, from a teacher that has not seen the cells that judge the pupil."""

from pathlib import Path

import numpy as np
import pytest
import torch

from plasmoscope.classification.classifier import Classifier
from plasmoscope.data.nih import load_nih
from plasmoscope.data.splits import make_split
from plasmoscope.training.distillation import distillation_loss, teacher_odds
from plasmoscope.training.models import build_model
from plasmoscope.training.recipe import RecipeError, Teacher, load_recipe
from plasmoscope.training.summary import multiply_adds


def test_a_pupil_that_says_what_its_teacher_says_has_nothing_to_learn() -> None:
    taught = torch.tensor([-4.0, 0.5, 3.0])
    for temperature in (1.0, 2.0, 4.0):
        odds = taught.clone().requires_grad_()
        distillation_loss(odds, taught, temperature).backward()
        assert odds.grad is not None
        assert odds.grad.abs().max() < 1e-6


def test_a_pupil_is_drawn_to_its_teacher_as_strongly_at_any_temperature() -> None:
    pulls = []
    for temperature in (4.0, 8.0):
        odds = torch.zeros(1, requires_grad=True)
        distillation_loss(odds, torch.tensor([0.5]), temperature).backward()
        assert odds.grad is not None
        pulls.append(float(odds.grad))
    assert pulls[0] < 0
    assert pulls[1] == pytest.approx(pulls[0], rel=0.05)


def test_the_teacher_is_asked_about_training_cells_alone_and_once(few_cells: Path, tmp_path: Path) -> None:
    dataset = load_nih(few_cells)
    split = make_split("seed42", dataset)
    teacher = Teacher(model="mobilenet_v2_96")
    said = teacher_odds(teacher, dataset, split, tmp_path)
    assert np.isfinite(said[split.train]).all()
    assert np.isnan(said[split.validation]).all()
    assert np.isnan(said[split.test]).all()
    first = split.part("train")[0]
    probability = Classifier.load().predict([dataset.cells[first].source.path])[0]
    assert 1 / (1 + np.exp(-said[first])) == pytest.approx(probability, abs=1e-3)
    (kept,) = tmp_path.glob("taught-*.npy")
    np.save(kept, np.zeros(len(split.train), np.float32))
    assert not teacher_odds(teacher, dataset, split, tmp_path)[split.train].any()


def test_a_teacher_that_learnt_from_another_split_is_refused(few_cells: Path, tmp_path: Path) -> None:
    dataset = load_nih(few_cells)
    split = make_split("80-20", dataset)
    with pytest.raises(RecipeError, match="learnt from the split 'seed42'"):
        teacher_odds(Teacher(model="mobilenet_v2_96"), dataset, split, tmp_path)


def test_a_teacher_is_not_asked_about_cells_that_are_mixed() -> None:
    with pytest.raises(RecipeError, match="teacher: it is asked about the data set's cells as they are"):
        load_recipe("fast").changed(["mixup_alpha=0.2"])


def test_the_fast_network_does_at_most_five_million_multiply_adds() -> None:
    recipe = load_recipe("fast")
    model = build_model(recipe.model, recipe.image_size, recipe.model_options)
    assert 4_000_000 < multiply_adds(model, recipe.image_size) <= 5_000_000
