"""Drawn parasites that fill much of their cell: what no data set that may be trained on shows.

The shapes are those of the atlases (P. vivax: amoeboid trophozoites, gametocytes as large as their cell, Schueffner's
stippling, fine scattered pigment; schizonts of all species): a body in the cytoplasm, a patch of chromatin or many,
granules of pigment, and stippling of the cell itself.
"""

import numpy as np
from numpy.typing import NDArray

from plasmoscope.training.fields.appearance import Floats, Rng, smooth_noise

Plane = NDArray[np.float64]

# Absorbances in RGB, up to a factor: eosin pink to azure blue; chromatin; haemozoin, brown to black.
_PINK, _BLUE = np.array([0.25, 1.0, 0.35]), np.array([1.0, 1.0, 0.35])
_CHROMATIN = np.array([0.45, 1.2, 0.45])
_BROWN, _BLACK = np.array([0.35, 0.6, 0.9]), np.array([1.2, 1.2, 1.2])
# In green, over the cell: what adds less, or hardly differs from place to place, is told from no healthy cell.
_LEAST_MEAN, _LEAST_CONTRAST = 0.02, 0.035
_TRIES = 20  # parasites drawn until one can be told


def late_stage(rng: Rng, mask: Floats, across: float) -> Floats:
    """Absorbance that a drawn trophozoite, schizont or gametocyte adds to its cell, seen by eye.

    Args:
        rng: what all chance comes from.
        mask: how much of each pixel is the cell's, shape (side, side), 0 to 1.
        across: the cell's diameter in pixels.

    Returns:
        Shape (side, side, 3).
    """
    cell = mask > 0.5
    laid = np.zeros((*mask.shape, 3), np.float32)
    for _ in range(_TRIES if cell.any() else 0):
        laid = _drawn(rng, mask, across)
        green = laid[:, :, 1][cell]
        if green.mean() > _LEAST_MEAN and green.std() > _LEAST_CONTRAST:
            break
    return laid


def _drawn(rng: Rng, mask: Floats, across: float) -> Floats:
    side = mask.shape[0]
    radius = across / 2
    y, x = np.mgrid[:side, :side] - (side - 1) / 2.0
    body = _body(rng, x, y, radius, across)
    grain = 1 + rng.uniform(0.1, 0.6) * smooth_noise(rng, side, max(1.0, across * rng.uniform(0.015, 0.06)))
    clouds = 1 + rng.uniform(0.1, 0.5) * smooth_noise(rng, side, max(1.5, across * rng.uniform(0.08, 0.25)))
    blueness = rng.uniform(0, 1)
    depth = float(np.exp(rng.uniform(np.log(0.07), np.log(0.7))))
    colour = depth * (_PINK * (1 - blueness) + _BLUE * blueness)
    laid = np.clip(body * grain * clouds, 0, None)[:, :, None] * colour
    if rng.random() < 0.5:
        speckled = np.clip(smooth_noise(rng, side, max(0.8, across * rng.uniform(0.012, 0.03))) - 1.0, 0, 2)
        laid = laid + (rng.uniform(0.03, 0.2) * speckled)[:, :, None] * _PINK
    nuclei = 1 if rng.random() < 0.75 else int(rng.integers(4, 20))
    if nuclei > 1 or rng.random() < 0.8:
        size = across * (rng.uniform(0.05, 0.16) if nuclei == 1 else rng.uniform(0.03, 0.07))
        strength = max(depth, 0.12) * rng.uniform(0.6, 2.2)
        laid = laid + strength * _spots(rng, x, y, 0.8 * radius, size, nuclei, body)[:, :, None] * _CHROMATIN
    granules = int(rng.integers(0, 40)) if rng.random() < 0.7 else 0
    if granules:
        pigment = _BROWN + rng.uniform(0, 1) * (_BLACK - _BROWN)
        size = across * rng.uniform(0.012, 0.035)
        laid = laid + (
            rng.uniform(0.1, 0.6) * _spots(rng, x, y, 0.85 * radius, size, granules, body)[:, :, None] * pigment
        )
    return np.asarray(laid * mask[:, :, None], np.float32)


def _body(rng: Rng, x: Plane, y: Plane, radius: float, across: float) -> Plane:
    """The parasite's cytoplasm, 0 to 1: as large as its cell, a compact part of it, or amoeboid with vacuoles."""
    side = x.shape[0]
    kind = rng.random()
    if kind < 0.35:
        return np.ones_like(x)
    reach = rng.uniform(0.35, 1.0) * radius
    off = rng.uniform(-1, 1, 2) * max(0.0, 0.8 * radius - 0.6 * reach) / np.sqrt(2)
    stretch = float(np.exp(rng.normal(0, 0.2)))
    far = np.hypot((x - off[0]) * stretch, (y - off[1]) / stretch) / reach
    if kind < 0.6:
        far = far + 0.1 * smooth_noise(rng, side, across * 0.12)
    else:
        far = far + rng.uniform(0.2, 0.45) * smooth_noise(rng, side, across * rng.uniform(0.07, 0.16))
    edge = rng.uniform(0.05, 0.25)
    body = np.clip((1 - far) / edge, 0, 1)
    if rng.random() < 0.35:
        angle, out = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.5) * reach
        hole = np.hypot(x - off[0] - out * np.cos(angle), y - off[1] - out * np.sin(angle)) / reach
        body = body * np.clip((hole - rng.uniform(0.2, 0.5)) / edge, 0, 1)
    return np.asarray(body, np.float64)


def _spots(rng: Rng, x: Plane, y: Plane, reach: float, size: float, number: int, body: Plane) -> Plane:
    """So many dots of about a size within a reach of the middle, most of them in the body."""
    drawn = np.zeros_like(x)
    side = x.shape[0]
    for _ in range(number):
        angle, far = rng.uniform(0, 2 * np.pi), reach * np.sqrt(rng.uniform(0, 1))
        left, top = far * np.cos(angle), far * np.sin(angle)
        row, column = (int(np.clip(value + (side - 1) / 2, 0, side - 1)) for value in (top, left))
        if body[row, column] < 0.3 and rng.random() < 0.8:
            continue
        own = size * float(np.exp(rng.normal(0, 0.25)))
        stretch = float(np.exp(rng.normal(0, 0.25)))
        away = np.hypot((x - left) * stretch, (y - top) / stretch)
        drawn = np.maximum(drawn, np.exp(-((away / max(own, 0.6)) ** 3)))
    return drawn
