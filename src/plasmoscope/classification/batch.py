"""Classifying images by the thousand: bounded memory, and a broken one does not stop the others."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from plasmoscope.classification.classifier import Classifier
from plasmoscope.imaging.cells import decode_cells, remarks_on
from plasmoscope.imaging.reference import Reference, refer
from plasmoscope.imaging.smear_reference import some_of_each
from plasmoscope.imaging.sources import Readable
from plasmoscope.labels import NOT_TOLD, CallName, call_name, class_name
from plasmoscope.segmentation.single import isolate_cell

_CHUNK = 128


@dataclass(frozen=True)
class CellResult:
    """The answer for one image: a probability with its call, or the reason why there is none."""

    path: str
    """The image's name."""
    parasitized_probability: float | None
    label: CallName | None
    """``not_a_cell`` where it is no red cell, or nothing that can be told."""
    error: str | None = None
    remark: str | None = None
    """Why the answer may say little."""
    smear: str | None = None
    """With whose cells this one was judged; None if alone."""
    probability_alone: float | None = None
    """What it was by itself, its colours as they are."""
    not_a_cell_probability: float | None = None
    """P(not a cell, or nothing that can be told); None of a network that does not tell it."""
    reference: Literal["standard", "smear"] | None = None
    """What the colours were told against: the ``standard`` one, as those of all cells that come without a slide, or the
    ``smear``'s own background and median cell; None where there is no answer."""


def classify_sources(
    classifier: Classifier,
    sources: Sequence[Readable],
    views: int = 1,
    threshold: float | None = None,
    isolate: bool = False,
    references: Sequence[Reference] | None = None,
) -> Iterator[CellResult]:
    """Classify images one chunk after another, in their order.

    Args:
        views: test-time augmentation, 1, 5 or 8.
        threshold: at or above it a cell is called Parasitized; the profile's or the model's own if None.
        isolate: cut each cell out of a clear background first.
        references: of the smear of each, which its colours are told against; None takes all as they are, as if
            stained and lit as the standard reference is.

    Yields:
        One result for each source.
    """
    limit = classifier.threshold if threshold is None else threshold
    silence = classifier.card.silence_threshold

    for start in range(0, len(sources), _CHUNK):
        chunk = sources[start : start + _CHUNK]
        cells = list(decode_cells(chunk, partial(_prepare, classifier, isolate)))
        good = [(index, *cell) for index, cell in enumerate(cells, start) if not isinstance(cell, str)]
        batch = _batch(classifier, [cell for _, cell, _ in good])
        remarks = remarks_on(batch, [side for *_, side in good])
        if references is not None:
            for place, (index, prepared, _) in enumerate(good):
                batch[place] = refer(prepared, references[index])
        answers = zip(classifier.judge_prepared(batch, views).each(), remarks, strict=True)
        for source, cell in zip(chunk, cells, strict=True):
            if isinstance(cell, str):
                yield CellResult(source.name, None, None, cell)
            else:
                (parasitized, not_a_cell), remark = next(answers)
                call = call_name(parasitized, limit, not_a_cell, silence)
                yield CellResult(
                    source.name,
                    parasitized,
                    call,
                    None,
                    remark,
                    not_a_cell_probability=not_a_cell,
                    reference="standard" if references is None else "smear",
                )


def _prepare(classifier: Classifier, isolate: bool, picture: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], int]:
    """The cell as the network takes it, and its longer side as given."""
    return classifier.prepare(isolate_cell(picture) if isolate else picture), max(picture.shape[:2])


def _batch(classifier: Classifier, cells: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Prepared cells as one array, shape (n, size, size, 3), of any number."""
    return np.array(cells, np.uint8).reshape(-1, classifier.image_size, classifier.image_size, 3)


def told_against_smears(
    classifier: Classifier,
    results: Sequence[CellResult],
    sources: Sequence[Readable],
    smears: Sequence[str],
    views: int = 1,
    threshold: float | None = None,
    isolate: bool = False,
) -> list[CellResult]:
    """The same results, but cells of smears of unusual colours classified anew, told against their smear's own.

    Args:
        results: of ``classify_sources`` for these sources, with these arguments.
        smears: name of the smear of each.
    """
    told = list(results)
    read = [index for index, result in enumerate(results) if result.error is None]
    some = [read[place] for place in some_of_each([smears[index] for index in read])]
    decoded = decode_cells([sources[index] for index in some], partial(_prepare, classifier, isolate))
    cells = [(index, *cell) for index, cell in zip(some, decoded, strict=True) if not isinstance(cell, str)]
    own = classifier.unusual_smears(_batch(classifier, [cell for _, cell, _ in cells]), [smears[i] for i, *_ in cells])
    again = [index for index in read if smears[index] in own]
    theirs = [sources[index] for index in again], [own[smears[index]] for index in again]
    anew = classify_sources(classifier, theirs[0], views, threshold, isolate, theirs[1])
    for index, result in zip(again, anew, strict=True):
        told[index] = replace(result, probability_alone=results[index].parasitized_probability)
    return told


def judge_by_smear(
    classifier: Classifier, results: Sequence[CellResult], smears: Sequence[str], threshold: float
) -> list[CellResult]:
    """The same results, the cells of each smear judged together (``smears.judge_together``).

    Args:
        results: of ``classify_sources``; those without an answer, or that are not told, stay as they are.
        smears: name of the smear of each.
        threshold: at or above it a cell is called Parasitized.
    """
    alone = [None if result.label == NOT_TOLD else result.parasitized_probability for result in results]
    read = [index for index, probability in enumerate(alone) if probability is not None]
    together = classifier.judge_together([p for p in alone if p is not None], [smears[index] for index in read])
    judged = list(results)
    for index, probability in zip(read, together.tolist(), strict=True):
        result = results[index]
        judged[index] = replace(
            result,
            parasitized_probability=probability,
            label=class_name(probability >= threshold),
            smear=smears[index],
            # One that was told against its smear knows already what it was by itself.
            probability_alone=alone[index] if result.probability_alone is None else result.probability_alone,
        )
    return judged
