"""Whether explanations point at the parasite, and rest on what the network learnt.

The pointing game (Zhang et al. 2018, doi:10.1007/s11263-017-1059-x): the hottest place of an explanation lies on the
parasite, or within a small distance of it. Randomised networks (Adebayo et al. 2018, arXiv:1810.03292): one whose
weights are shuffled knows no parasites: if explanations of it point at them as often, they tell of the picture alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from plasmoscope.classification.classifier import Classifier
from plasmoscope.classification.explanation import explain
from plasmoscope.imaging.cells import resize_cell
from plasmoscope.synthetic.rendering import SyntheticField, crop_cell, crop_parasite

# As a share of the cell's side: about the spacing of the places that an explanation tries.
_NEAR = 0.05


@dataclass(frozen=True)
class PointingGame:
    """How often explanations of infected cells point at the parasite."""

    cells: int
    pointed: int
    chance: float
    """Share of a cell's pixels, on average, that are as near to its parasite."""

    @property
    def rate(self) -> float:
        """Share of the cells, 0 to 1."""
        return self.pointed / self.cells


@dataclass(frozen=True)
class InfectedCell:
    """A picture of a cell whose parasite's place is known."""

    image: NDArray[np.uint8]
    """RGB, shape (height, width, 3)."""
    parasite: NDArray[np.bool_]
    """Shape (height, width)."""


def infected_cells(field: SyntheticField) -> list[InfectedCell]:
    """The whole infected cells of a rendered field that touch no other."""
    return [
        InfectedCell(crop_cell(field, index), crop_parasite(field, index))
        for index, cell in enumerate(field.cells)
        if cell.infected and cell.whole and not cell.overlaps
    ]


def play_pointing_game(classifier: Classifier, cells: Iterable[InfectedCell]) -> PointingGame:
    """Explain the call of each cell, and see whether the hottest place is the parasite's.

    Raises:
        ValueError: there is no cell.
    """
    pointed, chances = [], []
    for cell in cells:
        heat = explain(classifier, cell.image).heat
        side = len(heat)
        near = _grown(_resized(cell.parasite, side), round(_NEAR * side))
        inside = _resized(np.asarray(cell.image.any(axis=2)), side)
        pointed.append(bool(near[np.unravel_index(int(heat.argmax()), heat.shape)]))
        chances.append(float((near & inside).sum() / inside.sum()))
    if not pointed:
        raise ValueError("the pointing game needs infected cells")
    return PointingGame(len(pointed), sum(pointed), float(np.mean(chances)))


def shuffle_weights(network: bytes, seed: int = 0) -> bytes:
    """The same ONNX network, the numbers in each of its weights' arrays in random order; biases stay."""
    import onnx
    from onnx import numpy_helper

    rng = np.random.default_rng(seed)
    model = onnx.load_from_string(network)
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.ndim in (2, 4) and np.issubdtype(values.dtype, np.floating):
            shuffled = rng.permutation(values.ravel()).reshape(values.shape)
            tensor.CopyFrom(numpy_helper.from_array(shuffled, tensor.name))
    return bytes(model.SerializeToString())


def _resized(mask: NDArray[np.bool_], side: int) -> NDArray[np.bool_]:
    """As the classifier resizes the picture."""
    picture = np.repeat(mask[..., None].astype(np.uint8) * 255, 3, axis=2)
    return np.asarray(resize_cell(picture, side)[..., 0] > 127)


def _grown(mask: NDArray[np.bool_], by: int) -> NDArray[np.bool_]:
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * by + 1, 2 * by + 1))
    return np.asarray(cv2.dilate(mask.astype(np.uint8), disc) > 0)
