"""A field's objects with their outlines and kinds."""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from plasmoscope.imaging.illumination import Illuminated, take_out_light
from plasmoscope.segmentation.foreground import Mask, cell_diameter, deepen_gaps, fill_pallor, stain_density, stained
from plasmoscope.segmentation.splitting import split_cells

Kind = Literal["red_cell", "white_cell", "platelet", "precipitate"]

# Red cells are brought to this diameter before they are parted, whatever camera took them.
_WORKING_DIAMETER = 40.0
_SCOUT_PIXELS = 500_000
_SMALLEST_DIAMETER = 10.0
_MOST_PIXELS = 4_000_000
# Of a red cell's area.
_SMALLEST_RED_CELL = 0.35
_LARGEST_RED_CELL = 2.6
# A convex hull of more than this is several cells.
_LARGEST_HULL = 1.5
_SMALLEST_NUCLEUS = 0.5
_SMALLEST_OBJECT = 0.02
# Share of its convex hull that a ragged object fills at most.
_RAGGED = 0.85
# Radius of the disc that must fit into every part of a red cell, in radii of one.
_BUMP = 0.35
# The least absorbance of red light in a nucleus.
_NUCLEUS_RED = 0.22
# Width of a white cell's cytoplasm beyond its nucleus, in radii of a red cell.
_CYTOPLASM = 0.3


@dataclass(frozen=True)
class FoundObject:
    """One object, in the pixels of the field that was given."""

    kind: Kind
    outline: NDArray[np.int32]
    """Closed polygon, shape (k, 2), x and y."""
    area: float
    on_border: bool


@dataclass(frozen=True)
class Segmentation:
    """What a field holds, with what the quality gate needs to know."""

    objects: tuple[FoundObject, ...]
    diameter: float | None
    """Median diameter of the red cells in pixels; None where nothing round was found."""
    light: Illuminated
    """Of the field at ``scale``."""
    labels: NDArray[np.int32]
    """Parted cells at ``scale``, 0 outside."""
    mask: Mask
    """Stained pixels at ``scale``, pale centres filled."""
    scale: float
    """Working size over given size."""


@dataclass(frozen=True)
class _Region:
    window: tuple[slice, slice]
    mask: Mask
    contour: NDArray[np.int32]
    area: float


def segment_field(image: NDArray[np.uint8]) -> Segmentation:
    """Find the red cells, white cells, platelets and precipitate of a field.

    The scale comes from the cells themselves: a first look at reduced size measures their diameter, then the field is
    brought to the size at which they are parted.

    Args:
        image: upright RGB, shape (h, w, 3).
    """
    diameter = _scout(image)
    height, width = image.shape[:2]
    target = _WORKING_DIAMETER / diameter if diameter else np.sqrt(_SCOUT_PIXELS / (height * width))
    scale = float(min(target, np.sqrt(_MOST_PIXELS / (height * width)), 3.0))
    size = (max(16, round(width * scale)), max(16, round(height * scale)))
    working = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    light = take_out_light(np.asarray(working, np.uint8))
    density = stain_density(light.absorbance)
    if diameter is None:
        mask = stained(density, light.view)
        return Segmentation((), None, light, np.zeros(mask.shape, np.int32), mask, scale)
    radius = diameter * scale / 2
    mask = stained(deepen_gaps(density, radius), light.view)
    mask = fill_pallor(mask, np.pi * radius**2)
    mask = _opened(mask, radius)
    white = _white_cells(light.absorbance, mask, radius)
    labels, count = split_cells(mask & ~white, radius)
    objects = _objects(white, labels, count, light, radius, scale, image.shape)
    reds = [np.sqrt(4 * o.area / np.pi) for o in objects if o.kind == "red_cell" and not o.on_border]
    return Segmentation(tuple(objects), float(np.median(reds)) if reds else diameter, light, labels, mask, scale)


