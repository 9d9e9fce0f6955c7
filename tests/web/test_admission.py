"""Nobody shuts others out of the workstation: not with bodies, nor with connections that come to nothing."""

import logging
import select
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from patience import PATIENCE
from plasmoscope.web import serving
from plasmoscope.web.security import admission
from plasmoscope.web.security.admission import Limits
from plasmoscope.web.security.rare_log import RareLog
from plasmoscope.web.settings import MAX_BODY
from workstation import PROGRAM, SLIDE, served

HALF_A_HEAD = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n"


@pytest.fixture(autouse=True)
def every_line(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (admission, serving):
        monkeypatch.setattr(module._log, "_seconds", 0)


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[str]:
    """Where people log in."""
    with served(tmp_path, host="0.0.0.0") as address:
        yield address


def connect(address: str, sent: bytes = b"") -> socket.socket:
    place = urlsplit(address)
    connection = socket.create_connection((place.hostname, place.port), timeout=PATIENCE)
    connection.sendall(sent)
    return connection


def upload_head(size: int | str, path: str = "/api/v1/slides/1/fields") -> bytes:
    length = f"content-length: {size}" if isinstance(size, int) else f"transfer-encoding: {size}"
    head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nx-plasmoscope-client: tests\r\n{length}\r\n"
    return f"{head}content-type: multipart/form-data; boundary=x\r\n\r\n".encode()


def unfinished_upload(address: str, size: int, path: str = "/api/v1/slides/1/fields") -> socket.socket:
    """A connection whose request's head the server has read and whose body it waits for."""
    head = upload_head(size, path).removesuffix(b"\r\n") + b"expect: 100-continue\r\n\r\n"
    connection = connect(address, head)
    assert status_of(connection) == 100
    return connection


def part(size: int) -> bytes:
    """The beginning of a form with a file of which so many bytes are there."""
    return b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n' + bytes(size)


def status_of(connection: socket.socket) -> int:
    answer = connection.recv(65536)
    return int(answer.split(b" ", 2)[1])


def ends(connection: socket.socket) -> bool:
    """Whether the server closes it, by itself."""
    try:
        while connection.recv(65536):
            pass
    except ConnectionResetError:
        pass
    except TimeoutError:
        return False
    return True


# Bodies


def test_whoever_is_not_logged_in_is_refused_before_anything_of_the_body_is_read(
    shared: str, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(connect(shared, upload_head(MAX_BODY))) as connection:
        assert status_of(connection) == 401
    assert "Refused: a body from 127.0.0.1" in caplog.text


def test_a_body_that_hides_its_size_is_cut_off_where_a_form_to_log_in_ends(shared: str) -> None:
    with closing(connect(shared, upload_head("chunked"))) as connection:
        piece = part(70_000)
        connection.sendall(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        assert status_of(connection) == 401


def test_an_upload_that_claims_too_much_is_refused_unread(tmp_path: Path) -> None:
    with served(tmp_path) as address, closing(connect(address, upload_head(MAX_BODY + 1))) as connection:
        assert status_of(connection) == 413


def test_a_body_that_stops_coming_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("plasmoscope.web.app.Limits", partial(Limits, grace_seconds=0.2, bytes_per_second=1e6))
    with served(tmp_path) as address:
        with closing(connect(address, upload_head(100_000) + part(50_000))) as connection:
            assert status_of(connection) == 408
        assert "came in too slowly" in caplog.text
        with httpx2.Client(base_url=address, headers=PROGRAM) as client:
            assert client.post("/api/v1/slides", json=SLIDE).status_code == 201


def test_unfinished_uploads_take_no_more_than_their_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("plasmoscope.web.app.Limits", partial(Limits, at_once=2))
    with served(tmp_path) as address, httpx2.Client(base_url=address, headers=PROGRAM, timeout=PATIENCE) as client:
        with ExitStack() as unfinished:
            for _ in range(2):
                unfinished.enter_context(closing(unfinished_upload(address, MAX_BODY))).sendall(part(100))
            refused = client.post("/api/v1/classify", files={"files": ("a.png", bytes(100_000))})
            assert (refused.status_code, refused.json()["error"]["code"]) == (503, "busy")
            assert int(refused.headers["retry-after"]) > 0
            # What is small always finds room.
            assert client.post("/api/v1/slides", json=SLIDE).status_code == 201
        assert "others are in work" in caplog.text
        until = time.monotonic() + PATIENCE
        while refused.status_code == 503 and time.monotonic() < until:
            refused = client.post("/api/v1/classify", files={"files": ("a.png", bytes(100_000))})
        assert refused.status_code == 200


# Connections


@pytest.mark.parametrize("sent", [b"", HALF_A_HEAD], ids=["nothing", "half a head"])
def test_a_connection_without_a_whole_request_is_closed(
    sent: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(serving, "_HEAD_SECONDS", 0.2)
    with served(tmp_path) as address, closing(connect(address, sent)) as connection:
        assert ends(connection)
    # Browsers connect for the case that they may need it, which is worth no line.
    assert ("with half a request" in caplog.text) == bool(sent)


def test_a_head_without_an_end_is_not_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with served(tmp_path) as address, closing(connect(address, HALF_A_HEAD)) as connection:
        try:
            for number in range(100):
                connection.sendall(f"x-{number}: ".encode() + b"a" * 8000 + b"\r\n")
        except OSError:
            pass
        assert ends(connection)
    assert "has no end" in caplog.text


def test_half_sent_requests_shut_nobody_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(serving, "most_connections", lambda: 10)
    with served(tmp_path) as address, ExitStack() as half_sent:
        connections = [half_sent.enter_context(closing(connect(address, HALF_A_HEAD))) for _ in range(40)]
        with httpx2.Client(base_url=address, headers=PROGRAM, timeout=PATIENCE) as client:
            assert client.get("/api/v1/slides").status_code == 200
        left = list(connections)
        while len(left) > 10:
            ended, _, _ = select.select(left, [], [], PATIENCE)
            assert ended, "the server closes none of them"
            assert all(ends(connection) for connection in ended)
            left = [connection for connection in left if connection not in ended]
    assert "idle longest" in caplog.text


def test_where_all_connections_are_at_work_another_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(serving, "most_connections", lambda: 1)
    with (
        served(tmp_path) as address,
        closing(unfinished_upload(address, 1000, "/api/v1/classify")),
        closing(connect(address)) as another,
    ):
        assert status_of(another) == 503
    assert "all others are at work" in caplog.text


def test_whoever_takes_no_answer_is_disconnected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(serving, "_HEAD_SECONDS", 0.2)
    monkeypatch.setattr(serving, "_STUCK_SECONDS", 0.5)
    request = b"GET /api/v1/openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with served(tmp_path) as address:
        place = urlsplit(address)
        with closing(socket.socket()) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect((place.hostname, place.port))
            connection.sendall(request * 200)
            until = time.monotonic() + PATIENCE
            while "takes no answer" not in caplog.text and time.monotonic() < until:
                time.sleep(0.05)
    assert "takes no answer" in caplog.text


def test_the_log_has_a_line_of_a_kind_now_and_then(caplog: pytest.LogCaptureFixture) -> None:
    log = RareLog(logging.getLogger("tests"), seconds=3600)
    for number in range(100):
        log.warn("Closed: %d", number)
    log.warn("Refused: %d", 1)
    assert [record.getMessage() for record in caplog.records] == ["Closed: 0", "Refused: 1"]
    log._seconds = 0
    log.warn("Closed: %d", 100)
    assert caplog.records[-1].getMessage() == "Closed: 100 (99 more like this before)"
