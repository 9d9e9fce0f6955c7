"""Scenes without a single red cell to count: drawn thick films, and what is no blood film at all."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from plasmoscope.segmentation.vocabulary import Film, Tissue
from plasmoscope.training.fields.appearance import Camera, Rng, burn_in, frame, smooth_noise, stain_change
from plasmoscope.training.fields.composites import Canvas, Stock, dirt, draw_diameter, photograph, warp
from plasmoscope.training.fields.scene import Scene

# RGB, 0 to 255, shape (size, size, 3).
Light = NDArray[Any]


def thick_film(rng: Rng, stock: Stock, size: int) -> Scene:
    """Draw a thick film: ghosts of lysed red cells run together, and the nuclei of white cells."""
    diameter = draw_diameter(rng)
    canvas = Canvas(rng, size)
    for _ in range(rng.integers(1, 4)):
        cloud = smooth_noise(rng, size, diameter * np.exp(rng.uniform(-2, 1.5)))
        cloud = np.clip(cloud + rng.uniform(-0.5, 2), 0, None) * rng.uniform(0.02, 0.25)
        canvas.absorbance += (cloud[:, :, None] * rng.uniform(0.1, 1, 3)).astype(np.float32)
    canvas.change = stain_change(rng, np.array([0.15, 0.35, 0.25], np.float32))
    for _ in range(rng.poisson(rng.uniform(0, 6) * (size / 256) ** 2 * (32 / diameter) ** 1.0)):
        cell = stock.white[int(rng.integers(len(stock.white)))]
        patch, mask = warp(rng, cell, float(np.clip(cell.size, 0.8, 2)) * diameter * rng.uniform(0.6, 1.1), None)
        # Of the cytoplasm little is left.
        nucleus = np.clip(patch - np.float32(rng.uniform(0, 0.25)), 0, None) * np.float32(rng.uniform(1, 1.6))
        canvas.lay(nucleus, mask, rng.uniform(0, size, 2), Tissue.WHITE_CELL)
    specks = rng.uniform(0, 0.4) if rng.random() < 0.3 else rng.uniform(0, 0.06)
    for _ in range(min(150, rng.poisson(specks * (size / diameter) ** 2))):
        if rng.random() < 0.3:
            platelet = stock.platelets[int(rng.integers(len(stock.platelets)))]
            canvas.lay(*warp(rng, platelet, platelet.size * diameter, None), rng.uniform(0, size, 2), Tissue.PLATELET)
        else:
            canvas.lay(*dirt(rng, diameter * 0.6), rng.uniform(0, size, 2), Tissue.PRECIPITATE)
    scene = photograph(rng, canvas, diameter, Film.THICK)
    scene.diameter = 0.0
    return scene


def something_else(rng: Rng, size: int) -> Scene:
    """Draw what is no blood film: nothing at all, noise, a page, shapes, a landscape of noise."""
    surface = np.zeros((size, size), np.uint8)
    draw = _DRAWINGS[int(rng.integers(len(_DRAWINGS)))]
    if draw is _page:
        # A letter is a letter, on a slide or on a page.
        surface[:] = Tissue.UNKNOWN
    image = Camera.draw(rng, 20).photograph(rng, np.asarray(draw(rng, size), np.float32))
    frame(rng, image, surface)
    burn_in(rng, image, surface)
    return Scene(image, [], surface, Film.OTHER)


def _nothing(rng: Rng, size: int) -> Light:
    """One colour, almost."""
    light = np.full((size, size, 3), rng.uniform(0, 255, 3) if rng.random() < 0.6 else rng.choice([0, 255]))
    return np.asarray(light + rng.uniform(0, 8) * smooth_noise(rng, size, size / 2)[:, :, None])


def _noise(rng: Rng, size: int) -> Light:
    grain = rng.uniform(0.7, 6)
    light = np.stack([smooth_noise(rng, size, grain) for _ in range(3)], axis=2) * rng.uniform(10, 80) + 128
    return np.repeat(light[:, :, :1], 3, axis=2) if rng.random() < 0.4 else light


def _page(rng: Rng, size: int) -> Light:
    """Lines of letters."""
    light = np.full((size, size, 3), rng.integers(180, 256), np.uint8)
    ink, height = rng.uniform(0, 90, 3).tolist(), rng.uniform(0.3, 1.2)
    font, thick = int(rng.integers(0, 5)), int(rng.integers(1, 4))
    for y in range(int(rng.integers(5, 20)), size, max(9, int(34 * height))):
        text = "".join(rng.choice(list("abcdefghilmnoprstuvw  ,.AEINRST0123456789"), 60))
        cv2.putText(light, text, (int(rng.integers(-8, 9)), y), font, height, ink, thick, cv2.LINE_AA)
    return light


def _shapes(rng: Rng, size: int) -> Light:
    """Polygons and strokes."""
    light = np.full((size, size, 3), rng.integers(0, 256, 3), np.uint8)
    for _ in range(rng.integers(2, 30)):
        spread = rng.normal(0, size / rng.uniform(3, 20), (int(rng.integers(3, 8)), 2))
        points = (rng.uniform(0, size, 2) + spread).astype(np.int32)
        colour = rng.uniform(0, 255, 3).tolist()
        if rng.random() < 0.5:
            cv2.fillPoly(light, [points], colour)
        else:
            cv2.polylines(light, [points], bool(rng.random() < 0.5), colour, int(rng.integers(1, 20)))
    return light


def _landscape(rng: Rng, size: int) -> Light:
    """Noise whose spectrum falls as one over the frequency, as that of a photograph of anything does (Field 1987)."""
    light = np.full((size, size, 3), rng.uniform(50, 200, 3))
    for octave in range(1, 8):
        grain = size / 2**octave
        noise = np.stack([smooth_noise(rng, size, max(1.0, grain))] * 3, axis=2)
        if rng.random() < 0.4:
            # Fur and grass run one way.
            noise = np.asarray(cv2.blur(noise, (1, max(1, int(grain)))), np.float32)
        light = light + noise * rng.uniform(0, 60) / octave * rng.uniform(0.6, 1, 3)
    if rng.random() < 0.5:
        light = np.where(light > np.median(light), light, light * rng.uniform(0.3, 0.9))
    return np.asarray(light)


_DRAWINGS = (_nothing, _noise, _page, _shapes, _landscape, _landscape)
