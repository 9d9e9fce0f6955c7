"""How a workstation bears many clients at once, while it analyses what they send.

python benchmarks/load.py [--clients 32] [--seconds 60]
"""

import argparse
import http.client
import random
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import httpx2
import numpy as np

from plasmoscope.client import Workstation
from plasmoscope.reports.illustrations import encode_jpeg
from plasmoscope.synthetic.rendering import render_field

_PHOTOGRAPHS = 20
_UPLOAD_SHARE = 0.1
_BOUNDARY = "boundary-of-a-form"
# A browser has a session cookie, and with it would have to show the page's token; a program has none.
_PROGRAM = {"X-Plasmoscope-Client": "benchmark", "Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"}
# The cookie is that of somebody who has accepted what the program is for.
_BROWSER = {"Accept": "text/html", "Cookie": "welcome=accepted"}


def main() -> None:
    """Start a workstation, let clients loose on it, and print what they saw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--pause", type=float, default=1, help="seconds that a client looks at a page, on average")
    arguments = parser.parse_args()
    rendered = [
        encode_jpeg(render_field(seed, 1280, 960, cells=130, cell_diameter=60).image) for seed in range(_PHOTOGRAPHS)
    ]
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "plasmoscope", "serve", "--data", folder, "--port", str(port)]
        server = subprocess.Popen([*command, "--queue", "50"], stdout=subprocess.DEVNULL)
        try:
            address = f"http://127.0.0.1:{port}"
            _wait_for(address)
            with Workstation(address) as workstation:
                slides = [workstation.new_slide(f"P{number}", "S") for number in range(arguments.clients)]
            seen = _let_loose(f"127.0.0.1:{port}", slides, rendered, arguments.seconds, arguments.pause)
            _report(seen, _megabytes(server.pid), address, slides)
        finally:
            server.terminate()
            server.wait()


class _Seen:
    def __init__(self) -> None:
        self.statuses: Counter[tuple[str, int]] = Counter()
        self.seconds: dict[str, list[float]] = {"page": [], "upload": []}
        self.failures: list[str] = []


def _let_loose(address: str, slides: list[int], photographs: list[bytes], seconds: float, pause: float) -> list[_Seen]:
    ends = time.monotonic() + seconds
    seen = [_Seen() for _ in slides]
    threads = [
        threading.Thread(target=_use, args=(address, slide, photographs, ends, pause, one))
        for slide, one in zip(slides, seen, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return seen


def _use(address: str, slide: int, photographs: list[bytes], ends: float, pause: float, seen: _Seen) -> None:
    """One person: looks at pages, pausing between them, and now and then sends a photograph that nobody sent before."""
    chance = random.Random(slide)
    # The standard library's client, which takes least of the processor from the server that it measures.
    connection = http.client.HTTPConnection(address, timeout=60)
    while time.monotonic() < ends:
        started = time.perf_counter()
        try:
            if chance.random() < _UPLOAD_SHARE:
                kind = "upload"
                # Bytes after the picture's end change its content's hash and nothing else.
                content = _form(chance.choice(photographs) + chance.randbytes(8))
                connection.request("POST", f"/api/v1/slides/{slide}/fields", content, _PROGRAM)
            else:
                kind = "page"
                connection.request("GET", chance.choice(("/", f"/slides/{slide}")), headers=_BROWSER)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            seen.failures.append(repr(error))
            connection.close()
            continue
        seen.statuses[kind, answer.status] += 1
        seen.seconds[kind].append(time.perf_counter() - started)
        time.sleep(chance.uniform(0, 2 * pause))
    connection.close()


def _form(content: bytes) -> bytes:
    """A file as a browser's form sends it."""
    head = 'Content-Disposition: form-data; name="file"; filename="field.jpg"\r\nContent-Type: image/jpeg'
    return f"--{_BOUNDARY}\r\n{head}\r\n\r\n".encode() + content + f"\r\n--{_BOUNDARY}--\r\n".encode()


def _report(seen: list[_Seen], megabytes: float, address: str, slides: list[int]) -> None:
    statuses: Counter[tuple[str, int]] = sum((one.statuses for one in seen), Counter())
    print(", ".join(f"{kind} {status}: {number}" for (kind, status), number in sorted(statuses.items())))
    print(f"connections that failed: {sum(len(one.failures) for one in seen)}")
    for kind in ("page", "upload"):
        times = np.concatenate([one.seconds[kind] for one in seen])
        print(f"{kind}: median {np.median(times) * 1000:.0f} ms, 95 % within {np.quantile(times, 0.95) * 1000:.0f} ms")
    with Workstation(address) as workstation:
        analysed = sum(workstation.slide(slide)["fields_analysed"] for slide in slides)
    print(f"photographs analysed meanwhile: {analysed}; the server and its analysis held {megabytes:.0f} MB at most")


def _wait_for(address: str) -> None:
    while True:
        try:
            httpx2.get(f"{address}/health").raise_for_status()
        except httpx2.HTTPError:
            time.sleep(0.1)
        else:
            return


def _megabytes(process: int) -> float:
    """The most memory that a process and those it started have held, as Linux tells."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    started = [child for file in Path(f"/proc/{process}/task").glob("*/children") for child in file.read_text().split()]
    own = int(found.group(1)) / 1024 if found else float("nan")
    return own + sum(_megabytes(int(child)) for child in started)


if __name__ == "__main__":
    main()
