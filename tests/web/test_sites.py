"""Each address is tried by somebody of another site, for whom there is no such slide."""

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, cast

import httpx2
import numpy as np
import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from sqlalchemy import select

from analysed import analysed
from plasmoscope.csv_tables import csv_rows
from plasmoscope.reports.illustrations import encode_png
from plasmoscope.store import accounts, slides
from plasmoscope.store.audit import how_many
from plasmoscope.store.records import Camera, Field
from plasmoscope.store.slides import SlideDetails
from plasmoscope.store.store import Store
from plasmoscope.web import api, pages
from plasmoscope.web.example_slide import known_example, make_example
from workstation import PASSWORD, SLIDE, add_account, log_in, new_slide, running, workstation

EAST, WEST = "Ward East", "Ward West"
WELCOMED = {"cookie": "welcome=accepted"}
CELL = 1
PICTURE = encode_png(np.zeros((64, 64, 3), np.uint8))
# What each address is sent, by the end of its path; an address that is new here has to say.
SENT: dict[str, dict[str, Any]] = {
    "readings": {"json": {"second": "Wanja"}, "data": {"first": "Esther", "second": "Wanja"}},
    "finish": {"json": {}, "data": {}},
    "PUT slides/{slide_id}": {"json": SLIDE | {"site": WEST}},
    "fields": {"files": {"file": ("a.png", PICTURE)}},
    "photographs": {"files": {"file": ("a.png", PICTURE)}},
    "uploads": {"headers": {"upload-length": "10", "tus-resumable": "1.0.0"}},
    "sign": {"json": {"version": 1}, "data": {"version": 1}},
    "reopen": {"json": {"reason": "x"}, "data": {"reason": "x"}},
    "reject": {"json": {"reason": "x"}, "data": {"reason": "x"}},
    "delete": {"json": {"reason": "x"}, "data": {"reason": "x"}},
    "call": {"json": {"call": "infected"}, "data": {"call": "infected"}},
    "look": {"json": {"looked_at": True}},
    "cells": {"json": {"call": "infected", "polygon": [[1, 1], [9, 1], [9, 9]]}},
    "split": {"json": {"line": [[1, 1], [9, 9]]}},
    "join": {"json": {"numbers": [1, 2]}},
    "note": {"json": {"stage": "ring"}, "data": {"stage": "ring"}},
    "merge": {"json": {"patient": "P-west"}, "data": {"code": "P-west"}},
    "part": {"json": {"patient": "P-west"}, "data": {"code": "P-west"}},
    "keep-apart": {"json": {"patient": "P-west"}, "data": {"code": "P-west"}},
    "move": {"json": {"slide": 2}, "data": {"slide": 2}},
    "remove": {"json": {"reason": "x"}, "data": {"reason": "x"}},
    "camera": {"data": {"camera": "unknown", "what": "close"}},
    "details": {"data": {"patient": "P", "code": "S", "taken_on": "2026-03-01"}},
}
# Of an admin, who sees all sites, alone.
ADMINS = re.compile(r"(/api/v1)?/slides/\{slide_id\}/(delete|put-back)")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """Esther of the east ward has slide 1 with an analysed photograph; Wanja of the west ward has slide 2."""
    folder = tmp_path_factory.mktemp("sites")
    store = Store(folder)
    for patient, site in (("P-east", EAST), ("P-west", WEST)):
        with store.session() as session:
            slide = slides.create_slide(session, "tests", SlideDetails(patient, "S-1", date(2026, 3, 1), site)).id
        analysed(store, slide)
    with store.session() as session:
        accounts.add_account(session, "tests", "Esther", PASSWORD, "technician", [EAST])
        accounts.add_account(session, "tests", "Wanja", PASSWORD, "technician", [WEST])
    store.close()
    with workstation(folder, host="0.0.0.0") as client:
        add_account(client, "Admin", "admin")
        yield client


def of(client: TestClient, name: str) -> httpx2.Client:
    """A client of the same workstation that is logged in."""
    other = TestClient(client.app, str(client.base_url), headers=dict(client.headers), raise_server_exceptions=False)
    other.headers.update(log_in(client, name) | WELCOMED)
    return other


def addresses() -> list[tuple[str, str]]:
    """Method and path of all that is of a slide, a photograph or a patient."""
    named = re.compile(r"\{(slide_id|field_id|patient_id|code)(:path)?\}")
    found = [(method, path) for prefix, router in (("", pages.router), ("", api.router))
             for method, path in _below(router, prefix)]  # fmt: skip
    return [(method, path) for method, path in found if named.search(path)]


