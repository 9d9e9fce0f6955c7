"""Laboratories that no network has seen, made of what is at hand: what the choices of ``adapt`` are made on.

Healthy cells of the Chula and TXL fields that are kept aside, with parasites of the NIH's validation cells laid into a
part of them, and the NIH's validation cells themselves: each laboratory with a dye, a camera and a sharpness of its
own. None of it is trained on, and none is of the fields that ``adapt`` is judged on in the end. (An NIH patient alone
has too few validation cells to draw fifty and judge on the others.)
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from plasmoscope.data.cache import decoded_cells
from plasmoscope.data.nih import CellDataset
from plasmoscope.data.splits import make_split
from plasmoscope.imaging.cells import blacken_outside, lit
from plasmoscope.imaging.smear_reference import smear_references
from plasmoscope.imaging.stain_reference import STANDARD, Reference, absorbance, colour_of, refer
from plasmoscope.labels import NOT_A_CELL, PARASITIZED
from plasmoscope.training.other_cells import Maker
from plasmoscope.training.recipe import OtherCells

_HOSTS = (
    OtherCells(kind="healthy_fields", path="fields_chula", aside="block", cells=8000),
    OtherCells(kind="healthy_fields", path="fields_txl", cells=5000),
)
# Of each laboratory.
_UNINFECTED, _INFECTED = 800, 200
_VARIANTS = 3
_COLOURS_OF = 300

Pixels = NDArray[np.uint8]
Rng = np.random.Generator


class Laboratory(NamedTuple):
    """Cells of one laboratory, ready for the network."""

    name: str
    pixels: Pixels
    """RGB on black, shape (n, size, size, 3)."""
    infected: NDArray[np.bool_]


def laboratories(data: Path, dataset: CellDataset, size: int, cache: Path) -> Iterator[Laboratory]:
    """Some of each kind of cells.

    Args:
        data: folder with ``fields_chula`` and ``fields_txl``.
        dataset: the NIH's cells.
        size: side in pixels.
        cache: folder in which cells that were cut out are kept.
    """
    members = make_split("seed42", dataset).part("validation")
    maker = Maker(data, dataset, members, size, True, cache)
    for host in _HOSTS:
        made = maker.make([host, OtherCells(kind="transplants", cells=5 * _INFECTED, hosts=(host,))])
        cells = made.labels != NOT_A_CELL
        yield from _variants(host.path, made.pixels[cells], made.labels[cells] == PARASITIZED)
    everything = decoded_cells(dataset, size, cache)
    own = smear_references(everything, dataset.patients)
    known = [index for index in members.tolist() if dataset.patients[index] in own]
    referred = np.stack([refer(everything[index], own[dataset.patients[index]]) for index in known])
    yield from _variants("nih", referred, dataset.labels[known] == PARASITIZED)


def _variants(name: str, pixels: Pixels, infected: NDArray[np.bool_]) -> Iterator[Laboratory]:
    some = np.concatenate([np.flatnonzero(~infected)[:_UNINFECTED], np.flatnonzero(infected)[:_INFECTED]])
    pixels, infected = pixels[some], infected[some]
    for number in range(_VARIANTS):
        yield Laboratory(f"{name}-{number}", _strange(np.random.default_rng(number), pixels, infected), infected)


def _strange(rng: Rng, pixels: Pixels, infected: NDArray[np.bool_]) -> Pixels:
    """The cells as another dye, camera and objective show them, told against their own red cells again."""
    dye = np.diag(np.exp(rng.normal(0, 0.25, 3))) + rng.normal(0, 0.12, (3, 3))
    gamma, strength = np.exp(rng.normal(0, 0.15)), np.exp(rng.normal(0, 0.15))
    blur, noise = rng.uniform(0, 1.4), rng.uniform(0, 5)
    light = np.array(STANDARD.background)
    seen = np.empty_like(pixels)
    for index, cell in enumerate(pixels):
        taken = np.maximum(absorbance(cell.astype(np.float64), light), 0) @ dye
        shown = (light + 1) * np.exp(-strength * np.sign(taken) * np.abs(taken) ** gamma) - 1
        shown = cv2.GaussianBlur(shown, (0, 0), blur) if blur > 0.3 else shown
        shown = shown + rng.normal(0, noise, shown.shape)
        seen[index] = blacken_outside(np.clip(np.rint(shown), 0, 255).astype(np.uint8), lit(cell))
    colours = [colour_of(cell) for cell in seen[~infected][:_COLOURS_OF]]
    median = np.median([colour for colour in colours if colour is not None], axis=0)
    return refer(seen, Reference.of(light, median))
