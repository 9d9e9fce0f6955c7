"""Pictures of a counted field: every object outlined and numbered, and the called cells side by side."""

from collections import Counter
from collections.abc import Sequence
from math import ceil
from typing import Any, Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, features

from plasmoscope.analysis.calls import LEGEND, drawn_as
from plasmoscope.analysis.results import Cell, Field
from plasmoscope.i18n.languages import ENGLISH, Language, letters_of
from plasmoscope.imaging.cells import cut_cell
from plasmoscope.messages import mark
from plasmoscope.reports.fonts import Run, can_show, fonts_for, runs
from plasmoscope.reports.pictures import Picture, contact_sheet
from plasmoscope.reports.wording import ReportWords
from plasmoscope.segmentation.vocabulary import Call, Colour

# Diameter of a red cell in a dried film; 7 to 8 is usual.
RED_CELL_MICROMETRES = 7.5
_INK: Colour = (32, 32, 32)
_PAPER: Colour = (255, 255, 255)
# Sizes as shares of a red cell's diameter.
_NUMBER = 0.2
_DASH = 0.2
_SMALLEST_NUMBER, _LARGEST_NUMBER = 7, 60  # pixels
# For fields whose scale is not known: about 25 red cells lie across a field of view.
_CELLS_ACROSS = 25
_SHEET_WIDTH = 924
# Sub-pixel bits of OpenCV's anti-aliased lines.
_SHIFT = 4


class CalledCell(NamedTuple):
    """A cell for the contact sheet."""

    crop: Picture
    cell: Cell
    field_number: int
    """From 1: which of the slide's photographs it is on."""


def annotated_field(image: Picture, field: Field, language: Language = ENGLISH) -> Picture:
    """The field with every object outlined by its call, a number at each counted cell, and a legend strip below.

    Lines and numbers follow the size of the red cells, so that any magnification reads alike.

    Args:
        image: RGB, shape (field.height, field.width, 3).
        language: of the legend; it is English where this computer cannot show that language.

    Returns:
        RGB, as wide as ``image`` and higher by the legend.
    """
    if image.shape[:2] != (field.height, field.width):
        raise ValueError(f"{field.name} is {field.width} x {field.height} pixels, not {image.shape[1::-1]}")
    diameter = field.cell_diameter or field.width / _CELLS_ACROSS
    drawn = np.ascontiguousarray(image).copy()
    # What matters most is drawn last, on top.
    order = {call: place for place, call in enumerate(reversed(LEGEND))}
    for cell in sorted(field.cells, key=lambda cell: order[drawn_as(cell)]):
        _draw_outline(drawn, np.array(cell.outline, np.float64).reshape(-1, 2), drawn_as(cell), diameter)
    picture = Image.fromarray(drawn)
    pen = ImageDraw.Draw(picture)
    size = float(np.clip(_NUMBER * diameter, _SMALLEST_NUMBER, _LARGEST_NUMBER))
    font = ImageFont.load_default(size)
    for cell in field.cells:
        caption = drawn_as(cell).letter or (str(cell.number) if cell.counted else "")
        # At the cell's foot, where it hides least of what lies inside.
        place = (cell.centre[0], cell.box[1] + cell.box[3] - size / 4)
        pen.text(place, caption, _INK, font, anchor="ms", stroke_width=max(1, round(size / 8)), stroke_fill=_PAPER)
    return np.vstack([np.asarray(picture), _legend(field, diameter, language)])


def cell_crop(image: Picture, cell: Cell) -> Picture:
    """Cut out a cell by its box, black outside its outline, as the classifier sees it."""
    return cut_cell(image, np.array(cell.outline, np.int32))


def cell_sheet(called: Sequence[CalledCell], language: Language = ENGLISH) -> Picture:
    """The called cells side by side, the most certain first, each under ``field/number probability``.

    Args:
        language: of the report that shows it; rows run as its lines do.
    """
    ordered = sorted(called, key=lambda one: -(one.cell.parasitized_probability or 0))
    captions = [f"{one.field_number}/{one.cell.number}  {one.cell.parasitized_probability or 0:.2f}" for one in ordered]
    crops = [one.crop for one in ordered]
    calls = [bool(one.cell.parasitized) for one in ordered]
    return contact_sheet(crops, calls, captions, _SHEET_WIDTH, from_right=language.direction == "rtl")


def _draw_outline(drawn: Picture, outline: NDArray[np.float64], call: Call, diameter: float) -> None:
    weight = ceil(call.weight * diameter)
    lines = _dashes(outline, max(3.0, _DASH * diameter)) if call.dashed else [outline]
    fixed = [np.round(line * 2**_SHIFT).astype(np.int32).reshape(-1, 1, 2) for line in lines]
    cv2.polylines(drawn, fixed, not call.dashed, call.colour, weight, cv2.LINE_AA, _SHIFT)


