import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from plasmoscope.data.download import DownloadError, RemoteFile, download

CONTENT = bytes(range(256)) * 20_000


class Server(BaseHTTPRequestHandler):
    honours_range = True
    stop_after: int | None = None

    def do_GET(self) -> None:
        start = 0
        if self.headers["Range"] and self.honours_range:
            start = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
        body = CONTENT[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: self.stop_after])

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def remote(monkeypatch: pytest.MonkeyPatch) -> Iterator[RemoteFile]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/cell_images.zip"
    yield RemoteFile(url, len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
    server.shutdown()
    server.server_close()


def test_a_download_arrives_whole(remote: RemoteFile, tmp_path: Path) -> None:
    assert download(remote, tmp_path / "data" / "cells.zip").read_bytes() == CONTENT
    assert [file.name for file in (tmp_path / "data").iterdir()] == ["cells.zip"]


@pytest.mark.parametrize("honours_range", [True, False])
def test_a_broken_download_goes_on_where_it_stopped(
    remote: RemoteFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, honours_range: bool
) -> None:
    monkeypatch.setattr(Server, "stop_after", 3_000_000)
    with pytest.raises(DownloadError, match="again"):
        download(remote, tmp_path / "cells.zip")
    assert not (tmp_path / "cells.zip").exists()
    assert (tmp_path / "cells.zip.part").stat().st_size > 0
    monkeypatch.setattr(Server, "stop_after", None)
    monkeypatch.setattr(Server, "honours_range", honours_range)
    assert download(remote, tmp_path / "cells.zip").read_bytes() == CONTENT


def test_another_file_than_the_expected_one_is_removed(remote: RemoteFile, tmp_path: Path) -> None:
    expected = RemoteFile(remote.url, remote.size, "0" * 64)
    with pytest.raises(DownloadError, match="not the expected file"):
        download(expected, tmp_path / "cells.zip")
    assert list(tmp_path.iterdir()) == []


def test_without_a_connection_the_message_says_what_to_do(tmp_path: Path) -> None:
    nobody = RemoteFile("http://127.0.0.1:9/cell_images.zip", 1, "0" * 64)
    with pytest.raises(DownloadError, match="--data"):
        download(nobody, tmp_path / "cells.zip")
