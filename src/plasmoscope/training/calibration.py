"""Temperature scaling on validation logits."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from sklearn.metrics import roc_curve


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

    best = minimize_scalar(negative_log_likelihood, bounds=(np.log(0.05), np.log(20)), method="bounded")
    return float(np.exp(best.x))


def balanced_threshold(probabilities: NDArray[np.float32], parasitized: NDArray[np.bool_]) -> float:
    """The threshold, to two decimals, at which sensitivity and specificity come closest.

    A missed parasite and a phantom one weigh the same here; whoever counts cells in blood where few are infected
    will want fewer phantoms and a higher threshold.

    Args:
        probabilities: calibrated P(parasitized), shape (n,), of cells the model was not trained on.
        parasitized: the truth, shape (n,).
    """
    false_positive_rate, sensitivity, thresholds = roc_curve(parasitized, probabilities, drop_intermediate=False)
    closest = int(np.argmin(np.abs(sensitivity - (1 - false_positive_rate))))
    return float(np.clip(round(float(thresholds[closest]), 2), 0.01, 0.99))
