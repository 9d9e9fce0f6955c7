"""Figures of several classes against scikit-learn's, and an audit of labels of such classes."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import confusion_matrix, f1_score, precision_score, recall_score, roc_auc_score

from plasmoscope.classification.card import ModelCard, Preprocessing, TrainingData
from plasmoscope.csv_tables import read_csv, write_csv
from plasmoscope.data.loading import load_cells
from plasmoscope.data.nih import CellDataset, DataError
from plasmoscope.data.reviewed import COLUMNS, picture_sha256, read_decisions, with_reviewed_labels
from plasmoscope.data.splits import make_split, save_split
from plasmoscope.evaluation.audit import AuditError, audit_labels
from plasmoscope.evaluation.class_metrics import evaluate_classes, weighted_auc
from plasmoscope.evaluation.comparison import Run
from plasmoscope.evaluation.evaluate import Predictions, evaluation_folder, summarise, write_report
from plasmoscope.evaluation.review_sheet import write_audit
from plasmoscope.labels import Classes
from plasmoscope.training.recipe import load_recipe

STAGES = Classes(("late stage", "ring", "uninfected"), ("ring", "late stage"))
WRONG = (5, 31, 70)


@pytest.fixture
def shares() -> np.ndarray:
    return np.random.default_rng(3).dirichlet([1, 1, 1], 90)


def test_figures_are_those_of_scikit_learn(shares: np.ndarray) -> None:
    labels = np.random.default_rng(4).integers(0, 3, 90)
    infected = shares[:, :2].sum(axis=1) >= 0.4
    called = np.where(infected, shares[:, :2].argmax(axis=1), 2)
    told = evaluate_classes(shares, labels, infected, STAGES)
    assert np.array_equal(told.confusion, confusion_matrix(labels, called))
    assert told.figures["accuracy"].value == pytest.approx((labels == called).mean())
    assert told.figures["macro_f1"].value == pytest.approx(f1_score(labels, called, average="macro"))
    assert told.figures["macro_auc"].value == pytest.approx(roc_auc_score(labels, shares, multi_class="ovr"))
    for index, name in enumerate(STAGES.names):
        of_class = told.by_class[name]
        assert of_class.sensitivity.value == pytest.approx(recall_score(labels, called, average=None)[index])
        assert of_class.precision.value == pytest.approx(precision_score(labels, called, average=None)[index])
        assert of_class.sensitivity.low <= of_class.sensitivity.value <= of_class.sensitivity.high


def test_the_area_under_the_curve_takes_weights_and_ties(shares: np.ndarray) -> None:
    scores, positive = np.round(shares[:, 0], 1), shares[:, 1] > 0.3
    weights = np.random.default_rng(5).integers(0, 3, (4, 90)).astype(np.float64)
    expected = [roc_auc_score(positive, scores, sample_weight=one) for one in weights]
    assert weighted_auc(scores, positive, weights) == pytest.approx(expected)


def test_a_class_without_cells_has_no_figures_and_is_in_no_mean(shares: np.ndarray) -> None:
    labels = np.random.default_rng(4).integers(1, 3, 90)
    told = evaluate_classes(shares, labels, shares[:, :2].sum(axis=1) >= 0.5, STAGES)
    assert np.isnan(told.by_class["late stage"].sensitivity.value)
    assert np.isnan(told.by_class["late stage"].auc.value)
    there = [told.by_class[name].f1.value for name in ("ring", "uninfected")]
    assert told.figures["macro_f1"].value == pytest.approx(np.mean(there))


@pytest.fixture
def dataset(tmp_path: Path) -> CellDataset:
    patients = []
    for number in range(90):
        file = tmp_path / "cells" / STAGES.names[number // 30] / f"{number:02d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8, 3), number, np.uint8)).save(file)
        patients.append((file.name, f"patient {number % 10}"))
    write_csv(tmp_path / "patients.csv", ("name", "patient"), patients)
    return load_cells(tmp_path / "cells", groups=tmp_path / "patients.csv")


def a_fold(dataset: CellDataset, fold: int, folder: Path) -> Run:
    """An evaluated fold of networks that are sure, and for three labels sure of another class."""
    split = make_split(f"patient-{fold}", dataset)
    members = split.part("test").tolist()
    likely = dataset.labels.copy()
    likely[list(WRONG)] = (likely[list(WRONG)] + 1) % 3
    shares = (0.05 + 0.85 * np.eye(3)[likely])[members]
    predictions = Predictions(
        dataset, tuple(members), 1, shares[:, :2].sum(axis=1), dataset.infected[members], shares=shares
    )
    write_report(evaluation_folder(folder), predictions, summarise(predictions, split.name, "test", 0.5, True))
    save_split(split, dataset, folder / "split.csv")
    card = ModelCard.of(
        b"",
        name="x",
        recipe="x",
        architecture="x",
        preprocessing=Preprocessing(image_size=32, mean=(0, 0, 0), std=(1, 1, 1)),
        data=TrainingData(dataset="x", split=split.name),
        format=2,
        class_names=STAGES.names,
        positive_classes=STAGES.positive,
    )
    recipe = load_recipe("basic_cnn").of_classes(STAGES).changed([f"split={split.name}"])
    return Run(folder, recipe, card, seed=0, random_start=True, epochs=1, seconds=1.0, size_on_disk=1)


def test_labels_of_any_class_are_suspected_by_patients_that_a_table_tells(
    dataset: CellDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Pictures take long, and are not what is looked at.
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda *_, **__: None)
    folds = [a_fold(dataset, fold, tmp_path / f"patient-{fold}") for fold in range(5)]
    audit = audit_labels(dataset, folds, views=1)
    assert set(audit.suspects.tolist()) == set(WRONG)
    assert [audit.likeliest_other(index) for index in WRONG] == [1, 2, 0]
    write_audit(tmp_path / "audit", audit, most=3)
    sheet = (tmp_path / "audit" / "review.html").read_text("utf-8")
    assert 'data-flip="uninfected"' in sheet
    assert "flip: late stage" in sheet
    assert {row["label"] for row in read_csv(tmp_path / "audit" / "suspects.csv")} == set(STAGES.names)
    nameless = load_cells(dataset.root)
    with pytest.raises(DataError, match="--groups"):
        audit_labels(nameless, folds, views=1)
    save_split(make_split("patient-1", dataset), dataset, folds[0].folder / "split.csv")
    with pytest.raises(AuditError, match="has seen cells of the patient"):
        audit_labels(dataset, folds, views=1)


def test_a_decision_names_the_class_that_a_label_becomes(dataset: CellDataset, tmp_path: Path) -> None:
    def decide(decision: str) -> CellDataset:
        cell = dataset.cells[5]
        write_csv(tmp_path / "decisions.csv", COLUMNS, [(cell.name, picture_sha256(cell), decision)])
        return with_reviewed_labels(dataset, read_decisions(tmp_path / "decisions.csv", dataset.classes))

    reviewed = decide("ring")
    assert reviewed.labels[5] == 1
    assert reviewed.names == dataset.names
    assert "1 flipped" in reviewed.label_set
    assert reviewed.content != dataset.content
    assert decide("late stage").labels[5] == 0
    with pytest.raises(DataError, match="to flip, where there are late stage, ring and uninfected, name the class"):
        decide("flip")
    with pytest.raises(DataError, match="Write one of: keep, flip, unsure, late stage, ring, uninfected"):
        decide("rings")
