"""Closed curves, the windows of the field they are drawn in, and the paint that fills them. Micrometres throughout."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from plasmoscope.synthetic.stain import Absorbance, Stain

Array = NDArray[np.float64]

EDGE = 0.12  # over which an object's edge fades


class Outline(NamedTuple):
    """A closed curve around the origin: a circle whose radius the angle's first harmonics change a little."""

    radius: float
    harmonics: tuple[float, ...]  # 2, 3, 4...: the second makes an oval
    phases: tuple[float, ...]

    @property
    def reach(self) -> float:
        """A distance from the centre that the curve does not exceed."""
        return self.radius * float(1 + np.abs(self.harmonics).sum())

    def ratio(self, x: Array, y: Array) -> Array:
        """Distance from the centre, as a share of the curve's own in that direction: 1 on the curve."""
        angle = np.arctan2(y, x)
        radius = np.ones_like(x)
        for order, (size, phase) in enumerate(zip(self.harmonics, self.phases, strict=True), start=2):
            radius += size * np.cos(order * angle + phase)
        return np.asarray(np.hypot(x, y) / (self.radius * radius))

    def cover(self, x: Array, y: Array) -> Array:
        """1 within the curve, 0 outside."""
        return inside((self.ratio(x, y) - 1) * self.radius)


class Patch(NamedTuple):
    """A window of the field around a centre, with its pixels' places in micrometres from there."""

    window: tuple[slice, slice]
    x: Array
    y: Array


class Smear(NamedTuple):
    """What is being drawn: the absorbance so far, and what all its cells share."""

    rng: np.random.Generator
    absorbance: Array  # (height, width, 3)
    parasites: NDArray[np.bool_]  # (height, width): where one lies
    scale: float  # pixels per micrometre
    stain: Stain
    pallor: float


def draw_outline(rng: np.random.Generator, diameter: float, ellipticity: float, wobble: float) -> Outline:
    """Draw a curve of a mean diameter; the two strengths are shares of its radius."""
    harmonics = np.array([ellipticity, wobble, wobble / 2, wobble / 3]) * rng.uniform(0.2, 1, 4)
    return Outline(diameter / 2, tuple(harmonics.tolist()), tuple(rng.uniform(0, 2 * np.pi, 4).tolist()))


def draw_place(rng: np.random.Generator, limit: float) -> Array:
    """Draw a place evenly from the disc of this radius around the origin."""
    angle, distance = rng.uniform(0, 2 * np.pi), limit * np.sqrt(rng.random())
    return np.array([distance * np.cos(angle), distance * np.sin(angle)])


def draw_grains(smear: Smear, shape: tuple[int, ...], size: float, strength: float) -> Array:
    """Smooth random factors around 1; `size` in micrometres is about that of a grain."""
    noise = cv2.GaussianBlur(smear.rng.normal(size=shape), (0, 0), size * smear.scale)
    return np.asarray(np.clip(1 + strength * noise / noise.std(), 0, None))


def cut_patch(shape: tuple[int, ...], centre: Array | tuple[float, float], reach: float, scale: float) -> Patch:
    """Cut the window of a field of (height, width) pixels that holds all within reach of a centre in pixels."""
    place = np.asarray(centre)
    # A centre may lie beyond the border; the window is then what is left of it, or empty.
    limit = shape[1::-1]
    first = np.clip(np.floor(place - reach * scale).astype(int), 0, limit)
    last = np.clip(np.ceil(place + reach * scale).astype(int) + 1, 0, limit)
    x, y = np.meshgrid(*((np.arange(first[i], last[i]) - place[i]) / scale for i in (0, 1)))
    return Patch((slice(first[1], last[1]), slice(first[0], last[0])), x, y)


def move(patch: Patch, origin: Array) -> tuple[Array, Array]:
    """The places of a patch's pixels as seen from another origin."""
    return patch.x - origin[0], patch.y - origin[1]


def inside(distance: Array) -> Array:
    """1 where the distance in micrometres from an edge is well below 0, 0 where it is above, fading in between."""
    return np.clip(0.5 - distance / EDGE, 0, 1)


def paint(cover: Array, absorbance: Absorbance | Array) -> Array:
    """The absorbance, shape (height, width, 3), of a paint that covers its pixels by these shares."""
    return np.asarray(cover[..., None] * np.asarray(absorbance))
