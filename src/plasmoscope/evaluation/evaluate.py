"""A model against one part of a labelled data set: figures, pictures, and a table of every cell."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from plasmoscope.classification.batch import classify_sources, told_against_smears
from plasmoscope.classification.card import Evaluation, TrainingData
from plasmoscope.classification.cell_call import CellCall
from plasmoscope.classification.class_shares import called_class, with_infected
from plasmoscope.classification.classifier import Classifier
from plasmoscope.csv_tables import read_csv, write_csv
from plasmoscope.data.nih import CellDataset, DataError
from plasmoscope.data.splits import make_split
from plasmoscope.evaluation.class_metrics import evaluate_classes
from plasmoscope.evaluation.metrics import Bools, Floats, evaluate_probabilities
from plasmoscope.files import replace_file
from plasmoscope.imaging.cells import read_cell
from plasmoscope.labels import CLASS_NAMES, NOT_TOLD, PARASITIZED, TWO_CLASSES, UNINFECTED, Classes
from plasmoscope.progress import Track, untracked

# Cells on the picture of the most wrong calls.
_MOST_WRONG = 32


@dataclass(frozen=True)
class Predictions:
    """P(parasitized) and truth of the cells ``members`` of a data set, for a number of views."""

    dataset: CellDataset
    members: tuple[int, ...]
    views: int
    probabilities: Floats
    parasitized: Bools
    by_smear: bool = False
    """Whether the cells of each patient were judged together."""
    silent: Bools | None = None
    """Which cells get no call, since they may be none; None where the model is never silent."""
    results: tuple[CellCall, ...] = ()
    """What the classifier said of each by itself."""
    shares: Floats | None = None
    """Probability of each of the data set's classes, shape (n, c), where model and cells are of the same classes of
    one's own; None of others."""

    @property
    def labels(self) -> NDArray[np.int64]:
        """Class of each of the cells, shape (n,)."""
        return self.dataset.labels[list(self.members)]


def predict_part(
    classifier: Classifier, dataset: CellDataset, members: Iterable[int], views: int = 1, track: Track = untracked
) -> Predictions:
    """Classify some cells of a data set.

    Raises:
        DataError: one of them cannot be read; leaving it out would change the figures in silence.
    """
    chosen = tuple(int(member) for member in members)
    sources = [dataset.cells[member].source for member in chosen]
    found = classify_sources(classifier, sources, views)
    results = tuple(track(found, len(sources), f"Classifying with {views} view{'s' if views > 1 else ''}"))
    probabilities, silent = _said(classifier, results)
    shares = _shares(classifier, dataset, results)
    truth = dataset.infected[list(chosen)]
    return Predictions(dataset, chosen, views, probabilities, truth, silent=silent, results=results, shares=shares)


def _shares(classifier: Classifier, dataset: CellDataset, results: Iterable[CellCall]) -> Floats | None:
    """Probability of each class; None where model and data set are not of the same classes of one's own."""
    if not dataset.classes.own or dataset.classes != classifier.classes:
        return None
    names = dataset.classes.names
    return np.array([[result.class_probabilities[name] for name in names] for result in results])  # type: ignore[index]


def _said(classifier: Classifier, results: Iterable[CellCall]) -> tuple[Floats, Bools | None]:
    """P(parasitized) of each cell, and which get no call; None where the model is never silent."""
    probabilities, silent = [], []
    for result in results:
        if result.probability is None:
            raise DataError(f"{result.name}: {result.error}")
        probabilities.append(result.probability)
        silent.append(result.call == NOT_TOLD)
    return np.array(probabilities), None if classifier.card.silence is None else np.array(silent, bool)


