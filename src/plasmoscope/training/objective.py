"""What a recipe's network is taught to say: the loss over its classes, and the infected among them."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from plasmoscope.labels import PARASITIZED, log_odds
from plasmoscope.training.recipe import Recipe, RecipeError


def class_weights(recipe: Recipe, labels: Tensor) -> Tensor | None:
    """The weight of each class in the loss, shape (c,); None where all weigh alike.

    Args:
        recipe: whose ``class_weights`` say it.
        labels: class indices of the cells for training, shape (n,), by whose numbers ``balanced`` goes.

    Raises:
        RecipeError: it names a class that there is not.
    """
    if recipe.class_weights is None:
        return None
    names = recipe.class_set.names
    counts = torch.bincount(labels, minlength=len(names)).float()
    if recipe.class_weights == "balanced":
        # As scikit-learn's: all classes together weigh as much as without, and each the same.
        return len(labels) / (len(counts) * counts.clamp(min=1))
    weights = torch.ones_like(counts)
    for name, weight in recipe.class_weights.items():
        if name not in names:
            raise RecipeError(f"class_weights: there is no class '{name}'. The classes are {recipe.class_set}.")
        weights[names.index(name)] = weight
    return weights


class Objective:
    """A recipe's loss, and what of its network's outputs and labels counts as infected."""

    def __init__(self, recipe: Recipe, weights: Tensor | None = None) -> None:
        self.recipe = recipe
        self.weights = weights
        self.own = recipe.own_classes is not None

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Mean over a batch, of logits, shape (b, c), and class indices, (b,), or shares of the classes, (b, c)."""
        q, smoothing = self.recipe.generalised_cross_entropy, self.recipe.label_smoothing
        if not self.own and q is None and self.weights is None:
            return _cross_entropy(logits, targets, smoothing)
        log_shares = _log_shares(logits)
        classes = log_shares.shape[1]
        shares = functional.one_hot(targets, classes).float() if targets.ndim == 1 else targets
        shares = shares * (1 - smoothing) + smoothing / classes
        if self.weights is not None:
            shares = shares * self.weights.to(shares.device)
        of_class = -log_shares if q is None else (1 - (q * log_shares).exp()) / q
        return (shares * of_class).sum() / shares.sum()

    def validation_losses(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy of each cell, without weights, smoothing or what else eases training, shape (b,)."""
        if self.own:
            return functional.cross_entropy(logits, labels, reduction="none")
        odds, truth = log_odds(logits), (labels == PARASITIZED).float()
        return functional.binary_cross_entropy_with_logits(odds, truth, reduction="none")

    def log_odds(self, logits: Tensor) -> Tensor:
        """Of infected, shape (b,): those of all classes that count as infected together."""
        if not self.own:
            return log_odds(logits)
        classes = self.recipe.class_set
        infected, others = logits[:, classes.infected_indices], logits[:, classes.other_indices]
        return infected.logsumexp(dim=1) - others.logsumexp(dim=1)

    def infected(self, labels: Tensor) -> Tensor:
        """Whether class indices, shape (b,), count as infected."""
        return _among(labels, self.recipe.class_set.infected_indices)


def _among(labels: Tensor, indices: Sequence[int]) -> Tensor:
    return torch.isin(labels, torch.tensor(indices, device=labels.device))


def _log_shares(logits: Tensor) -> Tensor:
    """Log-probability of each class, shape (b, 2 or more)."""
    if logits.shape[1] == 1:
        return torch.cat([functional.logsigmoid(logits), functional.logsigmoid(-logits)], dim=1)
    return functional.log_softmax(logits, dim=1)


def _cross_entropy(logits: Tensor, targets: Tensor, smoothing: float) -> Tensor:
    """Of classes, shape (b,), or shares of them, shape (b, c); one logit is the log-odds of the first of two."""
    if logits.shape[1] > 2:
        return functional.cross_entropy(logits, targets, label_smoothing=smoothing)
    parasitized = (targets == PARASITIZED).float() if targets.ndim == 1 else targets[:, PARASITIZED]
    smooth = parasitized * (1 - smoothing) + smoothing / 2
    return functional.binary_cross_entropy_with_logits(log_odds(logits), smooth)
