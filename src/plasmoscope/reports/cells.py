"""Results of single cells as CSV or JSON, written whole or not at all."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from plasmoscope.classification.card import ModelCard
from plasmoscope.classification.cell_call import CellCall, former_call
from plasmoscope.classification.profile import UsedProfile
from plasmoscope.csv_tables import write_csv
from plasmoscope.files import whole_text
from plasmoscope.reports.output import OutputError, check_output

SCHEMA = 2
# The first three as in version 0.1, for one version more; ``name``, ``call`` and ``probability`` say the same.
_COLUMNS = (
    "path",
    "parasitized_probability",
    "label",
    "error",
    "remark",
    "smear",
    "probability_alone",
    "not_a_cell_probability",
    "reference",
    "profile",
    "name",
    "call",
    "probability",
    "by",
)


def check_cells_output(file: Path) -> None:
    """Refuse an output that ``write_cells`` could not write, before any work is done; OutputError says why."""
    check_output(file, _WRITERS)


class Called(NamedTuple):
    """How cells were called."""

    card: ModelCard
    views: int
    threshold: float
    profile: UsedProfile | None = None


def write_cells(file: Path, cells: Sequence[CellCall], called: Called) -> None:
    """Write cells in their order; the suffix of ``file`` chooses CSV or JSON."""
    check_cells_output(file)
    try:
        _WRITERS[file.suffix.lower()](file, cells, called)
    except OSError as error:
        raise OutputError(f"{file} cannot be written ({error.strerror or error}).") from error


def _write_csv(file: Path, cells: Sequence[CellCall], called: Called) -> None:
    profile = str(called.profile) if called.profile else ""
    classes = called.card.classes
    names = classes.names if classes.own else ()
    columns = (*_COLUMNS, "class", *(f"p_{name}" for name in names)) if names else _COLUMNS
    write_csv(file, columns, ([*_row(cell, profile), *_of_classes(cell, names)] for cell in cells))


def _row(cell: CellCall, profile: str) -> list[str]:
    probability, alone, not_a_cell = (
        "" if value is None else f"{value:.6f}"
        for value in (cell.probability, cell.probability_alone, cell.not_a_cell_probability)
    )
    texts = (text or "" for text in (former_call(cell.call), cell.error, cell.remark, cell.smear))
    former = [cell.name, probability, *texts, alone, not_a_cell, cell.reference or "", profile]
    return [*former, cell.name, cell.call or "", probability, cell.by or ""]


def _of_classes(cell: CellCall, names: Sequence[str]) -> list[str]:
    """What a model of classes of one's own tells beside: the class, and the probability of each."""
    if not names:
        return []
    shares = cell.class_probabilities or {}
    return [cell.class_name or "", *(f"{shares[name]:.6f}" if name in shares else "" for name in names)]


def _as_json(cell: CellCall) -> dict[str, Any]:
    former = {"path": cell.name, "parasitized_probability": cell.probability, "label": former_call(cell.call)}
    return former | cell.as_record()


def _write_json(file: Path, cells: Sequence[CellCall], called: Called) -> None:
    card = called.card
    content = {
        "schema": SCHEMA,
        "model": {"name": card.name, "sha256": card.sha256, "plasmoscope": card.plasmoscope},
        "profile": called.profile.model_dump(mode="json") if called.profile else None,
        "views": called.views,
        "threshold": called.threshold,
        "intended_use": card.intended_use,
        **({"classes": asdict(card.classes)} if card.classes.own else {}),
        "cells": [_as_json(cell) for cell in cells],
    }
    with whole_text(file) as stream:
        stream.write(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


_WRITERS: dict[str, Callable[[Path, Sequence[CellCall], Called], None]] = {
    ".csv": _write_csv,
    ".json": _write_json,
}
