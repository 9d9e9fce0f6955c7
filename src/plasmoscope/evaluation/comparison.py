"""Finished runs side by side: figures beside their protocol, their cost, and what each called rightly."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count, product
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from plasmoscope.classification.card import Evaluation, Figure, ModelCard
from plasmoscope.data.nih import patient_of
from plasmoscope.errors import PlasmoscopeError
from plasmoscope.evaluation.evaluate import evaluation_folder, read_reported_cells, report_stem
from plasmoscope.evaluation.paired import Calls
from plasmoscope.evaluation.published import PublishedCells
from plasmoscope.extras import MissingExtraError
from plasmoscope.networks import ModelError, read_network
from plasmoscope.training.history import read_history
from plasmoscope.training.models import ArchitectureError, build_model
from plasmoscope.training.recipe import Recipe, load_recipe, recipe_names
from plasmoscope.training.summary import multiply_adds, parameter_count

FIGURES = ("accuracy", "sensitivity", "specificity", "precision", "f1", "auc")
_FOLD = re.compile(r"patient-\d+(-of-\d+)?$")
# Fields that tell two recipes of one name apart, in a table's cell.
_TOLD = 3
_NO_FILE_NAME = re.compile(r"[^\w.-]+")


class ComparisonError(PlasmoscopeError):
    """A run folder cannot be compared."""


@dataclass(frozen=True)
class Run:
    """A finished run with its recipe, card and evaluations."""

    folder: Path
    recipe: Recipe
    card: ModelCard
    seed: int
    random_start: bool
    epochs: int
    seconds: float
    size_on_disk: int

    def evaluation(self, part: str, views: int) -> Evaluation | None:
        """What ``plasmoscope evaluate`` found, or None; ComparisonError where that cannot be read."""
        file = evaluation_folder(self.folder) / f"{report_stem(part, views)}.json"
        if not file.exists():
            return None
        try:
            evaluation = Evaluation.model_validate_json(file.read_bytes())
        except ValidationError as error:
            raise ComparisonError(f"{file} is damaged. Run: {_evaluating(self.folder, part, views)}") from error
        if missing := sorted(set(FIGURES) - set(evaluation.figures)):
            raise ComparisonError(f"{file} lacks {', '.join(missing)}. Run: {_evaluating(self.folder, part, views)}")
        return evaluation

    def cells(self, part: str, views: int) -> PublishedCells:
        """Every cell's probability in an evaluation; ComparisonError where there is none or it cannot be read."""
        evaluation = _evaluated(self, part, views)
        try:
            cells = read_reported_cells(evaluation_folder(self.folder), report_stem(part, views), self.card.classes)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ComparisonError(
                f"The table of cells beside an evaluation of {self.folder} is missing or damaged. "
                f"Run: {_evaluating(self.folder, part, views)}"
            ) from error
        counting = self.card.counting
        return PublishedCells(
            cells.names,
            cells.parasitized,
            cells.probabilities,
            np.full(len(cells.names), evaluation.threshold),
            # With another number of views other cells would be above it.
            np.full(len(cells.names), counting.threshold) if counting and counting.views == views else None,
            cells.patients,
            cells.shares,
        )


@dataclass(frozen=True)
class Row:
    """One line of the comparison: a run, or the folds and seeds of one recipe together."""

    recipe: Recipe
    runs: tuple[Run, ...]
    part: str
    views: int
    cells: int
    figures: dict[str, Figure]
    interval: str

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds that it was trained with."""
        return tuple(sorted({run.seed for run in self.runs}))

    @property
    def split(self) -> str:
        """The protocol's split, how many seeds where there are more than one, and whether labels were reviewed."""
        folds = len({run.recipe.split for run in self.runs})
        split = self.runs[0].recipe.split if folds == 1 else f"patient, {folds} folds"
        of_seeds = split if len(self.seeds) == 1 else f"{split}, {len(self.seeds)} seeds"
        return of_seeds if self.runs[0].card.data.labels == "original" else f"{of_seeds}, labels reviewed"

    @property
    def evaluations(self) -> list[Evaluation]:
        """What was found of each run."""
        return [_evaluated(run, self.part, self.views) for run in self.runs]

    def of_seeds(self, figure: str) -> list[float]:
        """A figure with each seed, in the order of ``seeds``; with folds the mean over these."""
        return [
            float(np.mean([_evaluated(run, self.part, self.views).figures[figure].value for run in runs]))
            for runs in ([run for run in self.runs if run.seed == seed] for seed in self.seeds)
        ]

    @property
    def start(self) -> str:
        """Where training began."""
        return "random weights" if self.runs[0].random_start else "ImageNet weights"

    @property
    def epochs(self) -> str:
        """How long training went on; each fold's where they differ."""
        epochs = [run.epochs for run in self.runs]
        return " / ".join(map(str, epochs if len(set(epochs)) > 1 else epochs[:1]))

    @property
    def published(self) -> float | None:
        """The published accuracy, where one is given for this split."""
        recipe = self.recipe
        if recipe.name in recipe_names():
            shipped = load_recipe(recipe.name)
            if recipe.published == shipped.published and recipe.split != shipped.split:
                return None
        return recipe.published.accuracy

    def calls(self) -> Calls:
        """How rightly each cell was called, those of all folds together; with seeds, in what share of them."""
        right: dict[str, list[bool]] = defaultdict(list)
        truth: dict[str, bool] = {}
        patient: dict[str, str | None] = {}
        for run in self.runs:
            cells = run.cells(self.part, self.views)
            correct = (cells.probabilities >= cells.thresholds) == cells.parasitized
            for name, parasitized, one in zip(cells.names, cells.parasitized, correct, strict=True):
                right[name].append(bool(one))
                truth[name] = bool(parasitized)
            patient |= dict(zip(cells.names, cells.patients or map(patient_of, cells.names), strict=True))
        names = tuple(right)
        patients = [patient[name] for name in names]
        return Calls(
            names=names,
            parasitized=np.array([truth[name] for name in names]),
            correct=np.array([float(np.mean(right[name])) for name in names]),
            groups=names if None in patients else tuple(map(str, patients)),
        )


