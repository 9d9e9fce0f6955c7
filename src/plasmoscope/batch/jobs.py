"""What a batch does: its parts in an order that is the same everywhere, and how one of them is worked on."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePath
from typing import Any, Literal, Protocol

from plasmoscope.analysis.analyze import SlideOptions, analyze_slide
from plasmoscope.analysis.results import Slide
from plasmoscope.batch.parts import write_part
from plasmoscope.classification.batch import classify_sources
from plasmoscope.classification.cell_call import CellCall
from plasmoscope.classification.classifier import Classifier
from plasmoscope.files import name_as_text
from plasmoscope.imaging.pages import with_pages
from plasmoscope.imaging.sources import Readable, find_images, find_photographs

_CELLS_OF_A_PART = 2_048  # some seconds of work; what a kill loses at most, for each process
_DIGITS = 6  # of probabilities: what differs beyond is the processor's rounding
_LONGEST_STEM = 60  # characters of a part's name

CELL_COLUMNS = {
    **{"name": str, "call": str, "probability": float, "not_a_cell_probability": float, "by": str},
    **{"remark": str, "error": str},
}
SLIDE_COLUMNS = {
    **{"slide": str, "fields": int, "fields_counted": int, "counted": int, "infected": int, "not_a_cell": int},
    **{"parasitaemia_percent": float, "low_percent": float, "high_percent": float, "statement": str, "model": str},
    **{"threshold": float, "views": int, "error": str},
}
FIELD_COLUMNS = {
    **{"slide": str, "field": str, "sha256": str, "accepted": bool, "counted": int, "infected": int},
    **{"not_a_cell": int, "same_place_as": str, "why_not": str, "error": str},
}
FOUND_COLUMNS = {
    **{"slide": str, "field": str, "number": int, "kind": str, "call": str, "probability": float},
    **{"not_a_cell_probability": float, "x": float, "y": float, "area": float, "on_border": bool},
}


class Job(Protocol):
    """A batch that can be sent to another process."""

    def open(self, threads: int | None = None) -> "Work":
        """Find what is to be done, and load the model for so many threads."""
        ...


class Work(Protocol):
    """A batch that is under way in this process."""

    @property
    def parts(self) -> Sequence[str]:
        """Their names, in order."""
        ...

    @property
    def identity(self) -> Mapping[str, Any]:
        """What must be the same for parts to lie in one folder."""
        ...

    def finished(self, part: str, output: Path) -> bool:
        """Whether the part is there."""
        ...

    def do(self, part: str, output: Path) -> None:
        """Work on a part, and write its tables."""
        ...


@dataclass(frozen=True)
class CellsJob:
    """Pictures of single cells, each called."""

    paths: tuple[Path, ...]
    model: Path | None = None
    views: int = 1
    threshold: float | None = None
    """Instead of the model's."""
    kind: Literal["cells"] = field(default="cells", init=False)

    def open(self, threads: int | None = None) -> "CellsWork":
        """As ``Job``."""
        return CellsWork(self, Classifier.load(self.model, threads, use="cells"), with_pages(find_images(self.paths)))


@dataclass(frozen=True)
class SlidesJob:
    """Slides, each a folder (or a folder in an archive) of photographs of its fields."""

    paths: tuple[Path, ...]
    model: Path | None = None
    views: int | None = None
    threshold: float | None = None
    kind: Literal["slides"] = field(default="slides", init=False)

    def open(self, threads: int | None = None) -> "SlidesWork":
        """As ``Job``."""
        slides: dict[str, list[Readable]] = {}
        for source in find_photographs(self.paths):
            slides.setdefault(str(PurePath(source.name).parent), []).append(source)
        return SlidesWork(self, Classifier.load(self.model, threads, use="fields"), slides)


@dataclass
class CellsWork:
    """``cells/``: a row for each picture, in parts of some thousands."""

    job: CellsJob
    classifier: Classifier
    sources: Sequence[Readable]

    @property
    def parts(self) -> Sequence[str]:
        """Numbered."""
        return [f"cells-{first // _CELLS_OF_A_PART:06d}" for first in range(0, len(self.sources), _CELLS_OF_A_PART)]

    @property
    def identity(self) -> Mapping[str, Any]:
        """As ``Work``."""
        return _identity(self.job, self.classifier, [source.name for source in self.sources])

    def finished(self, part: str, output: Path) -> bool:
        """As ``Work``."""
        return _file(output, "cells", part).exists()

    def do(self, part: str, output: Path) -> None:
        """As ``Work``."""
        first = int(part.rpartition("-")[2]) * _CELLS_OF_A_PART
        some = self.sources[first : first + _CELLS_OF_A_PART]
        calls = classify_sources(self.classifier, some, self.job.views, self.job.threshold)
        write_part(_file(output, "cells", part), CELL_COLUMNS, map(_cell_row, calls))


