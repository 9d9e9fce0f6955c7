"""Temperature scaling on validation logits."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar


def fit_temperature(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """The one divisor of the logits that makes the labels most likely (Guo et al. 2017, arXiv:1706.04599).

    Args:
        logits: shape (n, classes), of cells the model was not trained on.
        labels: class indices, shape (n,).

    Returns:
        A temperature from 0.05 to 20; the accuracy at threshold 0.5 does not depend on it.
    """
    wide = logits.astype(np.float64)

    def negative_log_likelihood(log_temperature: float) -> float:
        scaled = wide / np.exp(log_temperature)
        return float(np.mean(np.logaddexp.reduce(scaled, axis=1) - scaled[np.arange(len(labels)), labels]))

    best = minimize_scalar(negative_log_likelihood, bounds=(np.log(0.05), np.log(20)), method="bounded")
    return float(np.exp(best.x))