def _dashes(outline: NDArray[np.float64], length: float) -> list[NDArray[np.float64]]:
    """Cut a closed polygon into dashes with gaps between them, all about ``length`` pixels long."""
    closed = np.vstack([outline, outline[:1]])
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
    pairs = max(2, round(along[-1] / (2 * length)))
    ends = np.linspace(0, along[-1], 2 * pairs + 1)
    dashes = []
    for start, stop in zip(ends[:-1:2], ends[1::2], strict=True):
        places = np.linspace(start, stop, 6)
        dashes.append(np.stack([np.interp(places, along, closed[:, axis]) for axis in (0, 1)], axis=1))
    return dashes


def _legend(field: Field, diameter: float, language: Language) -> Picture:
    """A white strip: how each call is drawn, how many there are, and the scale where it is known."""
    size = max(12.0, field.width / 64)
    words = ReportWords(language if _can_draw(language) else ENGLISH)
    lettering = Lettering(letters_of(words.language.code), size, words.language.direction)
    counts = Counter(drawn_as(cell) for cell in field.cells)
    entries: list[tuple[Call | None, str, float]] = [
        (call, words.named(f"{call.letter} {words.say(call.message)}".lstrip(), words.number(counts[call])), 2 * size)
        for call in LEGEND
        if counts[call]
    ]
    if field.cell_diameter:
        scale = words.say(mark("one red cell, about %(number)s micrometres"), number=words.plain(RED_CELL_MICROMETRES))
        entries.append((None, scale, field.cell_diameter))
    row, gap = 1.8 * size, 1.5 * size
    places: list[tuple[float, float]] = []
    left, middle = size, 0.6 * row
    for _, text, sample in entries:
        width = sample + size / 2 + lettering.width(text)
        if left > size and left + width > field.width - size:
            left, middle = size, middle + row
        places.append((left, middle))
        left += width + gap
    strip = Image.new("RGB", (field.width, round(middle + 0.6 * row)), _PAPER)
    pen = ImageDraw.Draw(strip)
    for (_, text, sample), (left, middle) in zip(entries, places, strict=True):
        lettering.draw(pen, (left + sample + size / 2, middle), text)
    drawn = np.asarray(strip).copy()
    for (call, _, sample), (left, middle) in zip(entries, places, strict=True):
        if call is None:
            _draw_scale(drawn, left, middle, sample, size)
        else:
            _draw_sample(drawn, left, middle, sample, call, diameter)
    return drawn


def _can_draw(language: Language) -> bool:
    """Whether the legend can be in this language: its letters are here, and joined as its script asks."""
    return can_show(language) and (language is ENGLISH or bool(features.check("raqm")))


class Lettering:
    """Writes text of any script into pictures."""

    def __init__(self, letters: str, size: float, direction: Literal["ltr", "rtl"]) -> None:
        """Find the fonts.

        Args:
            letters: all that may be written beside Western European ones.
            size: of the letters in pixels.
        """
        self._fonts = fonts_for(letters)
        self._size = size
        self._direction: Literal["ltr", "rtl"] = direction

    def width(self, text: str) -> float:
        """In pixels."""
        return sum(self._font(run).getlength(run.text, **self._how(run)) for run in runs(text, self._fonts))

    def draw(self, pen: ImageDraw.ImageDraw, place: tuple[float, float], text: str) -> None:
        """Write a line whose middle's left end is here."""
        x, y = place
        parts = runs(text, self._fonts)
        for run in reversed(parts) if self._direction == "rtl" else parts:
            pen.text((x, y), run.text, _INK, self._font(run), anchor="lm", **self._how(run))
            x += self._font(run).getlength(run.text, **self._how(run))

    def _font(self, run: Run) -> ImageFont.FreeTypeFont:
        if run.font is None:
            return _own_font(self._size)
        return ImageFont.truetype(run.font.regular, self._size, run.font.face)

    def _how(self, run: Run) -> dict[str, Any]:
        return {} if run.font is None else {"direction": self._direction}


def _own_font(size: float) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise TypeError("Pillow was built without FreeType, which draws its font in any size")
    return font


def _draw_scale(drawn: Picture, left: float, middle: float, length: float, size: float) -> None:
    first, last, y, tick = round(left), round(left + length), round(middle), round(size / 3)
    for start, stop in (((first, y), (last, y)), *(((x, y - tick), (x, y + tick)) for x in (first, last))):
        cv2.line(drawn, start, stop, _INK, max(1, round(size / 10)), cv2.LINE_AA)


def _draw_sample(drawn: Picture, left: float, middle: float, length: float, call: Call, diameter: float) -> None:
    weight, y = ceil(call.weight * diameter), round(middle)
    parts = (
        np.linspace(left, left + length, 6).round().astype(int) if call.dashed else [round(left), round(left + length)]
    )
    for start, stop in zip(parts[:-1:2], parts[1::2], strict=True):
        cv2.line(drawn, (int(start), y), (int(stop), y), call.colour, weight, cv2.LINE_AA)
