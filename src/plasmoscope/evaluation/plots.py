"""Pictures of an evaluation, for people who would rather look than read."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

from plasmoscope.classification.card import ClassEvaluation
from plasmoscope.evaluation.by_patient import LEAST_INFECTED, PatientCalls, figures_by_patient
from plasmoscope.evaluation.metrics import Bools, Floats, confusion
from plasmoscope.imaging.cells import resize_cell
from plasmoscope.labels import CLASS_NAMES

_DPI = 110  # dots per inch
_TILE = 96  # pixels of a cell's side


def plot_confusion(
    probabilities: Floats, parasitized: Bools, threshold: float, file: Path, names: Sequence[str] = CLASS_NAMES
) -> None:
    """Counts of truth against call, infected and not, under these names."""
    counts = confusion(probabilities, parasitized, threshold)
    table = np.array(
        [[counts.true_positives, counts.false_negatives], [counts.false_positives, counts.true_negatives]]
    ).astype(int)
    shares = table / table.sum(axis=1, keepdims=True)
    figure = Figure(figsize=(4.6, 4), layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row in range(2):
        for column in range(2):
            colour = "white" if shares[row, column] > 0.5 else "black"
            text = f"{table[row, column]:,}\n{shares[row, column]:.2%}"
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=12)
    axes.set_xticks([0, 1], names)
    axes.set_yticks([0, 1], names, rotation=90, va="center")
    axes.set(xlabel="called", ylabel="truth", title=f"Calls at threshold {threshold:.2f}")
    figure.savefig(file, dpi=_DPI)


def plot_classes(evaluation: ClassEvaluation, file: Path) -> None:
    """Cells of each class by what they were called."""
    table = np.array(evaluation.confusion)
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    side = 2.5 + 1.1 * len(table)
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), cells in np.ndenumerate(table):
        colour = "white" if shares[row, column] > 0.5 else "black"
        axes.text(
            column, row, f"{cells:,}\n{shares[row, column]:.1%}", ha="center", va="center", color=colour, fontsize=10
        )
    places = range(len(table))
    axes.set_xticks(places, evaluation.names, rotation=30, ha="right", parse_math=False)
    axes.set_yticks(places, evaluation.names, parse_math=False)
    axes.set(xlabel="called", ylabel="truth", title=f"Macro F1 {evaluation.figures['macro_f1'].value:.3f}")
    figure.savefig(file, dpi=_DPI)


def plot_curves(probabilities: Floats, parasitized: Bools, file: Path) -> None:
    """ROC and precision-recall curves side by side, the ROC's busy corner enlarged."""
    figure = Figure(figsize=(9, 4), layout="constrained")
    roc, precision_recall = figure.subplots(1, 2)
    false_positive_rate, sensitivity, _ = roc_curve(parasitized, probabilities)
    roc.plot(false_positive_rate, sensitivity)
    roc.set(
        xlabel="1 - specificity",
        ylabel="sensitivity",
        title=f"ROC, AUC {roc_auc_score(parasitized, probabilities):.4f}",
    )
    corner = roc.inset_axes((0.4, 0.12, 0.55, 0.55))
    corner.plot(false_positive_rate, sensitivity)
    corner.set(xlim=(0, 0.1), ylim=(0.9, 1.002))
    corner.grid(alpha=0.3)
    roc.indicate_inset_zoom(corner)
    precision, recall, _ = precision_recall_curve(parasitized, probabilities)
    precision_recall.plot(recall, precision)
    average = average_precision_score(parasitized, probabilities)
    precision_recall.set(xlabel="sensitivity (recall)", ylabel="precision", title=f"Precision-recall, AP {average:.4f}")
    for axes in (roc, precision_recall):
        axes.grid(alpha=0.3)
    figure.savefig(file, dpi=_DPI)


