"""A field's objects with their outlines and kinds, as the network reads them."""

from dataclasses import dataclass
from typing import get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from plasmoscope.segmentation.instances import STRIDE, Instance
from plasmoscope.segmentation.preparing import clear_colour
from plasmoscope.segmentation.reader import FieldReader, Reading, shipped_reader
from plasmoscope.segmentation.scale import find_scale
from plasmoscope.segmentation.vocabulary import Kind, Tissue

Mask = NDArray[np.bool_]

_KINDS: dict[Tissue, Kind] = {
    Tissue[kind.upper()]: kind for kind in get_args(Kind) if kind.upper() in Tissue.__members__
}
# The network proposes these cell by cell; objects of all other kinds are what it marks as such outside them.
_CELLS = (Tissue.RED_CELL, Tissue.WHITE_CELL)


@dataclass(frozen=True)
class Rules:
    """What becomes of the network's reading.

    Set by hand with the first field reader; on which pictures is not recorded.
    """

    misjudged: float = 1.25
    """Factor by which the cells are larger or smaller than was thought, from which on the field is read once
    more, at the size that suits them."""
    most_enlarged: float = 4.0
    """Size at which a field is read over the given one, at most: what a camera has not seen no enlargement shows."""
    smallest_object: float = 0.01
    """Share of the median red cell's area; smaller platelets and specks are noise. A platelet of 2 micrometres beside
    red cells of 7.5 has 0.07."""
    hidden: float = 0.03
    """Share of a cell's area that the surround of the field of view or a burnt-in letter may hide before the cell
    counts as cut."""
    beyond: float = 0.5
    """Pixels at working size by which an outline must reach beyond the picture to be cut by its border: outlines err
    so far."""


RULES = Rules()


@dataclass(frozen=True)
class FoundObject:
    """One object, in the pixels of the field that was given."""

    kind: Kind
    outline: NDArray[np.int32]
    """Closed polygon inside the field, shape (k, 2), x and y."""
    area: float
    on_border: bool
    """Cut by the border of the picture or of the field of view, or partly under something burnt in."""


@dataclass(frozen=True)
class Segmentation:
    """What a field holds, with what the quality gate needs to know."""

    objects: tuple[FoundObject, ...]
    diameter: float | None
    """Median diameter of the red cells in pixels; None where none was found."""
    film: NDArray[np.float32]
    """Probability of each ``Film``."""
    blur: float
    """Standard deviation of the blur over the diameter of a red cell; 0 where there is none."""
    image: NDArray[np.uint8]
    """The field at ``scale``, RGB."""
    tissue: NDArray[np.uint8]
    """``Tissue`` of every second pixel at ``scale``."""
    scale: float
    """Size at which it was read over given size."""


