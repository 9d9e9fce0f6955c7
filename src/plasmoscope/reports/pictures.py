"""Annotated pictures: a field with its cells outlined by call, and a contact sheet of cells."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from plasmoscope.imaging.cells import resize_cell
from plasmoscope.reports.output import check_output

Picture = NDArray[np.uint8]
Colour = tuple[int, int, int]

# Okabe & Ito's palette: told apart with every common kind of colour vision.
PARASITIZED_COLOUR: Colour = (213, 94, 0)
UNINFECTED_COLOUR: Colour = (0, 114, 178)
_INK: Colour = (32, 32, 32)
_PAPER: Colour = (255, 255, 255)
# Brightness rises all along it, so that it needs no colour vision.
_HEAT = cv2.COLORMAP_VIRIDIS
_TILE = 84
_CAPTION = 18


def check_picture(file: Path) -> None:
    """Refuse a picture that could not be written, before any work is done.

    Raises:
        OutputError: another suffix than .png or .jpg, or a folder that does not exist.
    """
    check_output(file, (".png", ".jpg", ".jpeg"))


def draw_outlines(
    field: Picture, masks: Sequence[NDArray[np.bool_]], parasitized: Sequence[bool], captions: Sequence[str]
) -> Picture:
    """Outline every cell in the colour of its call, with a caption at its centre's foot.

    Args:
        field: RGB, shape (h, w, 3).
        masks: one a cell, each (h, w).
        parasitized: the call of each cell.
        captions: a few characters for each cell, such as its number.
    """
    drawn = field.copy()
    for mask, positive in zip(masks, parasitized, strict=True):
        contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        colour = PARASITIZED_COLOUR if positive else UNINFECTED_COLOUR
        # The call shows in the line's weight as well as in its colour.
        cv2.drawContours(drawn, contours, -1, colour, 4 if positive else 2, cv2.LINE_AA)
    picture = Image.fromarray(drawn)
    pen = ImageDraw.Draw(picture)
    font = ImageFont.load_default(14)
    for mask, caption in zip(masks, captions, strict=True):
        rows, columns = np.nonzero(mask)
        place = (float(columns.mean()), float(rows.max()) - 4)
        pen.text(place, caption, fill=_INK, font=font, anchor="ms", stroke_width=2, stroke_fill=_PAPER)
    return np.asarray(picture)


def contact_sheet(
    cells: Sequence[Picture], parasitized: Sequence[bool], captions: Sequence[str], width: int
) -> Picture:
    """Cells side by side in rows, framed in the colour of their call, captions below.

    Args:
        cells: RGB pictures of any sizes, in the order to show.
        width: of the sheet in pixels.
    """
    columns = max(1, width // _TILE)
    rows = -(-len(cells) // columns)
    sheet = Image.new("RGB", (width, rows * (_TILE + _CAPTION)), _PAPER)
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(12)
    for index, (cell, positive, caption) in enumerate(zip(cells, parasitized, captions, strict=True)):
        row, column = divmod(index, columns)
        left, top = column * _TILE, row * (_TILE + _CAPTION)
        sheet.paste(Image.fromarray(resize_cell(cell, _TILE - 8)), (left + 4, top + 4))
        colour = PARASITIZED_COLOUR if positive else UNINFECTED_COLOUR
        pen.rectangle(
            (left + 2, top + 2, left + _TILE - 3, top + _TILE - 3), outline=colour, width=3 if positive else 1
        )
        pen.text((left + _TILE / 2, top + _TILE), caption, fill=_INK, font=font, anchor="mt")
    return np.asarray(sheet)


def lay_heat(cell: Picture, heat: NDArray[np.float32]) -> Picture:
    """A cell under a map of what its call rests on: dark blue for nothing, over green, to yellow for the most.

    Args:
        cell: RGB, shape (h, w, 3); black outside its outline.
        heat: shape (h, w), 0 to 1.
    """
    colours = cv2.cvtColor(cv2.applyColorMap(np.round(heat * 255).astype(np.uint8), _HEAT), cv2.COLOR_BGR2RGB)
    laid = cv2.addWeighted(cell, 0.5, colours, 0.5, 0)
    return np.asarray(np.where(cell.any(axis=2, keepdims=True), laid, 0), np.uint8)


def stack_with_headings(parts: Sequence[tuple[str, Picture]]) -> Picture:
    """Pictures of one width, one below the other, each under its heading; an empty heading takes no room."""
    blocks: list[Picture] = []
    for heading, picture in parts:
        if heading:
            strip = Image.new("RGB", (picture.shape[1], 30), _PAPER)
            ImageDraw.Draw(strip).text((6, 15), heading, fill=_INK, font=ImageFont.load_default(16), anchor="lm")
            blocks.append(np.asarray(strip))
        blocks.append(picture)
    return np.vstack(blocks)
