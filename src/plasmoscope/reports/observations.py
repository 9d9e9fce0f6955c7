"""A slide's result as coded observations, which FHIR and HL7 v2 carry alike.

Figures have the three digits that people are told (``plasmoscope.i18n.words``), so that a hospital's system shows
what the report says. Whether parasites are present is told in words, never as a code: without an infected cell among
those counted malaria is not ruled out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from plasmoscope.analysis.results import Count, Interval, Readings, Slide
from plasmoscope.i18n.words import three_digits
from plasmoscope.reports.wording import created

Status = Literal["preliminary", "final", "amended"]
Unit = Literal["%", "/uL", "a", "d"]
"""As UCUM writes it."""

_OF_COUNTED = "Infected red cells of those counted"
NOTHING_COUNTED = "None of the photographs could be counted."


class Code(NamedTuple):
    """A code of LOINC."""

    code: str
    display: str


SMEAR = Code("32700-7", "Microscopic observation [Identifier] in Blood by Malaria smear")
AGE = Code("30525-0", "Age")
PRESENCE = Code("51587-4", "Plasmodium sp [Presence] in Blood by Light microscopy")


@dataclass(frozen=True)
class Quantity:
    """A measured value."""

    value: float
    unit: Unit
    below: bool = False
    """The true value lies below: no infected cell was found."""
    low: float | None = None
    high: float | None = None
    """Ends of its 95 % interval, where it has one."""


@dataclass(frozen=True)
class Observation:
    """One thing that was found."""

    code: str
    """What this program calls it."""
    name: str
    value: str | int | Quantity | None
    """None where nothing could be found out; the remark then says why."""
    loinc: Code | None = None
    remark: str = ""
    of_patient: bool = False
    """People said it of the patient; nothing in the blood was looked at for it."""


def status_of(slide: Slide) -> Status:
    """``final`` once somebody has signed it, ``amended`` where that was signed before and then reopened."""
    if slide.status != "signed":
        return "preliminary"
    return "amended" if slide.amended else "final"


def reported_at(slide: Slide) -> datetime:
    """When it was signed, or else put together."""
    return slide.signed_at or created(slide) or datetime.now(UTC)


def conclusion(slide: Slide) -> str:
    """The result in a sentence."""
    said = slide.final or slide.count
    return said.statement if said else NOTHING_COUNTED


def observations(slide: Slide) -> list[Observation]:
    """All that was found, the presence of parasites first, and what was said of the patient that day last."""
    return [*_found(slide), *_of_patient(slide)]


def _of_patient(slide: Slide) -> Iterator[Observation]:
    # A patient's birth date, or an encounter with its day, would be more than anybody said.
    if slide.age_years is not None:
        yield Observation("age", "Age", Quantity(slide.age_years, "a"), AGE, of_patient=True)
    if slide.visit_day is not None:
        told = "Day 0 is the day on which the treatment began."
        day = Quantity(slide.visit_day, "d")
        yield Observation("visit-day", "Day of the follow-up", day, remark=told, of_patient=True)


def _found(slide: Slide) -> list[Observation]:
    if slide.count is None:
        return [Observation("presence", "Malaria parasites", None, PRESENCE, NOTHING_COUNTED)]
    if slide.final is not None and slide.final.parasitaemia is not None:
        return list(_final(slide.final, slide.final.parasitaemia, slide.count))
    presence = Observation("presence", "Malaria parasites", slide.count.statement, PRESENCE)
    return [presence, *_counted(slide.count)]


def _final(final: Readings, percent: Interval, count: Count) -> Iterator[Observation]:
    """What several readers' counts come to; ``count``, the first reader's, tells the red cells per microlitre."""
    each = "; ".join(f"{one.reader}: {one.infected} of {one.counted}" for one in final.readings)
    yield Observation("presence", "Malaria parasites", final.statement, PRESENCE, remark=f"Infected red cells: {each}.")
    if final.species:
        yield Observation("species", "Species that readers named", final.species)
    yield Observation("parasitaemia", _OF_COUNTED, _quantity(percent, "%", not final.positive))
    yield _density(percent.scaled(count.red_cells_per_ul / 100), count, not final.positive)


def _counted(count: Count) -> Iterator[Observation]:
    yield Observation("cells-counted", "Red cells counted", count.counted)
    yield Observation("cells-infected", "Infected red cells among those counted", count.infected)
    none = not count.infected
    yield Observation("parasitaemia", _OF_COUNTED, _quantity(count.parasitaemia, "%", none))
    yield _density(count.parasites_per_ul, count, none)
    # Files of earlier versions hold estimates that rest on the NIH's slides alone.
    if count.corrected is not None and count.performance is not None:
        yield Observation(
            "parasitaemia-corrected",
            "Infected red cells, corrected for wrong calls",
            _quantity(count.corrected, "%", not count.corrected.value),
            remark=count.correction_basis,
        )
    if (detection := count.detection) is not None:
        limits = (
            ("detection-limit", "Limit of detection, by the program's calls alone", detection.limit),
            (
                "detection-limit-reviewed",
                "Limit of detection, with called cells reviewed",
                detection.limit_reviewed,
            ),
        )
        for code, name, limit in limits:
            if limit is not None:
                yield Observation(code, name, Quantity(three_digits(limit), "%"), remark=detection.statement)


def _density(per_ul: Interval, count: Count, none: bool) -> Observation:
    basis = f"From {count.red_cells_per_ul:,.0f} red cells/uL ({count.red_cells_basis})."
    name = "Infected red cells per microlitre of blood"
    return Observation("parasite-density", name, _quantity(per_ul, "/uL", none), remark=basis)


def _quantity(interval: Interval, unit: Unit, below: bool) -> Quantity:
    value, low, high = map(three_digits, (interval.value, interval.low, interval.high))
    return Quantity(high, unit, below=True) if below else Quantity(value, unit, low=low, high=high)
