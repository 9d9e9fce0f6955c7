"""What needs the model, in processes of their own that hold it: whole photographs, single cells, explanations."""

from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path

from plasmoscope.analysis.analyze import Look, calling, crop_as_called, look_at_field
from plasmoscope.analysis.results import Cell
from plasmoscope.classification.batch import CellResult, classify_sources, judge_by_smear, told_against_smears
from plasmoscope.classification.classifier import Classifier, Use
from plasmoscope.classification.explanation import explain
from plasmoscope.imaging.pages import Content, pages_of
from plasmoscope.imaging.reading import ImageError, read_image
from plasmoscope.imaging.sources import Readable, Unreadable
from plasmoscope.reports.illustrations import encode_png
from plasmoscope.reports.pictures import lay_heat
from plasmoscope.web.analysis_queue.processes import Processes
from plasmoscope.web.settings import MAX_CELLS

_POLITENESS = 10
_LONGEST_QUEUE = 16


class ModelWorkers:
    """Processes that each hold the model. They start when first needed and end with ``close``, or with this process.

    Methods raise WebError, 503, where the queue is full or the system ended their process twice.
    """

    def __init__(self, model: Path | None, number: int) -> None:
        self._model = model
        self._processes = Processes(number, _LONGEST_QUEUE, _POLITENESS, partial(_loaded, model))

    def look(self, photograph: Path | bytes, name: str, override_gate: bool = False) -> Look:
        """Find and call the cells of one photograph, as ``look_at_field``; waits for a process, however long."""
        return self._processes.run(_look, self._model, photograph, name, override_gate)

    async def look_at_sent(self, file: Content, page: int | None) -> Look:
        """``look`` for a request, at a file that was sent; ImageError where that holds not the one picture meant.

        Args:
            page: of a file that has several.
        """
        return await self._processes.take(_look_at_sent, self._model, file, page)

    async def call_cells(self, files: Sequence[Readable], one_smear: bool) -> list[tuple[int, CellResult]]:
        """P(parasitized) of pictures of single cells, judged together where they are of one smear.

        Each page of a TIFF is a cell of its own; with each stands which of the files it is of.
        """
        return await self._processes.take(_call_cells, self._model, files, one_smear)

    async def explain(self, photograph: Path, cell: Cell) -> bytes | None:
        """What a cell's call rests on, laid over it, as PNG; None where no one place stands out."""
        return await self._processes.take(_explain, self._model, photograph, cell)

    def close(self) -> None:
        """Finish what is being analysed, and end the processes."""
        self._processes.close()


@cache
def _loaded(model: Path | None, use: Use = "fields") -> Classifier:
    return Classifier.load(model, use=use)


def _look(model: Path | None, photograph: Path | bytes, name: str, override_gate: bool) -> Look:
    classifier = _loaded(model)
    return look_at_field(photograph, name, classifier, calling(classifier), override_gate)


def _look_at_sent(model: Path | None, file: Content, page: int | None) -> Look:
    sent = _sent_page(file, page)
    return _look(model, sent.read(), sent.name, False)


def _sent_page(file: Content, number: int | None) -> Readable:
    """The one picture of a file, or the page that is named."""
    pages = pages_of(file)
    if number is None and len(pages) > 1:
        raise ImageError(f"it holds {len(pages)} pages; say which one is meant with ?page=1 to ?page={len(pages)}")
    if (index := (number or 1) - 1) >= len(pages):
        raise ImageError(f"it has no page {number}; it holds {len(pages)}")
    return pages[index]


def _call_cells(model: Path | None, files: Sequence[Readable], one_smear: bool) -> list[tuple[int, CellResult]]:
    classifier = _loaded(model, "cells")
    cells = _sent_cells(files)
    sources = [cell for _, cell in cells]
    judged = list(classify_sources(classifier, sources))
    if one_smear:
        smear = ["one"] * len(judged)
        judged = told_against_smears(classifier, judged, sources, smear)
        judged = judge_by_smear(classifier, judged, smear, classifier.card.threshold)
    return [(number, result) for (number, _), result in zip(cells, judged, strict=True)]


def _sent_cells(files: Sequence[Readable]) -> list[tuple[int, Readable]]:
    """Every page by itself; a file with more of them than may be sent at a time stands for itself, to be named."""
    cells: list[tuple[int, Readable]] = []
    for number, file in enumerate(files):
        pages = pages_of(file)
        if len(pages) > 1 and len(cells) + len(pages) > MAX_CELLS:
            reason = f"it holds {len(pages)} cells; send at most {MAX_CELLS} at a time"
            pages = [Unreadable(file.name, reason)]
        cells += [(number, page) for page in pages]
    return cells


def _explain(model: Path | None, photograph: Path, cell: Cell) -> bytes | None:
    classifier = _loaded(model)
    crop = classifier.prepare(crop_as_called(read_image(photograph), cell, classifier))
    why = explain(classifier, crop)
    return encode_png(lay_heat(crop, why.heat)) if why.found else None
