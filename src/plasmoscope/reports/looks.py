"""What each object of a field is called, and how it is drawn, the same in every picture and every file."""

from typing import NamedTuple

from plasmoscope.analysis.results import Cell
from plasmoscope.reports.pictures import NOT_TOLD_COLOUR, PARASITIZED_COLOUR, UNINFECTED_COLOUR, Colour

# The rest of Okabe & Ito's palette that shows on a stained smear.
_WHITE_CELL: Colour = (0, 158, 115)
_PLATELET: Colour = (204, 121, 167)
_PRECIPITATE: Colour = (240, 228, 66)
_GREY: Colour = (96, 96, 96)


class Look(NamedTuple):
    """How one sort of object is drawn; colour never stands alone."""

    name: str
    colour: Colour
    weight: float
    """Of the line, as a share of a red cell's diameter."""
    dashed: bool = False
    letter: str = ""
    """Stands beside the object in place of a number."""


PARASITIZED = Look("parasitized", PARASITIZED_COLOUR, 0.045)
UNINFECTED = Look("uninfected", UNINFECTED_COLOUR, 0.016)
NOT_CALLED = Look("red cell", _GREY, 0.016)
CUT_BY_BORDER = Look("cut by the border, not counted", _GREY, 0.025, dashed=True)
_OTHERS = {
    "white_cell": Look("white cell", _WHITE_CELL, 0.03, letter="W"),
    "platelet": Look("platelet", _PLATELET, 0.03, letter="P"),
    "precipitate": Look("stain precipitate", _PRECIPITATE, 0.03, letter="S"),
    "not_a_cell": Look("not a red cell, or cannot tell", NOT_TOLD_COLOUR, 0.03, dashed=True, letter="?"),
}

# Every call that ``call_of`` can give, in the order of legends and of COCO's categories.
CALLS = (PARASITIZED, UNINFECTED, NOT_CALLED, *_OTHERS.values())
LEGEND = (PARASITIZED, UNINFECTED, NOT_CALLED, CUT_BY_BORDER, *_OTHERS.values())


def call_of(cell: Cell) -> Look:
    """What the object was called, wherever it lies."""
    if cell.kind != "red_cell":
        return _OTHERS[cell.kind]
    if cell.parasitized is None:
        return NOT_CALLED
    return PARASITIZED if cell.parasitized else UNINFECTED


def look_of(cell: Cell) -> Look:
    """How the object is drawn: by its call, but grey and dashed where the border leaves it out of the count."""
    return CUT_BY_BORDER if cell.kind == "red_cell" and cell.on_border else call_of(cell)


def title_of(cell: Cell) -> str:
    """Number, call and probability, such as ``0012 parasitized 0.98``."""
    probability = "" if cell.parasitized_probability is None else f" {cell.parasitized_probability:.2f}"
    return f"{cell.number:04d} {look_of(cell).name}{probability}"
