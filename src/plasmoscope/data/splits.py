"""Named ways to part a data set into train, validation and test, each reproducible to the member."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from plasmoscope.csv_tables import write_csv, write_rows
from plasmoscope.data.nih import CellDataset, DataError
from plasmoscope.data.table import read_table
from plasmoscope.extras import require_extra

PATIENT_FOLDS = 5  # as Rajaraman et al. 2018 (PeerJ 6:e4568) crossvalidate
PARTS = ("train", "validation", "test")
_COLUMNS = ("name", "part")
_FOLD_OF = re.compile(r"patient-(\d+)-of-(\d+)")


@dataclass(frozen=True)
class Split:
    """Indices into a CellDataset; no cell of ``train`` is in another part."""

    name: str
    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]
    by_patient: bool = False

    def part(self, name: str) -> NDArray[np.int64]:
        """The indices of ``train``, ``validation`` or ``test``, ascending."""
        parts = dict(zip(PARTS, (self.train, self.validation, self.test), strict=True))
        if name not in parts:
            raise DataError(f"There is no part '{name}' in a split. Choose one of: {', '.join(parts)}.")
        return np.sort(parts[name])

    def without(self, members: NDArray[np.int64]) -> "Split":
        """The same parts without some cells."""
        train, validation, test = (part[~np.isin(part, members)] for part in (self.train, self.validation, self.test))
        return replace(self, train=train, validation=validation, test=test)


def seed42(dataset: CellDataset) -> Split:
    """80/10/10 as published for MobileNetV2 and PlasmoSENet: ``torch.randperm`` of the sorted names, seed 42.

    Patients and fields are shared between the parts, so its figures are optimistic for new patients.
    """
    require_extra("train", "The seed42 split")
    import torch

    n = len(dataset)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(42)).numpy()
    train, validation = int(0.8 * n), int(0.1 * n)
    return Split("seed42", order[:train], order[train : train + validation], order[train + validation :])


def article(dataset: CellDataset) -> Split:
    """60:10:30 as in the basic-CNN and VGG-19 articles: 17,361 / 1,929 / 8,268 of the NIH cells.

    The articles' order came from the file system, so the sizes match and the membership cannot.
    """
    return _two_cuts("article", dataset, test_share=0.3, validation_share=0.1)


def eighty_twenty(dataset: CellDataset) -> Split:
    """80:20 as in the fast.ai article: one held-out part that serves as validation and as test.

    What is chosen on that part is reported on it too, so its figures are optimistic.
    """
    cut = _two_cuts("80-20", dataset, test_share=0.2, validation_share=0.0)
    return Split("80-20", cut.train, cut.test, cut.test)


def patient(dataset: CellDataset, fold: int = 0, folds: int = PATIENT_FOLDS) -> Split:
    """One fold of a stratified, grouped split: no patient is on two sides.

    The test part is the fold; validation is a seventh of the remaining patients, so of five folds about 69/11/20.

    Args:
        fold: from 0.
        folds: how many there are, 2 or more.
    """
    require_extra("train", "The patient split")
    from sklearn.model_selection import StratifiedGroupKFold

    if not 0 <= fold < folds or folds < 2:
        raise DataError(f"The patient split has folds 0 to {folds - 1}, not {fold}.")
    labels, patients = dataset.labels_as_filed, np.array(dataset.patients)
    parts = StratifiedGroupKFold(folds, shuffle=True, random_state=42).split(labels, labels, patients)
    rest, test = list(parts)[fold]
    inner = StratifiedGroupKFold(7, shuffle=True, random_state=42).split(rest, labels[rest], patients[rest])
    train, validation = next(iter(inner))
    name = f"patient-{fold}" if folds == PATIENT_FOLDS else f"patient-{fold}-of-{folds}"
    return Split(name, rest[train], rest[validation], test, by_patient=True)


def folders(dataset: CellDataset) -> Split:
    """The parts that the data set comes with, in folders named train, validation and test.

    Without validation, a seventh of the training cells serves as that: whole patients where all are known.

    Raises:
        DataError: it comes without.
    """
    parts = np.array([cell.part or "" for cell in dataset.cells])
    if not {"train", "test"} <= set(parts.tolist()):
        raise DataError(
            f"{dataset.root} comes without a split of its own: folders named train, validation and test, of which "
            "validation may be missing."
        )
    train, validation, test = (np.flatnonzero(parts == part) for part in PARTS)
    patients = [cell.patient for cell in dataset.cells]
    if not len(validation):
        require_extra("train", "The folders split")
        from sklearn.model_selection import StratifiedGroupKFold

        groups = np.array(list(range(len(parts))) if None in patients else patients)[train]
        inner = StratifiedGroupKFold(7, shuffle=True, random_state=42)
        kept, aside = next(iter(inner.split(train, dataset.labels_as_filed[train], groups)))
        train, validation = train[kept], train[aside]
    return Split("folders", train, validation, test, _are_apart(dataset, (train, validation, test)))


def read_split(file: Path, dataset: CellDataset) -> Split:
    """A split of one's own: a table with the columns ``name`` and ``part``, as ``save_split`` writes it.

    Cells that it does not name are in no part.

    Raises:
        DataError: it cannot be read, or names a part that there is not, or a cell twice or that the data set lacks.
    """
    places = {name: place for place, name in enumerate(dataset.names)}
    members: dict[str, list[int]] = {part: [] for part in PARTS}
    seen: set[str] = set()
    for number, row in enumerate(read_table(file, _COLUMNS), start=2):
        name, part = row["name"], row["part"].strip()
        if part not in members:
            raise DataError(f"{file}, row {number}: '{part}' is none of {', '.join(PARTS)}.")
        if name not in places or name in seen:
            what = "stands there twice" if name in seen else f"is no cell of {dataset.root}"
            raise DataError(f"{file}, row {number}: {name} {what}. 'plasmoscope data split' writes such a table.")
        seen.add(name)
        members[part].append(places[name])
    train, validation, test = (np.array(members[part], np.int64) for part in PARTS)
    return Split(str(file), train, validation, test, by_patient=_are_apart(dataset, (train, validation, test)))


def _are_apart(dataset: CellDataset, parts: Iterable[NDArray[np.int64]]) -> bool:
    """Whether all patients are known, and none is in two parts."""
    patients = [{dataset.cells[member].patient for member in part} for part in parts]
    known = not any(None in some for some in patients)
    return known and sum(map(len, patients)) == len(set().union(*patients))


def write_split(split: Split, dataset: CellDataset, stream: TextIO) -> None:
    """Write which cell belongs to which part to a stream, as CSV in the data set's order."""
    write_rows(stream, _COLUMNS, _split_rows(split, dataset), line_end="\n")


