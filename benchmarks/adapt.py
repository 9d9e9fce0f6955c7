"""Whether fifty called cells teach the program a strange stain: ``plasmoscope adapt`` by draws of cells.

python benchmarks/adapt.py judge  ../shared/data [--model model.onnx] [--cache folder]
python benchmarks/adapt.py choose ../shared/data [--model model.onnx] [--cache folder]

``judge``: fifty cells of the first twenty IML fields are called as their boxes say, and the profile made of them is
judged on the fields that are left, in every draw. ``choose``: the same, on laboratories that are not judged on in the
end (``strange_laboratories``), once for every choice of how far a head may go.

Of each draw is told the sensitivity at the threshold that 3 of 1,000 uninfected cells reach, before and after, and the
change of accuracy on validation cells of the laboratory that the network learnt from. A microscopist corrects what
stands out: half of the uninfected cells drawn are those that the model finds likeliest to be infected. The network sees
each cell once; with ``--cache`` what it saw is kept for the next time.
"""

import argparse
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path, PurePath
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from plasmoscope import Classifier, analyze_field
from plasmoscope.analysis.cells import crops_as_called
from plasmoscope.classification.adaptation import CHOICES, Choices, Observed, adapt, observe
from plasmoscope.classification.classifier import find_model
from plasmoscope.classification.control import controlled
from plasmoscope.classification.familiar import FamiliarCells, read_familiar
from plasmoscope.classification.profile import Profile, ProfileError
from plasmoscope.data.cache import decoded_cells
from plasmoscope.data.nih import CellDataset, load_nih
from plasmoscope.data.splits import make_split
from plasmoscope.evaluation.annotations import read_annotations
from plasmoscope.evaluation.fields import what_is_annotated
from plasmoscope.evaluation.labelled_cells import labelled_cells
from plasmoscope.imaging.photograph import read_field
from plasmoscope.imaging.sources import find_photographs
from plasmoscope.labels import PARASITIZED
from strange_laboratories import Laboratory, laboratories

_FIRST_FIELDS = 20
_CELLS, _INFECTED = 50, 25
_DRAWS, _CHOOSING_DRAWS = 20, 5
_FALSE_CALLS = 0.003
# Of a strange laboratory's cells, those that are drawn from.
_DRAWN_FROM = 0.4
_AT_ONCE = 256
_NO_PHOTOGRAPH = -1


class Seen(NamedTuple):
    """Cells as the network sees them."""

    observed: Observed
    infected: NDArray[np.bool_]
    group: NDArray[np.intp]
    """Number of the photograph of each; ``_NO_PHOTOGRAPH`` for cells by themselves."""

    def some(self, which: NDArray[np.intp]) -> "Seen":
        """Some of them."""
        features = None if self.observed.features is None else self.observed.features[which]
        return Seen(Observed(self.observed.log_odds[which], features), self.infected[which], self.group[which])


class Bench(NamedTuple):
    """What every draw is judged with."""

    classifier: Classifier
    familiar: FamiliarCells
    known: Seen
    """Validation cells of the laboratory that the network learnt from."""


class AtThreshold(NamedTuple):
    """What is called where slides are counted."""

    found: float
    """Share of the infected cells."""
    false: float
    """Per 1,000 others."""

    def __str__(self) -> str:
        return f"{self.found:.3f} found, {self.false:.1f} false calls per 1,000"


class Outcome(NamedTuple):
    """Of one draw."""

    before: float
    after: float
    """Sensitivity at 3 false calls per 1,000; as before where no profile was made."""
    refused: bool
    familiar: float
    """Change of accuracy in percentage points."""
    at_own: AtThreshold
    """By the model itself."""
    at_threshold: AtThreshold
    """Under the profile; as before where none was made."""


def see(classifier: Classifier, pixels: NDArray[np.uint8]) -> Observed:
    """What the network makes of prepared cells."""
    return Observed.of(
        [observe(classifier, pixels[start : start + _AT_ONCE]) for start in range(0, len(pixels), _AT_ONCE)]
    )


def see_fields(classifier: Classifier, images: Path, truth: Path) -> Seen:
    """Analyse photographs, label what is found by the boxes, and run the network on every cell in all views."""
    files = {PurePath(source.name).name: source for source in find_photographs([images])}
    boxes = read_annotations(files, truth, None).boxes
    red_cells_boxed, _ = what_is_annotated(boxes.values())
    seen, infected, fields = [], [], []
    for number, name in enumerate(sorted(boxes)):
        pixels = read_field(files[name])
        labelled = labelled_cells(analyze_field(pixels, classifier, views=1), boxes[name], red_cells_boxed)
        if not labelled:
            continue
        crops = crops_as_called(pixels, [cell for cell, _ in labelled], classifier)
        seen.append(see(classifier, np.concatenate(list(classifier.prepare_all(crops)))))
        infected += [called for _, called in labelled]
        fields += [number] * len(labelled)
        print(f"{name}: {len(labelled)} cells", flush=True)
    return Seen(Observed.of(seen), np.array(infected), np.array(fields))


