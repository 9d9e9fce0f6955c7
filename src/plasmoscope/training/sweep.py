"""A sweep: the best of many settings of one recipe, judged on validation cells alone, by Optuna (Akiba et al. 2019)."""

import hashlib
import shutil
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lightning
from lightning.pytorch.callbacks import Callback
from pydantic import Field, TypeAdapter, ValidationError

from plasmoscope.csv_tables import write_csv
from plasmoscope.data.nih import CellDataset
from plasmoscope.errors import PlasmoscopeError, first_fault
from plasmoscope.extras import require_extra
from plasmoscope.files import alone_in, decode_text, replace_file
from plasmoscope.progress import Track, untracked
from plasmoscope.training.module import PhaseModule
from plasmoscope.training.phases import silent
from plasmoscope.training.recipe import Recipe, Settings
from plasmoscope.training.run import learn
from plasmoscope.training.run_folder import DivergedError, RunOptions

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.trial import FrozenTrial

EXTRA = "sweep"
_JOURNAL = "trials.journal"
_DEFAULTS = RunOptions()


class SweepError(PlasmoscopeError):
    """A space of settings cannot be searched, or a folder holds another sweep."""


class Between(Settings):
    """Every number of a range; whole ones where both ends are."""

    low: int | float
    high: int | float
    log: bool = False
    """Drawn by its logarithm, as learning rates are."""
    step: int | float | None = None


Choice = Between | list[bool | int | float | str]
"""A range, or the values to choose from."""
Space = dict[str, Choice]
"""By the recipe's field, such as ``phases.0.learning_rate``."""
_SPACE: TypeAdapter[Space] = TypeAdapter(dict[str, Between | list[bool | int | float | str]])


def read_space(file: Path, recipe: Recipe) -> Space:
    """The settings to search over, from a TOML file, each checked against the recipe.

    Raises:
        SweepError: it cannot be read, or is none.
        RecipeError: the recipe has no such field, or it does not take a value.
    """
    try:
        space = _SPACE.validate_python(_flat(tomllib.loads(decode_text(file.read_bytes()))))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SweepError(f"The space of settings {file} cannot be read: {error}") from error
    except ValidationError as error:
        raise SweepError(
            f"{file}: {first_fault(error)}. Each field takes a list of values or a range, such as "
            '"phases.0.learning_rate" = { low = 1e-4, high = 1e-2, log = true }.'
        ) from error
    for name, choice in space.items():
        ends = choice if isinstance(choice, list) else [choice.low, choice.high]
        backwards = isinstance(choice, Between) and not (
            choice.low < choice.high and (choice.low > 0 or not choice.log)
        )
        if not ends or backwards or (isinstance(choice, Between) and choice.log and choice.step):
            raise SweepError(
                f"{file}: {name} has nothing to choose from. A range has low below high, above 0 where log is true, "
                "and a step only where it is not."
            )
        for value in ends:
            recipe.changed([_setting(name, value)])
    if not space:
        raise SweepError(f"{file} names no field of the recipe.")
    return space


