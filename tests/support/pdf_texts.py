"""What a PDF says."""

import pytest

import plasmoscope.reports.pdf as pdf_module
from plasmoscope.analysis.results import Slide
from plasmoscope.i18n.languages import ENGLISH, Language
from plasmoscope.reports.illustrations import Illustrations
from plasmoscope.reports.letterhead import Letterhead
from plasmoscope.reports.pdf import slide_pdf


def texts_of_pdf(
    slide: Slide, monkeypatch: pytest.MonkeyPatch, language: Language = ENGLISH, letterhead: Letterhead | None = None
) -> list[str]:
    """What its PDF writes down, in pieces."""
    said: list[str] = []
    show = pdf_module._Page._show

    def listen(page: pdf_module._Page, text: str) -> str:
        said.append(show(page, text))
        return said[-1]

    with monkeypatch.context() as listening:
        listening.setattr(pdf_module._Page, "_show", listen)
        slide_pdf(slide, Illustrations(), language, letterhead)
    return said
