"""Figures of a binary classifier, each with a bootstrap interval."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from plasmoscope.classification.card import Figure

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

# Bins of equal width, as Guo et al. (2017, arXiv:1706.04599) take them.
ECE_BINS = 15
# Bootstrap samples of an interval.
RESAMPLES = 1000


@dataclass(frozen=True)
class Confusion:
    """Counts of calls at a threshold; each may be an array over bootstrap resamples."""

    true_positives: Floats
    false_negatives: Floats
    false_positives: Floats
    true_negatives: Floats


def confusion(
    probabilities: Floats, parasitized: Bools, threshold: float | Floats, weights: Floats | None = None
) -> Confusion:
    """Count calls, a cell being called parasitized at or above the threshold.

    Args:
        probabilities: P(parasitized), shape (n,).
        parasitized: the truth, shape (n,).
        threshold: one for all, or that of each cell, shape (n,).
        weights: how often each cell counts, shape (..., n); once each if None.
    """
    weights = np.ones(len(parasitized)) if weights is None else weights
    called = probabilities >= threshold
    return Confusion(
        weights @ (called & parasitized),
        weights @ (~called & parasitized),
        weights @ (called & ~parasitized),
        weights @ (~called & ~parasitized),
    )


def threshold_figures(counts: Confusion) -> dict[str, Floats]:
    """Accuracy, sensitivity, specificity, precision, F1 and Matthews correlation; NaN where undefined."""
    tp, fn = counts.true_positives, counts.false_negatives
    fp, tn = counts.false_positives, counts.true_negatives
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "accuracy": (tp + tn) / (tp + fn + fp + tn),
            "sensitivity": tp / (tp + fn),
            "specificity": tn / (tn + fp),
            "precision": tp / (tp + fp),
            "f1": 2 * tp / (2 * tp + fp + fn),
            "mcc": (tp * tn - fp * fn) / np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)),
        }


def expected_calibration_error(probabilities: Floats, parasitized: Bools, weights: Floats | None = None) -> Floats:
    """Mean distance between predicted probability and observed share over 15 equal bins (Guo et al. 2017).

    Args:
        weights: how often each cell counts, shape (..., n); once each if None.

    Returns:
        0 (calibrated) to 1, shape (...).
    """
    weights = np.ones(len(parasitized)) if weights is None else weights
    bins = np.minimum((probabilities * ECE_BINS).astype(int), ECE_BINS - 1)
    in_bin = np.eye(ECE_BINS)[bins]
    # Within a bin |mean p - share| x count = |sum of (p - truth)|.
    gaps = np.abs(weights @ ((probabilities - parasitized)[:, None] * in_bin))
    return np.asarray(gaps.sum(axis=-1) / weights.sum(axis=-1))


def evaluate_probabilities(
    probabilities: Floats,
    parasitized: Bools,
    threshold: float | Floats,
    groups: Sequence[str] | None = None,
    resamples: int | None = None,
    seed: int = 0,
) -> dict[str, Figure]:
    """All figures with 95 % percentile bootstrap intervals (Efron & Tibshirani 1993).

    Args:
        probabilities: P(parasitized), shape (n,).
        parasitized: the truth, shape (n,); both classes must occur.
        threshold: one for all, or that of each cell, shape (n,).
        groups: patient of each cell: patients, not cells, are drawn, since cells of one patient are alike.
        resamples: bootstrap draws; ``RESAMPLES`` if None.
        seed: of the draws.

    Returns:
        Figures by name: accuracy, sensitivity, specificity, precision, f1, mcc, auc, average_precision, brier, ece.

    Raises:
        ValueError: only one class occurs.
    """
    if parasitized.all() or not parasitized.any():
        raise ValueError("figures need cells of both classes")
    weights = bootstrap_weights(len(parasitized), groups, resamples or RESAMPLES, np.random.default_rng(seed))
    both = (weights @ parasitized > 0) & (weights @ ~parasitized > 0)
    weights = weights[both]
    values = _all_figures(probabilities, parasitized, threshold, np.ones((1, len(parasitized))))
    draws = _all_figures(probabilities, parasitized, threshold, weights)
    return {name: with_interval(values[name][0], draws[name]) for name in values}


def bootstrap_weights(n: int, groups: Sequence[str] | None, resamples: int, rng: np.random.Generator) -> Floats:
    """How often each of n cells is drawn in each resample, shape (resamples, n); whole groups where given."""
    if groups is None:
        return rng.multinomial(n, np.full(n, 1 / n), size=resamples).astype(np.float64)
    names, member = np.unique(np.asarray(groups), return_inverse=True)
    drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=resamples)
    return drawn[:, member].astype(np.float64)


def _all_figures(
    probabilities: Floats, parasitized: Bools, threshold: float | Floats, weights: Floats
) -> Mapping[str, Floats]:
    squared = (probabilities - parasitized) ** 2
    return threshold_figures(confusion(probabilities, parasitized, threshold, weights)) | {
        "auc": np.array([roc_auc_score(parasitized, probabilities, sample_weight=w) for w in weights]),
        "average_precision": np.array(
            [average_precision_score(parasitized, probabilities, sample_weight=w) for w in weights]
        ),
        "brier": weights @ squared / weights.sum(axis=1),
        "ece": expected_calibration_error(probabilities, parasitized, weights),
    }


def with_interval(value: float, draws: Floats) -> Figure:
    """A value with the interval of its bootstrap draws; those that are no numbers are left out."""
    # A model that calls nothing parasitized has no precision in any resample.
    low, high = (np.nan, np.nan) if np.isnan(draws).all() else np.nanpercentile(draws, [2.5, 97.5])
    # Resampling inflates the calibration error, which may push its interval above the value itself.
    return Figure(value=float(value), low=float(min(low, value)), high=float(max(high, value)))
