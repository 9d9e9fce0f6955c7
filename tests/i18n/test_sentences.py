"""Codes and numbers become sentences: in English beside the code, and in every other language."""

import ast
import json
import pickle
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from pydantic import TypeAdapter

from plasmoscope.analysis import quality
from plasmoscope.analysis.results import QualityCheck
from plasmoscope.errors import ToldError
from plasmoscope.i18n.error_sentences import ERRORS
from plasmoscope.i18n.languages import ENGLISH, LANGUAGES, catalogue
from plasmoscope.i18n.sentences import SENTENCES
from plasmoscope.i18n.words import Words, english, without_marks
from plasmoscope.imaging.reading import ImageError
from plasmoscope.messages import Message, as_record, as_written, from_record, message
from plasmoscope.store.records import Role
from plasmoscope.web.errors import FAULTS, REFUSALS

SOURCES = Path(__file__).parents[2] / "src/plasmoscope"


def told_errors() -> set[str]:
    """Names of the errors that have codes."""
    import plasmoscope.web.app  # noqa: F401 - which brings them all

    found, waiting = set(), [ToldError]
    while waiting:
        kind = waiting.pop()
        found.add(kind.__name__)
        waiting += kind.__subclasses__()
    return found


def used() -> Iterator[tuple[str, str, set[str]]]:
    """Every code that the program gives, with what takes it and the names of its values.

    So as ``message("code", value=...)`` stands, ``ConflictError("code", value=...)`` and ``WebError(409, "", "code")``.
    """
    errors = told_errors()
    for file in SOURCES.rglob("*.py"):
        for call in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in {"message", *errors}:
                place = 2 if call.func.id == "WebError" else 0
                code = call.args[place] if len(call.args) > place else None
                # A sentence that is written where it is raised has no code.
                coded = not isinstance(code, ast.JoinedStr | ast.BinOp | ast.Call)
                assert call.func.id == "message" or coded, ast.unparse(call)
                values = {str(given.arg) for given in call.keywords} - {"retry_after"}
                for one in (code.body, code.orelse) if isinstance(code, ast.IfExp) else (code,):
                    if isinstance(one, ast.Constant):
                        yield call.func.id, str(one.value), values


def places(sentence: str) -> set[str]:
    return set(re.findall(r"%\((\w+)\)s", sentence))


def test_each_code_that_the_program_gives_has_a_sentence_with_its_values() -> None:
    for _, code, values in used():
        assert places(SENTENCES[code]) == values, code


def test_each_error_that_the_program_raises_has_a_code_and_each_code_of_an_error_is_raised() -> None:
    raised = {code for taker, code, _ in used() if taker != "message"}
    assert raised <= set(ERRORS)
    # By their ending, by what Pydantic calls the fault, and within other messages.
    by_name = {f"role_{role}" for role in get_args(Role)} | set(FAULTS.values())
    by_name |= {reason for _, reason in REFUSALS.values()} | {"request_unreadable", "request_refused", "value_unusable"}
    within = {code for code in ERRORS if code.startswith("what_")} | {code for _, code, _ in used()}
    assert set(ERRORS) - by_name - within == set()


def test_each_check_of_the_quality_gate_has_a_sentence() -> None:
    fine = {question.fine for question in quality.QUESTIONS}
    assert {*quality.FAULTS, *quality.WARNINGS, *fine} <= set(SENTENCES)


@pytest.mark.parametrize("code", [code for code in LANGUAGES if code != ENGLISH.code])
def test_each_code_has_a_sentence_in_every_catalogue(code: str) -> None:
    # A sentence that is all values is the same in many languages.
    with_words = {name: said for name, said in SENTENCES.items() if re.search(r"\w", re.sub(r"%\(\w+\)s", "", said))}
    untranslated = {name for name, said in with_words.items() if catalogue(code).gettext(said) == said}
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


def test_what_a_person_wrote_and_what_an_earlier_version_kept_stay_as_written() -> None:
    french = Words(LANGUAGES["fr"])
    assert without_marks(french.tell(as_written("trop de colorant"))) == "trop de colorant"
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


def test_a_message_is_sent_and_kept_as_json_and_read_again() -> None:
    on_page = message("on_page", page=2, error=message("damaged_image", detail="cut"))
    for told in (on_page, message("not_taken", photographs=(on_page, message("empty_file"))), message("slide_open")):
        assert from_record(json.loads(json.dumps(as_record(told)))) == told


def test_an_error_survives_the_way_between_processes() -> None:
    error = ImageError("on_page", page=2, error=message("damaged_image", detail="cut"))
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.message) == (ImageError, str(error), error.message)
    assert str(error) == "page 2: the image is damaged or cut short (cut); copy or export it again"
