"""A laboratory's letterhead: read, bounded, and at the head of the reports for people."""

import io
import re
from base64 import b64decode
from pathlib import Path

import pytest
from PIL import Image

from pdf_texts import texts_of_pdf
from plasmoscope.reports import letterhead as letterheads
from plasmoscope.reports.html import slide_html
from plasmoscope.reports.illustrations import Illustrations
from plasmoscope.reports.letterhead import LetterheadError, letterhead, read_letterhead
from plasmoscope.reports.pdf import slide_pdf
from slides import rendered_field, slide_of


def picture(width: int = 300, height: int = 100, kind: str = "PNG", **more: str) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (width, height), "navy").save(stream, kind, **more)
    return stream.getvalue()


def test_a_file_gives_name_address_and_the_logo_beside_it(tmp_path: Path) -> None:
    (tmp_path / "logo.png").write_bytes(picture())
    file = tmp_path / "letterhead.toml"
    file.write_text('name = "Hospital of Gulu"\naddress = ["P.O. Box 160", "Gulu"]\nlogo = "logo.png"\n', "utf-8")
    head = read_letterhead(file)
    assert (head.name, head.address) == ("Hospital of Gulu", ("P.O. Box 160", "Gulu"))
    assert head.logo is not None
    with Image.open(io.BytesIO(head.logo)) as logo:
        assert (logo.format, logo.size) == ("PNG", (300, 100))


def test_nothing_but_a_logos_pixels_gets_into_a_report() -> None:
    head = letterhead("Laboratory", "", picture(kind="JPEG", comment="taken in ward 7"))
    assert head.logo is not None
    assert b"ward 7" not in head.logo
    assert letterhead("Laboratory", "", picture(1800, 600)).logo is not None
    with Image.open(io.BytesIO(letterhead("Laboratory", "", picture(1800, 600)).logo or b"")) as logo:
        assert logo.size == (900, 300)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("name = 3", "file_not_read"),
        ("name = 'a", "file_not_read"),
        ("title = 'a'", "file_not_read"),
        ("name = 'a'\nlogo = 'absent.png'", "file_not_read"),
        ("name = 'a'\nlogo = 'letterhead.toml'", "logo_unreadable"),
    ],
)
def test_a_file_that_is_no_letterhead_is_told(tmp_path: Path, text: str, reason: str) -> None:
    file = tmp_path / "letterhead.toml"
    file.write_text(text, "utf-8")
    with pytest.raises(LetterheadError) as error:
        read_letterhead(file)
    assert error.value.message.code == reason


def test_texts_and_logos_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, address in (("", ""), ("a" * 201, ""), ("a", "b" * 201), ("a", "b\n" * 7)):
        with pytest.raises(LetterheadError) as error:
            letterhead(name, address, None)
        assert error.value.message.code == "letterhead_text"
    with pytest.raises(LetterheadError) as error:
        letterhead("a", "", picture(2001, 2000))
    assert error.value.message.code == "logo_too_many_pixels"
    monkeypatch.setattr(letterheads, "MAX_LOGO_BYTES", 100)
    with pytest.raises(LetterheadError) as error:
        letterhead("a", "", picture())
    assert error.value.message.code == "logo_too_large"


def test_html_and_pdf_bear_it_and_text_in_it_is_no_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    _, field = rendered_field()
    head = letterhead("Gulu <b>Hospital</b>", "P.O. Box 160\n\nGulu", picture())
    page = slide_html(slide_of(field), Illustrations(), letterhead=head)
    assert "Gulu &lt;b&gt;Hospital" in page
    shown = re.search(r'<img alt="" src="data:image/png;base64,([^"]+)"', page)
    assert shown is not None
    assert b64decode(shown[1]) == head.logo
    assert '<div class="letterhead">' not in slide_html(slide_of(field), Illustrations())
    assert "P.O. Box 160" in texts_of_pdf(slide_of(field), monkeypatch, letterhead=head)
    with_logo, without = (
        slide_pdf(slide_of(field), Illustrations(), letterhead=letterhead("Gulu", "", logo))
        for logo in (picture(), None)
    )
    assert with_logo.count(b"/Subtype /Image") == without.count(b"/Subtype /Image") + 1
