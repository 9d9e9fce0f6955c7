"""Training cells that the NIH set lacks: other stains, look-alikes, and what is no red cell at all.

All are found and cut out by the field reader and referred to their own field, as cells are in use.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from plasmoscope.data.cache import decoded_cells
from plasmoscope.data.nih import CellDataset
from plasmoscope.files import whole_file
from plasmoscope.imaging.cells import blacken_outside, cut_cell, lit, resize_cell
from plasmoscope.imaging.reading import read_image
from plasmoscope.imaging.smear_reference import smear_references
from plasmoscope.imaging.stain_reference import STANDARD, Reference, absorbance, colour_of, refer
from plasmoscope.labels import NOT_A_CELL, PARASITIZED, UNINFECTED
from plasmoscope.progress import Track, untracked
from plasmoscope.segmentation.field_reference import cut_referred, references
from plasmoscope.segmentation.segment import segment_field
from plasmoscope.segmentation.vocabulary import Tissue
from plasmoscope.training.fields.composites import Stock, compose
from plasmoscope.training.fields.cutouts import red_cells
from plasmoscope.training.fields.elsewhere import something_else
from plasmoscope.training.fields.labelled import cutouts_of, read_boxed_fields
from plasmoscope.training.fields.late_stages import late_stage
from plasmoscope.training.fields.sources import photographs
from plasmoscope.training.recipe import OtherCells

Pixels = NDArray[np.uint8]
Rng = np.random.Generator
Labelled = tuple[Pixels, int]

# Raise this when what is made changes.
_FORMAT = 4
# Side of a composed scene, which holds some twenty cells of the largest size.
_SCENE = 384
# Pixels, and standard deviation over a diameter: what lies beyond shows no ring.
_LEAST_DIAMETER, _MOST_BLUR = 18.0, 0.045
# NIH cells that scenes are composed of.
_STOCK = 5_000
# NIH cells whose parasites are laid into others.
_GIVERS = 4_000
# Share of a red cell's area: smaller specks are not cut out as "no cell". Set by hand.
_LEAST_AREA = 0.05
# A picture that shows one cell on its background: so many hundredths of its pixels are darker than that.
_CLEAR_PERCENTILE = 92
# Absorbance in green above its cell's from which a pixel is of a parasite. Set by hand.
_STAINED = 0.07
# Share of a cell's pixels.
_LEAST_PARASITE, _MOST_PARASITE = 0.003, 0.6


@dataclass(frozen=True)
class Cells:
    """Cells ready for training."""

    pixels: Pixels
    """RGB on black, shape (n, size, size, 3)."""
    labels: NDArray[np.int64]
    """``PARASITIZED``, ``UNINFECTED`` or ``NOT_A_CELL``, shape (n,)."""


@dataclass(frozen=True)
class Maker:
    """Makes the cells that a recipe asks for."""

    folder: Path
    """That the sources' paths are below."""
    dataset: CellDataset
    members: NDArray[np.int64]
    """The NIH cells that parasites are taken from and scenes are composed of."""
    size: int
    """Side of the squares in pixels."""
    aside: bool
    """Whether to make the part kept for validation instead of the other."""
    cache_folder: Path
    track: Track = untracked

    def make(self, sources: Sequence[OtherCells]) -> Cells:
        """All of them, or what an earlier run kept."""
        made = [self._kept(source) for source in sources]
        nothing = Cells(np.empty((0, self.size, self.size, 3), np.uint8), np.empty(0, np.int64))
        return Cells(
            np.concatenate([nothing.pixels, *(cells.pixels for cells in made)]),
            np.concatenate([nothing.labels, *(cells.labels for cells in made)]),
        )

    def photographs(self, source: OtherCells) -> list[Path]:
        """The files of a source, of the part that is made."""
        return photographs(self.folder / source.path, source.aside, self.aside)

    def healthy(self, file: Path) -> Iterator[Labelled]:
        """The cells of one field without parasites, and what is no cell, labelled."""
        return _healthy(read_image(file), self.size)

    def _kept(self, source: OtherCells) -> Cells:
        # Whose parasites are taken goes by the labels, which a review may have changed.
        reviewed = "" if self.dataset.label_set == "original" else self.dataset.label_set
        taken = "" if source.kind in ("healthy_fields", "infected_crops") else f"{self.members.tolist()}{reviewed}"
        what = f"{_FORMAT} {source} {self.folder} {self.size} {self.aside} {self.dataset.fingerprint} {taken}"
        file = self.cache_folder / f"other-{source.kind}-{hashlib.sha256(what.encode()).hexdigest()[:16]}.npz"
        if not file.exists():
            self.cache_folder.mkdir(parents=True, exist_ok=True)
            cells = list(self._draw(source, np.random.default_rng(int(self.aside))))
            chosen = np.random.default_rng(0).permutation(len(cells))[: source.most(self.aside)]
            pixels = np.stack([cells[index][0] for index in chosen])
            labels = np.array([cells[index][1] for index in chosen], np.int64)
            with whole_file(file) as unfinished, unfinished.open("wb") as stream:
                np.savez(stream, pixels=pixels, labels=labels)
        with np.load(file, allow_pickle=False) as stored:
            return Cells(stored["pixels"], stored["labels"])

    def _draw(self, source: OtherCells, rng: Rng) -> Iterator[Labelled]:
        match source.kind:
            case "healthy_fields":
                files = self.photographs(source)
                for file in self.track(files, len(files), f"Cutting the cells of {source.path}"):
                    yield from self.healthy(file)
            case "infected_crops":
                yield from _infected_crops([read_image(file) for file in self.photographs(source)], self.size)
            case "composed":
                yield from self._composed(source, rng)
            case "transplants":
                yield from self._transplants(source, rng)
            case "filled":
                hosts = self._hosts(source)
                for _ in range(source.most(self.aside)):
                    yield _filled(rng, hosts[int(rng.integers(len(hosts)))]), PARASITIZED
            case "no_cells":
                yield from self._no_cells(source, rng)

    def _composed(self, source: OtherCells, rng: Rng) -> Iterator[Labelled]:
        boxed = list(read_boxed_fields(self.folder / source.path, self.aside))
        chosen = sorted(rng.choice(self.members, min(_STOCK, len(self.members)), replace=False).tolist())
        groups = [group for group in red_cells(self.dataset, chosen, self.cache_folder, self.track).values() if group]
        stock = Stock(groups, cutouts_of(boxed, Tissue.WHITE_CELL), cutouts_of(boxed, Tissue.PLATELET))
        made = 0
        while made < source.most(self.aside):
            for cell in _of_scene(rng, stock, self.size):
                yield cell
                made += 1

    def _hosts(self, source: OtherCells) -> Pixels:
        """Healthy cells of the other sources."""
        cells = [self._kept(host) for host in source.hosts]
        return np.concatenate([one.pixels[one.labels == UNINFECTED] for one in cells])

    def _transplants(self, source: OtherCells, rng: Rng) -> Iterator[Labelled]:
        hosts = self._hosts(source)
        infected = [index for index in self.members if self.dataset.labels[index] == PARASITIZED]
        givers = self._referred(rng.choice(infected, min(_GIVERS, len(infected)), replace=False))
        parasites = [parasite for cell in givers if (parasite := _parasite(cell)) is not None]
        for _ in range(source.most(self.aside)):
            host = hosts[int(rng.integers(len(hosts)))]
            yield _transplant(rng, host, parasites[int(rng.integers(len(parasites)))]), PARASITIZED

    def _referred(self, members: NDArray[np.int64]) -> Pixels:
        """Cells of the data set, their colours referred to their patients."""
        pixels = decoded_cells(self.dataset, self.size, self.cache_folder, self.track)
        own = smear_references(pixels, self.dataset.patients)
        known = [index for index in members.tolist() if self.dataset.patients[index] in own]
        return np.stack([refer(pixels[index], own[self.dataset.patients[index]]) for index in known])

    def _no_cells(self, source: OtherCells, rng: Rng) -> Iterator[Labelled]:
        hosts = self._hosts(source)
        for number in range(source.most(self.aside)):
            yield no_cell(rng, hosts, number % 2 == 0), NOT_A_CELL


