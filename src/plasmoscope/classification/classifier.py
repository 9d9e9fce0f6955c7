"""The classifier: cell images of any size in, calibrated P(parasitized) out."""

import copy
import warnings
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from plasmoscope.classification.card import ModelCard
from plasmoscope.classification.class_shares import class_shares, own_log_odds, with_infected
from plasmoscope.classification.control import controlled
from plasmoscope.classification.odds import probability_of
from plasmoscope.classification.profile import Profile
from plasmoscope.classification.silence import not_a_cell
from plasmoscope.classification.smears import judge_together
from plasmoscope.classification.views import VIEWS
from plasmoscope.imaging.cells import MAX_CELL_PIXELS, read_cell, remarks_on, resize_cell
from plasmoscope.imaging.reading import ImageError, read_picture
from plasmoscope.imaging.smear_reference import Smear, some_of_each, unusual_smears
from plasmoscope.imaging.stain_reference import Reference, refer
from plasmoscope.labels import Classes, log_odds
from plasmoscope.networks import ModelError, open_session, read_network
from plasmoscope.threads import usable_threads

CellImage = NDArray[np.generic] | Image.Image | Path | str

Use = Literal["cells", "fields"]
"""What a model is wanted for: pictures of single cells, as the NIH data set's are; or the cells of whole fields, of any
laboratory, told against their own slide."""
SHIPPED: dict[Use, str] = {"cells": "mobilenet_v2_96.onnx", "fields": "mobilenet_v2_fields.onnx"}
"""Files beside this one."""
# Activations of this many cells at 96 px still fit the processor's cache.
BATCH = 32
# Of 1,334 validation cells below this in one view, none was called with eight. What is less likely than that to be no
# cell is taken for one, likewise.
_HEALTHY = 0.05
# The names of a graph's outputs; graphs of earlier versions have logits alone, or no strangeness.
OUTPUTS = ("logits", "features", "strangeness")
# So many are prepared at once: preparing and inference take turns with the same processor threads, and each turn costs.
_PREPARED = 8 * BATCH


def find_model(model: Path | str | None, use: Use = "cells") -> Path:
    """The ONNX file of a model: one that ships, for this use if None or by its name; a run folder's; or the file.

    A cascade is its card alone.
    """
    ship = Path(__file__).parent / "models"
    if model is None:
        return ship / SHIPPED[use]
    path = Path(model)
    named = [ship / f"{path}{suffix}" for suffix in (".onnx", ".json")]
    if path.name == str(model) and not path.exists() and named[1].exists():
        return named[0] if named[0].exists() else named[1]
    return path / "model.onnx" if path.is_dir() else path


class Judged(NamedTuple):
    """What the classifier says of some cells; ``labels.call_name`` makes calls of it."""

    parasitized: NDArray[np.float32]
    """Calibrated P(parasitized), shape (n,)."""
    not_a_cell: NDArray[np.float32] | None
    """P(not a cell, or nothing that can be told), shape (n,); None from a model that tells nothing of it."""
    classes: NDArray[np.float32] | None = None
    """Probability of each class, shape (n, c), whose sums over those that count as infected are ``parasitized``; None
    from a model of the two classes that ship."""

    def each(self) -> list[tuple[float, float | None]]:
        """P(parasitized) and P(not a cell) of one cell after the other."""
        third = [None] * len(self.parasitized) if self.not_a_cell is None else self.not_a_cell.tolist()
        return list(zip(self.parasitized.tolist(), third, strict=True))

    def by_class(self, classes: Classes) -> list[dict[str, float] | None]:
        """Probability of each class by its name, of one cell after the other; None of the two that ship."""
        if self.classes is None:
            return [None] * len(self.parasitized)
        return [dict(zip(classes.names, shares, strict=True)) for shares in self.classes.tolist()]


