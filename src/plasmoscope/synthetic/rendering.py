"""Draws a synthetic Giemsa-stained thin blood smear, and says exactly what is in it.

The picture is made as the microscope makes it. Light of the background's colour passes through the smear; everything
lying there adds to the smear's absorbance, channel by channel (Beer and Lambert); the objective blurs what comes
through, and the sensor adds noise. Shapes are drawn in micrometres, so that one set of sizes serves every
magnification. The colours were measured on segmented cells of the public NIH data set.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
# Absorbance in red, green and blue: ``a`` lets exp(-a) of the light through.
Absorbance = tuple[float, float, float]
# The least and the greatest value to draw from.
Range = tuple[float, float]


@dataclass(frozen=True)
class Stain:
    """The colours of one smear: how the stain was mixed and how well it was washed."""

    background: tuple[float, float, float]  # the clear field, RGB
    red_cell: Absorbance
    # These come on top of the red cell's own absorbance.
    cytoplasm: Absorbance
    chromatin: Absorbance
    pigment: Absorbance
    platelet: Absorbance


# The looks of the NIH data: salmon-pink cells; the deep rose of a strong stain; the lilac of an alkaline one.
PINK = Stain(
    background=(230, 211, 199),
    red_cell=(0.13, 0.36, 0.27),
    cytoplasm=(0.16, 0.42, 0.10),
    chromatin=(0.28, 1.60, 0.28),
    pigment=(1.00, 1.30, 1.30),
    platelet=(0.36, 0.75, 0.16),
)
ROSE = replace(PINK, background=(228, 206, 205), red_cell=(0.20, 0.53, 0.35))
LILAC = Stain(
    background=(209, 210, 210),
    red_cell=(0.22, 0.28, 0.14),
    cytoplasm=(0.20, 0.36, 0.07),
    chromatin=(0.30, 1.40, 0.16),
    pigment=(1.00, 1.20, 1.20),
    platelet=(0.36, 0.70, 0.12),
)
STAIN_SHARES = {PINK: 0.45, ROSE: 0.15, LILAC: 0.4}
# How far fields, and cells within one, differ in depth of stain (1 is the stain as given), and fields in tint.
FIELD_DEPTH: Range = (0.85, 1.25)
CELL_DEPTH: Range = (0.88, 1.12)
FIELD_TINT: Range = (0.92, 1.08)
FIELD_BRIGHTNESS: Range = (0.95, 1.05)

# Diameters and lengths in micrometres.
RED_CELL = 7.5
RING: Range = (1.5, 2.5)
RING_WALL: Range = (0.2, 0.4)
CHROMATIN_LENGTH: Range = (0.6, 1.3)
CHROMATIN_WIDTH: Range = (0.45, 0.65)
TROPHOZOITE: Range = (2.8, 4.2)
TROPHOZOITE_CHROMATIN: Range = (0.8, 1.3)
PIGMENT_SPECK: Range = (0.18, 0.35)
PLATELET: Range = (2.0, 3.0)
RIM_WIDTH = 0.45
GRAIN = 0.15  # of a platelet or a trophozoite
MOTTLING_GRAIN = 0.35  # of a red cell
GAP = 0.3  # the least between two cells
EDGE = 0.12  # over which an object's edge fades
BLUR: Range = (0.07, 0.13)  # of the objective and the focus; the standard deviation of a Gaussian

# How often, or how many.
TROPHOZOITE_SHARE = 0.2  # of infected cells
SECOND_RING_SHARE = 0.15  # of cells with a ring
SECOND_DOT_SHARE = 0.3  # of rings
PLATELET_ON_CELL_SHARE = 0.01  # of uninfected cells
FREE_PLATELETS = 3.0  # of a field, on average
PIGMENT_SPECKS = (6, 14)

# Strengths, as shares of 1.
SIZE_SPREAD = 0.05  # standard deviation of the red cells' diameters
ELLIPTICITY = 0.08
WOBBLE = 0.025
PALLOR: Range = (0.05, 0.40)  # of the thickness, missing at the centre; each field has its own
MOTTLING = 0.02
UNEVEN_LIGHT = 0.08
SENSOR_NOISE = 1.3  # grey levels of 255

# Of a cell's mean diameter: how far beyond the border a cell's centre may lie.
OVERHANG = 0.25
RELAXATION_STEPS = 1000


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
    """Whether the cell lies within the field, away from its border."""


@dataclass(frozen=True)
class SyntheticField:
    """A field of view and its truth."""

    image: NDArray[np.uint8]
    """RGB, shape (height, width, 3)."""
    cell_labels: NDArray[np.int32]
    """Shape (height, width): 0 for background, i + 1 for ``cells[i]``."""
    cells: tuple[SyntheticCell, ...]
    platelets: tuple[tuple[float, float], ...]
    """Centres, x and y in pixels, of the platelets that lie between cells."""


def render_field(
    seed: int,
    width: int = 960,
    height: int = 720,
    cells: int = 60,
    parasitaemia: float = 0.2,
    cell_diameter: float = 90.0,
) -> SyntheticField:
    """Draw a field of view; the same arguments give the same field.

    Args:
        seed: what all chance in the field comes from.
        width: of the image in pixels.
        height: of the image in pixels.
        cells: number of red cells, those cut by the border included. No two overlap.
        parasitaemia: the chance of each cell to be infected. Above 0, at least one whole cell is infected.
        cell_diameter: mean diameter of the red cells in pixels.

    Raises:
        ValueError: where parasitaemia is not a share of 1, or the cells do not fit into the field.
    """
    if not 0 <= parasitaemia <= 1:
        raise ValueError(f"parasitaemia is a share from 0 to 1, not {parasitaemia}")
    rng = np.random.default_rng(seed)
    scale = cell_diameter / RED_CELL
    outlines = [_draw_red_cell_outline(rng) for _ in range(cells)]
    centres = _place_apart(rng, np.array([o.reach + GAP / 2 for o in outlines]) * scale, width, height, cell_diameter)
    patches = [
        _cut_patch((height, width), centre, outline.reach, scale)
        for centre, outline in zip(centres, outlines, strict=True)
    ]
    labels = np.zeros((height, width), np.int32)
    for label, (patch, outline) in enumerate(zip(patches, outlines, strict=True), start=1):
        labels[patch.window][outline.ratio(patch.x, patch.y) <= 1] = label
    whole = ~np.isin(np.arange(1, cells + 1), _labels_on_border(labels))
    infected = _draw_infected(rng, whole, parasitaemia)

    smear = _Smear(rng, np.zeros((height, width, 3)), scale, _draw_stain(rng), rng.uniform(*PALLOR))
    found = [
        _add_cell(smear, patch, outline, bool(is_infected))
        for patch, outline, is_infected in zip(patches, outlines, infected, strict=True)
    ]
    truth = tuple(
        SyntheticCell(
            centre=(float(centres[i, 0]), float(centres[i, 1])),
            radius=outlines[i].radius * scale,
            infected=bool(infected[i]),
            stage=found[i][0],
            platelet_on_cell=found[i][1],
            whole=bool(whole[i]),
        )
        for i in range(cells)
    )
    platelets = _add_free_platelets(smear, labels)
    return SyntheticField(_photograph(smear), labels, truth, platelets)


def crop_cell(field: SyntheticField, index: int) -> NDArray[np.uint8]:
    """Cut out one cell as the NIH data set's cells are: the bounding box, black outside the cell's outline.

    Raises:
        ValueError: where the border of the field cuts the cell.
    """
    if not field.cells[index].whole:
        raise ValueError(f"cell {index} is cut by the border of the field; crop only cells that are whole")
    mask = field.cell_labels == range(1, len(field.cells) + 1)[index]
    left, top, width, height = cv2.boundingRect(mask.astype(np.uint8))
    window = slice(top, top + height), slice(left, left + width)
    return np.where(mask[window][..., None], field.image[window], np.uint8(0))


class _Outline(NamedTuple):
    """A closed curve around the origin: a circle whose radius the angle's first harmonics change a little."""

    radius: float
    harmonics: Array  # 2, 3, 4...: the second makes an oval
    phases: Array

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
        return _inside((self.ratio(x, y) - 1) * self.radius)


