"""Pictures of cells: a contact sheet, and a cell under the map of what its call rests on."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from plasmoscope.analysis.calls import INFECTED, NOT_TOLD, UNINFECTED
from plasmoscope.imaging.cells import resize_cell
from plasmoscope.reports.output import check_output
from plasmoscope.segmentation.vocabulary import Colour

Picture = NDArray[np.uint8]

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


def contact_sheet(
    cells: Sequence[Picture],
    parasitized: Sequence[bool | None],
    captions: Sequence[str],
    width: int,
    from_right: bool = False,
) -> Picture:
    """Cells side by side in rows, framed in the colour of their call, captions below.

    Args:
        cells: RGB pictures of any sizes, in the order to show.
        parasitized: the call of each; None where there is none.
        captions: of each.
        width: of the sheet in pixels.
        from_right: rows begin at the right, as those of Arabic do.
    """
    columns = max(1, width // _TILE)
    rows = -(-len(cells) // columns)
    sheet = Image.new("RGB", (width, rows * (_TILE + _CAPTION)), _PAPER)
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(12)
    for index, (cell, positive, caption) in enumerate(zip(cells, parasitized, captions, strict=True)):
        row, column = divmod(index, columns)
        left, top = column * _TILE, row * (_TILE + _CAPTION)
        left = width - _TILE - left if from_right else left
        sheet.paste(Image.fromarray(resize_cell(cell, _TILE - 8)), (left + 4, top + 4))
        colour = {True: INFECTED, False: UNINFECTED, None: NOT_TOLD}[positive].colour
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