@dataclass(frozen=True)
class Cost:
    """What a network weighs; None where the module that makes it is not here."""

    parameters: int | None
    size_on_disk: int
    multiply_adds: int | None


def read_run(folder: Path) -> Run:
    """Read a finished run.

    Raises:
        ComparisonError: it is no run folder, or the run is not finished.
    """
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
        settings, options = config["recipe"], dict(config["options"])
        _, card = read_network(folder / "model.onnx", ModelCard)
        history = read_history(folder / "history.csv")
        if not history:
            raise ValueError("history.csv has no epochs")
    except (OSError, ValueError, KeyError, TypeError, ModelError) as error:
        raise ComparisonError(
            f"{folder} is not the folder of a finished run ({error}). Run the training command again to finish it."
        ) from error
    try:
        recipe = Recipe.model_validate(settings)
    except ValidationError as error:
        fields = ", ".join(".".join(map(str, mistake["loc"])) for mistake in error.errors())
        raise ComparisonError(
            f"{folder} was trained by another version of Plasmoscope, whose recipe this one does not know ({fields}). "
            "Compare it with that version, or train it again."
        ) from error
    scratch = options.get("from_scratch") == "True"
    return Run(
        folder=folder,
        recipe=recipe,
        card=card,
        seed=int(options.get("seed") or 0),
        random_start=scratch or (recipe.weights == "random" and not options.get("init_weights")),
        epochs=len(history),
        seconds=sum(row["seconds"] for row in history),
        size_on_disk=(folder / "model.onnx").stat().st_size,
    )


def comparison_rows(runs: Iterable[Run], part: str, views: int) -> list[Row]:
    """One row for the runs of one recipe that differ in patient fold and seed alone; best accuracy first.

    Seeds are taken together where each trained the same folds. A run that repeats another stands in a row of its own.

    Raises:
        ComparisonError: a run was not evaluated on this part with these views.
    """
    repeats: Counter[tuple[object, ...]] = Counter()
    of_one_seed: dict[tuple[object, ...], list[Run]] = defaultdict(list)
    for run in runs:
        recipe = (
            _but_split(run.recipe),
            "patient" if _is_fold(run) else run.recipe.split,
            run.random_start,
            run.card.data.labels,
        )
        again = repeats[*recipe, run.seed, run.recipe.split]
        repeats[*recipe, run.seed, run.recipe.split] += 1
        of_one_seed[*recipe, again, run.seed].append(run)
    groups: dict[tuple[object, ...], list[Run]] = defaultdict(list)
    for (*recipe_and_repeat, _), members in of_one_seed.items():
        groups[*recipe_and_repeat, tuple(sorted(run.recipe.split for run in members))] += members
    rows = [_row(members, part, views) for members in groups.values()]
    return sorted(rows, key=lambda row: -row.figures["accuracy"].value)


