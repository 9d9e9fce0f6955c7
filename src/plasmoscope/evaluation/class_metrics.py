"""Figures of a classifier of any number of classes, each with a bootstrap interval: of all together, and of each."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from plasmoscope.classification.card import ClassEvaluation, ClassFigures
from plasmoscope.classification.class_shares import called_class
from plasmoscope.evaluation import metrics
from plasmoscope.evaluation.metrics import Bools, Floats, bootstrap_weights, with_interval
from plasmoscope.labels import Classes

_OF_A_CLASS = ("sensitivity", "precision", "f1", "auc")


def evaluate_classes(
    shares: Floats,
    labels: NDArray[np.int64],
    infected: Bools,
    classes: Classes,
    groups: Sequence[str] | None = None,
    seed: int = 0,
) -> ClassEvaluation:
    """Confusion matrix, accuracy, macro F1 and AUC, and figures of each class against the rest.

    Args:
        shares: probability of each class, shape (n, c).
        labels: class indices, shape (n,).
        infected: whether each cell was called infected, shape (n,): its class is the likeliest on that side.
        classes: of them.
        groups: as ``metrics.evaluate_probabilities``.
        seed: of the draws.

    Returns:
        Figures with 95 % percentile bootstrap intervals; those of a class without cells are no numbers (NaN), and a
        mean over classes leaves it out.
    """
    called = called_class(shares, infected, classes)
    n, number = shares.shape
    weights = bootstrap_weights(n, groups, metrics.RESAMPLES, np.random.default_rng(seed))
    once = np.ones((1, n))
    matrix = _confusions(labels, called, number, once)[0]
    values, draws = (
        _figures(_confusions(labels, called, number, w), _aucs(shares, labels, w)) for w in (once, weights)
    )
    figures = {name: with_interval(values[name][0], draws[name]) for name in values}
    return ClassEvaluation(
        names=classes.names,
        confusion=tuple(tuple(int(cells) for cells in row) for row in matrix),
        figures={name: figure for name, figure in figures.items() if "/" not in name},
        by_class={
            name: ClassFigures(**{figure: figures[f"{figure}/{index}"] for figure in _OF_A_CLASS})
            for index, name in enumerate(classes.names)
        },
    )


def weighted_auc(scores: Floats, positive: Bools, weights: Floats) -> Floats:
    """Area under the ROC curve in each of several weightings, shape (r,); NaN without both kinds.

    Args:
        scores: shape (n,).
        positive: shape (n,).
        weights: how often each cell counts, shape (r, n).
    """
    order = np.argsort(scores, kind="stable")
    ties = np.flatnonzero(np.diff(scores[order], prepend=-np.inf))
    of_positive, of_others = (
        np.add.reduceat((weights * kind)[:, order], ties, axis=1) for kind in (positive, ~positive)
    )
    # Others below a score count whole, those at it by half (Mann & Whitney 1947).
    below = of_others.cumsum(axis=1) - of_others / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((of_positive * below).sum(axis=1) / (of_positive.sum(axis=1) * of_others.sum(axis=1)))


def _confusions(labels: NDArray[np.int64], called: NDArray[np.intp], number: int, weights: Floats) -> Floats:
    """Cells of each class by what they were called, shape (r, c, c)."""
    cells = np.eye(number**2)[labels * number + called]
    return np.asarray((weights @ cells).reshape(-1, number, number))


def _aucs(shares: Floats, labels: NDArray[np.int64], weights: Floats) -> Floats:
    """Of each class against the rest, shape (r, c)."""
    return np.stack([weighted_auc(shares[:, i], labels == i, weights) for i in range(shares.shape[1])], axis=1)


def _figures(confusions: Floats, aucs: Floats) -> dict[str, Floats]:
    right = np.diagonal(confusions, axis1=1, axis2=2)
    truly, called = confusions.sum(axis=2), confusions.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        of_class = {"sensitivity": right / truly, "precision": right / called, "f1": 2 * right / (truly + called)}
    of_class["f1"] = np.where(truly > 0, of_class["f1"], np.nan)
    of_class["auc"] = aucs
    figures = {
        "accuracy": right.sum(axis=1) / truly.sum(axis=1),
        "macro_f1": _mean(of_class["f1"]),
        "macro_auc": _mean(aucs),
    }
    return figures | {f"{name}/{i}": of_class[name][:, i] for name in _OF_A_CLASS for i in range(right.shape[1])}


def _mean(of_classes: Floats) -> Floats:
    """Over the classes that have a value, shape (r,)."""
    there = np.isfinite(of_classes)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(there, of_classes, 0).sum(axis=1) / there.sum(axis=1))
