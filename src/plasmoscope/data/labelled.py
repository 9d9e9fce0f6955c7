"""Pictures with labels as they were written, made a data set: what tables and folders of any kind end in."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from plasmoscope.data.classes import classes_of, label_index
from plasmoscope.data.nih import Cell, CellDataset, DataError, parse_name
from plasmoscope.imaging.sources import ImageSource
from plasmoscope.labels import Classes


@dataclass(frozen=True)
class Labelled:
    """A picture and what is said of it."""

    source: ImageSource
    stem: str
    """Its name in the data set, below its class, without an ending."""
    label: str
    slide: str = ""
    """Empty where nothing but the name may tell."""
    patient: str = ""
    """Likewise."""
    part: str | None = None
    """Of the split that the data set comes with."""


def labelled_cells(
    root: Path,
    pictures: Sequence[Labelled],
    positive: Sequence[str] = (),
    expected: Classes | None = None,
    left_out: Sequence[str] = (),
) -> CellDataset:
    """A data set of labelled pictures; where nothing says so, an official name tells the slide and the patient.

    Args:
        root: where it was found.
        pictures: all of it.
        positive: as ``classes_of`` takes it.
        expected: likewise.
        left_out: pictures of no class.

    Raises:
        DataError: as ``classes_of``, or two pictures of a class have one name.
    """
    classes = classes_of([picture.label for picture in pictures], positive, expected)
    cells = []
    for picture in pictures:
        slide, field, patient = parse_name(picture.stem.rpartition("/")[2])
        index = label_index(picture.label, classes)
        cells.append(
            Cell(
                picture.source, picture.stem, index, picture.slide or slide, field, picture.patient or patient,
                classes=classes, part=picture.part,
            )
        )  # fmt: skip
    dataset = CellDataset(root, cells, left_out)
    if len(set(dataset.names)) < len(dataset):
        twice = next(
            name for name, next_name in zip(dataset.names, dataset.names[1:], strict=False) if name == next_name
        )
        raise DataError(
            f"{root} names two pictures that differ in nothing but their ending, such as {twice}. Rename one of them."
        )
    return dataset
