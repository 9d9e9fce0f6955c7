"""How well the program reads the slides of one laboratory, as measured there; ``evaluate-fields`` writes the file.

A count is corrected for wrong calls with such figures alone. Those of the model's card are of the laboratory that it
learnt from, and on other laboratories' slides it errs otherwise.
"""

import codecs
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from plasmoscope import __version__
from plasmoscope.classification.profile import UsedProfile
from plasmoscope.errors import ToldError
from plasmoscope.files import replace_file
from plasmoscope.messages import Message, message

# Fewer cells say too little of how often the program errs: of 50, a sensitivity is known to some 12 points.
LEAST_INFECTED = 50
# Of 1,000 without a false call, the rate of false calls is known to 3 in 1,000 (the rule of three).
LEAST_UNINFECTED = 1_000
# Below this sum of sensitivity and specificity a call says next to nothing, and nothing can be corrected with it: a
# coin has 1. Set by hand; the correction divides by what is above 1, and so makes any error twenty times as large here.
LEAST_INFORMED = 1.05

# The model that ships on whole fields of laboratories that it did not learn from (docs/results.md): percent of the
# parasites that were found, and healthy red cells of 1,000 that were called infected; the least and the most.
FOUND_ELSEWHERE = (52, 77)
FALSE_CALLS_ELSEWHERE = (0, 4)

# Cells, photographs or patients in a file, at most: what is beyond was written by no laboratory.
_MOST = 10**9
# In one line: it stands within sentences of reports and pages.
_Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")
]
_Number = Annotated[int, Field(ge=0, le=_MOST)]


class PerformanceError(ToldError):
    """A measured performance cannot be used: it is no such file, says too little, or is of another way of calling."""


class Wrong(NamedTuple):
    """Cells of one patient that were called wrongly, of those that were judged."""

    wrong: int
    cells: int


@dataclass(frozen=True)
class Errors:
    """How often cells are called rightly, as shares from 0 to 1, and of how many cells and patients that is known."""

    sensitivity: float
    positives: int
    specificity: float
    negatives: int
    patients: int = 1
    missed: tuple[Wrong, ...] = ()
    """Infected cells not called, by patient; empty where nobody knows which patient a cell is of."""
    false_calls: tuple[Wrong, ...] = ()
    """Uninfected cells called, likewise."""


