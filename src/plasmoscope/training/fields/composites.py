"""Scenes composed of cells that were cut out of real pictures, so that the whole truth is known.

Cells are laid on a drawn background by multiplying transmittances (Beer and Lambert), so that overlaps darken as real
ones do; every scene has a stain, crowding, cell shape, light and camera of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from plasmoscope.segmentation.vocabulary import Film, Tissue
from plasmoscope.training.fields.appearance import (
    Camera,
    Floats,
    Rng,
    burn_in,
    clear_colour,
    frame,
    smooth_noise,
    stain_change,
)
from plasmoscope.training.fields.cutouts import Cutout
from plasmoscope.training.fields.late_stages import late_stage
from plasmoscope.training.fields.scene import Scene, SceneObject

_TRIES = 24  # places looked at for each cell
_MOST_CELLS = 400  # on a scene
# Pigments of dirt and precipitate as absorbances in RGB: purple, black, blue, brown, magenta.
_PIGMENTS = np.array([[0.8, 1.4, 0.7], [1.5, 1.5, 1.5], [1.2, 0.8, 0.3], [0.4, 0.7, 1.1], [0.3, 1.2, 0.5]])


@dataclass(frozen=True)
class Stock:
    """What scenes are composed of."""

    red: Sequence[Sequence[Cutout]]
    """Red cells, grouped by stain."""
    white: Sequence[Cutout]
    platelets: Sequence[Cutout]


def draw_diameter(rng: Rng) -> float:
    """Diameter of a scene's red cells in pixels: mostly near that at which fields are read, some far from it."""
    low, high = (22, 46) if rng.random() < 0.65 else (12, 72)
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


class Canvas:
    """Absorbance under construction."""

    def __init__(self, rng: Rng, size: int) -> None:
        self.rng = rng
        self.size = size
        self.absorbance = np.zeros((size, size, 3), np.float32)
        self.surface = np.zeros((size, size), np.uint8)
        self.objects: list[SceneObject] = []
        self.change: Floats = np.eye(3, dtype=np.float32)

    def lay(
        self,
        patch: Floats,
        mask: Floats,
        centre: NDArray[np.float64],
        tissue: Tissue,
        heaped: bool = True,
        infected: bool = False,
    ) -> None:
        """Lay an absorbance, shape (h, w, 3), with its mask, shape (h, w), down around a centre (x, y)."""
        height, width = mask.shape
        left, top = (int(value) for value in np.rint(centre - (width / 2, height / 2)))
        rows, columns, cut = _overlap(top, left, height, width, self.size)
        if rows is None or columns is None or cut is None:
            return
        part, seen = patch[cut] @ self.change, mask[cut]
        here = self.absorbance[rows, columns]
        self.absorbance[rows, columns] = here + part if heaped else np.where(seen[:, :, None] > 0.5, part, here)
        if tissue in (Tissue.RED_CELL, Tissue.WHITE_CELL):
            outline = _outline_of(mask)
            if outline is not None:
                placed = outline + np.array([left, top], np.float32)
                self.objects.append(SceneObject(tissue, placed, infected=infected))
        else:
            area = self.surface[rows, columns]
            area[seen > 0.5] = tissue


def _overlap(
    top: int, left: int, height: int, width: int, size: int
) -> tuple[slice | None, slice | None, tuple[slice, slice] | None]:
    first_y, last_y = max(0, top), min(size, top + height)
    first_x, last_x = max(0, left), min(size, left + width)
    if first_y >= last_y or first_x >= last_x:
        return None, None, None
    cut = (slice(first_y - top, last_y - top), slice(first_x - left, last_x - left))
    return slice(first_y, last_y), slice(first_x, last_x), cut


