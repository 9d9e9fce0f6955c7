"""Decoding every image once, so that no epoch ever waits for a decoder."""

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from plasmoscope.data.nih import CellDataset, DataError
from plasmoscope.files import remove_abandoned, whole_file
from plasmoscope.imaging.cells import decode_cells, resize_cell
from plasmoscope.imaging.reading import ImageError
from plasmoscope.progress import Track, untracked

# Raise this when reading or resizing changes what comes out.
_FORMAT = 3


def decoded_cells(dataset: CellDataset, size: int, cache_folder: Path, track: Track = untracked) -> NDArray[np.uint8]:
    """All cells of a data set as one array on disk, made on first use.

    Args:
        size: side of the squares in pixels.
        cache_folder: where the arrays are kept; made if absent.

    Returns:
        RGB, shape (n, size, size, 3), in the order of ``dataset.cells``.

    Raises:
        DataError: some images cannot be read; the message names the first and how many there are.
    """
    key = hashlib.sha256(f"{_FORMAT} {size} {dataset.fingerprint}".encode()).hexdigest()[:16]
    file = cache_folder / f"cells-{size}px-{key}.npy"
    if not file.exists():
        cache_folder.mkdir(parents=True, exist_ok=True)
        remove_abandoned(file)
        with whole_file(file) as unfinished:
            _fill(dataset, size, unfinished, track)
    # Copy on write: torch takes no read-only arrays, and the file must not change.
    return np.lib.format.open_memmap(file, "c")


def _fill(dataset: CellDataset, size: int, file: Path, track: Track) -> None:
    cells = np.lib.format.open_memmap(file, "w+", np.uint8, (len(dataset), size, size, 3))
    failures = []
    decoded = decode_cells([cell.source for cell in dataset.cells], lambda cell: resize_cell(cell, size))
    for index, cell in enumerate(track(decoded, len(dataset), f"Decoding cells at {size} px")):
        if isinstance(cell, ImageError):
            failures.append(f"{dataset.cells[index].source.name}: {cell}")
        else:
            cells[index] = cell
    cells.flush()
    # Windows removes no file that is still mapped.
    del cells
    if failures:
        raise DataError(
            f"{len(failures)} of {len(dataset)} images cannot be read, such as {failures[0]}. "
            "Replace or remove them; 'plasmoscope data describe' lists them all."
        )
