"""Panels at the workstation: made by admins, read blinded by everybody, scored."""

import csv
import io
import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from analysed import FOUND, analysed
from plasmoscope.store import panels
from plasmoscope.store.panels import GivenTruth
from plasmoscope.web.drawn_slides import drawn_slide
from workstation import ROLES, add_account, log_in, running, workstation

INFECTED = [cell.number for cell in FOUND.cells if cell.counted and cell.parasitized]


def opened(client: TestClient, training: bool = False) -> tuple[int, int, int]:
    """A panel of one slide of Amina's: its number, that of the slide's record, and of the photograph."""
    store = running(client).store
    with store.session() as session:
        panel = panels.make_panel(session, "Amina", "Spring <b>", training).id
        slide = panels.add_slide(session, "Amina", panel, GivenTruth(True, ("P. vivax",), 30.0))
    field = analysed(store, slide.slide_id)
    with store.session() as session:
        panels.slides_of(session, panel)[0].cells = {str(field): []}
        panels.open_panel(session, "Amina", panel)
    return panel, slide.slide_id, field


def test_a_panel_is_read_without_its_truth_or_the_programs_calls(tmp_path: Path) -> None:
    with workstation(tmp_path, host="0.0.0.0") as client:
        for name, role in ROLES.items():
            add_account(client, name, role)
        panel, slide, field = opened(client)
        client.cookies.set("welcome", "accepted")
        admin, reader, other = (log_in(client, name) for name in ("Admin", "Reader", "Technician"))
        # Whoever makes one knows its truth, and others neither see nor change it.
        assert client.get(f"/panels/{panel}", headers=reader).status_code == 403
        assert client.post("/panels", data={"name": "Mine"}, headers=other).status_code == 403
        for path in (
            f"/slides/{slide}",
            f"/fields/{field}",
            f"/api/v1/fields/{field}/image",
            f"/api/v1/slides/{slide}",
        ):
            assert client.get(path, headers=admin).json()["error"]["reason"] == "of_panel"
        picture = f"/panels/{panel}/photographs/{field}"
        assert client.get(picture, headers=reader).status_code == 404
        answer = client.post(f"/panels/{panel}/begin", headers=reader, follow_redirects=False)
        taking = answer.headers["location"]
        page = client.get(taking, headers=reader).text
        assert "Spring &lt;b&gt;" in page
        # Every object looks the same, whatever the program calls it.
        spots = re.findall(r'<input class="spot" [^>]+>', page)
        assert len(spots) == len([cell for cell in FOUND.cells if not cell.on_border])
        assert len({re.sub(r"\d+", "", spot) for spot in spots}) == 1
        assert "vivax" in page
        assert (
            "30" not in re.sub(r"<svg.*?</svg>", "", page, flags=re.DOTALL).partition("<main")[2].partition("</main")[0]
        )
        assert client.get(picture, headers=reader).headers["content-type"] == "image/jpeg"
        assert client.get(taking, headers=other).status_code == 404
        given = {"position": 1, "positive": "true", "species": "P. vivax", "cells": [f"{field}-{INFECTED[0]}", "x-1"]}
        assert client.post(taking, data=given, headers=reader).status_code == 200
        result = client.get(taking, headers=reader).text
        assert "shown when the panel is closed" in result
        assert "/slides/1" not in result
        assert client.get(f"{taking}/slides/1", headers=reader, follow_redirects=False).status_code == 303
        assert client.post(f"/panels/{panel}/state", data={"what": "close"}, headers=reader).status_code == 403
        assert client.post(f"/panels/{panel}/state", data={"what": "close"}, headers=admin).status_code == 200
        assert "wrongly marked" in client.get(f"{taking}/slides/1", headers=reader).text.lower()


def test_results_are_told_to_whose_they_are_and_to_admins(tmp_path: Path) -> None:
    with workstation(tmp_path, host="0.0.0.0") as client:
        for name, role in ROLES.items():
            add_account(client, name, role)
        panel, _, _ = opened(client, training=True)
        admin, reader, other = (log_in(client, name) for name in ("Admin", "Reader", "Technician"))
        client.cookies.set("welcome", "accepted")
        taking = client.post(f"/panels/{panel}/begin", headers=reader, follow_redirects=False).headers["location"]
        given = {"position": "1", "positive": "true", "count": "22,5"}
        shown = client.post(taking, data=given, headers=reader)
        # In training the truth comes at once.
        assert "<bdi>P. vivax</bdi>, 30" in shown.text
        assert client.get("/api/v1/panel-results", headers=other).json() == []
        (mine,) = client.get("/api/v1/panel-results", headers=reader).json()
        assert (mine["reader"], mine["level"], mine["counts"]) == ("Reader", 4, {"right": 1, "slides": 1})
        assert [one["reader"] for one in client.get("/api/v1/panel-results", headers=admin).json()] == ["Reader", None]
        table = client.get("/api/v1/panel-results.csv", headers=admin).text
        rows = list(csv.DictReader(io.StringIO(table.removeprefix("\ufeff"))))
        assert [row["reader"] for row in rows] == ["Reader", "plasmoscope"]
        assert rows[0]["species_right"] == "0"
        page = client.get(f"/panels/{panel}", headers=admin).text
        assert "The program" in page
        assert client.get("/panels", headers=reader).text.count("(1 of 1;") == 3
        wrong = client.post(taking, data={"position": 1, "positive": "true", "count": "many"}, headers=reader)
        assert wrong.json()["error"]["reason"] == "no_number"


def test_a_panel_is_made_of_drawn_copied_and_uploaded_slides(tmp_path: Path, rendered_png: bytes) -> None:
    with workstation(tmp_path) as client:
        client.cookies.set("welcome", "accepted")
        made = client.post("/panels", data={"name": "Autumn", "training": "true"}, follow_redirects=False)
        page = made.headers["location"]
        assert client.post(f"{page}/drawn", data={"percent": "0", "photographs": "1"}).status_code == 200
        own = client.post(
            f"{page}/own", data={"positive": "true", "species": "P. ovale"}, files={"file": ("a.png", rendered_png)}
        )
        assert own.status_code == 200
        missing = client.post(f"{page}/copied", data={"code": "S-9", "positive": "false"})
        assert missing.json()["error"]["reason"] == "no_signed_slide"
        shown = client.get(page).text
        assert "P. ovale" in shown
        assert client.post(f"{page}/remove", data={"position": "1"}).status_code == 200
        assert "Without parasites</td>" not in client.get(page).text


def test_a_drawn_slide_tells_what_was_drawn() -> None:
    drawn = drawn_slide(seed=3, percent=5, photographs=1)
    ((photograph, infected),) = drawn.photographs
    assert photograph.startswith(b"\x89PNG")
    assert drawn.percent == pytest.approx(100 * len(infected) / round(100 * len(infected) / drawn.percent))
    assert drawn_slide(seed=3, percent=0, photographs=1).percent == 0
