"""The history of all slides, from the page and the interface."""

import html
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from pyarrow import parquet

from analysed import FOUND, analysed
from plasmoscope.csv_tables import csv_rows
from plasmoscope.extras import MissingExtraError
from plasmoscope.web.api import history as history_api
from plasmoscope.web.pages import home
from workstation import add_account, log_in, new_slide, running, workstation


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with workstation(tmp_path_factory.mktemp("records")) as client:
        analysed(running(client).store, new_slide(client))
        new_slide(client, patient="&P=2", code="S-2", taken_on="2026-03-02")
        client.post("/welcome")
        yield client


def test_the_interface_gives_all_slides_and_those_of_a_search(client: TestClient) -> None:
    answer = client.get("/api/v1/history.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert 'filename="history.csv"' in answer.headers["content-disposition"]
    found = csv_rows(answer.text.lstrip("\ufeff").splitlines())
    assert [row["slide"] for row in found] == ["S-2", "S-1"]
    assert (int(found[1]["red_cells_counted"]), int(found[1]["infected"])) == (FOUND.counted, FOUND.infected)
    some = client.get("/api/v1/history.csv", params={"patient": "p-1", "until": "2026-03-01"})
    assert [row["slide"] for row in csv_rows(some.text.lstrip("\ufeff").splitlines())] == ["S-1"]
    table = parquet.read_table(io.BytesIO(client.get("/api/v1/history.parquet").content))
    assert table.column("slide").to_pylist() == ["S-2", "S-1"]
    assert client.get("/api/v1/history.xlsx").status_code == 422


def test_the_buttons_of_the_first_page_fetch_what_it_shows(client: TestClient) -> None:
    page = client.get("/", params={"patient": "&P="}, headers={"accept": "text/html"})
    addresses = [html.unescape(one) for one in re.findall(r'href="([^"]*history\.[^"]*)"', page.text)]
    assert [address.partition("?")[0] for address in addresses] == ["/api/v1/history.csv", "/api/v1/history.parquet"]
    answer = client.get(addresses[0])
    assert [row["patient"] for row in csv_rows(answer.text.lstrip("\ufeff").splitlines())] == ["&P=2"]


def test_without_its_package_parquet_is_not_offered_and_says_what_to_install(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(home, "has_extra", lambda extra: False)
    page = client.get("/", headers={"accept": "text/html"}).text
    assert "history.csv" in page
    assert "history.parquet" not in page

    def missing(*_: object) -> None:
        raise MissingExtraError("A table in Parquet needs packages that are not installed (pyarrow).")

    monkeypatch.setattr(history_api, "require_extra", missing)
    answer = client.get("/api/v1/history.parquet")
    assert answer.status_code == 501
    assert "pyarrow" in answer.json()["error"]["message"]


def test_whoever_is_not_logged_in_gets_no_history(tmp_path: Path) -> None:
    with workstation(tmp_path, secure_cookies=True) as client:
        add_account(client, "amina", "reader")
        assert client.get("/api/v1/history.csv").status_code == 401
        assert client.get("/api/v1/history.csv", headers=log_in(client, "amina")).status_code == 200
