"""What an analysis finds, as plain typed records; their JSON form is the documented, versioned schema."""

import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from itertools import accumulate, chain
from operator import sub
from typing import Any, Final, Literal, overload

import pydantic
from pydantic import AwareDatetime, BaseModel, ConfigDict, GetCoreSchemaHandler, field_validator, model_validator
from pydantic.dataclasses import dataclass
from pydantic_core import CoreSchema, core_schema

from plasmoscope.analysis.performance import Performance
from plasmoscope.classification.profile import UsedProfile
from plasmoscope.i18n.sentences import CODES
from plasmoscope.labels import NOT_TOLD, CallName
from plasmoscope.messages import RESEARCH_USE, Message, as_written, message
from plasmoscope.segmentation.vocabulary import Kind

SCHEMA_VERSION: Final = 2
# An outline in JSON: SVG's relative moves, whose numbers a minus sign parts as well as a blank does.
_PATH = r"^m-?\d+(?:(?: | ?-)\d+)*z$"
_PATH_MEANS = (
    "A closed polygon in pixels as the path that SVG draws it by: m, x and y of the first corner, for each further "
    "corner its distance from the one before, right and down, and z."
)
_PATH_LETTERS = re.compile(r"m[-0-9 ]+z")


Sex = Literal["female", "male", "other"]
Stage = Literal["ring", "trophozoite", "schizont", "gametocyte"]
Species = Literal["P. falciparum", "P. vivax", "P. malariae", "P. ovale", "P. knowlesi"]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Interval(_Record):
    """An estimate with the ends of its 95 % interval."""

    value: float
    low: float
    high: float

    def scaled(self, factor: float) -> "Interval":
        """The same in another unit."""
        return Interval(value=self.value * factor, low=self.low * factor, high=self.high * factor)


class QualityCheck(_Record):
    """One question that the quality gate asks of a field."""

    name: str
    """``exposure``, ``cells``, ``focus``, ``resolution``, ``stain``, ``thin_film``, ``density``, ``compression``;
    ``review``: a person rejected it."""
    value: float
    """What was measured."""
    passed: bool
    warning: bool = False
    """It passed, but the field is to be read with care."""
    message: str
    """What was found and, where it failed or warns, what to do about it, in English."""
    message_coded: tuple[Message, ...] = ()
    """The same as code and numbers; empty where an earlier version kept what a person wrote."""

    @property
    def said(self) -> Message:
        """The message as it is told in any language."""
        return self.message_coded[0] if self.message_coded else as_written(self.message)

    @model_validator(mode="before")
    @classmethod
    def _read_earlier(cls, content: object) -> object:
        """Earlier versions' files have the sentences alone."""
        if isinstance(content, dict) and "message_coded" not in content and content.get("message") in CODES:
            return content | {"message_coded": (Message(CODES[content["message"]]),)}
        return content


class Outline(Sequence[tuple[int, int]]):
    """A closed polygon: corners, x and y in pixels.

    It reads like a tuple of pairs, but takes a tenth of the memory: a slide keeps one for each of some thousand cells.
    In JSON it is the path that SVG draws it by: ``m10 20 5 0-2 3z`` has the corners (10, 20), (15, 20) and (13, 23).
    Version 1 of the JSON held a list of pairs, which is still read.
    """

    __slots__ = ("_numbers",)

    def __init__(self, corners: Iterable[tuple[int, int]]) -> None:
        self._numbers = array("i", (number for corner in corners for number in corner))

    @classmethod
    def from_path(cls, path: str) -> "Outline":
        """Read what ``path`` gives.

        Raises:
            ValueError: it is no such path.
        """
        outline = cls(())
        try:
            steps = list(map(int, path[1:-1].replace("-", " -").split())) if _PATH_LETTERS.fullmatch(path) else []
            outline._numbers = numbers = array("i", steps)
            numbers[::2] = array("i", accumulate(steps[::2]))
            numbers[1::2] = array("i", accumulate(steps[1::2]))
        except (OverflowError, ValueError):
            steps = []
        if not steps or len(steps) % 2:
            raise ValueError("an outline is an SVG path such as 'm10 20 5 0-2 3z'")
        return outline

    @property
    def path(self) -> str:
        """The outline as SVG draws it."""
        numbers = self._numbers
        steps = map(sub, numbers, chain((0, 0), numbers))
        return f"m{' '.join(map(str, steps)).replace(' -', '-')}z"

    def __len__(self) -> int:
        return len(self._numbers) // 2

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self._numbers[::2], self._numbers[1::2], strict=True)

    @overload
    def __getitem__(self, index: int) -> tuple[int, int]: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[tuple[int, int], ...]: ...
    def __getitem__(self, index: int | slice) -> tuple[int, int] | tuple[tuple[int, int], ...]:
        return tuple(self)[index]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Outline) and self._numbers == other._numbers

    def __hash__(self) -> int:
        return hash(self._numbers.tobytes())

    def __repr__(self) -> str:
        return f"Outline({list(self)})"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def read(value: Any, read_pairs: Callable[[Any], tuple[tuple[int, int], ...]]) -> Outline:
            return cls.from_path(value) if isinstance(value, str) else cls(read_pairs(tuple(value)))

        return core_schema.no_info_wrap_validator_function(
            read,
            handler(tuple[tuple[int, int], ...]),
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda outline: outline.path,
                return_schema=core_schema.str_schema(
                    pattern=_PATH, metadata={"pydantic_js_updates": {"description": _PATH_MEANS}}
                ),
            ),
        )


@dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class ByPeople:
    """What people did with one object."""

    looked_at_by: str | None = None
    """Whoever looked at it first."""
    looked_at: AwareDatetime | None = None
    called_by: str | None = None
    """Whose call it has; None where it has the program's."""
    outlined_by: str | None = None
    """Who drew its outline, split it from another, or joined it; None where it has the program's."""
    stage: Stage | None = None
    """Noted by hand; the program tells none."""
    species: Species | None = None
    """Likewise."""


# A dataclass with slots: a model of pydantic's takes three times the memory, and there is one for every cell.
@dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class Cell:
    """One object found in a field."""

    number: int
    """From 1, in reading order; the number drawn beside it."""
    kind: Kind
    """``not_a_cell``: outlined as a whole red cell, but to the classifier no red cell, or nothing that it can tell."""
    box: tuple[int, int, int, int]
    """Left, top, width and height in pixels of the upright field."""
    centre: tuple[float, float]
    """x and y in pixels."""
    area: float
    """Pixels."""
    outline: Outline
    on_border: bool
    """Cut by the picture's or the field of view's border: left out of numerator and denominator."""
    parasitized_probability: float | None = None
    """Calibrated P(parasitized); None for what was not outlined as a red cell."""
    parasitized: bool | None = None
    """The call: at the slide's threshold, or a microscopist's (the slide's notes then say how many were changed)."""
    not_a_cell_probability: float | None = None
    """P(not a cell, or nothing that can be told) of what was outlined as a red cell; None where the model tells none.
    """
    by_people: ByPeople | None = None
    """None where nobody did anything with it."""

    @property
    def call(self) -> CallName | None:
        """The same in a word, as ``CellCall.call`` has it; None for what is not called, such as a white cell."""
        if self.kind == NOT_TOLD:
            return NOT_TOLD
        return None if self.parasitized is None else "infected" if self.parasitized else "uninfected"

    @property
    def counted(self) -> bool:
        """Whether it is a whole red cell, infected or not; in numerator or denominator is nothing else."""
        return self.kind == "red_cell" and not self.on_border

    def possibly_infected(self, screening: float | None, threshold: float) -> bool:
        """Whether it is counted and not called, but as likely infected as ``Slide.screening`` asks.

        Args:
            threshold: from which cells are called; a person's "uninfected" above it is no doubt.
        """
        probability = self.parasitized_probability
        if screening is None or probability is None or not self.counted or self.parasitized:
            return False
        return screening <= probability < threshold


class Field(_Record):
    """One photograph."""

    name: str
    """File name, with the page where the file has several, or the number of an array that was given."""
    sha256: str
    """Of the file; of one page of a file, of its pixels as PPM; of an array, of its bytes."""
    width: int
    height: int
    """Of the upright photograph, in whose pixels all coordinates are."""
    orientation: int | None = pydantic.Field(default=None, ge=1, le=8)
    """How the file stores the photograph, by EXIF: 1 is upright. None in results of earlier versions."""
    cell_diameter: float | None
    """Median diameter of the red cells in pixels: the field's scale."""
    checks: tuple[QualityCheck, ...]
    accepted: bool
    """Counted: it passed the quality gate, or the gate was overridden, and it shows no place counted already, or the
    user had it counted all the same."""
    overridden: bool = False
    """The user had it counted although a check failed."""
    duplicate_of: str | None = None
    """Name of the field that shows the same place. Counted once, unless ``accepted`` says that the user had it counted
    all the same."""
    error: str | None = None
    """Why it could not be read; everything else is then empty."""
    error_coded: tuple[Message, ...] = ()
    """The same as code and numbers; empty in earlier versions' files."""
    cells: tuple[Cell, ...] = ()

    @property
    def counted(self) -> int:
        """Whole red cells."""
        return sum(cell.counted for cell in self.cells)

    @property
    def infected(self) -> int:
        """Whole red cells called parasitized."""
        return sum(cell.counted and cell.call == "infected" for cell in self.cells)

    @property
    def not_a_cell(self) -> int:
        """Whole objects outlined as red cells that are left out: to the model no red cells, or it cannot tell."""
        return self.count("not_a_cell")

    @property
    def faults(self) -> tuple[Message, ...]:
        """What the failed checks say."""
        return tuple(check.said for check in self.checks if not check.passed)

    @property
    def warnings(self) -> tuple[Message, ...]:
        """What to read the field with care for."""
        return tuple(check.said for check in self.checks if check.warning)

    @property
    def objections(self) -> tuple[Message, ...]:
        """What speaks against counting it: that it shows a place again, and what the failed checks say."""
        again = (message("same_place", field=self.duplicate_of),) if self.duplicate_of else ()
        return again + self.faults

    def count(self, kind: str) -> int:
        """Objects of a kind, whole or not."""
        return sum(cell.kind == kind for cell in self.cells)


