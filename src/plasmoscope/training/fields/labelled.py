"""Scenes from annotated photographs: boxes of cells, outlines that a trained network drew, thick films."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from plasmoscope.errors import PlasmoscopeError
from plasmoscope.evaluation.boxes import BoxesError, read_coco
from plasmoscope.imaging.reading import read_image
from plasmoscope.imaging.sources import ImageFile
from plasmoscope.segmentation.vocabulary import Film, Tissue
from plasmoscope.training.fields.appearance import Camera, Floats, Rng, burn_in, clear_colour, frame, stain_change
from plasmoscope.training.fields.composites import draw_diameter
from plasmoscope.training.fields.cutouts import Cutout, from_box
from plasmoscope.training.fields.scene import Scene, SceneObject

# What a fifth of the pictures of every source is: kept aside, to validate on.
_ASIDE = 5
_KINDS = {"red_cell": Tissue.RED_CELL, "white_cell": Tissue.WHITE_CELL, "platelet": Tissue.PLATELET}
# Fewer whole red cells do not tell how large they are.
_FEWEST_CELLS = 2
# Corners of an ellipse that stands for a box's content.
_CORNERS = 40
# Brighter than all but so many hundredths of a picture is clear background.
_CLEAR_PERCENTILE = 95
# A box that ends so near the picture's border, in pixels, is of a cut cell.
_BORDER = 2


class FieldDataError(PlasmoscopeError):
    """Fields to train on are missing or not as they should be."""


@dataclass(frozen=True)
class LabelledField:
    """A photograph with what is annotated in it."""

    name: str
    image: NDArray[np.uint8]
    objects: tuple[SceneObject, ...]
    small: tuple[tuple[Tissue, Floats], ...]
    """Platelets and precipitate: outlines."""
    diameter: float
    """Median of the red cells', in pixels."""
    unknown: NDArray[np.bool_] | None = None
    """Shape (h, w): where nobody knows what lies there; None is nowhere."""

    @property
    def clear(self) -> NDArray[np.float64]:
        """Colour of the clear background, RGB."""
        return np.asarray(np.percentile(self.image.reshape(-1, 3)[::7], _CLEAR_PERCENTILE, axis=0))


def is_aside(name: str, how: str) -> bool:
    """Whether a picture is kept aside for validation.

    Args:
        name: of its file.
        how: ``file``: a fifth of the files, by a hash of the name; ``block``: every fifth block of fifty file
            numbers, for neighbours show one slide; ``slide``: a fifth of the slides, which the name's first word names.
    """
    if how == "block":
        number = re.search(r"\d+", name)
        if number is None:
            raise FieldDataError(f"{name} has no number, so it belongs to no block of numbers.")
        return (int(number[0]) - 1) // 50 % _ASIDE == _ASIDE - 1
    key = re.split(r"[\s_-]", name)[0] if how == "slide" else name
    if how == "slide":
        # L3733PV1 and L3733PV20 are pictures of one slide.
        key = re.sub(r"(?<=[A-Z])\d+$", "", key)
    return int(hashlib.sha256(key.encode()).hexdigest(), 16) % _ASIDE == 0


def ellipse_of(box: Sequence[float]) -> Floats:
    """The ellipse that fills a box (left, top, width, height): a polygon, shape (k, 2)."""
    left, top, width, height = box
    angles = np.linspace(0, 2 * np.pi, _CORNERS, endpoint=False)
    x = left + width / 2 + width / 2 * np.cos(angles)
    y = top + height / 2 + height / 2 * np.sin(angles)
    return np.stack([x, y], axis=1).astype(np.float32)