def kept(file: Path | None, see_them: Callable[[], Seen]) -> Seen:
    """What an earlier run saw, or what is seen now."""
    if file is not None and file.exists():
        with np.load(file) as found:
            return Seen(Observed(found["logits"], found.get("features")), found["infected"], found["field"])
    seen = see_them()
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        arrays = {"logits": seen.observed.log_odds, "infected": seen.infected, "field": seen.group}
        if seen.observed.features is not None:
            arrays["features"] = seen.observed.features
        np.savez(file, allow_pickle=False, **arrays)
    return seen


def judged(observed: Observed, classifier: Classifier, profile: Profile | None) -> NDArray[np.float64]:
    """P(parasitized), averaged over the views, shape (n,)."""
    if profile is None:
        odds = observed.log_odds / classifier.card.calibration.temperature
    else:
        seen = zip(observed.log_odds.T, _by_view(observed), strict=True)
        odds = np.stack([profile.log_odds(one, features) for one, features in seen], axis=1)
    return np.asarray((1 / (1 + np.exp(-np.clip(odds.astype(np.float64), -80, 80)))).mean(axis=1))


def by_itself(cells: Seen, classifier: Classifier) -> NDArray[np.float64]:
    """P(parasitized) without a profile, shape (n,): the uninfected cells of each photograph are its control."""
    alone = judged(cells.observed, classifier, None)
    usual = classifier.card.calibration.usual_level
    one_view = judged(Observed(cells.observed.log_odds[:, :1], None), classifier, None).astype(np.float32)
    for group in np.unique(cells.group[cells.group != _NO_PHOTOGRAPH]):
        here = cells.group == group
        alone[here] = controlled(alone[here].astype(np.float32), one_view[here], usual)
    return alone


def sensitivity_at(probabilities: NDArray[np.float64], infected: NDArray[np.bool_]) -> float:
    """Share of the infected cells above the threshold that this share of the uninfected ones reach."""
    threshold = np.quantile(probabilities[~infected], 1 - _FALSE_CALLS, method="higher")
    return float((probabilities[infected] > threshold).mean())


