"""Slides by the thousand: ``slides/``, ``fields/`` and ``found/`` have each one's count, photographs and objects."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from plasmoscope.analysis.analyze import SlideOptions, analyze_slide
from plasmoscope.analysis.results import Slide
from plasmoscope.batch.job import Files, Part, identity_of
from plasmoscope.batch.tables import rounded, table
from plasmoscope.classification.classifier import Classifier
from plasmoscope.files import name_as_text
from plasmoscope.imaging.pages import with_pages
from plasmoscope.imaging.remote import is_remote
from plasmoscope.imaging.sources import Readable, find_photographs

_LONGEST_STEM = 60  # characters of a part's name

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


@dataclass(frozen=True)
class SlidesJob:
    """Slides, each a folder (or a folder in an archive) of photographs of its fields."""

    paths: tuple[Path | str, ...]
    """Files, folders, archives, and addresses of them in object stores."""
    model: Path | None = None
    views: int | None = None
    threshold: float | None = None

    def parts(self) -> Sequence[Part]:
        """As ``Job``; a part is a slide."""
        slides: dict[str, list[Readable]] = {}
        for source in find_photographs(self.paths):
            slides.setdefault(_folder_of(source.name), []).append(source)
        return [Part(_part_name(folder), sources, folder) for folder, sources in slides.items()]

    def identity(self, parts: Sequence[Part]) -> Mapping[str, Any]:
        """As ``Job``."""
        options = {"views": self.views, "threshold": self.threshold}
        return identity_of(parts, self.model, "fields", kind="slides", **options)

    def last_file(self, name: str) -> str:
        """As ``Job``: the slide's own row."""
        return f"slides/{name}.parquet"

    def open(self, threads: int | None = None) -> "SlidesWork":
        """As ``Job``."""
        return SlidesWork(self, Classifier.load(self.model, threads, use="fields"))


@dataclass(frozen=True)
class SlidesWork:
    """The job with its model loaded."""

    job: SlidesJob
    classifier: Classifier

    def do(self, part: Part) -> Files:
        """As ``Work``."""
        options = SlideOptions(slide=name_as_text(part.slide), views=self.job.views, threshold=self.job.threshold)
        slide = analyze_slide(with_pages(part.sources), self.classifier, options)
        return {
            f"found/{part.name}.parquet": table(FOUND_COLUMNS, _found_rows(slide)),
            f"fields/{part.name}.parquet": table(FIELD_COLUMNS, _field_rows(slide)),
            self.job.last_file(part.name): table(SLIDE_COLUMNS, [_slide_row(slide)]),
        }


def _folder_of(name: str) -> str:
    return name.rpartition("/")[0] if is_remote(name) else str(PurePath(name).parent)


def _part_name(folder: str) -> str:
    """A file's name that tells the slide's, and is no other slide's."""
    text = name_as_text(folder)
    stem = re.sub(r"[^\w-]+", "_", text).strip("_")[-_LONGEST_STEM:]
    return f"{stem}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


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
            "probability": rounded(cell.parasitized_probability),
            "not_a_cell_probability": rounded(cell.not_a_cell_probability),
            "x": cell.centre[0],
            "y": cell.centre[1],
            "area": cell.area,
            "on_border": cell.on_border,
        }
        for one in slide.fields
        for cell in one.cells
    ]
