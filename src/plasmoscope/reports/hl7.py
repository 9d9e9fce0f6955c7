"""A slide as a message of HL7 version 2.5.1: the unsolicited result ORU^R01, as hospitals' systems take it.

Each segment is a line that ends with a carriage return; to send one over MLLP, put its frame around the file.
"""

import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal

from plasmoscope.analysis.results import Slide
from plasmoscope.reports.observations import (
    SMEAR,
    Code,
    Observation,
    Quantity,
    observations,
    reported_at,
    status_of,
)
from plasmoscope.reports.plain_text import plain_text

_PROGRAM = "PLASMOSCOPE"
_OWN_CODES = f"99{_PROGRAM}"
# Table 0085 and 0123, which say the same by other letters than FHIR; X: nothing could be found out.
_STATUS = {"preliminary": "P", "final": "F", "amended": "C"}
_NOT_DONE = "X"
_SEXES = {"female": "F", "male": "M", "other": "O"}  # table 0001
_UNITS = {"%": ("%", "percent"), "/uL": ("/uL", "per microlitre"), "a": ("a", "year"), "d": ("d", "day")}
_ESCAPES = str.maketrans({sign: f"\\{letter}\\" for sign, letter in zip("|^&~\\", "FSTRE", strict=True)})
_DAY, _MOMENT = "%Y%m%d", "%Y%m%d%H%M%S%z"


def hl7_oru(slide: Slide) -> str:
    """The message in UTF-8, which it says in MSH-18. Where the slide has no patient, it has no PID."""
    segments = list(_segments(slide))
    # The same result is the same message, also when it is sent again.
    number = hashlib.sha256("\r".join(segments).encode()).hexdigest()[:20]
    head = _segment(
        "MSH",
        {
            2: r"^~\&",
            3: _PROGRAM,
            7: _moment(reported_at(slide)),
            9: "ORU^R01^ORU_R01",
            10: number,
            11: "P",
            12: "2.5.1",
            18: "UNICODE UTF-8",
        },
    ).replace("MSH||", "MSH|", 1)
    return "".join(f"{segment}\r" for segment in (head, *segments))


def _segments(slide: Slide) -> Iterator[str]:
    if slide.patient:
        # A name of no known kind stands for the name, which must be there.
        yield _segment(
            "PID",
            {1: "1", 3: _components(slide.patient, "", "", "", "PI"), 5: "^^^^^^U", 8: _SEXES.get(slide.sex or "", "")},
        )
    day = slide.taken_on.strftime(_DAY) if slide.taken_on else ""
    moment, status = _moment(reported_at(slide)), _STATUS[status_of(slide)]
    yield _segment(
        "OBR",
        {
            1: "1",
            3: _components(slide.slide, _PROGRAM),
            4: _code(SMEAR),
            7: day or moment,
            22: moment,
            24: "LAB",
            25: status,
            32: f"&{_escaped(slide.signed_by)}" if slide.signed_by else "",
        },
    )
    yield from _notes(slide.research_use, *slide.notes)
    looked_at = {
        16: _components("", slide.microscopist),
        18: _components(f"Plasmoscope {slide.plasmoscope}, model {slide.model}", _PROGRAM),
        19: moment,
        23: _escaped(slide.site),
    }
    number = 0
    for found in observations(slide):
        for code, kind, value, unit in _values(found):
            number += 1
            yield _segment(
                "OBX",
                {
                    1: str(number),
                    2: kind,
                    3: code,
                    5: value,
                    6: unit,
                    11: status if value else _NOT_DONE,
                    14: day,
                    **({} if found.of_patient else looked_at),
                },
            )
        yield from _notes(found.remark)
    yield _segment("SPM", {1: "1", 2: f"^{_escaped(slide.slide)}&{_PROGRAM}", 4: "BLD^Whole blood^HL70487", 17: day})


def _values(found: Observation) -> Iterator[tuple[str, str, str, str]]:
    """Code, data type, value and unit; a value with an interval is followed by that."""
    code, value = _code(found.loinc, found), found.value
    if value is None or isinstance(value, str):
        yield code, "TX", _escaped(value or ""), ""
    elif isinstance(value, int):
        yield code, "NM", str(value), ""
    else:
        yield from _measured(code, found, value)


def _measured(code: str, found: Observation, value: Quantity) -> Iterator[tuple[str, str, str, str]]:
    unit = _components(*_UNITS[value.unit], "UCUM")
    figure = _figure(value.value)
    yield (code, "SN", f"<^{figure}", unit) if value.below else (code, "NM", figure, unit)
    if value.low is not None and value.high is not None:
        interval = _components(f"{found.code}-interval", f"{found.name}: 95 % interval", _OWN_CODES)
        yield interval, "SN", f"^{_figure(value.low)}^-^{_figure(value.high)}", unit


def _code(loinc: Code | None, found: Observation | None = None) -> str:
    if loinc is not None:
        return _components(*loinc, "LN")
    return _components(found.code, found.name, _OWN_CODES) if found else ""


def _notes(*texts: str) -> Iterator[str]:
    for number, text in enumerate(filter(None, texts), start=1):
        yield _segment("NTE", {1: str(number), 2: "L", 3: _escaped(text)})


def _segment(name: str, fields: Mapping[int, str]) -> str:
    """A segment from its fields by their numbers; those between and behind are empty."""
    last = max(number for number, field in fields.items() if field)
    return "|".join([name, *(fields.get(number, "") for number in range(1, last + 1))])


def _components(*texts: str) -> str:
    return "^".join(map(_escaped, texts)).rstrip("^")


def _escaped(text: str) -> str:
    """One text, in which nothing stands for a border between fields or their parts."""
    return plain_text(text).translate(_ESCAPES)


def _figure(value: float) -> str:
    """A number as HL7 takes it, which knows no exponent."""
    return f"{Decimal(repr(value)).normalize():f}"


def _moment(moment: datetime) -> str:
    return moment.strftime(_MOMENT)
