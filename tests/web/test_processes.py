"""Heavy work is done beside the pages, in processes of their own, with a line that has an end."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from patience import PATIENCE
from plasmoscope.client import Workstation
from plasmoscope.web.analysis_queue.model_workers import _explain
from plasmoscope.web.analysis_queue.processes import Processes
from plasmoscope.web.downloads import DOWNLOADS
from workstation import new_slide, served, upload, when_analysed, workers, workstation

MORE_THAN_ALL_THREADS = 6


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, rendered_png: bytes) -> Iterator[TestClient]:
    with workstation(tmp_path_factory.mktemp("records")) as client:
        upload(client, new_slide(client), rendered_png)
        when_analysed(client, 1)
        yield client


@contextmanager
def at_work(processes: Processes, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """While the block lasts, no work of these processes is done; explanations, which take long, find nothing then."""
    run, done = processes.run, threading.Event()

    def when_done(work: Callable[..., Any], *given: Any, **named: Any) -> Any:
        done.wait(PATIENCE)
        return None if work is _explain else run(work, *given, **named)

    with monkeypatch.context() as patched:
        patched.setattr(processes, "run", when_done)
        try:
            yield
        finally:
            done.set()


def infected_cell(client: TestClient) -> str:
    field = client.get("/api/v1/slides/1").json()["fields"][0]["id"]
    cells = client.get(f"/api/v1/fields/{field}").json()["found"]["cells"]
    number = next(cell["number"] for cell in cells if cell["kind"] == "red_cell" and not cell["on_border"])
    return f"/api/v1/fields/{field}/cells/{number}/picture"


@pytest.mark.parametrize("work", ["reports", "explanations", "pictures", "photographs"])
def test_pages_answer_while_more_heavy_work_waits_than_there_are_threads(
    client: TestClient, work: str, rendered_png: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = infected_cell(client)
    processes, ask = {
        "reports": (workers().writing, lambda: client.get("/api/v1/slides/1/files/report.pdf")),
        "explanations": (workers().model._processes, lambda: client.get(f"{cell}?heat=1")),
        "pictures": (workers().drawing, lambda: client.get(cell)),
        "photographs": (workers().drawing, lambda: upload(client, 1, rendered_png)),
    }[work]
    before = processes._queued
    with ThreadPoolExecutor(MORE_THAN_ALL_THREADS) as people:
        with at_work(processes, monkeypatch):
            asked = [people.submit(ask) for _ in range(MORE_THAN_ALL_THREADS)]
            until = time.monotonic() + PATIENCE
            while processes._queued < before + MORE_THAN_ALL_THREADS and time.monotonic() < until:
                time.sleep(0.01)
            assert client.get("/api/v1/slides").status_code == 200
            assert not any(one.done() for one in asked)
        assert {one.result().status_code for one in asked} <= {200, 201, 404}


def test_a_full_line_is_said_at_once_and_when_to_come_back(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers().writing, "_most", 0)
    refused = client.get("/api/v1/slides/1/files/report.pdf")
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "busy")
    assert int(refused.headers["retry-after"]) > 0
    page = client.get("/api/v1/slides/1/files/report.pdf", headers={"accept": "text/html"})
    assert page.status_code == 503


def test_a_program_waits_where_the_line_is_full(
    tmp_path: Path, rendered_png: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plasmoscope.web.analysis_queue.processes._RETRY_SECONDS", 1)
    photograph = tmp_path / "field.png"
    photograph.write_bytes(rendered_png)
    with served(tmp_path / "records") as address, Workstation(address) as program:
        slide = program.new_slide("P", "S")
        program.upload(slide, photograph)
        program.result(slide)
        monkeypatch.setattr(workers().writing, "_most", 0)
        threading.Timer(0.5, monkeypatch.undo).start()
        assert program.file(slide, "report.pdf").startswith(b"%PDF")


def test_nothing_of_a_download_stays_behind(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for name in DOWNLOADS:
        assert client.get(f"/api/v1/slides/1/files/{name}").status_code == 200
    assert client.get("/api/v1/slides/99/files/report.pdf").status_code == 404
    assert list(tmp_path.iterdir()) == []