def _outline_of(mask: Floats) -> Floats | None:
    # Twice as fine, for the smallest cells are a dozen pixels wide.
    fine = cv2.resize(mask, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)
    contours, _ = cv2.findContours((fine > 0.5).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return None
    largest = max(contours, key=cv2.contourArea)
    return np.asarray(largest[:, 0] / 2 - 0.25, np.float32) if len(largest) > 8 else None


@dataclass(frozen=True)
class Shapes:
    """How the cells of one scene are shaped."""

    elongation: float
    crenation: float
    crenations: int
    bend: float
    pallor: float
    pallor_width: float
    target: float
    spread: float

    @classmethod
    def draw(cls, rng: Rng) -> "Shapes":
        """Round in most scenes; oval, burr, sickle, target and pale-centred ones in others."""
        return cls(
            elongation=float(abs(rng.normal(0, 0.08)) if rng.random() < 0.75 else rng.uniform(0.1, 0.45)),
            crenation=float(rng.uniform(0.03, 0.09)) if rng.random() < 0.15 else 0.0,
            crenations=int(rng.integers(7, 16)),
            bend=float(rng.uniform(0, 0.5)) if rng.random() < 0.15 else 0.0,
            pallor=float(rng.uniform(0.1, 0.95)) if rng.random() < 0.5 else 0.0,
            pallor_width=float(rng.uniform(0.25, 0.6)),
            target=float(rng.uniform(0.2, 1.0)) if rng.random() < 0.12 else 0.0,
            spread=float(rng.uniform(0.03, 0.2)),
        )


def warp(rng: Rng, cutout: Cutout, diameter: float, shapes: Shapes | None) -> tuple[Floats, Floats]:
    """A cutout at a size, turned and reshaped: absorbance (h, w, 3) and mask (h, w)."""
    absorbance, mask = cutout.planes()
    height, width = mask.shape
    own = np.sqrt(4 * mask.sum() / np.pi)
    shrink = diameter / own
    if shrink < 0.7:
        size = (max(4, round(width * shrink * 1.3)), max(4, round(height * shrink * 1.3)))
        absorbance = np.asarray(cv2.resize(absorbance, size, interpolation=cv2.INTER_AREA), np.float32)
        mask = np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_AREA), np.float32)
        width, height = size
        own = own * shrink * 1.3
    stretch = float(np.exp(rng.normal(0, shapes.elongation))) if shapes else 1.0
    side = int(np.ceil(diameter * max(stretch, 1 / stretch) * max(width, height) / own * 1.25)) + 4
    axis = (np.arange(side, dtype=np.float32) - (side - 1) / 2) * np.float32(own / diameter)
    u, v = np.meshgrid(axis, axis)
    if shapes and shapes.bend:
        v = v + shapes.bend * rng.uniform(0.3, 1) * (u * u) / (own / 2) * 0.8
    u, v = u / np.float32(np.sqrt(stretch)), v * np.float32(np.sqrt(stretch))
    if shapes and shapes.crenation:
        angle = np.arctan2(v, u)
        depth = shapes.crenation * rng.uniform(0.4, 1.2)
        scale = 1 + depth * np.cos(shapes.crenations * angle + rng.uniform(0, 6.3)) * (
            1 + 0.4 * np.cos(3 * angle + rng.uniform(0, 6.3))
        )
        u, v = u * scale, v * scale
    turn = rng.uniform(0, 2 * np.pi)
    cos, sin = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    flip = np.float32(rng.choice([-1, 1]))
    map_x = (cos * u - sin * v) * flip + np.float32((width - 1) / 2)
    map_y = sin * u + cos * v + np.float32((height - 1) / 2)
    map_x, map_y = map_x.astype(np.float32), map_y.astype(np.float32)
    patch = cv2.remap(absorbance, map_x, map_y, cv2.INTER_LINEAR, borderValue=0)
    seen = cv2.remap(mask, map_x, map_y, cv2.INTER_LINEAR, borderValue=0)
    if shapes and (shapes.pallor or shapes.target):
        ratio = np.hypot(u, v) / (own / 2)
        keep = 1 - shapes.pallor * rng.uniform(0.6, 1) * np.exp(-((ratio / shapes.pallor_width) ** 4))
        if shapes.target:
            keep = (
                keep
                + shapes.target * np.exp(-((ratio / 0.28) ** 2))
                - 0.5 * shapes.target * np.exp(-(((ratio - 0.5) / 0.14) ** 2))
            )
        patch = patch * np.clip(keep, 0.03, None)[:, :, None].astype(np.float32)
    return np.asarray(patch, np.float32), np.asarray(seen, np.float32)