def segment_field(image: NDArray[np.uint8], reader: FieldReader | None = None) -> Segmentation:
    """Find the red cells, white cells, platelets and precipitate of a field.

    The scale comes from the cells themselves: a first look at reduced size measures their diameter, then the field is
    read at the size for which the network was trained.

    Args:
        image: upright RGB, shape (h, w, 3).
        reader: the network; the one that ships if None.
    """
    reader = reader or shipped_reader()
    clear = clear_colour(image)
    known = find_scale(image, clear, reader)
    if known.diameter is None:
        nothing = np.zeros((-(-image.shape[0] // STRIDE), -(-image.shape[1] // STRIDE)), np.uint8)
        return Segmentation((), None, known.film, 0.0, image, nothing, 1.0)
    diameter = known.diameter
    for _ in range(2):
        scale = min(reader.card.working_diameter / diameter, RULES.most_enlarged)
        working = _resized(image, scale)
        reading = reader.read(working, clear)
        reds = [instance for instance in reading.instances if instance.tissue is Tissue.RED_CELL]
        if not reds:
            break
        seen = float(np.median([np.sqrt(4 * red.area / np.pi) for red in reds])) / scale
        misjudged = max(seen / diameter, diameter / seen) > RULES.misjudged
        diameter = seen
        if not misjudged:
            break
    objects = [*_cells(reading, working, scale, image.shape), *_small_objects(reading, working, scale, image.shape)]
    # Two looks at two sizes err less than one.
    film = np.asarray((known.film + reading.film) / 2, np.float32)
    return Segmentation(tuple(objects), diameter if reds else None, film, reading.blur, working, reading.tissue, scale)


def _resized(image: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    if abs(scale - 1) < 0.02:
        return image
    shape = (max(8, round(image.shape[1] * scale)), max(8, round(image.shape[0] * scale)))
    return np.asarray(
        cv2.resize(image, shape, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC), np.uint8
    )


def _cells(reading: Reading, working: NDArray[np.uint8], scale: float, shape: tuple[int, ...]) -> list[FoundObject]:
    hidden = (reading.tissue == Tissue.NO_SPECIMEN).astype(np.uint8)
    return [
        _in_field(
            _KINDS[instance.tissue],
            instance.outline,
            _is_cut(instance, hidden, working.shape),
            scale,
            shape,
        )
        for instance in reading.instances
        if _is_inside(instance, working.shape)
    ]


def _is_inside(instance: Instance, shape: tuple[int, ...]) -> bool:
    x, y = instance.outline.mean(axis=0)
    return bool(0 <= x < shape[1] and 0 <= y < shape[0])


def _is_cut(instance: Instance, hidden: NDArray[np.uint8], shape: tuple[int, ...]) -> bool:
    low, high = instance.outline.min(axis=0), instance.outline.max(axis=0)
    if (low < -RULES.beyond).any() or (high > np.array([shape[1], shape[0]]) - 1 + RULES.beyond).any():
        return True
    left, top = np.maximum(np.floor(low / STRIDE).astype(int), 0)
    right, bottom = np.ceil(high / STRIDE).astype(int) + 1
    window = hidden[top:bottom, left:right]
    inside = np.zeros(window.shape, np.uint8)
    cv2.fillPoly(inside, [np.rint(instance.outline / STRIDE - (left, top)).astype(np.int32)], 1)
    return bool((window & inside).sum() > RULES.hidden * inside.sum())


def _small_objects(
    reading: Reading, working: NDArray[np.uint8], scale: float, shape: tuple[int, ...]
) -> list[FoundObject]:
    """Platelets, precipitate and the like: what the network marks as such outside the cells."""
    cells = np.zeros(reading.tissue.shape, np.uint8)
    for instance in reading.instances:
        cv2.fillPoly(cells, [np.rint(instance.outline / STRIDE).astype(np.int32)], 1)
    reds = [instance.area for instance in reading.instances if instance.tissue is Tissue.RED_CELL]
    least = RULES.smallest_object * (float(np.median(reds)) if reds else 0.0)
    objects = []
    for tissue in sorted(_KINDS.keys() - _CELLS):
        mask = ((reading.tissue == tissue) & (cells == 0)).astype(np.uint8)
        contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        for contour in contours:
            outline = (contour[:, 0] * STRIDE + (STRIDE - 1) / 2).astype(np.float32)
            # A contour runs through the middles of its outermost points.
            area = cv2.contourArea(outline) + STRIDE * len(contour) + STRIDE**2
            if area >= least:
                objects.append(_in_field(_KINDS[tissue], outline, False, scale, shape, area))
    return objects


def _in_field(
    kind: Kind,
    outline: NDArray[np.float32],
    on_border: bool,
    scale: float,
    shape: tuple[int, ...],
    area: float | None = None,
) -> FoundObject:
    """The object in the pixels of the field as it was given, from an outline at working size."""
    # Pixel centres, not corners, carry over between sizes.
    placed = np.rint((outline + 0.5) / scale - 0.5)
    inside = np.clip(placed, 0, (shape[1] - 1, shape[0] - 1)).astype(np.int32)
    whole = cv2.contourArea(inside) if area is None else area / scale**2
    return FoundObject(kind, inside, float(whole), on_border)
