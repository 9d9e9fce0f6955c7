"""Photographs that come in piece by piece: they go on after a lost line or a new start, and are kept once and whole."""

import base64
import socket
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi.testclient import TestClient

from patience import PATIENCE
from plasmoscope.store import unfinished
from plasmoscope.store.records import now
from plasmoscope.store.slides import get_slide
from plasmoscope.web.security.cross_site import CLIENT_HEADER
from workstation import PROGRAM, add_account, log_in, new_slide, running, served, workstation

TUS = {"Tus-Resumable": "1.0.0"}
PIECE = {**TUS, "Content-Type": "application/offset+octet-stream"}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    with workstation(tmp_path) as client:
        yield client


def begin(client: httpx2.Client, slide: int, length: int, name: str = "field.png", **headers: str) -> httpx2.Response:
    metadata = f"filename {base64.b64encode(name.encode()).decode()},filetype aW1hZ2UvcG5n"
    head = {**TUS, "Upload-Length": str(length), "Upload-Metadata": metadata, **headers}
    return client.post(f"/api/v1/slides/{slide}/uploads", headers=head)


def begun(client: httpx2.Client, slide: int, length: int, **headers: str) -> str:
    answer = begin(client, slide, length, **headers)
    assert answer.status_code == 201, answer.text
    return str(answer.headers["location"])


def send(client: httpx2.Client, place: str, offset: int, piece: bytes, **headers: str) -> httpx2.Response:
    return client.patch(place, headers={**PIECE, "Upload-Offset": str(offset), **headers}, content=piece)


def offset_of(client: httpx2.Client, place: str) -> int:
    answer = client.head(place, headers=TUS)
    assert answer.status_code == 200
    return int(answer.headers["upload-offset"])


def names(client: httpx2.Client, slide: int) -> list[str]:
    return [field["name"] for field in client.get(f"/api/v1/slides/{slide}").json()["fields"]]


def reason(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["reason"]


def test_an_upload_goes_on_after_a_new_start_and_is_kept_once(tmp_path: Path, rendered_png: bytes) -> None:
    half = len(rendered_png) // 2
    with workstation(tmp_path) as client:
        slide = new_slide(client)
        place = begun(client, slide, len(rendered_png))
        assert send(client, place, 0, rendered_png[:half]).status_code == 204
    with workstation(tmp_path) as client:
        assert names(client, slide) == []
        assert offset_of(client, place) == half
        assert send(client, place, half, rendered_png[half:]).status_code == 204
        assert names(client, slide) == ["field.png"]
        # Whoever got no answer asks again, and may even send all of it again.
        assert offset_of(client, place) == len(rendered_png)
        assert send(client, place, half, rendered_png[half:]).status_code == 204
        again = begun(client, slide, len(rendered_png))
        assert send(client, again, 0, rendered_png).status_code == 204
        assert names(client, slide) == ["field.png"]
        assert not list((tmp_path / "unfinished").iterdir())


def test_what_came_before_the_line_was_lost_stays(tmp_path: Path) -> None:
    with served(tmp_path) as address, httpx2.Client(base_url=address, headers=PROGRAM, timeout=PATIENCE) as client:
        place = begun(client, new_slide(client), 3_000_000)
        head = {"host": address.removeprefix("http://"), **PROGRAM, **PIECE, "upload-offset": "0"}
        head["content-length"] = "3000000"
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        with socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2]))) as line:
            line.sendall(f"PATCH {place} HTTP/1.1\r\n{lines}\r\n".encode() + bytes(2_000_000))
        ends = time.monotonic() + PATIENCE
        while offset_of(client, place) < 2_000_000 and time.monotonic() < ends:
            time.sleep(0.02)
        assert offset_of(client, place) == 2_000_000


def test_what_a_crash_left_behind_a_piece_is_cut_off(client: TestClient, tmp_path: Path, rendered_png: bytes) -> None:
    slide, half = new_slide(client), len(rendered_png) // 2
    place = begun(client, slide, len(rendered_png))
    send(client, place, 0, rendered_png[:half])
    [file] = (tmp_path / "unfinished").iterdir()
    with file.open("ab") as torn:
        torn.write(b"x" * 50_000)
    assert send(client, place, half, rendered_png[half:]).status_code == 204
    assert names(client, slide) == ["field.png"]


def test_bytes_that_are_gone_are_asked_for_again_from_the_start(
    client: TestClient, tmp_path: Path, rendered_png: bytes
) -> None:
    place = begun(client, new_slide(client), len(rendered_png))
    send(client, place, 0, rendered_png[:100])
    for file in (tmp_path / "unfinished").iterdir():
        file.unlink()
    assert reason(send(client, place, 100, rendered_png[100:])) == (404, "no_upload")


