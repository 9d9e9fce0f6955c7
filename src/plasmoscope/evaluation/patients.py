"""Which patient each photograph is of, as a table tells it."""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path, PurePath

from plasmoscope.csv_tables import csv_rows
from plasmoscope.errors import PlasmoscopeError
from plasmoscope.evaluation.boxes import read_text
from plasmoscope.imaging.pages import Page
from plasmoscope.imaging.sources import ImageFile, Readable

_NAMED = 3  # patients by name in a sentence


class PatientsError(PlasmoscopeError):
    """It cannot be told which patient each photograph is of."""


def read_patients(images: Mapping[str, Readable], file: Path) -> dict[str, str]:
    """Read a table with the columns ``image`` and ``patient``, others left aside: a CSV file.

    An image stands in it under its name, with or without folders before it; a page also under that of its file. A
    patient may be any name or number; it is not kept.

    Args:
        images: by what they are called.

    Returns:
        The patient of each image.

    Raises:
        BoxesError: the table cannot be read.
        PatientsError: it is no such table, or an image stands in it under no patient, or under several.
    """
    rows = csv_rows(read_text(ImageFile(file)).splitlines())
    if not rows or not {"image", "patient"} <= set(rows[0]):
        raise PatientsError(f"{file} is no table of patients: it needs rows with the columns image and patient.")
    listed: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        path, patient = PurePath(row["image"].strip().replace("\\", "/")), row["patient"].strip()
        if path.name and patient:
            for name in {str(path), path.name}:
                listed[name].add(patient)
    found = {name: _patients(image, listed) for name, image in images.items()}
    _refuse(file, "under no patient", [name for name, patients in found.items() if not patients])
    _refuse(file, "under several patients", [name for name, patients in found.items() if len(patients) > 1])
    return {name: next(iter(patients)) for name, patients in found.items()}


def _patients(image: Readable, listed: Mapping[str, set[str]]) -> set[str]:
    paths = [PurePath(image.name)]
    if isinstance(image, Page):
        paths.append(PurePath(image.source.name))
    # From the whole path to the name alone: of two photographs of one name, the folders tell which is meant.
    for path in paths:
        for first in range(len(path.parts)):
            if patients := listed.get(str(PurePath(*path.parts[first:]))):
                return patients
    return set()


def _refuse(file: Path, how: str, names: list[str]) -> None:
    if names:
        some = ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
        raise PatientsError(f"{len(names):,} photographs stand in {file} {how}: {some}. Give each of them one row.")
