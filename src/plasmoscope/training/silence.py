"""Calibrating silence: how likely a picture is of no red cell, and from where on nothing is called."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from plasmoscope.classification.card import Evidence, Silence
from plasmoscope.classification.classifier import Classifier, Judged
from plasmoscope.classification.silence import third_log_odds
from plasmoscope.training.calibration import fit_logistic, silence_threshold
from plasmoscope.training.other_cells import no_cell

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

# Shares that may go without a call: of red cells, in any laboratory; and of infected ones of other stains and stages
# than the data set's, made of parasites laid into cells or drawn, for a silence that swallows parasites is no help.
_MOST_SILENT, _MOST_INFECTED_SILENT = 0.005, 0.05
# Drawn pictures of nothing, and two cells as one.
_NO_CELLS = 400


def fit_evidence(classifier: Classifier, red_cells: Pixels) -> Evidence | None:
    """How a network's third class and the distance of its features weigh; None in one without a class "not a cell".

    Distance alone takes cells of another laboratory for no cells: a network of two classes is never silent by it.

    Args:
        classifier: with its temperature; its network gives strangeness if it can.
        red_cells: prepared, that it was not trained on, shape (n, size, size, 3).
    """
    rng = np.random.default_rng(0)
    drawn = np.stack([no_cell(rng, red_cells, number % 2 == 0) for number in range(_NO_CELLS)])
    of_cells, of_none = _told(classifier, red_cells), _told(classifier, drawn)
    if of_cells is None or of_none is None:
        return None
    offset, *weights = fit_logistic(of_none, of_cells)
    return Evidence(offset=offset, third_class=weights[0], strangeness=weights[1] if len(weights) > 1 else 0)


def _told(classifier: Classifier, cells: Pixels) -> Floats | None:
    """What the evidence is weighed from, shape (n, 1 or 2)."""
    logits, strangeness = classifier.logits_and_strangeness(cells)
    if classifier.classes.own:
        return None
    third = third_log_odds(logits, classifier.card.calibration.temperature)
    if third is None:
        return None
    return np.stack([third] if strangeness is None else [third, strangeness], axis=1)


def silence_of(
    evidence: Evidence | None, red_cells: Sequence[Sequence[Judged]], infected: Judged, measured_on: str
) -> Silence | None:
    """Where to be silent, so that few red cells go without a call; None without evidence.

    Args:
        evidence: that P(not a cell) is made of.
        red_cells: what was judged of the data set's cells, and of those of other laboratories, each in parts.
        infected: likewise of infected cells of other stains and stages; of none of them in a data set without others.
        measured_on: what the first are.
    """
    if evidence is None:
        return None
    told = [np.concatenate([part.not_a_cell for part in parts if part.not_a_cell is not None]) for parts in red_cells]
    thresholds = [silence_threshold(cells, _MOST_SILENT) for cells in told]
    if infected.not_a_cell is not None:
        thresholds.append(silence_threshold(infected.not_a_cell, _MOST_INFECTED_SILENT))
        measured_on += (
            f"; the threshold also on {len(infected.parasitized):,} infected cells made of other laboratories'"
        )
    threshold = max(thresholds)
    share = float((told[0] >= threshold).mean())
    return Silence(evidence=evidence, threshold=threshold, silent_share=share, measured_on=measured_on)
