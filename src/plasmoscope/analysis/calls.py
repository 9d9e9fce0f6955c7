"""Every call of an object, in one table: what it is called in files and to people, and how it is drawn.

Reports, files for other programs and pages read it alike. An object of a new kind has its pixels and its kind in
``plasmoscope.segmentation.vocabulary``, and its row here.
"""

from dataclasses import dataclass

from plasmoscope.analysis.results import Cell
from plasmoscope.messages import mark

Colour = tuple[int, int, int]
"""Red, green and blue, 0 to 255."""

_GREY: Colour = (96, 96, 96)  # of what is not counted


@dataclass(frozen=True)
class Call:
    """One call; colour never stands alone in telling it."""

    code: str
    """In the records and for the pages."""
    name: str
    """In reports and files."""
    message: str
    """What the pages say, in English; their catalogues translate it."""
    colour: Colour
    """Okabe & Ito's palette: told apart with every common kind of colour vision."""
    weight: float
    """Of the line, as a share of a red cell's diameter."""
    dashes: tuple[float, float] | None = None
    """Line and gap of a dashed outline as SVG has them, in pixels of the screen; None for a whole one."""
    letter: str = ""
    """Stands beside the object in place of a number."""
    category: str = ""
    """COCO's; empty for what is drawn so but has another call."""
    supercategory: str = "red_cell"
    plural: str = ""
    """Column of ``fields.csv`` that counts them; empty for what other columns count."""

    @property
    def dashed(self) -> bool:
        """Whether the outline is drawn in dashes."""
        return self.dashes is not None

    @property
    def hex_colour(self) -> str:
        """The colour as the web writes it, such as ``#d55e00``."""
        return "#{:02x}{:02x}{:02x}".format(*self.colour)


INFECTED = Call("infected", "parasitized", mark("infected"), (213, 94, 0), 0.045, category="parasitized_red_cell")
UNINFECTED = Call("uninfected", "uninfected", mark("uninfected"), (0, 114, 178), 0.016, category="uninfected_red_cell")
NOT_CALLED = Call("not called", "red cell", mark("red cell, not called"), _GREY, 0.016, category="red_cell")
CUT_BY_BORDER = Call(
    "cut", "cut by the border, not counted", mark("cut by the border, not counted"), _GREY, 0.025, dashes=(7, 5)
)
NOT_A_CELL = Call("not_a_cell", "not a cell", mark("not a cell"), _GREY, 0.02, dashes=(1.5, 5))
"""What a person called so; the model's word for it is the last of ``_OBJECTS``."""

UNCERTAIN = Call("uncertain", "cannot tell", mark("cannot tell"), (86, 180, 233), 0.03, dashes=(1.5, 5))
"""What a person called so; what the model is uncertain of is the last of ``_OBJECTS``."""
BY_PROGRAM = Call("program", "as the program called it", mark("as the program called it"), _GREY, 0)
"""A person took their own call back; nothing is drawn so."""

# By the kind of the object, for what is no red cell.
_OBJECTS = {
    "white_cell": Call(
        "white_cell",
        "white cell",
        mark("white cell"),
        (0, 158, 115),
        0.03,
        letter="W",
        category="white_cell",
        supercategory="white_cell",
        plural="white_cells",
    ),
    "platelet": Call(
        "platelet",
        "platelet",
        mark("platelet"),
        (204, 121, 167),
        0.03,
        letter="P",
        category="platelet",
        supercategory="platelet",
        plural="platelets",
    ),
    "precipitate": Call(
        "precipitate",
        "stain precipitate",
        mark("stain precipitate"),
        (240, 228, 66),
        0.03,
        letter="S",
        category="precipitate",
        supercategory="precipitate",
        plural="precipitate",
    ),
    "not_a_cell": Call(
        "not told",
        "not a red cell, or cannot tell",
        mark("not a red cell, or cannot tell"),
        (86, 180, 233),
        0.03,
        dashes=(7, 5),
        letter="?",
        category="not_a_cell",
        supercategory="not_a_cell",
    ),
}
NOT_TOLD = _OBJECTS["not_a_cell"]

LEGEND = (INFECTED, UNINFECTED, NOT_CALLED, CUT_BY_BORDER, *_OBJECTS.values())
"""How the objects of a report are drawn, what matters most first."""
CATEGORIES = {call: number for number, call in enumerate((one for one in LEGEND if one.category), start=1)}
"""Every call that ``call_of`` can give, with its number in COCO files."""
OTHER_OBJECTS = {kind: call for kind, call in _OBJECTS.items() if call.plural}
"""What is counted beside the red cells, by its kind."""
CALLS = {call.code: call for call in (*LEGEND, NOT_A_CELL, UNCERTAIN, BY_PROGRAM)}
"""Every row, by its code."""


def call_of(cell: Cell) -> Call:
    """What the object was called, wherever it lies."""
    if cell.kind != "red_cell":
        return _OBJECTS[cell.kind]
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
