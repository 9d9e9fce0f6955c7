"""Slides for panels, drawn with their truth; that takes a moment and runs in a process of its own."""

from typing import NamedTuple

from plasmoscope.reports.illustrations import encode_png
from plasmoscope.synthetic.rendering import render_field

MOST_PHOTOGRAPHS = 20
"""Of one drawn slide."""
# As ordinary photographs are: pixels, red cells, and the diameter of one in pixels.
_WIDTH, _HEIGHT, _CELLS, _DIAMETER = 1280, 960, 120, 66


class DrawnSlide(NamedTuple):
    """Photographs and their truth."""

    photographs: list[tuple[bytes, list[list[float]]]]
    """As PNG, each with x, y and radius in pixels of its infected cells."""
    percent: float
    """Infected cells of all whole ones, as they were drawn."""


def drawn_slide(seed: int, percent: float, photographs: int) -> DrawnSlide:
    """Draw a slide.

    Args:
        percent: the chance of each cell to be infected; what was drawn differs from it by chance.
        photographs: 1 to ``MOST_PHOTOGRAPHS``.
    """
    drawn, whole = [], 0
    for number in range(photographs):
        field = render_field(
            seed + number,
            _WIDTH,
            _HEIGHT,
            cells=_CELLS,
            parasitaemia=percent / 100,
            cell_diameter=_DIAMETER,
            overlap=0.1,
            white_cells=1,
            precipitate=1,
        )
        infected = [[*cell.centre, cell.radius] for cell in field.cells if cell.whole and cell.infected]
        whole += sum(cell.whole for cell in field.cells)
        drawn.append((encode_png(field.image), infected))
    return DrawnSlide(drawn, 100 * sum(len(cells) for _, cells in drawn) / whole)
