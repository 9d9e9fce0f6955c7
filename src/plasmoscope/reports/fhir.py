"""A slide as FHIR R4 (http://hl7.org/fhir/R4): a bundle with its DiagnosticReport and all that this refers to.

It is a ``collection``, which a server keeps as it is or an interface engine takes apart: nothing in it replaces another
laboratory's patient of the same code. Its resources keep their addresses when the slide is signed or amended.
"""

import json
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from plasmoscope.analysis.results import Slide
from plasmoscope.reports.observations import (
    SMEAR,
    Code,
    Observation,
    Quantity,
    conclusion,
    observations,
    reported_at,
    status_of,
)
from plasmoscope.reports.plain_text import plain_text

_TABLES = "http://terminology.hl7.org/CodeSystem"
_UCUM = "http://unitsofmeasure.org"
_LABORATORY = {"coding": [{"system": f"{_TABLES}/v2-0074", "code": "LAB", "display": "Laboratory"}]}
_OBSERVED = {"coding": [{"system": f"{_TABLES}/observation-category", "code": "laboratory", "display": "Laboratory"}]}
_BLOOD = {"coding": [{"system": f"{_TABLES}/v2-0487", "code": "BLD", "display": "Whole blood"}], "text": "Thin film"}
_NOT_DONE = {"coding": [{"system": f"{_TABLES}/data-absent-reason", "code": "not-performed"}]}

_Resource = dict[str, Any]


def fhir_json(slide: Slide) -> str:
    """The bundle as JSON. Where the slide has no patient, its report has no subject."""
    first = next((field.sha256 for field in slide.fields if field.sha256), "")

    def address(part: str) -> str:
        return uuid5(NAMESPACE_OID, json.dumps([slide.patient, slide.slide, str(slide.taken_on), first, part])).urn

    found = observations(slide)
    patient, specimen = address("patient") if slide.patient else "", address("specimen")
    about = {
        "subject": {"reference": patient},
        "effectiveDateTime": slide.taken_on.isoformat() if slide.taken_on else _moment(reported_at(slide)),
        "issued": _moment(reported_at(slide)),
        "performer": [{"display": slide.microscopist}],
    }
    results = {address(one.code): _observation(slide, one, about, specimen) for one in found}
    report = {
        "resourceType": "DiagnosticReport",
        "identifier": [{"value": slide.slide}],
        "status": status_of(slide),
        "category": [_LABORATORY],
        "code": _concept("Malaria smear, thin film", SMEAR),
        **about,
        "resultsInterpreter": [{"display": slide.signed_by}],
        "specimen": [{"reference": specimen}],
        "result": [{"reference": result} for result in results],
        "conclusion": conclusion(slide),
    }
    # What the whole report is to be read with stands once, with the first of its observations.
    next(iter(results.values()))["note"] += [{"text": note} for note in (slide.research_use, *slide.notes)]
    resources = {
        address("report"): report,
        **(
            {patient: {"resourceType": "Patient", "identifier": [{"value": slide.patient}], "gender": slide.sex}}
            if patient
            else {}
        ),
        specimen: _specimen(slide, patient),
        **results,
    }
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "timestamp": _moment(reported_at(slide)),
        "entry": [{"fullUrl": url, "resource": resource} for url, resource in resources.items()],
    }
    return json.dumps(_without_nothing(bundle), ensure_ascii=False, indent=2) + "\n"


def _observation(slide: Slide, found: Observation, about: _Resource, specimen: str) -> _Resource:
    told = {
        "resourceType": "Observation",
        "status": status_of(slide),
        "code": _concept(found.name, found.loinc, found.code),
        **about,
        **_value(found.value),
        "note": [{"text": found.remark}],
    }
    if found.of_patient:
        return told | {"performer": []}
    return told | {
        "category": [_OBSERVED],
        "method": {"text": "Light microscopy of a Giemsa-stained thin film, red cells called by a neural network"},
        "specimen": {"reference": specimen},
        "device": {"display": f"Plasmoscope {slide.plasmoscope}, model {slide.model} (SHA-256 {slide.model_sha256})"},
    }


def _value(value: str | int | Quantity | None) -> _Resource:
    if value is None:
        return {"dataAbsentReason": _NOT_DONE}
    if isinstance(value, str):
        return {"valueCodeableConcept": {"text": value}}
    if isinstance(value, int):
        return {"valueInteger": value}
    measured = _quantity(value.value, value.unit)
    if value.below:
        measured["comparator"] = "<"
    interval: _Resource = {}
    if value.low is not None and value.high is not None:
        limits = {"low": _quantity(value.low, value.unit), "high": _quantity(value.high, value.unit)}
        interval["component"] = [{"code": {"text": "95 % interval"}, "valueRange": limits}]
    return {"valueQuantity": measured, **interval}


def _quantity(value: float, unit: str) -> _Resource:
    return {"value": value, "unit": unit, "system": _UCUM, "code": unit}


def _specimen(slide: Slide, patient: str) -> _Resource:
    return {
        "resourceType": "Specimen",
        "accessionIdentifier": {"value": slide.slide},
        "type": _BLOOD,
        "subject": {"reference": patient},
        "collection": {"collectedDateTime": slide.taken_on.isoformat() if slide.taken_on else None},
        "processing": [{"description": f"Stain: {slide.stain}" if slide.stain else ""}],
        "note": [
            {"text": f"{name}: {value}" if value else ""}
            for name, value in (("Site", slide.site), ("Preparer", slide.preparer))
        ],
    }


def _concept(text: str, loinc: Code | None = None, code: str = "") -> _Resource:
    standard = [{"system": "http://loinc.org", **loinc._asdict()}] if loinc else []
    return {"coding": [*standard, {"code": code}], "text": text}


def _moment(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _without_nothing(value: Any) -> Any:
    """FHIR knows no empty text, list or object: what holds nothing is not there."""
    if isinstance(value, str):
        return plain_text(value)
    if isinstance(value, list):
        return [one for one in map(_without_nothing, value) if not _is_nothing(one)]
    if isinstance(value, dict):
        kept = {name: _without_nothing(one) for name, one in value.items()}
        return {name: one for name, one in kept.items() if not _is_nothing(one)}
    return value


def _is_nothing(value: Any) -> bool:
    return value is None or value in ("", [], {})
