"""The PDF shows names in every script that a font of this computer has, and says which font is missing."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from plasmoscope.reports import fonts as fonts_module
from plasmoscope.reports import pdf as pdf_module
from plasmoscope.reports.fonts import fonts_for, fonts_to_install, showable
from plasmoscope.reports.illustrations import Illustrations
from plasmoscope.reports.pdf import slide_pdf
from slides import rendered_field, slide_of
from typefaces import LATIN, make_collection, make_font

_, FIELD = rendered_field()
# People's names in the languages of the pages that need more than Western European letters.
NAMES = {
    "fr": "Éloïse Lœuvre",
    "ar": "محمد بن عبد الله",
    "hi": "प्रिया शर्मा",
    "zh": "王小明",
    "ru": "Наталья Щёголева",
    "ja": "山田 さくら",
    "th": "สมชาย ใจดี",
    "vi": "Nguyễn Thị Ánh",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this computer's fonts are, as far as the test goes."""
    monkeypatch.setattr(fonts_module, "_folders", lambda: [tmp_path])
    return tmp_path


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is written into PDFs."""
    heard: list[str] = []
    show = pdf_module._Page._show

    def listen(page: pdf_module._Page, text: str) -> str:
        heard.append(show(page, text))
        return heard[-1]

    monkeypatch.setattr(pdf_module._Page, "_show", listen)
    return heard


@pytest.mark.parametrize("code", NAMES)
def test_a_name_of_every_language_is_printed_with_a_font_of_this_computer(code: str, said: list[str]) -> None:
    name = NAMES[code]
    if fonts_module._is_chinese(name) or code == "ja":
        here = any("cjk" in file for file in fonts_module._files())
    else:
        here = not fonts_to_install(name)
    if not here:
        pytest.skip(f"this computer has no font for {name}")
    slide = slide_of(FIELD, patient=name, status="signed", signed_by=name, signed_at="2026-03-01T09:30:00Z")
    content = slide_pdf(slide, Illustrations())
    assert name in said
    assert "?" not in "".join(said)
    assert b"/FontFile" in content


@pytest.mark.parametrize("outlines", ["truetype", "cff by numbers"])
def test_a_font_with_either_kind_of_outlines_is_taken(outlines: Any, folder: Path, said: list[str]) -> None:
    make_font(folder / "DejaVuSans.ttf", LATIN)
    make_font(folder / "NotoSansCJK-Regular.otf", LATIN + "王小明", outlines)
    content = slide_pdf(slide_of(FIELD, patient="王小明"), Illustrations())
    assert "王小明" in said
    assert (b"/CIDFontType0C" in content) == (outlines == "cff by numbers")


def test_a_font_that_pdf_cannot_hold_is_left(folder: Path) -> None:
    make_font(folder / "DejaVuSans.ttf", LATIN)
    make_font(folder / "Named.otf", "王小明", "cff")
    (folder / "broken.ttf").write_bytes(b"no font")
    assert showable("王", fonts_for("王")) == "?"


def test_a_font_of_any_name_is_found_where_the_known_ones_do_not_do(folder: Path) -> None:
    make_font(folder / "DejaVuSans.ttf", LATIN + "é")
    (folder / "thai").mkdir()
    make_font(folder / "thai" / "Loma.ttf", "สมชาย")
    make_font(folder / "Ume.ttf", "あ")
    assert [font.regular.name for font in fonts_for("สมชาย")] == ["DejaVuSans.ttf", "Loma.ttf"]


def test_the_plain_letters_come_from_any_font_too(folder: Path) -> None:
    make_font(folder / "Loma.ttf", "สมชาย")
    make_font(folder / "Garuda.ttf", LATIN + "สมชาย")
    assert [font.regular.name for font in fonts_for("สมชาย")] == ["Garuda.ttf"]


def test_chinese_letters_look_as_in_china_and_japanese_ones_as_in_japan(folder: Path) -> None:
    letters = LATIN + "王さ"
    faces = [make_font(folder / f"{land}.ttf", letters, family=f"Noto Sans CJK {land}") for land in ("JP", "SC")]
    make_collection(folder / "NotoSansCJK-Regular.ttc", *faces)
    assert [font.face for font in fonts_for("王")] == [1]
    assert [font.face for font in fonts_for("王さ")] == [0]
    slide_pdf(slide_of(FIELD, patient="王"), Illustrations())


def test_a_bold_font_of_another_kind_is_not_taken_for_the_bold_one(folder: Path) -> None:
    make_font(folder / "DejaVuSans.ttf", LATIN + "ш")
    shutil.copy(folder / "DejaVuSans.ttf", folder / "DejaVuSans-Bold.otf")
    assert fonts_for("ш")[0].bold == folder / "DejaVuSans.ttf"


def test_a_font_that_is_installed_meanwhile_is_seen(folder: Path) -> None:
    make_font(folder / "DejaVuSans.ttf", LATIN)
    assert fonts_to_install("Щ") == ("Noto Sans",)
    make_font(folder / "NotoSans-Regular.ttf", "Щ")
    assert fonts_to_install("Щ") == ()


def test_the_missing_fonts_are_named_by_their_scripts(folder: Path) -> None:
    make_font(folder / "DejaVuSans.ttf", LATIN)
    assert fonts_to_install("王 さくら สม प्रिया محمد Щ \U0001f9a0 é") == (
        "Noto Sans",
        "Noto Sans Arabic",
        "Noto Sans CJK",
        "Noto Sans Devanagari",
        "Noto Sans Symbols",
        "Noto Sans Thai",
    )
    assert fonts_to_install("José Peña?") == ()
    # As some systems write names: letter and accent apart.
    assert fonts_to_install("Pen\u0303a") == ()


def test_the_pdf_says_which_font_is_missing(folder: Path, said: list[str]) -> None:
    make_font(folder / "DejaVuSans.ttf", LATIN + "Щé")
    slide_pdf(slide_of(FIELD, patient="王小明"), Illustrations())
    assert "???" in said
    assert sum("Install Noto Sans CJK and make this PDF again" in text for text in said) == 2  # measured, then written
    said.clear()
    slide_pdf(slide_of(FIELD, patient="Щ"), Illustrations())
    assert not [text for text in said if "Install" in text]
