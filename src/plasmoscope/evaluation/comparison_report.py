"""A comparison as tables (text, CSV, Markdown) and as a picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev

from plasmoscope.classification.card import Figure
from plasmoscope.csv_tables import csv_text
from plasmoscope.evaluation.comparison import (
    FIGURES,
    Cost,
    Row,
    changes_from_recipe,
    labels,
    lacks_its_weights,
)
from plasmoscope.evaluation.paired import PairedTest, holm
from plasmoscope.training.recipe import Recipe

_OF_CLASSES = ("accuracy", "macro_f1", "macro_auc")
_NAMES = {"f1": "F1", "auc": "AUC"}


@dataclass(frozen=True)
class Table:
    """A titled table of strings."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""

    def markdown(self) -> str:
        """GitHub's form."""
        lines = [f"## {self.title}", ""]
        if self.rows:
            lines += [_line(self.header), _line(["---"] * len(self.header)), *(_line(row) for row in self.rows), ""]
        return "\n".join([*lines, *([self.note, ""] if self.note else [])])

    def csv(self) -> str:
        """Header and rows."""
        return csv_text(self.header, self.rows)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def overview_table(rows: Sequence[Row]) -> Table:
    """The figures that matter most, narrow enough for a terminal."""
    shown = ("accuracy", "sensitivity", "specificity", "auc")
    body = tuple(
        (label, row.split, f"{row.cells:,}", *(_figure(row.figures[name], name) for name in shown))
        for label, row in zip(labels(rows), rows, strict=True)
    )
    header = ("system", "split", "cells", *(_NAMES.get(name, name) for name in shown))
    return Table(f"{rows[0].part} cells, test-time views: {rows[0].views}", header, body, _intervals(rows))


def figures_table(rows: Sequence[Row], untrained: Sequence[Recipe] = ()) -> Table:
    """Accuracy and the rest beside protocol and published figure, a row a system; recipes that wait for a run last."""
    header = ("system", "start", "epochs", "split", "part", "cells", "views", *(_NAMES.get(n, n) for n in FIGURES))
    body = [
        (
            row.recipe.name,
            row.start,
            row.epochs,
            row.split,
            row.part,
            f"{row.cells:,}",
            str(row.views),
            *(_figure(row.figures[name], name) for name in FIGURES),
            str(row.recipe.published) or "none",
            _reached(row),
        )
        for row in rows
    ]
    for recipe in untrained:
        command = f"not trained here yet; `plasmoscope train {recipe.name} --data DATA` trains it"
        blanks = ("",) * (len(FIGURES) - 1)
        body.append((recipe.name, "", "", recipe.split, "", "", "", command, *blanks, str(recipe.published), ""))
    note = (
        _intervals(rows)
        + " Thresholds were chosen on validation cells. Splits other than `patient` share patients between "
        "training and test, so their figures are optimistic for new patients."
    )
    return Table("Figures", (*header, "published", "published accuracy"), tuple(body), note)


def _intervals(rows: Sequence[Row]) -> str:
    return f"Intervals in brackets. {'; '.join(sorted({f'{row.split}: {row.interval}' for row in rows}))}."


def split_table(pairs: Sequence[tuple[Row, Row]]) -> Table:
    """How much of each system's accuracy is owed to having seen other cells of the same patients."""
    body = tuple(
        (
            at_random.recipe.name,
            str(at_random.recipe.image_size),
            at_random.split,
            *(_figure(row.figures["accuracy"], "accuracy") for row in (at_random, apart)),
            f"{(apart.figures['accuracy'].value - at_random.figures['accuracy'].value) * 100:+.2f}",
            *(f"{row.figures['sensitivity'].value:.2%}".replace("%", " %") for row in (at_random, apart)),
            apart.split,
        )
        for at_random, apart in pairs
    )
    header = (
        "system", "input, px", "random split", "accuracy, random", "accuracy, patients apart", "difference, points",
        "sensitivity, random", "sensitivity, patients apart", "patients",
    )  # fmt: skip
    note = (
        "One recipe, one budget, two ways to deal the cells. In a random split cells of every patient of the test part "
        "were trained on: cells of the same smear, with its stain, light and parasites, so a part of such an accuracy "
        "is recognition of the smear. With patients apart every smear is new, as in a laboratory; the folds differ by "
        "their patients, of whom some have parasites or stains that few others share."
    )
    return Table("Random split and patients apart", header, body, note if body else "No recipe was trained on both.")