def read_boxed_fields(folder: Path, aside: bool) -> Iterator[LabelledField]:
    """Fields with COCO boxes of red cells, white cells and platelets, one part of them.

    Args:
        folder: holds ``truth.json`` and ``images/``.
        aside: the part kept for validation instead of the other.

    Raises:
        FieldDataError: there are none.
    """
    try:
        truth, faults = read_coco(ImageFile(folder / "truth.json"))
    except BoxesError as error:
        raise FieldDataError(str(error)) from error
    if faults:
        raise FieldDataError(f"{faults[0].where}: {faults[0].reason}. Mend it, for what is trained on must be right.")
    for name, boxes in sorted(truth.items()):
        if is_aside(name, "file") != aside:
            continue
        image = read_image(folder / "images" / name)
        known = [(_KINDS[true.label], true.box) for true in boxes if true.label in _KINDS]
        whole = [box for kind, box in known if kind is Tissue.RED_CELL and not _is_cut(box, image.shape)]
        if len(whole) < _FEWEST_CELLS:
            continue
        objects = tuple(
            SceneObject(kind, ellipse_of(box), not _is_cut(box, image.shape))
            for kind, box in known
            if kind is not Tissue.PLATELET
        )
        small = tuple((kind, ellipse_of(box)) for kind, box in known if kind is Tissue.PLATELET)
        diameter = float(np.median([np.sqrt(box[2] * box[3]) for box in whole]))
        yield LabelledField(name, image, objects, small, diameter)


def _is_cut(box: Sequence[float], shape: tuple[int, ...]) -> bool:
    left, top, width, height = box
    return left <= _BORDER or top <= _BORDER or left + width >= shape[1] - _BORDER or top + height >= shape[0] - _BORDER


def cutouts_of(fields: Sequence[LabelledField], boxes: Tissue) -> list[Cutout]:
    """White cells or platelets cut out of their fields."""
    found = []
    for field in fields:
        clear = field.clear
        outlines = (
            [outline for kind, outline in field.small if kind is boxes]
            if boxes is Tissue.PLATELET
            else [thing.outline for thing in field.objects if thing.tissue is boxes and thing.whole]
        )
        for outline in outlines:
            left, top = outline.min(axis=0)
            width, height = outline.max(axis=0) - outline.min(axis=0)
            cutout = from_box(field.image, (left, top, width, height), clear, field.diameter, lambda d: d > 0.06)
            if cutout is not None:
                found.append(cutout)
    return found


def crop(rng: Rng, fields: Sequence[LabelledField], size: int) -> Scene:
    """A square from annotated fields, at a scale, under a stain and with a camera of its own.

    Small fields are laid side by side, for a network that saw only borders would learn borders.

    Args:
        rng: what all chance comes from.
        fields: to choose from.
        size: side in pixels.
    """
    diameter = draw_diameter(rng)
    image = np.zeros((size, size, 3), np.uint8)
    # Black between fields is like black around them.
    surface = np.full((size, size), Tissue.NO_SPECIMEN, np.uint8)
    objects: list[SceneObject] = []
    field = fields[int(rng.integers(len(fields)))]
    x = y = row = 0
    while y < size:
        height, width = _paste(rng, field, diameter, (x, y), image, surface, objects)
        row = max(row, height)
        x += width
        if x >= size:
            x, y, row = 0, y + row, 0
        if x or y:
            field = fields[int(rng.integers(len(fields)))]
    return _recoloured(rng, image, surface, objects, diameter, Film.THIN)


