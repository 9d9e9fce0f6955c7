"""Draws a synthetic Giemsa-stained thin blood smear, and says exactly what is in it.

The picture is made as the microscope makes it. Light of the background's colour passes through the smear; everything
lying there adds to the smear's absorbance, channel by channel (Beer and Lambert); the objective blurs what comes
through, the eyepiece cuts out a disc, and the sensor adds noise. Shapes are drawn in micrometres, so that one set of
sizes serves every magnification.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from plasmoscope.imaging.cells import blacken_outside
from plasmoscope.synthetic import free_objects
from plasmoscope.synthetic.placing import place_discs
from plasmoscope.synthetic.red_cells import RED_CELL, add_red_cell, draw_red_cell_outline
from plasmoscope.synthetic.shapes import Array, Outline, Patch, Smear, cut_patch, paint
from plasmoscope.synthetic.stain import RGB, Range, draw_stain

GAP = 0.3  # micrometres: the least between two cells that do not overlap
BLUR: Range = (0.07, 0.13)  # micrometres, of the objective and the focus; the standard deviation of a Gaussian
PLATELET_ON_CELL_SHARE = 0.01  # of uninfected cells
FREE_PLATELETS = 3.0  # of a field, on average
PALLOR: Range = (0.05, 0.40)  # of the thickness, missing at the centre; each field has its own
UNEVEN_LIGHT = 0.08  # share of 1
SENSOR_NOISE = 1.3  # grey levels of 255
EYEPIECE_EDGE = 1.5  # pixels, over which the eyepiece's rim fades; the standard deviation of a Gaussian

Box = tuple[int, int, int, int]
Mask = NDArray[np.bool_]
Kind = Literal["white_cell", "platelet", "precipitate"]


@dataclass(frozen=True)
class SyntheticCell:
    """The truth about one red cell."""

    centre: tuple[float, float]
    """x and y in pixels."""
    radius: float
    """Mean radius in pixels."""
    infected: bool
    stage: str | None
    """``"ring"`` or ``"trophozoite"``; None where the cell is not infected."""
    platelet_on_cell: bool
    whole: bool
    """Whether the cell lies within the field of view, away from its border."""
    outline: Outline
    """The cell's edge in micrometres around the centre, also where another cell lies on it or the border cuts it."""
    overlaps: tuple[int, ...] = ()
    """Indices of the red cells with which it shares pixels of the field of view."""


@dataclass(frozen=True)
class SyntheticObject:
    """The truth about one object that is no red cell."""

    kind: Kind
    centre: tuple[float, float]
    """x and y in pixels."""
    radius: float
    """Mean radius in pixels; of precipitate, that of a circle around all its specks."""
    box: Box
    """Left, top, width and height in pixels of what lies within the field of view."""
    whole: bool
    """Whether it lies within the field of view, away from its border."""
    variety: str | None = None
    """Of a white cell: ``"neutrophil"`` or ``"lymphocyte"``."""


@dataclass(frozen=True)
class SyntheticField:
    """A field of view and its truth."""

    image: NDArray[np.uint8]
    """RGB, shape (height, width, 3)."""
    cell_labels: NDArray[np.int32]
    """Shape (height, width): 0 for background, i + 1 for ``cells[i]``; where cells overlap, the last of them."""
    cells: tuple[SyntheticCell, ...]
    platelets: tuple[tuple[float, float], ...]
    """Centres, x and y in pixels, of the platelets that lie between cells."""
    objects: tuple[SyntheticObject, ...]
    """White cells, precipitate and free platelets."""
    view: Mask
    """Shape (height, width): what the eyepiece lets through."""
    scale: float
    """Pixels per micrometre."""
    parasites: Mask
    """Shape (height, width): where a parasite lies, a ring form's vacuole included."""

    def of_kind(self, kind: str) -> tuple[SyntheticObject, ...]:
        """The objects of one kind."""
        return tuple(thing for thing in self.objects if thing.kind == kind)


