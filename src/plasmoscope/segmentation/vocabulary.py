"""What a pixel of a field may be, what an object in it may be, and what a field may be.

A new kind of object has its pixels in ``Tissue``, its name in ``Kind``, and its row in ``OBJECTS``; whatever counts,
draws or writes objects reads them here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

from plasmoscope.messages import mark

Colour = tuple[int, int, int]
"""Red, green and blue, 0 to 255."""


class Tissue(IntEnum):
    """Kinds of pixels, in the order of the network's outputs."""

    CLEAR = 0
    RED_CELL = 1
    WHITE_CELL = 2
    PLATELET = 3
    PRECIPITATE = 4
    """Precipitate of the stain, dirt, hairs."""
    NO_SPECIMEN = 5
    """Letters, scale bars, the dark around an eyepiece's field of view."""
    UNKNOWN = 255
    """In training data: nobody knows."""


Kind = Literal["red_cell", "white_cell", "platelet", "precipitate", "not_a_cell"]
"""Kinds of objects: those of ``Tissue``, by its names, and ``not_a_cell``: outlined as a whole red cell, but to the
classifier no red cell, or nothing that it can tell."""


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


OBJECTS: Mapping[Kind, Call] = {
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
"""How an object that is no red cell is called and drawn, by its kind. COCO's numbers follow this order: a new kind
comes last."""


class Film(IntEnum):
    """Kinds of pictures, in the order of the network's outputs."""

    THIN = 0
    THICK = 1
    OTHER = 2