def _paste(
    rng: Rng,
    field: LabelledField,
    diameter: float,
    corner: tuple[int, int],
    image: NDArray[np.uint8],
    surface: NDArray[np.uint8],
    objects: list[SceneObject],
) -> tuple[int, int]:
    """Lay a field, turned and scaled, into the square at a corner; height and width of what it covers."""
    size = image.shape[0]
    scale = diameter / field.diameter
    height, width = (max(8, round(side * scale)) for side in field.image.shape[:2])
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    resized = cv2.resize(field.image, (width, height), interpolation=method)
    drawn = np.zeros((height, width), np.uint8)
    for tissue, outline in field.small:
        cv2.fillPoly(drawn, [np.rint((outline + 0.5) * scale - 0.5).astype(np.int32)], int(tissue))
    if field.unknown is not None:
        unknown = cv2.resize(field.unknown.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
        drawn[unknown > 0] = Tissue.UNKNOWN
    outlines = [(thing.outline + 0.5) * scale - 0.5 for thing in field.objects]
    turns, flip = int(rng.integers(4)), bool(rng.random() < 0.5)
    resized, drawn = np.rot90(resized, turns), np.rot90(drawn, turns)
    if flip:
        resized, drawn = resized[:, ::-1], drawn[:, ::-1]
    outlines = [_turned(outline, turns, flip, (height, width)) for outline in outlines]
    height, width = drawn.shape
    # A large field is cut anywhere.
    left = -int(rng.integers(0, max(1, width - size + 1))) if corner == (0, 0) else 0
    top = -int(rng.integers(0, max(1, height - size + 1))) if corner == (0, 0) else 0
    rows = slice(-top, min(height, size - corner[1] - top))
    columns = slice(-left, min(width, size - corner[0] - left))
    part = resized[rows, columns]
    place = (slice(corner[1], corner[1] + part.shape[0]), slice(corner[0], corner[0] + part.shape[1]))
    image[place], surface[place] = part, drawn[rows, columns]
    start, ends = np.array(corner, np.float32), np.array([place[1].stop, place[0].stop], np.float32)
    for thing, outline in zip(field.objects, outlines, strict=True):
        moved = outline + np.array([left + corner[0], top + corner[1]], np.float32)
        low, high = moved.min(axis=0), moved.max(axis=0)
        if (high > corner).all() and (low < ends).all():
            clipped = np.clip(moved, start, ends - 1) if corner != (0, 0) or (high > ends).any() else moved
            inside = bool((low >= start).all() and (high < ends).all())
            objects.append(SceneObject(thing.tissue, np.asarray(clipped, np.float32), thing.whole and inside))
    return part.shape[0], part.shape[1]


def _turned(outline: Floats, turns: int, flip: bool, shape: tuple[int, int]) -> Floats:
    """As ``np.rot90`` and a mirror move the pixels."""
    height, width = shape
    x, y = outline[:, 0], outline[:, 1]
    for _ in range(turns):
        x, y = y, width - 1 - x
        height, width = width, height
    if flip:
        x = width - 1 - x
    return np.stack([x, y], axis=1).astype(np.float32)


def thick_crop(rng: Rng, images: Sequence[NDArray[np.uint8]], size: int) -> Scene:
    """A square from photographs of thick films, at any scale, under a stain and with a camera of its own."""
    image = images[int(rng.integers(len(images)))]
    side = int(min(image.shape[:2]) * np.exp(rng.uniform(np.log(0.15), 0)))
    top, left = (int(rng.integers(0, extent - side + 1)) for extent in image.shape[:2])
    square = image[top : top + side, left : left + side]
    part = np.asarray(cv2.resize(square, (size, size), interpolation=cv2.INTER_AREA), np.uint8)
    part = np.rot90(part, int(rng.integers(4)))
    surface = np.full((size, size), Tissue.UNKNOWN, np.uint8)
    scene = _recoloured(rng, part, surface, [], 32.0, Film.THICK)
    scene.not_red, scene.diameter, scene.blur = True, 0.0, None
    return scene


def _recoloured(
    rng: Rng,
    image: NDArray[np.uint8],
    surface: NDArray[np.uint8],
    objects: list[SceneObject],
    diameter: float,
    film: Film,
) -> Scene:
    """Another stain, another lamp, another camera."""
    clear = np.percentile(image.reshape(-1, 3)[::5], _CLEAR_PERCENTILE, axis=0)
    absorbance = np.log((clear + 1) / (image.astype(np.float32) + 1)).astype(np.float32)
    if rng.random() < 0.85:
        dense = absorbance[absorbance.mean(axis=2) > 0.08]
        typical = np.median(dense, axis=0) if len(dense) > 50 else np.array([0.2, 0.4, 0.3])
        absorbance = absorbance @ stain_change(rng, typical.astype(np.float32))
        clear = clear_colour(rng).astype(np.float64)
    light = np.clip(np.exp(-absorbance) * clear, 0, 255).astype(np.float32)
    camera = Camera.draw(rng, diameter)
    changed = camera.photograph(rng, light)
    frame(rng, changed, surface)
    burn_in(rng, changed, surface)
    return Scene(changed, objects, surface, film, camera.blur / diameter, diameter=diameter)
