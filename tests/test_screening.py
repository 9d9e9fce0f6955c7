"""Cells that are not called but deserve a person's look: the threshold, the reports, and the workstation's list."""

import html
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysed import METHOD, analysed
from plasmoscope.analysis.method import calling
from plasmoscope.classification.card import OperatingPoint
from plasmoscope.i18n.languages import ENGLISH
from plasmoscope.i18n.words import without_marks
from plasmoscope.reports import pdf as pdf_module
from plasmoscope.reports.bundle import write_slide
from plasmoscope.reports.folder import POSSIBLE_CELLS
from plasmoscope.reports.fonts import showable
from plasmoscope.reports.illustrations import possibly_infected_cells
from plasmoscope.reports.wording import ReportWords
from plasmoscope.store import called, corrections, counts, slides
from plasmoscope.store.slides import SlideDetails
from plasmoscope.store.store import Store
from plasmoscope.training.calibration import COUNTING, SCREENING, operating_point
from silent import colour_classifier
from slides import rendered_field, slide_of
from workstation import new_slide, running, workstation

IMAGE, FOUND = rendered_field(parasitaemia=0.4)
_HEALTHY = [cell.number for cell in FOUND.cells if cell.counted and not cell.parasitized]
DOUBTFUL, DENIED = _HEALTHY[:2]
# One may be infected; the other is what a person calls uninfected that the model had called.
FIELD = FOUND.model_copy(
    update={
        "cells": tuple(
            replace(cell, parasitized_probability={DOUBTFUL: 0.4, DENIED: 0.9}[cell.number])
            if cell.number in (DOUBTFUL, DENIED)
            else cell
            for cell in FOUND.cells
        )
    }
)
SLIDE = slide_of(FIELD, screening=0.35, threshold=0.5)


# The threshold


def test_each_purpose_has_its_own_share_of_healthy_cells_that_are_called() -> None:
    rng = np.random.default_rng(0)
    parasitized = np.arange(4_000) % 2 == 0
    probabilities = np.where(parasitized, rng.beta(4, 2, 4_000), rng.beta(1, 9, 4_000)).astype(np.float32)
    counting, screening = (operating_point(of, probabilities, parasitized, (), 8) for of in (COUNTING, SCREENING))
    assert screening.threshold < counting.threshold
    assert screening.sensitivity > counting.sensitivity
    assert counting.specificity == pytest.approx(0.995, abs=0.001)
    assert screening.specificity == pytest.approx(0.98, abs=0.001)
    assert counting.reason != screening.reason != ""
    look_alikes = rng.beta(3, 9, 1_000).astype(np.float32)
    clean = np.full(1_000, 0.01, np.float32)
    stricter = operating_point(SCREENING, probabilities, parasitized, (clean, look_alikes), 8)
    assert stricter.threshold > screening.threshold
    assert np.mean(look_alikes >= stricter.threshold) <= 0.021


def test_a_model_without_a_threshold_for_screening_takes_that_for_single_cells() -> None:
    classifier = colour_classifier()

    def screening(**update: object) -> float | None:
        classifier.card = classifier.card.model_copy(update=update)
        return calling(classifier).screening

    point = OperatingPoint(
        threshold=0.9, views=8, sensitivity=0.9, parasitized=10, specificity=0.9, uninfected=10, measured_on="none"
    )
    assert screening(threshold=0.6) == 0.6
    assert screening(counting=point) == 0.6
    assert screening(threshold=0.95) == 0.9, "no cell is called that does not deserve a look"
    assert screening(screening=point.model_copy(update={"threshold": 0.3})) == 0.3
    assert calling(classifier).threshold == 0.9


# The reports


def test_reports_name_and_show_what_is_not_called_but_may_be_infected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []

    def noted(text: str, fonts: Any) -> str:
        said.append(text)
        return showable(text, fonts)

    monkeypatch.setattr(pdf_module, "showable", noted)
    assert [cell.number for _, cell in possibly_infected_cells(SLIDE)] == [DOUBTFUL]
    write_slide(tmp_path, SLIDE, lambda field: IMAGE)
    (line,) = ReportWords(ENGLISH).possible_lines(SLIDE)
    assert line.value == "1"
    page = html.unescape((tmp_path / "report.html").read_text("utf-8"))
    for shown in (page, "\n".join(said)):
        assert without_marks(line.remark) in without_marks(shown)
        assert "Not called and counted as uninfected" in shown
    assert (tmp_path / POSSIBLE_CELLS).exists()
    # Another threshold, and there is none any more.
    write_slide(tmp_path, SLIDE.model_copy(update={"screening": 0.45}), lambda field: IMAGE)
    assert not (tmp_path / POSSIBLE_CELLS).exists()


def test_results_of_earlier_versions_and_cells_called_from_lower_on_name_none() -> None:
    assert ReportWords(ENGLISH).possible_lines(SLIDE.model_copy(update={"screening": None})) == []
    assert ReportWords(ENGLISH).possible_lines(SLIDE.model_copy(update={"threshold": 0.35})) == []


# The workstation


def test_a_cell_waits_for_a_look_until_a_person_calls_it(store: Store) -> None:
    how = METHOD.model_copy(update={"screening": 0.35})
    with store.session() as session:
        number = slides.create_slide(session, "amina", SlideDetails("P-1", "S-1", date(2026, 3, 1))).id
    field = analysed(store, number, IMAGE, FIELD, how)
    with store.session() as session:
        (one,) = called.possibly_infected_cells(session, number)
        assert one.number == DOUBTFUL
        assert counts.slide_result(session, slides.get_slide(session, number)).screening == 0.35
        corrections.correct(session, "amina", field, DOUBTFUL, "uninfected")
    with store.session() as session:
        assert not called.possibly_infected_cells(session, number)


def test_the_pages_list_it(tmp_path: Path) -> None:
    with workstation(tmp_path) as client:
        client.post("/welcome", headers={"origin": "http://127.0.0.1:8000"})
        slide = new_slide(client)
        assert "No such cell waits for a look." in client.get(f"/slides/{slide}/possible").text
        how = METHOD.model_copy(update={"screening": 0.35})
        field = analysed(running(client).store, slide, IMAGE, FIELD, how)
        shown = client.get(f"/slides/{slide}/possible").text
        assert f"/fields/{field}?cell={DOUBTFUL}#" in shown
        assert f"/fields/{field}?cell={DENIED}#" not in shown
