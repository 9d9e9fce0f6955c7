"""An evaluation of sets of fields as files: everything as JSON, and its tables as CSV.

Version 2 of the JSON holds sets; version 1, without a number, was one set.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict

from plasmoscope.analysis.results import Interval
from plasmoscope.csv_tables import write_csv
from plasmoscope.evaluation.fields import (
    Counts,
    FieldsError,
    FieldsEvaluation,
    Figures,
    Intervals,
    ParasiteClass,
)
from plasmoscope.files import replace_file
from plasmoscope.reports.illustrations import encode_png
from plasmoscope.reports.pictures import Picture

EVALUATION_VERSION: Final = 2

_JSON = "evaluation.json"
_SETS = "sets.csv"
_FIELDS = "fields.csv"
_PARASITES = "parasites.csv"
_WORST = "worst_fields.png"


class SetsEvaluation(BaseModel):
    """What ``evaluation.json`` holds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[2] = EVALUATION_VERSION
    sets: tuple[FieldsEvaluation, ...]


def check_evaluation_folder(folder: Path, names: Collection[str]) -> None:
    """Refuse a folder that holds a slide's report, or the evaluation of other photographs, which would be lost.

    Args:
        names: of the photographs to be evaluated.

    Raises:
        FieldsError: saying what it holds.
    """
    what = "a slide's report" if (folder / "slide.json").exists() else None
    if (folder / _JSON).exists():
        try:
            other = _photographs(json.loads((folder / _JSON).read_bytes())).isdisjoint(names)
        except (ValueError, KeyError, TypeError, AttributeError):
            other = True
        what = "an evaluation of other photographs" if other else what
    if what:
        raise FieldsError(f"{folder} holds {what}, which would be lost; choose another folder with --output.")


def write_evaluation(folder: Path, sets: Sequence[FieldsEvaluation], worst: Picture | None = None) -> list[Path]:
    """Write sets as JSON, and tables of the sets, of their fields and of their classes of parasites as CSV.

    Makes the folder; what an earlier evaluation wrote does not stay beside the new one.

    Args:
        worst: the picture of the worst fields, where there is one.

    Returns:
        The files, the JSON first.
    """
    folder.mkdir(parents=True, exist_ok=True)
    replace_file(folder / _JSON, (SetsEvaluation(sets=tuple(sets)).model_dump_json(indent=2) + "\n").encode())
    totals = ("fields", "refused", "refused_by_check")
    write_csv(folder / _SETS, ("set", *totals, *Counts.model_fields, *_interval_columns()), map(_set_row, sets))
    write_csv(
        folder / _FIELDS,
        ("set", "field", "accepted", "failed_checks", *Counts.model_fields, *Figures.model_fields),
        (row for one in sets for row in _field_rows(one)),
    )
    written = [folder / _JSON, folder / _SETS, folder / _FIELDS]
    if any(one.parasite_classes for one in sets):
        rows = ([one.name, *kind.model_dump().values()] for one in sets for kind in one.parasite_classes)
        columns = ("class" if field == "name" else field for field in ParasiteClass.model_fields)
        write_csv(folder / _PARASITES, ("set", *columns), rows)
        written.append(folder / _PARASITES)
    if worst is not None:
        replace_file(folder / _WORST, encode_png(worst))
        written.append(folder / _WORST)
    for old in {_PARASITES, _WORST} - {file.name for file in written}:
        (folder / old).unlink(missing_ok=True)
    return written


def _photographs(evaluation: Mapping[str, Any]) -> set[str]:
    """Names of the photographs of an evaluation of either version."""
    return {field["name"] for one in evaluation.get("sets", [evaluation]) for field in one["fields"]}


def _interval_columns() -> Iterator[str]:
    for figure in Intervals.model_fields:
        yield from (f"{figure}{end}" for end in ("", "_low", "_high"))


def _set_row(one: FieldsEvaluation) -> list[object]:
    checks = "; ".join(f"{check}: {number}" for check, number in one.refused_by_check.items())
    intervals = (cell for figure in Intervals.model_fields for cell in _interval_cells(getattr(one.intervals, figure)))
    return [one.name, len(one.fields), one.refused, checks, *one.counts.model_dump().values(), *intervals]


def _interval_cells(interval: Interval | None) -> tuple[str, str, str]:
    if interval is None:
        return "", "", ""
    return f"{interval.value:.4f}", f"{interval.low:.4f}", f"{interval.high:.4f}"


def _field_rows(one: FieldsEvaluation) -> Iterator[list[object]]:
    for field in one.fields:
        figures = ("" if value is None else f"{value:.4f}" for value in field.figures.model_dump().values())
        checks = "; ".join(field.failed_checks)
        yield [one.name, field.name, field.accepted, checks, *field.counts.model_dump().values(), *figures]
