"""Every cell's probability of a run, small enough to be published beside its figures, which follow from it alone."""

import gzip
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from plasmoscope.classification.card import Figure
from plasmoscope.csv_tables import csv_rows, csv_text
from plasmoscope.data.nih import patient_of
from plasmoscope.errors import PlasmoscopeError
from plasmoscope.evaluation.metrics import Bools, Floats, evaluate_probabilities
from plasmoscope.files import replace_file
from plasmoscope.labels import CLASS_NAMES, PARASITIZED, class_name

_COLUMNS = ("name", "patient", "truth", "probability", "threshold")
_COUNTING = "counting_threshold"


class PublishedError(PlasmoscopeError):
    """A table of published probabilities cannot be read."""


@dataclass(frozen=True)
class PublishedCells:
    """P(parasitized) of cells beside their truth; one entry a cell in each."""

    names: tuple[str, ...]
    parasitized: Bools
    probabilities: Floats
    thresholds: Floats
    """At or above it a cell was called parasitized."""
    counting_thresholds: Floats | None = None
    """Likewise in a count, where most cells are uninfected; None where the model has none for so many views."""
    known_patients: tuple[str, ...] | None = None
    """Where something else than the names tells them."""
    shares: Floats | None = None
    """Probability of each class of one's own, shape (n, c), as far as it is known."""

    @property
    def patients(self) -> tuple[str, ...] | None:
        """Patient of every cell; None where nothing tells."""
        if self.known_patients is not None:
            return self.known_patients
        patients = tuple(patient_of(name) for name in self.names)
        return None if None in patients else tuple(map(str, patients))


def write_published(file: Path, cells: PublishedCells) -> None:
    """Write ``name, patient, truth, probability, threshold`` as CSV, gzipped; the same cells give the same bytes.

    Where there are thresholds for counting, ``counting_threshold`` comes last.
    """
    counting = () if cells.counting_thresholds is None else (cells.counting_thresholds,)
    patients = cells.patients or [patient_of(name) for name in cells.names]
    rows = (
        (name, patient or "", class_name(bool(truth)), *(f"{number:.9g}" for number in numbers))
        for name, patient, truth, *numbers in zip(
            cells.names, patients, cells.parasitized, cells.probabilities, cells.thresholds, *counting, strict=True
        )
    )
    columns = (*_COLUMNS, _COUNTING) if counting else _COLUMNS
    replace_file(file, gzip.compress(csv_text(columns, rows).encode(), mtime=0))


def read_published(file: Path) -> PublishedCells:
    """Read back what ``write_published`` wrote.

    Raises:
        PublishedError: it is missing, damaged or something else.
    """
    try:
        rows = csv_rows(io.StringIO(gzip.decompress(file.read_bytes()).decode("utf-8-sig"), newline=""))
        cells = PublishedCells(
            names=tuple(row["name"] for row in rows),
            parasitized=np.array([CLASS_NAMES.index(row["truth"]) == PARASITIZED for row in rows]),
            probabilities=np.array([float(row["probability"]) for row in rows]),
            thresholds=np.array([float(row["threshold"]) for row in rows]),
            counting_thresholds=(
                np.array([float(row[_COUNTING]) for row in rows]) if rows and _COUNTING in rows[0] else None
            ),
            known_patients=_patients(rows),
        )
        if not rows:
            raise ValueError("it has no rows")
    except (OSError, EOFError, ValueError, KeyError) as error:
        raise PublishedError(
            f"{file} is no table of probabilities as 'plasmoscope compare --output' writes it ({error})."
        ) from error
    return cells


def _patients(rows: Sequence[dict[str, str]]) -> tuple[str, ...] | None:
    """As the table tells them where the names do not; None where neither does."""
    told = tuple(row["patient"] for row in rows)
    return told if all(told) and any(patient_of(row["name"]) is None for row in rows) else None


def pooled(tables: Sequence[PublishedCells]) -> PublishedCells:
    """The cells of several folds together, each with the threshold of its own fold.

    Raises:
        PublishedError: a cell occurs twice, as in two seeds of one fold.
    """
    names = tuple(name for table in tables for name in table.names)
    if len(set(names)) < len(names):
        raise PublishedError(
            "Some cells are in two of these tables. Give the folds of one seed, of which each judges other cells."
        )
    counting = [table.counting_thresholds for table in tables if table.counting_thresholds is not None]
    known = [table.known_patients for table in tables if table.known_patients is not None]
    return PublishedCells(
        names,
        np.concatenate([table.parasitized for table in tables]),
        np.concatenate([table.probabilities for table in tables]),
        np.concatenate([table.thresholds for table in tables]),
        np.concatenate(counting) if len(counting) == len(tables) else None,
        tuple(patient for some in known for patient in some) if len(known) == len(tables) else None,
    )


def figures_of(cells: PublishedCells) -> dict[str, Figure]:
    """The figures with 95 % intervals, drawn by patient where names tell the patients.

    Raises:
        PublishedError: only one class occurs.
    """
    try:
        return evaluate_probabilities(cells.probabilities, cells.parasitized, cells.thresholds, cells.patients)
    except ValueError as error:
        raise PublishedError(f"These tables cannot be evaluated: {error}.") from error


def figures_over(tables: Sequence[PublishedCells]) -> dict[str, Figure]:
    """The figures of all folds' cells pooled; AUC and average precision, which know no threshold, as mean of folds.

    Probabilities of two networks have no common order, so their mean, lowest and highest are given instead.
    """
    figures = figures_of(pooled(tables))
    if len(tables) > 1:
        by_fold = [figures_of(table) for table in tables]
        for name in ("auc", "average_precision"):
            values = [fold[name].value for fold in by_fold]
            figures[name] = Figure(value=float(np.mean(values)), low=min(values), high=max(values))
    return figures
