"""Records and files that earlier versions wrote open in this one, and count the same.

``earlier/`` was written by the versions themselves, of drawn photographs: a folder for each state of the tables, with
the dump of its database, what that version counted, and the ``slide.json`` of one of its slides. ``tables_0003`` is of
commit bc51696, ``tables_0008`` of e239831, the last before names in the HTTP interface changed. Both have calls by
people, a rejected and a refused photograph, a signed slide and an account.
"""

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from plasmoscope.analysis.results import Slide
from plasmoscope.reports.folder import held_report
from plasmoscope.reports.slide_json import read_slide, slide_json
from plasmoscope.store import counts, slides
from plasmoscope.store.doctor import examine
from plasmoscope.store.records import Correction
from plasmoscope.store.store import Store
from plasmoscope.web.downloads import DOWNLOADS
from plasmoscope.web.security.cross_site import CLIENT_HEADER
from workstation import PASSWORD, workstation

WRITTEN = Path(__file__).parent / "earlier"
STATES = ("tables_0003", "tables_0008")
SLIDES = {"S-1": 1, "S-2": 2}


@pytest.fixture(params=STATES)
def state(request: pytest.FixtureRequest) -> Path:
    return WRITTEN / str(request.param)


@pytest.fixture
def records(state: Path, tmp_path: Path) -> Path:
    """A data folder as that version left it."""
    folder = tmp_path / "records"
    shutil.copytree(WRITTEN / "images", folder / "images")
    with closing(sqlite3.connect(folder / "plasmoscope.db")) as database:
        database.executescript((state / "records.sql").read_text("utf-8"))
    return folder


def counted_then(state: Path) -> dict[str, Any]:
    return dict(json.loads((state / "counts.json").read_text("utf-8")))


def as_counted_then(slide: Slide) -> dict[str, Any]:
    assert slide.count
    assert slide.count.parasites_per_ul
    return {
        "counted": slide.count.counted,
        "infected": slide.count.infected,
        "parasitaemia": pytest.approx(slide.count.parasitaemia.model_dump()),
        "parasites_per_ul": pytest.approx(slide.count.parasites_per_ul.value),
        "fields": [[field.name, field.counted, field.infected, field.accepted] for field in slide.fields],
    }


def test_records_of_an_earlier_version_count_the_same(state: Path, records: Path) -> None:
    store = Store(records)
    with store.reading() as session:
        for code, number in SLIDES.items():
            slide = slides.get_slide(session, number)
            then = counted_then(state)[code]
            now = as_counted_then(counts.slide_result(session, slide))
            assert {name: then[name] for name in now} == now
            assert (slide.code, slide.status) == (code, then["status"])
    assert examine(store).all_well
    store.close()


@pytest.fixture
def program(records: Path) -> Iterator[TestClient]:
    """Welcomed, with the account that the earlier version made where one logs in to act."""
    with workstation(records, host="0.0.0.0") as client:
        del client.headers[CLIENT_HEADER]
        client.headers |= {"accept": "text/html", "origin": "http://127.0.0.1:8000"}
        assert client.post("/login", data={"name": "Amina", "password": PASSWORD}).status_code == 200
        assert client.post("/welcome").status_code == 200
        yield client


def see(program: TestClient, address: str) -> str:
    """A page itself, and not one that it leads to."""
    answer = program.get(address)
    assert (answer.status_code, answer.history) == (200, []), address
    return answer.text


def test_calls_of_an_earlier_version_have_todays_words(state: Path, records: Path) -> None:
    store = Store(records)
    with store.reading() as session:
        calls = {(one.call, one.model_call) for one in session.scalars(select(Correction))}
    assert calls == {("uninfected", "infected"), ("infected", "uninfected"), ("not_a_cell", "uninfected")}
    store.close()


def test_every_page_of_records_of_an_earlier_version_opens(state: Path, program: TestClient) -> None:
    for code, number in SLIDES.items():
        then, shown = counted_then(state)[code], program.get(f"/api/v1/slides/{number}").json()
        assert (shown["counted"], shown["infected"]) == (then["counted"], then["infected"])
        fields = [field["id"] for field in shown["fields"]]
        assert len(fields) == len(then["fields"])
        for part in ("", "/review", "/cells", "/possible", "/not-told", "/changes", "/details"):
            see(program, f"/slides/{number}{part}")
        for field in fields:
            see(program, f"/fields/{field}")
            see(program, f"/fields/{field}?cell=1")
            for part in ("", "/image", "/cells/1/picture"):
                assert program.get(f"/api/v1/fields/{field}{part}").status_code == 200
        assert program.get(f"/api/v1/slides/{number}/audit").json()
    for page in ("/", "/cells", "/patients/P-1", "/accounts", "/performance", "/profiles"):
        see(program, page)


def test_every_report_of_records_of_an_earlier_version_is_written(program: TestClient) -> None:
    for name in DOWNLOADS:
        assert program.get(f"/api/v1/slides/1/files/{name}").status_code == 200, name


def test_a_file_of_an_earlier_version_is_read_and_reported_the_same(state: Path, tmp_path: Path) -> None:
    slide = read_slide(state / "S-1.slide.json")
    then, now = counted_then(state)["S-1"], as_counted_then(slide)
    assert {name: then[name] for name in now} == now
    shutil.copy(state / "S-1.slide.json", tmp_path / "slide.json")
    report = held_report(tmp_path)
    assert report
    assert (report.slide, report.patient) == ("S-1", "P-1")
    (tmp_path / "slide.json").write_text(slide_json(slide), "utf-8")
    assert read_slide(tmp_path / "slide.json") == slide
