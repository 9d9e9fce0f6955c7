"""What needs the model, in processes of their own that hold it: whole photographs, single cells, explanations."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from plasmoscope.analysis.analyze import Look, look_at_field
from plasmoscope.analysis.cells import crops_as_called
from plasmoscope.analysis.method import calling
from plasmoscope.analysis.results import Cell
from plasmoscope.classification.adaptation import Observed, adapt, observe
from plasmoscope.classification.batch import classify_sources, judge_by_smear, told_against_smears
from plasmoscope.classification.cell_call import CellCall
from plasmoscope.classification.classifier import Classifier, Use, find_model
from plasmoscope.classification.explanation import explain
from plasmoscope.classification.familiar import familiar_of
from plasmoscope.classification.profile import Profile
from plasmoscope.imaging.pages import Content, pages_of
from plasmoscope.imaging.reading import ImageError, read_image
from plasmoscope.imaging.sources import Readable, Unreadable
from plasmoscope.messages import message
from plasmoscope.reports.illustrations import encode_png
from plasmoscope.reports.pictures import lay_heat
from plasmoscope.web.analysis_queue.processes import Processes
from plasmoscope.web.settings import MAX_CELLS

_POLITENESS = 10  # steps of niceness: pages answer before models compute
_LONGEST_QUEUE = 16  # requests that wait; more are told to come again


class Lesson(NamedTuple):
    """What a profile is to be made of, and how it is to be called."""

    observed: Sequence[Observed]
    """Of photographs with called cells, one after the other."""
    infected: Sequence[bool]
    """What people call each of their cells."""
    name: str
    version: int
    source: str


class ModelWorkers:
    """Processes that each hold the model. They start when first needed and end with ``close``, or with this process.

    Methods raise WebError, 503, where the queue is full or the system ended their process twice.
    """

    def __init__(self, model: Path | None, number: int) -> None:
        self._model = model
        self._processes = Processes(number, _LONGEST_QUEUE, _POLITENESS, partial(_loaded, model))

    def look(
        self, photograph: Path | bytes, name: str, override_gate: bool = False, profile: Profile | None = None
    ) -> Look:
        """Find and call the cells of one photograph, as ``look_at_field``; waits for a process, however long."""
        return self._processes.run(_look, self._model, photograph, name, override_gate, profile)

    async def look_at_sent(self, file: Content, page: int | None, profile: Profile | None = None) -> Look:
        """``look`` for a request, at a file that was sent; ImageError where that holds not the one picture meant.

        Args:
            page: of a file that has several.
        """
        return await self._processes.take(_look_at_sent, self._model, file, page, profile)

    async def call_cells(
        self, files: Sequence[Readable], one_smear: bool, profile: Profile | None = None
    ) -> list[CellCall]:
        """P(parasitized) of pictures of single cells, judged together where they are of one smear.

        Each page of a TIFF is a cell of its own.

        Args:
            profile: by whose network, and under which, they are called.
        """
        return await self._processes.take(_call_cells, self._model, files, one_smear, profile)

    async def explain(self, photograph: Path, cell: Cell, profile: Profile | None = None) -> bytes | None:
        """What a cell's call rests on, laid over it, as PNG; None where no one place stands out.

        Args:
            profile: under which it was called.
        """
        return await self._processes.take(_explain, self._model, photograph, cell, profile)

    def observe(self, photograph: Path, cells: Sequence[Cell]) -> Observed:
        """What the network makes of cells of a photograph; waits for a process."""
        return self._processes.run(_observe, self._model, photograph, cells)

    def learn(self, lesson: Lesson) -> Profile:
        """The profile that called cells make, as ``adapt``; waits for a process. ProfileError where none is made."""
        return self._processes.run(_learn, self._model, lesson)

    def close(self) -> None:
        """Finish what is being analysed, and end the processes."""
        self._processes.close()


@cache
def _loaded(model: Path | None, use: Use = "fields") -> Classifier:
    return Classifier.load(model, use=use)


def _look(
    model: Path | None, photograph: Path | bytes, name: str, override_gate: bool, profile: Profile | None
) -> Look:
    classifier = _loaded(model).with_profile(profile)
    return look_at_field(photograph, name, classifier, calling(classifier), override_gate)


def _look_at_sent(model: Path | None, file: Content, page: int | None, profile: Profile | None) -> Look:
    sent = _sent_page(file, page)
    return _look(model, sent.read(), sent.name, False, profile)


def _sent_page(file: Content, number: int | None) -> Readable:
    """The one picture of a file, or the page that is named."""
    pages = pages_of(file)
    if number is None and len(pages) > 1:
        raise ImageError("which_page", pages=len(pages))
    if (index := (number or 1) - 1) >= len(pages):
        raise ImageError("no_such_page", page=index + 1, pages=len(pages))
    return pages[index]


def _call_cells(
    model: Path | None, files: Sequence[Readable], one_smear: bool, profile: Profile | None
) -> list[CellCall]:
    # A profile is of the network for fields.
    classifier = _loaded(model, "cells") if profile is None else _loaded(model).with_profile(profile)
    cells = _sent_cells(files)
    sources = [cell for _, cell in cells]
    judged = list(classify_sources(classifier, sources))
    if one_smear:
        smear = ["one"] * len(judged)
        judged = told_against_smears(classifier, judged, sources, smear)
        judged = judge_by_smear(classifier, judged, smear, classifier.threshold)
    return [replace(call, file=number) for (number, _), call in zip(cells, judged, strict=True)]


def _sent_cells(files: Sequence[Readable]) -> list[tuple[int, Readable]]:
    """Every page by itself; a file with more of them than may be sent at a time stands for itself, to be named."""
    cells: list[tuple[int, Readable]] = []
    for number, file in enumerate(files):
        pages = pages_of(file)
        if len(pages) > 1 and len(cells) + len(pages) > MAX_CELLS:
            pages = [Unreadable(file.name, message("too_many_cells_in_file", cells=len(pages), most=MAX_CELLS))]
        cells += [(number, page) for page in pages]
    return cells


def _explain(model: Path | None, photograph: Path, cell: Cell, profile: Profile | None) -> bytes | None:
    classifier = _loaded(model)
    if profile is not None and profile.model_sha256 == classifier.card.sha256:
        classifier = classifier.with_profile(profile)
    crop = classifier.prepare(crops_as_called(read_image(photograph), [cell], classifier)[0])
    why = explain(classifier, crop)
    return encode_png(lay_heat(crop, why.heat)) if why.found else None


def _observe(model: Path | None, photograph: Path, cells: Sequence[Cell]) -> Observed:
    classifier = _loaded(model)
    crops = crops_as_called(read_image(photograph), cells, classifier)
    return observe(classifier, classifier.prepare_batch(crops))


def _learn(model: Path | None, lesson: Lesson) -> Profile:
    classifier = _loaded(model)
    familiar = familiar_of(classifier, find_model(model, "fields"))
    infected = np.array(lesson.infected, bool)
    return adapt(
        Observed.of(lesson.observed), infected, classifier.card, familiar, lesson.name, lesson.version, lesson.source
    )
