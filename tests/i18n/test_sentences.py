"""Codes and numbers become sentences: in English beside the code, and in every other language."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from plasmoscope.analysis.quality import FAULTS, QUESTIONS, WARNINGS
from plasmoscope.i18n.languages import ENGLISH, LANGUAGES, catalogue
from plasmoscope.i18n.sentences import SENTENCES
from plasmoscope.i18n.words import Words, english
from plasmoscope.messages import Message, message

SOURCES = Path(__file__).parents[2] / "src/plasmoscope"


def used() -> Iterator[tuple[str, set[str]]]:
    """Every code that the program gives with the names of its values, as ``message("code", value=...)`` stands."""
    for file in SOURCES.rglob("*.py"):
        for call in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "message":
                code = call.args[0]
                if isinstance(code, ast.Constant):
                    yield str(code.value), {str(given.arg) for given in call.keywords}


def test_each_code_that_the_program_gives_has_a_sentence_with_its_values() -> None:
    for code, values in used():
        assert set(re.findall(r"%\((\w+)\)s", SENTENCES[code])) == values, code


def test_each_check_of_the_quality_gate_has_a_sentence() -> None:
    assert {*FAULTS, *WARNINGS, *(question.fine for question in QUESTIONS)} <= set(SENTENCES)


@pytest.mark.parametrize("code", [code for code in LANGUAGES if code != ENGLISH.code])
def test_each_code_has_a_sentence_in_every_catalogue(code: str) -> None:
    untranslated = {name for name, said in SENTENCES.items() if catalogue(code).gettext(said) == said}
    assert not untranslated


def test_no_two_codes_say_the_same() -> None:
    assert len(set(SENTENCES.values())) == len(SENTENCES)


def test_the_ending_of_a_values_name_tells_how_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        SENTENCES, "all", "%(a_percent)s, %(b_per_ul)s, %(c_on)s, %(cells)s, %(odds)s, %(name)s, %(inner)s, %(list)s"
    )
    told = message(
        "all",
        a_percent=2.0341,
        b_per_ul=123456.0,
        c_on="2026-02-01",
        cells=1234567,
        odds=0.47,
        name="A-17",
        inner=message("too_dark"),
        list=(message("small"), message("cells_in_heaps")),
    )
    dark, small, heaps = (SENTENCES[code] for code in ("too_dark", "small", "cells_in_heaps"))
    assert english(told) == f"2.03 %, 123,000, 1 Feb 2026, 1,234,567, 0.47, A-17, {dark}, {small}; {heaps}"
    assert Words(LANGUAGES["fr"]).tell(told).startswith("2,03\u00a0%, 123\u202f000, 1 févr. 2026, 1\u202f234\u202f567")


def test_what_a_later_version_says_stays_as_it_is_written() -> None:
    assert Words(LANGUAGES["fr"]).told(Message("of a later version"), "Written.") == "Written."
    assert Words(LANGUAGES["fr"]).told(None, "Written.") == "Written."
    assert (
        Words(LANGUAGES["fr"]).told(message("in_focus"), "cell edges are sharp") == "les bords des cellules sont nets"
    )
