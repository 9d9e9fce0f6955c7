"""Classifying images by the thousand: bounded memory, and a broken one does not stop the others."""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plasmoscope.classification.cell_call import CellCall
from plasmoscope.classification.classifier import Classifier
from plasmoscope.imaging.cells import decode_cells, remarks_on
from plasmoscope.imaging.reading import ImageError
from plasmoscope.imaging.smear_reference import some_of_each
from plasmoscope.imaging.sources import Readable
from plasmoscope.imaging.stain_reference import Reference, refer
from plasmoscope.labels import NOT_TOLD, call_name
from plasmoscope.segmentation.single import isolate_cell

# Pictures that are decoded, prepared and judged at a time: a bound of memory.
_CHUNK = 128


def classify_sources(
    classifier: Classifier,
    sources: Sequence[Readable],
    views: int = 1,
    threshold: float | None = None,
    isolate: bool = False,
    references: Sequence[Reference] | None = None,
    begin: int = 0,
) -> Iterator[CellCall]:
    """Classify images one chunk after another, in their order.

    Args:
        views: test-time augmentation, 1, 5 or 8.
        threshold: at or above it a cell is called infected; the profile's or the model's own if None.
        isolate: cut each cell out of a clear background first.
        references: of the smear of each, which its colours are told against; None takes all as they are, as if
            stained and lit as the standard reference is.
        begin: how many of the first are left out.

    Yields:
        One result for each source but those.
    """
    limit = classifier.threshold if threshold is None else threshold
    silence = classifier.card.silence_threshold

    # By the same threads from the first to the last: what threads leave of their memory when they end adds up.
    decoded = decode_cells(sources[begin:], partial(_prepare, classifier, isolate))
    for start in range(begin, len(sources), _CHUNK):
        chunk = sources[start : start + _CHUNK]
        cells = list(islice(decoded, len(chunk)))
        good = [(index, *cell) for index, cell in enumerate(cells, start) if not isinstance(cell, ImageError)]
        batch = _batch(classifier, [cell for _, cell, _ in good])
        remarks = remarks_on(batch, [side for *_, side in good])
        if references is not None:
            for place, (index, prepared, _) in enumerate(good):
                batch[place] = refer(prepared, references[index])
        judged = classifier.judge_prepared(batch, views)
        answers = zip(judged.each(), judged.by_class(classifier.classes), remarks, strict=True)
        for index, (source, cell) in enumerate(zip(chunk, cells, strict=True), start):
            if isinstance(cell, ImageError):
                yield CellCall(source.name, error=str(cell), file=index)
            else:
                (probability, not_a_cell), of_classes, remark = next(answers)
                call = CellCall(
                    source.name,
                    call_name(probability, limit, not_a_cell, silence),
                    probability,
                    classifier.name,
                    remark=remark,
                    file=index,
                    not_a_cell_probability=not_a_cell,
                    reference="standard" if references is None else "smear",
                    class_probabilities=of_classes,
                )
                yield call.told(classifier.classes)


def _prepare(classifier: Classifier, isolate: bool, picture: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], int]:
    """The cell as the network takes it, and its longer side as given."""
    return classifier.prepare(isolate_cell(picture) if isolate else picture), max(picture.shape[:2])


def _batch(classifier: Classifier, cells: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Prepared cells as one array, shape (n, size, size, 3), of any number."""
    return np.array(cells, np.uint8).reshape(-1, classifier.image_size, classifier.image_size, 3)


def told_against_smears(
    classifier: Classifier,
    results: Sequence[CellCall],
    sources: Sequence[Readable],
    smears: Sequence[str],
    views: int = 1,
    threshold: float | None = None,
    isolate: bool = False,
) -> list[CellCall]:
    """The same results, but cells of smears of unusual colours classified anew, told against their smear's own.

    Args:
        results: of ``classify_sources`` for these sources, with these arguments.
        smears: name of the smear of each.
    """
    told = list(results)
    read = [index for index, result in enumerate(results) if result.error is None]
    some = [read[place] for place in some_of_each([smears[index] for index in read])]
    decoded = decode_cells([sources[index] for index in some], partial(_prepare, classifier, isolate))
    cells = [(index, *cell) for index, cell in zip(some, decoded, strict=True) if not isinstance(cell, ImageError)]
    own = classifier.unusual_smears(_batch(classifier, [cell for _, cell, _ in cells]), [smears[i] for i, *_ in cells])
    again = [index for index in read if smears[index] in own]
    theirs = [sources[index] for index in again], [own[smears[index]] for index in again]
    anew = classify_sources(classifier, theirs[0], views, threshold, isolate, theirs[1])
    for index, result in zip(again, anew, strict=True):
        told[index] = replace(result, file=results[index].file, probability_alone=results[index].probability)
    return told


def judge_by_smear(
    classifier: Classifier, results: Sequence[CellCall], smears: Sequence[str], threshold: float
) -> list[CellCall]:
    """The same results, the cells of each smear judged together (``smears.judge_together``).

    Args:
        results: of ``classify_sources``; those without an answer, or that are not told, stay as they are.
        smears: name of the smear of each.
        threshold: at or above it a cell is called infected.
    """
    alone = [None if result.call == NOT_TOLD else result.probability for result in results]
    read = [index for index, probability in enumerate(alone) if probability is not None]
    together = classifier.judge_together([p for p in alone if p is not None], [smears[index] for index in read])
    judged = list(results)
    for index, probability in zip(read, together.tolist(), strict=True):
        result = results[index]
        judged[index] = replace(
            result,
            probability=probability,
            call=call_name(probability, threshold),
            smear=smears[index],
            # One that was told against its smear knows already what it was by itself.
            probability_alone=alone[index] if result.probability_alone is None else result.probability_alone,
        ).told(classifier.classes)
    return judged


def __getattr__(name: str) -> Any:
    if name == "CellResult":
        warnings.warn(
            "CellResult is called CellCall now, in plasmoscope.classification.cell_call; the former name goes with the "
            "next version.",
            DeprecationWarning,
            stacklevel=2,
        )
        return CellCall
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