def unreadable(name: str, error: str, coded: tuple[Message, ...] = ()) -> Field:
    """The record of a photograph that could not be read.

    Args:
        error: why, in English.
        coded: the same as code and numbers.
    """
    return Field(
        name=name,
        sha256="",
        width=0,
        height=0,
        cell_diameter=None,
        checks=(),
        accepted=False,
        error=error,
        error_coded=coded,
    )


class Detection(_Record):
    """What so many counted cells can tell of a slide. Parasitaemia is in percent of red cells."""

    limit: float | None
    """The least parasitaemia that is told from a slide without parasites with 95 % probability by the program's calls
    alone; None where none is."""
    limit_reviewed: float | None
    """Likewise after a person has looked at the called cells, so that no false call is left."""
    positive_above: int
    """Called cells; at most 5 % of slides without parasites have more."""
    positive: bool | None = None
    """Whether this slide's called cells are more; None where no number is enough, where people changed calls, and in
    earlier versions' files."""
    measured: Literal["each patient", "all patients", "elsewhere"]
    """What the figures rest on: errors of each patient of this laboratory; those of all together, patients being taken
    to differ widely; or what the program made of other laboratories' photographs."""
    statement: str
    """The same in English sentences."""
    statement_coded: tuple[Message, ...] = ()
    """The same as codes and numbers, one for each sentence; empty in earlier versions' files."""


class Count(_Record):
    """The count of a slide. Parasitaemia is in percent of red cells."""

    counted: int
    infected: int
    parasitaemia: Interval
    """Infected / counted, with the Wilson interval."""
    corrected: Interval | None
    """Corrected for wrong calls (Rogan & Gladen 1978); None unless these were measured on the laboratory's slides.
    """
    sensitivity: float | None
    specificity: float | None
    """What the correction assumes; None without it."""
    performance: Performance | None = None
    """What was measured on the laboratory's own slides; None where nothing was."""
    correction_basis: str = ""
    """On whose slides the correction's figures were measured, or why there is none; empty in earlier versions' files,
    whose corrected estimates rest on the NIH's slides."""
    correction_basis_coded: tuple[Message, ...] = ()
    """The same as codes and numbers, one for each sentence, as of all that is coded here; empty in earlier versions'
    files."""
    detection: Detection | None = None
    """None in earlier versions' files."""
    parasites_per_ul: Interval
    red_cells_per_ul: float
    red_cells_basis: str
    """Where the red cells per microlitre come from: measured, haematocrit, or the stated default."""
    red_cells_basis_coded: tuple[Message, ...] = ()
    """The same as a code and numbers."""
    statement: str
    """The result in a sentence; with no infected cell the upper limit, never "negative"."""
    statement_coded: tuple[Message, ...] = ()
    """The same as a code and numbers."""
    advice: str | None
    """What to do next, such as to keep counting; None when the count suffices."""
    advice_coded: tuple[Message, ...] = ()
    """The same as a code and numbers."""


class Review(_Record):
    """What people have looked at of a slide's cells, as the workstation asks them to, and what that tells of the rest.

    ``called`` are the whole cells that the program called infected, ``uncertain`` what it is uncertain of, ``near``
    those that it did not call but nearly; ``sample`` were drawn at random from the ``rest``.
    """

    called: int
    called_looked_at: int
    uncertain: int
    uncertain_looked_at: int
    near: int
    near_looked_at: int
    sample: int
    sample_looked_at: int
    sample_infected: int
    """Of those looked at, called infected by a person: what the program missed."""
    rest: int
    """Counted cells that are neither called, uncertain nor near."""
    not_looked_at: int
    """Of the rest."""
    misses: Interval | None
    """Infected cells among those ``not_looked_at``, estimated from the sample with the exact interval (Clopper &
    Pearson 1934); None before one of the sample was looked at."""

    @property
    def waiting(self) -> int:
        """Called and uncertain cells that nobody has looked at."""
        return self.called + self.uncertain - self.called_looked_at - self.uncertain_looked_at


