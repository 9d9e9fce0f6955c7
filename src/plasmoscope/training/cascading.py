"""Choosing which cells a cascade's second network is asked about."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from plasmoscope.classification.card import CascadeRule, ModelCard
from plasmoscope.classification.cascade import Cascade, both, in_doubt
from plasmoscope.classification.classifier import Classifier, find_model
from plasmoscope.classification.views import VIEWS
from plasmoscope.data.cache import decoded_cells
from plasmoscope.data.nih import CellDataset
from plasmoscope.data.splits import make_split
from plasmoscope.imaging.cells import resize_cell
from plasmoscope.networks import read_network
from plasmoscope.progress import Track, untracked
from plasmoscope.training.calibration import COUNTING, SCREENING, operating_point

Probabilities = NDArray[np.float32]

# Ends of bands that are tried, as P(parasitized).
_LOWER_ENDS = (0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.2, 0.3)


# Share of the cells that a band may lose on those that it is chosen on: one cell more or less is chance, and to lose
# none the band would have to reach to the few cells that any small network is surely wrong about. Set by hand.
_LOST = 0.001


def choose_band(
    first: Probabilities, second: Probabilities, parasitized: NDArray[np.bool_], threshold: float
) -> tuple[float, float]:
    """The ends of the band with the fewest cells in which asking the second network loses hardly any accuracy.

    Args:
        first: P(parasitized) of the small network, shape (n,).
        second: of the large one, shape (n,).
        parasitized: the truth, shape (n,).
        threshold: from which a cell is called.

    Returns:
        Probabilities of the first network from and to which the second is asked; the widest that is tried if all lose.
    """
    alone = int(((second >= threshold) == parasitized).sum())
    chosen, fewest = (_LOWER_ENDS[0], 1 - _LOWER_ENDS[0]), len(first) + 1
    for low in _LOWER_ENDS:
        for high in (1 - end for end in _LOWER_ENDS):
            doubtful = in_doubt(first, low, high)
            right = int(((np.where(doubtful, second, first) >= threshold) == parasitized).sum())
            if right >= alone - _LOST * len(first) and doubtful.sum() < fewest:
                chosen, fewest = (low, high), int(doubtful.sum())
    return chosen


def make_cascade(
    first: str,
    second: str,
    output: Path,
    dataset: CellDataset,
    cache_folder: Path,
    track: Track = untracked,
) -> ModelCard:
    """Write the card of a cascade: its band is chosen on every second validation cell, its figures are of the others.

    Args:
        first: the small network, as ``Classifier.load`` takes it.
        second: the large one; its card tells which cells are for validation, and the threshold.
        output: the card, a ``.json``; the networks are named in it and stay where they are.
        dataset: labelled cells.
        cache_folder: where decoded cells are kept.
        track: shows progress.
    """
    small_network, small_card = read_network(find_model(first), ModelCard)
    network, card = read_network(find_model(second), ModelCard)
    small, large = Classifier(small_network, small_card), Classifier(network, card)
    members = make_split(card.data.split, dataset).part("validation")
    cells = decoded_cells(dataset, large.image_size, cache_folder, track)[members]
    parasitized = dataset.infected[members]
    said_first = small.predict_prepared(np.stack([resize_cell(cell, small.image_size) for cell in cells]))
    said_second = large.predict_prepared(cells)
    choosing = np.arange(len(cells)) % 2 == 0
    measuring = ~choosing
    low, high = choose_band(said_first[choosing], said_second[choosing], parasitized[choosing], card.threshold)
    doubtful = in_doubt(said_first, low, high)
    called = np.where(doubtful, said_second, said_first) >= card.threshold
    right, right_alone = called == parasitized, (said_second >= card.threshold) == parasitized
    half = f"of the {len(cells)} validation cells of the split {card.data.split}"
    rule = CascadeRule(
        first=first,
        second=second,
        doubtful_from=low,
        doubtful_to=high,
        doubtful_share=float(doubtful[measuring].mean()),
        chosen_on=f"every second {half}",
        measured_on=f"the others {half}, each looked at once",
        accuracy=float(right[measuring].mean()),
        accuracy_second=float(right_alone[measuring].mean()),
    )
    left_out = {"created", "plasmoscope", "sha256", "evaluations", "silence", "counting", "screening", "export"}
    fields = card.model_dump(exclude=left_out) | {
        "name": output.stem,
        "architecture": f"{small_card.architecture}, then {card.architecture}",
        "recipe": f"{small_card.recipe}, then {card.recipe}",
        "cascade": rule,
    }
    made = ModelCard.of(both(small_network, network), **fields)
    together = Cascade(small, network, made)
    many = together.predict_prepared(cells, max(VIEWS))
    counting, screening = (
        operating_point(purpose, many, parasitized, [], max(VIEWS)) for purpose in (COUNTING, SCREENING)
    )
    made = made.model_copy(update={"counting": counting, "screening": screening})
    made.write(output)
    return made