def _below(router: APIRouter, prefix: str) -> Iterator[tuple[str, str]]:
    for route in router.routes:
        if isinstance(route, APIRoute):
            for method in route.methods:
                yield method, route.path if route.path.startswith(prefix) else prefix + route.path
        else:
            yield from _below(cast(Any, route).original_router, prefix or router.prefix)


def ask(client: httpx2.Client, method: str, path: str, slide: int, patient: str) -> httpx2.Response:
    values = {
        "slide_id": slide,
        "field_id": slide,
        "patient_id": slide,
        "number": CELL,
        "name": "slide.json",
        "code:path": patient,
    }
    address = re.sub(r"\{([a-z_:]+)\}", lambda place: str(values.get(place[1], 1)), path)
    end = path.rsplit("/", 1)[1]
    sent = dict(SENT.get(f"{method} {path.removeprefix('/api/v1/')}", SENT.get(end, {}))) if method != "GET" else {}
    sent.pop("data" if path.startswith("/api/") else "json", None)
    return client.request(method, address, follow_redirects=False, **sent)


def test_whoever_is_of_another_site_finds_nothing_at_any_address(shared: TestClient) -> None:
    stranger = of(shared, "Wanja")
    found = addresses()
    assert len(found) > 50
    with running(shared).store.reading() as session:
        before = how_many(session)
    wrong = []
    for method, path in found:
        answer = ask(stranger, method, path, 1, "P-east")
        expected = 403 if ADMINS.fullmatch(path) else 404
        if answer.status_code != expected:
            wrong.append(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
        if method != "HEAD":
            assert answer.headers["content-type"].startswith("application/json"), path
            assert "P-east" not in answer.text or path.startswith("/patients"), path
    assert wrong == []
    with running(shared).store.reading() as session:
        assert how_many(session) == before, "nothing was changed"


def test_whoever_is_of_the_site_finds_the_same_addresses(shared: TestClient) -> None:
    for name in ("Esther", "Admin"):
        own = of(shared, name)
        asked = {path: ask(own, method, path, 1, "P-east") for method, path in addresses() if method == "GET"}
        assert {path: answer.text[:300] for path, answer in asked.items() if answer.status_code != 200} == {}


LISTS = (
    "/", "/slides/new", "/patients", "/patients?twins=true", "/api/v1/patients", "/api/v1/slides", "/api/v1/queue",
    "/api/v1/history.csv",
)  # fmt: skip


@pytest.mark.parametrize("page", LISTS)
def test_lists_suggestions_and_tables_hold_the_own_sites_slides_alone(shared: TestClient, page: str) -> None:
    with running(shared).store.session() as session:
        for number in (1, 2):
            session.get_one(Field, number).status = "cancelled"
    shown = of(shared, "Wanja").get(page)
    assert shown.status_code == 200
    assert "P-east" not in shown.text
    assert EAST not in shown.text
    if page in {"/", "/patients", "/api/v1/patients", "/api/v1/slides"}:
        assert "P-west" in shown.text
        assert "P-east" in of(shared, "Admin").get(page).text
    if page in {"/api/v1/slides", "/api/v1/patients"}:
        assert shown.json()["total"] == 1
    if page.endswith("csv"):
        assert [row["patient"] for row in csv_rows(shown.text.removeprefix("\ufeff").splitlines())] == ["P-west"]


def test_a_slide_cannot_be_given_to_or_taken_from_another_site(shared: TestClient) -> None:
    stranger = of(shared, "Wanja")
    refused = stranger.post("/api/v1/slides", json=SLIDE | {"site": EAST})
    assert (refused.status_code, refused.json()["error"]["reason"]) == (422, "site_not_yours")
    assert EAST not in refused.json()["error"]["message"].split(";")[0]
    given_away = stranger.put("/api/v1/slides/2", json=SLIDE | {"patient": "P-west", "site": EAST})
    assert given_away.json()["error"]["reason"] == "site_not_yours"
    form = stranger.get("/slides/new").text
    assert re.search(f'name="site"[^>]*value="{WEST}"', form)


def test_neither_a_photograph_nor_a_patient_crosses_to_another_site(shared: TestClient) -> None:
    stranger = of(shared, "Wanja")
    moved = stranger.post("/api/v1/fields/2/move", json={"slide": 1})
    assert (moved.status_code, moved.json()["error"]["reason"]) == (404, "no_slide")
    merged = stranger.post("/api/v1/patients/2/merge", json={"patient": "P-east"})
    assert (merged.status_code, merged.json()["error"]["reason"]) == (404, "no_patient")
    assert stranger.get("/find?code=P-east", follow_redirects=False).status_code == 404
    assert stranger.get("/find?code=S-1", follow_redirects=False).headers["location"] == "/slides/2"


def test_a_camera_of_another_site_cannot_be_closed_or_asked(shared: TestClient) -> None:
    with running(shared).store.session() as session:
        session.add(Camera(name="East scope", slide_id=1))
    stranger = of(shared, "Wanja")
    for what in ("close", "take", "leave", "open"):
        assert stranger.post("/slides/1/camera", data={"camera": "East scope", "what": what}).status_code == 404
    # Nor taken for one's own slide, nor seen.
    assert stranger.post("/slides/2/camera", data={"camera": "East scope", "what": "open"}).status_code == 404
    shared.post("/welcome")
    own = stranger.get("/slides/2", headers={"accept": "text/html"}).text
    assert "P-west" in own
    assert "East scope" not in own
    with running(shared).store.reading() as session:
        assert session.scalars(select(Camera.slide_id)).all() == [1]


def test_what_waits_in_a_cameras_folder_is_seen_by_the_sites_that_it_serves(shared: TestClient) -> None:
    mine, stranger, admin = of(shared, "Esther"), of(shared, "Wanja"), of(shared, "Admin")
    report = {"waiting": 1, "names": ["P-east 17.jpg"], "set_aside": []}
    assert mine.put("/api/v1/cameras/scope", json=report).status_code == 200
    assert admin.put("/api/v1/cameras/anywhere", json=report | {"names": ["x.jpg"]}).status_code == 200
    html = {"accept": "text/html"}
    assert "P-east 17.jpg" in mine.get("/slides/1", headers=html).text
    own = stranger.get("/slides/2", headers=html).text
    assert "P-east 17.jpg" not in own
    assert "x.jpg" in own, "one that is watched for all sites"
    # Nor taken over while it is watched, nor opened, nor for a slide of another site by one who sees all.
    assert stranger.put("/api/v1/cameras/scope", json=report).status_code == 404
    for who, slide in ((stranger, 2), (admin, 2)):
        opened = who.post(f"/slides/{slide}/camera", data={"camera": "scope", "what": "open"})
        assert opened.status_code == 404
    mine.post("/slides/1/camera", data={"camera": "scope", "what": "open"}, follow_redirects=False)
    assert mine.put("/api/v1/cameras/scope", json=report).json()["slide"] == 1


def test_each_site_has_an_example_of_its_own(shared: TestClient) -> None:
    store = running(shared).store
    made = set()
    for site in (EAST, WEST):
        seen = store.seen_by(frozenset({site, "Ward Z"}))
        number = make_example(seen, "tests", [PICTURE])
        assert known_example(seen) == make_example(seen, "tests", [PICTURE]) == number
        made.add(number)
        with seen.session() as session:
            assert slides.get_slide(session, number).site == site
            slides.delete_slide(session, "tests", number, "tried")
    assert len(made) == 2


def test_an_admin_gives_accounts_their_sites_by_program_and_page(shared: TestClient) -> None:
    admin = of(shared, "Admin")
    made = admin.post(
        "/api/v1/accounts", json={"name": "Noor", "password": PASSWORD, "role": "reader", "sites": ["ward east"]}
    ).json()
    assert made["sites"] == [EAST]
    noor = of(shared, "Noor")
    assert noor.get("/api/v1/slides/1").status_code == 200
    changed = admin.post(f"/api/v1/accounts/{made['id']}/sites", json={"sites": [WEST]})
    assert changed.json()["sites"] == [WEST]
    assert [noor.get(f"/api/v1/slides/{number}").status_code for number in (1, 2)] == [404, 200], "at once"
    admin.post(f"/accounts/{made['id']}/sites", data={"sites": f"{EAST}\r\n{WEST}"})
    assert [noor.get(f"/api/v1/slides/{number}").status_code for number in (1, 2)] == [200, 200]
    page = admin.get("/accounts").text
    assert f"{EAST}\n{WEST}</textarea>" in page
    assert "Without a site they see all." in page
    assert noor.post(f"/api/v1/accounts/{made['id']}/sites", json={"sites": []}).status_code == 403


def test_without_a_site_people_see_all_or_where_the_workstation_is_strict_nothing(tmp_path: Path) -> None:
    for strict in (False, True):
        with workstation(tmp_path, host="0.0.0.0", strict_sites=strict) as client:
            if not strict:
                for name in ("Technician", "Admin"):
                    add_account(client, name, name.lower())  # type: ignore[arg-type]
                new_slide(of(client, "Admin"), site=EAST)
            technician = of(client, "Technician")
            assert technician.get("/api/v1/slides").json()["total"] == (0 if strict else 1)
            assert of(client, "Admin").get("/api/v1/slides").json()["total"] == 1
            if strict:
                assert technician.post("/api/v1/slides", json=SLIDE).json()["error"]["reason"] == "no_site_of_yours"
            assert ("Without a site they see none." in of(client, "Admin").get("/accounts").text) == strict
