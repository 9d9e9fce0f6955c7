"""What is set on validation cells: the temperature, and the threshold for each purpose."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar
from scipy.special import logsumexp

from plasmoscope.classification.card import OperatingPoint

# Thresholds over which accuracy is averaged, so that no chance peak of it is chosen. Set by hand.
_WINDOW = 11
# What one look finds clearly less likely to be no cell is not looked at again.
_LEAST_SILENCE = 0.1
# Penalty of the weights squared, as classes that can be parted without a mistake would call for infinite ones. Set by
# hand.
_RIDGE = 0.01


@dataclass(frozen=True)
class Purpose:
    """What a threshold is for: as low as leaves so many healthy cells uncalled."""

    specificity: float
    elsewhere: float
    """Of healthy cells in each set of other laboratories, whose look-alikes the data set may not show."""
    reason: str


COUNTING = Purpose(
    0.995,
    0.998,
    "In blood a hundred cells are healthy for one that is infected, and every false call is counted: as low as leaves "
    "5 of 1,000 healthy cells called, 2 in each set of other laboratories'.",
)
SCREENING = Purpose(
    0.98,
    0.98,
    "A missed parasite costs more than a look: as low as leaves a person 20 of 1,000 healthy cells to look through, "
    "some of them called already.",
)


def fit_temperature(log_odds: NDArray[np.float32], parasitized: NDArray[np.bool_]) -> float:
    """The one divisor of the log-odds that makes the truth most likely (Guo et al. 2017, arXiv:1706.04599).

    Args:
        log_odds: of parasitized, shape (n,), of cells the model was not trained on.
        parasitized: the truth, shape (n,).

    Returns:
        A temperature from 0.05 to 20; the accuracy at threshold 0.5 does not depend on it.
    """
    # Log-odds of the class that is right.
    margins = np.where(parasitized, log_odds, -log_odds).astype(np.float64)

    def negative_log_likelihood(log_temperature: float) -> float:
        return float(np.mean(np.logaddexp(0, -margins / np.exp(log_temperature))))

    return _best_temperature(negative_log_likelihood)


def fit_class_temperature(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """As ``fit_temperature``, of a network with an output for each class.

    Args:
        logits: shape (n, c), of cells the model was not trained on.
        labels: class indices, shape (n,).
    """
    raw, rows = logits.astype(np.float64), np.arange(len(labels))

    def negative_log_likelihood(log_temperature: float) -> float:
        scaled = raw / np.exp(log_temperature)
        return float(np.mean(logsumexp(scaled, axis=1) - scaled[rows, labels]))

    return _best_temperature(negative_log_likelihood)


def _best_temperature(loss: Callable[[float], float]) -> float:
    best = minimize_scalar(loss, bounds=(np.log(0.05), np.log(20)), method="bounded")
    return float(np.exp(best.x))


def accuracy_threshold(probabilities: NDArray[np.float32], parasitized: NDArray[np.bool_]) -> float:
    """The threshold, to two decimals, around which accuracy is highest with and without test-time augmentation.

    A missed parasite and a phantom one weigh the same here; whoever counts cells in blood where few are infected
    will want fewer phantoms and a higher threshold.

    Args:
        probabilities: calibrated P(parasitized) of cells the model was not trained on, one row for each number of
            views, shape (k, n).
        parasitized: the truth, shape (n,).
    """
    thresholds = np.arange(1, 100) / 100
    accuracy = np.mean((probabilities[:, None, :] >= thresholds[:, None]) == parasitized, axis=(0, 2))
    # Single cells make the curve jump; its mean over a tenth says where it is high.
    window = np.full(_WINDOW, 1 / _WINDOW)
    smooth = np.convolve(accuracy, window, mode="valid")
    return float(thresholds[_WINDOW // 2 + int(np.argmax(smooth))])


def specific_threshold(uninfected: NDArray[np.float32], specificity: float) -> float:
    """The threshold, to three decimals, at which about this share of uninfected cells is called uninfected.

    The quantile lies between two cells, so the share falls short by at most one cell and those that round to its value.

    Args:
        uninfected: calibrated P(parasitized) of uninfected cells, shape (n,).
        specificity: the share of them.
    """
    threshold = float(np.quantile(uninfected, specificity))
    return min(0.999, float(np.ceil(threshold * 1000) / 1000))


def operating_point(
    purpose: Purpose,
    probabilities: NDArray[np.float32],
    parasitized: NDArray[np.bool_],
    healthy_elsewhere: Sequence[NDArray[np.float32]],
    views: int,
) -> OperatingPoint:
    """The threshold for a purpose, and how often it is right.

    Args:
        probabilities: calibrated P(parasitized) of cells the model was not trained on, shape (n,).
        parasitized: the truth, shape (n,).
        healthy_elsewhere: likewise of uninfected cells of other laboratories, of each set by itself.
        views: of each cell.
    """
    threshold = specific_threshold(probabilities[~parasitized], purpose.specificity)
    measured_on = "validation cells of the split"
    if healthy_elsewhere:
        # Look-alikes that one laboratory does not have decide in another.
        threshold = max(threshold, *(specific_threshold(cells, purpose.elsewhere) for cells in healthy_elsewhere))
        number = sum(map(len, healthy_elsewhere))
        measured_on += f"; the threshold also on {number:,} healthy cells of {len(healthy_elsewhere)} other sets"
    called = probabilities >= threshold
    return OperatingPoint(
        threshold=threshold,
        reason=purpose.reason,
        views=views,
        sensitivity=float(called[parasitized].mean()),
        parasitized=int(parasitized.sum()),
        specificity=float((~called[~parasitized]).mean()),
        uninfected=int((~parasitized).sum()),
        measured_on=measured_on,
    )


def fit_logistic(positive: NDArray[np.float32], negative: NDArray[np.float32]) -> tuple[float, ...]:
    """Offset and weights of a logistic regression, both classes taken for equally frequent.

    Args:
        positive: measurements, shape (n, k).
        negative: likewise, shape (m, k).
    """
    sides = [(-1.0, positive.astype(np.float64)), (1.0, negative.astype(np.float64))]

    def loss(coefficients: NDArray[np.float64]) -> float:
        fits = (np.logaddexp(0, sign * (coefficients[0] + x @ coefficients[1:])).mean() for sign, x in sides)
        return float(sum(fits) / 2 + _RIDGE * (coefficients[1:] ** 2).sum())

    return tuple(minimize(loss, np.zeros(positive.shape[1] + 1), method="BFGS").x.tolist())


def silence_threshold(not_a_cell: NDArray[np.float32], most_silent: float) -> float:
    """The P(not a cell), to three decimals, from which nothing is called, so that few cells go without a call.

    Args:
        not_a_cell: of red cells that the model was not trained on, shape (n,).
        most_silent: the largest share of them that may go without a call.

    Returns:
        The smallest such threshold, but no less than a tenth; 1 where the share cannot be kept to.
    """
    # The first that may not be silent, and everything as likely as it.
    allowed = int(most_silent * len(not_a_cell))
    if allowed >= len(not_a_cell):
        return _LEAST_SILENCE
    first = float(np.sort(not_a_cell)[len(not_a_cell) - 1 - allowed])
    return min(1.0, max(_LEAST_SILENCE, (int(first * 1000) + 1) / 1000))