def render_field(
    seed: int,
    width: int = 960,
    height: int = 720,
    cells: int = 60,
    parasitaemia: float = 0.2,
    cell_diameter: float = 90.0,
    *,
    overlap: float = 0.0,
    white_cells: int = 0,
    platelets: float = FREE_PLATELETS,
    platelets_on_cells: float = PLATELET_ON_CELL_SHARE,
    precipitate: int = 0,
    background: RGB | None = None,
    uneven_light: float = UNEVEN_LIGHT,
    defocus: float = 0.0,
    eyepiece: float | None = None,
) -> SyntheticField:
    """Draw a field of view; the same arguments give the same field.

    >>> field = render_field(seed=1, width=640, height=480, cells=20, parasitaemia=0.5)
    >>> field.image.shape, len(field.cells), any(cell.infected for cell in field.cells)
    ((480, 640, 3), 20, True)

    Args:
        seed: what all chance in the field comes from.
        width: of the image in pixels.
        height: of the image in pixels.
        cells: number of red cells, those cut by the border included. An eyepiece hides some of them.
        parasitaemia: the chance of each cell to be infected.
        cell_diameter: mean diameter of the red cells in pixels.
        overlap: share of the cells that lie on a neighbour, by up to a quarter of a diameter.
        white_cells: their number, those cut by the border included.
        platelets: mean number of platelets between cells; fewer where there is no room.
        platelets_on_cells: the chance of each uninfected cell to have a platelet on it.
        precipitate: number of specks and clumps of stain between cells; fewer where there is no room.
        background: colour of the clear field, RGB from 0 to 255; by default the stain's.
        uneven_light: share of the light that at most is lost towards the farthest corner.
        defocus: blur in micrometres, the standard deviation of a Gaussian, on top of the objective's.
        eyepiece: diameter of a round field of view, as a share of the shorter side; black outside. By default none.

    Returns:
        The picture and its truth, without what lies wholly outside the eyepiece's field of view.

    Raises:
        ValueError: where a share is none, or the cells do not fit into the field.
    """
    for name, share in (("parasitaemia", parasitaemia), ("overlap", overlap)):
        if not 0 <= share <= 1:
            raise ValueError(f"{name} is a share from 0 to 1, not {share}")
    rng = np.random.default_rng(seed)
    # What was added since the first fields were drawn takes its chance from elsewhere, so that those stay as they were.
    extra = np.random.default_rng((seed, 1))
    scale = cell_diameter / RED_CELL
    view = _cut_view(width, height, eyepiece)
    outlines = [draw_red_cell_outline(rng) for _ in range(cells)]
    leucocytes = [free_objects.draw_white_cell_outline(extra) for _ in range(white_cells)]
    everyone = [*outlines, *(leucocyte.outline for leucocyte in leucocytes)]
    centres = place_discs(
        rng,
        np.array([outline.radius for outline in everyone]) * scale,
        np.array([outline.reach + GAP / 2 for outline in everyone]) * scale,
        (width, height),
        cell_diameter,
        extra.choice(cells, round(overlap * cells), replace=False),
    )
    bodies = [_Body.cut(view, centre, outline, scale) for centre, outline in zip(centres, everyone, strict=True)]
    red, white = bodies[:cells], bodies[cells:]
    infected = rng.random(cells) < parasitaemia

    stain = draw_stain(rng)
    if background is not None:
        stain = replace(stain, background=background)
    parasites = np.zeros((height, width), bool)
    smear = Smear(rng, np.zeros((height, width, 3)), parasites, scale, stain, rng.uniform(*PALLOR))
    drawn = [
        SyntheticCell(
            body.centre,
            outline.radius * scale,
            bool(is_infected),
            *add_red_cell(smear, body.patch, outline, bool(is_infected), platelets_on_cells),
            body.whole,
            outline,
        )
        for body, outline, is_infected in zip(red, outlines, infected, strict=True)
    ]
    seen = [i for i in range(cells) if red[i].seen]
    labels, overlaps = _label(view.shape, [red[i] for i in seen])
    truth = tuple(replace(drawn[i], overlaps=others) for i, others in zip(seen, overlaps, strict=True))

    others = _Others(view, [*red, *white], scale)
    for leucocyte, body in zip(leucocytes, white, strict=True):
        others.add_white_cell(smear._replace(rng=extra), leucocyte, body)
    for _ in range(rng.poisson(platelets)):
        others.add_platelet(smear)
    for _ in range(precipitate):
        others.add_precipitate(smear._replace(rng=extra))
    image = _photograph(smear, uneven_light, defocus, None if eyepiece is None else view)
    middles = tuple(thing.centre for thing in others.truth if thing.kind == "platelet")
    return SyntheticField(image, labels, truth, middles, tuple(others.truth), view, scale, parasites & view)


