"""Red cells and what lies in or on them: rings, trophozoites, platelets. Drawn in micrometres."""

from typing import NamedTuple

import numpy as np

from plasmoscope.synthetic.free_objects import draw_platelet, draw_platelet_outline
from plasmoscope.synthetic.shapes import (
    Array,
    Outline,
    Patch,
    Smear,
    draw_grains,
    draw_outline,
    draw_place,
    inside,
    move,
    paint,
)
from plasmoscope.synthetic.stain import Range

# Diameters and lengths in micrometres.
RED_CELL = 7.5
RING: Range = (1.5, 2.5)
RING_WALL: Range = (0.2, 0.4)
CHROMATIN_LENGTH: Range = (0.6, 1.3)
CHROMATIN_WIDTH: Range = (0.45, 0.65)
TROPHOZOITE: Range = (2.8, 4.2)
TROPHOZOITE_CHROMATIN: Range = (0.8, 1.3)
PIGMENT_SPECK: Range = (0.18, 0.35)
RIM_WIDTH = 0.45
GRAIN = 0.15  # of a trophozoite
MOTTLING_GRAIN = 0.35  # of a red cell

# How often, or how many.
TROPHOZOITE_SHARE = 0.2  # of infected cells
SECOND_RING_SHARE = 0.15  # of cells with a ring
SECOND_DOT_SHARE = 0.3  # of rings
PIGMENT_SPECKS = (6, 14)

# Strengths, as shares of 1.
SIZE_SPREAD = 0.05  # standard deviation of the red cells' diameters
ELLIPTICITY = 0.08
WOBBLE = 0.025
CELL_DEPTH: Range = (0.88, 1.12)  # of stain, where 1 is the field's
MOTTLING = 0.02

SEEN = 0.02  # absorbance, or share of a cell's own: less of a parasite is nothing that anybody sees


class Inclusion(NamedTuple):
    """What lies in or on a red cell."""

    absorbance: Array  # (height, width, 3): added
    cleared: Array  # (height, width): the share that is gone of the red cell's own


def draw_red_cell_outline(rng: np.random.Generator) -> Outline:
    """Draw the outline of a red cell."""
    diameter = RED_CELL * (1 + SIZE_SPREAD * float(np.clip(rng.normal(), -2, 2)))
    return draw_outline(rng, diameter, ELLIPTICITY, WOBBLE)


def add_red_cell(
    smear: Smear, patch: Patch, outline: Outline, infected: bool, platelet_share: float
) -> tuple[str | None, bool]:
    """Draw one red cell; an uninfected one has a platelet on it with the chance given.

    Returns:
        Its parasite's stage, and whether a platelet lies on it.
    """
    rng = smear.rng
    stage, platelet = None, False
    inclusions: list[Inclusion] = []
    if infected and rng.random() < TROPHOZOITE_SHARE:
        stage = "trophozoite"
        inclusions = [_draw_trophozoite(smear, patch, outline)]
    elif infected:
        stage = "ring"
        inclusions = [_draw_ring(smear, patch, outline) for _ in range(1 + (rng.random() < SECOND_RING_SHARE))]
    elif rng.random() < platelet_share:
        platelet = True
        inclusions = [_draw_platelet_on_cell(smear, patch, outline)]

    thickness = _draw_thickness(smear, patch, outline)
    for inclusion in inclusions:
        thickness *= 1 - inclusion.cleared
        smear.absorbance[patch.window] += inclusion.absorbance
        if infected:
            smear.parasites[patch.window] |= np.maximum(inclusion.absorbance.max(axis=2), inclusion.cleared) > SEEN
    smear.absorbance[patch.window] += paint(thickness * rng.uniform(*CELL_DEPTH), smear.stain.red_cell)
    return stage, platelet


def _draw_thickness(smear: Smear, patch: Patch, outline: Outline) -> Array:
    """Draw a red cell's thickness, about 1: paler in the middle, deeper towards the rim, and rounded off there."""
    rng = smear.rng
    ratio = outline.ratio(patch.x, patch.y)
    off_x, off_y = rng.normal(0, 0.04 * outline.radius, 2)
    from_middle = outline.ratio(patch.x - off_x, patch.y - off_y) / rng.uniform(0.28, 0.42)
    pallor = smear.pallor * rng.uniform(0.4, 1.4) * np.exp(-(from_middle**3))
    from_rim = (1 - ratio) * outline.radius
    rounding = 0.65 + 0.35 * np.sin(np.clip(from_rim / RIM_WIDTH, 0, 1) * np.pi / 2)
    mottling = draw_grains(smear, ratio.shape, MOTTLING_GRAIN, MOTTLING)
    return np.asarray(inside(-from_rim) * rounding * (0.95 + 0.1 * ratio**2) * (1 - pallor) * mottling)


