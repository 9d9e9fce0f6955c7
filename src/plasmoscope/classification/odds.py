"""Probabilities and their log-odds."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

# Keeps a probability that was rounded to 0 or 1 finite as log-odds.
_SURE = 1e-7
# Beyond these log-odds exp would overflow.
_MOST = 80


def odds_of(probability: ArrayLike) -> NDArray[np.float64]:
    """Log-odds of probabilities, of any shape."""
    sure = np.clip(np.asarray(probability, np.float64), _SURE, 1 - _SURE)
    return np.asarray(np.log(sure / (1 - sure)))


def probability_of(log_odds: NDArray[Any]) -> NDArray[Any]:
    """Probabilities of log-odds, of the same shape and type."""
    return np.asarray(1 / (1 + np.exp(-np.clip(log_odds, -_MOST, _MOST))))
