"""The NIH layout: ``cell_images/{Parasitized,Uninfected}/<official name>``, in a folder or a zip archive."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from plasmoscope.errors import PlasmoscopeError
from plasmoscope.files import decode_text
from plasmoscope.imaging.sources import ImageSource, Unreadable, find_images, may_be_picture
from plasmoscope.labels import CLASS_NAMES, TWO_CLASSES, Classes

# Of the 27,558 cells that the NIH published, as ``CellDataset.content`` tells it.
_PUBLISHED = "c818d2b00637bcf6"
_OFFICIAL_NAME = re.compile(r"(?P<slide>.+?)_IMG_(?P<field>.+)_cell_(?P<cell>\d+)$")
# C47P8thin_Original_Motic: recruitment number 47, patient 8. Slides of the uninfected carry no patient number.
_SLIDE = re.compile(r"(?P<recruit>C\d+)(?:[A-Z]??(?P<patient>P\d+))?")
_MAPPED_NAME = re.compile(r"'([^']+)\.png'")


class DataError(PlasmoscopeError):
    """The data set is missing, incomplete or not in the NIH layout."""


@dataclass(frozen=True)
class Cell:
    """One labelled cell image; slide, field and patient are None where the name is not an official one."""

    source: ImageSource
    stem: str
    label: int
    slide: str | None
    field: str | None
    patient: str | None
    folder_label: int | None = None
    """The folder's class where a review flipped the label."""
    unsure: bool = False
    """Whether a review could not tell the label; such a cell is in no part of a split."""
    classes: Classes = TWO_CLASSES
    """What the labels count."""
    part: str | None = None
    """Of the split that the data set comes with; None of one without."""

    @property
    def infected(self) -> bool:
        """Whether its class counts as infected."""
        return self.label in self.classes.infected_indices

    @property
    def as_filed(self) -> int:
        """Class of the folder, which names, order and splits go by, whatever a review said."""
        return self.label if self.folder_label is None else self.folder_label

    @property
    def name(self) -> str:
        """``Class/official name.png``, the folder's class, whatever format the image is stored in."""
        return f"{self.classes.names[self.as_filed]}/{self.stem}.png"


