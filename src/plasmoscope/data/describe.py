"""What is in a data set: counts, dimensions, duplicates, unreadable files, and a picture of some cells."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from plasmoscope.data.nih import Cell, CellDataset
from plasmoscope.imaging.cells import decode_cells, read_cell, resize_cell
from plasmoscope.imaging.reading import ImageError
from plasmoscope.progress import Track, untracked

_TILE = 96  # pixels of a cell's side
_GRID_COLUMNS = 12  # cells side by side
_GRID_ROWS_PER_CLASS = 4  # of cells


@dataclass(frozen=True)
class Spread:
    """Smallest, mean, median and largest of a dimension, in pixels."""

    minimum: int
    mean: float
    median: float
    maximum: int


@dataclass(frozen=True)
class Description:
    """The facts that ``describe`` gathers."""

    cells: dict[str, int]
    patients: dict[str, int]
    cells_of_patient: dict[str, tuple[int, ...]]
    """Cells of each class of each patient."""
    unnamed: int
    """Cells whose names do not tell the patient."""
    width: Spread
    height: Spread
    duplicates: tuple[tuple[str, ...], ...]
    """Names of images with the same pixels."""
    unreadable: tuple[tuple[str, str], ...]
    """Names with the reason."""


def describe(dataset: CellDataset, track: Track = untracked) -> Description:
    """Open every image once and gather the facts."""
    classes = dataset.classes.names
    cells = {name: int((dataset.labels == label).sum()) for label, name in enumerate(classes)}
    per_patient: dict[str, Counter[int]] = defaultdict(Counter)
    for cell in dataset.cells:
        if cell.patient is not None:
            per_patient[cell.patient][cell.label] += 1
    sizes: list[tuple[int, int]] = []
    same: dict[bytes, list[str]] = defaultdict(list)
    unreadable = []
    inspected = decode_cells([cell.source for cell in dataset.cells], _inspect)
    for cell, seen in zip(dataset.cells, track(inspected, len(dataset), "Reading cells"), strict=True):
        if isinstance(seen, ImageError):
            unreadable.append((cell.source.name, str(seen)))
        else:
            size, digest = seen
            sizes.append(size)
            same[digest].append(cell.name)
    dimensions = np.array(sizes or [(0, 0)])
    return Description(
        cells=cells,
        patients={name: sum(counts[label] > 0 for counts in per_patient.values()) for label, name in enumerate(classes)}
        | {"all": len(per_patient)},
        cells_of_patient={
            patient: tuple(counts[label] for label in range(len(classes)))
            for patient, counts in sorted(per_patient.items())
        },
        unnamed=sum(cell.patient is None for cell in dataset.cells),
        width=_spread(dimensions[:, 1]),
        height=_spread(dimensions[:, 0]),
        duplicates=tuple(tuple(names) for names in same.values() if len(names) > 1),
        unreadable=tuple(unreadable),
    )


def write_sample_grid(dataset: CellDataset, file: Path, seed: int = 0) -> None:
    """A picture of cells drawn at random, a band for each class in their order, at one common size."""
    rng = np.random.default_rng(seed)
    bands = [
        _band([dataset.cells[i] for i in rng.permutation(np.flatnonzero(dataset.labels == label))])
        for label in range(len(dataset.classes.names))
    ]
    gap = np.full((8, bands[0].shape[1], 3), 255, np.uint8)
    Image.fromarray(np.vstack([bands[0], *(part for band in bands[1:] for part in (gap, band))])).save(file)


def _inspect(image: NDArray[np.uint8]) -> tuple[tuple[int, int], bytes]:
    """Height and width, and a hash of the pixels."""
    return (image.shape[0], image.shape[1]), hashlib.sha256(image.tobytes() + bytes(str(image.shape), "ascii")).digest()


def _spread(values: NDArray[np.int64]) -> Spread:
    return Spread(int(values.min()), float(values.mean()), float(np.median(values)), int(values.max()))


def _band(cells: Sequence[Cell]) -> NDArray[np.uint8]:
    band = np.zeros((_GRID_ROWS_PER_CLASS * _TILE, _GRID_COLUMNS * _TILE, 3), np.uint8)
    place = 0
    for cell in cells:
        if place == _GRID_ROWS_PER_CLASS * _GRID_COLUMNS:
            break
        try:
            tile = resize_cell(read_cell(cell.source.read()), _TILE)
        except ImageError:
            continue
        row, column = divmod(place, _GRID_COLUMNS)
        band[row * _TILE : (row + 1) * _TILE, column * _TILE : (column + 1) * _TILE] = tile
        place += 1
    return band
