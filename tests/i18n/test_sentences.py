"""Codes and numbers become sentences: in English beside the code, and in every other language."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from plasmoscope.analysis.quality import FAULTS, QUESTIONS, WARNINGS
from plasmoscope.analysis.results import QualityCheck
from plasmoscope.i18n.languages import ENGLISH, LANGUAGES, catalogue
from plasmoscope.i18n.sentences import SENTENCES
from plasmoscope.i18n.words import Words, english, plain
from plasmoscope.messages import Message, as_written, message

SOURCES = Path(__file__).parents[2] / "src/plasmoscope"


def used() -> Iterator[tuple[str, set[str]]]:
    """Every code that the program gives with the names of its values, as ``message("code", value=...)`` stands."""
    for file in SOURCES.rglob("*.py"):
        for call in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "message":
                code = call.args[0]
                for one in (code.body, code.orelse) if isinstance(code, ast.IfExp) else (code,):
                    if isinstance(one, ast.Constant):
                        yield str(one.value), {str(given.arg) for given in call.keywords}


def test_each_code_that_the_program_gives_has_a_sentence_with_its_values() -> None:
    for code, values in used():
        assert set(re.findall(r"%\((\w+)\)s", SENTENCES[code])) == values, code


def test_each_check_of_the_quality_gate_has_a_sentence() -> None:
    assert {*FAULTS, *WARNINGS, *(question.fine for question in QUESTIONS)} <= set(SENTENCES)


@pytest.mark.parametrize("code", [code for code in LANGUAGES if code != ENGLISH.code])
def test_each_code_has_a_sentence_in_every_catalogue(code: str) -> None:
    same = {name for name, said in SENTENCES.items() if catalogue(code).gettext(said) == said}
    assert same == {"as_written"}


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


def test_what_a_person_wrote_and_what_an_earlier_version_kept_stay_as_written() -> None:
    french = Words(LANGUAGES["fr"])
    assert plain(french.tell(as_written("trop de colorant"))) == "trop de colorant"
    assert french.tell_in_turn((), "Written by an earlier version.") == "Written by an earlier version."
    assert french.tell_in_turn((message("in_focus"),), "") == "les bords des cellules sont nets"


def test_a_check_that_an_earlier_version_kept_without_its_code_is_told_in_every_language() -> None:
    kept = {"name": "density", "value": 0.8, "passed": True, "warning": True, "message": SENTENCES["cells_in_heaps"]}
    assert QualityCheck.model_validate(kept).said == message("cells_in_heaps")
    rejected = kept | {"message": "the microscopist rejected it: dirt"}
    assert QualityCheck.model_validate(rejected).said == as_written("the microscopist rejected it: dirt")


def test_codes_and_numbers_are_kept_as_they_are() -> None:
    told = message("field_not_counted", field="a.png", reasons=(message("too_dark"), message("small")))
    kept = TypeAdapter(Message)
    assert kept.validate_json(kept.dump_json(told)) == told