def compose(rng: Rng, stock: Stock, size: int) -> Scene:
    """Compose a thin film.

    Args:
        rng: what all chance comes from.
        stock: cells to compose it of.
        size: side of the picture in pixels.
    """
    diameter = draw_diameter(rng)
    group = stock.red[int(rng.integers(len(stock.red)))]
    canvas = Canvas(rng, size)
    chosen = [group[index] for index in rng.integers(len(group), size=min(12, len(group)))]
    typical = np.mean([cell.planes()[0][cell.mask].mean(axis=0) for cell in chosen], axis=0)
    canvas.change = stain_change(rng, typical)
    shapes = Shapes.draw(rng)
    centres: list[NDArray[np.float64]] = []
    radii: list[float] = []
    if rng.random() < 0.35:
        for _ in range(rng.integers(1, 4)):
            cell = stock.white[int(rng.integers(len(stock.white)))]
            # Lymphocytes are hardly larger than red cells.
            across = float(np.clip(cell.size * rng.uniform(0.6, 1.1), 1.05, 2.6)) * diameter
            centre = _place(rng, size, across / 2, centres, radii, 1.0)
            if centre is not None:
                patch, mask = warp(rng, cell, across, None)
                canvas.lay(patch * _nuclear_colour(rng), mask, centre, Tissue.WHITE_CELL)
    _lay_red_cells(canvas, group, diameter, shapes, centres, radii)
    _lay_small_things(canvas, stock, diameter)
    if rng.random() < 0.3:
        canvas.absorbance += _haze(rng, size, diameter)
    return photograph(rng, canvas, diameter, Film.THIN)


def _nuclear_colour(rng: Rng) -> Floats:
    """By how much white cells take more or less of each channel than those that were cut out: purple to blue."""
    blue = np.array([1.5, 0.85, 0.35]) ** rng.uniform(0, 1) if rng.random() < 0.5 else np.ones(3)
    return np.asarray(blue * np.exp(rng.normal(0, 0.2) + rng.normal(0, 0.12, 3)), np.float32)


def photograph(rng: Rng, canvas: Canvas, diameter: float, film: Film, camera: Camera | None = None) -> Scene:
    """The scene of a finished canvas."""
    size = canvas.size
    clear = clear_colour(rng)
    uneven = 1 + rng.uniform(0, 0.03) * smooth_noise(rng, size, size / 3)
    light = np.exp(-np.clip(canvas.absorbance, -0.2, 4)) * clear * uneven[:, :, None]
    camera = camera or Camera.draw(rng, diameter)
    image = camera.photograph(rng, light.astype(np.float32))
    frame(rng, image, canvas.surface)
    burn_in(rng, image, canvas.surface)
    blur = camera.blur / diameter
    return Scene(image, canvas.objects, canvas.surface, film, blur, diameter=diameter)