def no_cell(rng: Rng, hosts: Pixels, doublet: bool) -> Pixels:
    """A picture of no single red cell: two as one, or something drawn.

    Args:
        rng: what all chance comes from.
        hosts: red cells, shape (n, size, size, 3).
        doublet: two of them as one.

    Returns:
        RGB, shape (size, size, 3).
    """
    size = hosts.shape[1]
    if doublet:
        first, second = hosts[rng.integers(len(hosts), size=2)]
        return _doublet(rng, first, second, size)
    scene = something_else(rng, 128).image
    return resize_cell(_blackened(rng, scene) if rng.random() < 0.8 else scene, size)


def _healthy(image: Pixels, size: int) -> Iterator[Labelled]:
    """Every whole red cell of a field without parasites as uninfected; all else that was found as no cell."""
    segmentation = segment_field(image)
    whole = [found for found in segmentation.objects if not found.on_border]
    reds = [found for found in whole if found.kind == "red_cell"]
    if not reds:
        return
    crops = [cut_cell(image, red.outline) for red in reds]
    own = references(segmentation, reds, crops)
    for crop, one in zip(crops, own, strict=True):
        yield resize_cell(refer(crop, one), size), UNINFECTED
    # What is no red cell is told against the field as a whole.
    typical = Reference.of(*(np.median(colours, axis=0) for colours in zip(*map(astuple, own), strict=True)))
    least = _LEAST_AREA * np.median([found.area for found in reds])
    for found in whole:
        if found.kind != "red_cell" and found.area > least:
            yield resize_cell(refer(cut_cell(image, found.outline), typical), size), NOT_A_CELL


