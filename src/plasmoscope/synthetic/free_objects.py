"""What lies between the red cells: platelets, white cells, precipitate of the stain. Drawn in micrometres."""

from typing import NamedTuple

import numpy as np

from plasmoscope.synthetic.shapes import (
    Array,
    Outline,
    Smear,
    draw_grains,
    draw_outline,
    draw_place,
    inside,
    paint,
)
from plasmoscope.synthetic.stain import Range

# Diameters and lengths.
PLATELET: Range = (2.0, 3.0)
NEUTROPHIL: Range = (12.0, 15.0)
LYMPHOCYTE: Range = (10.0, 12.5)
LOBE: Range = (3.2, 4.6)
STRAND = 0.9  # between two lobes
PLATELET_GRAIN = 0.15
CYTOPLASM_GRAIN = 0.2
NUCLEUS_GRAIN = 0.45
SPECK: Range = (0.3, 1.1)  # of precipitate
SPECK_STEP: Range = (0.3, 0.8)  # from one speck of a clump to the next

LOBES = (2, 5)  # of a white cell's nucleus
LYMPHOCYTE_SHARE = 0.35  # of white cells
NUCLEUS_OF_LYMPHOCYTE: Range = (0.78, 0.88)  # of its diameter
CLUMP_SHARE = 0.5  # of precipitate; the rest are single specks
CLUMP_SPECKS = (3, 16)  # pieces of a clump of precipitate


class WhiteCell(NamedTuple):
    """A white cell's kind, ``"neutrophil"`` or ``"lymphocyte"``, and its outline around the origin."""

    kind: str
    outline: Outline


class Clump(NamedTuple):
    """Specks of precipitate: their outlines and where each lies, around the origin."""

    specks: tuple[Outline, ...]
    places: Array  # (n, 2)

    @property
    def reach(self) -> float:
        """A distance from the origin that no speck exceeds."""
        ends = np.hypot(*self.places.T) + [speck.reach for speck in self.specks]
        return float(ends.max())


def draw_platelet_outline(rng: np.random.Generator) -> Outline:
    """Draw the outline of a platelet."""
    return draw_outline(rng, rng.uniform(*PLATELET), 0.15, 0.06)


def draw_platelet(smear: Smear, x: Array, y: Array, outline: Outline) -> Array:
    """Absorbance of a platelet: purple granules, crowded in the middle of a body that fades out."""
    ratio = outline.ratio(x, y)
    granules = draw_grains(smear, x.shape, PLATELET_GRAIN, 0.3)
    return paint(outline.cover(x, y) * np.exp(-((ratio / 0.8) ** 3)) * granules, smear.stain.platelet)


def draw_white_cell_outline(rng: np.random.Generator) -> WhiteCell:
    """Draw the kind and the outline of a white cell."""
    if rng.random() < LYMPHOCYTE_SHARE:
        return WhiteCell("lymphocyte", draw_outline(rng, rng.uniform(*LYMPHOCYTE), 0.08, 0.03))
    return WhiteCell("neutrophil", draw_outline(rng, rng.uniform(*NEUTROPHIL), 0.10, 0.04))


def draw_white_cell(smear: Smear, x: Array, y: Array, cell: WhiteCell) -> Array:
    """Absorbance of a white cell: pale cytoplasm, and a purple nucleus mottled with clumped chromatin."""
    stain = smear.stain
    cytoplasm, nucleus = (
        (stain.neutrophil, _lobed_nucleus(smear.rng, x, y, cell.outline))
        if cell.kind == "neutrophil"
        else (stain.lymphocyte, _round_nucleus(smear.rng, x, y, cell.outline))
    )
    granules = draw_grains(smear, x.shape, CYTOPLASM_GRAIN, 0.2)
    chromatin = draw_grains(smear, x.shape, NUCLEUS_GRAIN, 0.2)
    return paint(cell.outline.cover(x, y) * granules, cytoplasm) + paint(
        nucleus * chromatin, np.array(stain.nucleus) * smear.rng.uniform(0.85, 1.15)
    )


def _lobed_nucleus(rng: np.random.Generator, x: Array, y: Array, cell: Outline) -> Array:
    """Cover of a segmented nucleus: lobes along an arc, each joined to the next by a strand."""
    lobes = int(rng.integers(*LOBES, endpoint=True))
    first, step = rng.uniform(0, 2 * np.pi), rng.uniform(1.1, 1.5)
    cover, last = np.zeros_like(x), None
    for lobe in range(lobes):
        angle = first + lobe * step
        outline = draw_outline(rng, rng.uniform(*LOBE), 0.25, 0.08)
        at = rng.uniform(0.40, 0.50) * cell.radius * np.array([np.cos(angle), np.sin(angle)])
        cover = np.maximum(cover, outline.cover(x - at[0], y - at[1]))
        if last is not None:
            cover = np.maximum(cover, inside(_distance_to_segment(x, y, last, at) - STRAND / 2))
        last = at
    return cover


def _round_nucleus(rng: np.random.Generator, x: Array, y: Array, cell: Outline) -> Array:
    """Cover of a nucleus that all but fills its cell."""
    nucleus = draw_outline(rng, 2 * cell.radius * rng.uniform(*NUCLEUS_OF_LYMPHOCYTE), 0.06, 0.03)
    at = draw_place(rng, 0.08 * cell.radius)
    return nucleus.cover(x - at[0], y - at[1])


def _distance_to_segment(x: Array, y: Array, start: Array, end: Array) -> Array:
    along = end - start
    share = np.clip(((x - start[0]) * along[0] + (y - start[1]) * along[1]) / (along @ along), 0, 1)
    return np.asarray(np.hypot(x - start[0] - share * along[0], y - start[1] - share * along[1]))


def draw_clump(rng: np.random.Generator) -> Clump:
    """Draw the shape of some precipitate: a single speck, or a clump that a random walk strung together."""
    count = int(rng.integers(*CLUMP_SPECKS, endpoint=True)) if rng.random() < CLUMP_SHARE else 1
    angles, steps = rng.uniform(0, 2 * np.pi, count), rng.uniform(*SPECK_STEP, count)
    places = np.cumsum(np.stack([steps * np.cos(angles), steps * np.sin(angles)], axis=1), axis=0)
    specks = tuple(draw_outline(rng, rng.uniform(*SPECK), 0.3, 0.15) for _ in range(count))
    return Clump(specks, places - places.mean(axis=0))


def cover_by_clump(x: Array, y: Array, clump: Clump) -> Array:
    """1 where any speck lies, 0 between them."""
    covers = [speck.cover(x - place[0], y - place[1]) for speck, place in zip(clump.specks, clump.places, strict=True)]
    return np.asarray(np.max(covers, axis=0))
