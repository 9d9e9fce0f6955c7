"""Slides as they are reported: with parasites and without, signed and amended, with texts that formats stumble over."""

from datetime import UTC, date, datetime
from typing import Any

from plasmoscope.analysis.results import Slide
from slides import refused, rendered_field, slide_of

IMAGE, FIELD = rendered_field()
_, CLEAN = rendered_field("clean.png", parasitaemia=0.0)
_SIGNED_AT = datetime(2026, 3, 2, 8, 15, tzinfo=UTC)
_SIGNATURE: dict[str, Any] = {"status": "signed", "signed_by": "Grace Okello", "signed_at": _SIGNED_AT}
_PEOPLE = {"microscopist": "Ama Mensah"}
_FOLLOWED_UP = {"age_years": 0.5, "sex": "female", "visit_day": 3}
_DETAILS: dict[str, Any] = {
    "taken_on": date(2026, 3, 1),
    "site": "Gulu",
    "stain": "Giemsa 3 %",
    **_PEOPLE,
    **_FOLLOWED_UP,
}
# Of HL7's borders, of XML and JSON, of right-to-left scripts, and what no text holds.
ODD = 'a|b^c&d~e\\f "<ü>&amp;\r\nMSH|\x00\x1b\ud800 محمد ज़ीरो'

OPEN = slide_of(FIELD, patient="A-203", status="open", **_DETAILS)
SIGNED = slide_of(FIELD, patient="A-203", **_SIGNATURE, **_DETAILS)
AMENDED = SIGNED.model_copy(update={"amended": True})
NONE_FOUND = slide_of(CLEAN, patient="A-203", **_SIGNATURE)
NOTHING_COUNTED = slide_of(refused(FIELD), patient="A-203", status="open")
WITHOUT_PATIENT = slide_of(FIELD, patient=None)
STRANGE = slide_of(
    FIELD, slide=ODD, patient=ODD, site=ODD, preparer=ODD, microscopist=ODD, stain=ODD, notes=(ODD,), status="signed",
    signed_by=ODD, signed_at=_SIGNATURE["signed_at"],
)  # fmt: skip

EVERY: dict[str, Slide] = {
    "open": OPEN,
    "signed": SIGNED,
    "amended": AMENDED,
    "none found": NONE_FOUND,
    "nothing counted": NOTHING_COUNTED,
    "without patient": WITHOUT_PATIENT,
    "strange": STRANGE,
}