def _infected_crops(images: Sequence[Pixels], size: int) -> Iterator[Labelled]:
    """Pictures of one infected cell each, its background kept; all of one laboratory, whose cells are its reference."""
    cells, backgrounds = [], []
    for image in images:
        segmentation = segment_field(image)
        middle = np.array(image.shape[1::-1]) / 2
        reds = [found for found in segmentation.objects if found.kind == "red_cell"]
        if reds:
            nearest = min(reds, key=lambda found: float(np.hypot(*(found.outline.mean(axis=0) - middle))))
            cells.append(cut_cell(image, nearest.outline))
            backgrounds.append(np.percentile(image.reshape(-1, 3), _CLEAR_PERCENTILE, axis=0))
    colours = [colour_of(cell) for cell in cells]
    taken = np.median(
        [absorbance(colour, light) for colour, light in zip(colours, backgrounds, strict=True) if colour is not None],
        axis=0,
    )
    for cell, light in zip(cells, backgrounds, strict=True):
        own = Reference.of(light, (light + 1) * np.exp(-taken) - 1)
        yield resize_cell(refer(cell, own), size), PARASITIZED


def _of_scene(rng: Rng, stock: Stock, size: int) -> Iterator[Labelled]:
    """The cells that the field reader finds in a composed scene, called as the truth has them."""
    scene = compose(rng, stock, _SCENE)
    segmentation = segment_field(scene.image)
    reds = [found for found in segmentation.objects if found.kind == "red_cell" and not found.on_border]
    truth = [thing for thing in scene.objects if thing.tissue is Tissue.RED_CELL]
    if not truth or (segmentation.diameter or 0) < _LEAST_DIAMETER or (scene.blur or 0) > _MOST_BLUR:
        return
    middles = np.array([thing.outline.mean(axis=0) for thing in truth])
    for found, cell in zip(reds, cut_referred(scene.image, segmentation, reds, STANDARD), strict=True):
        inside = [
            index
            for index, (x, y) in enumerate(middles.tolist())
            if cv2.pointPolygonTest(found.outline.astype(np.float32), (x, y), False) >= 0
        ]
        # What holds no cell's middle, or several, is not certain.
        if len(inside) != 1:
            continue
        ready = resize_cell(cell, size)
        if not truth[inside[0]].infected:
            yield ready, UNINFECTED
        # A camera may have wiped out what was laid there.
        elif _parasite(ready) is not None:
            yield ready, PARASITIZED


@dataclass(frozen=True)
class _Parasite:
    absorbance: NDArray[np.float32]
    """Above its cell's own, shape (size, size, 3)."""
    centre: tuple[float, float]
    """x and y in pixels."""
    radius: float
    """Of the circle of equal area, in pixels."""


def _parasite(cell: Pixels) -> _Parasite | None:
    """What a cell's parasite absorbs beyond the cell; None where no part stands out."""
    inside = cv2.erode(lit(cell).astype(np.uint8), np.ones((7, 7), np.uint8), borderValue=0)
    if not inside.any():
        return None
    taken = _taken(cell)
    own = np.median(taken[inside > 0], axis=0)
    beyond = taken - own
    density = cv2.GaussianBlur(beyond[:, :, 1], (0, 0), 1.2)
    stained = ((density > _STAINED) & (inside > 0)).astype(np.uint8)
    share = stained.sum() / inside.sum()
    if not _LEAST_PARASITE < share < _MOST_PARASITE:
        return None
    # The vacuole inside a ring belongs to it.
    soft = cv2.GaussianBlur(cv2.morphologyEx(stained, cv2.MORPH_CLOSE, _disc(4)).astype(np.float32), (0, 0), 1.5)
    y, x = np.argwhere(stained).mean(axis=0).tolist()
    radius = float(np.sqrt(stained.sum() / np.pi))
    return _Parasite((beyond * np.minimum(1, 1.3 * soft)[:, :, None]).astype(np.float32), (x, y), radius)


