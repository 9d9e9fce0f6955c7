"""Two models on the same cells: patients are what was drawn, many tests are corrected, figures can be recomputed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest
from typer.testing import CliRunner

from plasmoscope.cli import app
from plasmoscope.evaluation.by_patient import calls_by_patient, figures_by_patient
from plasmoscope.evaluation.comparison_report import significance_table
from plasmoscope.evaluation.paired import Calls, holm, paired_test
from plasmoscope.evaluation.published import (
    PublishedCells,
    PublishedError,
    figures_of,
    figures_over,
    pooled,
    read_published,
    write_published,
)


def calls(correct: np.ndarray, groups: list[str] | None = None) -> Calls:
    names = tuple(f"Uninfected/{index}.png" for index in range(len(correct)))
    return Calls(names, np.zeros(len(names), bool), np.asarray(correct, float), tuple(groups) if groups else names)


def test_one_patient_that_a_model_fails_on_is_one_finding_however_many_cells_it_has() -> None:
    patients = [f"P{index // 40}" for index in range(400)]
    first, second = np.ones(400), np.ones(400)
    second[:30] = 0
    test = paired_test(calls(first, patients), calls(second, patients))
    assert test is not None
    assert (test.only_first_right, test.only_second_right, test.groups, test.by_patient) == (30, 0, 10, True)
    assert test.p_value == 1.0
    assert binomtest(0, 30).pvalue < 1e-8, "with cells taken for independent it would look certain"
    assert (test.low, test.difference) == (0, 30 / 400)
    second[5::40] = 0
    again = paired_test(calls(first, patients), calls(second, patients))
    assert again is not None
    assert again.p_value == pytest.approx(2 / 2**10), "all ten patients say the same"


def test_two_equal_models_seem_to_differ_in_one_of_twenty_sets_of_patients() -> None:
    rng = np.random.default_rng(3)
    patients = [f"P{index // 50}" for index in range(500)]
    by_patient, by_cell = [], []
    for _ in range(200):
        # In each patient either model errs more, at a rate of the patient's own.
        rates = 0.02 + 0.2 * rng.random((2, 10)) * (rng.random((2, 10)) < 0.4)
        right = [rng.random(500) >= np.repeat(rate, 50) for rate in rates]
        test = paired_test(calls(right[0], patients), calls(right[1], patients))
        assert test is not None
        by_patient.append(test.p_value)
        by_cell.append(
            binomtest(int(test.only_first_right), int(test.only_first_right + test.only_second_right)).pvalue
        )
    assert 0.01 <= np.mean(np.array(by_patient) < 0.05) <= 0.09
    assert np.mean(np.array(by_cell) < 0.05) > 0.3


def test_cells_whose_names_tell_no_patient_are_taken_one_by_one_and_in_any_order() -> None:
    first = calls(np.ones(10))
    second = calls(np.array([1, 0, 0, 0, 0, 0, 0, 1, 1, 1]))
    turned = Calls(second.names[::-1], second.parasitized, second.correct[::-1], second.groups[::-1])
    test = paired_test(first, turned)
    assert test is not None
    assert (test.only_first_right, test.only_second_right, test.by_patient) == (6, 0, False)
    assert test.p_value == pytest.approx(2 / 2**6), "as McNemar's exact test"
    same = paired_test(first, first)
    assert same is not None
    assert same.p_value == 1.0


def test_models_judged_on_other_cells_or_by_other_labels_are_not_tested() -> None:
    first = calls(np.ones(4))
    assert paired_test(first, calls(np.ones(3))) is None
    assert (
        paired_test(first, Calls(first.names, np.array([True, False, False, False]), first.correct, first.groups))
        is None
    )


def test_p_values_are_corrected_for_their_number() -> None:
    assert holm([0.04, 0.01, 0.5]) == pytest.approx([0.08, 0.03, 0.5])
    assert holm([0.03, 0.03]) == pytest.approx([0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []
    table = significance_table([], {})
    assert table.rows == ()


@pytest.fixture
def folds() -> list[PublishedCells]:
    rng = np.random.default_rng(1)
    tables = []
    for fold, threshold in enumerate((0.3, 0.6)):
        truth = np.arange(60) % 2 == 0
        names = tuple(
            f"{'Parasitized' if infected else 'Uninfected'}/C1P{fold}{index % 6}ThinF_IMG_1_cell_{index}.png"
            for index, infected in enumerate(truth)
        )
        probabilities = np.clip(np.where(truth, 0.65, 0.35) + rng.normal(0, 0.2, 60), 0, 1).astype(np.float32)
        tables.append(PublishedCells(names, truth, probabilities.astype(np.float64), np.full(60, threshold)))
    return tables


def test_figures_follow_from_what_was_published_alone(folds: list[PublishedCells], tmp_path: Path) -> None:
    files = [tmp_path / f"fold-{index}.csv.gz" for index in range(2)]
    for file, cells in zip(files, folds, strict=True):
        write_published(file, cells)
    written = files[0].read_bytes()
    write_published(files[0], folds[0])
    assert files[0].read_bytes() == written, "published again, nothing changes"
    read = [read_published(file) for file in files]
    for cells, original in zip(read, folds, strict=True):
        assert cells.names == original.names
        recomputed = figures_of(cells)
        for name, figure in figures_of(original).items():
            again = recomputed[name]
            assert (again.value, again.low, again.high) == pytest.approx(
                (figure.value, figure.low, figure.high), abs=1e-8
            )
    figures = figures_over(read)
    each = np.mean([(table.probabilities >= table.thresholds) == table.parasitized for table in folds])
    assert figures["accuracy"].value == pytest.approx(each), "each fold's cells at the fold's own threshold"
    aucs = [figures_of(table)["auc"].value for table in folds]
    assert (figures["auc"].low, figures["auc"].high) == (min(aucs), max(aucs))
    result = CliRunner().invoke(app, ["recompute", *map(str, files)])
    assert result.exit_code == 0, result.output
    assert f"{each:.4f}" in result.output
    assert "drawn by patients (12)" in " ".join(result.output.split())


def test_what_happens_to_each_patient_follows_from_published_thresholds_for_counting(tmp_path: Path) -> None:
    def cells(patient: str, infected: int, found: int, uninfected: int, called: int) -> list[tuple[str, bool, float]]:
        rows = [(True, 0.9)] * found + [(True, 0.1)] * (infected - found)
        rows += [(False, 0.9)] * called + [(False, 0.1)] * (uninfected - called)
        name = f"{{}}/C1{patient}ThinF_IMG_1_cell_{{}}.png"
        return [
            (name.format("Parasitized" if truth else "Uninfected", number), truth, probability)
            for number, (truth, probability) in enumerate(rows)
        ]

    # The last one has too few infected cells to be the worst.
    rows = (
        cells("P1", 40, 38, 100, 0) + cells("P2", 40, 20, 50, 1) + cells("P3", 5, 0, 50, 1) + cells("P4", 0, 0, 20, 0)
    )
    names, truths, probabilities = zip(*rows, strict=True)
    table = PublishedCells(
        names, np.array(truths), np.array(probabilities), np.full(len(rows), 0.05), np.full(len(rows), 0.5)
    )
    figures = figures_by_patient(calls_by_patient(table))
    assert figures["false_calls"].value == pytest.approx(1_000 * 2 / 220)
    assert figures["false_calls_median"].value == pytest.approx(10)
    assert figures["false_calls_p90"].value == pytest.approx(20)
    assert figures["sensitivity"].value == pytest.approx(58 / 85)
    assert figures["worst_sensitivity"].value == pytest.approx(0.5)
    assert figures["sensitivity"].low < 58 / 85 < figures["sensitivity"].high
    file, picture = tmp_path / "cells.csv.gz", tmp_path / "by_patient.png"
    write_published(file, table)
    assert calls_by_patient(read_published(file)) == calls_by_patient(table)
    result = CliRunner().invoke(app, ["recompute", str(file), "--picture", str(picture)])
    assert result.exit_code == 0, result.output
    shown = " ".join(result.output.split())
    assert "9.1" in shown
    assert "50.0%" in shown
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_without_thresholds_for_counting_nothing_is_told_by_patient(folds: list[PublishedCells]) -> None:
    with pytest.raises(PublishedError, match="no threshold for counting"):
        calls_by_patient(folds[0])
    with_and_without = pooled([replace(folds[0], counting_thresholds=folds[0].thresholds), folds[1]])
    assert with_and_without.counting_thresholds is None


def test_a_cell_is_not_pooled_twice_and_no_other_file_is_taken_for_a_table(
    folds: list[PublishedCells], tmp_path: Path
) -> None:
    with pytest.raises(PublishedError, match="folds of one seed"):
        pooled([folds[0], folds[0]])
    other = tmp_path / "other.csv.gz"
    for content in (b"name,patient\n", b""):
        other.write_bytes(content)
        with pytest.raises(PublishedError, match=r"other\.csv\.gz is no table"):
            read_published(other)
