"""Calls of cells kept on disk as they come, so that an interrupted run goes on where it stopped."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from plasmoscope import __version__
from plasmoscope.classification.cell_call import CellCall
from plasmoscope.classification.classifier import Classifier
from plasmoscope.files import name_as_text
from plasmoscope.imaging.sources import ImageFile, Readable, ZipMember

_CALL = TypeAdapter(CellCall)


class FinishedCells:
    """A file beside a command's output: what it is of, then a line of JSON for each call, in the pictures' order.

    Only a run over the same pictures, by the same model in the same way, goes on with it; another begins it anew.
    """

    def __init__(
        self, output: Path, classifier: Classifier, sources: Sequence[Readable], views: int, limit: float, isolate: bool
    ) -> None:
        self.file = output.with_name(f"{output.name}.part")
        self._sources = sources
        profile = classifier.profile.used.sha256 if classifier.profile else None
        how = [__version__, classifier.card.sha256, profile, views, limit, isolate]
        told = hashlib.sha256(json.dumps(how).encode())
        for source in sources:
            told.update(f"\n{name_as_text(source.name)}\n{_version(source)}".encode())
        self._first = json.dumps({"calls_of": told.hexdigest()}).encode() + b"\n"

    def kept(self) -> list[CellCall]:
        """The calls of the first pictures, which an earlier run has left; none where there is no such run."""
        calls: list[CellCall] = []
        try:
            with self.file.open("rb") as lines:
                if next(lines, b"") == self._first:
                    calls.extend(self._whole(lines))
        except FileNotFoundError:
            pass
        return calls

    def keep(self, earlier: Sequence[CellCall], calls: Iterable[CellCall]) -> Iterator[CellCall]:
        """The same calls, each written before it is given on; those of the earlier run stand before them."""
        with self.file.open("wb") as lines:
            lines.write(self._first)
            lines.writelines(map(_line, earlier))
        # What each line adds outlives the death of this process.
        with self.file.open("ab", buffering=0) as lines:
            for call in calls:
                lines.write(_line(call))
                yield call

    def forget(self) -> None:
        """Remove the file: all is written where it belongs."""
        self.file.unlink(missing_ok=True)

    def _whole(self, lines: Iterable[bytes]) -> Iterator[CellCall]:
        """Up to a line that was cut short, or is of another picture."""
        for line, source in zip(lines, self._sources, strict=False):
            try:
                call = _CALL.validate_json(line)
            except ValidationError:
                return
            if call.name != name_as_text(source.name) or not line.endswith(b"\n"):
                return
            yield call


def _line(call: CellCall) -> bytes:
    told = _CALL.dump_python(call) | {"name": name_as_text(call.name)}
    return json.dumps(told, ensure_ascii=False).encode() + b"\n"


def _version(source: Readable) -> str:
    try:
        return source.version() if isinstance(source, ImageFile | ZipMember) else ""
    except OSError:
        return ""
