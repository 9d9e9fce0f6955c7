"""The uninfected cells of a field as its control: what raises the probabilities of all of them is no parasite."""

import numpy as np
from numpy.typing import NDArray

from plasmoscope.classification.odds import odds_of, probability_of

# Cells: a field's own level counts as if so many further ones at the usual level had been seen, so that a handful of
# cells says little. Chosen on fields kept aside (Chula, TXL) with parasites of NIH validation cells laid into some.
_USUAL_CELLS = 30


def level(parasitized: NDArray[np.float32]) -> float | None:
    """The median log-odds of those cells that are likelier uninfected; None without any.

    Args:
        parasitized: P(parasitized) in one view, shape (n,).
    """
    uninfected = parasitized[parasitized < 0.5]
    return float(np.median(odds_of(uninfected))) if len(uninfected) else None


def controlled(
    parasitized: NDArray[np.float32], one_view: NDArray[np.float32], usual: float | None
) -> NDArray[np.float32]:
    """P(parasitized) of a field's red cells, by how much its uninfected cells differ from those of other fields.

    A stain, a light or a blur that the network does not know raises the log-odds of every cell alike. In a thin film
    most cells are uninfected, so that their median shows by how much, as the negative wells of a plate do in an assay
    (Malo et al. 2006, doi:10.1038/nbt1186).

    Args:
        parasitized: of the field's red cells, shape (n,).
        one_view: the same without test-time augmentation, from which the level is taken, shape (n,).
        usual: the level of other fields, as ``level`` gives it; None leaves everything as it is.

    Returns:
        Shape (n,).
    """
    own = level(one_view)
    if usual is None or own is None:
        return parasitized
    cells = int((one_view < 0.5).sum())
    shift = (own - usual) * cells / (cells + _USUAL_CELLS)
    return np.asarray(probability_of(odds_of(parasitized) - shift), np.float32)
