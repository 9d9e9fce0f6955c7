"""Rendered cells as a data set in the NIH layout, to try a run where the real one is not at hand."""

from pathlib import Path

import cv2

from plasmoscope.labels import class_name
from plasmoscope.synthetic.rendering import crop_cell, render_field

_CELLS_PER_FIELD = 60  # half of them infected
_PATIENTS = 12  # the cells are dealt to them in turn


def write_cells(folder: Path, fields: int, seed: int = 0) -> None:
    """Write the whole cells of some rendered fields, about half of them infected, under official-looking names.

    Args:
        folder: gets ``cell_images/{Parasitized,Uninfected}/*.png``.
        fields: how many fields to render; each gives some 50 cells.
        seed: of the rendering.
    """
    written = 0
    for number in range(fields):
        field = render_field(seed + number, cells=_CELLS_PER_FIELD, parasitaemia=0.5)
        for index, cell in enumerate(field.cells):
            if not cell.whole:
                continue
            patient = written % _PATIENTS
            stem = f"C{100 + patient}P{60 + patient}ThinF_IMG_20150918_14410{written % 3}_cell_{written}"
            file = folder / "cell_images" / class_name(cell.infected) / f"{stem}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(file), cv2.cvtColor(crop_cell(field, index), cv2.COLOR_RGB2BGR))
            written += 1
