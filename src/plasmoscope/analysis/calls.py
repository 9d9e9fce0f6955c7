"""Every call of an object, in one table: what it is called in files and to people, and how it is drawn.

Reports, files for other programs and pages read it alike. The rows of what is no red cell stand with the kinds
themselves, in ``plasmoscope.segmentation.vocabulary``.
"""

from plasmoscope.analysis.results import Cell
from plasmoscope.messages import mark
from plasmoscope.segmentation.vocabulary import OBJECTS, Call, Colour

_GREY: Colour = (96, 96, 96)  # of what is not counted


INFECTED = Call("infected", "parasitized", mark("infected"), (213, 94, 0), 0.045, category="parasitized_red_cell")
UNINFECTED = Call("uninfected", "uninfected", mark("uninfected"), (0, 114, 178), 0.016, category="uninfected_red_cell")
NOT_CALLED = Call("not called", "red cell", mark("red cell, not called"), _GREY, 0.016, category="red_cell")
CUT_BY_BORDER = Call(
    "cut", "cut by the border, not counted", mark("cut by the border, not counted"), _GREY, 0.025, dashes=(7, 5)
)
NOT_A_CELL = Call("not_a_cell", "not a cell", mark("not a cell"), _GREY, 0.02, dashes=(1.5, 5))
"""What a person called so; the model's word for it is ``NOT_TOLD``."""

UNCERTAIN = Call("uncertain", "cannot tell", mark("cannot tell"), (86, 180, 233), 0.03, dashes=(1.5, 5))
"""What a person called so; what the model is uncertain of is ``NOT_TOLD``."""
BY_PROGRAM = Call("program", "as the program called it", mark("as the program called it"), _GREY, 0)
"""A person took their own call back; nothing is drawn so."""

NOT_TOLD = OBJECTS["not_a_cell"]

LEGEND = (INFECTED, UNINFECTED, NOT_CALLED, CUT_BY_BORDER, *OBJECTS.values())
"""How the objects of a report are drawn, what matters most first."""
CATEGORIES = {call: number for number, call in enumerate((one for one in LEGEND if one.category), start=1)}
"""Every call that ``call_of`` can give, with its number in COCO files."""
OTHER_OBJECTS = {kind: call for kind, call in OBJECTS.items() if call.plural}
"""What is counted beside the red cells, by its kind."""
CALLS = {call.code: call for call in (*LEGEND, NOT_A_CELL, UNCERTAIN, BY_PROGRAM)}
"""Every row, by its code."""


def call_of(cell: Cell) -> Call:
    """What the object was called, wherever it lies."""
    if cell.kind != "red_cell":
        return OBJECTS[cell.kind]
    if cell.parasitized is None:
        return NOT_CALLED
    return INFECTED if cell.parasitized else UNINFECTED


def drawn_as(cell: Cell) -> Call:
    """How the object is drawn: by its call, but grey and dashed where the border leaves it out of the count."""
    return CUT_BY_BORDER if cell.kind == "red_cell" and cell.on_border else call_of(cell)


def title_of(cell: Cell) -> str:
    """Number, call and probability, such as ``0012 parasitized 0.98``."""
    probability = "" if cell.parasitized_probability is None else f" {cell.parasitized_probability:.2f}"
    return f"{cell.number:04d} {drawn_as(cell).name}{probability}"