def save_split(split: Split, dataset: CellDataset, file: Path) -> None:
    """Write the same to a file, all at once."""
    write_csv(file, _COLUMNS, _split_rows(split, dataset))


def _split_rows(split: Split, dataset: CellDataset) -> list[tuple[str, str]]:
    parts = {int(member): part for part in PARTS for member in split.part(part)}
    return [(dataset.names[member], part) for member, part in sorted(parts.items())]


def _two_cuts(name: str, dataset: CellDataset, test_share: float, validation_share: float) -> Split:
    require_extra("train", f"The {name} split")
    from sklearn.model_selection import train_test_split

    rest, test = train_test_split(np.arange(len(dataset)), test_size=test_share, random_state=42)
    if not validation_share:
        return Split(name, rest, rest[:0], test)
    train, validation = train_test_split(rest, test_size=validation_share, random_state=42)
    return Split(name, train, validation, test)


SPLITS: dict[str, Callable[[CellDataset], Split]] = {
    "seed42": seed42,
    "article": article,
    "80-20": eighty_twenty,
    "folders": folders,
    **{f"patient-{fold}": partial(patient, fold=fold) for fold in range(PATIENT_FOLDS)},
}


def make_split(name: str, dataset: CellDataset) -> Split:
    """Split by name; ``patient`` is short for its first fold, ``patient-3-of-10`` is one of ten, FILE.csv one's own.

    Cells are dealt by the folders' labels; those that a review was unsure of are then left out.

    Raises:
        DataError: no such split, or too few cells for it.
    """
    function = SPLITS.get("patient-0" if name == "patient" else name)
    if match := _FOLD_OF.fullmatch(name):
        function = partial(patient, fold=int(match[1]), folds=int(match[2]))
    elif name.lower().endswith(".csv"):
        function = partial(read_split, Path(name))
    if function is None:
        known = ", ".join(SPLITS)
        raise DataError(
            f"There is no split '{name}'. Choose one of: patient, {known}, such as patient-0-of-10, or FILE.csv."
        )
    try:
        split = function(dataset).without(dataset.unsure)
    except ValueError as error:
        raise DataError(f"The data set is too small for the split {name}: {error}") from error
    if min(len(split.train), len(split.validation), len(split.test)) == 0:
        raise DataError(f"The data set of {len(dataset)} cells is too small for the split {name}: a part is empty.")
    return split


def unsure_cells(name: str, dataset: CellDataset) -> dict[str, int]:
    """How many cells of each part of a split a review left out; empty where it left out none."""
    if not len(dataset.unsure):
        return {}
    whole = make_split(name, dataset.original)
    return {part: int(np.isin(whole.part(part), dataset.unsure).sum()) for part in PARTS}
