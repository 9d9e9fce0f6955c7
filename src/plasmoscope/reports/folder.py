"""A report's folder: what is written in it, whose report it holds, and which files in it are no photographs."""

import json
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import NamedTuple

from plasmoscope.imaging.sources import ImageSource, find_photographs
from plasmoscope.reports.formats import FORMATS
from plasmoscope.reports.output import OutputError

SLIDE = "slide.json"
CALLED_CELLS, POSSIBLE_CELLS = SHEETS = ("called_cells.png", "possibly_infected_cells.png")
FILES = (*(file.name for form in FORMATS.values() for file in form.files), *SHEETS)
FIELDS = "fields"
"""The folder of what is written for each field."""
OF_A_FIELD = {name: form.of_a_field.ending for name, form in FORMATS.items() if form.of_a_field}
"""How the names of a field's files end, by format."""
_FIELD_FILE = re.compile(rf"\d{{3,}}(-.*)?({'|'.join(map(re.escape, OF_A_FIELD.values()))})", re.DOTALL)


@dataclass(frozen=True)
class HeldReport:
    """The report that a folder holds."""

    slide: str
    patient: str | None
    photographs: frozenset[str]
    """SHA-256 of each that could be read."""

    @property
    def whose(self) -> str:
        """Such as ``slide 17 of patient A-203``."""
        return f"slide {self.slide}" + (f" of patient {self.patient}" if self.patient else "")


def held_report(folder: Path) -> HeldReport | None:
    """Whose report a folder holds; None where it holds none, and nothing that a report would replace.

    Raises:
        OutputError: it holds files of a report's names, but not whose they are.
    """
    try:
        found = json.loads((folder / SLIDE).read_bytes())
        photographs = frozenset(field["sha256"] for field in found["fields"] if field["sha256"])
        return HeldReport(str(found["slide"]), found["patient"], photographs)
    except (FileNotFoundError, NotADirectoryError):
        there = [name for name in FILES if (folder / name).exists()]
        there += [f"{FIELDS}/{file.name}" for file in (folder / FIELDS).glob("*") if _FIELD_FILE.fullmatch(file.name)]
        if not there:
            return None
    except (ValueError, KeyError, TypeError):
        there = [SLIDE]
    raise OutputError(
        f"{folder} holds files that the report would replace, and not whose they are, such as {there[0]}. "
        "Choose another folder with --output, or move them away first."
    )


def check_slide_folder(folder: Path, slide: str, patient: str | None, photographs: Iterable[str]) -> None:
    """Refuse a folder whose report of another slide, or of other photographs, would be lost.

    Args:
        photographs: SHA-256 of this slide's, taken only as far as needed: one that the report there was made from
            makes it this slide's.

    Raises:
        OutputError: naming the slide; or as ``held_report``.
    """
    held = held_report(folder)
    if held is None:
        return
    if (held.slide, held.patient) != (slide, patient):
        what = f"the report of {held.whose}"
    elif held.photographs and not any(sha256 in held.photographs for sha256 in photographs):
        what = f"a report of {held.whose} that was made from other photographs"
    else:
        return
    raise OutputError(f"{folder} holds {what}, which would be lost; choose another folder with --output.")


def is_of_a_report(file: PurePath) -> bool:
    """Whether a file is what a report's folder holds, and so no photograph; also where it was moved out of there."""
    # Archives of outlines are opened like any other, and what they hold is named after them.
    if file.name in SHEETS or any(_FIELD_FILE.fullmatch(part) for part in file.parts):
        return True
    if file.name not in FILES or not isinstance(file, Path):
        return False
    try:
        return held_report(file.parent) is not None
    except OutputError:
        return False


class Parted(NamedTuple):
    """What was found where photographs may lie."""

    pictures: list[ImageSource]
    of_reports: list[str]
    """Names of the files of earlier reports, which are no photographs."""


def photographs_in(paths: Sequence[Path]) -> Parted:
    """The photographs in files, folders and archives: neither labels and tables beside them, nor files of reports.

    Raises:
        SourceError: a path does not exist, or is an archive that cannot be opened.
    """
    return without_reports(find_photographs(paths), paths)


def without_reports(found: Iterable[ImageSource], paths: Collection[Path]) -> Parted:
    """Part the files of earlier reports from the others; those that were named themselves stay.

    Args:
        found: in ``paths``.
    """
    named = {str(path) for path in paths}
    parted = Parted([], [])
    for source in found:
        if source.name not in named and is_of_a_report(Path(source.name)):
            parted.of_reports.append(source.name)
        else:
            parted.pictures.append(source)
    return parted
