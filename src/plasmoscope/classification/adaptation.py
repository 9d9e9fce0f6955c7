"""From cells that a laboratory called to its profile: a small head on the frozen network, held near the shipped one.

Penalised logistic regression (Hoerl & Kennard 1970; le Cessie & van Houwelingen 1992) on the shipped log-odds and the
principal components of the network's features. Two things hold it near the shipped head: the penalty, of which
cross-validation on the given cells chooses the strength, and the cells of the laboratory that the network learnt from,
on which it is fitted as well.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from plasmoscope import __version__
from plasmoscope.classification.card import ModelCard
from plasmoscope.classification.classifier import Classifier
from plasmoscope.classification.familiar import FamiliarCells
from plasmoscope.classification.odds import odds_of, probability_of
from plasmoscope.classification.profile import Profile, ProfileError, Trial
from plasmoscope.classification.views import VIEWS

# Called cells of which a profile is made at least, and infected and other ones among them. Set by hand: five folds of
# the fewest leave two of a kind to judge by.
LEAST_CELLS = 50
LEAST_OF_A_KIND = 10
MOST_LOST = 0.2
"""Percentage points of accuracy that a profile may cost on cells of the laboratory that the network learnt from. Set by
hand: five of 2,755 such cells."""

# Views of each cell that a head learns from: those of a count.
_VIEWS = 8
# Parts of the given cells, each judged by heads of the others.
_FOLDS = 5
# Share of the given infected cells that are called at the threshold, where the uninfected ones allow it; chosen on
# laboratories that are not judged on (docs/adapt.md).
_FOUND = 0.75
# No cell that is likelier uninfected is called, whatever was given.
_LEAST_THRESHOLD = 0.5
# Keeps probabilities of 0 and 1 finite as log-loss.
_SURE = 1e-6
# Newton's steps at most, and the relative change of the cost at which they end.
_ROUNDS = 50
_CLOSE_ENOUGH = 1e-6

_Floats = NDArray[np.float64]
_Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Choices:
    """How far a head may go. ``benchmarks/adapt.py`` chose them on laboratories that are not judged on."""

    strengths: tuple[float, ...] = (10.0, 3.0, 1.0)
    """Of the penalty on the components: from a head that can hardly move to one that follows the given cells. A head
    that follows fifty cells more closely loses what the model knows of all others."""
    slope_spread: float = 0.3
    """How far a temperature may be expected to move: standard deviation of its prior."""
    offset_spread: float = 2.0
    """How far an offset may, likewise."""
    familiar_weights: tuple[float, ...] = (10.0, 30.0, 100.0)
    """How much familiar cells weigh, all in all, against the given ones; the more where the less would unlearn."""
    least_gain: float = 0.01
    """In log-loss. A profile must be better than none, and a head on components than a recalibration, by more than
    chance gives where there is nothing to learn."""


CHOICES = Choices()


@dataclass(frozen=True)
class Observed:
    """What a network makes of cells in each of their views."""

    log_odds: NDArray[np.float32]
    """Uncalibrated, shape (n, views)."""
    features: NDArray[np.float16] | None
    """Shape (n, views, d), in half precision, since there may be thousands; None where the network gives none."""

    @classmethod
    def of(cls, parts: Sequence["Observed"]) -> "Observed":
        """One of several by the same network, in their order."""
        features = [part.features for part in parts if part.features is not None]
        odds = np.concatenate([part.log_odds for part in parts])
        return cls(odds, np.concatenate(features) if features else None)


def observe(classifier: Classifier, cells: NDArray[np.uint8]) -> Observed:
    """Run the network on prepared cells, shape (n, size, size, 3), as they are seen when a slide is counted."""
    odds, features = [], []
    for view in VIEWS[_VIEWS]:
        seen = np.ascontiguousarray(view(cells))
        if classifier.has_features:
            logits, feature = classifier.logits_and_features(seen)
            features.append(feature.astype(np.float16))
        else:
            logits = classifier.logits(seen)
        odds.append(classifier.uncalibrated_log_odds(logits))
    return Observed(np.stack(odds, axis=1), np.stack(features, axis=1) if features else None)


def adapt(
    observed: Observed,
    infected: _Bools,
    card: ModelCard,
    familiar: FamiliarCells | None,
    name: str,
    version: int = 1,
    source: str = "",
    choices: Choices = CHOICES,
) -> Profile:
    """Make a profile of cells that people called.

    Without familiar cells, or from a network without features, only the shipped log-odds are recalibrated: with a
    temperature, an offset and a threshold.

    Args:
        observed: what the network makes of the cells.
        infected: what people call them, shape (n,).
        card: of the network.
        familiar: cells of the laboratory that the network learnt from (``read_familiar``).
        name: of the profile.
        version: of this name.
        source: whose calls these are.
        choices: how far the head may go.

    Raises:
        ProfileError: there are too few cells, or every profile of them would do harm; the message says which.
    """
    check_enough(int(infected.sum()), int((~infected).sum()))
    if observed.features is None:
        familiar = None
    temperature = card.calibration.temperature
    given = _Cells.of(observed, infected, temperature, familiar)
    known = _Cells.of_familiar(familiar, temperature) if familiar else None
    unchanged = given.probabilities(given.nothing)
    before = _log_loss(unchanged, infected)
    found = _recalibration(given, known, choices)
    for better in _heads(given, known, card.threshold, choices) if known else ():
        if better.loss < found.loss - (choices.least_gain if found.strength is None else 0):
            found = better
    change = _accuracy_change(known, found.head, card.threshold) if known else None
    slope = 1 + float(found.head[0])
    # A head that calls everything likely by half gains where the model errs, and tells nothing.
    gained = found.loss <= min(before, np.log(2)) - choices.least_gain
    if not gained or slope <= 0 or (change is not None and change < -MOST_LOST):
        raise ProfileError("profile_no_better")
    offset, weights = float(found.head[1]), np.empty(0)
    if familiar and found.strength is not None:
        weights = found.head[2:] @ familiar.components
        offset -= float(weights @ familiar.centre)
    return Profile(
        name=name,
        version=version,
        created=datetime.now(UTC).date().isoformat(),
        plasmoscope=__version__,
        model=card.name,
        model_sha256=card.sha256,
        temperature=temperature / slope,
        offset=offset,
        weights=tuple(float(f"{weight:.6g}") for weight in weights),
        threshold=_threshold(found.seen, unchanged, infected, card),
        source=source,
        infected=int(infected.sum()),
        uninfected=int((~infected).sum()),
        log_loss_before=before,
        log_loss=found.loss,
        trial=_trial(found.seen, unchanged, infected, card),
        familiar_accuracy_change=change,
    )


@dataclass(frozen=True)
class _Fitted:
    """A head, and how it does on cells that it was not fitted to."""

    head: _Floats
    seen: _Floats
    """P(parasitized) of each given cell by a head that was fitted without it."""
    loss: float
    """Log-loss of that."""
    strength: float | None
    """Of the penalty on the components; None where there are none."""


def _recalibration(given: "_Cells", known: "_Cells | None", choices: Choices) -> _Fitted:
    """Temperature and offset alone."""
    plain, plainly_known = given.recalibrated_only(), known.recalibrated_only() if known else None
    fitted = _fitted(plain, plainly_known, None, choices.familiar_weights[0], choices)
    return replace(fitted, head=np.concatenate([fitted.head, given.nothing[2:]]))


def _heads(given: "_Cells", known: "_Cells", threshold: float, choices: Choices) -> Iterator[_Fitted]:
    """One of each strength that unlearns no more than it may."""
    for strength in choices.strengths:
        for weight in choices.familiar_weights:
            if _accuracy_change(known, _fit(given, known, strength, weight, choices), threshold) >= -MOST_LOST:
                yield _fitted(given, known, strength, weight, choices)
                break


def _fitted(
    given: "_Cells", known: "_Cells | None", strength: float | None, weight: float, choices: Choices
) -> _Fitted:
    seen = np.empty(len(given.infected))
    for left_out in _folds(given.infected):
        kept = np.setdiff1d(np.arange(len(seen)), left_out)
        seen[left_out] = given.some(left_out).probabilities(_fit(given.some(kept), known, strength, weight, choices))
    head = _fit(given, known, strength, weight, choices)
    return _Fitted(head, seen, _log_loss(seen, given.infected), strength)


def check_enough(infected: int, others: int) -> None:
    """Refuse too few called cells.

    Raises:
        ProfileError: saying how many are needed.
    """
    if infected + others < LEAST_CELLS or min(infected, others) < LEAST_OF_A_KIND:
        raise ProfileError(
            "too_few_called", least=LEAST_CELLS, least_of_a_kind=LEAST_OF_A_KIND, infected=infected, others=others
        )


@dataclass(frozen=True)
class _Cells:
    """Cells as the head takes them: a row for each view."""

    base: _Floats
    """Shipped, calibrated log-odds, shape (n, views)."""
    inputs: _Floats
    """What the head weighs: the base, 1, and the scaled components; shape (n, views, 2 + k)."""
    infected: _Bools
    """Shape (n,)."""

    @classmethod
    def of(cls, observed: Observed, infected: _Bools, temperature: float, familiar: FamiliarCells | None) -> "_Cells":
        base = observed.log_odds.astype(np.float64) / temperature
        parts = [base[..., None], np.ones((*base.shape, 1))]
        if familiar is not None and observed.features is not None:
            views = observed.features.swapaxes(0, 1)
            parts.append(np.stack([familiar.project(view.astype(np.float32)) for view in views], axis=1))
        return cls(base, np.concatenate(parts, axis=2), infected)

    @classmethod
    def of_familiar(cls, familiar: FamiliarCells, temperature: float) -> "_Cells":
        base = familiar.log_odds.astype(np.float64)[:, None] / temperature
        parts = [base[..., None], np.ones((*base.shape, 1)), familiar.projections[:, None]]
        return cls(base, np.concatenate(parts, axis=2), familiar.parasitized)

    @property
    def nothing(self) -> _Floats:
        """The head that changes nothing."""
        return np.zeros(self.inputs.shape[2])

    def recalibrated_only(self) -> "_Cells":
        """The same without components."""
        return _Cells(self.base, self.inputs[..., :2], self.infected)

    def some(self, which: NDArray[np.intp]) -> "_Cells":
        """Some of them."""
        return _Cells(self.base[which], self.inputs[which], self.infected[which])

    def probabilities(self, head: _Floats) -> _Floats:
        """P(parasitized), averaged over the views, shape (n,)."""
        return np.asarray(probability_of(self.base + self.inputs @ head).mean(axis=1))

    def rows(self, weight: float) -> tuple[_Floats, _Floats, _Floats, _Floats]:
        """Base, inputs, truth and weight of every view; both classes weigh one half of what all weigh."""
        truth = np.repeat(self.infected, self.base.shape[1]).astype(np.float64)
        weights = weight * np.where(truth == 1, 0.5 / max(truth.sum(), 1), 0.5 / max((1 - truth).sum(), 1))
        return self.base.ravel(), self.inputs.reshape(len(truth), -1), truth, weights


def _fit(given: _Cells, known: _Cells | None, strength: float | None, weight: float, choices: Choices) -> _Floats:
    """The head, shape (2 + k,), that minimises log-loss on both sets and the penalty, by Newton's method."""
    parts = [given.rows(1.0), *([known.rows(weight)] if known else [])]
    base, inputs, truth, weights = (np.concatenate(part) for part in zip(*parts, strict=True))
    # The losses are means: a prior as strong as so many cells weigh less the more there are.
    priors = np.array([choices.slope_spread, choices.offset_spread]) ** -2.0 / len(given.infected)
    penalty = np.concatenate([priors, np.full(inputs.shape[1] - 2, strength or 0.0)])
    head = given.nothing

    def cost(at: _Floats) -> float:
        odds = base + inputs @ at
        return float(weights @ (np.logaddexp(0, odds) - truth * odds) + at @ (penalty * at) / 2)

    lowest = cost(head)
    for _ in range(_ROUNDS):
        called = probability_of(base + inputs @ head)
        slope = inputs.T @ (weights * (called - truth)) + penalty * head
        bend = (inputs * (weights * called * (1 - called))[:, None]).T @ inputs + np.diag(penalty)
        step = np.linalg.solve(bend, slope)
        size = 1.0
        while cost(head - size * step) > lowest and size > _CLOSE_ENOUGH:
            size /= 2
        head = head - size * step
        now = cost(head)
        if lowest - now < _CLOSE_ENOUGH * lowest:
            break
        lowest = now
    return head


