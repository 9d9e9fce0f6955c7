"""FHIR: read by ``fhir.resources``, whose models of R4B have these resources as R4 has them."""

import json
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle

from plasmoscope.messages import RESEARCH_USE
from plasmoscope.reports.fhir import fhir_json
from plasmoscope.reports.plain_text import plain_text
from reported import AMENDED, EVERY, NONE_FOUND, NOTHING_COUNTED, ODD, OPEN, SIGNED, STRANGE, WITHOUT_PATIENT


def _resources(slide: Any, kind: str) -> list[dict[str, Any]]:
    entries = json.loads(fhir_json(slide))["entry"]
    return [entry["resource"] for entry in entries if entry["resource"]["resourceType"] == kind]


def _observation(slide: Any, code: str) -> dict[str, Any]:
    return next(one for one in _resources(slide, "Observation") if code in {x["code"] for x in one["code"]["coding"]})


def _addresses_asked_for(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["reference"]} if "reference" in value else set()
        return own.union(*map(_addresses_asked_for, value.values()))
    return set().union(*map(_addresses_asked_for, value)) if isinstance(value, list) else set()


@pytest.mark.parametrize("slide", EVERY.values(), ids=EVERY)
def test_every_slide_is_a_valid_bundle_whose_references_lead_to_its_own_resources(slide: Any) -> None:
    text = fhir_json(slide)
    bundle = Bundle.model_validate_json(text)
    there = {entry.fullUrl for entry in bundle.entry}
    assert len(there) == len(bundle.entry)
    assert _addresses_asked_for(json.loads(text)) == there - {bundle.entry[0].fullUrl}
    assert bundle.entry[0].resource.get_resource_type() == "DiagnosticReport"


def test_the_validator_refuses_what_is_no_report() -> None:
    content = json.loads(fhir_json(SIGNED))
    del content["entry"][0]["resource"]["status"]
    with pytest.raises(ValueError, match="status"):
        Bundle.model_validate(content)


@pytest.mark.parametrize(
    ("slide", "status"),
    [(OPEN, "preliminary"), (WITHOUT_PATIENT, "preliminary"), (SIGNED, "final"), (AMENDED, "amended")],
)
def test_the_report_is_as_final_as_the_slide(slide: Any, status: str) -> None:
    (report,) = _resources(slide, "DiagnosticReport")
    assert {report["status"], *(one["status"] for one in _resources(slide, "Observation"))} == {status}


def test_the_report_says_who_read_the_slide_and_when_it_was_signed() -> None:
    (report,) = _resources(SIGNED, "DiagnosticReport")
    assert report["performer"] == [{"display": "Ama Mensah"}]
    assert report["resultsInterpreter"] == [{"display": "Grace Okello"}]
    assert (report["effectiveDateTime"], report["issued"]) == ("2026-03-01", "2026-03-02T08:15:00+00:00")
    assert "resultsInterpreter" not in _resources(OPEN, "DiagnosticReport")[0]


def test_codes_are_those_of_the_standards() -> None:
    (report,) = _resources(SIGNED, "DiagnosticReport")
    assert (report["code"]["coding"][0]["system"], report["code"]["coding"][0]["code"]) == (
        "http://loinc.org",
        "32700-7",
    )
    assert _observation(SIGNED, "presence")["code"]["coding"][0]["code"] == "51587-4"
    share = _observation(SIGNED, "parasitaemia")["valueQuantity"]
    density = _observation(SIGNED, "parasite-density")["valueQuantity"]
    assert [(one["system"], one["code"]) for one in (share, density)] == [
        ("http://unitsofmeasure.org", "%"),
        ("http://unitsofmeasure.org", "/uL"),
    ]


def test_age_and_day_of_the_follow_up_are_observations_of_the_patient_on_that_day() -> None:
    age, day = _observation(SIGNED, "age"), _observation(SIGNED, "visit-day")
    assert age["code"]["coding"][0] == {"system": "http://loinc.org", "code": "30525-0", "display": "Age"}
    told = [(one["valueQuantity"]["value"], one["valueQuantity"]["code"]) for one in (age, day)]
    assert told == [(0.5, "a"), (3, "d")]
    (patient,) = (entry for entry in _resources(SIGNED, "Patient"))
    assert "birthDate" not in patient, "nobody said when the patient was born"
    for one in (age, day):
        assert one["effectiveDateTime"] == "2026-03-01"
        assert "reference" in one["subject"]
        assert not {"specimen", "method", "device", "category", "performer"} & one.keys(), (
            "nobody looked at blood for them"
        )
    codes = {x["code"] for one in _resources(NONE_FOUND, "Observation") for x in one["code"]["coding"]}
    assert not codes & {"age", "30525-0", "visit-day"}


def test_without_an_infected_cell_the_values_are_upper_limits_and_no_code_says_negative() -> None:
    share = _observation(NONE_FOUND, "parasitaemia")
    assert share["valueQuantity"]["comparator"] == "<"
    assert "component" not in share
    presence = _observation(NONE_FOUND, "presence")
    assert presence["valueCodeableConcept"] == {"text": NONE_FOUND.count.statement}


def test_what_could_not_be_counted_is_absent_with_its_reason() -> None:
    (only,) = _resources(NOTHING_COUNTED, "Observation")
    assert only["dataAbsentReason"]["coding"][0]["code"] == "not-performed"
    assert not [name for name in only if name.startswith("value")]


@pytest.mark.parametrize("slide", EVERY.values(), ids=EVERY)
def test_what_it_is_for_is_said_once(slide: Any) -> None:
    assert fhir_json(slide).count(RESEARCH_USE) == 1


def test_a_patient_without_a_code_is_left_out() -> None:
    assert not _resources(WITHOUT_PATIENT, "Patient")
    assert "subject" not in _resources(WITHOUT_PATIENT, "DiagnosticReport")[0]
    assert _resources(SIGNED, "Patient")[0]["identifier"] == [{"value": "A-203"}]
    assert _resources(SIGNED, "Patient")[0]["gender"] == "female"
    assert "gender" not in _resources(NONE_FOUND, "Patient")[0]


def test_odd_texts_stay_whole_but_for_what_no_text_holds() -> None:
    assert _resources(STRANGE, "Patient")[0]["identifier"] == [{"value": plain_text(ODD)}]
    assert all(part in plain_text(ODD) for part in ("a|b^c&d~e\\f", "محمد", "ज़ीरो"))


def test_resources_keep_their_addresses_when_a_slide_is_signed_and_amended() -> None:
    addresses = [[entry["fullUrl"] for entry in json.loads(fhir_json(one))["entry"]] for one in (OPEN, SIGNED, AMENDED)]
    assert addresses[0] == addresses[1] == addresses[2]
    other = json.loads(fhir_json(SIGNED.model_copy(update={"patient": "B-1"})))["entry"]
    assert not set(addresses[0]) & {entry["fullUrl"] for entry in other}
