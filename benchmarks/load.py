"""How a workstation bears many clients that send photographs, heavy work beside its pages, and many records.

python benchmarks/load.py [--clients 32] [--seconds 60]
python benchmarks/load.py --heavy [--fields 300]
python benchmarks/load.py --pages [--fields 300] [--slides 2000]
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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import httpx2
import numpy as np

from fields import rendered_photograph
from plasmoscope import Classifier, analyze_field
from plasmoscope.analysis.method import Method, calling
from plasmoscope.analysis.results import Field
from plasmoscope.client import Workstation
from plasmoscope.reports.illustrations import encode_jpeg
from plasmoscope.store import fields
from plasmoscope.store.images import content_hash
from plasmoscope.store.slides import SlideDetails, create_slide
from plasmoscope.store.store import Store
from plasmoscope.synthetic.rendering import render_field

_PHOTOGRAPHS = 20
_UPLOAD_SHARE = 0.1
# With --heavy: how many of each go on at once, and how long the idle workstation is looked at.
_UPLOADS, _EXPLANATIONS, _REPORTS = 20, 4, 2
_IDLE_SECONDS = 10
_LOOKS = 10  # at each page, with --pages
_PAUSE = 0.1
_LOOK_SECONDS = 0.5
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
    parser.add_argument(
        "--heavy",
        action="store_true",
        help="the list of slides while photographs are uploaded, cells explained and reports of a large slide written",
    )
    parser.add_argument("--pages", action="store_true", help="each page of a large slide, beside many slides")
    parser.add_argument("--fields", type=int, default=300, help="photographs of the large slide")
    parser.add_argument("--slides", type=int, default=2_000, help="other slides, of one photograph each")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.heavy:
            _heavy(Path(folder), arguments.fields, arguments.seconds)
        elif arguments.pages:
            _pages(Path(folder), arguments.fields, arguments.slides)
        else:
            _many(Path(folder), arguments.clients, arguments.seconds, arguments.pause)


def _many(folder: Path, clients: int, seconds: float, pause: float) -> None:
    rendered = [
        encode_jpeg(render_field(seed, 1280, 960, cells=130, cell_diameter=60).image) for seed in range(_PHOTOGRAPHS)
    ]
    with _served(folder) as (address, process):
        with Workstation(address) as workstation:
            slides = [workstation.new_slide(f"P{number}", "S") for number in range(clients)]
        with _Memory(process) as memory:
            seen = _let_loose(address.removeprefix("http://"), slides, rendered, seconds, pause)
        _report(seen, memory, address, slides)


@contextmanager
def _served(folder: Path) -> Iterator[tuple[str, int]]:
    """The address of a workstation in a process of its own, and the process's number."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    command = [sys.executable, "-m", "plasmoscope", "serve", "--data", str(folder), "--port", str(port)]
    server = subprocess.Popen([*command, "--queue", "50"], stdout=subprocess.DEVNULL)
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_for(address)
        yield address, server.pid
    finally:
        server.terminate()
        server.wait()


def _heavy(folder: Path, number: int, seconds: float) -> None:
    """The list of slides, alone and while uploads, explanations and reports go on, each done at least once."""
    file = folder / "field.jpg"
    rendered_photograph(file)
    photograph = file.read_bytes()
    print(f"recording a slide of {number} photographs, {len(photograph) / 1e6:.1f} MB each ...", flush=True)
    large, cells = _record_slide(folder / "records", photograph, "P", "large", range(number))
    with _served(folder / "records") as (address, process):
        with Workstation(address) as workstation:
            slide = workstation.new_slide("P", "uploads")
        ends = time.monotonic() + _IDLE_SECONDS
        alone = _Work(lambda chance: _get(address, "/"))
        with _Memory(process) as before:
            alone.go_on(lambda: time.monotonic() > ends)
        _tell("list of slides, nothing else going on", alone)

        def upload(chance: random.Random) -> _Answer:
            content = _form(photograph + chance.randbytes(8))
            return _ask(address, "POST", f"/api/v1/slides/{slide}/fields", content, _PROGRAM)

        def explain(chance: random.Random) -> _Answer:
            return _get(address, f"/api/v1/fields/{chance.choice(cells)}/picture?heat=1")

        def report(chance: random.Random) -> _Answer:
            return _get(address, f"/api/v1/slides/{large}/files/report.pdf")

        heavy = {
            f"{_UPLOADS} uploads at once": [_Work(upload) for _ in range(_UPLOADS)],
            f"{_EXPLANATIONS} explanations at once": [_Work(explain) for _ in range(_EXPLANATIONS)],
            f"{_REPORTS} reports at once": [_Work(report) for _ in range(_REPORTS)],
        }
        until = time.monotonic() + seconds

        def enough() -> bool:
            return time.monotonic() > until and all(work.seconds for works in heavy.values() for work in works)

        seen = {
            "list of slides meanwhile": [_Work(lambda chance: _get(address, "/"))],
            "page of the large slide meanwhile": [_Work(lambda chance: _get(address, f"/slides/{large}"))],
        }
        threads = [
            threading.Thread(target=work.go_on, args=(enough,), daemon=True)
            for works in (heavy | seen).values()
            for work in works
        ]
        with _Memory(process) as memory:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        for name, works in (seen | heavy).items():
            _tell(name, *works)
        print(f"the server and its processes held {before} before, {memory}")