def _flat(content: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """Fields by dotted path, however the file's tables are nested; a table with ``low`` is a range."""
    found: dict[str, Any] = {}
    for name, value in content.items():
        place = f"{path}.{name}".lstrip(".")
        found |= _flat(value, place) if isinstance(value, dict) and "low" not in value else {place: value}
    return found


def _setting(name: str, value: object) -> str:
    return f"{name}={str(value).lower() if isinstance(value, bool) else value}"


def sweep(
    recipe: Recipe,
    space: Space,
    dataset: CellDataset,
    folder: Path,
    cache_folder: Path,
    trials: int,
    options: RunOptions = _DEFAULTS,
    pruning: bool = True,
    track: Track = untracked,
    say: Callable[[str], None] = print,
) -> Recipe:
    """Train the recipe with ``trials`` settings; called again on the same folder, go on where it stopped.

    The recipe's own settings come first, as far as they are in the space, the others as the tree-structured Parzen
    estimator proposes (Bergstra et al. 2011). No setting is exported, and the test part is not looked at.

    Args:
        recipe: whose fields are changed.
        space: what may be chosen.
        dataset: labelled cells.
        folder: gets trials.journal (Optuna's), trials.csv and best.toml.
        cache_folder: where decoded cells are kept.
        trials: how many settings, those of earlier calls among them.
        options: as of training.
        pruning: end a setting early that is below the median of the others after as many epochs.
        track: shows progress.
        say: told of each setting.

    Returns:
        The recipe with the best settings, as in best.toml.

    Raises:
        SweepError: the folder holds another sweep, or no setting could be trained to its end.
        FolderInUseError: another command searches in it.
        MissingExtraError: Optuna is not installed.
    """
    require_extra(EXTRA, "A sweep")
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    # What is told of each epoch is the sweep's to tell.
    options = replace(options, loggers=("csv",), histograms=False)
    with alone_in(folder):
        _check_same(folder, recipe, space, dataset, options)
        study = _open_study(folder, recipe, space, options.seed, pruning)
        while len(done := _done(study)) < trials:
            trial = study.ask(_distributions(space))
            chosen = recipe.changed([_setting(name, value) for name, value in trial.params.items()])
            told = ", ".join(f"{name} {value}" for name, value in trial.params.items())
            say(f"Setting {len(done) + 1} of {trials}: {told}")
            state, value = _tried(trial, chosen, study, dataset, folder, cache_folder, options, track)
            study.tell(trial, value, state)
            _write_trials(folder / "trials.csv", study, space)
            say(f"  {_as_told(state.name, value)}")
        if not study.get_trials(states=[optuna.trial.TrialState.COMPLETE]):
            raise SweepError(
                "No setting could be trained to its end. Search over smaller learning rates, or train longer."
            )
        best = _named_best(recipe, study.best_trial, len(done))
        write_recipe(best, folder / "best.toml")
    return best


def _tried(
    trial: "Trial",
    chosen: Recipe,
    study: "Study",
    dataset: CellDataset,
    folder: Path,
    cache_folder: Path,
    options: RunOptions,
    track: Track,
) -> tuple[Any, float | None]:
    """Train one setting: how it ended, and the best it reached on validation in its last phase."""
    from optuna import TrialPruned
    from optuna.trial import TrialState

    known = next((old for old in _done(study) if old.params == trial.params), None)
    if known is not None:
        return known.state, known.value
    # By its settings, so that one that was killed goes on from its last epoch.
    place = folder / "trials" / hashlib.sha256(chosen.model_dump_json().encode()).hexdigest()[:12]
    try:
        rows = learn(chosen, dataset, place, cache_folder, options, track, silent, [_Reporting(trial)])
    except (TrialPruned, DivergedError):
        shutil.rmtree(place)
        return TrialState.PRUNED, None
    shutil.rmtree(place)
    return TrialState.COMPLETE, max(row[chosen.phases[-1].chosen_by] for row in rows)


class _Reporting(Callback):
    """Tells Optuna of each epoch, and ends a setting that it prunes."""

    def __init__(self, trial: "Trial") -> None:
        self.trial = trial

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Report the last phase's figure after so many epochs of all phases."""
        from optuna import TrialPruned

        assert isinstance(pl_module, PhaseModule)
        recipe = pl_module.recipe
        before = next(index for index, phase in enumerate(recipe.phases) if phase is pl_module.phase)
        step = sum(earlier.epochs for earlier in recipe.phases[:before]) + trainer.current_epoch
        self.trial.report(float(trainer.callback_metrics[recipe.phases[-1].chosen_by]), step)
        if self.trial.should_prune():
            raise TrialPruned


def _open_study(folder: Path, recipe: Recipe, space: Space, seed: int, pruning: bool) -> "Study":
    """Optuna's study in a file; settings that were killed are tried again, the recipe's own before all others."""
    import optuna
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock, JournalStorage
    from optuna.trial import TrialState

    file = str(folder / _JOURNAL)
    # The other kind of lock needs rights on Windows that users lack.
    storage = JournalStorage(JournalFileBackend(file, lock_obj=JournalFileOpenLock(file)))
    study = optuna.create_study(
        study_name="sweep",
        storage=storage,
        direction="maximize",
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner() if pruning else optuna.pruners.NopPruner(),
    )
    # A search that goes on draws no settings again.
    study.sampler = optuna.samplers.TPESampler(seed=seed * 1_000_003 + len(study.trials))
    for killed in study.get_trials(states=[TrialState.RUNNING]):
        study.tell(killed.number, state=TrialState.FAIL)
        study.enqueue_trial(killed.params)
    if not study.trials:
        own = {name: _value_in(recipe, name) for name in space}
        study.enqueue_trial({name: own[name] for name, choice in space.items() if _holds(choice, own[name])})
    return study


def _done(study: "Study") -> list["FrozenTrial"]:
    """Settings that were tried; those that were killed are not."""
    from optuna.trial import TrialState

    return study.get_trials(states=[TrialState.COMPLETE, TrialState.PRUNED])


def _distributions(space: Space) -> dict[str, Any]:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    found: dict[str, Any] = {}
    for name, choice in space.items():
        if isinstance(choice, list):
            found[name] = CategoricalDistribution(choice)
        elif all(isinstance(value, int) for value in (choice.low, choice.high, choice.step or 1)):
            found[name] = IntDistribution(int(choice.low), int(choice.high), choice.log, int(choice.step or 1))
        else:
            found[name] = FloatDistribution(choice.low, choice.high, choice.log, choice.step)
    return found


def _value_in(recipe: Recipe, name: str) -> Any:
    """A recipe's field by its dotted path; None where it is not set."""
    place: Any = recipe.model_dump(mode="json")
    for key in name.split("."):
        place = place[int(key)] if isinstance(place, list) else (place or {}).get(key)
    return place


def _holds(choice: Choice, value: Any) -> bool:
    if isinstance(choice, list):
        return value in choice
    return isinstance(value, int | float) and choice.low <= value <= choice.high and choice.step is None


def _check_same(folder: Path, recipe: Recipe, space: Space, dataset: CellDataset, options: RunOptions) -> None:
    """See that a folder is empty or holds this sweep.

    Raises:
        SweepError: it holds another.
    """
    file = folder / "sweep.json"
    content = _SWEEP.dump_json(
        _Sweep(
            recipe=recipe.model_dump(mode="json"),
            space={name: choice if isinstance(choice, list) else choice.model_dump() for name, choice in space.items()},
            content=dataset.content,
            options=options.as_config(),
        ),
        indent=2,
    )
    if file.exists() and file.read_bytes() != content:
        raise SweepError(
            f"{folder} holds a sweep of another recipe, space, data set or options. Give the same ones to go on, or "
            "another folder with --output."
        )
    replace_file(file, content)


class _Sweep(Settings):
    """What makes a sweep itself."""

    recipe: dict[str, Any]
    space: dict[str, Any]
    content: str
    options: dict[str, str | None] = Field(default={})


_SWEEP: TypeAdapter[_Sweep] = TypeAdapter(_Sweep)


def _write_trials(file: Path, study: "Study", space: Space) -> None:
    rows = [
        (number, *(trial.params[name] for name in space), trial.state.name.lower(), *_figures(trial))
        for number, trial in enumerate(_done(study), start=1)
    ]
    write_csv(file, ("setting", *space, "state", "validation", "epochs"), rows)


def _figures(trial: "FrozenTrial") -> tuple[str, int]:
    return ("" if trial.value is None else f"{trial.value:.6f}", len(trial.intermediate_values))


def _as_told(state: str, value: float | None) -> str:
    return "ended early, as others were better or it diverged" if value is None else f"{value:.4f} on validation"


def _named_best(recipe: Recipe, best: "FrozenTrial", trials: int) -> Recipe:
    changed = recipe.changed([_setting(name, value) for name, value in best.params.items()])
    said = f"{recipe.description} (the best of {trials} settings on validation cells: {best.value:.4f})"
    # What was published was reached with other settings.
    content = changed.model_dump(mode="json", exclude_unset=True, exclude={"published"})
    return Recipe.model_validate(content | {"name": f"{recipe.name}_best", "description": said})


def write_recipe(recipe: Recipe, file: Path) -> None:
    """Write a recipe as TOML, as ``load_recipe`` reads it."""
    require_extra(EXTRA, "Writing a recipe")
    import tomli_w

    content = recipe.model_dump(mode="json", exclude_unset=True, exclude_none=True)
    replace_file(file, tomli_w.dumps(content).encode())