def _scout(image: NDArray[np.uint8]) -> float | None:
    """Diameter of a red cell in pixels of the image given."""
    height, width = image.shape[:2]
    scale = min(1.0, float(np.sqrt(_SCOUT_PIXELS / (height * width))))
    size = (max(16, round(width * scale)), max(16, round(height * scale)))
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    light = take_out_light(small)
    mask = stained(stain_density(light.absorbance), light.view)
    diameter = cell_diameter(mask)
    # Noise is full of tiny round things; in a red cell so small no parasite could be seen either.
    if diameter is None or diameter < _SMALLEST_DIAMETER:
        return None
    # Rings seem larger or smaller than they are until their centres are filled.
    diameter = cell_diameter(fill_pallor(mask, np.pi * diameter**2 / 4)) or diameter
    return diameter / scale


def _opened(mask: Mask, radius: float) -> Mask:
    """Without threads and specks much thinner than a cell."""
    return np.asarray(cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, _disc(0.16 * radius)), bool)


def _white_cells(absorbance: NDArray[np.float32], mask: Mask, radius: float) -> Mask:
    """White cells: large regions that take far more red light than red cells do, with a rim for their cytoplasm.

    Red cells are clear to red light; nuclei are not, which sets them apart whatever the stain's strength.
    """
    red = cv2.GaussianBlur(absorbance[:, :, 0], (0, 0), max(0.8, 0.06 * radius))
    typical = float(np.median(red[mask])) if mask.any() else 0.0
    nuclei = (red > max(_NUCLEUS_RED, 2.6 * typical)).astype(np.uint8)
    # Lobes of one nucleus belong together.
    joined = cv2.morphologyEx(nuclei, cv2.MORPH_CLOSE, _disc(0.3 * radius))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    white = np.zeros(mask.shape, np.uint8)
    for label in range(1, count):
        if stats[label, cv2.CC_STAT_AREA] > _SMALLEST_NUCLEUS * np.pi * radius**2:
            lobes = (labels == label).astype(np.uint8)
            contours, _ = cv2.findContours(lobes, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
            hull = cv2.convexHull(np.concatenate(contours))
            cv2.drawContours(white, [hull], 0, 1, cv2.FILLED)
    return cv2.dilate(white, _disc(_CYTOPLASM * radius)).astype(bool)


def _disc(radius: float) -> NDArray[np.uint8]:
    side = 2 * max(1, round(radius)) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)


def _objects(
    white: Mask,
    labels: NDArray[np.int32],
    count: int,
    light: Illuminated,
    radius: float,
    scale: float,
    shape: tuple[int, ...],
) -> list[FoundObject]:
    cell_area = np.pi * radius**2
    edge = _edge_of_view(light.view)
    found = [
        _found("white_cell", region, _on_edge(region, edge), scale, shape)
        for region in _regions(white.astype(np.int32))
    ]
    reds = light.absorbance[:, :, 0]
    typical = float(np.median(reds[labels > 0])) if count else 0.0
    for region in _regions(labels):
        share = region.area / cell_area
        if share < _SMALLEST_OBJECT:
            continue
        colour = light.absorbance[region.window][region.mask].mean(axis=0)
        if share < _SMALLEST_RED_CELL and _takes_nuclear_stain(colour, typical):
            kind: Kind = "platelet" if share > 2 * _SMALLEST_OBJECT and colour[1] < 1.0 else "precipitate"
        elif (share < _SMALLEST_RED_CELL and not _on_edge(region, edge)) or share > _LARGEST_RED_CELL:
            continue
        else:
            kind = "precipitate" if _is_ragged(region) and _takes_nuclear_stain(colour, typical) else "red_cell"
        shown = _without_bumps(_closed(region, labels, cell_area), radius) if kind == "red_cell" else region
        # Asked of the region as it was found: without its bumps a cut cell may end short of the edge.
        found.append(_found(kind, shown, _on_edge(region, edge), scale, shape))
    return found