def _draw_ring(smear: Smear, patch: Patch, cell: Outline) -> Inclusion:
    """Draw a ring form: a thin ring of cytoplasm around a clear vacuole, set with one or two dots of chromatin."""
    rng, stain = smear.rng, smear.stain
    ring = draw_outline(rng, rng.uniform(*RING), 0.12, 0.05)
    x, y = move(patch, draw_place(rng, 0.95 * cell.radius - ring.reach))
    ratio = ring.ratio(x, y)
    from_wall = (ratio - 1) * ring.radius
    first_dot = rng.uniform(0, 2 * np.pi)
    along = np.angle(np.exp(1j * (np.arctan2(y, x) - first_dot)))
    # A signet ring: the wall is thickest opposite the stone.
    wall_width = rng.uniform(*RING_WALL) * (0.8 - 0.4 * np.cos(along))
    wall = inside(np.abs(from_wall) - wall_width / 2)
    absorbance = paint(wall, np.array(stain.cytoplasm) * rng.uniform(0.5, 1.3))

    dots = [0.0] if rng.random() >= SECOND_DOT_SHARE else [0.0, rng.uniform(0.7, np.pi)]
    for dot in dots:
        to_dot = np.angle(np.exp(1j * (along - dot))) * ring.radius * np.minimum(ratio, 1.5)
        length, width = rng.uniform(*CHROMATIN_LENGTH), rng.uniform(*CHROMATIN_WIDTH)
        oval = np.hypot(to_dot / length, from_wall / width) * 2
        absorbance += paint(inside((oval - 1) * width / 2), np.array(stain.chromatin) * rng.uniform(0.7, 1.3))
    vacuole = inside(from_wall) * rng.uniform(0.1, 0.5)
    return Inclusion(absorbance, vacuole)


def _draw_trophozoite(smear: Smear, patch: Patch, cell: Outline) -> Inclusion:
    """Draw a late trophozoite: a large irregular body, its chromatin, and brown-black specks of pigment."""
    rng, stain = smear.rng, smear.stain
    body = draw_outline(rng, rng.uniform(*TROPHOZOITE), 0.2, 0.12)
    x, y = move(patch, draw_place(rng, 0.95 * cell.radius - body.reach))
    cover = body.cover(x, y)
    grains = draw_grains(smear, x.shape, GRAIN, 0.25)
    absorbance = paint(cover * grains, np.array(stain.cytoplasm) * rng.uniform(1.0, 1.6))

    chromatin = draw_outline(rng, rng.uniform(*TROPHOZOITE_CHROMATIN), 0.25, 0.1)
    at = draw_place(rng, 0.7 * body.radius)
    absorbance += paint(chromatin.cover(x - at[0], y - at[1]) * grains, np.array(stain.chromatin) * 0.8)

    clump = draw_place(rng, 0.4 * body.radius)
    for _ in range(rng.integers(*PIGMENT_SPECKS, endpoint=True)):
        speck = clump + draw_place(rng, 0.45 * body.radius)
        distance = np.hypot(x - speck[0], y - speck[1]) - rng.uniform(*PIGMENT_SPECK) / 2
        absorbance += paint(inside(distance), np.array(stain.pigment) * rng.uniform(0.4, 1.0))
    return Inclusion(absorbance, cover * 0.4)


def _draw_platelet_on_cell(smear: Smear, patch: Patch, cell: Outline) -> Inclusion:
    """Draw a platelet that dried upon a red cell, in a pale halo where it holds the cell's surface away."""
    outline = draw_platelet_outline(smear.rng)
    x, y = move(patch, draw_place(smear.rng, cell.radius - outline.radius))
    halo = 0.4 * np.exp(-((outline.ratio(x, y) / 1.3) ** 4))
    return Inclusion(draw_platelet(smear, x, y, outline), halo)
