"""How likely a picture shows no red cell, or nothing that can be told: what silence goes by."""

import numpy as np
from numpy.typing import NDArray

from plasmoscope.classification.card import Evidence
from plasmoscope.classification.odds import probability_of
from plasmoscope.labels import NOT_A_CELL

Floats = NDArray[np.float32]


def third_log_odds(logits: Floats, temperature: float) -> Floats | None:
    """Log-odds of the third class at a temperature, shape (n,), of logits, shape (n, 1 to 3); None of fewer than 3."""
    if logits.shape[1] <= NOT_A_CELL:
        return None
    scaled = logits / np.float32(temperature)
    return np.asarray(scaled[:, NOT_A_CELL] - np.logaddexp.reduce(scaled[:, :NOT_A_CELL], axis=1), np.float32)


def not_a_cell(
    logits: Floats, temperature: float, strangeness: Floats | None = None, evidence: Evidence | None = None
) -> Floats | None:
    """P(not a cell), shape (n,); None of a network that tells nothing of it.

    Args:
        logits: shape (n, 1), (n, 2) or (n, 3).
        temperature: they are divided by.
        strangeness: logarithm of the squared distance from red cells in the network's features, shape (n,).
        evidence: how the two are weighed; None takes the third class's share alone, as models of earlier versions do.
    """
    odds = third_log_odds(logits, temperature)
    if evidence is not None:
        third = odds if odds is not None else np.float32(0)
        strange = strangeness if strangeness is not None else np.float32(0)
        odds = np.asarray(evidence.offset + evidence.third_class * third + evidence.strangeness * strange, np.float32)
    return None if odds is None else np.asarray(probability_of(odds), np.float32)
