"""Cells that people called, as new training cells in the NIH layout."""

import shutil
from pathlib import Path

import numpy as np
from PIL import Image
from sqlalchemy.orm import Session

from plasmoscope.files import whole_folder
from plasmoscope.imaging.reading import read_image
from plasmoscope.labels import CLASS_NAMES, class_name
from plasmoscope.progress import Track, untracked
from plasmoscope.store.errors import StoreError
from plasmoscope.store.images import Images
from plasmoscope.store.taught import TaughtField, taught_fields, with_taught_cells

# Above the NIH's own patients, so that both sets can lie in one folder and be split by patient.
_FIRST_PATIENT = 1_000


def export_training_cells(session: Session, images: Images, folder: Path, track: Track = untracked) -> list[Path]:
    """Write every whole cell that a person called infected or not, by the latest call.

    Cells of rejected fields, of the rendered example, and what is no cell, are left out. Names tell patient, slide,
    field and cell by their numbers in these records, never by a code.

    Args:
        folder: becomes the data set: ``cell_images/Parasitized`` and ``cell_images/Uninfected`` are made in it.

    Returns:
        The files.

    Raises:
        StoreError: the folder holds cells already.
        FolderInUseError: another command is exporting to it.
        ImageError: a photograph is missing or damaged.
        OSError: the folder cannot be written to.
    """
    cells = folder / "cell_images"
    if cells.exists() and any(file.is_file() for file in cells.rglob("*")):
        raise StoreError("cells_exist", folder=str(folder))
    called = with_taught_cells(session)
    written: list[Path] = []
    # Half an export must not pass for a data set.
    with whole_folder(cells) as unfinished:
        for name in CLASS_NAMES:
            (unfinished / name).mkdir()
        for field in taught_fields(session, track(called, len(called), "Cutting cells")):
            written += _export_field(images, unfinished, field)
        shutil.rmtree(cells, ignore_errors=True)
    return [cells / file.relative_to(unfinished) for file in written]


def _export_field(images: Images, folder: Path, field: TaughtField) -> list[Path]:
    # It brings OpenCV, which nothing else of the records needs.
    from plasmoscope.imaging.cells import cut_cell

    pixels = read_image(images.path(field.image_sha256))
    patient = _FIRST_PATIENT + field.patient_id
    written = []
    for cell, infected in field.cells:
        name = f"C{patient}P{patient}S{field.slide_id}_IMG_{field.field_id}_cell_{cell.number}.png"
        file = folder / class_name(infected) / name
        Image.fromarray(cut_cell(pixels, np.array(cell.outline, np.int32))).save(file, "PNG")
        written.append(file)
    return written
