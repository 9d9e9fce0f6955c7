"""The pages, as a browser without scripts uses them."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from plasmoscope.reports.looks import LEGEND
from plasmoscope.web.languages import LANGUAGES
from plasmoscope.web.security import CLIENT_HEADER
from workstation import PASSWORD, add_account, new_slide, upload, when_analysed, workstation

STATIC = Path(__file__).parents[1] / "src/plasmoscope/web/static"
FORM = {"patient": "Ama Mensah", "code": "A-17", "taken_on": "2026-03-01", "microscopist": "Kofi"}


class Browser:
    """A browser without scripts: it reads pages, and sends their forms with the token that stands in them."""

    def __init__(self, client: TestClient) -> None:
        self.client = client
        del client.headers[CLIENT_HEADER]
        client.headers["accept"] = "text/html"

    def see(self, path: str, status: int = 200) -> str:
        answer = self.client.get(path)
        assert answer.status_code == status, f"{path}: {answer.status_code} {answer.text[-600:]}"
        return answer.text

    def send(self, path: str, status: int = 200, **boxes: object) -> str:
        """Send a form and follow to where it leads."""
        answer = self.client.post(path, data=boxes | {"csrf_token": self._token()})
        self.at = answer.url.path
        assert answer.status_code == status, f"{path}: {answer.status_code} {answer.text[-600:]}"
        return answer.text

    def _token(self) -> str:
        return re.search(r'name="csrf-token" content="(\w+)"', self.client.get("/welcome").text)[1]


class Page(HTMLParser):
    """What a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inline_scripts = 0
        self.forms_without_token = 0
        self._posting = False
        self._token = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append((tag, found))
        if tag == "script":
            self.inline_scripts += "src" not in found and found.get("type") != "application/json"
        if tag == "form":
            self._posting, self._token = found.get("method") == "post", False
        self._token |= tag == "input" and found.get("name") == "csrf_token" and bool(found.get("value"))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.forms_without_token += self._posting and not self._token


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    """On its first start, and welcomed."""
    with workstation(tmp_path) as client:
        browser = Browser(client)
        browser.send("/welcome")
        yield browser


@pytest.fixture(scope="module")
def at_work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Browser, dict[str, str]]]:
    """A workstation with the example slide, and the paths of all of its pages."""
    with workstation(tmp_path_factory.mktemp("records")) as client:
        browser = Browser(client)
        browser.send("/welcome", example="yes")
        slide = browser.at
        fields = when_analysed(client, int(slide.rpartition("/")[2]))["fields"]
        field = f"/fields/{fields[0]['id']}"
        cell = max(fields_cells(client, fields[0]["id"]), key=lambda one: one["parasitized_probability"] or 0)
        browser.send("/slides", **FORM)
        paths = {
            "home": "/",
            "nothing found": "/?patient=nobody",
            "new": "/slides/new",
            "slide": slide,
            "empty slide": browser.at,
            "details": f"{slide}/details",
            "cells of slide": f"{slide}/cells",
            "changes": f"{slide}/changes",
            "field": field,
            "cell": f"{field}?cell={cell['number']}",
            "patient": "/patients/Example",
            "single cells": "/cells",
            "welcome": "/welcome",
            "accounts": "/accounts",
        }
        yield browser, paths


def fields_cells(client: TestClient, field: int) -> list[dict[str, object]]:
    return client.get(f"/api/v1/fields/{field}").json()["found"]["cells"]


def test_debug(at_work):
    b, paths = at_work
    import pathlib

    out = pathlib.Path("/tmp/exp/pages_html")
    out.mkdir(exist_ok=True)
    for n, p in paths.items():
        (out / f"{n}.html").write_text(b.see(p))
    print(paths)
