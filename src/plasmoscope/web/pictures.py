"""Pictures read and drawn, in a process of its own: each takes a moment, and much memory."""

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from plasmoscope.analysis.results import Cell
from plasmoscope.imaging.reading import read_image
from plasmoscope.reports.field_pictures import cell_crop
from plasmoscope.reports.illustrations import encode_jpeg, encode_png


def photograph_jpeg(photograph: Path, width: int) -> bytes:
    """The upright photograph as JPEG of at most this width."""
    return encode_jpeg(_pixels(photograph), width)


def cell_png(photograph: Path, cell: Cell) -> bytes:
    """One cell of a photograph, black outside its outline, as PNG."""
    return encode_png(cut_out(photograph, cell))


def cut_out(photograph: Path, cell: Cell) -> NDArray[np.uint8]:
    """One cell of a photograph, black outside its outline."""
    return cell_crop(_pixels(photograph), cell)


@lru_cache(maxsize=2)
def _pixels(photograph: Path) -> NDArray[np.uint8]:
    """The pixels of a photograph, kept for the next cell of it; its name is its content's hash, so it never changes."""
    return read_image(photograph)
