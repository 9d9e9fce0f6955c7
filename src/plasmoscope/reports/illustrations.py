"""The pictures that a report holds: a few annotated fields and a gallery of called cells, ready encoded."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from PIL import Image

from plasmoscope.analysis.results import Cell, Field, Slide
from plasmoscope.i18n.languages import ENGLISH, Language
from plasmoscope.reports.field_pictures import annotated_field
from plasmoscope.reports.pictures import Picture

# Photographs and cells that a report shows, so that it stays a file of some megabytes.
MAX_PICTURES = 12
MAX_GALLERY = 120
# Wide enough to read the numbers of a crowded field on a screen.
MAX_WIDTH = 1400


@dataclass(frozen=True)
class Photograph:
    """A field with its pixels, which is drawn once however many files show it."""

    image: Picture
    """RGB, upright, shape (field.height, field.width, 3)."""
    field: Field
    language: Language = ENGLISH
    """Of the words in what is drawn."""

    @cached_property
    def annotated(self) -> Picture:
        """As ``annotated_field`` draws it."""
        return annotated_field(self.image, self.field, self.language)


class FieldPicture(NamedTuple):
    """An annotated field as JPEG."""

    number: int
    """From 1: which of the slide's photographs it is."""
    jpeg: bytes


@dataclass(frozen=True)
class Illustrations:
    """What a report shows of a slide."""

    pictures: tuple[FieldPicture, ...] = ()
    """In the order of the slide."""
    readable: int = 0
    """How many of the slide's photographs could be read."""
    in_folder: bool = False
    """Whether the annotated pictures of all of them lie in the folder ``fields``."""
    gallery: bytes | None = None
    """Contact sheet of the called cells as PNG; None where no cell was called."""
    gallery_cells: int = 0
    """How many cells it shows."""
    called: int = 0
    """How many whole cells of the slide were called parasitized."""
    possible: bytes | None = None
    """Contact sheet of the cells that were not called but deserve a look; None where there are none."""
    possible_cells: int = 0
    """How many cells it shows."""


def fields_to_show(slide: Slide, limit: int = MAX_PICTURES) -> list[int]:
    """Indices of the counted fields with the most infected cells, in the slide's order; refused ones if none was."""
    readable = [index for index, field in enumerate(slide.fields) if field.error is None]
    counted = [index for index in readable if slide.fields[index].accepted] or readable
    return sorted(sorted(counted, key=lambda index: (-slide.fields[index].infected, index))[:limit])


def called_cells(slide: Slide) -> list[tuple[int, Cell]]:
    """Field's index and cell of every whole cell that was called parasitized and counted, the most certain first."""
    return _most_certain_first(slide, lambda cell: cell.counted and bool(cell.parasitized))


def possibly_infected_cells(slide: Slide) -> list[tuple[int, Cell]]:
    """Likewise of every cell that was not called but deserves a look (``Cell.possibly_infected``)."""
    return _most_certain_first(slide, lambda cell: cell.possibly_infected(slide.screening, slide.threshold))


def _most_certain_first(slide: Slide, wanted: Callable[[Cell], bool]) -> list[tuple[int, Cell]]:
    found = [
        (index, cell)
        for index, field in enumerate(slide.fields)
        if field.accepted
        for cell in field.cells
        if wanted(cell)
    ]
    return sorted(found, key=lambda place: -(place[1].parasitized_probability or 0))


def encode_jpeg(picture: Picture, max_width: int | None = None) -> bytes:
    """Pixels alone: nothing of what the camera wrote into the photograph, such as place or time, comes along."""
    image = Image.fromarray(picture)
    if max_width and image.width > max_width:
        image = image.resize(
            (max_width, max(1, round(image.height * max_width / image.width))), Image.Resampling.LANCZOS
        )
    stream = io.BytesIO()
    # Full colour resolution, or thin coloured lines fade.
    image.save(stream, "JPEG", quality=88, subsampling=0)
    return stream.getvalue()


def encode_png(picture: Picture) -> bytes:
    """Lossless, pixels alone."""
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "PNG")
    return stream.getvalue()