def _lay_red_cells(
    canvas: Canvas,
    group: Sequence[Cutout],
    diameter: float,
    shapes: Shapes,
    centres: list[NDArray[np.float64]],
    radii: list[float],
) -> None:
    rng, size = canvas.rng, canvas.size
    mode = rng.random()
    # Sparse, a monolayer, crowded.
    cover = rng.uniform(0.03, 0.25) if mode < 0.2 else rng.uniform(0.25, 0.6) if mode < 0.7 else rng.uniform(0.6, 1.1)
    overlapping = rng.uniform(0, 0.15) if mode < 0.7 else rng.uniform(0.1, 0.7)
    chains = rng.uniform(0.3, 0.9) if rng.random() < 0.2 else rng.uniform(0, 0.1)
    filled = rng.uniform(0.02, 0.15) if rng.random() < 0.35 else 0.0
    platelet_like = rng.uniform(0, 0.05)
    heaped = rng.random() < 0.8
    faint = rng.random() < 0.15
    wanted = min(_MOST_CELLS, int(cover * (size + diameter) ** 2 / (np.pi * diameter**2 / 4)))
    chosen = rng.integers(len(group), size=wanted)
    last: NDArray[np.float64] | None = None
    direction = rng.uniform(0, 2 * np.pi)
    for index in chosen:
        cell = group[index]
        across = diameter * float(np.exp(rng.normal(0, shapes.spread)))
        centre = None
        if last is not None and rng.random() < chains:
            step = rng.uniform(0.35, 0.95) * diameter
            angle = rng.uniform(0, 2 * np.pi) if rng.random() < 0.2 else direction + rng.normal(0, 0.3)
            nearby = last + step * np.array([np.cos(angle), np.sin(angle)])
            if _room(nearby, across / 2, centres, radii, 0.33):
                centre, direction = nearby, angle
        if centre is None:
            apart = rng.uniform(0.45, 0.95) if rng.random() < overlapping else rng.uniform(0.97, 1.15)
            centre = _place(rng, size, across / 2, centres, radii, apart)
            direction = rng.uniform(0, 2 * np.pi)
        if centre is None:
            continue
        patch, mask = warp(rng, cell, across, shapes)
        grown = rng.random() < filled
        if grown:
            patch = patch + late_stage(rng, mask, across)
        if rng.random() < platelet_like:
            patch = patch + _speck_on_cell(rng, mask, across)
        if faint and rng.random() < 0.3:
            patch = patch * np.float32(rng.uniform(0.25, 0.7))
        canvas.lay(patch, mask, centre, Tissue.RED_CELL, heaped, infected=cell.infected or grown)
        centres.append(centre)
        radii.append(across / 2)
        last = centre


def _room(
    centre: NDArray[np.float64], radius: float, centres: list[NDArray[np.float64]], radii: list[float], apart: float
) -> bool:
    if not centres:
        return True
    distance = np.hypot(*(np.array(centres) - centre).T)
    return bool((distance >= apart * (np.array(radii) + radius)).all())


def _place(
    rng: Rng, size: int, radius: float, centres: list[NDArray[np.float64]], radii: list[float], apart: float
) -> NDArray[np.float64] | None:
    """A place for a disc that lies no nearer to others than ``apart`` times the sum of the radii; None without one."""
    tried = rng.uniform(-0.4 * radius, size + 0.4 * radius, (_TRIES, 2))
    if not centres:
        return np.asarray(tried[0])
    distance = np.hypot(*(tried[:, None] - np.array(centres)[None]).transpose(2, 0, 1))
    free = np.flatnonzero((distance >= apart * (np.array(radii) + radius)).all(axis=1))
    return np.asarray(tried[free[0]]) if len(free) else None


def _speck_on_cell(rng: Rng, mask: Floats, across: float) -> Floats:
    """Something dark, or something that shines, on a cell."""
    side = mask.shape[0]
    y, x = np.mgrid[:side, :side] - (side - 1) / 2.0
    angle, far = rng.uniform(0, 6.3), across / 2 * np.sqrt(rng.uniform(0, 1))
    from_middle = np.hypot(x - far * np.cos(angle), y - far * np.sin(angle))
    reach = across * rng.uniform(0.04, 0.14)
    if rng.random() < 0.4:
        # A refractile bubble: a dark ring around a bright middle.
        ring = np.exp(-(((from_middle - reach) / (0.4 * reach)) ** 2)) - 1.2 * np.exp(
            -((from_middle / (0.6 * reach)) ** 2)
        )
        return np.asarray(0.35 * ring[:, :, None] * np.ones(3), np.float32)
    spot = np.exp(-((from_middle / reach) ** 4))
    return np.asarray(spot[:, :, None] * _PIGMENTS[int(rng.integers(len(_PIGMENTS)))] * rng.uniform(0.3, 1), np.float32)