def labels(rows: Sequence[Row]) -> list[str]:
    """A name for each row; systems that were trained more than once have their epochs beside it.

    Where that does not tell recipes of one name apart, the fields follow that differ from the first of them.
    """
    budgets: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        budgets[row.recipe.name].add(row.epochs)
    names = [
        f"{row.recipe.name}, {row.epochs} epochs" if len(budgets[row.recipe.name]) > 1 else row.recipe.name
        for row in rows
    ]
    firsts: dict[str, Recipe] = {}
    for index, row in enumerate(rows):
        first = firsts.setdefault(names[index], row.recipe)
        differing = [told for told in row.recipe.differences(first) if not told.startswith("split ")]
        if differing:
            names[index] += f" ({'; '.join(differing[:_TOLD])}{'; ...' if len(differing) > _TOLD else ''})"
    return names


def file_stems(rows: Iterable[Row]) -> dict[str, Run]:
    """A file name's beginning for every run: system, split and seed, numbered where that is not enough."""
    stems: dict[str, Run] = {}
    for run in (run for row in rows for run in row.runs):
        plain = _NO_FILE_NAME.sub("_", f"{run.recipe.name}-{run.recipe.split}-seed{run.seed}")
        stem = next(stem for number in count(1) if (stem := plain if number == 1 else f"{plain}-{number}") not in stems)
        stems[stem] = run
    return stems


def random_and_patient(rows: Iterable[Row]) -> list[tuple[Row, Row]]:
    """Pairs of rows of one recipe that differ in the split alone: cells dealt at random, then whole patients apart."""
    by_recipe: dict[str, tuple[list[Row], list[Row]]] = defaultdict(lambda: ([], []))
    for row in rows:
        by_recipe[_but_split(row.recipe)][_is_fold(row.runs[0])].append(row)
    return [pair for at_random, apart in by_recipe.values() for pair in product(at_random, apart)]


def _but_split(recipe: Recipe) -> str:
    """The same for recipes that differ in nothing else."""
    return recipe.model_dump_json(exclude={"split"})


def _is_fold(run: Run) -> bool:
    return _FOLD.fullmatch(run.recipe.split) is not None


def _row(runs: Sequence[Run], part: str, views: int) -> Row:
    evaluations = [_evaluated(run, part, views) for run in runs]
    seeds, folds = len({run.seed for run in runs}), len({run.recipe.split for run in runs})
    cells = sum(evaluation.cells for evaluation in evaluations) // seeds
    if len(runs) == 1:
        figures, interval = evaluations[0].figures, evaluations[0].interval
    else:
        figures = {name: _over_runs([e.figures[name].value for e in evaluations]) for name in FIGURES}
        several = [f"{number} {what}" for number, what in ((folds, "folds"), (seeds, "seeds")) if number > 1]
        interval = f"mean, lowest and highest of {' with '.join(several)}"
    return Row(runs[0].recipe, tuple(runs), part, views, cells, figures, interval)


def _evaluated(run: Run, part: str, views: int) -> Evaluation:
    evaluation = run.evaluation(part, views)
    if evaluation is None:
        raise ComparisonError(
            f"{run.folder} was not evaluated on {part} with {views} views. Run: {_evaluating(run.folder, part, views)}"
        )
    return evaluation


def _evaluating(folder: Path, part: str, views: int) -> str:
    return f"plasmoscope evaluate --model {folder} --part {part} --tta {views} --data DATA"


def _over_runs(values: Sequence[float]) -> Figure:
    return Figure(value=float(np.mean(values)), low=min(values), high=max(values))


def cost(run: Run) -> Cost:
    """Parameters, bytes of the ONNX file and multiply-adds a cell."""
    try:
        model = build_model(run.recipe.model, run.recipe.image_size, run.recipe.model_options, run.recipe.own_classes)
    except (ArchitectureError, MissingExtraError):
        # A run is compared by its figures, also where the code of the network that somebody wrote lies elsewhere.
        return Cost(None, run.size_on_disk, None)
    return Cost(parameter_count(model), run.size_on_disk, multiply_adds(model, run.recipe.image_size))


def changes_from_recipe(run: Run) -> list[str]:
    """How a run departs from the recipe of its name that comes with Plasmoscope."""
    if run.recipe.name not in recipe_names():
        return []
    changes = run.recipe.differences(load_recipe(run.recipe.name))
    if run.random_start and run.recipe.weights == "imagenet":
        changes.append("from random weights instead of ImageNet's")
    return changes


def lacks_its_weights(run: Run) -> bool:
    """Whether a recipe that starts from ImageNet weights had to start from random ones."""
    name = run.recipe.name
    return run.random_start and name in recipe_names() and load_recipe(name).weights == "imagenet"


def recipes_without_a_run(runs: Iterable[Run]) -> list[Recipe]:
    """Published systems among the recipes that none of the runs trained."""
    trained = {run.recipe.name for run in runs}
    recipes = [load_recipe(name) for name in recipe_names() if name not in trained]
    return [recipe for recipe in recipes if recipe.published.accuracy is not None]
