"""HL7 v2: read by ``hl7apy`` against the structure and the types of version 2.5.1."""

from typing import Any

import pytest
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.exceptions import HL7apyException
from hl7apy.parser import parse_message

from plasmoscope.messages import RESEARCH_USE
from plasmoscope.reports.hl7 import hl7_oru
from plasmoscope.reports.plain_text import plain_text
from reported import AMENDED, EVERY, NONE_FOUND, NOTHING_COUNTED, ODD, OPEN, SIGNED, STRANGE, WITHOUT_PATIENT


def _segments(slide: Any, name: str) -> list[list[str]]:
    """Fields by their numbers, as HL7 has them but for those of MSH, which are one too low."""
    return [line.split("|") for line in hl7_oru(slide).split("\r") if line.startswith(f"{name}|")]


def _unescaped(text: str) -> str:
    for escape, sign in (
        (r"\F" "\\", "|"),
        (r"\S" "\\", "^"),
        (r"\T" "\\", "&"),
        (r"\R" "\\", "~"),
        (r"\E" "\\", "\\"),
    ):
        text = text.replace(escape, sign)
    return text


@pytest.mark.parametrize("slide", EVERY.values(), ids=EVERY)
def test_every_slide_is_a_valid_message(slide: Any) -> None:
    text = hl7_oru(slide)
    message = parse_message(text, validation_level=VALIDATION_LEVEL.STRICT, force_validation=True)
    assert message.name == "ORU_R01"
    assert message.to_er7().rstrip("\r") == text.rstrip("\r")


def test_the_validator_refuses_a_message_without_its_request() -> None:
    text = "\r".join(line for line in hl7_oru(SIGNED).split("\r") if not line.startswith("OBR"))
    with pytest.raises(HL7apyException):
        parse_message(text, validation_level=VALIDATION_LEVEL.STRICT, force_validation=True)


@pytest.mark.parametrize(
    ("slide", "status"), [(OPEN, "P"), (WITHOUT_PATIENT, "P"), (SIGNED, "F"), (AMENDED, "C"), (NONE_FOUND, "F")]
)
def test_the_message_is_as_final_as_the_slide(slide: Any, status: str) -> None:
    (request,) = _segments(slide, "OBR")
    assert {request[25], *(found[11] for found in _segments(slide, "OBX"))} == {status}


def test_it_says_who_read_the_slide_and_when_it_was_signed() -> None:
    (request,) = _segments(SIGNED, "OBR")
    assert (request[7], request[22], request[32]) == ("20260301", "20260302081500+0000", "&Grace Okello")
    assert {(found[16], found[23]) for found in _segments(SIGNED, "OBX") if len(found) > 23} == {
        ("^Ama Mensah", "Gulu")
    }


def test_age_and_day_of_the_follow_up_are_observations_of_the_patient_that_no_instrument_made() -> None:
    found = {one[3].split("^")[0]: one for one in _segments(SIGNED, "OBX")}
    assert (found["30525-0"][3], found["30525-0"][5:7]) == ("30525-0^Age^LN", ["0.5", "a^year^UCUM"])
    assert found["visit-day"][5:7] == ["3", "d^day^UCUM"]
    assert {found[name][14] for name in ("30525-0", "visit-day")} == {"20260301"}
    assert all(len(found[name]) < 16 for name in ("30525-0", "visit-day")), "nobody looked at blood for them"
    assert _segments(SIGNED, "PID")[0][7] == "", "nobody said when the patient was born"
    assert not {"30525-0", "visit-day"} & {one[3].split("^")[0] for one in _segments(NONE_FOUND, "OBX")}


def test_codes_and_units_are_those_of_the_standards() -> None:
    assert _segments(SIGNED, "OBR")[0][4].split("^")[::2] == ["32700-7", "LN"]
    found = {one[3].split("^")[0]: one for one in _segments(SIGNED, "OBX")}
    assert found["51587-4"][3].endswith("^LN")
    assert found["parasitaemia"][6] == "%^percent^UCUM"
    assert found["parasite-density"][6] == "/uL^per microlitre^UCUM"


def test_without_an_infected_cell_the_values_are_upper_limits() -> None:
    found = {one[3].split("^")[0]: one for one in _segments(NONE_FOUND, "OBX")}
    assert found["parasitaemia"][2] == "SN"
    assert found["parasitaemia"][5].startswith("<^")
    assert "parasitaemia-interval" not in found


def test_what_could_not_be_counted_says_so() -> None:
    (only,) = _segments(NOTHING_COUNTED, "OBX")
    assert (only[5], only[11]) == ("", "X")
    assert _segments(NOTHING_COUNTED, "OBR")[0][25] == "P"


@pytest.mark.parametrize("slide", EVERY.values(), ids=EVERY)
def test_what_it_is_for_is_said_once(slide: Any) -> None:
    assert hl7_oru(slide).count(RESEARCH_USE) == 1


def test_a_patient_without_a_code_is_left_out() -> None:
    assert not _segments(WITHOUT_PATIENT, "PID")
    assert _segments(SIGNED, "PID")[0][3] == "A-203^^^^PI"
    assert _segments(SIGNED, "PID")[0][8] == "F"
    assert "F" not in _segments(NONE_FOUND, "PID")[0]


def test_no_text_breaks_a_field_or_a_segment() -> None:
    names = [line[:3] for line in hl7_oru(STRANGE).rstrip("\r").split("\r")]
    assert set(names) == {"MSH", "PID", "OBR", "NTE", "OBX", "SPM"}
    assert names.count("MSH") == 1
    code = _segments(STRANGE, "PID")[0][3].split("^")[0]
    assert _unescaped(code) == plain_text(ODD)


def test_the_same_result_is_the_same_message() -> None:
    assert hl7_oru(SIGNED) == hl7_oru(SIGNED)
    numbers = {_segments(one, "MSH")[0][9] for one in (OPEN, SIGNED, AMENDED)}
    assert len(numbers) == 3
    assert all(len(number) == 20 for number in numbers)