def _without_bumps(region: _Region, radius: float) -> _Region:
    """A cell without the platelet or speck that touches its edge, which would be taken for a parasite."""
    # Room around the window, or its border would count as inside.
    reach = round(_BUMP * radius) + 1
    padded = np.pad(region.mask.astype(np.uint8), reach)
    opened = cv2.morphologyEx(padded, cv2.MORPH_OPEN, _disc(_BUMP * radius))[reach:-reach, reach:-reach]
    return _region_of(np.ascontiguousarray(opened, np.uint8), region.window) if opened.any() else region


def _closed(region: _Region, labels: NDArray[np.int32], cell_area: float) -> _Region:
    """A cell whose pale centre opens to its side, filled to its convex hull, without its neighbours' pixels."""
    hull = cv2.convexHull(region.contour)
    area = cv2.contourArea(hull)
    if region.area > 0.9 * area or area > _LARGEST_HULL * cell_area:
        return region
    own = labels[region.window][region.mask]
    filled = np.zeros(region.mask.shape, np.uint8)
    cv2.drawContours(filled, [hull - (region.window[1].start, region.window[0].start)], 0, 1, cv2.FILLED)
    inside = labels[region.window]
    filled[(inside != 0) & (inside != own[0])] = 0
    return _region_of(filled, region.window)


def _is_ragged(region: _Region) -> bool:
    """Whether an outline has bays as no cell has."""
    return region.area < _RAGGED * cv2.contourArea(cv2.convexHull(region.contour))


def _takes_nuclear_stain(colour: NDArray[np.float32], typical: float) -> bool:
    """Purple or darker: more red light is taken than a red cell takes."""
    return bool(colour[0] > max(0.1, 1.5 * typical))


def _regions(labels: NDArray[np.int32]) -> list[_Region]:
    """The largest piece of each label, with its outline, in reading order."""
    regions: list[_Region] = []
    count = int(labels.max())
    if count == 0:
        return regions
    if count == 1:
        labels = np.asarray(cv2.connectedComponents((labels > 0).astype(np.uint8), connectivity=8)[1], np.int32)
        count = int(labels.max())
    ys, xs = np.nonzero(labels)
    values = labels[ys, xs]
    order = np.argsort(values, kind="stable")
    bounds = np.searchsorted(values[order], np.arange(1, count + 2))
    for label in range(1, count + 1):
        members = order[bounds[label - 1] : bounds[label]]
        if len(members) < 6:
            continue
        y, x = ys[members], xs[members]
        top, left = int(y.min()), int(x.min())
        window = (slice(top, int(y.max()) + 1), slice(left, int(x.max()) + 1))
        piece = (labels[window] == label).astype(np.uint8)
        regions.append(_region_of(piece, window))
    return regions


def _region_of(piece: NDArray[np.uint8], window: tuple[slice, slice]) -> _Region:
    """The largest piece in a window, without holes."""
    contours, _ = cv2.findContours(piece, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    contour = max(contours, key=cv2.contourArea)
    whole = np.zeros_like(piece)
    cv2.drawContours(whole, [contour], 0, 1, cv2.FILLED)
    outline = contour[:, 0] + (window[1].start, window[0].start)
    return _Region(window, whole.astype(bool), np.asarray(outline, np.int32), float(whole.sum()))


def _edge_of_view(view: Mask) -> Mask:
    """Pixels beside what cannot be seen: the picture's border and the field of view's."""
    seen = np.zeros((view.shape[0] + 2, view.shape[1] + 2), np.uint8)
    seen[1:-1, 1:-1] = view
    inner = cv2.erode(seen, np.ones((5, 5), np.uint8), borderValue=0)[1:-1, 1:-1]
    return np.asarray(view & ~inner.astype(bool))


def _on_edge(region: _Region, edge: Mask) -> bool:
    return bool((edge[region.window] & region.mask).sum() >= 3)


def _found(kind: Kind, region: _Region, on_border: bool, scale: float, shape: tuple[int, ...]) -> FoundObject:
    # Pixel centres, not corners, carry over between sizes.
    outline = (region.contour + 0.5) / scale - 0.5
    outline = np.clip(np.rint(outline), 0, (shape[1] - 1, shape[0] - 1)).astype(np.int32)
    return FoundObject(kind, outline, region.area / scale**2, on_border)