def test_a_piece_that_does_not_fit_is_refused(client: TestClient) -> None:
    slide = new_slide(client)
    place = begun(client, slide, 10)
    assert reason(send(client, place, 5, b"12345")) == (409, "upload_is_at")
    assert reason(send(client, place, 0, b"12345678901")) == (409, "upload_too_long")
    assert reason(send(client, place, 0, b"1", **{"Content-Type": "image/png"})) == (415, "request_refused")
    assert reason(send(client, place, 0, b"1", **{"Tus-Resumable": "0.2.2"})) == (412, "request_refused")
    assert reason(begin(client, slide, 65 * 1024**2)) == (413, "upload_too_large")
    assert reason(begin(client, slide, 0)) == (422, "empty_file")
    assert reason(begin(client, slide + 1, 10)) == (404, "no_slide")
    assert offset_of(client, place) == 0


def test_what_is_no_picture_is_told_so_and_leaves_nothing(client: TestClient, tmp_path: Path) -> None:
    slide = new_slide(client)
    place = begun(client, slide, 12)
    assert reason(send(client, place, 0, b"no picture!!")) == (422, "unknown_format")
    assert client.head(place, headers=TUS).status_code == 404
    assert not list((tmp_path / "unfinished").iterdir())
    assert names(client, slide) == []


def test_a_full_queue_takes_the_photograph_later_without_its_being_sent_again(
    client: TestClient, rendered_png: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    slide = new_slide(client)
    place = begun(client, slide, len(rendered_png))
    with monkeypatch.context() as full:
        full.setattr("plasmoscope.store.fields.how_many_wait", lambda session: 200)
        answer = send(client, place, 0, rendered_png)
        assert reason(answer) == (429, "queue_full")
        assert answer.headers["retry-after"]
        assert client.head(place, headers=TUS).status_code == 429
    assert offset_of(client, place) == len(rendered_png)
    assert names(client, slide) == ["field.png"]


def test_only_whoever_began_an_upload_goes_on_with_it(tmp_path: Path, rendered_png: bytes) -> None:
    with workstation(tmp_path, host="0.0.0.0") as client:
        for name in ("One", "Other"):
            add_account(client, name, "technician")
        add_account(client, "Reader", "reader")
        one, other, reader = (log_in(client, name) for name in ("One", "Other", "Reader"))
        client.headers |= one
        place = begun(client, slide := new_slide(client), len(rendered_png))
        for strange in (other, {"Authorization": "Bearer nonsense"}, reader):
            status = {404, 401, 403} & {send(client, place, 0, rendered_png, **strange).status_code}
            assert status == {client.head(place, headers={**TUS, **strange}).status_code}
            assert status == {client.delete(place, headers={**TUS, **strange}).status_code}
            assert status
        assert begin(client, slide, 10, **reader).status_code == 403
        assert offset_of(client, place) == 0
        del client.headers["Authorization"], client.headers[CLIENT_HEADER]
        foreign = {"sec-fetch-site": "cross-site", "cookie": f"plasmoscope_session={one['Authorization'][7:]}"}
        assert send(client, place, 0, rendered_png, **foreign).status_code == 403


def test_what_nobody_goes_on_with_is_removed(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slide = new_slide(client)
    place = begun(client, slide, 10)
    send(client, place, 0, b"12345")
    monkeypatch.setattr(unfinished, "now", lambda: now() + timedelta(hours=25))
    assert client.head(place, headers=TUS).status_code == 404
    begun(client, slide, 10)
    assert not list((tmp_path / "unfinished").iterdir())


def test_one_persons_unfinished_uploads_are_bounded(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unfinished, "MOST_OF_ONE", 3)
    slide = new_slide(client)
    places = [begun(client, slide, 10) for _ in range(5)]
    found = [client.head(place, headers=TUS).status_code for place in places]
    assert found == [404, 404, 200, 200, 200]
    assert client.delete(places[-1], headers=TUS).status_code == 204
    assert client.head(places[-1], headers=TUS).status_code == 404


def test_a_signed_slide_takes_no_upload_and_a_deleted_ones_are_gone(client: TestClient) -> None:
    slide = new_slide(client)
    place = begun(client, slide, 10)
    with running(client).store.session() as session:
        get_slide(session, slide).status = "signed"
    assert reason(begin(client, slide, 10)) == (409, "slide_signed")
    with running(client).store.session() as session:
        get_slide(session, slide).status = "open"
    assert client.post(f"/api/v1/slides/{slide}/delete", json={"reason": "a test"}).status_code in {200, 204}
    assert client.head(place, headers=TUS).status_code == 404


def test_what_is_spoken_is_told(client: TestClient) -> None:
    told: Any = client.options("/api/v1/uploads").headers
    assert told["tus-version"] == "1.0.0"
    assert "creation" in told["tus-extension"]
