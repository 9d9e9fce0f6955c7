"""The languages: chosen, complete, and falling back to English."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Catalog
from babel.messages.frontend import CommandLineInterface
from babel.messages.pofile import read_po

from plasmoscope.analysis.quality import FAULTS, WARNINGS, Measurements, quality_checks
from plasmoscope.analysis.results import QualityCheck
from plasmoscope.i18n.languages import ENGLISH, LANGUAGES, catalogue, choose
from plasmoscope.i18n.words import Words

ROOT = Path(__file__).parents[2]
LOCALE = ROOT / "src/plasmoscope/i18n/locale"
TRANSLATED = [code for code in LANGUAGES if code != "en"]


def read_catalogue(file: Path) -> Catalog:
    with file.open("rb") as stream:
        return read_po(stream)


def translations(code: str) -> dict[str, str]:
    read = read_catalogue(LOCALE / code / "LC_MESSAGES" / "plasmoscope.po")
    return {str(message.id): str(message.string) for message in read if message.id}


@pytest.fixture(scope="module")
def messages(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Every message, as the documented command finds them."""
    template = tmp_path_factory.mktemp("messages") / "messages.pot"
    options = ["-F", str(ROOT / "pyproject.toml"), "-k", "mark", "-o", str(template)]
    CommandLineInterface().run(["pybabel", "-q", "extract", *options, str(ROOT / "src/plasmoscope")])
    return {str(message.id) for message in read_catalogue(template) if message.id}


@pytest.mark.parametrize("code", TRANSLATED)
def test_every_message_is_translated(code: str, messages: set[str]) -> None:
    translated = {message for message, translation in translations(code).items() if translation}
    assert messages - translated == set(), "not translated"
    assert translated - messages == set(), "no longer used"


@pytest.mark.parametrize("code", TRANSLATED)
def test_a_translation_is_filled_in_like_its_message(code: str) -> None:
    for message, translation in translations(code).items():
        places = [sorted(re.findall(r"%\(\w+\)s|%%", text)) for text in (message, translation)]
        assert places[0] == places[1], message
        assert "%" not in re.sub(r"%\(\w+\)s|%%", "", translation), translation


def test_a_missing_message_stays_english() -> None:
    assert catalogue("fr").gettext("Slides") == "Lames"
    assert catalogue("fr").gettext("Never translated") == "Never translated"


@pytest.mark.parametrize(
    ("chosen", "accepted", "expected"),
    [
        ("ar", "fr", "ar"),
        ("xx", "fr-CA,fr;q=0.9", "fr"),
        (None, "de,ru;q=0.3,pt-BR;q=0.8", "pt"),
        (None, "zh-Hans-CN", "zh"),
        (None, "fr; q=0.3, ru ; q=0.8", "ru"),
        (None, "fr;q=0,de", "en"),
        (None, "fr;q=much", "en"),
        (None, "", "en"),
    ],
)
def test_the_chosen_language_comes_first_then_the_browsers(chosen: str | None, accepted: str, expected: str) -> None:
    assert choose(chosen, accepted).code == expected


FINE = Measurements(
    cells=200, thin=1, blur=0.02, brightness=230, saturated=0, density=0.3, colour=30, diameter=60, covered=0.4,
    colours=9_000, blockiness=1,
)  # fmt: skip
FAULTY: dict[str, dict[str, Any]] = {
    "exposure": {"brightness": 20},
    "cells": {"cells": 2},
    "focus": {"blur": 0.2},
    "resolution": {"diameter": 9},
    "stain": {"colour": 0},
    "thin_film": {"thin": 0.1},
}
CAREFUL: dict[str, dict[str, Any]] = {
    "exposure": {"saturated": 0.9},
    "focus": {"blur": 0.05},
    "resolution": {"diameter": 15},
    "density": {"covered": 0.9},
    "compression": {"colours": 64},
}


def test_all_that_the_quality_gate_says_comes_about() -> None:
    assert all(check.passed and not check.warning for check in quality_checks(FINE))
    faults = {one_check(name, values).said.code for name, values in FAULTY.items()}
    washed_out = one_check("exposure", {"saturated": 0.9, "density": 0.01})
    assert not washed_out.passed
    assert faults | {washed_out.said.code} == set(FAULTS)
    warnings = [one_check(name, values) for name, values in CAREFUL.items()]
    assert all(check.passed and check.warning for check in warnings)
    assert {check.said.code for check in warnings} == set(WARNINGS)


def one_check(name: str, values: dict[str, Any]) -> QualityCheck:
    """The only check that finds something."""
    odd = [check for check in quality_checks(replace(FINE, **values)) if check.warning or not check.passed]
    assert [check.name for check in odd] == [name]
    return odd[0]


def test_numbers_are_written_as_the_language_writes_them() -> None:
    assert Words(ENGLISH).percent(2.0341) == "2.03\u00a0%"
    assert Words(LANGUAGES["fr"]).percent(2.0341) == "2,03\u00a0%"
    assert Words(ENGLISH).percent(0) == "0\u00a0%"
    assert Words(ENGLISH).number(1234567) == "1,234,567"
    assert Words(ENGLISH).density(123456) == "123,000"
