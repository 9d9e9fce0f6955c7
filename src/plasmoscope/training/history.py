"""The figures of every epoch, as a table and as learning curves."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback

from plasmoscope.csv_tables import read_csv, write_csv

COLUMNS = (
    *("phase", "epoch", "learning_rate", "train_loss", "train_accuracy"),
    *("val_loss", "val_accuracy", "val_auc", "seconds"),
)
"""``train_accuracy`` is of augmented pictures, and missing where a recipe mixes them."""


class History(Callback):
    """Adds a row an epoch to a CSV file; the rows live in the checkpoint, so a resumed run loses and repeats none."""

    def __init__(self, file: Path, phase: int, say: Callable[[str], None], columns: Sequence[str] = COLUMNS) -> None:
        self.columns = columns
        self.file = file
        self.phase = phase
        self.say = say
        self.rows: list[dict[str, float]] = []
        self.started = 0.0

    def on_train_epoch_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Start the clock and note the learning rate."""
        self.started = time.perf_counter()
        self.learning_rate = float(trainer.optimizers[0].param_groups[0]["lr"])

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Write the table anew and tell how the epoch went."""
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        row: dict[str, float] = {"phase": self.phase, "epoch": trainer.current_epoch + 1}
        row |= {"learning_rate": self.learning_rate, "seconds": round(time.perf_counter() - self.started, 2)}
        row |= {name: round(metrics[name], 6) for name in self.columns if name in metrics}
        self.rows.append({name: row[name] for name in self.columns if name in row})
        if trainer.is_global_zero:
            write_history(self.file, self.rows)
            self.say(
                f"phase {self.phase}, epoch {row['epoch']:g}/{trainer.max_epochs}: "
                f"training loss {row['train_loss']:.4f}, validation loss {row['val_loss']:.4f}, "
                + (f"validation accuracy {row['val_accuracy']:.2%} " if "val_accuracy" in row else "")
                + f"({row['seconds']:.0f} s)"
            )

    def state_dict(self) -> dict[str, Any]:
        """The rows so far."""
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the rows up again."""
        self.rows = state_dict["rows"]


def write_history(file: Path, rows: list[dict[str, float]]) -> None:
    """Write all rows as CSV, at once."""
    columns = list(rows[0]) if rows else list(COLUMNS)
    write_csv(file, columns, [[row.get(name, "") for name in columns] for row in rows])


def read_history(file: Path) -> list[dict[str, float]]:
    """The rows that ``write_history`` wrote."""
    return [{name: float(value) for name, value in row.items()} for row in read_csv(file)]


def plot_learning_curves(rows: list[dict[str, float]], file: Path) -> None:
    """Draw losses and accuracies over all epochs, with a line where a phase begins."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    figure = Figure(figsize=(10, 4), layout="constrained")
    losses, accuracies = figure.subplots(1, 2)
    epochs = range(1, len(rows) + 1)
    losses.plot(epochs, [row["train_loss"] for row in rows], "o-", ms=3, label="training")
    losses.plot(epochs, [row["val_loss"] for row in rows], "s-", ms=3, label="validation")
    losses.set(xlabel="epoch", ylabel="cross-entropy", title="Loss")
    losses.legend()
    accuracy = [row["val_accuracy"] for row in rows]
    if all("train_accuracy" in row for row in rows):
        accuracies.plot(epochs, [row["train_accuracy"] for row in rows], "o-", ms=3, label="training")
    accuracies.plot(epochs, accuracy, "s-", ms=3, color="tab:orange", label="validation")
    best = max(range(len(rows)), key=accuracy.__getitem__)
    title = f"Validation accuracy: best {accuracy[best]:.2%}, epoch {best + 1}"
    accuracies.set(xlabel="epoch", ylabel="accuracy", title=title)
    accuracies.legend()
    accuracies.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=1))
    for axes in (losses, accuracies):
        axes.grid(alpha=0.3)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        for index in range(1, len(rows)):
            if rows[index]["phase"] != rows[index - 1]["phase"]:
                axes.axvline(index + 0.5, color="grey", ls="--", lw=1)
    figure.savefig(file, dpi=120)


def plot_losses(rows: list[dict[str, float]], file: Path) -> None:
    """Draw the training loss and every validation loss over all epochs, on a logarithmic scale."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    epochs = range(1, len(rows) + 1)
    for name in (name for name in rows[0] if name.endswith("_loss") or name.startswith("val_")):
        axes.plot(epochs, [row[name] for row in rows], "o-", ms=3, label=name.replace("_", " "))
    axes.set(xlabel="epoch", ylabel="loss", yscale="log", title="Losses")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    figure.savefig(file, dpi=120)
