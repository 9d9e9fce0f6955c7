"""Classifying files by the thousand: bounded memory, and a broken one does not stop the others."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plasmoscope.classification.classifier import Classifier
from plasmoscope.imaging.cells import read_cell, remarks_on
from plasmoscope.imaging.reading import ImageError
from plasmoscope.imaging.sources import ImageSource
from plasmoscope.labels import class_name

_CHUNK = 128


@dataclass(frozen=True)
class CellResult:
    """The answer for one file: a probability with its call, or the reason why there is none."""

    path: str
    parasitized_probability: float | None
    label: str | None
    error: str | None = None
    remark: str | None = None
    """Why the answer may say little."""


def classify_sources(
    classifier: Classifier, sources: Sequence[ImageSource], views: int = 1, threshold: float | None = None
) -> Iterator[CellResult]:
    """Classify images one chunk after another, in their order.

    Args:
        views: test-time augmentation, 1, 5 or 8.
        threshold: at or above it a cell is called Parasitized; the model's own if None.

    Yields:
        One result for each source.
    """
    size = classifier.image_size
    limit = classifier.card.threshold if threshold is None else threshold

    def read(source: ImageSource) -> NDArray[np.uint8] | str:
        # Resizing at once keeps no more full pictures in memory than there are threads.
        try:
            return classifier.prepare(read_cell(source.read()))
        except ImageError as error:
            return str(error)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(sources), _CHUNK):
            chunk = sources[start : start + _CHUNK]
            cells = list(pool.map(read, chunk))
            good = [cell for cell in cells if not isinstance(cell, str)]
            batch = np.array(good, np.uint8).reshape(-1, size, size, 3)
            answers = zip(classifier.predict_prepared(batch, views).tolist(), remarks_on(batch), strict=True)
            for source, cell in zip(chunk, cells, strict=True):
                if isinstance(cell, str):
                    yield CellResult(source.name, None, None, cell)
                else:
                    probability, remark = next(answers)
                    yield CellResult(source.name, probability, class_name(probability >= limit), remark=remark)
