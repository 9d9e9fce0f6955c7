"""Whether fifty called cells teach the program a strange stain: ``plasmoscope adapt`` on fields with boxed parasites.

python benchmarks/adapt.py ../shared/data/fields_iml/images ../shared/data/fields_iml/truth.json \
    ../shared/data/nih_cells.zip ../shared/data/nih_split_seed42.csv [--model model.onnx] [--cache folder]

Fifty cells of the first fields are called as their boxes say, and the profile made of them is judged on the fields that
are left, in every draw: the sensitivity at the threshold at which 3 of 1,000 uninfected cells are called, before and
after, and the change of accuracy on validation cells of the laboratory that the network learnt from. A microscopist
corrects what stands out: half of the uninfected cells drawn are those that the model finds likeliest to be infected.
"""

import argparse
import csv
from collections.abc import Callable, Sequence
from pathlib import Path, PurePath
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from plasmoscope import Classifier, analyze_field
from plasmoscope.analysis.analyze import crops_as_called, read_field
from plasmoscope.classification.adaptation import Observed, adapt, observe
from plasmoscope.classification.classifier import find_model
from plasmoscope.classification.familiar import FamiliarCells, read_familiar
from plasmoscope.classification.profile import Profile, ProfileError
from plasmoscope.data.nih import load_nih
from plasmoscope.evaluation.annotations import read_annotations
from plasmoscope.evaluation.fields import what_is_annotated
from plasmoscope.evaluation.labelled_cells import labelled_cells
from plasmoscope.imaging.cells import read_cell
from plasmoscope.imaging.sources import find_photographs

_FIRST_FIELDS = 20
_CELLS, _INFECTED = 50, 25
_DRAWS = 20
_FALSE_CALLS = 0.003


class Seen(NamedTuple):
    """Cells as the network sees them."""

    observed: Observed
    infected: NDArray[np.bool_]
    field: NDArray[np.intp]
    """Number of the photograph of each."""


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
        seen.append(observe(classifier, np.concatenate(list(classifier.prepare_all(crops)))))
        infected += [called for _, called in labelled]
        fields += [number] * len(labelled)
        print(f"{name}: {len(labelled)} cells", flush=True)
    return Seen(_joined(seen), np.array(infected), np.array(fields))


def see_familiar(classifier: Classifier, cells: Path, split: Path) -> Seen:
    """Run the network on the validation cells of the published split, in all views."""
    with split.open() as table:
        wanted = {PurePath(row["name"]).stem for row in csv.DictReader(table) if row["split"] == "val"}
    sources = [cell.source for cell in load_nih(cells).cells if PurePath(cell.source.name).stem in wanted]
    prepared = np.stack([classifier.prepare(read_cell(source.read())) for source in sources])
    infected = np.array(["/Parasitized/" in source.name for source in sources])
    parts = [observe(classifier, prepared[start : start + 256]) for start in range(0, len(prepared), 256)]
    return Seen(_joined(parts), infected, np.zeros(len(sources), np.intp))


def kept(file: Path | None, see: Callable[[], Seen]) -> Seen:
    """What an earlier run saw, or what is seen now."""
    if file is not None and file.exists():
        with np.load(file) as found:
            return Seen(Observed(found["logits"], found.get("features")), found["infected"], found["field"])
    seen = see()
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        arrays = {"logits": seen.observed.log_odds, "infected": seen.infected, "field": seen.field}
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


