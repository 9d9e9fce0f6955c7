"""A laboratory's own figures at the workstation: an admin enters them, and every slide they touch keeps them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from measured import measured
from plasmoscope import Classifier, read_performance
from plasmoscope.analysis.counting import (
    CALLS_CHANGED,
    COUNTED_DIFFERENTLY,
    NOT_MEASURED,
    count_slide,
    errors_spans,
    red_cell_count,
)
from plasmoscope.analysis.method import calling
from plasmoscope.analysis.performance import (
    FALSE_CALLS_ELSEWHERE,
    FOUND_ELSEWHERE,
    PatientCells,
    Performance,
    write_performance,
)
from plasmoscope.analysis.results import Count
from plasmoscope.client import Workstation, WorkstationError
from plasmoscope.i18n.languages import ENGLISH, LANGUAGES
from plasmoscope.i18n.words import english, without_marks
from plasmoscope.reports.illustrations import encode_png
from plasmoscope.store import audit
from plasmoscope.store import performance as performances
from plasmoscope.store.records import PerformanceEntry
from plasmoscope.synthetic.rendering import render_field
from plasmoscope.web.i18n.sentences import Words
from workstation import ROLES, add_account, log_in, new_slide, running, served, upload, when_analysed, workstation

PATH = "/api/v1/performance"
NO_COUNT = red_cell_count(None, None)


@pytest.fixture(scope="module")
def here(field_classifier: Classifier) -> Performance:
    """Measured with what the workstation runs."""
    how = calling(field_classifier)
    return measured(model_sha256=field_classifier.card.sha256, threshold=how.threshold, views=how.views)


@pytest.fixture(scope="module")
def photographs() -> tuple[bytes, bytes]:
    first, second = (encode_png(render_field(seed, cells=40, parasitaemia=0.2).image) for seed in (51, 52))
    return first, second


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    with workstation(tmp_path) as client:
        yield client


def as_json(performance: Performance) -> dict[str, Any]:
    return performance.model_dump(mode="json")


def counted(client: TestClient, slide: int, photograph: bytes) -> dict[str, Any]:
    assert upload(client, slide, photograph).status_code == 201
    return dict(when_analysed(client, slide)["count"])


def test_figures_correct_what_is_analysed_from_then_on_and_stay_with_its_slide(
    client: TestClient, here: Performance, photographs: tuple[bytes, bytes]
) -> None:
    before = new_slide(client, code="before")
    count = counted(client, before, photographs[0])
    assert (count["corrected"], count["performance"], count["correction_basis"]) == (None, None, english(NOT_MEASURED))
    refused = client.get(PATH).json()["error"]
    told = ("not_found", "not_measured", english(NOT_MEASURED))
    assert (refused["code"], refused["reason"], refused["message"]) == told
    entered = client.put(PATH, json=as_json(here))
    assert entered.status_code == 200, entered.text
    assert client.get(PATH).json() == entered.json()
    assert entered.json()["performance"] == as_json(here)
    assert entered.json()["misfit"] is None
    during = new_slide(client, code="during")
    count = counted(client, during, photographs[0])
    assert count["corrected"]
    assert count["performance"] == as_json(here)
    assert client.get(f"/api/v1/slides/{before}").json()["count"]["corrected"] is None, "nothing changes behind backs"
    version = client.get(f"/api/v1/slides/{during}").json()["version"]
    assert client.post(f"/api/v1/slides/{during}/sign", json={"version": version, "confirm": True}).status_code == 200
    assert client.delete(PATH).status_code == 204
    assert client.get(PATH).status_code == 404
    assert client.get(f"/api/v1/slides/{during}").json()["count"] == count
    report = json.loads(client.get(f"/api/v1/slides/{during}/files/slide.json").text)
    assert report["count"]["performance"] == as_json(here)
    after = new_slide(client, code="after")
    assert counted(client, after, photographs[0])["corrected"] is None
    # A measurement is of the program, not of a day: it holds for the slide's earlier photographs as well.
    client.put(PATH, json=as_json(here))
    count = counted(client, after, photographs[1])
    assert count["corrected"]
    assert count["counted"] > client.get(f"/api/v1/slides/{before}").json()["counted"]
    with running(client).store.reading() as session:
        said = [(entry.action, entry.detail["performance"]) for entry in audit.entries(session, "performance")]
    assert said == [("measure", as_json(here)), ("withdraw", None), ("measure", as_json(here))]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"threshold": 0.5}, "threshold: 0.5"),
        ({"views": 1}, "number of views: 1"),
        ({"model_sha256": "f" * 64}, "model"),
        ({"plasmoscope": "0.0.1"}, "version of Plasmoscope"),
        ({"infected_judged": 20, "infected_found": 20}, "too few"),
        ({"infected_found": 500}, "more cells were called"),
        ({"laboratory": "A\x00B"}, "laboratory"),
    ],
)
def test_figures_of_another_way_of_calling_are_refused_and_why_is_said(
    client: TestClient, here: Performance, changes: dict[str, object], told: str
) -> None:
    answer = client.put(PATH, json=as_json(here) | changes)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid")
    assert told in answer.json()["error"]["message"]
    assert client.get(PATH).status_code == 404


def test_figures_that_a_later_version_no_longer_fits_are_kept_told_and_not_used(
    client: TestClient, here: Performance, photographs: tuple[bytes, bytes]
) -> None:
    earlier = here.model_copy(update={"plasmoscope": "0.0.1"})
    method = running(client).method.model_copy(update={"plasmoscope": "0.0.1"})
    with running(client).store.session() as session:
        session.add(PerformanceEntry(by="amina", content=as_json(earlier)))
        session.flush()
        assert performances.as_measured(session, method).performance is None, "this program cannot check an earlier one"
    assert "version of Plasmoscope" in client.get(PATH).json()["misfit"]
    count = counted(client, new_slide(client), photographs[0])
    assert (count["corrected"], count["correction_basis"]) == (None, english(NOT_MEASURED))
    client.cookies.set("welcome", "accepted")
    assert "These figures correct no count now" in client.get("/performance").text


def test_only_an_admin_enters_figures_and_everybody_reads_them(tmp_path: Path, here: Performance) -> None:
    with workstation(tmp_path, host="192.168.1.5") as client:
        for name, role in ROLES.items():
            add_account(client, name, role)
        reader, technician, admin = (log_in(client, name) for name in ROLES)
        file = {"file": ("ours.json", here.model_dump_json().encode())}
        client.cookies.set("welcome", "accepted")
        for headers in (reader, technician):
            assert client.put(PATH, json=as_json(here), headers=headers).status_code == 403
            assert client.delete(PATH, headers=headers).status_code == 403
            assert client.post("/performance", files=file, headers=headers).status_code == 403
            assert client.post("/performance/withdraw", headers=headers).status_code == 403
        assert client.put(PATH, json=as_json(here)).status_code == 401
        assert client.put(PATH, json=as_json(here), headers=admin).status_code == 200
        assert client.get(PATH, headers=reader).json()["by"] == "Admin"
        assert client.get(PATH).status_code == 401


def test_the_page_takes_the_file_and_slides_say_what_they_rest_on(
    client: TestClient, here: Performance, photographs: tuple[bytes, bytes]
) -> None:
    slide = new_slide(client)
    counted(client, slide, photographs[0])
    client.cookies.set("welcome", "accepted")
    client.headers["accept"] = "text/html"

    def see(path: str) -> str:
        return " ".join(re.sub("<[^>]*>", " ", client.get(path).text).replace("&#39;", "'").split())

    for path in (f"/slides/{slide}", "/performance"):
        assert english(NOT_MEASURED) in see(path), path
    client.cookies.set("language", "fr")
    elsewhere = (*FOUND_ELSEWHERE, *FALSE_CALLS_ELSEWHERE)
    for path in (f"/slides/{slide}", "/performance"):
        assert "de {} à {} % des parasites, avec {} à {} fausses détections".format(*elsewhere) in see(path), path
    client.cookies.set("language", "en")
    client.headers["origin"] = "http://testserver"
    refused = client.post("/performance", files={"file": ("notes.json", b"{}")})
    assert refused.status_code == 422
    assert "holds no measured performance" in refused.text
    done = client.post("/performance", files={"file": ("ours.json", here.model_dump_json().encode())})
    assert done.url.path == "/performance"
    assert "St. Mary, Kisumu" in see("/performance")
    # Of 400 infected cells of 24 patients who may differ widely, a share is known less well than of 400 alike.
    mean, _ = errors_spans(here.errors)
    assert mean.low < 86.7
    assert f"90 % ({mean.low:.3g} % to {mean.high:.3g} %)" in see("/performance").replace("\xa0", " ")
    assert "It was not measured and is taken to be far" in see("/performance")
    counted(client, slide, photographs[1])
    shown = see(f"/slides/{slide}").replace("\u2068", "").replace("\u2069", "")
    assert "How far its patients differ was not measured; it is taken to be far" in shown
    assert "Measured on 1 Feb 2026 on slides of St. Mary, Kisumu: sensitivity 90" in shown
    assert client.post("/performance/withdraw").url.path == "/performance"
    assert english(NOT_MEASURED) in see("/performance")


def test_a_program_enters_figures(tmp_path: Path, here: Performance) -> None:
    file = tmp_path / "ours.json"
    write_performance(file, here)
    with served(tmp_path / "records") as address, Workstation(address) as program:
        assert program.performance() is None
        program.enter_performance(read_performance(file))
        assert program.performance() == here
        with pytest.raises(WorkstationError, match="threshold"):
            program.enter_performance(here.model_copy(update={"threshold": 0.1}))


# The words


def count(performance: Performance | None, **how: Any) -> Count:
    return count_slide(30, 1_000, red_cell_count(None, None), performance, **how)


def test_the_pages_say_in_english_what_the_reports_say() -> None:
    said = Words(ENGLISH)
    assert said.correction(count(None)) == english(NOT_MEASURED)
    for reason in (CALLS_CHANGED, COUNTED_DIFFERENTLY):
        assert said.correction(count(measured(), not_corrected=reason)) == english(reason)
    for counted in (count(None), count(measured()), count(by_patient()), count_slide(1, 1, NO_COUNT, None)):
        shown = said.tell_in_turn(counted.detection.statement_coded, "")
        assert without_marks(shown) == counted.detection.statement


def by_patient() -> Performance:
    """Measured on a patient who is known as one."""
    here = measured(patients=1)
    return here.model_copy(
        update={"by_patient": (PatientCells(**here.model_dump(include=set(PatientCells.model_fields))),)}
    )


@pytest.mark.parametrize("code", [code for code in LANGUAGES if code != "en"])
def test_every_language_says_on_whose_slides_the_figures_hold(code: str) -> None:
    said = Words(LANGUAGES[code])
    told = said.correction(count(None))
    assert told != english(NOT_MEASURED)
    for part in (
        "NIH",
        *(said.number(number) for number in (*FOUND_ELSEWHERE, *FALSE_CALLS_ELSEWHERE)),
        "plasmoscope evaluate-fields",
    ):
        assert part in told
    assert "St. Mary, Kisumu" in said.correction(count(measured()))
    for counted in (count(None), count(measured()), count(by_patient()), count_slide(1, 1, NO_COUNT, None)):
        told = said.tell_in_turn(counted.detection.statement_coded, "")
        assert not set(told.split()) & {"with", "calls", "slides", "figures"}, "a sentence is still English"
        if counted.detection.limit_reviewed:
            assert said.percent(counted.detection.limit_reviewed) in told
    for reason in (CALLS_CHANGED, COUNTED_DIFFERENTLY):
        assert said.correction(count(measured(), not_corrected=reason)) != english(reason)