class CellDataset:
    """All cells of a data set, sorted by class and name; the order is part of every split's definition."""

    def __init__(self, root: Path, cells: Iterable[Cell], left_out: Sequence[str] = ()) -> None:
        self.root = root
        self.left_out = tuple(left_out)
        """Pictures that lie apart from the classes' folders."""
        self.cells = tuple(sorted(cells, key=lambda cell: (cell.as_filed, cell.stem)))

    def __len__(self) -> int:
        return len(self.cells)

    def thinned(self, most: int) -> "CellDataset":
        """At most this many cells, spread evenly over classes and patients."""
        return CellDataset(self.root, self.cells[:: -(-len(self) // most)])

    @cached_property
    def names(self) -> tuple[str, ...]:
        """``Class/name.png`` of every cell."""
        return tuple(cell.name for cell in self.cells)

    @property
    def classes(self) -> Classes:
        """What the labels count; the two that ship where there is no cell."""
        return self.cells[0].classes if self.cells else TWO_CLASSES

    @cached_property
    def labels(self) -> NDArray[np.int64]:
        """Index of every cell's class among ``classes``, shape (n,); of the two that ship 0 is Parasitized."""
        return np.array([cell.label for cell in self.cells], dtype=np.int64)

    @cached_property
    def infected(self) -> NDArray[np.bool_]:
        """Whether every cell's class counts as infected, shape (n,)."""
        return self.classes.infected(self.labels)

    @cached_property
    def labels_as_filed(self) -> NDArray[np.int64]:
        """The same by the folders, whatever a review said."""
        return np.array([cell.as_filed for cell in self.cells], dtype=np.int64)

    @cached_property
    def unsure(self) -> NDArray[np.int64]:
        """Indices of the cells that a review could not tell, ascending."""
        return np.flatnonzero([cell.unsure for cell in self.cells])

    @property
    def original(self) -> "CellDataset":
        """The same cells with the folders' labels, whatever a review said."""
        cells = [replace(cell, label=cell.as_filed, folder_label=None, unsure=False) for cell in self.cells]
        return CellDataset(self.root, cells, self.left_out)

    @cached_property
    def label_set(self) -> str:
        """``original``, or how a review changed the labels, with a short hash of what it changed."""
        if not self._changed:
            return "original"
        flipped = sum(cell.folder_label is not None for cell in self.cells)
        short = hashlib.sha256("\n".join(self._changed).encode("utf-8", "replace")).hexdigest()[:8]
        return f"reviewed ({short}): {flipped} flipped, {len(self.unsure)} left out as unsure"

    @property
    def _changed(self) -> list[str]:
        """One line for each cell that a review changed."""
        return [
            f"{cell.name} {'unsure' if cell.unsure else self.classes.names[cell.label]}"
            for cell in self.cells
            if cell.unsure or cell.folder_label is not None
        ]

    @cached_property
    def patients(self) -> tuple[str, ...]:
        """Patient of every cell.

        Raises:
            DataError: a name does not say which patient it comes from.
        """
        unknown = next((cell for cell in self.cells if cell.patient is None), None)
        if unknown is not None:
            raise DataError(
                f"The name {unknown.name} does not tell the patient, so patients can neither be kept apart nor their "
                "cells be judged together. Name images as the NIH does "
                "(C<number>P<patient>..._IMG_<field>_cell_<number>), give a table with the column 'patient', or "
                "--groups FILE.csv, or ask for nothing that needs patients."
            )
        return tuple(str(cell.patient) for cell in self.cells)

    @cached_property
    def fingerprint(self) -> str:
        """Short hash of where the images lie, which they are, and when they last changed."""
        stamps = [f"{cell.source.name} {cell.source.version()}" for cell in self.cells]
        return hashlib.sha256("\n".join([str(self.root.resolve()), *stamps]).encode("utf-8", "replace")).hexdigest()[
            :16
        ]

    @cached_property
    def content(self) -> str:
        """Short hash of the cells' names and of what a review changed: the same for every copy of a data set."""
        text = "\n".join([*self.names, *self._changed])
        return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]

    @property
    def published_by_nih(self) -> bool:
        """Whether these are the cells that the NIH published, all of them, whatever a review said of their labels."""
        return self.original.content == _PUBLISHED


def load_nih(path: Path) -> CellDataset:
    """Find the labelled cells below a folder or in a zip archive; no image is opened.

    Raises:
        DataError: nothing in the NIH layout there, a class without images, a folder of pictures among the classes that
            is none of them, something that cannot be opened, or a name twice in a class.
        SourceError: no such path, or an archive that cannot be opened.
    """
    return nih_cells(path, find_images([path]))


def nih_cells(path: Path, sources: Sequence[ImageSource]) -> CellDataset:
    """As ``load_nih``, of what was found at ``path``."""
    parsed = [(source, _parse(source)) for source in sources]
    cells = [cell for _, cell in parsed if cell is not None]
    others = [source for source, cell in parsed if cell is None]
    if closed := [source for source in others if isinstance(source, Unreadable)]:
        raise DataError(f"{closed[0].name}: {closed[0].reason}. Nothing may be missing from a data set.")
    for label, class_name in enumerate(CLASS_NAMES):
        if not any(cell.label == label for cell in cells):
            raise DataError(
                f"No images in a folder named {class_name} at {path}. The layout is "
                "cell_images/Parasitized and cell_images/Uninfected, as in the NIH archive; "
                "'plasmoscope data download' fetches it."
            )
    left_out = [source.name for source in others if may_be_picture(source.name)]
    _refuse_other_classes(cells, left_out)
    dataset = CellDataset(path, cells, left_out)
    pairs = zip(dataset.cells, dataset.cells[1:], strict=False)
    repeated = [(cell.source.name, following.source.name) for cell, following in pairs if cell.name == following.name]
    if repeated:
        raise DataError(
            f"{len(repeated)} images are there twice, such as {' and '.join(repeated[0])}. Remove one copy of each."
        )
    return dataset


def _refuse_other_classes(cells: Sequence[Cell], left_out: Sequence[str]) -> None:
    """Pictures in a folder beside the classes' folders, or within one, must not be lost without a word."""
    roots = {_posix(cell.source.name).parent.parent for cell in cells}
    others: Counter[str] = Counter()
    for path in map(_posix, left_out):
        root = next((root for root in path.parents if root in roots), path.parent)
        if path.parent != root:
            others[path.parent.relative_to(root).as_posix()] += 1
    if others:
        folders = ", ".join(f"{folder} ({number:,})" for folder, number in others.most_common(10))
        raise DataError(
            f"Pictures lie in other folders than those of the two classes, {' and '.join(CLASS_NAMES)}: {folders}. "
            "Move them into one of the two, or out of the data set. Are they classes of their own? Then say which "
            "classes count as infected, with --positive."
        )


def parse_name(stem: str) -> tuple[str | None, str | None, str | None]:
    """Slide, field of view and patient in an official name without its suffix; None for what it does not tell.

    >>> parse_name("C47P8thin_Original_Motic_IMG_20150714_093221_cell_12")
    ('C47P8thin_Original_Motic', 'C47P8thin_Original_Motic_IMG_20150714_093221', 'P8')
    """
    match = _OFFICIAL_NAME.match(stem)
    if match is None:
        return None, None, None
    slide = match["slide"]
    parts = _SLIDE.match(slide)
    patient = (parts["patient"] or parts["recruit"]) if parts else None
    return slide, f"{slide}_IMG_{match['field']}", patient


def patient_of(path: str) -> str | None:
    """Patient in the official name of an image file, wherever it lies; None where the name does not tell.

    >>> patient_of("cell_images/Uninfected/C47P8thin_Original_Motic_IMG_20150714_093221_cell_12.png")
    'P8'
    """
    return parse_name(_posix(path).stem)[2]


def check_mapping(dataset: CellDataset, mapping_files: Sequence[Path]) -> list[str]:
    """Compare slides parsed from names with the NIH's mapping tables.

    Args:
        mapping_files: ``patientid_cellmapping_parasitized.csv`` and ``..._uninfected.csv``.

    Returns:
        One sentence for each disagreement, none when all is well.
    """
    mapped: dict[str, str] = {}
    for file in mapping_files:
        try:
            lines = decode_text(file.read_bytes()).splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"The mapping table {file} cannot be read: {error}") from error
        for line in lines:
            slide = line.split(",", 1)[0]
            mapped.update(dict.fromkeys(_MAPPED_NAME.findall(line), slide))
    problems = []
    for cell in dataset.cells:
        if cell.stem not in mapped:
            problems.append(f"{cell.name} is in no mapping table")
        elif mapped[cell.stem] != cell.slide:
            problems.append(f"{cell.name} is parsed as slide {cell.slide}, mapped to {mapped[cell.stem]}")
    known = {cell.stem for cell in dataset.cells}
    problems += [f"{stem} is mapped but not in the data" for stem in mapped if stem not in known]
    return problems


def _posix(path: str) -> PurePosixPath:
    return PurePosixPath(path.replace("\\", "/"))


def _parse(source: ImageSource) -> Cell | None:
    path = _posix(source.name)
    folder = path.parent.name
    if folder not in CLASS_NAMES:
        return None
    slide, field, patient = parse_name(path.stem)
    return Cell(source, path.stem, CLASS_NAMES.index(folder), slide, field, patient)
