"""Learning from a larger network (Hinton et al. 2015, arXiv:1503.02531): what it says, beside the labels."""

import hashlib
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from plasmoscope.classification.classifier import Classifier
from plasmoscope.classification.odds import odds_of
from plasmoscope.data.cache import decoded_cells
from plasmoscope.data.nih import CellDataset
from plasmoscope.data.splits import Split
from plasmoscope.files import whole_file
from plasmoscope.progress import Track, untracked
from plasmoscope.training.recipe import RecipeError, Teacher

# Cells that the teacher is asked about at a time, between two steps of the progress bar.
_ASKED = 256


def distillation_loss(odds: Tensor, taught: Tensor, temperature: float) -> Tensor:
    """Cross-entropy of two classes with the teacher's softened probabilities, brought to the scale of a label's.

    Args:
        odds: the network's log-odds of parasitized, shape (b,).
        taught: the teacher's, shape (b,).
        temperature: both are divided by it first. Gradients shrink with its square, which is multiplied back.
    """
    softened = functional.binary_cross_entropy_with_logits(odds / temperature, torch.sigmoid(taught / temperature))
    return softened * temperature**2


def teacher_odds(
    teacher: Teacher, dataset: CellDataset, split: Split, cache_folder: Path, track: Track = untracked
) -> NDArray[np.float32]:
    """What the teacher says of the training cells, asked once and kept.

    Returns:
        Log-odds of parasitized, shape (len(dataset),); NaN for cells that are not of the training part.

    Raises:
        RecipeError: the teacher learnt from another split, so that it may know the cells that judge its pupil.
        ModelError: there is no such model.
    """
    classifier = Classifier.load(teacher.model)
    learnt_from = classifier.card.data.split
    if learnt_from != split.name:
        raise RecipeError(
            f"teacher.model: {classifier.card.name} learnt from the split '{learnt_from}', so it has seen cells that "
            f"'{split.name}' keeps for judging. Give a teacher that was trained on '{split.name}'."
        )
    members = split.part("train")
    asked = f"{classifier.card.sha256} {teacher.views} {dataset.fingerprint}".encode() + members.tobytes()
    file = cache_folder / f"taught-{hashlib.sha256(asked).hexdigest()[:16]}.npy"
    if not file.exists():
        pixels = decoded_cells(dataset, classifier.image_size, cache_folder, track)
        parts = [members[start : start + _ASKED] for start in range(0, len(members), _ASKED)]
        said = (classifier.predict_prepared(pixels[part], teacher.views) for part in parts)
        probabilities = np.concatenate(list(track(said, len(parts), f"Asking {classifier.card.name}")))
        with whole_file(file) as unfinished, unfinished.open("wb") as opened:
            np.save(opened, odds_of(probabilities).astype(np.float32))
    everything = np.full(len(dataset), np.nan, np.float32)
    everything[members] = np.load(file)
    return everything
