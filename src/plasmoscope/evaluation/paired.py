"""Whether two models differ on the same cells, with patients, not cells, as what was drawn.

Cells of one patient share stain, light and parasites: a model that errs on one of them errs on others. A test that
takes cells for independent (McNemar's) is then surer than it may be.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plasmoscope.evaluation.metrics import Bools, Floats, bootstrap_weights

# Permutations, with the observed one 10,000, and bootstrap samples likewise.
RESAMPLES = 9_999


@dataclass(frozen=True)
class Calls:
    """How rightly a model called each cell of a part."""

    names: tuple[str, ...]
    parasitized: Bools
    """The truth that the calls were judged by."""
    correct: Floats
    """0 or 1; of several seeds of one recipe the share that was right."""
    groups: tuple[str, ...]
    """Patient of each cell; its own name where that does not tell the patient."""

    @property
    def by_patient(self) -> bool:
        """Whether the names told the patients."""
        return self.groups != self.names


@dataclass(frozen=True)
class PairedTest:
    """The paired difference of two models on the same cells."""

    only_first_right: float
    only_second_right: float
    """Numbers of cells; of several seeds the mean over all pairs of them."""
    difference: float
    """Accuracy of the first less that of the second, -1 to 1."""
    low: float
    high: float
    """95 % percentile interval of a bootstrap that draws patients."""
    p_value: float
    """Two-sided, of a permutation test that exchanges the two models' calls of whole patients."""
    groups: int
    """Patients, or cells where the names do not tell the patients."""
    by_patient: bool


def paired_test(first: Calls, second: Calls, seed: int = 0) -> PairedTest | None:
    """Test whether two models differ; None where their cells, or the truth these were judged by, differ.

    Under the null hypothesis either model may have called a patient's cells, so both models' numbers of right calls
    are exchanged patient by patient (Fisher's randomisation test, whole clusters at a time; Good 2005). With few
    patients every exchange is tried, else 9,999 drawn ones, of which no p-value is below 0.0002.

    Args:
        first: of one model.
        second: of the other, its cells in any order.
        seed: of the exchanges and the bootstrap.
    """
    from scipy.stats import permutation_test

    place = {name: index for index, name in enumerate(second.names)}
    if set(first.names) != set(place):
        return None
    order = [place[name] for name in first.names]
    if (first.parasitized != second.parasitized[order]).any():
        return None
    one, other = first.correct, second.correct[order]
    _, member = np.unique(np.asarray(first.groups), return_inverse=True)
    cells = np.bincount(member).astype(np.float64)
    right = (np.bincount(member, weights=one), np.bincount(member, weights=other))
    # Patients with as many right calls of both change no exchange; one alone gives the same difference either way.
    differing = np.abs(right[0] - right[1]) > 1e-9
    p_value = 1.0
    if differing.sum() > 1:
        p_value = float(
            permutation_test(
                (right[0][differing], right[1][differing]),
                _gained,
                permutation_type="samples",
                vectorized=True,
                n_resamples=RESAMPLES,
                batch=1_000,
                rng=np.random.default_rng(seed),
            ).pvalue
        )
    drawn = bootstrap_weights(len(cells), None, RESAMPLES, np.random.default_rng(seed))
    low, high = np.percentile(drawn @ (right[0] - right[1]) / (drawn @ cells), [2.5, 97.5])
    return PairedTest(
        only_first_right=float((one * (1 - other)).sum()),
        only_second_right=float((other * (1 - one)).sum()),
        difference=float((one - other).mean()),
        low=float(low),
        high=float(high),
        p_value=min(p_value, 1.0),
        groups=len(cells),
        by_patient=first.by_patient,
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for their number (Holm 1979): at most 5 % chance that any below 0.05 is so by luck alone.

    >>> holm([0.04, 0.01, 0.5])
    [0.08, 0.03, 0.5]
    """
    values = np.asarray(p_values, np.float64)
    order = np.argsort(values, kind="stable")
    scaled = values[order] * np.arange(len(values), 0, -1)
    corrected = np.empty_like(values)
    corrected[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return [float(value) for value in corrected]


def _gained(first: Floats, second: Floats, axis: int) -> NDArray[np.float64]:
    return np.asarray((first - second).sum(axis=axis))
