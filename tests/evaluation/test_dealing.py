"""Slides dealt from patients whose rates are known: intervals and limits of detection hold as they say."""

import gzip
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from plasmoscope.csv_tables import csv_text
from plasmoscope.evaluation.dealing import (
    DealingError,
    DealtSlide,
    PatientRates,
    Protocol,
    deal_slides,
    read_patients_rates,
)


def patients(spread: float, number: int = 400, missed: float = 0.1, false_calls: float = 0.005) -> list[PatientRates]:
    """Rates that differ by this spread, as ``plasmoscope.analysis.spread`` has it."""
    rng = np.random.default_rng(7)
    misses, calls = (
        rng.beta(1 / (spread**2 * (1 - mean)), 1 / (spread**2 * mean), number) for mean in (missed, false_calls)
    )
    return [PatientRates(float(1 - one), float(other)) for one, other in zip(misses, calls, strict=True)]


@pytest.fixture(scope="module")
def dealt() -> dict[str, list[DealtSlide]]:
    slides: dict[str, list[DealtSlide]] = defaultdict(list)
    for slide in deal_slides([patients(1.0)], 16, protocol=Protocol(slides=12)):
        slides[slide.kind].append(slide)
    return slides


def share(slides: list[DealtSlide], what: str) -> float:
    return float(np.mean([getattr(slide, what) for slide in slides]))


def test_the_interval_covers_the_truth_although_patients_differ(dealt: dict[str, list[DealtSlide]]) -> None:
    assert 0.91 < share(dealt["any"], "covered") < 0.99
    # It knows neither wrong calls nor patients.
    assert share(dealt["any"], "covered_uncorrected") < 0.88


def test_slides_are_found_at_the_limit_of_detection_as_often_as_it_says(dealt: dict[str, list[DealtSlide]]) -> None:
    assert 0.9 < share(dealt["limit"], "found") < 0.99
    assert 0.9 < share(dealt["limit reviewed"], "found") < 0.99
    assert share(dealt["negative"], "found") < 0.09


def test_errors_measured_on_all_patients_together_still_give_an_interval_that_holds() -> None:
    protocol = Protocol(slides=150, by_patient=False)
    covered = [slide.covered for slide in deal_slides([patients(1.0)], 1, protocol=protocol) if slide.kind == "any"]
    assert np.mean(covered) > 0.93


def test_rates_are_read_from_what_evaluate_writes_and_from_any_table_of_cells(tmp_path: Path) -> None:
    ours = [("A", "Parasitized", p) for p in [0.9] * 9 + [0.1] * 3] + [("A", "Uninfected", p) for p in [0.2] * 10]
    few = [("B", "Parasitized", 0.9), ("B", "Uninfected", 0.1)]
    file = tmp_path / "cells.csv.gz"
    file.write_bytes(gzip.compress(csv_text(("patient", "truth", "probability"), [*ours, *few]).encode()))
    assert read_patients_rates(file, 0.5) == [PatientRates(0.75, 0.0)]
    assert read_patients_rates(file, 0.15) == [PatientRates(0.75, 1.0)]
    official = "C47P8thin_Original_Motic_IMG_20150714_093221_cell_{}"
    rows = [(official.format(number), truth, p) for number, (_, truth, p) in enumerate(ours)]
    written = tmp_path / "test-8-view.csv"
    written.write_text(csv_text(("name", "truth", "parasitized_probability"), rows), "utf-8")
    assert read_patients_rates(written, 0.5) == [PatientRates(0.75, 0.0)]


@pytest.mark.parametrize(
    ("columns", "row", "told"),
    [
        (("patient", "truth"), ("A", "Uninfected"), "needs the columns"),
        (("patient", "truth", "probability"), ("A", "perhaps", "0.5"), "needs the columns"),
        (("name", "truth", "probability"), ("one.png", "Uninfected", "0.5"), "tells no patient"),
        (("patient", "truth", "probability"), ("A", "Uninfected", "0.5"), "no patient with 10 cells of each kind"),
    ],
)
def test_what_is_no_table_of_cells_is_refused(
    tmp_path: Path, columns: tuple[str, ...], row: tuple[str, ...], told: str
) -> None:
    file = tmp_path / "cells.csv"
    file.write_text(csv_text(columns, [row]), "utf-8")
    with pytest.raises(DealingError, match=told):
        read_patients_rates(file, 0.5)


def test_patients_to_measure_on_are_not_those_whose_slides_are_counted() -> None:
    with pytest.raises(DealingError, match="24 patients are too few to measure on 24"):
        next(deal_slides([patients(1.0, number=24)], 1))


def test_slides_of_a_fold_are_counted_by_what_was_measured_on_the_other_folds() -> None:
    flawless, poor = [PatientRates(1.0, 0.0)] * 30, [PatientRates(0.3, 0.05)] * 30
    protocol = Protocol(slides=6, counted=4_000)

    def covered(*folds: list[PatientRates]) -> list[bool]:
        """Of the second fold's slides."""
        slides = [slide for slide in deal_slides(folds, 2, [0.02], protocol) if slide.kind == "any"]
        assert {slide.share for slide in slides} == {0.02}
        return [slide.covered for slide in slides[6:]]

    assert all(covered(poor, poor))
    assert not any(covered(flawless, poor))


def test_thresholds_come_from_the_table_where_none_is_given(tmp_path: Path) -> None:
    cells = [("A", "Parasitized", 0.9, 0.95)] * 10 + [("A", "Uninfected", 0.97, 0.95)] * 10
    file = tmp_path / "cells.csv"
    file.write_text(csv_text(("patient", "truth", "probability", "counting_threshold"), cells), "utf-8")
    assert read_patients_rates(file) == [PatientRates(0.0, 1.0)]
    file.write_text(csv_text(("patient", "truth", "probability"), [cell[:3] for cell in cells]), "utf-8")
    with pytest.raises(DealingError, match="counting_threshold where no threshold is given"):
        read_patients_rates(file)
