"""Classifying images by the thousand: bounded memory, and a broken one does not stop the others."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from plasmoscope.classification.classifier import Classifier
from plasmoscope.imaging.cells import decode_cells, remarks_on
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
    """What it was before that."""
    not_a_cell_probability: float | None = None
    """P(not a cell, or nothing that can be told); None of a network that does not tell it."""


def classify_sources(
    classifier: Classifier,
    sources: Sequence[Readable],
    views: int = 1,
    threshold: float | None = None,
    isolate: bool = False,
) -> Iterator[CellResult]:
    """Classify images one chunk after another, in their order.

    Args:
        views: test-time augmentation, 1, 5 or 8.
        threshold: at or above it a cell is called Parasitized; the model's own if None.
        isolate: cut each cell out of a clear background first.

    Yields:
        One result for each source.
    """
    size = classifier.image_size
    limit = classifier.card.threshold if threshold is None else threshold
    silence = classifier.card.silence_threshold

    def prepare(picture: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], int]:
        """The cell as the network takes it, and its longer side as given."""
        return classifier.prepare(isolate_cell(picture) if isolate else picture), max(picture.shape[:2])

    for start in range(0, len(sources), _CHUNK):
        chunk = sources[start : start + _CHUNK]
        cells = list(decode_cells(chunk, prepare))
        good = [cell for cell in cells if not isinstance(cell, str)]
        batch = np.array([cell for cell, _ in good], np.uint8).reshape(-1, size, size, 3)
        remarks = remarks_on(batch, [side for _, side in good])
        answers = zip(classifier.judge_prepared(batch, views).each(), remarks, strict=True)
        for source, cell in zip(chunk, cells, strict=True):
            if isinstance(cell, str):
                yield CellResult(source.name, None, None, cell)
            else:
                (parasitized, not_a_cell), remark = next(answers)
                call = call_name(parasitized, limit, not_a_cell, silence)
                yield CellResult(source.name, parasitized, call, None, remark, not_a_cell_probability=not_a_cell)


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
        judged[index] = replace(
            results[index],
            parasitized_probability=probability,
            label=class_name(probability >= threshold),
            smear=smears[index],
            probability_alone=alone[index],
        )
    return judged
