"""Cells by the million: ``cells/`` has a row for each picture, in parts of some thousands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plasmoscope.batch.job import Files, Part, identity_of
from plasmoscope.batch.tables import rounded, table
from plasmoscope.classification.batch import classify_sources
from plasmoscope.classification.cell_call import CellCall
from plasmoscope.classification.classifier import Classifier
from plasmoscope.files import name_as_text
from plasmoscope.imaging.pages import with_pages
from plasmoscope.imaging.sources import find_images

_CELLS_OF_A_PART = 2_048  # some seconds of work; what a kill loses at most, for each process

CELL_COLUMNS = {
    **{"name": str, "call": str, "probability": float, "not_a_cell_probability": float, "by": str},
    **{"remark": str, "error": str},
}


@dataclass(frozen=True)
class CellsJob:
    """Pictures of single cells, each called."""

    paths: tuple[Path | str, ...]
    """Files, folders, archives, and addresses of them in object stores."""
    model: Path | None = None
    views: int = 1
    threshold: float | None = None
    """Instead of the model's."""

    def parts(self) -> Sequence[Part]:
        """As ``Job``; they are numbered."""
        sources, size = with_pages(find_images(self.paths)), _CELLS_OF_A_PART
        starts = range(0, len(sources), size)
        return [Part(f"cells-{start // size:06d}", sources[start : start + size]) for start in starts]

    def identity(self, parts: Sequence[Part]) -> Mapping[str, Any]:
        """As ``Job``."""
        options = {"views": self.views, "threshold": self.threshold}
        return identity_of(parts, self.model, "cells", kind="cells", **options)

    def last_file(self, name: str) -> str:
        """As ``Job``."""
        return f"cells/{name}.parquet"

    def open(self, threads: int | None = None) -> "CellsWork":
        """As ``Job``."""
        return CellsWork(self, Classifier.load(self.model, threads, use="cells"))


@dataclass(frozen=True)
class CellsWork:
    """The job with its model loaded."""

    job: CellsJob
    classifier: Classifier

    def do(self, part: Part) -> Files:
        """As ``Work``."""
        calls = classify_sources(self.classifier, part.sources, self.job.views, self.job.threshold)
        return {self.job.last_file(part.name): table(CELL_COLUMNS, map(_row, calls))}


def _row(cell: CellCall) -> dict[str, Any]:
    probabilities = {
        "probability": rounded(cell.probability),
        "not_a_cell_probability": rounded(cell.not_a_cell_probability),
    }
    return {name: getattr(cell, name) for name in CELL_COLUMNS} | probabilities | {"name": name_as_text(cell.name)}
