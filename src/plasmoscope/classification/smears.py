"""Cells of one smear judged together: a single red cell on a slide full of parasites is likelier to hold one."""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from plasmoscope.classification.odds import odds_of, probability_of

# Cells: the share of infected ones is estimated as if so many more had been seen in each smear, half of them infected.
# Chosen on validation cells: fewer lose parasites where they are rare, more lose what is gained in small smears.
_PRIOR_CELLS = 5.0
# No smear is taken to hold fewer infected cells than this share, nor fewer healthy ones. Label smoothing keeps the
# network from being surer of a cell than about 0.993: among thousands of healthy ones no parasite would ever be called.
_LEAST_SHARE = 0.03
# Change of a share at which the rounds end.
_CLOSE_ENOUGH = 1e-6
# Ends the rounds in any case.
_MOST_ROUNDS = 1_000


def judge_together(
    probabilities: ArrayLike, smears: Sequence[Hashable], trained_share: float = 0.5
) -> NDArray[np.float32]:
    """Adjust P(parasitized) of each cell to the share of parasitized cells in its smear.

    A classifier expects the share it was calibrated on, mostly one half. Expectation and maximisation find the share
    under which a smear's cells look as they do, and Bayes' rule puts it in the other's place (Saerens, Latinne &
    Decaestecker 2002, doi:10.1162/089976602753284446). No label is used. The order of the cells does not matter, but
    which cells of a smear are given does.

    Args:
        probabilities: calibrated P(parasitized) of each cell alone, shape (n,).
        smears: what tells the smear of each cell from others, length n.
        trained_share: the share of parasitized cells among those that the classifier was calibrated on.

    Returns:
        P(parasitized) of each cell among those of its smear, shape (n,), in the order given.

    Raises:
        ValueError: there is not one smear for each cell.
    """
    alone = np.asarray(probabilities, np.float64)
    if len(smears) != len(alone):
        raise ValueError(f"{len(smears)} smears were given for {len(alone)} cells; name one for each cell")
    numbers: dict[Hashable, int] = {}
    smear = np.array([numbers.setdefault(name, len(numbers)) for name in smears], np.intp)
    cells = np.bincount(smear, minlength=len(numbers))
    evidence = odds_of(alone) - odds_of(trained_share)
    shares = np.full(len(numbers), 0.5)
    for _ in range(_MOST_ROUNDS):
        together = probability_of(evidence + odds_of(shares)[smear])
        before, infected = shares, np.bincount(smear, weights=together, minlength=len(numbers))
        shares = np.clip((infected + _PRIOR_CELLS / 2) / (cells + _PRIOR_CELLS), _LEAST_SHARE, 1 - _LEAST_SHARE)
        if np.abs(shares - before).max(initial=0) < _CLOSE_ENOUGH:
            break
    return np.asarray(together, np.float32)