def cell_mask(field: SyntheticField, index: int) -> Mask:
    """All pixels of one cell within the field of view, also where another cell lies on it; shape (height, width)."""
    cell = field.cells[index]
    patch = cut_patch(field.view.shape, cell.centre, cell.outline.reach, field.scale)
    mask = np.zeros(field.view.shape, bool)
    mask[patch.window] = (cell.outline.ratio(patch.x, patch.y) <= 1) & field.view[patch.window]
    return mask


def cell_box(field: SyntheticField, index: int) -> Box:
    """The bounding box of ``cell_mask``: left, top, width and height in pixels."""
    return _box(cell_mask(field, index))


def crop_cell(field: SyntheticField, index: int) -> NDArray[np.uint8]:
    """Cut out one cell as the NIH data set's cells are: the bounding box, black outside the cell's outline.

    Raises:
        ValueError: where the border of the field cuts the cell.
    """
    mask, window = _cut(field, index)
    return blacken_outside(field.image[window], mask[window])


def crop_parasite(field: SyntheticField, index: int) -> Mask:
    """Where ``crop_cell``'s picture of the same cell shows a parasite; shape (height, width) of that picture.

    Raises:
        ValueError: where the border of the field cuts the cell.
    """
    mask, window = _cut(field, index)
    return np.asarray(field.parasites[window] & mask[window])


def _cut(field: SyntheticField, index: int) -> tuple[Mask, tuple[slice, slice]]:
    """The mask of a whole cell, and its bounding box as rows and columns."""
    if not field.cells[index].whole:
        raise ValueError(f"cell {index} is cut by the border of the field; crop only cells that are whole")
    mask = cell_mask(field, index)
    left, top, width, height = _box(mask)
    return mask, (slice(top, top + height), slice(left, left + width))


class _Body(NamedTuple):
    """Where one thing lies in the field of view."""

    centre: tuple[float, float]
    patch: Patch
    mask: Mask  # of the patch: what of the body the field of view shows
    box: Box
    whole: bool

    @property
    def seen(self) -> bool:
        return self.box[2] > 0

    @classmethod
    def cut(cls, view: Mask, centre: Array, outline: Outline, scale: float) -> "_Body":
        patch = cut_patch(view.shape, centre, outline.reach, scale)
        return cls.of(view, centre, patch, outline.ratio(patch.x, patch.y) <= 1)

    @classmethod
    def of(cls, view: Mask, centre: Array, patch: Patch, mask: Mask) -> "_Body":
        rows, columns = patch.window
        shown = mask & view[patch.window]
        left, top, width, height = _box(shown)
        at_border = (left + columns.start == 0) | (top + rows.start == 0)
        at_border |= (left + columns.start + width == view.shape[1]) | (top + rows.start + height == view.shape[0])
        box = (left + columns.start, top + rows.start, width, height)
        whole = not at_border and bool(shown.sum() == mask.sum())
        return cls((float(centre[0]), float(centre[1])), patch, shown, box, whole)


class _Others:
    """Adds what is no red cell to a smear, each where there is room, and keeps the truth about it."""

    def __init__(self, view: Mask, cells: Sequence[_Body], scale: float) -> None:
        free = view.copy()
        for cell in cells:
            free[cell.patch.window] &= ~cell.mask
        # Distance in pixels to the nearest cell.
        self._room = cv2.distanceTransform(free.astype(np.uint8), cv2.DIST_L2, 5)
        self._view = view
        self._scale = scale
        self.truth: list[SyntheticObject] = []

    def add_white_cell(self, smear: Smear, cell: free_objects.WhiteCell, body: _Body) -> None:
        """Draw a white cell where it was placed."""
        x, y = body.patch.x, body.patch.y
        smear.absorbance[body.patch.window] += free_objects.draw_white_cell(smear, x, y, cell)
        self._note("white_cell", body, cell.outline.radius, cell.kind)

    def add_platelet(self, smear: Smear) -> None:
        """Draw a platelet, if there is room."""
        outline = free_objects.draw_platelet_outline(smear.rng)
        centre = self._find_room(smear.rng, outline.reach)
        if centre is None:
            return
        body = _Body.cut(self._view, centre, outline, self._scale)
        x, y = body.patch.x, body.patch.y
        smear.absorbance[body.patch.window] += free_objects.draw_platelet(smear, x, y, outline)
        self._note("platelet", body, outline.radius)

    def add_precipitate(self, smear: Smear) -> None:
        """Draw a speck or a clump of precipitate, if there is room."""
        clump = free_objects.draw_clump(smear.rng)
        centre = self._find_room(smear.rng, clump.reach)
        if centre is None:
            return
        patch = cut_patch(self._view.shape, centre, clump.reach, self._scale)
        cover = free_objects.cover_by_clump(patch.x, patch.y, clump)
        depth = np.array(smear.stain.precipitate) * smear.rng.uniform(0.7, 1.3)
        smear.absorbance[patch.window] += paint(cover, depth)
        self._note("precipitate", _Body.of(self._view, centre, patch, cover >= 0.5), clump.reach)

    def _find_room(self, rng: np.random.Generator, reach: float) -> Array | None:
        rows, columns = np.nonzero(self._room > reach * self._scale)
        if not len(rows):
            return None
        chosen = rng.integers(len(rows))
        return np.array([columns[chosen], rows[chosen]], dtype=float)

    def _note(self, kind: Kind, body: _Body, radius: float, variety: str | None = None) -> None:
        # The next one keeps its distance from this one's middle.
        self._room[body.patch.window] = 0
        if body.seen:
            thing = SyntheticObject(kind, body.centre, radius * self._scale, body.box, body.whole, variety)
            self.truth.append(thing)


