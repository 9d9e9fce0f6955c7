"""What a person wrote into the form of a slide: read, or answered with what is wrong beside each box."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import get_args

from pydantic import BaseModel

from plasmoscope.analysis.counting import CountingError, red_cell_count
from plasmoscope.analysis.results import Sex
from plasmoscope.messages import mark
from plasmoscope.store.days import is_to_come
from plasmoscope.store.records import LONGEST_TEXT
from plasmoscope.store.slides import LAST_VISIT_DAY, OLDEST_YEARS, SlideDetails

_TEXTS = ("patient", "code", "site", "preparer", "microscopist", "stain")
# Thousands may be set apart. A point followed by other than three digits is none of that, and must not vanish.
_WHOLE_NUMBER = re.compile(r"\d+|\d{1,3}([,.'\u2019 \u00a0\u202f]\d{3})+", re.ASCII)
_MISSING = {
    "patient": mark("Give the patient's ID."),
    "code": mark("Give the slide's ID."),
    "taken_on": mark("Give the date on which the slide was made."),
}
_TO_COME = mark("This day is yet to come.")
_AGE = mark("Give an age in years, such as 34, or 0.5 for half a year.")
_VISIT_DAY = mark("Give the day of the follow-up as a whole number, such as 3.")
_WHICH_PATIENT = mark("There is a patient whose ID looks alike. Which one do you mean?")
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
    age_years: str = ""
    sex: str = ""
    visit_day: str = ""
    meant: str = ""
    """The patient that was chosen among those whose codes look alike; the new one, or another."""


@dataclass(frozen=True)
class SlideForm:
    """The form as it was sent."""

    values: Mapping[str, str]
    """As written, by the name of the box."""
    errors: Mapping[str, str]
    """Messages by the name of the box."""
    details: SlideDetails | None
    """What was meant; None where something is wrong."""
    twins: Sequence[str] = ()
    """Codes of patients of whom one may be meant."""


def filled(details: SlideDetails) -> SlideForm:
    """The form with what is known already."""
    values = {name: str(getattr(details, name)) for name in _TEXTS} | {"taken_on": details.taken_on.isoformat()}
    values |= {"sex": details.sex or "", "visit_day": "" if details.visit_day is None else str(details.visit_day)}
    for name in ("haematocrit_percent", "red_cells_per_ul", "age_years"):
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
    elif is_to_come(day):
        errors["taken_on"] = _TO_COME
    haematocrit = red_cells = None
    try:
        haematocrit = _haematocrit(values["haematocrit_percent"])
    except (ValueError, CountingError):
        errors["haematocrit_percent"] = _HAEMATOCRIT
    try:
        red_cells = _red_cells(values["red_cells_per_ul"])
    except (ValueError, CountingError):
        errors["red_cells_per_ul"] = _RED_CELLS
    age = visit_day = None
    try:
        age = _number(values["age_years"], OLDEST_YEARS)
    except ValueError:
        errors["age_years"] = _AGE
    try:
        visit_day = _visit_day(values["visit_day"])
    except ValueError:
        errors["visit_day"] = _VISIT_DAY
    if errors or day is None:
        return SlideForm(values, errors, None)
    texts = {name: values[name] for name in _TEXTS}
    details = SlideDetails(
        taken_on=day,
        haematocrit_percent=haematocrit,
        red_cells_per_ul=red_cells,
        age_years=age,
        sex=next((sex for sex in get_args(Sex) if sex == values["sex"]), None),
        visit_day=visit_day,
        **texts,
    )
    return SlideForm(values, {}, details)


def settle_patient(form: SlideForm, twins: Sequence[str]) -> SlideForm:
    """Ask which patient is meant where a new code looks like that of others, unless that was answered.

    Args:
        twins: codes of those others.
    """
    if form.details is None or not twins:
        return form
    meant = form.values["meant"]
    if meant == form.values["patient"]:
        return form
    if meant in twins:
        return SlideForm({**form.values, "patient": meant}, {}, replace(form.details, patient=meant))
    return SlideForm(form.values, {"patient": _WHICH_PATIENT}, None, twins)


def read_date(text: str) -> date | None:
    """An ISO date; None for anything else."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _number(text: str, most: float) -> float | None:
    if not text:
        return None
    value = float(text.replace(",", "."))
    if not 0 <= value <= most:
        raise ValueError(f"{text} is not from 0 to {most}")
    return value


def _visit_day(text: str) -> int | None:
    if not text:
        return None
    day = int(text)
    if not 0 <= day <= LAST_VISIT_DAY:
        raise ValueError(f"{text} is not from 0 to {LAST_VISIT_DAY}")
    return day


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
