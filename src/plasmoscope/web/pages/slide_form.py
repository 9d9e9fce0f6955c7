"""What a person wrote into the form of a slide: read, or answered with what is wrong beside each box."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from pydantic import BaseModel

from plasmoscope.analysis.counting import CountingError, red_cell_count
from plasmoscope.messages import mark
from plasmoscope.store.records import LONGEST_TEXT
from plasmoscope.store.slides import SlideDetails

_TEXTS = ("patient", "code", "site", "preparer", "microscopist", "stain")
# Thousands may be set apart. A point followed by other than three digits is none of that, and must not vanish.
_WHOLE_NUMBER = re.compile(r"\d+|\d{1,3}([,.'\u2019 \u00a0\u202f]\d{3})+", re.ASCII)
_MISSING = {
    "patient": mark("Give the patient's ID."),
    "code": mark("Give the slide's ID."),
    "taken_on": mark("Give the date on which the slide was made."),
}
_TOO_LONG = mark("This is too long; shorten it.")
_HAEMATOCRIT = mark("Give a haematocrit that blood can have, such as 42.")
_RED_CELLS = mark("Give a count that blood can have, such as 4500000.")


class SlideBoxes(BaseModel):
    """What was written into each box."""

    patient: str = ""
    code: str = ""
    taken_on: str = ""
    site: str = ""
    preparer: str = ""
    microscopist: str = ""
    stain: str = ""
    haematocrit_percent: str = ""
    red_cells_per_ul: str = ""


@dataclass(frozen=True)
class SlideForm:
    """The form as it was sent."""

    values: Mapping[str, str]
    """As written, by the name of the box."""
    errors: Mapping[str, str]
    """Messages by the name of the box."""
    details: SlideDetails | None
    """What was meant; None where something is wrong."""


def filled(details: SlideDetails) -> SlideForm:
    """The form with what is known already."""
    values = {name: str(getattr(details, name)) for name in _TEXTS} | {"taken_on": details.taken_on.isoformat()}
    for name in ("haematocrit_percent", "red_cells_per_ul"):
        number = getattr(details, name)
        values[name] = "" if number is None else f"{number:g}" if number < 1000 else f"{number:.0f}"
    return SlideForm(values, {}, details)


def read_form(boxes: SlideBoxes) -> SlideForm:
    """Read the form of a slide."""
    values = {name: text.strip() for name, text in boxes.model_dump().items()}
    errors = {name: _MISSING[name] for name in ("patient", "code") if not values[name]}
    errors |= {name: _TOO_LONG for name in _TEXTS if len(values[name]) > LONGEST_TEXT}
    day = read_date(values["taken_on"])
    if day is None:
        errors["taken_on"] = _MISSING["taken_on"]
    haematocrit = red_cells = None
    try:
        haematocrit = _haematocrit(values["haematocrit_percent"])
    except (ValueError, CountingError):
        errors["haematocrit_percent"] = _HAEMATOCRIT
    try:
        red_cells = _red_cells(values["red_cells_per_ul"])
    except (ValueError, CountingError):
        errors["red_cells_per_ul"] = _RED_CELLS
    if errors or day is None:
        return SlideForm(values, errors, None)
    texts = {name: values[name] for name in _TEXTS}
    details = SlideDetails(taken_on=day, haematocrit_percent=haematocrit, red_cells_per_ul=red_cells, **texts)
    return SlideForm(values, {}, details)


def read_date(text: str) -> date | None:
    """An ISO date; None for anything else."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _haematocrit(text: str) -> float | None:
    if not text:
        return None
    value = float(text.removesuffix("%").replace(",", "."))
    red_cell_count(None, value)
    return value


def _red_cells(text: str) -> float | None:
    """However thousands are set apart: 4500000, 4,500,000, 4.500.000 or 4 500 000."""
    if not text:
        return None
    if not _WHOLE_NUMBER.fullmatch(text):
        raise ValueError(f"{text} is no whole number")
    value = float("".join(sign for sign in text if sign.isdigit()))
    red_cell_count(value, None)
    return value