class PatientCells(BaseModel):
    """What ``Performance`` counts, of one of its patients, who stays unnamed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    infected_judged: _Number
    infected_found: _Number
    infected_not_counted: _Number
    uninfected_judged: _Number
    uninfected_called: _Number

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.infected_found > self.infected_judged or self.uninfected_called > self.uninfected_judged:
            raise ValueError("more cells were called than there are")
        return self


class Performance(BaseModel):
    """What the program made of annotated fields of one laboratory, and how cells were called then.

    Only fields that passed the quality gate are in it, and of these whole cells alone, as in a slide's count.

    Which cells are misses depends on the denominator. A slide's share is of the cells that were *counted*, not of all
    that are there, so a parasite in no counted cell (its cell was overlooked, cut in two, or taken for a white cell)
    is missing above the line and below it. Where healthy cells are lost as often, the share stays what it was, and
    only infected cells that were counted and called uninfected are misses. Where infected cells are lost more often
    than others, what they lack above the line is a miss too, although nobody called them uninfected. Therefore the
    sensitivity is of the infected cells that would be in the count if they were found as often as red cells are:
    all infected cells times counted cells by red cells annotated, and never fewer than were judged. What was counted
    although it is no cell dilutes a count, and is allowed for by the same. Where red cells are not annotated nobody
    knows how often they are found; all are then taken to be, every parasite in no counted cell is a miss, and the
    corrected share errs upwards. An infected cell that was joined with its neighbour is
    judged like any other; the half of a cell that holds no parasite is a healthy cell, here as in every count.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    laboratory: _Name
    """Whose slides these are."""
    photographs: _Name
    """Which ones: the name of their folder."""
    measured_on: date
    fields: Annotated[int, Field(ge=1, le=_MOST)]
    """Photographs that passed the quality gate."""
    patients: Annotated[int, Field(ge=1, le=_MOST)]
    """Whom these are of; sensitivity differs from one to another."""
    plasmoscope: _Name
    """Version of the program, which finds the cells."""
    model: _Name
    model_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    threshold: Annotated[float, Field(ge=0, le=1)]
    views: Annotated[int, Field(ge=1, le=8)]
    profile: UsedProfile | None = None
    """Under which cells were called; None for the model as it ships."""
    infected_judged: _Number
    """Infected cells that were counted."""
    infected_found: _Number
    """Those that were called parasitized."""
    infected_not_counted: _Number
    """Infected cells where no cell was counted; those cut by the border are left out."""
    uninfected_judged: _Number
    """Counted cells without a parasite: all others."""
    uninfected_called: _Number
    """Those that were called parasitized all the same."""
    red_cells: Annotated[int, Field(ge=1, le=_MOST)] | None = None
    """Whole red cells in the annotation; None where healthy ones are not annotated."""
    by_patient: Annotated[tuple[PatientCells, ...], Field(max_length=10_000)] | None = None
    """The same numbers of each patient; None where it was not told which photograph is of whom, as in earlier versions'
    files."""

    @property
    def errors(self) -> Errors:
        """Sensitivity and specificity, of a share of the counted cells."""
        infected = max(1, self._infected(self))
        uninfected = max(1, self.uninfected_judged)
        patients = self.by_patient or ()
        return Errors(
            sensitivity=self.infected_found / infected,
            positives=infected,
            specificity=1 - self.uninfected_called / uninfected,
            negatives=uninfected,
            patients=self.patients,
            missed=tuple(
                Wrong(cells - one.infected_found, cells) for one in patients if (cells := self._infected(one))
            ),
            false_calls=tuple(
                Wrong(one.uninfected_called, one.uninfected_judged) for one in patients if one.uninfected_judged
            ),
        )

    def check(self, model_sha256: str, threshold: float, views: int, profile: UsedProfile | None = None) -> None:
        """Refuse to correct a count whose cells are called in this way.

        Raises:
            PerformanceError: it tells too little, or was measured for cells called in another way; says which.
        """
        if fault := self._fault():
            raise PerformanceError("corrects_no_count", laboratory=self.laboratory, why=fault)
        for what, then, today in (
            ("what_version", self.plasmoscope, __version__),
            ("what_model", self.model_sha256, model_sha256),
            ("what_threshold", self.threshold, threshold),
            ("what_views", self.views, views),
            ("what_profile", str(self.profile or "none"), str(profile or "none")),
        ):
            if then != today:
                raise PerformanceError(
                    "measured_otherwise", laboratory=self.laboratory, what=message(what), then=then, now=today
                )

    @property
    def _counted(self) -> int:
        return self.infected_judged + self.uninfected_judged

    @property
    def _counted_share(self) -> float:
        """Counted cells by annotated ones."""
        return self._counted / self.red_cells if self.red_cells else 1.0

    def _infected(self, of: "Performance | PatientCells") -> int:
        """Infected cells that would be in the count if they were found as often as red cells are."""
        return max(of.infected_judged, round((of.infected_judged + of.infected_not_counted) * self._counted_share))

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.by_patient is not None:
            if len(self.by_patient) != self.patients:
                raise ValueError(f"{len(self.by_patient)} patients stand where there are {self.patients}")
            for name in PatientCells.model_fields:
                if sum(getattr(one, name) for one in self.by_patient) != getattr(self, name):
                    raise ValueError(f"{name} is not the sum of that of all patients")
        if self.patients > self.fields:
            raise ValueError(f"{self.patients} patients cannot be of {self.fields} photographs")
        if self.infected_found > self.infected_judged or self.uninfected_called > self.uninfected_judged:
            raise ValueError("more cells were called than there are")
        return self

    def _fault(self) -> Message | None:
        """Why it corrects no count at all."""
        if self.infected_judged < LEAST_INFECTED or self.uninfected_judged < LEAST_UNINFECTED:
            return message(
                "too_few_measured",
                infected=self.infected_judged,
                others=self.uninfected_judged,
                least_infected=LEAST_INFECTED,
                least_others=LEAST_UNINFECTED,
            )
        if self.red_cells and not 0.5 <= self._counted_share <= 2:
            return message("not_all_annotated", counted=self._counted, annotated=self.red_cells)
        if self.errors.sensitivity + self.errors.specificity < LEAST_INFORMED:
            return message(
                "hardly_better_than_chance",
                sensitivity_percent=100 * self.errors.sensitivity,
                specificity_percent=100 * self.errors.specificity,
            )
        return None


def read_performance(file: Path | str) -> Performance:
    """Read what ``write_performance`` wrote.

    Raises:
        PerformanceError: naming the first thing that is wrong.
    """
    try:
        content = Path(file).read_bytes()
    except OSError as error:
        raise PerformanceError("file_not_read", file=str(file), detail=error.strerror or str(error)) from error
    return parse_performance(content, str(file))


def parse_performance(content: bytes, name: str) -> Performance:
    """The content of such a file.

    Args:
        name: what to call it where it is refused.

    Raises:
        PerformanceError: naming the first thing that is wrong.
    """
    try:
        return Performance.model_validate_json(content.removeprefix(codecs.BOM_UTF8))
    except ValidationError as error:
        raise PerformanceError("no_performance_file", file=name, detail=first_fault(error)) from error


def write_performance(file: Path, performance: Performance) -> None:
    """Write it as JSON, whole or not at all."""
    replace_file(file, (performance.model_dump_json(indent=2) + "\n").encode())


def first_fault(error: ValidationError) -> str:
    """The first thing that is wrong with a record, with its place."""
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"]))
    return f"{where}: {first['msg']}" if where else first["msg"].removeprefix("Value error, ")
