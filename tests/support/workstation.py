"""A workstation for tests: its application, and what a browser or a program does with it."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import httpx2
from fastapi import FastAPI
from fastapi.testclient import TestClient

from patience import PATIENCE
from plasmoscope.store import accounts
from plasmoscope.store.records import Role
from plasmoscope.web.analysis_queue.workers import Workers
from plasmoscope.web.app import create_app
from plasmoscope.web.dependencies import Workstation
from plasmoscope.web.security.cross_site import CLIENT_HEADER
from plasmoscope.web.serving import server
from plasmoscope.web.settings import Settings

PROGRAM = {CLIENT_HEADER: "tests"}
PASSWORD = "correct horse battery"
ROLES: dict[str, Role] = {"Reader": "reader", "Technician": "technician", "Admin": "admin"}
"""Of people by their names, for ``add_account``."""
SLIDE = {"patient": "P-1", "code": "S-1", "taken_on": "2026-03-01", "haematocrit_percent": 38}
# One for all tests: loading the model takes a second. They end with the tests.
_WORKERS = Workers(None, 2)


def workers() -> Workers:
    """The processes of every workstation for tests."""
    return _WORKERS


@contextmanager
def workstation(folder: Path, **settings: Any) -> Iterator[TestClient]:
    """A running workstation, reached as from this machine by a program."""
    app = create_app(Settings(folder, **settings), _WORKERS)
    with TestClient(app, base_url="http://127.0.0.1:8000", headers=PROGRAM, raise_server_exceptions=False) as client:
        yield client


@contextmanager
def served(folder: Path, **settings: Any) -> Iterator[str]:
    """The address of a workstation that listens on a free port of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        serving = server(create_app(Settings(folder, **settings), _WORKERS))
        thread = threading.Thread(target=serving.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            while not serving.started:
                time.sleep(0.01)
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            serving.should_exit = True
            thread.join()


class Served:
    """``plasmoscope serve`` in a process of its own; ``before`` is what runs it, such as a tracer."""

    def __init__(self, folder: Path, before: Sequence[str] = (), environment: Mapping[str, str] | None = None) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            self.port = listening.getsockname()[1]
        serve = [sys.executable, "-m", "plasmoscope", "serve", "--data", str(folder), "--port", str(self.port)]
        self._command = [*before, *serve]
        self._environment = environment
        self.address = f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Until it answers."""
        self._process = subprocess.Popen(
            self._command, env=self._environment, stdout=subprocess.DEVNULL, start_new_session=True
        )
        ends = time.monotonic() + PATIENCE
        while time.monotonic() < ends:
            assert self._process.poll() is None, "the workstation ended as it began"
            with socket.socket() as knock:
                if knock.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise TimeoutError("the workstation does not start")

    def client(self) -> httpx2.Client:
        """A program that reaches it."""
        return httpx2.Client(base_url=self.address, headers=PROGRAM, timeout=PATIENCE)

    def stop(self) -> None:
        """As Ctrl+C does, which reaches each of its processes."""
        if os.name == "nt":
            self._process.terminate()
        else:
            os.killpg(self._process.pid, signal.SIGINT)
        self._process.wait(PATIENCE)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


def running(client: TestClient) -> Workstation:
    """What the application of ``workstation`` runs on."""
    return cast(Workstation, cast(FastAPI, client.app).state.workstation)


def add_account(client: TestClient, name: str, role: Role) -> None:
    with running(client).store.session() as session:
        accounts.add_account(session, "tests", name, PASSWORD, role)


def log_in(client: TestClient, name: str) -> dict[str, str]:
    """Headers of a program that is logged in."""
    answer = client.post("/api/v1/login", json={"name": name, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['token']}"}


def new_slide(client: httpx2.Client, **changes: Any) -> int:
    answer = client.post("/api/v1/slides", json=SLIDE | changes)
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])


def upload(client: httpx2.Client, slide: int, data: bytes, name: str = "field.png") -> Any:
    return client.post(f"/api/v1/slides/{slide}/fields", files={"file": (name, data)})


def when_analysed(client: httpx2.Client, slide: int) -> dict[str, Any]:
    """The slide, once no photograph of it waits."""
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        shown: dict[str, Any] = client.get(f"/api/v1/slides/{slide}").json()
        if not shown["fields_waiting"]:
            return shown
        time.sleep(0.05)
    raise TimeoutError(f"slide {slide} is not analysed after {PATIENCE:.0f} s")