def classes_table(rows: Sequence[Row]) -> Table | None:
    """How well each system tells the classes of one's own apart; None where none does."""
    body = []
    for label, row in zip(labels(rows), rows, strict=True):
        told = [found for evaluation in row.evaluations if (found := evaluation.classes) is not None]
        if len(told) == len(row.evaluations):
            names = told[0].names
            sensitivities = (
                f"{n} {fmean(one.by_class[n].sensitivity.value for one in told) * 100:.2f} %" for n in names
            )
            overall = (fmean(one.figures[name].value for one in told) for name in _OF_CLASSES)
            body.append((label, row.split, *(f"{value:.4f}" for value in overall), ", ".join(sensitivities)))
    header = ("system", "split", "accuracy over classes", "macro F1", "macro AUC", "sensitivity of each")
    note = (
        "Of several folds or seeds the mean. A cell's class is the likeliest on the side of the threshold it is called."
    )
    return Table("Classes", header, tuple(body), note) if body else None


def cost_table(rows: Sequence[Row], costs: Sequence[Cost], speeds: Sequence[float]) -> Table:
    """What each system weighs and how fast it answers."""
    body = tuple(
        (
            label,
            str(row.recipe.image_size),
            "" if cost.parameters is None else f"{cost.parameters:,}",
            f"{cost.size_on_disk / 1e6:.1f} MB",
            "" if cost.multiply_adds is None else f"{cost.multiply_adds / 1e6:,.0f} M",
            f"{speed:,.0f}",
        )
        for label, row, cost, speed in zip(labels(rows), rows, costs, speeds, strict=True)
    )
    header = ("system", "input, px", "parameters", "size on disk", "multiply-adds a cell", "cells/s")
    note = "Cells/s: ONNX Runtime, one view, all models in turn in one run."
    if any(cost.parameters is None for cost in costs):
        note += " A network whose code is not here can be weighed where its module is found (in the current folder)."
    return Table("Size and speed", header, body, note)


def budget_table(rows: Sequence[Row]) -> Table:
    """How long each run trained, and where it departs from its recipe."""
    body = []
    for row in rows:
        run = row.runs[0]
        seconds = sum(run.seconds for run in row.runs) / sum(run.epochs for run in row.runs)
        changes = [change for change in changes_from_recipe(run) if not change.startswith("split ")]
        body.append(
            (
                row.recipe.name,
                row.split,
                row.epochs,
                f"{seconds:.0f} s",
                "; ".join(changes) or "none",
            )
        )
    header = ("system", "split", "epochs", "time an epoch", "changes from the recipe that ships")
    note = "Time an epoch: wall-clock on whatever machine trained the run, other work on it included."
    without = sorted({row.recipe.name for row in rows if lacks_its_weights(row.runs[0])})
    if without:
        commands = ", ".join(f"`plasmoscope train {name} --data DATA`" for name in without)
        note += f" From ImageNet weights and with the recipe's own budget: {commands}."
    return Table("Budgets", header, tuple(body), note)


def seeds_table(rows: Sequence[Row]) -> Table:
    """What the seed alone changes: mean and spread of the figures of recipes that were trained with several."""
    shown = ("accuracy", "sensitivity", "specificity", "auc")
    body = tuple(
        (label, row.split, ", ".join(map(str, row.seeds)), *(_spread(row.of_seeds(name), name) for name in shown))
        for label, row in zip(labels(rows), rows, strict=True)
        if len(row.seeds) > 1
    )
    header = ("system", "split", "seeds", *(_NAMES.get(name, name) for name in shown))
    note = (
        "Mean and standard deviation over the seeds, lowest and highest in brackets; of folds the mean over these. A "
        "difference between two systems that is no larger than this spread may be the seed's."
        if body
        else "No recipe was trained with more than one seed, so what the seed alone changes is not known here."
    )
    return Table("Seeds", header, body, note)