def judged_by_smear(classifier: Classifier, predictions: Predictions) -> Predictions:
    """The same cells, those of each patient judged together (``smears.judge_together``); no label is used.

    As ``classify --by-smear`` has them: those of a patient of unusual colours are told against the patient's own.

    Raises:
        DataError: a name does not tell the patient.
    """
    patients = [predictions.dataset.patients[member] for member in predictions.members]
    sources = [predictions.dataset.cells[member].source for member in predictions.members]
    told = told_against_smears(classifier, predictions.results, sources, patients, predictions.views)
    alone, silent = _said(classifier, told)
    together = classifier.judge_together(alone, patients).astype(np.float64)
    shares = _shares(classifier, predictions.dataset, told)
    if shares is not None:
        shares = with_infected(shares, together, predictions.dataset.classes)
    return replace(
        predictions, probabilities=together, by_smear=True, silent=silent, results=tuple(told), shares=shares
    )


def part_members(dataset: CellDataset, split: str, part: str) -> tuple[tuple[int, ...], bool]:
    """Indices of a split's part, or of ``all`` cells, and whether the split keeps patients apart.

    Cells that a review was unsure of are in neither.
    """
    if part == "all":
        sure = np.setdiff1d(np.arange(len(dataset)), dataset.unsure)
        return tuple(sure.tolist()), all(cell.patient is not None for cell in dataset.cells)
    made = make_split(split, dataset)
    return tuple(made.part(part).tolist()), made.by_patient


def has_parts_of(dataset: CellDataset, data: TrainingData) -> bool:
    """Whether a data set may be the one that a model was trained on: its split deals it into parts of those sizes.

    Labels do not matter: a review may have left out cells here, there or nowhere.
    """
    try:
        made = make_split(data.split, dataset.original)
        return all(len(made.part(name)) == cells + data.unsure.get(name, 0) for name, cells in data.cells.items())
    except DataError:
        return False


def summarise(predictions: Predictions, split: str, part: str, threshold: float, by_patient: bool) -> Evaluation:
    """Figures with intervals: by patient where patients are kept apart or judged as one, else by cell."""
    by_patient = by_patient or predictions.by_smear
    groups = [predictions.dataset.patients[member] for member in predictions.members] if by_patient else None
    figures = evaluate_probabilities(predictions.probabilities, predictions.parasitized, threshold, groups)
    classes = None
    if predictions.shares is not None:
        called = predictions.probabilities >= threshold
        classes = evaluate_classes(predictions.shares, predictions.labels, called, predictions.dataset.classes, groups)
    return Evaluation(
        part=part,
        split=split,
        views=predictions.views,
        by_smear=predictions.by_smear,
        labels=predictions.dataset.label_set,
        cells=len(predictions.members),
        interval=f"95 % bootstrap by {'patient' if by_patient else 'cell'}",
        threshold=threshold,
        figures=figures,
        classes=classes,
        silent=None if predictions.silent is None else _silent_shares(predictions.silent, predictions.parasitized),
    )


def _silent_shares(silent: Bools, parasitized: Bools) -> dict[str, float]:
    of_class = {CLASS_NAMES[PARASITIZED]: silent[parasitized], CLASS_NAMES[UNINFECTED]: silent[~parasitized]}
    return {name: float(cells.mean()) for name, cells in of_class.items() if cells.size}


def evaluation_folder(run: Path) -> Path:
    """Where a run folder keeps its evaluations."""
    return run / "evaluations"


def report_stem(part: str, views: int, by_smear: bool = False) -> str:
    """How the names of an evaluation's files begin."""
    return f"{part}-{views}-view{'-by-smear' if by_smear else ''}"


@dataclass(frozen=True)
class ReportedCells:
    """The table of every cell in a written report."""

    names: tuple[str, ...]
    parasitized: Bools
    probabilities: Floats
    shares: Floats | None = None
    """Probability of each class of one's own, shape (n, c); None of the two that ship."""
    patients: tuple[str, ...] | None = None
    """Likewise; the names of the two that ship tell the patients."""


