"""Pictures read and drawn, and found in the records, in a process of its own: each takes a moment, and much memory."""

from contextlib import closing
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from plasmoscope.analysis.results import Cell
from plasmoscope.imaging.reading import read_image
from plasmoscope.reports.field_pictures import cell_crop
from plasmoscope.reports.illustrations import encode_jpeg, encode_png
from plasmoscope.store import called
from plasmoscope.store.store import Store


def photograph_jpeg(photograph: Path, width: int) -> bytes:
    """The upright photograph as JPEG of at most this width."""
    return encode_jpeg(_pixels(photograph), width)


def cell_png(photograph: Path, cell: Cell) -> bytes:
    """One cell of a photograph, black outside its outline, as PNG."""
    return encode_png(cut_out(photograph, cell))


def cut_out(photograph: Path, cell: Cell) -> NDArray[np.uint8]:
    """One cell of a photograph, black outside its outline."""
    return cell_crop(_pixels(photograph), cell)


def called_cells(records: Path, database: str | None, slide_id: int) -> list[called.CalledCell]:
    """The cells of a slide called infected; ``records`` and ``database`` as for ``Store``."""
    with closing(Store(records, database)) as store, store.reading() as session:
        return called.called_cells(session, slide_id)


def possibly_infected_cells(records: Path, database: str | None, slide_id: int) -> list[called.CalledCell]:
    """The cells that are not called but deserve a look, and no person has called; arguments as for ``called_cells``."""
    with closing(Store(records, database)) as store, store.reading() as session:
        return called.possibly_infected_cells(session, slide_id)


def cells_not_told(records: Path, database: str | None, slide_id: int) -> list[called.CalledCell]:
    """What the model left out of a slide's count, and no person has called; arguments as for ``called_cells``."""
    with closing(Store(records, database)) as store, store.reading() as session:
        return called.cells_not_told(session, slide_id)


@lru_cache(maxsize=2)
def _pixels(photograph: Path) -> NDArray[np.uint8]:
    """The pixels of a photograph, kept for the next cell of it; its name is its content's hash, so it never changes."""
    return read_image(photograph)
