"""Which labels of a data set may be wrong: confident learning on what networks say of patients they never saw."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from plasmoscope.csv_tables import read_csv
from plasmoscope.data.nih import CellDataset, patient_of
from plasmoscope.data.splits import PATIENT_FOLDS
from plasmoscope.errors import PlasmoscopeError
from plasmoscope.evaluation.comparison import Run
from plasmoscope.evaluation.metrics import Floats
from plasmoscope.evaluation.published import PublishedCells
from plasmoscope.files import name_as_text


class AuditError(PlasmoscopeError):
    """The runs given do not judge every cell by networks that never saw its patient."""


@dataclass(frozen=True)
class Audit:
    """Out-of-fold probabilities of a data set and the labels that they speak against."""

    dataset: CellDataset
    probabilities: Floats
    """P(parasitized) of every cell, in the data set's order; of several seeds the mean."""
    shares: Floats
    """Probability of each of the data set's classes, shape (n, c)."""
    suspects: NDArray[np.intp]
    """Indices of the suspected labels, the least likely label first."""

    def likeliest_other(self, index: int) -> int:
        """The likeliest class of a cell but for its label."""
        others = self.shares[index].copy()
        others[self.dataset.labels[index]] = -1
        return int(others.argmax())

    def suspected(self, label: int) -> int:
        """How many labels of a class are suspected."""
        return int((self.dataset.labels[self.suspects] == label).sum())


def audit_labels(dataset: CellDataset, folds: Sequence[Run | PublishedCells], views: int) -> Audit:
    """Rank the labels of a data set.

    Args:
        folds: patient folds, of every one at least one: runs that were evaluated on their test parts, or published
            tables of such parts, in which nothing tells whether their network saw other cells of these patients.
        views: of the runs' evaluations that are read.

    Raises:
        AuditError: a run is no patient fold, has seen a patient that it judges, tables share some of their patients
            but not all, or cells are judged by none.
        ComparisonError: a run was not evaluated with these views.
    """
    shares = out_of_fold(dataset, folds, views)
    infected = shares[:, dataset.classes.infected_indices].sum(axis=1)
    return Audit(dataset, infected, shares, suspected_labels(shares, dataset.labels))


def out_of_fold(dataset: CellDataset, folds: Sequence[Run | PublishedCells], views: int) -> Floats:
    """Probability of every cell's classes by networks that never saw its patient, shape (n, c).

    Errors as ``audit_labels``.
    """
    # Names that do not tell the patient need a table that does.
    known = dataset.patients if any(isinstance(fold, Run) for fold in folds) else ()
    patients = dict(zip(map(name_as_text, dataset.names), known, strict=False))
    place = {name_as_text(name): index for index, name in enumerate(dataset.names)}
    total, judged = np.zeros((len(dataset), len(dataset.classes.names))), np.zeros(len(dataset))
    _check_patients([fold for fold in folds if isinstance(fold, PublishedCells)])
    for fold in folds:
        if isinstance(fold, Run):
            _check_apart(fold)
            cells, what = fold.cells("test", views), str(fold.folder)
            _check_unseen(fold, cells.names, patients)
        else:
            cells, what = fold, "A table"
        unknown = next((name for name in cells.names if name not in place), None)
        if unknown is not None:
            raise AuditError(f"{what} judged {unknown}, which is not in {dataset.root}. Give its own data set.")
        members = [place[name] for name in cells.names]
        total[members] += _of_classes(dataset, cells, what)
        judged[members] += 1
    if missing := np.flatnonzero(judged == 0).tolist():
        raise AuditError(
            f"{len(missing):,} of {len(dataset):,} cells are judged by none of these runs or tables, such as "
            f"{dataset.names[missing[0]]}. Give every fold, patient-0 to patient-{PATIENT_FOLDS - 1}, trained on the "
            "original labels."
        )
    return np.asarray(total / judged[:, None])


def _of_classes(dataset: CellDataset, cells: PublishedCells, what: str) -> Floats:
    """Probability of each of the data set's classes in some cells, shape (n, c)."""
    if not dataset.classes.own:
        return np.stack([cells.probabilities, 1 - cells.probabilities], axis=1)
    if cells.shares is None:
        raise AuditError(
            f"{what} does not tell the probability of each class ({dataset.classes}). Give run folders of networks of "
            "these classes, each evaluated with --part test."
        )
    return cells.shares


def suspected_labels(shares: Floats, labels: NDArray[np.int64]) -> NDArray[np.intp]:
    """Labels that confident learning (Northcutt et al. 2021, by cleanlab) takes for wrong, the most suspect first.

    It counts how many labels of each class are wrong, by thresholds that are each class's mean probability, and takes
    so many of the least likely ones: that a network is less sure of one class than of the other casts no suspicion.

    Args:
        shares: probability of each class by networks that did not learn the label, shape (n, c).
        labels: class indices, shape (n,); all classes must occur.
    """
    from cleanlab.filter import find_label_issues

    found = find_label_issues(
        labels=labels,
        pred_probs=shares,
        filter_by="prune_by_noise_rate",
        return_indices_ranked_by="self_confidence",
        n_jobs=1,
    )
    return np.asarray(found, np.intp)


def _check_apart(run: Run) -> None:
    if not run.recipe.split.startswith("patient-"):
        raise AuditError(
            f"{run.folder} was trained on the split {run.recipe.split}, so it has seen cells of the patients that it "
            f"would judge. Train folds with --split patient-0 to patient-{PATIENT_FOLDS - 1}, evaluate each with "
            "--part test, and give those folders."
        )


def _check_patients(tables: Sequence[PublishedCells]) -> None:
    """Tables of whole patients: two are of one fold, with all its patients, or share none."""
    of_tables = []
    for table in tables:
        if table.patients is None:
            raise AuditError("The names in a table do not tell the patients, so nothing tells that it is of a fold.")
        of_tables.append(set(table.patients))
    if any(one & other and one != other for one, other in combinations(of_tables, 2)):
        raise AuditError(
            "Two of the tables share some of their patients but not all, so they are no patient folds. Give the tables "
            f"of the test parts of patient-0 to patient-{PATIENT_FOLDS - 1}."
        )


def _check_unseen(run: Run, judged: Sequence[str], patients: Mapping[str, str]) -> None:
    """The run's own table of its split says whose cells it has seen, in training and in choosing its epoch."""
    file: Path = run.folder / "split.csv"
    try:
        names = [row["name"] for row in read_csv(file) if row["part"] != "test"]
    except (OSError, UnicodeDecodeError, KeyError) as error:
        raise AuditError(f"{file} cannot be read, so whom this run has seen is not known ({error}).") from error
    seen = {patients.get(name) or patient_of(name) for name in names}
    if known := next((name for name in judged if patients.get(name) in seen), None):
        raise AuditError(
            f"{run.folder} has seen cells of the patient of {known}. Evaluate it anew on its own data set: "
            "plasmoscope evaluate --part test."
        )