def _pages(folder: Path, number: int, slides: int) -> None:
    """Each page, one after the other, while nothing else goes on."""
    file = folder / "field.jpg"
    rendered_photograph(file)
    print(f"recording {slides} slides of one photograph and one of {number} ...", flush=True)
    for place in range(slides):
        _record_slide(folder / "records", file.read_bytes(), f"P-{place % 500}", f"S-{place}", [place])
    large, cells = _record_slide(folder / "records", file.read_bytes(), "P", "large", range(slides, slides + number))
    field = cells[0].partition("/")[0]
    parts = ("", "/review", "/cells", "/possible", "/not-told", "/changes", "/details")
    shown = (
        *(
            "/",
            "/?slide=S-19",
            "/?page=40",
            "/patients",
            "/patients?search=p-19",
            "/patients?twins=true",
            "/patients/P-7",
        ),
        *("/api/v1/slides", "/api/v1/slides?limit=200&patient=p-19", "/api/v1/patients?limit=200", "/find?code=large"),
        *("/patients/P", "/slides/new", "/deleted-slides", "/performance", "/accounts"),
        *(f"/slides/{large}{part}" for part in parts),
        *(
            f"/fields/{field}",
            f"/fields/{field}?cell=1",
            f"/fields/{field}/move",
            f"/api/v1/slides/{large}",
            f"/api/v1/slides/{large}/review",
        ),
    )
    with _served(folder / "records") as (address, _):
        for path in shown:
            work = _Work(lambda chance, path=path: _get(address, path))  # type: ignore[misc]
            work.go_on(lambda work=work: work.statuses.total() == _LOOKS)  # type: ignore[misc]
            _tell(re.sub(r"\d+", "N", path) if path.startswith(("/slides", "/fields", "/api")) else path, work)


class _Answer(NamedTuple):
    """What the workstation said, and the seconds after which to ask again."""

    status: int
    come_back: float


class _Work:
    """Somebody who asks for the same over and over, pausing a little."""

    def __init__(self, ask: Callable[[random.Random], "_Answer"]) -> None:
        self.seconds: list[float] = []
        self.statuses: Counter[int] = Counter()
        self._ask = ask
        self._chance = random.Random(id(self))

    def go_on(self, enough: Callable[[], bool]) -> None:
        """Ask until it is enough."""
        while not enough():
            started = time.perf_counter()
            answer = self._ask(self._chance)
            self.statuses[answer.status] += 1
            if answer.status < 300:
                self.seconds.append(time.perf_counter() - started)
            time.sleep(answer.come_back)