def read_reported_cells(folder: Path, stem: str, classes: Classes = TWO_CLASSES) -> ReportedCells:
    """Read back what ``write_report`` wrote of every cell, in its order.

    Args:
        folder: that it wrote into.
        stem: of its files' names.
        classes: of the model.
    """
    rows = read_csv(folder / f"{stem}.csv")
    own = classes.own and all(f"p_{name}" in row for row in rows for name in classes.names)
    patients = tuple(row.get("patient", "") for row in rows)
    return ReportedCells(
        names=tuple(row["name"] for row in rows),
        parasitized=np.array([row["truth"] in (*classes.positive, CLASS_NAMES[PARASITIZED]) for row in rows]),
        probabilities=np.array([float(row["parasitized_probability"]) for row in rows]),
        shares=np.array([[float(row[f"p_{name}"]) for name in classes.names] for row in rows]) if own else None,
        patients=patients if all(patients) else None,
    )


def most_wrong(probabilities: Floats, parasitized: Bools, threshold: float) -> NDArray[np.intp]:
    """Indices of the wrong calls whose probability is farthest from the truth, worst first; no more than fit a page."""
    wrong = np.flatnonzero((probabilities >= threshold) != parasitized)
    distance = np.abs(probabilities - parasitized)[wrong]
    return wrong[np.argsort(-distance, kind="stable")][:_MOST_WRONG]


def write_report(folder: Path, predictions: Predictions, evaluation: Evaluation) -> None:
    """Write figures (JSON), every cell's probability (CSV) and the pictures into ``folder``."""
    from plasmoscope.evaluation import plots

    folder.mkdir(parents=True, exist_ok=True)
    stem = report_stem(evaluation.part, evaluation.views, evaluation.by_smear)
    dataset, members = predictions.dataset, predictions.members
    probabilities, truth = predictions.probabilities, predictions.parasitized
    sides = ("infected", "not infected") if dataset.classes.own else CLASS_NAMES
    plots.plot_confusion(probabilities, truth, evaluation.threshold, folder / f"{stem}-confusion.png", sides)
    plots.plot_curves(probabilities, truth, folder / f"{stem}-curves.png")
    plots.plot_reliability(probabilities, truth, folder / f"{stem}-reliability.png")
    worst = most_wrong(probabilities, truth, evaluation.threshold)
    most_wrong_file = folder / f"{stem}-most-wrong.png"
    if worst.size:
        images = [read_cell(dataset.cells[members[index]].source.read()) for index in worst]
        truths = [dataset.classes.names[dataset.cells[members[index]].label] for index in worst]
        plots.plot_most_wrong(images, probabilities[worst], truths, most_wrong_file)
    else:
        # That of an earlier evaluation would be taken for this one's.
        most_wrong_file.unlink(missing_ok=True)
    cells = [dataset.cells[member] for member in members]
    # With all digits of a 32-bit number: a rounded one may fall on the other side of the threshold.
    rows: list[tuple[str, ...]] = [
        (cell.name, dataset.classes.names[cell.label], f"{probability:.9g}")
        for cell, probability in zip(cells, probabilities, strict=True)
    ]
    columns: tuple[str, ...] = ("name", "truth", "parasitized_probability")
    if predictions.shares is not None and evaluation.classes is not None:
        plots.plot_classes(evaluation.classes, folder / f"{stem}-classes.png")
        names = dataset.classes.names
        called = called_class(predictions.shares, probabilities >= evaluation.threshold, dataset.classes)
        beside = zip(cells, called, predictions.shares, strict=True)
        columns = (*columns, "patient", "class", *(f"p_{name}" for name in names))
        rows = [
            (*row, cell.patient or "", names[index], *(f"{share:.9g}" for share in shares))
            for row, (cell, index, shares) in zip(rows, beside, strict=True)
        ]
    write_csv(folder / f"{stem}.csv", columns, rows)
    # Last: where the figures are, everything beside them is.
    replace_file(folder / f"{stem}.json", (evaluation.model_dump_json(indent=2) + "\n").encode())
