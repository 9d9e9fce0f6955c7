"""Finished runs side by side: figures beside their protocol, their cost, and whether two models really differ."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from pydantic import ValidationError
from scipy.stats import binomtest

from plasmoscope.classification.card import Evaluation, Figure, ModelCard
from plasmoscope.errors import PlasmoscopeError
from plasmoscope.evaluation.evaluate import evaluation_folder, read_reported_cells, report_stem
from plasmoscope.networks import ModelError, read_network
from plasmoscope.training.history import read_history
from plasmoscope.training.models import build_model
from plasmoscope.training.recipe import Recipe, load_recipe, recipe_names
from plasmoscope.training.summary import multiply_adds, parameter_count

FIGURES = ("accuracy", "sensitivity", "specificity", "precision", "f1", "auc")
_FOLD = re.compile(r"patient-\d+$")


class ComparisonError(PlasmoscopeError):
    """A run folder cannot be compared."""


@dataclass(frozen=True)
class Calls:
    """What a model called each cell of a part."""

    names: tuple[str, ...]
    correct: tuple[bool, ...]


@dataclass(frozen=True)
class Run:
    """A finished run with its recipe, card and evaluations."""

    folder: Path
    recipe: Recipe
    card: ModelCard
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

    def calls(self, part: str, views: int) -> Calls:
        """Which cells of the part were called rightly."""
        evaluation = self.evaluation(part, views)
        assert evaluation is not None
        try:
            cells = read_reported_cells(evaluation_folder(self.folder), report_stem(part, views))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ComparisonError(
                f"The table of cells beside an evaluation of {self.folder} is missing or damaged. "
                f"Run: {_evaluating(self.folder, part, views)}"
            ) from error
        correct = (cells.probabilities >= evaluation.threshold) == cells.parasitized
        return Calls(cells.names, tuple(correct.tolist()))


@dataclass(frozen=True)
class Row:
    """One line of the comparison: a run, or the folds of one recipe together."""

    recipe: Recipe
    runs: tuple[Run, ...]
    part: str
    views: int
    cells: int
    figures: dict[str, Figure]
    interval: str

    @property
    def split(self) -> str:
        """The protocol's split."""
        folds = len(self.runs)
        return self.runs[0].recipe.split if folds == 1 else f"patient, {folds} folds"

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
        """Which cells were called rightly, those of all folds together."""
        calls = [run.calls(self.part, self.views) for run in self.runs]
        names = tuple(name for call in calls for name in call.names)
        return Calls(names, tuple(right for call in calls for right in call.correct))


@dataclass(frozen=True)
class Cost:
    """What a network weighs."""

    parameters: int
    size_on_disk: int
    multiply_adds: int


@dataclass(frozen=True)
class McNemar:
    """The exact paired test of two models on the same cells (McNemar 1947)."""

    only_first_right: int
    only_second_right: int
    p_value: float


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
        random_start=scratch or (recipe.weights == "random" and not options.get("init_weights")),
        epochs=len(history),
        seconds=sum(row["seconds"] for row in history),
        size_on_disk=(folder / "model.onnx").stat().st_size,
    )


def comparison_rows(runs: Iterable[Run], part: str, views: int) -> list[Row]:
    """One row a run, with the patient folds of one recipe taken together; best accuracy first.

    Raises:
        ComparisonError: a run was not evaluated on this part with these views.
    """
    groups: dict[tuple[str, str], list[Run]] = defaultdict(list)
    for run in runs:
        fold = _FOLD.fullmatch(run.recipe.split)
        groups[_but_split(run.recipe), "patient" if fold else str(run.folder)].append(run)
    rows = [_row(members, part, views) for members in groups.values()]
    return sorted(rows, key=lambda row: -row.figures["accuracy"].value)


def labels(rows: Sequence[Row]) -> list[str]:
    """A name for each row; systems that were trained more than once have their epochs beside it."""
    budgets: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        budgets[row.recipe.name].add(row.epochs)
    return [
        f"{row.recipe.name}, {row.epochs} epochs" if len(budgets[row.recipe.name]) > 1 else row.recipe.name
        for row in rows
    ]


def random_and_patient(rows: Iterable[Row]) -> list[tuple[Row, Row]]:
    """Pairs of rows of one recipe that differ in the split alone: cells dealt at random, then whole patients apart."""
    by_recipe: dict[str, tuple[list[Row], list[Row]]] = defaultdict(lambda: ([], []))
    for row in rows:
        apart = _FOLD.fullmatch(row.runs[0].recipe.split) is not None
        by_recipe[_but_split(row.recipe)][apart].append(row)
    return [pair for at_random, apart in by_recipe.values() for pair in product(at_random, apart)]


def _but_split(recipe: Recipe) -> str:
    """The same for recipes that differ in nothing else."""
    return recipe.model_dump_json(exclude={"split"})


def _row(runs: Sequence[Run], part: str, views: int) -> Row:
    evaluations = []
    for run in runs:
        evaluation = run.evaluation(part, views)
        if evaluation is None:
            raise ComparisonError(
                f"{run.folder} was not evaluated on {part} with {views} views. "
                f"Run: {_evaluating(run.folder, part, views)}"
            )
        evaluations.append(evaluation)
    cells = sum(evaluation.cells for evaluation in evaluations)
    if len(runs) == 1:
        figures, interval = evaluations[0].figures, evaluations[0].interval
    else:
        figures = {name: _over_folds([e.figures[name].value for e in evaluations]) for name in FIGURES}
        interval = f"mean, lowest and highest of {len(runs)} folds"
    return Row(runs[0].recipe, tuple(runs), part, views, cells, figures, interval)


def _evaluating(folder: Path, part: str, views: int) -> str:
    return f"plasmoscope evaluate --model {folder} --part {part} --tta {views} --data DATA"


def _over_folds(values: Sequence[float]) -> Figure:
    return Figure(value=float(np.mean(values)), low=min(values), high=max(values))


def cost(run: Run) -> Cost:
    """Parameters, bytes of the ONNX file and multiply-adds a cell."""
    model = build_model(run.recipe.model, run.recipe.image_size, run.recipe.model_options)
    return Cost(parameter_count(model), run.size_on_disk, multiply_adds(model, run.recipe.image_size))


def mcnemar(first: Calls, second: Calls) -> McNemar | None:
    """Whether two models err on the same cells at the same rate; None where their cells differ."""
    if set(first.names) != set(second.names):
        return None
    right = dict(zip(second.names, second.correct, strict=True))
    pairs = [(one, right[name]) for name, one in zip(first.names, first.correct, strict=True)]
    only_first = sum(one and not other for one, other in pairs)
    only_second = sum(other and not one for one, other in pairs)
    discordant = only_first + only_second
    p_value = float(binomtest(only_first, discordant).pvalue) if discordant else 1.0
    return McNemar(only_first, only_second, p_value)


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