def _folds(infected: _Bools) -> Iterator[NDArray[np.intp]]:
    """Cells in turn, each class by itself, so that neighbours in a field are apart no more often than chance has it."""
    turns = np.empty(len(infected), np.intp)
    shuffle = np.random.default_rng(0)
    for kind in (infected, ~infected):
        turns[kind] = shuffle.permutation(np.arange(kind.sum()) % _FOLDS)
    for fold in range(_FOLDS):
        yield np.flatnonzero(turns == fold)


def _log_loss(probabilities: _Floats, infected: _Bools) -> float:
    """Mean of the two classes' log-losses."""
    sure = np.clip(probabilities, _SURE, 1 - _SURE)
    return float((-np.log(sure[infected]).mean() - np.log(1 - sure[~infected]).mean()) / 2)


def _accuracy_change(known: _Cells, head: _Floats, threshold: float) -> float:
    """In percentage points, on familiar cells."""
    right = [((known.probabilities(at) >= threshold) == known.infected).mean() for at in (known.nothing, head)]
    return float(100 * (right[1] - right[0]))


def _threshold(seen: _Floats, unchanged: _Floats, infected: _Bools, card: ModelCard) -> float:
    """Where slides are counted: the model's own threshold, moved as the laboratory's uninfected cells are moved.

    A head also changes how far log-odds lie apart, so that the same number means another thing under it. Which
    uninfected cells people happened to call does not tell how many of a thousand are called wrongly; by how much a head
    that never saw them moves them does not depend on that. So about as many are called as by the model itself. Where
    that would call fewer than three quarters of the infected cells, the threshold is lowered until it calls so many,
    but no farther than to the uninfected cell that is most like an infected one.

    Args:
        seen: P(parasitized) of each given cell by a head that was fitted without it, shape (n,).
        unchanged: the same by the model itself, shape (n,).
        infected: what people call them, shape (n,).
        card: of the network.
    """
    move = np.median((odds_of(seen) - odds_of(unchanged))[~infected])
    as_specific = float(probability_of(odds_of(card.counting_threshold) + move))
    finding = float(np.quantile(seen[infected], 1 - _FOUND, method="lower"))
    least = max(finding, float(seen[~infected].max()), _LEAST_THRESHOLD)
    return float(np.clip(min(as_specific, least), _LEAST_THRESHOLD, 1 - _SURE))


def _trial(seen: _Floats, unchanged: _Floats, infected: _Bools, card: ModelCard) -> Trial:
    """What the model calls of the given cells by itself, and what under heads and thresholds made without them."""
    called = np.zeros(len(infected), bool)
    for left_out in _folds(infected):
        others = np.setdiff1d(np.arange(len(infected)), left_out)
        threshold = _threshold(seen[others], unchanged[others], infected[others], card)
        called[left_out] = seen[left_out] >= threshold
    before = unchanged >= card.counting_threshold
    return Trial(
        found_before=int(before[infected].sum()),
        found=int(called[infected].sum()),
        wrong_before=int(before[~infected].sum()),
        wrong=int(called[~infected].sum()),
    )
