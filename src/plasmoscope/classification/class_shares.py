"""A network with an output for each class of one's own: its classes' probabilities, and what they say of infected.

Whether a cell is infected is asked everywhere: by thresholds, counts, profiles, smears. There the probabilities of the
classes that count as infected are summed; what changes that sum later (a profile, a smear, a field's control) leaves
the classes' shares within each side as they were.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from plasmoscope.labels import Classes

Floats = NDArray[np.float32]


def own_log_odds(logits: Floats, classes: Classes, temperature: float) -> Floats:
    """Log-odds of infected, shape (n,), times the temperature: as of a network of two classes, to be divided by it.

    Args:
        logits: shape (n, c).
        classes: of them.
        temperature: that the logits are divided by, before the classes of each side are summed.
    """
    scaled = logits / np.float32(temperature)
    infected = np.logaddexp.reduce(scaled[:, classes.infected_indices], axis=1)
    others = np.logaddexp.reduce(scaled[:, classes.other_indices], axis=1)
    return np.asarray((infected - others) * np.float32(temperature), np.float32)


def class_shares(logits: Floats, temperature: float) -> Floats:
    """Calibrated probability of each class, shape (n, c), of logits, shape (n, c)."""
    scaled = logits / np.float32(temperature)
    return np.asarray(np.exp(scaled - np.logaddexp.reduce(scaled, axis=1)[:, None]), np.float32)


def with_infected(shares: NDArray[Any], infected: NDArray[Any], classes: Classes) -> NDArray[Any]:
    """The classes' probabilities, shape (n, c), made to go with P(infected), shape (n,): each side keeps its shares."""
    adjusted = np.array(shares)
    for indices, total in ((classes.infected_indices, infected), (classes.other_indices, 1 - infected)):
        side = shares[:, indices]
        # Of a side without any probability its classes are equally likely.
        sums = side.sum(axis=1, keepdims=True)
        within = np.where(sums > 0, side / np.where(sums > 0, sums, 1), 1 / len(indices))
        adjusted[:, indices] = within * np.asarray(total)[:, None]
    return adjusted


def called_class(shares: NDArray[Any], infected: NDArray[np.bool_], classes: Classes) -> NDArray[np.intp]:
    """Index of the class that each cell is called, shape (n,): the likeliest on the side that it was called.

    So a class and the call, which goes by a threshold, never contradict each other.

    Args:
        shares: probability of each class, shape (n, c).
        infected: whether it was called infected, shape (n,).
        classes: of them.
    """
    counts = classes.infected(np.arange(shares.shape[1]))
    return np.asarray(np.where(counts == infected[:, None], shares, -1).argmax(axis=1))