class _Patch(NamedTuple):
    """A window of the field around a centre, with its pixels' places in micrometres from there."""

    window: tuple[slice, slice]
    x: Array
    y: Array


class _Smear(NamedTuple):
    """What is being drawn: the absorbance so far, and what all its cells share."""

    rng: np.random.Generator
    absorbance: Array
    scale: float  # pixels per micrometre
    stain: Stain
    pallor: float


class _Inclusion(NamedTuple):
    """What lies in or on a red cell."""

    absorbance: Array  # (height, width, 3): added
    cleared: Array  # (height, width): the share that is gone of the red cell's own


def _draw_outline(rng: np.random.Generator, diameter: float, ellipticity: float, wobble: float) -> _Outline:
    harmonics = np.array([ellipticity, wobble, wobble / 2, wobble / 3]) * rng.uniform(0.2, 1, 4)
    return _Outline(diameter / 2, harmonics, rng.uniform(0, 2 * np.pi, 4))


def _draw_red_cell_outline(rng: np.random.Generator) -> _Outline:
    diameter = RED_CELL * (1 + SIZE_SPREAD * float(np.clip(rng.normal(), -2, 2)))
    return _draw_outline(rng, diameter, ELLIPTICITY, WOBBLE)


def _place_apart(rng: np.random.Generator, reaches: Array, width: int, height: int, diameter: float) -> Array:
    """Centres of discs of these radii, no two of which overlap: strewn at random, then pushed apart.

    Strewing alone, as a Poisson-disc sampler does, fails for a field as crowded as a smear's. The discs are pushed
    about on a torus slightly larger than the field, so that none pile up along its border.
    """
    overhang = OVERHANG * diameter
    span = np.array([width, height]) + 2 * overhang
    centres = rng.random((len(reaches), 2)) * span
    needed = reaches[:, None] + reaches
    np.fill_diagonal(needed, 0)
    for _ in range(RELAXATION_STEPS):
        apart = centres[:, None] - centres
        apart -= span * np.round(apart / span)
        distance = np.hypot(apart[..., 0], apart[..., 1])
        overlap = needed - distance
        if not (overlap > 0).any():
            return centres - overhang
        # A little more than needed, or the last overlaps would shrink for ever without vanishing.
        push = np.where(overlap > 0, (overlap + 0.5) / 2 / np.maximum(distance, 1e-6), 0)
        centres = (centres + (apart * push[..., None]).sum(axis=1)) % span
    raise ValueError(
        f"{len(reaches)} cells of {diameter:g} pixels do not fit into {width} x {height} pixels; "
        "ask for fewer or smaller cells, or a larger field"
    )