def _lay_small_things(canvas: Canvas, stock: Stock, diameter: float) -> None:
    rng, size = canvas.rng, canvas.size
    cells = (size / diameter) ** 2
    many = rng.uniform(0, 0.25) if rng.random() < 0.12 else rng.uniform(0, 0.03)
    for _ in range(rng.poisson(many * cells)):
        platelet = stock.platelets[int(rng.integers(len(stock.platelets)))]
        across = float(np.clip(platelet.size * rng.uniform(0.7, 1.3), 0.12, 0.6)) * diameter
        canvas.lay(*warp(rng, platelet, across, None), rng.uniform(0, size, 2), Tissue.PLATELET)
    if rng.random() < 0.4:
        for _ in range(rng.integers(1, 6)):
            canvas.lay(*dirt(rng, diameter), rng.uniform(0, size, 2), Tissue.PRECIPITATE)
    if rng.random() < 0.08:
        _lay_hair(canvas, diameter)


def dirt(rng: Rng, diameter: float) -> tuple[Floats, Floats]:
    """A speck, clump or cloud of precipitate or dirt: absorbance (h, w, 3) and mask (h, w)."""
    reach = diameter * (rng.uniform(0.05, 0.3) if rng.random() < 0.7 else rng.uniform(0.3, 1.5))
    side = int(2 * reach) + 6
    y, x = np.mgrid[:side, :side] - (side - 1) / 2.0
    cover = np.zeros((side, side))
    specks = 1 if reach < 0.3 * diameter and rng.random() < 0.6 else int(rng.integers(3, 40))
    for _ in range(specks):
        size = reach if specks == 1 else diameter * rng.uniform(0.02, 0.12)
        angle, far = rng.uniform(0, 6.3), 0 if specks == 1 else max(0.0, reach - size) * np.sqrt(rng.uniform(0, 1))
        stretch, turn = rng.uniform(0.6, 1.6), rng.uniform(0, 3.2)
        dx, dy = x - far * np.cos(angle), y - far * np.sin(angle)
        along, across = dx * np.cos(turn) + dy * np.sin(turn), dy * np.cos(turn) - dx * np.sin(turn)
        cover = np.maximum(cover, np.clip(1.5 - np.hypot(along * stretch, across / stretch) / size, 0, 0.5) * 2)
    texture = np.clip(1 + 0.4 * smooth_noise(rng, side, max(1.5, 0.1 * diameter)), 0.1, None)
    depth = _PIGMENTS[int(rng.integers(len(_PIGMENTS)))] * rng.uniform(0.25, 1.1)
    absorbance = (cover * texture)[:, :, None] * depth
    return absorbance.astype(np.float32), np.asarray(cv2.dilate(cover, np.ones((3, 3))), np.float32)


def _lay_hair(canvas: Canvas, diameter: float) -> None:
    rng, size = canvas.rng, canvas.size
    drawn = np.zeros((size, size), np.float32)
    points = np.cumsum(rng.normal(0, size / 5, (5, 2)), axis=0) + rng.uniform(0, size, 2)
    curve = np.stack([np.interp(np.linspace(0, 4, 60), range(5), points[:, axis]) for axis in (0, 1)], axis=1)
    smooth = cv2.GaussianBlur(curve, (1, 15), 4).astype(np.int32)
    cv2.polylines(drawn, [smooth], False, 1.0, max(1, int(diameter * rng.uniform(0.05, 0.4))))
    softness = max(0.6, diameter * rng.uniform(0.02, 0.1))
    drawn = np.asarray(cv2.GaussianBlur(drawn, (0, 0), softness), np.float32)
    canvas.absorbance += drawn[:, :, None] * (
        _PIGMENTS[int(rng.integers(len(_PIGMENTS)))] * rng.uniform(0.1, 0.8)
    ).astype(np.float32)
    canvas.surface[drawn > 0.5] = Tissue.PRECIPITATE


def _haze(rng: Rng, size: int, diameter: float) -> Floats:
    """Dried serum and stain between the cells."""
    cloud = np.clip(smooth_noise(rng, size, diameter * rng.uniform(0.5, 4)) + rng.uniform(-1.5, 0.5), 0, None)
    colour = rng.uniform(0.1, 1, 3) * rng.uniform(0.01, 0.12)
    return np.asarray(cloud[:, :, None] * colour, np.float32)