class Classifier:
    """A loaded model that cannot be fed wrongly: it prepares whatever picture it is given.

    >>> from plasmoscope import Classifier
    >>> probabilities = Classifier.load().predict(["cell_1.png", "cell_2.png"])
    >>> probabilities.shape
    (2,)
    """

    _seen_at_once = BATCH
    """Cells that ``_look`` is given at once."""

    def __init__(self, network: bytes, card: ModelCard, threads: int | None = None) -> None:
        """Use ``load`` unless the model is already in memory.

        Args:
            network: an ONNX graph from uint8 RGB (n, size, size, 3) to 1 to 3 logits, or to one for each class of the
                card's own, and to features and strangeness if it names them.
            card: its card.
            threads: processor threads; as many as ``usable_threads`` if None.

        Raises:
            ModelError: the bytes are not a network that can be run.
        """
        self.card = card
        self.profile: Profile | None = None
        """Of the laboratory whose cells are called; None takes the network as it ships."""
        self.image_size = card.preprocessing.image_size
        self._threads = threads or usable_threads()
        self._session = open_session(network, card.name, self._threads)
        self._input = self._session.get_inputs()[0].name
        cells = self._session.get_inputs()[0].shape[0]
        self._at_once = cells if isinstance(cells, int) else None
        """Cells that a graph takes which takes always as many; None for any number."""
        self._outputs = [output.name for output in self._session.get_outputs()]
        self._evidence = card.silence.evidence if card.silence else None
        if self._evidence and self._evidence.strangeness and OUTPUTS[2] not in self._outputs:
            raise ModelError(
                f"The card of the model '{card.name}' goes by an output that its network lacks, {OUTPUTS[2]}. "
                "Copy the model and its card again."
            )

    @classmethod
    def load(cls, model: Path | str | None = None, threads: int | None = None, use: Use = "cells") -> "Classifier":
        """Load a model and check it against its card.

        Args:
            model: an ``.onnx`` file with its card beside it, or a run folder with a ``model.onnx``; a model that
                ships by its name, such as ``fast``; the card of a cascade; the one that ships if None.
            threads: processor threads; as many as ``usable_threads`` if None.
            use: which of those that ship.

        Raises:
            ModelError: missing, altered or not usable. Without a model there is no answer.
        """
        file = find_model(model, use)
        if file.suffix == ".json":
            from plasmoscope.classification.cascade import Cascade

            return Cascade.of_card(file, threads)
        return cls(*read_network(file, ModelCard), threads)

    @property
    def name(self) -> str:
        """What calls cells: the model's name, and the profile's where one is used."""
        return f"{self.card.name}, profile {self.profile.used}" if self.profile else self.card.name

    @property
    def threshold(self) -> float:
        """P(parasitized) from which a single cell is called: the profile's or the model's own."""
        return self.profile.threshold if self.profile else self.card.threshold

    def with_profile(self, profile: Profile | None) -> "Classifier":
        """The same network under a laboratory's profile, or under none.

        Raises:
            ProfileError: the profile was made for another network.
        """
        if profile is not None:
            profile.check(self.card.sha256)
        under = copy.copy(self)
        under.profile = profile
        return under

    @property
    def classes(self) -> Classes:
        """What the model tells apart, in the order of its outputs, and which of them count as infected."""
        return self.card.classes

    def predict_classes(self, images: CellImage | Iterable[CellImage], views: int = 1) -> NDArray[np.float32]:
        """Calibrated probability of each of ``classes``, shape (n, c); arguments and errors as ``predict``."""
        judged = self._judge(images, views)
        if judged.classes is not None:
            return judged.classes
        return np.stack([judged.parasitized, 1 - judged.parasitized], axis=1)

    def predict(
        self, images: CellImage | Iterable[CellImage], views: int = 1, smears: Sequence[Hashable] | None = None
    ) -> NDArray[np.float32]:
        """Calibrated probability that each cell is parasitized.

        Args:
            images: arrays (uint8, RGB (h, w, 3), RGBA or grey (h, w)), Pillow images or paths, of any sizes; one
                alone counts as a list of one.
            views: test-time augmentation: 1, 5 or 8 views of each cell, whose probabilities are averaged.
            smears: the smear of each cell, by whatever tells it from others: those of one are judged together, as
                ``judge_together`` describes, and where it is stained or lit as no NIH slide is, their colours are told
                against its own background and median cell (``unusual_smears``). None judges each cell alone, its
                colours as they are: no slide comes with it.

        Returns:
            Shape (n,), 0 to 1, in the order of ``images``.

        Raises:
            ImageError: an image cannot be used; the message starts with which.
            ValueError: there is not one smear for each cell.

        Warns:
            UserWarning: some images are not of one red cell on black.
        """
        if smears is None:
            return self._judge(images, views).parasitized
        images = list(_only(images))
        alone = self._judge(images, views).parasitized
        together = self.judge_together(alone, smears)
        some = some_of_each(smears)
        own = self.unusual_smears(
            self.prepare_batch([images[index] for index in some]), [smears[index] for index in some]
        )
        if not own:
            return together
        again = [index for index, smear in enumerate(smears) if smear in own]
        cells = self.prepare_batch(images[index] for index in again)
        for place, index in enumerate(again):
            cells[place] = refer(cells[place], own[smears[index]])
        alone[again] = self.predict_prepared(cells, views)
        return self.judge_together(alone, smears)

    def judge(self, images: CellImage | Iterable[CellImage], views: int = 1) -> Judged:
        """What ``predict`` says of each cell, and beside it how likely it is none; arguments and errors as there."""
        return self._judge(images, views)

    def judge_together(self, probabilities: ArrayLike, smears: Sequence[Hashable]) -> NDArray[np.float32]:
        """Adjust what ``predict`` said of cells alone, shape (n,), to the smears that they come from, shape (n,)."""
        return judge_together(probabilities, smears, self.card.calibration.parasitized_share)

    def unusual_smears(self, cells: NDArray[np.uint8], smears: Sequence[Smear]) -> dict[Smear, Reference]:
        """The references of smears whose cells are to be told against their own (``smear_reference.unusual_smears``).

        None for a model of fields: it learnt from many stains, and called single cells worse with it.

        Args:
            cells: as ``prepare`` made them, shape (n, size, size, 3).
            smears: of each, length n.
        """
        return {} if self.card.preprocessing.reference else unusual_smears(cells, smears)

    def prepare(self, image: CellImage) -> NDArray[np.uint8]:
        """One picture as the network takes it: uint8 RGB, shape (size, size, 3).

        Raises:
            ImageError: it cannot be read, or is an array of another kind than ``predict`` names.
        """
        if isinstance(image, Path | str):
            return resize_cell(read_cell(Path(image)), self.image_size)
        if isinstance(image, Image.Image):
            return resize_cell(read_picture(image, MAX_CELL_PIXELS), self.image_size)
        if not isinstance(image, np.ndarray):
            raise ImageError("no_picture", detail=type(image).__name__, needed="a path, a Pillow image or an array")
        if image.dtype != np.uint8:
            raise ImageError("ambiguous_array", kind=str(image.dtype))
        if image.ndim not in (2, 3) or 0 in image.shape or (image.ndim == 3 and image.shape[2] not in (3, 4)):
            detail = f"an array of shape {image.shape}"
            raise ImageError("no_picture", detail=detail, needed="RGB of shape (height, width, 3)")
        if image.ndim == 3 and image.shape[2] == 3:
            return resize_cell(cast(NDArray[np.uint8], image), self.image_size)
        return resize_cell(read_picture(Image.fromarray(image)), self.image_size)

    def prepare_all(self, images: Iterable[CellImage]) -> Iterator[NDArray[np.uint8]]:
        """Many pictures as ``prepare`` makes them, on all threads, in batches of shape (n, size, size, 3)."""
        numbered = enumerate(images)
        with ThreadPoolExecutor(self._threads) as pool:
            while batch := list(islice(numbered, _PREPARED)):
                share = -(-len(batch) // self._threads)
                shares = [batch[start : start + share] for start in range(0, len(batch), share)]
                yield np.concatenate(list(pool.map(self._prepare_share, shares)))

    def prepare_batch(self, images: Iterable[CellImage]) -> NDArray[np.uint8]:
        """All of ``prepare_all`` at once, shape (n, size, size, 3), of any number."""
        none = np.empty((0, self.image_size, self.image_size, 3), np.uint8)
        return np.concatenate([none, *self.prepare_all(images)])

    def predict_prepared(self, cells: NDArray[np.uint8], views: int = 1) -> NDArray[np.float32]:
        """Calibrated P(parasitized), shape (n,), of cells that ``prepare`` made, shape (n, size, size, 3)."""
        return self.judge_prepared(cells, views).parasitized

    def judge_prepared(self, cells: NDArray[np.uint8], views: int = 1) -> Judged:
        """What is said of cells that ``prepare`` made, shape (n, size, size, 3); the views' answers are averaged."""
        if views not in VIEWS:
            raise ValueError(f"views must be one of {', '.join(map(str, VIEWS))}, not {views}")
        # Views are made of no more cells than are looked at together.
        step = self._seen_at_once
        parts = (cells[start : start + step] for start in range(0, len(cells), step))
        seen = (
            _together([self._look(np.ascontiguousarray(view(part))) for view in VIEWS[views]], _mean) for part in parts
        )
        return _together(list(seen), _one_after_the_other)

    def judge_field(self, cells: NDArray[np.uint8], views: int = 1) -> Judged:
        """What is said of the prepared red cells of one field, shape (n, size, size, 3), the uninfected its control.

        Only what a first look leaves in doubt is looked at in more views. Under a profile there is no control: it has
        learnt what this stain does to all cells.
        """
        judged = self.judge_prepared(cells)
        one_view = judged.parasitized.copy()
        in_doubt = judged.parasitized > _HEALTHY
        if judged.not_a_cell is not None:
            in_doubt |= judged.not_a_cell > _HEALTHY
        doubtful = np.flatnonzero(in_doubt) if views > 1 else np.empty(0, int)
        if len(doubtful):
            for first, closer in zip(judged, self.judge_prepared(cells[doubtful], views), strict=True):
                if first is not None and closer is not None:
                    first[doubtful] = closer
        usual = None if self.profile else self.card.calibration.usual_level
        parasitized = controlled(judged.parasitized, one_view, usual)
        shares = None if judged.classes is None else with_infected(judged.classes, parasitized, self.classes)
        return judged._replace(parasitized=parasitized, classes=shares)

    @property
    def has_features(self) -> bool:
        """Whether the network gives features beside its logits; those that earlier versions exported do not."""
        return OUTPUTS[1] in self._outputs

    def logits(self, cells: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Uncalibrated outputs, shape (n, classes), of prepared cells, shape (n, size, size, 3), of any number."""
        return self._run(cells, self._outputs[:1])[0]

    def uncalibrated_log_odds(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Log-odds of infected, shape (n,), of ``logits``; divided by the temperature they are calibrated."""
        if not self.classes.own:
            return log_odds(logits)
        return own_log_odds(logits, self.classes, self.card.calibration.temperature)

    def logits_and_features(self, cells: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """``logits``, and the means of the network's middle maps, shape (n, d); only where it ``has_features``."""
        return self.logits_and(cells, OUTPUTS[1])

    def logits_and(self, cells: NDArray[np.uint8], output: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """``logits``, and another output of the graph by its name, shape (n, ...)."""
        logits, other = self._run(cells, [self._outputs[0], output])
        return logits, other

    def logits_and_strangeness(
        self, cells: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """``logits``, and how far cells lie from red cells, shape (n,), as ``Evidence`` weighs it; None if not told."""
        if OUTPUTS[2] not in self._outputs:
            return self.logits(cells), None
        logits, strangeness = self._run(cells, [self._outputs[0], OUTPUTS[2]])
        return logits, strangeness

    def log_odds(self, cells: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Calibrated log-odds of parasitized under the profile, shape (n,), of cells as ``logits`` takes them."""
        return self._seen(cells)[1]

    def _seen(
        self, cells: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32] | None]:
        """``logits``, ``log_odds``, and how far cells lie from red cells where that is told, all in one run."""
        profile = self.profile
        weighed = (OUTPUTS[1],) if profile and profile.weights else ()
        names = [self._outputs[0], *weighed, *(name for name in OUTPUTS[2:] if name in self._outputs)]
        given = dict(zip(names, self._run(cells, names), strict=True))
        logits, strangeness = given[self._outputs[0]], given.get(OUTPUTS[2])
        if profile is None:
            scaled = self.uncalibrated_log_odds(logits) / np.float32(self.card.calibration.temperature)
            return logits, scaled, strangeness
        return logits, profile.log_odds(self.uncalibrated_log_odds(logits), given.get(OUTPUTS[1])), strangeness

    def _run(self, cells: NDArray[np.uint8], outputs: list[str]) -> list[NDArray[np.float32]]:
        # Small batches keep activations in the processor's cache and memory flat.
        size = self._at_once or BATCH
        starts = range(0, max(len(cells), 1), size)
        batches = [self._run_batch(cells[start : start + size], outputs) for start in starts]
        return [np.concatenate(parts) for parts in zip(*batches, strict=True)]

    def _run_batch(self, cells: NDArray[np.uint8], outputs: list[str]) -> list[NDArray[np.float32]]:
        missing = (self._at_once or len(cells)) - len(cells)
        if missing:
            cells = np.pad(cells, ((0, missing), (0, 0), (0, 0), (0, 0)))
        given = self._session.run(outputs, {self._input: cells})
        return [values[: len(values) - missing] for values in given]

    def _judge(self, images: CellImage | Iterable[CellImage], views: int) -> Judged:
        judged, remarks = [], []
        for batch in self.prepare_all(_only(images)):
            judged.append(self.judge_prepared(batch, views))
            remarks += [remark for remark in remarks_on(batch) if remark]
        if remarks:
            warnings.warn(f"{len(remarks)} of the pictures: {remarks[0]}.", stacklevel=3)
        return _together(judged, _one_after_the_other)

    def _look(self, cells: NDArray[np.uint8]) -> Judged:
        """What is said of one view of some cells."""
        logits, scaled, strangeness = self._seen(cells)
        if not np.isfinite(scaled).all():
            raise ModelError(
                f"The network of the model '{self.card.name}' gives no numbers, so it can call nothing; "
                "train or convert it anew, or use another model."
            )
        parasitized = np.asarray(probability_of(scaled), np.float32)
        temperature = self.card.calibration.temperature
        if self.classes.own:
            shares = class_shares(logits, temperature)
            return Judged(parasitized, None, with_infected(shares, parasitized, self.classes))
        return Judged(parasitized, not_a_cell(logits, temperature, strangeness, self._evidence))

    def _prepare_share(self, numbered: list[tuple[int, CellImage]]) -> NDArray[np.uint8]:
        cells = []
        for index, image in numbered:
            try:
                cells.append(self.prepare(image))
            except ImageError as error:
                which = str(image) if isinstance(image, Path | str) else f"image {index}"
                raise ImageError("named", name=which, error=error.message) from error
        return np.stack(cells)


def _only(images: CellImage | Iterable[CellImage]) -> Iterable[CellImage]:
    """One picture alone as a list of one."""
    if isinstance(images, Path | str | Image.Image) or (isinstance(images, np.ndarray) and images.ndim < 4):
        return [cast(CellImage, images)]
    return images


def _together(answers: Sequence[Judged], combine: Callable[[list[NDArray[np.float32]]], NDArray[np.float32]]) -> Judged:
    """One answer made of several, of the same cells or of one part of them after the other."""
    third = [one.not_a_cell for one in answers if one.not_a_cell is not None]
    shares = [one.classes for one in answers if one.classes is not None]
    return Judged(
        combine([one.parasitized for one in answers]),
        combine(third) if third else None,
        combine(shares) if shares else None,
    )


def _mean(answers: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    return np.asarray(np.mean(answers, axis=0), np.float32)


def _one_after_the_other(answers: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    return np.concatenate(answers) if answers else np.empty(0, np.float32)
