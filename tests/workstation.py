"""A workstation for tests: its application, and what a browser or a program does with it."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from fastapi.testclient import TestClient

from plasmoscope.store import accounts
from plasmoscope.web.analysts import Analysts
from plasmoscope.web.app import create_app
from plasmoscope.web.security import CLIENT_HEADER
from plasmoscope.web.settings import Settings

PROGRAM = {CLIENT_HEADER: "tests"}
PASSWORD = "correct horse battery"
SLIDE = {"patient": "P-1", "code": "S-1", "taken_on": "2026-03-01", "haematocrit_percent": 38}
# One for all tests: loading the model takes a second. They end with the tests.
_ANALYSTS = Analysts(None, 2)


@contextmanager
def workstation(folder: Path, **settings: Any) -> Iterator[TestClient]:
    """A running workstation, reached as from this machine by a program."""
    app = create_app(Settings(folder, **settings), _ANALYSTS)
    with TestClient(app, base_url="http://127.0.0.1:8000", headers=PROGRAM, raise_server_exceptions=False) as client:
        yield client


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a workstation that listens on a free port of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(create_app(Settings(folder), _ANALYSTS), log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            while not server.started:
                time.sleep(0.01)
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def add_account(client: TestClient, name: str, role: accounts.Role) -> None:
    with client.app.state.store.session() as session:
        accounts.add_account(session, "tests", name, PASSWORD, role)


def log_in(client: TestClient, name: str) -> dict[str, str]:
    """Headers of a program that is logged in."""
    answer = client.post("/api/v1/login", json={"name": name, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['token']}"}


def new_slide(client: TestClient, **changes: Any) -> int:
    answer = client.post("/api/v1/slides", json=SLIDE | changes)
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])


def upload(client: TestClient, slide: int, data: bytes, name: str = "field.png") -> Any:
    return client.post(f"/api/v1/slides/{slide}/fields", files={"file": (name, data)})


def when_analysed(client: TestClient, slide: int, seconds: float = 60) -> dict[str, Any]:
    """The slide, once no photograph of it waits."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        shown: dict[str, Any] = client.get(f"/api/v1/slides/{slide}").json()
        if not shown["fields_waiting"]:
            return shown
        time.sleep(0.05)
    raise TimeoutError(f"slide {slide} is not analysed after {seconds} s")
