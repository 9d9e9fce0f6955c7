"""The learning-rate range test (Smith 2017, arXiv:1506.01186), with Lightning's tuner."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from lightning.pytorch.tuner.tuning import Tuner
from numpy.typing import NDArray
from torch import Tensor, nn

from plasmoscope.errors import PlasmoscopeError
from plasmoscope.training.batches import CachedCells, CellBatches
from plasmoscope.training.lightning_output import quiet_lightning
from plasmoscope.training.module import PhaseModule
from plasmoscope.training.objective import class_weights
from plasmoscope.training.phases import make_trainer, precision_of
from plasmoscope.training.recipe import Recipe
from plasmoscope.training.run_folder import RunOptions
from plasmoscope.training.speed import prepare_for_training

_DEFAULTS = RunOptions()
# Of the moving average of the loss, for each step: about ten steps are averaged. Set by hand.
_DECAY = 0.9
# The average lags behind the loss: at its lowest point, training may have begun to diverge (fast.ai keeps as far off).
_FROM_LOWEST = 10


@dataclass(frozen=True)
class RangeTest:
    """Loss against learning rate, and the rate suggested."""

    learning_rates: tuple[float, ...]
    losses: tuple[float, ...]
    """Smoothed."""
    suggestion: float | None
    """Where the smoothed loss falls fastest, well before its lowest point; None if it falls nowhere there."""


def learning_rate_range_test(
    model: nn.Module,
    recipe: Recipe,
    phase_index: int,
    training: CachedCells,
    options: RunOptions = _DEFAULTS,
    steps: int = 100,
    low: float = 1e-6,
    high: float = 1.0,
) -> RangeTest:
    """Train a few steps while the rate grows from ``low`` to ``high``; the model's weights are left as they were.

    Args:
        model: as training starts.
        recipe: what it is trained by.
        phase_index: from 0.
        training: cells.
        options: seed, accelerator and precision.
        steps: of training, each at a higher rate.
        low: the first rate.
        high: the last one.

    Raises:
        PlasmoscopeError: the phase works on cached features, there are too few steps, or no such accelerator.
    """
    if recipe.phases[phase_index].cached_features:
        raise PlasmoscopeError(
            f"Phase {phase_index + 1} trains on cached features, whose epochs take seconds: try a few rates in full."
        )
    if steps < 20:
        raise PlasmoscopeError("A range test needs at least 20 steps.")
    with quiet_lightning(), tempfile.TemporaryDirectory() as scratch:
        trainer = make_trainer(
            default_root_dir=scratch,
            accelerator=options.accelerator,
            devices=1,
            precision=precision_of(options),
            max_epochs=-1,
            max_steps=steps,
            limit_val_batches=0,
            gradient_clip_val=recipe.gradient_clip,
            logger=False,
            enable_checkpointing=False,
            enable_model_summary=False,
            enable_progress_bar=False,
        )
        prepare_for_training(model, trainer.strategy.root_device.type)
        weights = class_weights(recipe, training.labels[training.members])
        module = _NotingLosses(model, recipe, phase_index, options.seed, compile_model=False, weights=weights)
        batches: Any = CellBatches(training, training, recipe.batch_size, options.seed, recipe.balanced_sampler)
        finder = Tuner(trainer).lr_find(
            module, datamodule=batches, min_lr=low, max_lr=high, num_training=steps, update_attr=False
        )
    model.cpu()
    assert finder is not None
    rates, losses = np.array(finder.results["lr"]), _smoothed(np.array(module.losses))
    return RangeTest(tuple(rates.tolist()), tuple(losses.tolist()), _steepest(rates, losses))


class _NotingLosses(PhaseModule):
    """Keeps the loss of every step: Lightning's finder gives a smoothed one that starts at half of what it should."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.losses: list[float] = []

    def training_step(self, batch: tuple[Tensor, ...], batch_index: int) -> Tensor:
        loss = super().training_step(batch, batch_index)
        self.losses.append(loss.item())
        return loss


def _smoothed(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Running average, corrected for its start at nought."""
    average, smoothed = 0.0, np.empty_like(losses)
    for step, loss in enumerate(losses, start=1):
        average = _DECAY * average + (1 - _DECAY) * loss
        smoothed[step - 1] = average / (1 - _DECAY**step)
    return smoothed


def _steepest(rates: np.ndarray[Any, Any], losses: np.ndarray[Any, Any]) -> float | None:
    """The rate of the steepest fall of the loss over the logarithm of the rate, well before its lowest point."""
    lowest = int(np.nanargmin(losses))
    # The first steps still average over few losses.
    first = min(10, lowest // 2)
    last = int(np.searchsorted(rates, rates[lowest] / _FROM_LOWEST, side="right"))
    if last - first < 3:
        return None
    slope = np.gradient(losses[first:last], np.log(rates[first:last]))
    steepest = int(np.argmin(slope))
    return float(rates[first + steepest]) if slope[steepest] < 0 else None


def plot_range_test(test: RangeTest, recipe: Recipe, phase_index: int, file: Path) -> None:
    """Loss over learning rate, with the suggestion and the recipe's own rate marked."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.subplots()
    axes.semilogx(test.learning_rates, test.losses, color="tab:blue")
    own = recipe.phases[phase_index].learning_rate
    axes.axvline(own, color="grey", ls="--", label=f"recipe: {own:.1e}")
    if test.suggestion:
        axes.axvline(test.suggestion, color="tab:orange", label=f"steepest fall: {test.suggestion:.1e}")
    # A diverging loss would hide the part that matters.
    lowest, first = np.nanmin(test.losses), test.losses[0]
    axes.set_ylim(lowest - 0.1 * abs(first - lowest), first + 1.5 * abs(first - lowest))
    axes.set(xlabel="learning rate", ylabel="training loss (smoothed)")
    axes.set_title(f"Learning-rate range test: {recipe.name}, phase {phase_index + 1}")
    axes.grid(alpha=0.3, which="both")
    axes.legend()
    figure.savefig(file, dpi=120)
