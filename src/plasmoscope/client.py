"""A workstation from another program: ``Workstation("http://127.0.0.1:8000")``."""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from itertools import groupby
from operator import attrgetter
from pathlib import Path, PurePath
from types import TracebackType
from typing import Any
from urllib.parse import quote

from pydantic import TypeAdapter

from plasmoscope.analysis.performance import Performance
from plasmoscope.analysis.results import Field, Slide
from plasmoscope.classification.cell_call import CellCall
from plasmoscope.errors import PlasmoscopeError
from plasmoscope.extras import require_extra
from plasmoscope.files import name_as_text
from plasmoscope.imaging.reading import MAX_BYTES, ImageError
from plasmoscope.imaging.sources import ImageFile, ImageSource, find_images
from plasmoscope.messages import Message
from plasmoscope.watching import Orders, Report

_CELLS_AT_ONCE = 100
# Less than the workstation takes in one request, whatever the names add.
_BYTES_AT_ONCE = MAX_BYTES
# A busy laptop takes minutes over a large photograph, and over the report of a large slide.
_TIMEOUT_SECONDS = 600.0
_LONGEST = 200  # characters of a text that a camera's report takes


class WorkstationError(PlasmoscopeError):
    """The workstation cannot be reached, or refused a request."""

    def __init__(
        self, message: str, code: str = "unreachable", reason: str = "", values: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        """Which kind of refusal it is, such as ``not_found``; ``docs/http.md`` lists them."""
        self.reason = reason
        """What is wrong, exactly, such as ``no_slide``; empty where the workstation cannot be reached."""
        self.values = values or {}
        """What the message names, such as ``{"slide": "17"}``."""


class Workstation:
    """Talks to a running ``plasmoscope serve``.

    >>> with Workstation("http://127.0.0.1:8000") as workstation:
    ...     slide = workstation.new_slide("A-203", "17", haematocrit_percent=38)
    ...     fields = workstation.upload(slide, ["field_1.jpg", "field_2.jpg"])
    ...     result = workstation.result(slide)
    >>> result.count.counted > 0
    True
    """

    def __init__(self, address: str, name: str = "", password: str = "") -> None:
        """Log in where a name is given, and again whenever that has ended.

        Raises:
            WorkstationError: it cannot be reached, or name and password do not fit.
        """
        require_extra("serve", "The client")
        import httpx2

        self._http = httpx2.Client(
            base_url=f"{address.rstrip('/')}/api/v1/",
            headers={"x-plasmoscope-client": "plasmoscope.client"},
            timeout=_TIMEOUT_SECONDS,
        )
        self._unreachable = httpx2.TransportError
        self._account = {"name": name, "password": password} if name else None
        if self._account:
            self._log_in()

    def __enter__(self) -> "Workstation":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def classify(self, cells: Path | str | Iterable[Path | str], one_smear: bool = False) -> list[CellCall]:
        """What pictures of single cells are called; one that cannot be read has an ``error`` and stops no other.

        Args:
            cells: files, folders and zip archives; each page of a TIFF is a cell.
            one_smear: judge them together, as cells of one smear; they go in one request then, which the workstation
                refuses beyond 500 cells or 65 MB.
        """
        files = [image for path in _paths(cells) for image in _images(path)]
        calls: list[CellCall] = []
        first = 0
        for batch in [files] if one_smear else _batches(files):
            calls += self._classify(batch, first, one_smear)
            first += len(batch)
        return calls

    def analyze(self, photograph: Path | str, page: int | None = None) -> Field:
        """All that is found in one photograph; the workstation keeps nothing of it.

        Args:
            page: of a TIFF that has several, from 1.

        Raises:
            ImageError: the file cannot be read.
            WorkstationError: it is no picture that can be used, or has several pages and none is named.
        """
        part = {"file": _part(ImageFile(Path(photograph)))}
        asked = {} if page is None else {"page": page}
        return Field.model_validate(self._send("POST", "analyze", files=part, params=asked).json())

    def new_slide(self, patient: str, code: str, taken_on: date | str | None = None, **details: Any) -> int:
        """Record a slide and give its number; ``details`` as in ``plasmoscope.store.slides.SlideDetails``."""
        said = {"patient": patient, "code": code, "taken_on": str(taken_on or date.today())}
        return int(self._send("POST", "slides", json=said | details).json()["id"])

    def upload(self, slide: int, photographs: Path | str | Iterable[Path | str]) -> list[int]:
        """Send photographs of a slide, waiting where the queue is full, and give the numbers of their fields.

        Args:
            photographs: files, folders and zip archives; each page of a TIFF is a field. Files of an earlier report
                that lie among them are left out.

        Raises:
            ImageError: a file cannot be read; those before it are sent.
            SourceError: there is no such file or folder.
        """
        from plasmoscope.reports.folder import photographs_in

        fields = []
        for source in photographs_in(_paths(photographs)).pictures:
            try:
                part = _part(source)
            except ImageError as error:
                raise ImageError("named", name=source.name, error=error.message) from error
            kept = self._send("POST", f"slides/{slide}/fields", files={"file": part}).json()
            fields += [int(field["id"]) for field in kept["pages"] or [kept]]
        return fields

    def keep(self, slide: int, name: str, data: bytes) -> None:
        """Send one photograph of a slide that is in memory, waiting where the queue is full.

        Raises:
            WorkstationError: it is no picture that can be used, or the slide takes none.
        """
        self._send("POST", f"slides/{slide}/fields", files={"file": (name, data)})

    def report_camera(self, name: str, report: Report) -> Orders:
        """Say what the folder of a microscope's camera holds, and hear which slide its pictures go to."""
        aside = [_set_aside(picture, why) for picture, why in report.set_aside]
        told = {
            "waiting": report.waiting,
            "names": [one[-_LONGEST:] for one in report.names],
            "set_aside": aside,
            "took": report.took,
        }
        return Orders(**self._send("PUT", f"cameras/{quote(name, safe='')}", json=told).json())

    def count_repeat(self, field: int) -> None:
        """Count a photograph that is left out as it shows the same place as another, the ``duplicate_of_id`` of it."""
        self._send("POST", f"fields/{field}/count-repeat")

    def slide(self, slide: int) -> dict[str, Any]:
        """A slide with its photographs and its running count."""
        found: dict[str, Any] = self._send("GET", f"slides/{slide}").json()
        return found

    def result(self, slide: int) -> Slide:
        """The slide's result, once all its photographs are analysed."""
        while self.slide(slide)["fields_waiting"]:
            time.sleep(0.5)
        return Slide.model_validate_json(self.file(slide, "slide.json"))

    def file(self, slide: int, name: str, language: str = "en") -> bytes:
        """A file of a slide, such as ``report.pdf``; what people read is in this language."""
        content: bytes = self._send("GET", f"slides/{slide}/files/{name}", params={"language": language}).content
        return content

    def performance(self) -> Performance | None:
        """What was measured on this laboratory's slides; None where nothing was, and then no count is corrected."""
        try:
            return Performance.model_validate(self._send("GET", "performance").json()["performance"])
        except WorkstationError as error:
            if error.code != "not_found":
                raise
            return None

    def enter_performance(self, performance: Performance) -> None:
        """Have counts corrected with this, as ``read_performance`` reads it; an admin's to do.

        Raises:
            WorkstationError: it does not hold for the workstation's version, model, threshold or views.
        """
        self._send("PUT", "performance", json=performance.model_dump(mode="json"))

    def _classify(self, files: list[ImageSource], first: int, one_smear: bool) -> Iterator[CellCall]:
        """The calls of what one request holds; ``first`` is the number of its first file among all."""
        parts, faults = [], {}
        for number, file in enumerate(files):
            try:
                parts.append(("files", _part(file)))
            except ImageError as error:
                faults[number] = str(error)
        answer = self._send("POST", "classify", files=parts, params={"one_smear": one_smear}).json() if parts else {}
        cells = TypeAdapter(list[CellCall]).validate_python(answer.get("cells", []))
        # A file of several pages has several calls, which say which of the sent files they are of.
        of_sent = {number: list(calls) for number, calls in groupby(cells, attrgetter("file"))}
        sent = iter(range(len(parts)))
        for number, file in enumerate(files):
            if number in faults:
                yield CellCall(_plain_name(file), error=faults[number], file=first + number)
            else:
                yield from (replace(call, file=first + number) for call in of_sent[next(sent)])

    def _log_in(self) -> None:
        self._http.headers.pop("Authorization", None)
        token = self._send("POST", "login", json=self._account).json()["token"]
        self._http.headers["Authorization"] = f"Bearer {token}"

    def _send(self, method: str, path: str, **request: Any) -> Any:
        while True:
            try:
                answer = self._http.request(method, path, **request)
            except self._unreachable as error:
                raise WorkstationError(
                    f"The workstation at {self._http.base_url} cannot be reached: {error}"
                ) from error
            if answer.is_success:
                return answer
            refusal = _refusal(answer)
            if refusal["code"] == "login" and self._account and path != "login":
                self._log_in()
                continue
            if refusal["code"] != "busy":
                raise WorkstationError(**refusal)
            time.sleep(float(answer.headers.get("retry-after", 1)))


def _set_aside(picture: str, why: Message) -> dict[str, Any]:
    """As it is reported; of a sentence within another, such as that of a page, the inner one."""
    while (inner := next((one for one in why.values.values() if isinstance(one, Message)), None)) is not None:
        why = inner
    values = {name: value if isinstance(value, int) else str(value)[:_LONGEST] for name, value in why.values.items()}
    return {"name": picture[-_LONGEST:], "reason": why.code, "values": values}


def _paths(files: Path | str | Iterable[Path | str]) -> list[Path]:
    """One path alone counts as a list of one."""
    return [Path(file) for file in ([files] if isinstance(files, Path | str) else files)]


def _images(path: Path) -> list[ImageSource]:
    """The pictures in a file, folder or archive; one that is not there stays, to be named."""
    return find_images([path]) if path.exists() else [ImageFile(path)]


def _plain_name(file: ImageSource) -> str:
    return name_as_text(PurePath(file.name).name)


def _part(file: ImageSource) -> tuple[str, bytes]:
    """Name and content of a file, as they are sent; ImageError where it cannot be read."""
    return _plain_name(file), file.read()


def _batches(files: list[ImageSource]) -> Iterator[list[ImageSource]]:
    """As many files as one request takes; a larger one by itself, for the workstation to refuse."""
    batch: list[ImageSource] = []
    weight = 0
    for file in files:
        size = file.size()
        if batch and (len(batch) == _CELLS_AT_ONCE or weight + size > _BYTES_AT_ONCE):
            yield batch
            batch, weight = [], 0
        batch.append(file)
        weight += size
    if batch:
        yield batch


def _refusal(answer: Any) -> dict[str, Any]:
    """What a ``WorkstationError`` takes. A proxy before the workstation answers in its own way."""
    try:
        error = answer.json()["error"]
        # Workstations of the version before tell neither reason nor values.
        told = {"reason": error.get("reason", ""), "values": error.get("values", {})}
        return {"code": error["code"], "message": error["message"]} | told
    except (ValueError, KeyError, TypeError, AttributeError):
        return {"code": "failed", "message": f"The workstation answered with status {answer.status_code}."}