def _record_slide(
    folder: Path, photograph: bytes, patient: str, code: str, numbers: Sequence[int]
) -> tuple[int, list[str]]:
    """The number of a slide whose photographs are analysed, and places of some of its cells in the interface.

    Args:
        numbers: of the photographs, which are told apart by them.
    """
    found, method = _analysed(photograph)
    store = Store(folder)
    ids = []
    with store.session() as session:
        slide = create_slide(session, "benchmark", SlideDetails(patient, code, date(2026, 3, 1))).id
        for place in numbers:
            # Bytes after the picture's end change its content's hash and nothing else.
            content = photograph + place.to_bytes(8)
            field = fields.add_field(session, store.images, "benchmark", slide, f"{place}.jpg", content).id
            fields.take_waiting(session)
            result = found.model_copy(update={"sha256": content_hash(content)})
            fields.finish(session, field, result, method, None)
            ids.append(field)
    store.close()
    cells = [cell.number for cell in found.cells if cell.kind == "red_cell"]
    return slide, [f"{field}/cells/{cell}" for field, cell in zip(ids, cells * len(numbers), strict=False)]


@lru_cache
def _analysed(photograph: bytes) -> tuple[Field, Method]:
    classifier = Classifier.load(use="fields")
    return analyze_field(photograph, classifier), Method.of(classifier, calling(classifier))


def _get(address: str, path: str) -> "_Answer":
    return _ask(address, "GET", path, None, _BROWSER)


def _ask(address: str, method: str, path: str, content: bytes | None, headers: dict[str, str]) -> "_Answer":
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=600)
    try:
        connection.request(method, path, content, headers)
        answer = connection.getresponse()
        while answer.read(2**16):
            pass
        # Of many cells there is nothing to explain, which takes as long to find.
        status = 200 if answer.status == 404 and path.endswith("heat=1") else answer.status
        return _Answer(status, float(answer.getheader("Retry-After") or _PAUSE))
    finally:
        connection.close()


def _tell(name: str, *works: _Work) -> None:
    times = np.concatenate([work.seconds for work in works])
    statuses: Counter[int] = sum((work.statuses for work in works), Counter())
    told = ", ".join(f"{status}: {number}" for status, number in sorted(statuses.items()))
    shown = f"median {np.median(times):.2f} s, slowest {times.max():.2f} s" if len(times) else "none ended well"
    print(f"{name}: {shown} (answers {told})", flush=True)


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


def _report(seen: list[_Seen], memory: "_Memory", address: str, slides: list[int]) -> None:
    statuses: Counter[tuple[str, int]] = sum((one.statuses for one in seen), Counter())
    print(", ".join(f"{kind} {status}: {number}" for (kind, status), number in sorted(statuses.items())))
    print(f"connections that failed: {sum(len(one.failures) for one in seen)}")
    for kind in ("page", "upload"):
        times = np.concatenate([one.seconds[kind] for one in seen])
        print(f"{kind}: median {np.median(times) * 1000:.0f} ms, 95 % within {np.quantile(times, 0.95) * 1000:.0f} ms")
    with Workstation(address) as workstation:
        analysed = sum(workstation.slide(slide)["fields_analysed"] for slide in slides)
    print(f"photographs analysed meanwhile: {analysed}; the server and its processes held {memory}")


def _wait_for(address: str) -> None:
    while True:
        try:
            httpx2.get(f"{address}/health").raise_for_status()
        except httpx2.HTTPError:
            time.sleep(0.1)
        else:
            return


class _Memory:
    """The most memory that a process and those it started hold at one moment, as Linux tells.

    What several of them share counts once.
    """

    def __init__(self, process: int) -> None:
        self.most: dict[int, float] = {}
        """Megabytes of each process at that moment."""
        self._process = process
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "_Memory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        self._thread.join()

    def __str__(self) -> str:
        each = " + ".join(f"{megabytes:.0f}" for megabytes in self.most.values())
        return f"{sum(self.most.values()):.0f} MB at most ({each})"

    def _watch(self) -> None:
        while not self._enough.wait(_LOOK_SECONDS):
            held = dict(self._held(self._process))
            if sum(held.values()) > sum(self.most.values()):
                self.most = held

    def _held(self, process: int) -> Iterator[tuple[int, float]]:
        place = Path(f"/proc/{process}")
        try:
            found = re.search(r"Pss:\s+(\d+) kB", (place / "smaps_rollup").read_text())
            started = [child for file in place.glob("task/*/children") for child in file.read_text().split()]
        # It has just ended.
        except OSError:
            return
        yield process, int(found.group(1)) / 1024 if found else float("nan")
        for child in started:
            yield from self._held(int(child))


if __name__ == "__main__":
    main()
