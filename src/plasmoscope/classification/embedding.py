"""Embeddings: what a network knows of a cell before its last, linear layer makes logits of it; no torch is needed."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from plasmoscope.classification.card import ModelCard
from plasmoscope.classification.classifier import OUTPUTS, Classifier, Use, find_model
from plasmoscope.classification.odds import probability_of
from plasmoscope.classification.views import VIEWS
from plasmoscope.extras import require_extra
from plasmoscope.imaging.cells import decode_cells
from plasmoscope.imaging.reading import ImageError
from plasmoscope.imaging.sources import Readable
from plasmoscope.networks import ModelError, read_network
from plasmoscope.segmentation.single import isolate_cell

EXTRA = "embed"
Layer = Literal["last", "middle"]
"""``last``: what the last linear layer takes, which mostly tells infected from uninfected. ``middle``: the means of
maps at a sixteenth of the picture's side, which say more of stain and form; models of earlier versions lack them."""
# Nodes that change nothing of which values reach the logits, or only add a bias.
_PASSED = {"Add", "Cast", "Flatten", "Identity", "Reshape", "Squeeze"}
_LINEAR = {"Gemm", "MatMul"}
# Pictures that are decoded and embedded at a time: a bound of memory.
_CHUNK = 256


class Embedder:
    """A loaded model that gives a vector for each cell.

    >>> from plasmoscope.classification.embedding import Embedder
    >>> Embedder.load().embed(["cell_1.png", "cell_2.png"]).shape
    (2, 1280)
    """

    def __init__(self, classifier: Classifier, output: str) -> None:
        """Use ``load``.

        Args:
            classifier: whose graph has the output.
            output: its name; shape (n, d).
        """
        self.classifier = classifier
        self._output = output

    @classmethod
    def load(
        cls,
        model: Path | str | None = None,
        use: Use = "cells",
        layer: Layer = "last",
        threads: int | None = None,
    ) -> "Embedder":
        """Load a model; arguments as of ``Classifier.load``, and the layer.

        Raises:
            ModelError: missing, altered or not usable, or it has no such layer.
            MissingExtraError: the package that reads graphs is not installed.
        """
        network, card = read_network(find_model(model, use), ModelCard)
        if layer == "middle":
            classifier = Classifier(network, card, threads)
            if not classifier.has_features:
                raise ModelError(
                    f"The model '{card.name}' gives no features of a middle layer. Take the last layer, or the model "
                    "for fields (use='fields'), or train it anew with this version."
                )
            return cls(classifier, OUTPUTS[1])
        network, output = _with_last_layer(network, card.name)
        return cls(Classifier(network, card, threads), output)

    @property
    def width(self) -> int:
        """Numbers of an embedding."""
        size = self.classifier.image_size
        return int(self.embed_prepared(np.zeros((1, size, size, 3), np.uint8))[0].shape[1])

    def embed(self, images: Sequence[object], views: int = 1) -> NDArray[np.float32]:
        """Embeddings, shape (n, d), of pictures as ``Classifier.predict`` takes them.

        Args:
            images: arrays, Pillow images or paths.
            views: 1, 5 or 8 views of each cell, whose embeddings are averaged.
        """
        prepared = self.classifier.prepare_all(images)  # type: ignore[arg-type]
        return np.concatenate([self.embed_prepared(cells, views)[0] for cells in prepared])

    def embed_prepared(
        self, cells: NDArray[np.uint8], views: int = 1
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Embeddings, shape (n, d), and calibrated P(parasitized), shape (n,), of cells that ``prepare`` made."""
        if views not in VIEWS:
            raise ValueError(f"views must be one of {', '.join(map(str, VIEWS))}, not {views}")
        temperature = self.classifier.card.calibration.temperature
        seen = [self.classifier.logits_and(np.ascontiguousarray(view(cells)), self._output) for view in VIEWS[views]]
        odds = [self.classifier.uncalibrated_log_odds(logits) for logits, _ in seen]
        probabilities = [probability_of(one / np.float32(temperature)) for one in odds]
        means = (np.mean(each, axis=0) for each in ([embedding for _, embedding in seen], probabilities))
        embeddings, parasitized = (np.asarray(mean, np.float32) for mean in means)
        return embeddings, parasitized


class Embedded(NamedTuple):
    """One picture's embedding, or why there is none."""

    name: str
    embedding: NDArray[np.float32] | None
    """Shape (d,)."""
    probability: float | None
    """Calibrated P(parasitized)."""
    error: str | None


def embed_sources(
    embedder: Embedder, sources: Sequence[Readable], views: int = 1, isolate: bool = False
) -> Iterator[Embedded]:
    """Embed images one chunk after another, in their order; one that cannot be read is named with its reason.

    Args:
        embedder: a loaded model.
        sources: pictures of single cells.
        views: 1, 5 or 8.
        isolate: cut each cell out of a clear background first.
    """
    for start in range(0, len(sources), _CHUNK):
        chunk = sources[start : start + _CHUNK]
        cells = list(decode_cells(chunk, partial(_prepare, embedder.classifier, isolate)))
        good = [cell for cell in cells if not isinstance(cell, ImageError)]
        rows = iter(zip(*embedder.embed_prepared(np.stack(good), views), strict=True)) if good else iter(())
        for source, cell in zip(chunk, cells, strict=True):
            if isinstance(cell, ImageError):
                yield Embedded(source.name, None, None, str(cell))
            else:
                embedding, probability = next(rows)
                yield Embedded(source.name, embedding, float(probability), None)


def _prepare(classifier: Classifier, isolate: bool, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return classifier.prepare(isolate_cell(picture) if isolate else picture)


def _with_last_layer(network: bytes, name: str) -> tuple[bytes, str]:
    """The same graph with what its last linear layer takes as one more output, and that output's name."""
    require_extra(EXTRA, "An embedding")
    import onnx

    model = onnx.load_model_from_string(network)
    made_by = {output: node for node in model.graph.node for output in node.output}
    node = made_by.get(model.graph.output[0].name)
    while node is not None and node.op_type in _PASSED:
        node = next((made_by[given] for given in node.input if given in made_by), None)
    if node is None or node.op_type not in _LINEAR:
        raise ModelError(
            f"The network of the model '{name}' does not end in a linear layer, so there is no embedding before it. "
            "Take the middle layer."
        )
    embedding = node.input[0]
    shape = [model.graph.input[0].type.tensor_type.shape.dim[0].dim_param or None, None]
    model.graph.output.append(onnx.helper.make_tensor_value_info(embedding, onnx.TensorProto.FLOAT, shape))
    return bytes(model.SerializeToString()), embedding