class ReadingOfOne(_Record):
    """What one of several readers counted, without knowing of the others' results."""

    reader: str
    infected: int
    counted: int
    """Whole red cells."""
    species: str = ""
    """Empty where the reader names none."""


class Readings(_Record):
    """The blinded readings of a slide that was given to several people."""

    rule: str
    """By which counts are compared: a name that ``plasmoscope agree`` takes."""
    rule_coded: Message
    """How a result names it."""
    complete: bool = False
    """The result is final; all that follows is empty before."""
    readings: tuple[ReadingOfOne, ...] = ()
    """The first is that of this file's calls and count."""
    disagreements: tuple[Literal["presence", "species", "count"], ...] = ()
    """Of the first two."""
    positive: bool | None = None
    parasitaemia: Interval | None = None
    """The final one in percent: the mean of two counts, with the interval of one as large as their mean."""
    mean_of: tuple[str, ...] = ()
    """Whose counts these are."""
    species: str = ""
    """Empty where none was named, or no two readers agree."""
    statement: str = ""
    """The final result in a sentence, with its rule, in English."""
    statement_coded: tuple[Message, ...] = ()
    """The same as a code and values."""


class Slide(_Record):
    """One slide: its fields and its count."""

    schema_version: Literal[2] = SCHEMA_VERSION
    slide: str
    patient: str | None = None
    taken_on: date | None = None
    """The day on which the slide was made."""
    site: str = ""
    preparer: str = ""
    microscopist: str = ""
    stain: str = ""
    age_years: float | None = None
    """Of the patient when the slide was made."""
    sex: Sex | None = None
    visit_day: int | None = None
    """Of a follow-up; 0 is the day on which the treatment began."""
    status: Literal["open", "signed"] | None = None
    """Whether the workstation's record of the slide is signed; None for what was analysed without such a record."""
    signed_by: str | None = None
    signed_at: AwareDatetime | None = None
    amended: bool = False
    """It was signed before, reopened, and signed again; this result replaces the earlier one."""
    created: str
    """ISO date and time at which this result was put together; of a signed slide, at which it was signed."""
    plasmoscope: str
    model: str
    model_sha256: str
    threshold: float
    views: int
    silence: float | None = None
    """P(not a cell) from which an object is left out; None where the model leaves out nothing."""
    screening: float | None = None
    """P(parasitized) from which a cell that is not called deserves a person's look; None in earlier versions' files."""
    infected_from: str = ""
    """Whose infected cells the model learnt from, as its card says; empty where that is not known, as in files of
    earlier versions."""
    provider: str = "cpu"
    """What the networks were computed on (``plasmoscope.providers``)."""
    profile: UsedProfile | None = None
    """Of the laboratory, under which cells were called; None where the model called them as it ships."""
    fields: tuple[Field, ...]
    count: Count | None
    """None where no field could be counted."""
    review: Review | None = None
    """None for what was analysed without a workstation's record, and in earlier versions' files."""
    readings: Readings | None = None
    """Where several people read the slide, blinded; ``count`` and ``fields`` are then the first reader's."""
    notes: tuple[str, ...] = ()
    """What readers are told of the photographs and calls, in English."""
    notes_coded: tuple[Message, ...] = ()
    """The same as codes and numbers, one for each note; empty in earlier versions' files."""
    research_use: str = RESEARCH_USE

    @property
    def final(self) -> Readings | None:
        """The final result of several readers; None where nobody asked for it, or not all are done."""
        return self.readings if self.readings and self.readings.complete else None

    @property
    def not_a_cell(self) -> int:
        """Of the counted fields, ``Field.not_a_cell``."""
        return sum(field.not_a_cell for field in self.fields if field.accepted)

    @property
    def possibly_infected(self) -> int:
        """Cells of the counted fields that are not called, but deserve a person's look (``Cell.possibly_infected``)."""
        cells = (cell for field in self.fields if field.accepted for cell in field.cells)
        return sum(cell.possibly_infected(self.screening, self.threshold) for cell in cells)

    @field_validator("schema_version", mode="before")
    @classmethod
    def _read_earlier(cls, version: object) -> object:
        """What version 1 says otherwise, its outlines, is read as well."""
        return SCHEMA_VERSION if version == 1 else version
