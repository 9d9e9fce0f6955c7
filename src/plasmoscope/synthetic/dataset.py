"""Rendered cells as a data set in the NIH layout, or in three classes, to try a run where no real one is at hand."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from plasmoscope.csv_tables import write_csv
from plasmoscope.labels import class_name
from plasmoscope.synthetic.rendering import SyntheticCell, crop_cell, render_field

_CELLS_PER_FIELD = 60  # half of them infected
_PATIENTS = 12  # the cells are dealt to them in turn
_STAGES = {None: "uninfected", "ring": "ring", "trophozoite": "late stage"}


def write_cells(folder: Path, fields: int, seed: int = 0) -> None:
    """Write the whole cells of some rendered fields, about half of them infected, under official-looking names.

    Args:
        folder: gets ``cell_images/{Parasitized,Uninfected}/*.png``.
        fields: how many fields to render; each gives some 50 cells.
        seed: of the rendering.
    """
    for number, (cell, picture) in enumerate(_whole_cells(fields, seed)):
        patient = number % _PATIENTS
        stem = f"C{100 + patient}P{60 + patient}ThinF_IMG_20150918_14410{number % 3}_cell_{number}"
        _write(picture, folder / "cell_images" / class_name(cell.infected) / f"{stem}.png")


def write_stages(folder: Path, fields: int, seed: int = 0) -> None:
    """Write the same cells in three classes, under names that tell nothing, with a table of their patients.

    Args:
        folder: gets ``{uninfected,ring,late stage}/*.png``, and ``patients.csv`` with the columns ``name`` and
            ``patient``.
        fields: how many fields to render; each gives some 50 cells.
        seed: of the rendering.
    """
    patients, of_class = [], Counter[str]()
    for number, (cell, picture) in enumerate(_whole_cells(fields, seed)):
        name = _STAGES[cell.stage]
        _write(picture, folder / name / f"{number:04d}.png")
        # Each class is dealt by itself, so that no patient has all cells of a rare one.
        patients.append((f"{number:04d}.png", f"patient {of_class[name] % _PATIENTS + 1}"))
        of_class[name] += 1
    write_csv(folder / "patients.csv", ("name", "patient"), patients)


def _whole_cells(fields: int, seed: int) -> Iterator[tuple[SyntheticCell, NDArray[np.uint8]]]:
    for number in range(fields):
        field = render_field(seed + number, cells=_CELLS_PER_FIELD, parasitaemia=0.5)
        for index, cell in enumerate(field.cells):
            if cell.whole:
                yield cell, crop_cell(field, index)


def _write(picture: NDArray[np.uint8], file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(file), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