def significance_table(rows: Sequence[Row], tests: dict[tuple[int, int], PairedTest]) -> Table:
    """The paired test of each two systems on the same cells, corrected for the number of tests."""
    names = labels(rows)
    corrected = holm([test.p_value for test in tests.values()])
    body = tuple(
        (
            names[first],
            names[second],
            rows[first].split,
            f"{test.groups} {'patients' if test.by_patient else 'cells'}",
            f"{test.only_first_right:g}",
            f"{test.only_second_right:g}",
            f"{test.difference * 100:+.2f} ({test.low * 100:+.2f} to {test.high * 100:+.2f})",
            f"{test.p_value:.2g}",
            f"{p_value:.2g}",
        )
        for ((first, second), test), p_value in zip(tests.items(), corrected, strict=True)
    )
    header = (
        "first", "second", "split", "of", "cells only first right", "cells only second right",
        "difference in accuracy, points", "p", f"p, corrected for {len(tests)} tests",
    )  # fmt: skip
    note = (
        "Cells of one patient are alike, so patients are what was drawn: the interval (95 %) is of a bootstrap that "
        "draws whole patients, p of a permutation test that exchanges the two systems' calls of whole patients (9,999 "
        "exchanges, so none is below 0.0002). With so many tests some fall below 0.05 by luck; the last column is "
        "corrected for their number (Holm 1979): read that one. The tests say nothing of what another seed would give."
    )
    return Table(
        "Do two models differ?", header, body, note if body else "No two of these runs share their test cells."
    )


def _spread(values: Sequence[float], name: str) -> str:
    scale, digits, unit = (1, 4, "") if name == "auc" else (100, 2, " %")
    mean, low, high = fmean(values) * scale, min(values) * scale, max(values) * scale
    deviation = stdev(values) * scale
    return f"{mean:.{digits}f}{unit} ± {deviation:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def plot_comparison(rows: Sequence[Row], file: Path) -> None:
    """Accuracy with its interval for each system, beside the published figure."""
    from matplotlib.figure import Figure as Canvas
    from matplotlib.ticker import PercentFormatter

    canvas = Canvas(figsize=(9, 1.3 + 0.45 * len(rows)), layout="constrained")
    axes = canvas.subplots()
    for place, row in enumerate(rows):
        figure = row.figures["accuracy"]
        spread = [[figure.value - figure.low], [figure.high - figure.value]]
        colour = "tab:green" if row.split.startswith("patient") else "tab:blue"
        axes.errorbar(figure.value, place, xerr=spread, fmt="o", color=colour, capsize=4)
        axes.annotate(f"{figure.value:.2%}", (figure.value, place), (0, 7), textcoords="offset points", ha="center")
        if row.published:
            axes.plot(row.published, place, "D", color="tab:orange", ms=6, mfc="none")
    axes.plot([], [], "o", color="tab:blue", label="here, random split")
    axes.plot([], [], "o", color="tab:green", label="here, patients apart")
    axes.plot([], [], "D", color="tab:orange", mfc="none", label="published")
    places = [f"{label}\n{row.split}, {row.part}" for label, row in zip(labels(rows), rows, strict=True)]
    axes.set_yticks(range(len(rows)), places, fontsize=8)
    axes.set_ylim(len(rows) - 0.4, -0.7)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=1))
    axes.set(xlabel="accuracy, with interval", title="Systems side by side, each on its own protocol")
    axes.grid(alpha=0.3, axis="x")
    axes.legend(loc="best", fontsize=8)
    canvas.savefig(file, dpi=130)


def _reached(row: Row) -> str:
    if row.recipe.published.accuracy is None:
        return "no figure"
    if row.published is None:
        return "on another split"
    return "reached" if row.figures["accuracy"].value >= row.published else "below"


def _figure(figure: Figure, name: str) -> str:
    if name == "auc":
        return f"{figure.value:.4f} ({figure.low:.4f} to {figure.high:.4f})"
    return f"{figure.value * 100:.2f} % ({figure.low * 100:.2f} to {figure.high * 100:.2f})"