def _labels_on_border(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    return np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])


def _draw_infected(rng: np.random.Generator, whole: NDArray[np.bool_], parasitaemia: float) -> NDArray[np.bool_]:
    infected = rng.random(len(whole)) < parasitaemia
    if parasitaemia > 0 and whole.any() and not infected[whole].any():
        infected[rng.choice(np.flatnonzero(whole))] = True
    return infected


def _draw_stain(rng: np.random.Generator) -> Stain:
    stain = list(STAIN_SHARES)[rng.choice(len(STAIN_SHARES), p=list(STAIN_SHARES.values()))]
    depth, brightness = rng.uniform(*FIELD_DEPTH), rng.uniform(*FIELD_BRIGHTNESS)
    red, green, blue = np.array(stain.red_cell) * depth * rng.uniform(*FIELD_TINT, 3)
    light_red, light_green, light_blue = np.array(stain.background) * brightness
    return replace(stain, background=(light_red, light_green, light_blue), red_cell=(red, green, blue))


def _cut_patch(shape: tuple[int, int], centre: Array, reach: float, scale: float) -> _Patch:
    first = np.maximum(np.floor(centre - reach * scale).astype(int), 0)
    last = np.minimum(np.ceil(centre + reach * scale).astype(int) + 1, shape[::-1])
    x, y = np.meshgrid(*((np.arange(first[i], last[i]) - centre[i]) / scale for i in (0, 1)))
    return _Patch((slice(first[1], last[1]), slice(first[0], last[0])), x, y)


def _inside(distance: Array) -> Array:
    """1 where the distance in micrometres from an edge is well below 0, 0 where it is above, fading in between."""
    return np.clip(0.5 - distance / EDGE, 0, 1)


def _draw_grains(smear: _Smear, shape: tuple[int, ...], size: float, strength: float) -> Array:
    """Smooth random factors around 1; `size` in micrometres is about that of a grain."""
    noise = cv2.GaussianBlur(smear.rng.normal(size=shape), (0, 0), size * smear.scale)
    return np.asarray(np.clip(1 + strength * noise / noise.std(), 0, None))


def _paint(cover: Array, absorbance: Absorbance | Array) -> Array:
    return np.asarray(cover[..., None] * np.asarray(absorbance))


