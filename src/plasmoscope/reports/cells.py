"""Results of single cells as CSV or JSON, written whole or not at all."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from plasmoscope.classification.batch import CellResult
from plasmoscope.classification.card import ModelCard
from plasmoscope.classification.profile import UsedProfile
from plasmoscope.csv_tables import write_csv
from plasmoscope.files import whole_text
from plasmoscope.reports.output import OutputError, check_output

SCHEMA = 1
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


def write_cells(file: Path, results: Sequence[CellResult], called: Called) -> None:
    """Write results in their order; the suffix of ``file`` chooses CSV or JSON."""
    check_cells_output(file)
    try:
        _WRITERS[file.suffix.lower()](file, results, called)
    except OSError as error:
        raise OutputError(f"{file} cannot be written ({error.strerror or error}).") from error


def _write_csv(file: Path, results: Sequence[CellResult], called: Called) -> None:
    profile = str(called.profile) if called.profile else ""
    write_csv(file, _COLUMNS, ([*_row(result), profile] for result in results))


def _row(result: CellResult) -> list[str]:
    probability, alone, not_a_cell = (
        "" if value is None else f"{value:.6f}"
        for value in (result.parasitized_probability, result.probability_alone, result.not_a_cell_probability)
    )
    texts = (text or "" for text in (result.label, result.error, result.remark, result.smear))
    return [result.path, probability, *texts, alone, not_a_cell, result.reference or ""]


def _write_json(file: Path, results: Sequence[CellResult], called: Called) -> None:
    card = called.card
    content = {
        "schema": SCHEMA,
        "model": {"name": card.name, "sha256": card.sha256, "plasmoscope": card.plasmoscope},
        "profile": called.profile.model_dump(mode="json") if called.profile else None,
        "views": called.views,
        "threshold": called.threshold,
        "intended_use": card.intended_use,
        "cells": [asdict(result) for result in results],
    }
    with whole_text(file) as stream:
        stream.write(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


_WRITERS: dict[str, Callable[[Path, Sequence[CellResult], Called], None]] = {
    ".csv": _write_csv,
    ".json": _write_json,
}
