"""Reports that the workstation makes are in the reader's language."""

from datetime import date
from pathlib import Path

from analysed import METHOD, analysed
from plasmoscope.messages import as_written, message
from plasmoscope.store import slides
from plasmoscope.store.records import Field
from plasmoscope.store.slides import SlideDetails
from plasmoscope.web.pages.page_data import warnings_of
from slides import CARE, rendered_field
from workstation import running, workstation


def test_a_report_is_in_the_language_of_the_session_or_the_one_asked_for(tmp_path: Path) -> None:
    with workstation(tmp_path) as client:
        store = running(client).store
        with store.session() as session:
            slide = slides.create_slide(session, "amina", SlideDetails("P-1", "S-1", date(2026, 2, 1))).id
        image, field = rendered_field()
        analysed(store, slide, image, field, METHOD)
        address = f"/api/v1/slides/{slide}/files/report.html"
        assert '<html lang="en" dir="ltr">' in client.get(address).text
        assert '<html lang="es" dir="ltr">' in client.get(address, headers={"accept-language": "es-PE"}).text
        client.cookies.set("language", "fr")
        assert "Globules rouges comptés" in client.get(address).text
        assert '<html lang="ar" dir="rtl">' in client.get(address, params={"language": "ar"}).text
        assert client.get(address, params={"language": "xx"}).status_code == 422
        client.cookies.set("welcome", "accepted")
        assert f"/api/v1/slides/{slide}/files/report.pdf?language=fr" in client.get(f"/slides/{slide}").text


def test_warnings_that_an_earlier_version_kept_as_sentences_are_told_in_the_readers_language() -> None:
    kept = Field(warnings=[CARE, "cells_in_heaps", "a sentence of another version"])
    known, same, other = warnings_of(kept)
    assert known == same == message("cells_in_heaps")
    assert other == as_written("a sentence of another version")