@dataclass
class SlidesWork:
    """``slides/``, ``fields/`` and ``found/``: the count of each slide, its photographs, and the objects in them."""

    job: SlidesJob
    classifier: Classifier
    slides: Mapping[str, Sequence[Readable]]
    """Photographs by the slide's folder."""

    def __post_init__(self) -> None:
        self._folders = {_part_name(folder): folder for folder in self.slides}

    @property
    def parts(self) -> Sequence[str]:
        """A part is a slide."""
        return list(self._folders)

    @property
    def identity(self) -> Mapping[str, Any]:
        """As ``Work``."""
        names = [source.name for sources in self.slides.values() for source in sources]
        return _identity(self.job, self.classifier, names)

    def finished(self, part: str, output: Path) -> bool:
        """As ``Work``: the slide's own row is written last."""
        return _file(output, "slides", part).exists()

    def do(self, part: str, output: Path) -> None:
        """As ``Work``."""
        folder = self._folders[part]
        options = SlideOptions(slide=name_as_text(folder), views=self.job.views, threshold=self.job.threshold)
        slide = analyze_slide(with_pages(self.slides[folder]), self.classifier, options)
        write_part(_file(output, "found", part), FOUND_COLUMNS, _found_rows(slide))
        write_part(_file(output, "fields", part), FIELD_COLUMNS, _field_rows(slide))
        write_part(_file(output, "slides", part), SLIDE_COLUMNS, [_slide_row(slide)])


def _identity(job: CellsJob | SlidesJob, classifier: Classifier, names: Sequence[str]) -> Mapping[str, Any]:
    listed = hashlib.sha256("\n".join(map(name_as_text, names)).encode()).hexdigest()
    how = {name: value for name, value in asdict(job).items() if name not in ("paths", "model")}
    return {**how, "model_sha256": classifier.card.sha256, "pictures": len(names), "names_sha256": listed}


def _file(output: Path, table: str, part: str) -> Path:
    return output / table / f"{part}.parquet"


def _part_name(folder: str) -> str:
    """A file's name that tells the slide's, and is no other slide's."""
    text = name_as_text(folder)
    stem = re.sub(r"[^\w-]+", "_", text).strip("_")[-_LONGEST_STEM:]
    return f"{stem}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _rounded(probability: float | None) -> float | None:
    return None if probability is None else round(probability, _DIGITS)


def _cell_row(cell: CellCall) -> dict[str, Any]:
    probabilities = {
        "probability": _rounded(cell.probability),
        "not_a_cell_probability": _rounded(cell.not_a_cell_probability),
    }
    return {name: getattr(cell, name) for name in CELL_COLUMNS} | probabilities | {"name": name_as_text(cell.name)}


def _slide_row(slide: Slide) -> dict[str, Any]:
    row: dict[str, Any] = {
        "slide": slide.slide,
        "fields": len(slide.fields),
        "fields_counted": sum(one.accepted for one in slide.fields),
        "model": slide.model,
        "threshold": slide.threshold,
        "views": slide.views,
        "not_a_cell": slide.not_a_cell,
    }
    if slide.count is None:
        return row | {"error": "none of the photographs could be counted"}
    count, share = slide.count, slide.count.parasitaemia
    ends = {"parasitaemia_percent": share.value, "low_percent": share.low, "high_percent": share.high}
    return row | ends | {"counted": count.counted, "infected": count.infected, "statement": count.statement}


def _field_rows(slide: Slide) -> list[dict[str, Any]]:
    return [
        {
            "slide": slide.slide,
            "field": name_as_text(one.name),
            "sha256": one.sha256,
            "accepted": one.accepted,
            "counted": one.counted,
            "infected": one.infected,
            "not_a_cell": one.not_a_cell,
            "same_place_as": one.duplicate_of,
            "why_not": " ".join(check.message for check in one.checks if not check.passed) or None,
            "error": one.error,
        }
        for one in slide.fields
    ]


def _found_rows(slide: Slide) -> list[dict[str, Any]]:
    return [
        {
            "slide": slide.slide,
            "field": name_as_text(one.name),
            "number": cell.number,
            "kind": cell.kind,
            "call": cell.call,
            "probability": _rounded(cell.parasitized_probability),
            "not_a_cell_probability": _rounded(cell.not_a_cell_probability),
            "x": cell.centre[0],
            "y": cell.centre[1],
            "area": cell.area,
            "on_border": cell.on_border,
        }
        for one in slide.fields
        for cell in one.cells
    ]
