"""The folder of a microscope's camera, watched by the workstation itself or by a program on another computer."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from patience import PATIENCE
from plasmoscope import watching
from plasmoscope.cli import app
from plasmoscope.store import cameras
from plasmoscope.store.records import now
from plasmoscope.store.slides import get_slide
from plasmoscope.web import camera_folder
from plasmoscope.web.security.cross_site import CLIENT_HEADER
from workstation import PROGRAM, add_account, log_in, new_slide, running, served, workstation

BROWSER = {"accept": "text/html"}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera_folder, "_LOOK_SECONDS", 0.02)
    monkeypatch.setattr(watching, "SETTLE_SECONDS", 0.05)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "camera one"
    folder.mkdir()
    return folder


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    with workstation(tmp_path / "records") as client:
        client.post("/welcome")
        yield client


def until(true: Callable[[], Any]) -> Any:
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        if found := true():
            return found
        time.sleep(0.02)
    raise TimeoutError


def names(client: httpx2.Client, slide: int) -> list[str]:
    return [field["name"] for field in client.get(f"/api/v1/slides/{slide}").json()["fields"]]


def page(client: httpx2.Client, slide: int) -> str:
    return client.get(f"/slides/{slide}", headers=BROWSER).text


def direct(client: httpx2.Client, slide: int, what: str, camera: str = "camera one") -> httpx2.Response:
    return client.post(f"/slides/{slide}/camera", data={"camera": camera, "what": what}, headers=BROWSER)


def report(client: httpx2.Client, camera: str = "scope", **told: Any) -> httpx2.Response:
    return client.put(f"/api/v1/cameras/{camera}", json=told)


def test_the_workstation_takes_what_its_camera_saves(tmp_path: Path, folder: Path, rendered_png: bytes) -> None:
    (folder / "before.png").write_bytes(rendered_png)
    with workstation(tmp_path / "records", watch=folder) as client:
        client.post("/welcome")
        slide = new_slide(client)
        until(lambda: "In its folder wait 1 pictures" in page(client, slide))
        assert direct(client, slide, "open").status_code == 200
        assert direct(client, slide, "take").status_code == 200
        until(lambda: names(client, slide) == ["before.png"])
        (folder / "after.png").write_bytes(rendered_png + b"another")
        (folder / "broken.png").write_bytes(b"no picture")
        until(lambda: len(names(client, slide)) == 2)
        shown = until(lambda: (text := page(client, slide)) and "Set aside" in text and text)
        assert "broken.png" in shown
        assert "not an image in a format that can be read" in shown
    # A new start takes nothing twice, and asks what to do with what came meanwhile.
    (folder / "last.png").write_bytes(rendered_png + b"last")
    with workstation(tmp_path / "records", watch=folder) as client:
        client.post("/welcome")
        until(lambda: "In its folder wait 1 pictures" in page(client, slide))
        assert direct(client, slide, "take").status_code == 200
        until(lambda: len(names(client, slide)) == 3)
        assert names(client, slide) == ["before.png", "after.png", "last.png"]
    assert len(list(folder.iterdir())) == 4


def test_the_command_sends_what_another_computers_camera_saves(
    tmp_path: Path, folder: Path, rendered_png: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platformdirs.user_data_path", lambda *_, **__: tmp_path / "data")
    with (
        served(tmp_path / "records") as address,
        httpx2.Client(base_url=address, headers=PROGRAM, timeout=PATIENCE) as client,
    ):
        client.post("/welcome")
        slide = new_slide(client)
        report(client)
        direct(client, slide, "open", "scope")
        looks = 0

        def look(seconds: float) -> None:
            nonlocal looks
            looks += 1
            time.sleep(0.01)
            if looks == 3:
                (folder / "new.png").write_bytes(rendered_png)
                (folder / "broken.png").write_bytes(b"no picture")
            if looks > 3 and names(client, slide):
                raise KeyboardInterrupt
            if looks > 1000:
                raise TimeoutError

        monkeypatch.setattr(import_module("plasmoscope.cli.watch"), "sleep", look)
        told = CliRunner().invoke(app, ["watch", str(folder), "--server", address, "--camera", "scope"])
        assert names(client, slide) == ["new.png"], told.output
        assert "Sent new.png" in told.output


def test_a_slide_takes_pictures_until_it_is_signed_or_idle(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    slide, other = new_slide(client), new_slide(client, code="other")
    assert report(client).json() == {"slide": None, "opening": 0, "asked": ""}
    direct(client, slide, "open", "scope")
    assert report(client).json()["slide"] == slide
    direct(client, other, "open", "scope")
    assert report(client).json() == {"slide": other, "opening": 2, "asked": ""}
    # Who looks at the other slide's page has seen nothing of what waits for this one.
    assert direct(client, slide, "take", "scope").status_code == 409
    assert direct(client, slide, "close", "scope").status_code == 200
    assert report(client).json()["slide"] == other
    direct(client, other, "leave", "scope")
    assert [report(client).json()["asked"] for _ in range(2)] == ["leave", ""]
    with monkeypatch.context() as later:
        later.setattr(cameras, "now", lambda: now() + timedelta(hours=1))
        assert report(client, took=True).json()["slide"] == other
        later.setattr(cameras, "now", lambda: now() + timedelta(hours=2, minutes=30))
        assert report(client).json()["slide"] == other
        later.setattr(cameras, "now", lambda: now() + timedelta(hours=4))
        assert report(client).json()["slide"] is None
    direct(client, slide, "open", "scope")
    with running(client).store.session() as session:
        get_slide(session, slide).status = "signed"
    assert report(client).json()["slide"] is None
    assert direct(client, slide, "open", "scope").status_code == 409
    assert direct(client, other, "open", "unknown").status_code == 404
    actions = [entry["action"] for entry in client.get(f"/api/v1/slides/{other}/audit").json()]
    assert {"open camera", "leave waiting"} <= set(actions)


def test_a_report_that_nobody_could_read_is_refused(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    for aside in (
        {"name": "a.png", "reason": "no such reason"},
        {"name": "a.png", "reason": "damaged_image"},
        {"name": "a.png", "reason": "file_too_large", "values": {"most": "x" * 500}},
        {"name": "x" * 500, "reason": "empty_file"},
    ):
        assert report(client, set_aside=[aside]).status_code == 422, aside
    assert report(client, names=["a"] * 100).status_code == 422
    assert report(client, "x" * 65).status_code == 422
    assert report(client, "a<b").status_code == 422
    monkeypatch.setattr(cameras, "MOST", 2)
    assert [report(client, name).status_code for name in ("one", "two", "three")] == [200, 200, 409]


def test_only_those_who_may_change_slides_direct_a_camera(tmp_path: Path) -> None:
    with workstation(tmp_path, host="0.0.0.0") as client:
        for name, role in (("Technician", "technician"), ("Reader", "reader")):
            add_account(client, name, role)  # type: ignore[arg-type]
        technician, reader = log_in(client, "Technician"), log_in(client, "Reader")
        assert client.put("/api/v1/cameras/scope", json={}).status_code == 401
        assert client.put("/api/v1/cameras/scope", json={}, headers=reader).status_code == 403
        assert client.put("/api/v1/cameras/scope", json={}, headers=technician).status_code == 200
        with suppress(KeyError):
            del client.headers[CLIENT_HEADER]
        client.cookies.set("plasmoscope_session", technician["Authorization"].removeprefix("Bearer "))
        foreign = {"sec-fetch-site": "cross-site"}
        order = {"camera": "scope", "what": "open"}
        assert client.put("/api/v1/cameras/scope", json={}, headers=foreign).status_code == 403
        assert client.post("/slides/1/camera", data=order, headers=foreign).status_code == 403