def _box(mask: Mask) -> Box:
    left, top, width, height = cv2.boundingRect(mask.astype(np.uint8)) if mask.size else (0, 0, 0, 0)
    return left, top, width, height


def _cut_view(width: int, height: int, eyepiece: float | None) -> Mask:
    if eyepiece is None:
        return np.ones((height, width), bool)
    y, x = np.ogrid[:height, :width]
    from_middle = np.hypot(x - (width - 1) / 2, y - (height - 1) / 2)
    return np.asarray(from_middle <= eyepiece * min(width, height) / 2)


def _label(shape: tuple[int, ...], bodies: Sequence[_Body]) -> tuple[NDArray[np.int32], tuple[tuple[int, ...], ...]]:
    """Number the bodies' pixels from 1, the last on top; list for each the indices of those it shares pixels with."""
    labels = np.zeros(shape, np.int32)
    for label, body in enumerate(bodies, start=1):
        labels[body.patch.window][body.mask] = label
    boxes = np.array([body.box for body in bodies]).reshape(-1, 4)
    first, last = boxes[:, :2], boxes[:, :2] + boxes[:, 2:]
    near = ((first[:, None] < last) & (first < last[:, None])).all(axis=-1)
    sharing: list[list[int]] = [[] for _ in bodies]
    for one, other in np.argwhere(np.triu(near, 1)).tolist():
        if _share_pixels(bodies[one], bodies[other]):
            sharing[one].append(other)
            sharing[other].append(one)
    return labels, tuple(tuple(sorted(others)) for others in sharing)


def _share_pixels(one: _Body, other: _Body) -> bool:
    (rows, columns), (other_rows, other_columns) = one.patch.window, other.patch.window
    top, left = max(rows.start, other_rows.start), max(columns.start, other_columns.start)
    bottom, right = min(rows.stop, other_rows.stop), min(columns.stop, other_columns.stop)
    first = one.mask[top - rows.start : bottom - rows.start, left - columns.start : right - columns.start]
    second = other.mask[
        top - other_rows.start : bottom - other_rows.start, left - other_columns.start : right - other_columns.start
    ]
    return bool((first & second).any())


def _photograph(smear: Smear, uneven_light: float, defocus: float, view: Mask | None) -> NDArray[np.uint8]:
    """Light through the smear, blurred by the optics, unevenly lit, cut by the eyepiece, caught by a noisy sensor."""
    rng = smear.rng
    height, width = smear.absorbance.shape[:2]
    light = np.exp(-smear.absorbance) * smear.stain.background
    blur = np.hypot(rng.uniform(*BLUR), defocus) * smear.scale
    light = np.asarray(cv2.GaussianBlur(light, (0, 0), blur))
    y, x = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    off_x, off_y = rng.uniform(-0.5, 0.5, 2)
    falloff = ((x - off_x) ** 2 + (y - off_y) ** 2) / 2
    light *= 1 - rng.uniform(0.3, 1) * uneven_light * falloff[..., None]
    if view is not None:
        light *= cv2.GaussianBlur(view.astype(float), (0, 0), EYEPIECE_EDGE)[..., None]
    light += rng.normal(0, SENSOR_NOISE, light.shape)
    return np.clip(np.round(light), 0, 255).astype(np.uint8)