def draw(infected: NDArray[np.bool_], likely: NDArray[np.float64], turn: int) -> NDArray[np.intp]:
    """Fifty cells: infected ones, uninfected ones that the model finds likeliest, and others."""
    chance = np.random.default_rng(turn)
    positives, negatives = np.flatnonzero(infected), np.flatnonzero(~infected)
    number = min(_INFECTED, len(positives))
    others = _CELLS - number
    # From twice as many as are taken, so that draws differ.
    hard = negatives[np.argsort(-likely[negatives])[: 2 * (others // 2)]]
    hard = chance.choice(hard, others // 2, replace=False)
    easy = chance.choice(np.setdiff1d(negatives, hard), others - len(hard), replace=False)
    return np.concatenate([chance.choice(positives, number, replace=False), hard, easy])


def outcomes(bench: Bench, to_draw: Seen, to_judge: Seen, draws: int, choices: Choices = CHOICES) -> Iterator[Outcome]:
    """Of one draw after the other."""
    classifier = bench.classifier
    own = by_itself(to_judge, classifier)
    before, at_own = sensitivity_at(own, to_judge.infected), at(own, to_judge, classifier.card.counting_threshold)
    right = accuracy(bench.known, classifier, None)
    likely = judged(to_draw.observed, classifier, None)
    for turn in range(draws):
        one = to_draw.some(draw(to_draw.infected, likely, turn))
        try:
            profile = adapt(
                one.observed, one.infected, classifier.card, bench.familiar, "draw", source="boxes", choices=choices
            )
        except ProfileError:
            yield Outcome(before, before, True, 0.0, at_own, at_own)
            continue
        called = judged(to_judge.observed, classifier, profile)
        change = 100 * (accuracy(bench.known, classifier, profile) - right)
        after = sensitivity_at(called, to_judge.infected)
        yield Outcome(before, after, False, change, at_own, at(called, to_judge, profile.threshold))


def accuracy(cells: Seen, classifier: Classifier, profile: Profile | None) -> float:
    """Share of cells called rightly at the model's threshold for single cells."""
    called = judged(cells.observed, classifier, profile) >= classifier.card.threshold
    return float((called == cells.infected).mean())


def at(probabilities: NDArray[np.float64], cells: Seen, threshold: float) -> AtThreshold:
    """What is found and called wrongly where slides are counted."""
    called = probabilities >= threshold
    return AtThreshold(float(called[cells.infected].mean()), float(1000 * called[~cells.infected].mean()))


def judge(bench: Bench, fields: Seen) -> None:
    """Print each draw of the first fields, and what they come to."""
    first = np.flatnonzero(fields.group < _FIRST_FIELDS)
    to_draw, to_judge = fields.some(first), fields.some(np.flatnonzero(fields.group >= _FIRST_FIELDS))
    print(f"{to_draw.infected.sum()} infected of {len(first)} cells to draw from, ", end="")
    print(f"{to_judge.infected.sum()} of {len(to_judge.infected)} to judge on")
    done = []
    for turn, one in enumerate(outcomes(bench, to_draw, to_judge, _DRAWS)):
        done.append(one)
        told = f"familiar {one.familiar:+.2f} points; at the counting threshold {one.at_threshold}"
        told = "refused" if one.refused else told
        print(f"draw {turn}: {one.before:.3f} to {one.after:.3f}, {told}", flush=True)
    print(f"sensitivity rises in {sum(one.after > one.before for one in done)} of {_DRAWS} draws, {told_of(done)}")


def told_of(done: Sequence[Outcome]) -> str:
    """What some draws come to."""
    before, after = np.mean([one.before for one in done]), [one.after for one in done]
    familiar = [one.familiar for one in done]
    own, under = (
        AtThreshold(*np.mean([(one.at_own, one.at_threshold)[which] for one in done], axis=0)) for which in (0, 1)
    )
    return (
        f"{before:.3f} to {np.mean(after):.3f} on average ({min(after):.3f} to {max(after):.3f}), "
        f"familiar {np.mean(familiar):+.2f} points ({min(familiar):+.2f} at worst), "
        f"refused {sum(one.refused for one in done)} of {len(done)}; "
        f"at the counting threshold {own} by the model itself, {under} with a profile"
    )


def choose(bench: Bench, strange: Sequence[tuple[str, Seen]]) -> None:
    """Print what each choice comes to on laboratories that are not judged on."""
    strengths = ((10.0, 3.0), (10.0, 3.0, 1.0), (10.0, 3.0, 1.0, 0.3), (10.0, 3.0, 1.0, 0.3, 0.1, 0.03))
    weights, gains = ((10.0, 30.0, 100.0), (30.0, 100.0)), (0.01, 0.03)
    for strength, weight, gain in itertools.product(strengths, weights, gains):
        choices = replace(CHOICES, strengths=strength, familiar_weights=weight, least_gain=gain)
        done: list[Outcome] = []
        for number, (_, cells) in enumerate(strange):
            drawn_from = np.random.default_rng(number).random(len(cells.infected)) < _DRAWN_FROM
            to_draw, to_judge = (cells.some(np.flatnonzero(which)) for which in (drawn_from, ~drawn_from))
            done += outcomes(bench, to_draw, to_judge, _CHOOSING_DRAWS, choices)
        fell = sum(one.after < one.before for one in done)
        print(f"strengths {strength}, familiar weights {weight}, least gain {gain}: {told_of(done)}, fell {fell}")


def main() -> None:
    """Judge or choose."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("judge", "choose"))
    parser.add_argument("data", type=Path, help="folder with nih_cells.zip, fields_iml, fields_chula, fields_txl")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--cache", type=Path, help="folder in which what the network sees is kept")
    arguments = parser.parse_args()
    classifier = Classifier.load(arguments.model, use="fields")
    familiar = read_familiar(find_model(arguments.model, "fields"), classifier.card.sha256)

    def file(part: str) -> Path | None:
        return arguments.cache / f"{classifier.card.sha256[:12]}-{part}.npz" if arguments.cache else None

    # Read only where something was not seen yet.
    dataset = cache(partial(load_nih, arguments.data / "nih_cells.zip"))
    cells = arguments.cache or Path("cache")
    bench = Bench(classifier, familiar, kept(file("familiar"), lambda: see_familiar(classifier, dataset(), cells)))
    if arguments.what == "judge":
        iml = arguments.data / "fields_iml"
        judge(bench, kept(file("fields"), lambda: see_fields(classifier, iml / "images", iml / "truth.json")))
        return
    strange = [
        (one.name, kept(file(one.name), partial(see_laboratory, classifier, one)))
        for one in laboratories(arguments.data, dataset(), classifier.image_size, cells)
    ]
    choose(bench, strange)


def see_laboratory(classifier: Classifier, one: Laboratory) -> Seen:
    """Run the network on the cells of a strange laboratory, in all views."""
    return Seen(see(classifier, one.pixels), one.infected, np.full(len(one.infected), _NO_PHOTOGRAPH))


def see_familiar(classifier: Classifier, dataset: CellDataset, cache: Path) -> Seen:
    """Run the network on the validation cells of the published split, in all views."""
    members = make_split("seed42", dataset).part("validation")
    pixels = decoded_cells(dataset, classifier.image_size, cache)[members]
    return Seen(see(classifier, pixels), dataset.labels[members] == PARASITIZED, np.full(len(members), _NO_PHOTOGRAPH))


def _by_view(observed: Observed) -> Sequence[NDArray[np.float32] | None]:
    if observed.features is None:
        return [None] * observed.log_odds.shape[1]
    return [part.astype(np.float32) for part in observed.features.swapaxes(0, 1)]


if __name__ == "__main__":
    main()