def plot_reliability(probabilities: Floats, parasitized: Bools, file: Path, bins: int = 10) -> None:
    """Predicted probability against the observed share, over the histogram of predictions."""
    index = np.minimum((probabilities * bins).astype(int), bins - 1)
    counts = np.bincount(index, minlength=bins)
    filled = counts > 0
    predicted = np.bincount(index, probabilities, bins)[filled] / counts[filled]
    observed = np.bincount(index, parasitized, bins)[filled] / counts[filled]
    figure = Figure(figsize=(4.6, 5), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    above.plot([0, 1], [0, 1], "--", color="grey", label="perfectly calibrated")
    above.plot(predicted, observed, "o-", label="this model")
    above.set(ylabel="share truly parasitized", title="Reliability")
    above.legend()
    below.bar((np.arange(bins) + 0.5) / bins, counts, 0.9 / bins)
    # From half a cell on, so that a single one is seen.
    below.set(xlabel="predicted P(parasitized)", ylabel="cells", yscale="log", ylim=(0.5, 2 * counts.max()))
    for axes in (above, below):
        axes.grid(alpha=0.3)
    figure.savefig(file, dpi=_DPI)


def plot_by_patient(calls: Sequence[PatientCalls], file: Path) -> None:
    """False calls and sensitivity of each patient, each in an order of its own, beside what they are on the whole."""
    rates = sorted(rate for one in calls if (rate := one.false_calls_rate) is not None)
    shares = sorted(share for one in calls if (share := one.sensitivity) is not None)
    whole = figures_by_patient(calls)
    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(np.arange(1, len(rates) + 1), rates, ".", label="one patient")
    left.axhline(whole["false_calls"].value, color="tab:orange", label=f"whole, {whole['false_calls'].value:.1f}")
    left.axhline(
        whole["false_calls_p90"].value,
        ls="--",
        color="grey",
        label=f"nine in ten, {whole['false_calls_p90'].value:.1f}",
    )
    left.set(xlabel="patients, sorted", ylabel="false calls per 1,000 uninfected cells", title="False calls")
    right.plot(np.arange(1, len(shares) + 1), shares, ".", label="one patient")
    right.axhline(whole["sensitivity"].value, color="tab:orange", label=f"whole, {whole['sensitivity'].value:.1%}")
    enough = f"patients with {LEAST_INFECTED} infected cells or more, sorted"
    right.set(xlabel=enough, ylabel="share of infected cells found", title="Sensitivity", ylim=(0, 1.02))
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(file, dpi=_DPI)


def plot_most_wrong(
    images: Sequence[NDArray[np.uint8]], probabilities: Floats, truths: Sequence[str], file: Path, columns: int = 8
) -> None:
    """The wrongly called cells whose probability is farthest from the truth, worst first.

    Args:
        images: RGB pictures of any sizes, worst first, with their probabilities and the names of their
            true classes in the same order.
    """
    rows = max(1, -(-len(images) // columns))
    figure = Figure(figsize=(1.5 * columns, 1.85 * rows + 0.5), layout="constrained")
    figure.suptitle("Most wrongly classified cells: truth, and P(parasitized)")
    grid: NDArray[np.object_] = np.atleast_1d(figure.subplots(rows, columns)).ravel()
    for axes in grid:
        axes.axis("off")
    for axes, image, probability, truth in zip(grid, images, probabilities, truths, strict=False):
        _show_cell(axes, image, f"{truth}\n{probability:.3f}")
    figure.savefig(file, dpi=_DPI)


def _show_cell(axes: Axes, image: NDArray[np.uint8], title: str) -> None:
    axes.imshow(resize_cell(image, _TILE))
    axes.set_title(title, fontsize=8, parse_math=False)


def plot_suspects(
    images: Sequence[NDArray[np.uint8]], names: Sequence[str], probabilities: Floats, file: Path, columns: int = 10
) -> None:
    """Suspected labels, the most suspect first, each with its name (class and cell) and probability.

    Args:
        images: RGB pictures of any sizes, with names ``Class/name.png`` and P(parasitized) in the same order.
    """
    rows = max(1, -(-len(images) // columns))
    figure = Figure(figsize=(1.7 * columns, 2.3 * rows + 0.6), layout="constrained")
    figure.suptitle(
        "Suspected labels: label, P(parasitized) by networks that never saw the patient, cell. Research use only."
    )
    grid: NDArray[np.object_] = np.atleast_1d(figure.subplots(rows, columns)).ravel()
    for axes in grid:
        axes.axis("off")
    for number, (axes, image, name, probability) in enumerate(
        zip(grid, images, names, probabilities, strict=False), start=1
    ):
        label, _, cell = name.removesuffix(".png").partition("/")
        _show_cell(axes, image, f"{number}. {label}\nP {probability:.3f}")
        # An official name is longer than its picture is wide.
        lines = "\n".join(cell[start : start + 24] for start in range(0, len(cell), 24))
        axes.text(0.5, -0.03, lines, transform=axes.transAxes, ha="center", va="top", fontsize=5.5, parse_math=False)
    figure.savefig(file, dpi=_DPI)