def _add_cell(smear: _Smear, patch: _Patch, outline: _Outline, infected: bool) -> tuple[str | None, bool]:
    """Draw one red cell; return its parasite's stage, and whether a platelet lies on it."""
    rng = smear.rng
    stage, platelet = None, False
    inclusions: list[_Inclusion] = []
    if infected and rng.random() < TROPHOZOITE_SHARE:
        stage = "trophozoite"
        inclusions = [_draw_trophozoite(smear, patch, outline)]
    elif infected:
        stage = "ring"
        inclusions = [_draw_ring(smear, patch, outline) for _ in range(1 + (rng.random() < SECOND_RING_SHARE))]
    elif rng.random() < PLATELET_ON_CELL_SHARE:
        platelet = True
        inclusions = [_draw_platelet_on_cell(smear, patch, outline)]

    thickness = _draw_thickness(smear, patch, outline)
    for inclusion in inclusions:
        thickness *= 1 - inclusion.cleared
        smear.absorbance[patch.window] += inclusion.absorbance
    smear.absorbance[patch.window] += _paint(thickness * rng.uniform(*CELL_DEPTH), smear.stain.red_cell)
    return stage, platelet


def _draw_thickness(smear: _Smear, patch: _Patch, outline: _Outline) -> Array:
    """Draw a red cell's thickness, about 1: paler in the middle, deeper towards the rim, and rounded off there."""
    rng = smear.rng
    ratio = outline.ratio(patch.x, patch.y)
    off_x, off_y = rng.normal(0, 0.04 * outline.radius, 2)
    from_middle = outline.ratio(patch.x - off_x, patch.y - off_y) / rng.uniform(0.28, 0.42)
    pallor = smear.pallor * rng.uniform(0.4, 1.4) * np.exp(-(from_middle**3))
    from_rim = (1 - ratio) * outline.radius
    rounding = 0.65 + 0.35 * np.sin(np.clip(from_rim / RIM_WIDTH, 0, 1) * np.pi / 2)
    mottling = _draw_grains(smear, ratio.shape, MOTTLING_GRAIN, MOTTLING)
    return np.asarray(_inside(-from_rim) * rounding * (0.95 + 0.1 * ratio**2) * (1 - pallor) * mottling)


def _draw_place(rng: np.random.Generator, limit: float) -> Array:
    """Draw a place evenly from the disc of this radius around the origin."""
    angle, distance = rng.uniform(0, 2 * np.pi), limit * np.sqrt(rng.random())
    return np.array([distance * np.cos(angle), distance * np.sin(angle)])


def _move(patch: _Patch, origin: Array) -> tuple[Array, Array]:
    return patch.x - origin[0], patch.y - origin[1]


def _draw_ring(smear: _Smear, patch: _Patch, cell: _Outline) -> _Inclusion:
    """Draw a ring form: a thin ring of cytoplasm around a clear vacuole, set with one or two dots of chromatin."""
    rng, stain = smear.rng, smear.stain
    ring = _draw_outline(rng, rng.uniform(*RING), 0.12, 0.05)
    x, y = _move(patch, _draw_place(rng, 0.95 * cell.radius - ring.reach))
    ratio = ring.ratio(x, y)
    from_wall = (ratio - 1) * ring.radius
    first_dot = rng.uniform(0, 2 * np.pi)
    along = np.angle(np.exp(1j * (np.arctan2(y, x) - first_dot)))
    # A signet ring: the wall is thickest opposite the stone.
    wall_width = rng.uniform(*RING_WALL) * (0.8 - 0.4 * np.cos(along))
    wall = _inside(np.abs(from_wall) - wall_width / 2)
    absorbance = _paint(wall, np.array(stain.cytoplasm) * rng.uniform(0.5, 1.3))

    dots = [0.0] if rng.random() >= SECOND_DOT_SHARE else [0.0, rng.uniform(0.7, np.pi)]
    for dot in dots:
        to_dot = np.angle(np.exp(1j * (along - dot))) * ring.radius * np.minimum(ratio, 1.5)
        length, width = rng.uniform(*CHROMATIN_LENGTH), rng.uniform(*CHROMATIN_WIDTH)
        oval = np.hypot(to_dot / length, from_wall / width) * 2
        absorbance += _paint(_inside((oval - 1) * width / 2), np.array(stain.chromatin) * rng.uniform(0.7, 1.3))
    vacuole = _inside(from_wall) * rng.uniform(0.1, 0.5)
    return _Inclusion(absorbance, vacuole)


