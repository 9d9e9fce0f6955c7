"""What a pixel of a field may be, what an object in it may be, and what a field may be."""

from enum import IntEnum
from typing import Literal


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


class Film(IntEnum):
    """Kinds of pictures, in the order of the network's outputs."""

    THIN = 0
    THICK = 1
    OTHER = 2