def main() -> None:
    """Print each draw and what they come to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", type=Path)
    parser.add_argument("truth", type=Path)
    parser.add_argument("cells", type=Path)
    parser.add_argument("split", type=Path)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--cache", type=Path, help="folder in which what the network sees is kept")
    arguments = parser.parse_args()
    classifier = Classifier.load(arguments.model, use="fields")
    stem = classifier.card.sha256[:12]
    files = [arguments.cache / f"{stem}-{part}.npz" if arguments.cache else None for part in ("fields", "familiar")]
    fields = kept(files[0], lambda: see_fields(classifier, arguments.images, arguments.truth))
    validation = kept(files[1], lambda: see_familiar(classifier, arguments.cells, arguments.split))
    familiar = read_familiar(find_model(arguments.model, "fields"), classifier.card.sha256)
    if familiar is None and validation.observed.features is not None:
        print("No familiar cells lie beside the model; they are taken from the validation cells.")
        first = validation.observed.features[:, 0].astype(np.float32)
        familiar = FamiliarCells.of(
            classifier.card.sha256, first, validation.observed.log_odds[:, 0], validation.infected
        )
    first_fields = np.flatnonzero(fields.field < _FIRST_FIELDS)
    rest = np.flatnonzero(fields.field >= _FIRST_FIELDS)
    to_draw, to_judge = _some(fields, first_fields), _some(fields, rest)
    print(f"{to_draw.infected.sum()} infected of {len(first_fields)} cells to draw from, ", end="")
    print(f"{to_judge.infected.sum()} of {len(rest)} to judge on; {len(validation.infected)} familiar cells")
    before = sensitivity_at(judged(to_judge.observed, classifier, None), to_judge.infected)
    likely = judged(to_draw.observed, classifier, None)
    right = [accuracy(validation, classifier, None)]
    own = classifier.card.counting.threshold if classifier.card.counting else classifier.card.threshold
    print(f"before: sensitivity {before:.3f} at 3 false calls per 1,000; {at(to_judge, classifier, None, own)}")
    after = []
    for turn in range(_DRAWS):
        chosen = draw(to_draw.infected, likely, turn)
        one = _some(to_draw, chosen)
        try:
            profile = adapt(one.observed, one.infected, classifier.card, familiar, "draw", source="boxes")
        except ProfileError as error:
            print(f"draw {turn}: refused: {error}")
            after.append(before)
            continue
        after.append(sensitivity_at(judged(to_judge.observed, classifier, profile), to_judge.infected))
        right.append(accuracy(validation, classifier, profile))
        print(
            f"draw {turn}: {after[-1]:.3f}, familiar {100 * (right[-1] - right[0]):+.2f} points, "
            f"log-loss {profile.log_loss_before:.3f} to {profile.log_loss:.3f}; "
            f"{at(to_judge, classifier, profile, profile.threshold)}"
        )
    change = 100 * (np.array(right[1:] or right[:1]) - right[0])
    print(f"sensitivity rises in {sum(value > before for value in after)} of {_DRAWS} draws: ", end="")
    print(f"{before:.3f} to {np.mean(after):.3f} on average ({min(after):.3f} to {max(after):.3f})")
    print(f"familiar accuracy {100 * right[0]:.2f} %: {change.mean():+.2f} points on average, ", end="")
    print(f"{change.min():+.2f} at worst")


def accuracy(cells: Seen, classifier: Classifier, profile: Profile | None) -> float:
    """Share of cells called rightly at the model's threshold for single cells."""
    called = judged(cells.observed, classifier, profile) >= classifier.card.threshold
    return float((called == cells.infected).mean())


def at(cells: Seen, classifier: Classifier, profile: Profile | None, threshold: float) -> str:
    """What is found and called wrongly where slides are counted."""
    called = judged(cells.observed, classifier, profile) >= threshold
    found, false = called[cells.infected].mean(), 1000 * called[~cells.infected].mean()
    return f"at the counting threshold {threshold:.3f}: {found:.3f} found, {false:.1f} false calls per 1,000"


def _some(cells: Seen, which: NDArray[np.intp]) -> Seen:
    features = None if cells.observed.features is None else cells.observed.features[which]
    return Seen(Observed(cells.observed.log_odds[which], features), cells.infected[which], cells.field[which])


def _joined(parts: Sequence[Observed]) -> Observed:
    features = [part.features for part in parts if part.features is not None]
    return Observed(np.concatenate([part.log_odds for part in parts]), np.concatenate(features) if features else None)


def _by_view(observed: Observed) -> Sequence[NDArray[np.float32] | None]:
    if observed.features is None:
        return [None] * observed.log_odds.shape[1]
    return [part.astype(np.float32) for part in observed.features.swapaxes(0, 1)]


if __name__ == "__main__":
    main()
