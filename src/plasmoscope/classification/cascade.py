"""Two networks that work together: a small one first, and a large one for the cells that it leaves in doubt."""

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from plasmoscope.classification.card import CascadeRule, ModelCard
from plasmoscope.classification.classifier import BATCH, Classifier, Judged, find_model
from plasmoscope.imaging.cells import resize_cell
from plasmoscope.networks import ModelError, read_card, read_network


class Cascade(Classifier):
    """Prepares, explains and tells features as the large network does; answers as both do together.

    The small network gets each prepared cell shrunk once more, so that a picture is read and prepared once.
    """

    # Of so many, those in doubt still fill the large network's batches.
    _seen_at_once = 8 * BATCH

    def __init__(self, first: Classifier, second: bytes, card: ModelCard, threads: int | None = None) -> None:
        """Use ``of_card`` unless the models are already in memory.

        Args:
            first: the small network.
            second: the large one, an ONNX graph.
            card: of the cascade, with its rule.
            threads: processor threads; as many as ``usable_threads`` if None.

        Raises:
            ModelError: the card has no rule, or the small network takes larger pictures than the large one.
        """
        super().__init__(second, card, threads)
        if card.cascade is None:
            raise ModelError(f"The card of the model '{card.name}' is no cascade's, and no network lies beside it.")
        if first.image_size > self.image_size:
            raise ModelError(f"In the cascade '{card.name}' the first network takes larger pictures than the second.")
        self.rule: CascadeRule = card.cascade
        self._first = first

    @classmethod
    def of_card(cls, file: Path, threads: int | None = None) -> "Cascade":
        """Load a cascade and both of its models.

        Raises:
            ModelError: one is missing, altered or not usable.
        """
        card = read_card(file, ModelCard)
        if card.cascade is None:
            raise ModelError(f"{file} is the card of a network; give the .onnx file that it lies beside.")
        first, second = (_member(file, name) for name in (card.cascade.first, card.cascade.second))
        small, large = (read_network(model, ModelCard) for model in (first, second))
        if hashlib.sha256(both(small[0], large[0])).hexdigest() != card.sha256:
            raise ModelError(
                f"The models of the cascade {file} are not those that it was made of; copy it and both models again."
            )
        return cls(Classifier(*small, threads), large[0], card, threads)

    def _look(self, cells: NDArray[np.uint8]) -> Judged:
        size = self._first.image_size
        small = np.stack([resize_cell(cell, size) for cell in cells]) if len(cells) else cells[:, :size, :size]
        parasitized = self._first.predict_prepared(small)
        doubtful = np.flatnonzero(in_doubt(parasitized, self.rule.doubtful_from, self.rule.doubtful_to))
        if len(doubtful):
            parasitized[doubtful] = super()._look(np.ascontiguousarray(cells[doubtful])).parasitized
        return Judged(parasitized, None)


def in_doubt(probabilities: NDArray[np.float32], low: float, high: float) -> NDArray[np.bool_]:
    """Which cells the second network is asked about, shape (n,), by what the first says of them, shape (n,)."""
    return np.asarray((probabilities >= low) & (probabilities <= high))


def both(first: bytes, second: bytes) -> bytes:
    """What a cascade's checksum is of: both networks, one after the other."""
    return first + second


def _member(card_file: Path, name: str) -> Path:
    """The model of a cascade: beside its card, or one that ships."""
    beside = card_file.parent / name
    return find_model(beside if beside.exists() else name)
