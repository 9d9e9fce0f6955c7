import warnings
from pathlib import Path

import matplotlib.figure
import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from plasmoscope.classification.card import Figure
from plasmoscope.evaluation import plots
from plasmoscope.evaluation.metrics import bootstrap_weights, evaluate_probabilities, expected_calibration_error


@pytest.fixture
def scores() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    truth = rng.random(500) < 0.4
    return np.clip(rng.normal(0.3 + 0.4 * truth, 0.25), 0, 1), truth


def test_figures_equal_those_of_scikit_learn(scores: tuple[np.ndarray, np.ndarray]) -> None:
    probabilities, truth = scores
    called = probabilities >= 0.6
    figures = evaluate_probabilities(probabilities, truth, 0.6, resamples=20)
    expected = {
        "accuracy": sklearn_metrics.accuracy_score(truth, called),
        "sensitivity": sklearn_metrics.recall_score(truth, called),
        "specificity": sklearn_metrics.recall_score(~truth, ~called),
        "precision": sklearn_metrics.precision_score(truth, called),
        "f1": sklearn_metrics.f1_score(truth, called),
        "mcc": sklearn_metrics.matthews_corrcoef(truth, called),
        "auc": sklearn_metrics.roc_auc_score(truth, probabilities),
        "average_precision": sklearn_metrics.average_precision_score(truth, probabilities),
        "brier": sklearn_metrics.brier_score_loss(truth, probabilities),
    }
    for name, value in expected.items():
        assert figures[name].value == pytest.approx(value), name
        assert figures[name].low <= figures[name].value <= figures[name].high


def test_calibration_error_is_zero_for_the_truth_and_large_for_its_opposite() -> None:
    truth = np.array([True, False] * 50)
    assert expected_calibration_error(truth.astype(float), truth) == 0
    assert expected_calibration_error(1.0 - truth, truth) == 1
    # Always 0.8, right half of the time: off by 0.3.
    assert expected_calibration_error(np.full(100, 0.8), truth) == pytest.approx(0.3)


def test_an_interval_narrows_with_more_cells(scores: tuple[np.ndarray, np.ndarray]) -> None:
    probabilities, truth = scores
    few = evaluate_probabilities(probabilities[:100], truth[:100], 0.5, resamples=200)["accuracy"]
    many = evaluate_probabilities(probabilities, truth, 0.5, resamples=200)["accuracy"]
    assert many.high - many.low < few.high - few.low


def test_the_bootstrap_by_patient_draws_whole_patients() -> None:
    patients = ["a"] * 5 + ["b"] * 3 + ["c"]
    weights = bootstrap_weights(9, patients, 50, np.random.default_rng(0))
    assert np.all(weights[:, :5] == weights[:, :1])
    assert np.all(weights[:, 5:8] == weights[:, 5:6])
    assert np.all(weights[:, 0] + weights[:, 5] + weights[:, 8] == 3)


def test_cells_that_are_alike_within_patients_widen_the_interval() -> None:
    rng = np.random.default_rng(0)
    patients = np.repeat(np.arange(20), 50)
    truth = rng.random(1000) < 0.5
    good_patient = (rng.random(20) < 0.7)[patients]
    probabilities = np.where(truth == good_patient, 0.9, 0.1)
    by_cell = evaluate_probabilities(probabilities, truth, 0.5, resamples=200)["accuracy"]
    by_patient = evaluate_probabilities(probabilities, truth, 0.5, patients.astype(str).tolist(), 200)["accuracy"]
    assert by_patient.high - by_patient.low > 2 * (by_cell.high - by_cell.low)


def test_an_undefined_figure_survives_in_a_card() -> None:
    truth = np.array([True, False] * 20)
    figure = evaluate_probabilities(np.full(40, 0.1), truth, 0.5, resamples=20)["precision"]
    assert np.isnan(figure.value)
    assert np.isnan(Figure.model_validate_json(figure.model_dump_json()).value)


def test_a_figure_without_any_resample_is_undefined_without_a_warning() -> None:
    truth = np.array([True, False] * 20)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = evaluate_probabilities(np.full(40, 0.1), truth, 0.5, resamples=20)["precision"]
    assert np.isnan(figure.low)


def test_a_single_cell_is_seen_in_the_histogram_of_predictions(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[matplotlib.figure.Figure] = []
    monkeypatch.setattr(matplotlib.figure.Figure, "savefig", lambda figure, *args, **settings: drawn.append(figure))
    plots.plot_reliability(np.array([0.1, 0.9, 0.9]), np.array([False, True, True]), Path("unwritten.png"))
    lowest, highest = drawn[0].axes[1].get_ylim()
    assert lowest == 0.5
    assert highest > 2


def test_one_class_alone_is_refused() -> None:
    with pytest.raises(ValueError, match="both classes"):
        evaluate_probabilities(np.array([0.1, 0.9]), np.array([True, True]), 0.5)