def _draw_trophozoite(smear: _Smear, patch: _Patch, cell: _Outline) -> _Inclusion:
    """Draw a late trophozoite: a large irregular body, its chromatin, and brown-black specks of pigment."""
    rng, stain = smear.rng, smear.stain
    body = _draw_outline(rng, rng.uniform(*TROPHOZOITE), 0.2, 0.12)
    x, y = _move(patch, _draw_place(rng, 0.95 * cell.radius - body.reach))
    cover = body.cover(x, y)
    grains = _draw_grains(smear, x.shape, GRAIN, 0.25)
    absorbance = _paint(cover * grains, np.array(stain.cytoplasm) * rng.uniform(1.0, 1.6))

    chromatin = _draw_outline(rng, rng.uniform(*TROPHOZOITE_CHROMATIN), 0.25, 0.1)
    at = _draw_place(rng, 0.7 * body.radius)
    absorbance += _paint(chromatin.cover(x - at[0], y - at[1]) * grains, np.array(stain.chromatin) * 0.8)

    clump = _draw_place(rng, 0.4 * body.radius)
    for _ in range(rng.integers(*PIGMENT_SPECKS, endpoint=True)):
        speck = clump + _draw_place(rng, 0.45 * body.radius)
        distance = np.hypot(x - speck[0], y - speck[1]) - rng.uniform(*PIGMENT_SPECK) / 2
        absorbance += _paint(_inside(distance), np.array(stain.pigment) * rng.uniform(0.4, 1.0))
    return _Inclusion(absorbance, cover * 0.4)


def _draw_platelet_outline(rng: np.random.Generator) -> _Outline:
    return _draw_outline(rng, rng.uniform(*PLATELET), 0.15, 0.06)


def _draw_platelet(smear: _Smear, x: Array, y: Array, outline: _Outline) -> Array:
    """Absorbance of a platelet: purple granules, crowded in the middle of a body that fades out."""
    ratio = outline.ratio(x, y)
    granules = _draw_grains(smear, x.shape, GRAIN, 0.3)
    return _paint(outline.cover(x, y) * np.exp(-((ratio / 0.8) ** 3)) * granules, smear.stain.platelet)


def _draw_platelet_on_cell(smear: _Smear, patch: _Patch, cell: _Outline) -> _Inclusion:
    """Draw a platelet that dried upon a red cell, in a pale halo where it holds the cell's surface away."""
    outline = _draw_platelet_outline(smear.rng)
    x, y = _move(patch, _draw_place(smear.rng, cell.radius - outline.radius))
    halo = 0.4 * np.exp(-((outline.ratio(x, y) / 1.3) ** 4))
    return _Inclusion(_draw_platelet(smear, x, y, outline), halo)


def _add_free_platelets(smear: _Smear, labels: NDArray[np.int32]) -> tuple[tuple[float, float], ...]:
    """Draw platelets into the gaps between cells, as far as there is room."""
    rng = smear.rng
    room = cv2.distanceTransform((labels == 0).astype(np.uint8), cv2.DIST_L2, 5)
    centres = []
    for _ in range(rng.poisson(FREE_PLATELETS)):
        outline = _draw_platelet_outline(rng)
        rows, columns = np.nonzero(room > outline.reach * smear.scale)
        if not len(rows):
            continue
        chosen = rng.integers(len(rows))
        centre = np.array([columns[chosen], rows[chosen]], dtype=float)
        patch = _cut_patch(labels.shape, centre, outline.reach, smear.scale)
        smear.absorbance[patch.window] += _draw_platelet(smear, patch.x, patch.y, outline)
        # The next one keeps its distance from this one's middle.
        room[patch.window] = 0
        centres.append((float(centre[0]), float(centre[1])))
    return tuple(centres)


def _photograph(smear: _Smear) -> NDArray[np.uint8]:
    """Light through the smear, blurred by the optics, unevenly lit and caught by a noisy sensor."""
    rng = smear.rng
    height, width = smear.absorbance.shape[:2]
    light = np.exp(-smear.absorbance) * smear.stain.background
    light = np.asarray(cv2.GaussianBlur(light, (0, 0), rng.uniform(*BLUR) * smear.scale))
    y, x = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    off_x, off_y = rng.uniform(-0.5, 0.5, 2)
    falloff = ((x - off_x) ** 2 + (y - off_y) ** 2) / 2
    light *= 1 - rng.uniform(0.3, 1) * UNEVEN_LIGHT * falloff[..., None]
    light += rng.normal(0, SENSOR_NOISE, light.shape)
    return np.clip(np.round(light), 0, 255).astype(np.uint8)
