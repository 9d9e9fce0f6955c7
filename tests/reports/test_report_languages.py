"""Reports in every language: sentences, numbers, direction, fonts, and what stays English for programs."""

import html
import json
import re
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from babel.numbers import format_decimal

from pdf_texts import texts_of_pdf
from plasmoscope.analysis.counting import count_slide, red_cell_count
from plasmoscope.analysis.notes import notes_on
from plasmoscope.analysis.results import Field, Slide
from plasmoscope.i18n.languages import ENGLISH, LANGUAGES
from plasmoscope.i18n.sentences import SENTENCES
from plasmoscope.i18n.words import english, without_marks
from plasmoscope.messages import RESEARCH_USE, message
from plasmoscope.reports import fonts as fonts_module
from plasmoscope.reports.bundle import write_slide
from plasmoscope.reports.field_pictures import CalledCell, annotated_field, cell_crop, cell_sheet
from plasmoscope.reports.fonts import can_show
from plasmoscope.reports.html import slide_html
from plasmoscope.reports.illustrations import Illustrations
from plasmoscope.reports.slide_json import read_slide, slide_json
from plasmoscope.reports.wording import ReportWords
from slides import refused, rendered_field, slide_of, warned

IMAGE, FIELD = rendered_field()
OTHERS = [code for code in LANGUAGES if code != ENGLISH.code]
NOTES = (
    *notes_on([warned(FIELD), refused(FIELD, SENTENCES["out_of_focus"])]),
    message("calls_changed_to", changed=1234, calls=(message("to_infected", number=1234),)),
)
SLIDE = slide_of(
    warned(FIELD),
    refused(FIELD, SENTENCES["out_of_focus"]),
    count=count_slide(12, 34_567, red_cell_count(None, 42), None),
    notes=tuple(map(english, NOTES)),
    notes_coded=NOTES,
    taken_on=date(2026, 2, 1),
)


def text_of(page: str) -> str:
    return without_marks(html.unescape(re.sub(r"<[^>]+>", " ", page)))


def as_kept_by_an_earlier_version(slide: Slide) -> dict[str, object]:
    """Its JSON without codes and numbers."""

    def without(content: object) -> object:
        if isinstance(content, dict):
            return {name: without(one) for name, one in content.items() if not name.endswith("_coded")}
        return [without(one) for one in content] if isinstance(content, list) else content

    kept = without(json.loads(slide_json(slide)))
    assert isinstance(kept, dict)
    return kept


@pytest.mark.parametrize("code", LANGUAGES)
def test_a_report_tells_result_and_notes_in_its_language_with_the_right_numbers(code: str) -> None:
    page = slide_html(SLIDE, Illustrations(), LANGUAGES[code])
    assert f'<html lang="{code}" dir="{LANGUAGES[code].direction}">' in page
    told = text_of(page)
    for number in (34_567, 1234):
        assert without_marks(format_decimal(number, locale="en_GB" if code == "en" else code)) in told
    for written in (*SLIDE.notes, SLIDE.count.statement, SLIDE.count.detection.statement, RESEARCH_USE):
        assert (written in told) == (code == "en"), written


@pytest.mark.parametrize("code", OTHERS)
def test_a_pdf_says_what_the_page_says(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if not can_show(LANGUAGES[code]):
        pytest.skip(f"this computer has no font for {code}")
    words = ReportWords(LANGUAGES[code])
    said = "\n".join(texts_of_pdf(SLIDE, monkeypatch, LANGUAGES[code])).translate(dict.fromkeys((0x200B, 0x200E)))
    for sentence in (words.title(), words.statement(SLIDE), words.say(RESEARCH_USE), words.notes(SLIDE)[-1]):
        assert without_marks(sentence).replace("\u202f", " ") in without_marks(said)


def test_without_a_font_for_its_language_a_report_is_in_english_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts_module, "_folders", list)
    said = "\n".join(texts_of_pdf(SLIDE, monkeypatch, LANGUAGES["hi"]))
    assert "in English, for no font of this computer shows Hindi. Install Noto Sans Devanagari" in said
    assert SLIDE.count.statement in without_marks(said)
    assert np.array_equal(annotated_field(IMAGE, FIELD, LANGUAGES["hi"]), annotated_field(IMAGE, FIELD))


@pytest.mark.parametrize("code", ["ar", "hi", "zh"])
def test_the_legend_of_a_picture_is_in_the_reports_language(code: str) -> None:
    if not can_show(LANGUAGES[code]):
        pytest.skip(f"this computer has no font for {code}")
    drawn = [annotated_field(IMAGE, FIELD, language) for language in (ENGLISH, LANGUAGES[code])]
    assert not np.array_equal(drawn[0][FIELD.height :], drawn[1][FIELD.height :])
    assert np.array_equal(drawn[0][: FIELD.height], drawn[1][: FIELD.height])


@pytest.mark.parametrize("code", ["ar", "fr"])
def test_cells_side_by_side_begin_where_the_lines_of_the_language_do(code: str) -> None:
    cell = next(cell for cell in FIELD.cells if cell.counted)
    sheet = cell_sheet([CalledCell(cell_crop(IMAGE, cell), cell, 1)], LANGUAGES[code])
    drawn = np.flatnonzero((sheet != sheet[0, sheet.shape[1] // 2]).any(axis=(0, 2)))
    middle = sheet.shape[1] / 2
    assert (drawn > middle).all() if code == "ar" else (drawn < middle).all()
    assert drawn.size


def test_what_programs_read_is_english_in_every_report(tmp_path: Path) -> None:
    formats = ["json", "csv", "coco", "qupath", "imagej"]

    def written(code: str) -> dict[str, bytes]:
        files = write_slide(tmp_path / code, SLIDE, lambda field: IMAGE, formats, language=LANGUAGES[code])
        return {str(file.relative_to(tmp_path / code)): file.read_bytes() for file in files}

    assert written("ar") == written("en")


def test_the_json_has_code_and_numbers_beside_each_english_sentence() -> None:
    content = json.loads(slide_json(SLIDE))
    assert content["notes"][-1] == english(NOTES[-1])
    assert content["notes_coded"][-1]["values"]["changed"] == 1234
    (statement,) = content["count"]["statement_coded"]
    assert (statement["code"], statement["values"]["counted"]) == ("infected_of", 34_567)
    (check,) = [check for check in content["fields"][0]["checks"] if check["warning"]]
    assert check["message_coded"] == [{"code": "cells_in_heaps", "values": {}}]


def test_a_file_of_an_earlier_version_is_reported_in_any_language(tmp_path: Path) -> None:
    file = tmp_path / "slide.json"
    file.write_text(json.dumps(as_kept_by_an_earlier_version(SLIDE)), "utf-8")
    kept = read_slide(file)
    assert kept.notes_coded == ()
    told = text_of(slide_html(kept, Illustrations(), LANGUAGES["fr"]))
    # Its own sentences as they are, what is known of its photographs in French.
    assert kept.count.statement in told
    assert "Les cellules sont en amas" in told
    write_slide(tmp_path / "report", kept, lambda field: IMAGE, ["html", "pdf"], language=LANGUAGES["ar"])


def test_a_photograph_that_could_not_be_read_says_why_in_the_reports_language() -> None:
    unreadable = FIELD.model_copy(update={"error": "it is dark", "error_coded": (message("too_dark"),), "cells": ()})
    assert isinstance(unreadable, Field)
    told = text_of(slide_html(slide_of(unreadable), Illustrations(), LANGUAGES["fr"]))
    assert "L'image est trop sombre" in told