def _transplant(rng: Rng, host: Pixels, parasite: _Parasite) -> Pixels:
    """A parasite laid into another laboratory's cell: turned, of another size, place, depth and sharpness."""
    size = host.shape[0]
    inside = lit(host)
    scale = float(np.exp(rng.normal(0.05, 0.25)))
    moved = cv2.getRotationMatrix2D(parasite.centre, rng.uniform(0, 360), scale)
    moved[:, 2] = moved[:, 2] + _place(rng, inside, 0.7 * scale * parasite.radius) - parasite.centre
    laid = cv2.warpAffine(parasite.absorbance, moved, (size, size), flags=cv2.INTER_LINEAR)
    laid = _softened(rng, laid)
    strength = np.exp(rng.normal(0, 0.2) + rng.normal(0, 0.12, 3))
    return _with(host, np.asarray(laid * strength, np.float32))


def _filled(rng: Rng, host: Pixels) -> Pixels:
    """Another laboratory's cell with a drawn trophozoite, schizont or gametocyte that fills much of it."""
    return _with(host, _softened(rng, late_stage(rng, lit(host).astype(np.float32), float(host.shape[0]))))


def _softened(rng: Rng, laid: NDArray[Any]) -> NDArray[Any]:
    """Half of what is laid into cells, less sharp, as other microscopes would show it."""
    return cv2.GaussianBlur(laid, (0, 0), rng.uniform(0.4, 1.6)) if rng.random() < 0.5 else laid


def _with(host: Pixels, absorbed: NDArray[np.floating[Any]]) -> Pixels:
    """A cell with something in it that absorbs so much more, shape (size, size, 3)."""
    pixels = np.exp(-_taken(host) - absorbed) * (np.array(STANDARD.background) + 1) - 1
    return blacken_outside(np.clip(np.rint(pixels), 0, 255).astype(np.uint8), lit(host))


def _place(rng: Rng, inside: NDArray[np.bool_], radius: float) -> NDArray[np.float64]:
    """A point (x, y) in a cell that lies so far from its edge; its innermost one where none does."""
    depth = cv2.distanceTransform(np.pad(inside.astype(np.uint8), 1), cv2.DIST_L2, 3)[1:-1, 1:-1]
    deep = np.argwhere(depth >= min(radius, float(depth.max())))
    return np.asarray(deep[int(rng.integers(len(deep)))][::-1], np.float64)


def _taken(cell: Pixels) -> NDArray[np.float64]:
    return absorbance(cell.astype(np.float64), np.array(STANDARD.background))


def _doublet(rng: Rng, first: Pixels, second: Pixels, size: int) -> Pixels:
    """Two cells that were outlined as one."""
    apart = int(size * rng.uniform(0.55, 0.95))
    wide = np.zeros((size, size + apart, 3), np.uint8)
    wide[:, :size] = first
    other = second[:, ::-1]
    wide[:, apart:][lit(other)] = other[lit(other)]
    turned = cv2.getRotationMatrix2D((wide.shape[1] / 2, size / 2), rng.uniform(0, 360), 1.0)
    side = wide.shape[1]
    turned[1, 2] += (side - size) / 2
    whole = np.asarray(cv2.warpAffine(wide, turned, (side, side), flags=cv2.INTER_LINEAR), np.uint8)
    rows, columns = np.nonzero(lit(whole))
    if not len(rows):
        return first
    tight = whole[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    return resize_cell(np.ascontiguousarray(tight), size)


def _blackened(rng: Rng, picture: Pixels) -> Pixels:
    """A picture as if it had been outlined as a cell."""
    side = picture.shape[0]
    inside = np.zeros((side, side), np.uint8)
    axes = (int(side / 2 * rng.uniform(0.8, 1)), int(side / 2 * rng.uniform(0.8, 1)))
    cv2.ellipse(inside, (side // 2, side // 2), axes, rng.uniform(0, 180), 0, 360, 1, -1)
    return blacken_outside(picture, inside > 0)


def _disc(reach: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1)), np.uint8)
