"""Slides whose records are made from rendered fields with known truth."""

import hashlib

import cv2
import numpy as np

from measured import measured
from plasmoscope.analysis.counting import count_slide, red_cell_count
from plasmoscope.analysis.results import Cell, Count, Field, Interval, Outline, QualityCheck, Slide
from plasmoscope.segmentation.vocabulary import Kind
from plasmoscope.synthetic.rendering import render_field


def rendered_field(
    name: str = "smear.png", seed: int = 3, parasitaemia: float = 0.2, cells: int = 24, diameter: float = 60
) -> tuple[np.ndarray, Field]:
    """A field and its records, with a platelet and a white cell put among them for the drawing."""
    truth = render_field(seed, 480, 360, cells, parasitaemia, diameter)
    rng = np.random.default_rng(seed)
    found = []
    for number, cell in enumerate(truth.cells, start=1):
        mask = (truth.cell_labels == number).astype(np.uint8)
        contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        left, top, width, height = map(int, cv2.boundingRect(mask))
        outline = max(contours, key=len).reshape(-1, 2)
        probability = float(rng.uniform(0.6, 1) if cell.infected else rng.uniform(0, 0.3)) if cell.whole else None
        found.append(
            Cell(
                number=number,
                kind="red_cell",
                box=(left, top, width, height),
                centre=cell.centre,
                area=float(mask.sum()),
                outline=Outline([(int(x), int(y)) for x, y in outline]),
                on_border=not cell.whole,
                parasitized_probability=probability,
                parasitized=None if probability is None else probability >= 0.5,
            )
        )
    kinds: tuple[Kind, ...] = ("platelet", "white_cell", "precipitate")
    for (x, y), kind in zip(truth.platelets, kinds, strict=False):
        left, top = max(int(x) - 8, 0), max(int(y) - 8, 0)
        right, bottom = min(left + 16, 479), min(top + 16, 359)
        found.append(
            Cell(
                number=len(found) + 1,
                kind=kind,
                box=(left, top, right - left, bottom - top),
                centre=(x, y),
                area=256.0,
                outline=Outline([(left, top), (right, top), (right, bottom), (left, bottom)]),
                on_border=False,
            )
        )
    return truth.image, Field(
        name=name,
        sha256=hashlib.sha256(truth.image.tobytes()).hexdigest(),
        width=480,
        height=360,
        cell_diameter=diameter,
        checks=(QualityCheck(name="focus", value=12.0, passed=True, message="In focus."),),
        accepted=True,
        cells=tuple(found),
    )


def refused(field: Field, message: str = "Out of focus; focus again and photograph once more.") -> Field:
    """The same field as the gate would have refused it."""
    check = QualityCheck(name="focus", value=1.0, passed=False, message=message)
    return field.model_copy(update={"checks": (check,), "accepted": False})


CARE = "the cells lie in heaps; move to where they lie side by side, towards the feathered edge"
"""As the quality gate warns."""


def warned(field: Field, *messages: str) -> Field:
    """The same field as the gate would have passed it with warnings; with that of heaps where none is given."""
    checks = [
        QualityCheck(name="density", value=1.0, passed=True, warning=True, message=message)
        for message in messages or [CARE]
    ]
    return field.model_copy(update={"checks": (*field.checks, *checks)})


def slide_of(*fields: Field, slide: str = "A-17", patient: str | None = "Ama Mensah", **changes: object) -> Slide:
    """A slide of these fields, counted as the analysis counts."""
    taken = [field for field in fields if field.accepted]
    counted, infected = sum(f.counted for f in taken), sum(f.infected for f in taken)
    content = {
        "slide": slide,
        "patient": patient,
        "created": "2026-03-01T09:30:00+00:00",
        "plasmoscope": "0.1.0",
        "model": "mobilenet_v2_96",
        "model_sha256": "0123456789abcdef" * 4,
        "threshold": 0.47,
        "views": 8,
        "fields": fields,
        "count": _count(counted, infected) if counted else None,
        "notes": ("One photograph was taken with another camera than the rest.",),
    }
    return Slide.model_validate(content | changes)


def _count(counted: int, infected: int) -> Count:
    share = 100 * infected / counted
    high = share + 100 * 3.84 / counted
    usual = count_slide(infected, counted, red_cell_count(None, None), measured())
    return Count(
        counted=counted,
        infected=infected,
        parasitaemia=Interval(value=share, low=share / 2, high=high),
        corrected=Interval(value=share * 0.8, low=0, high=high),
        sensitivity=0.9,
        specificity=0.99,
        performance=measured(),
        correction_basis=usual.correction_basis,
        correction_basis_coded=usual.correction_basis_coded,
        detection=usual.detection,
        parasites_per_ul=Interval(value=share * 5e4, low=share / 2 * 5e4, high=high * 5e4),
        red_cells_per_ul=5e6,
        red_cells_basis="assumed; give the patient's own count for a better figure",
        statement=(
            f"{infected} of {counted} red cells were called parasitized."
            if infected
            else f"No parasitized cell among {counted} red cells: parasitaemia is below {high:.2f} % (95 % confidence)."
        ),
        advice="Count at least 2,000 red cells: take more photographs of the thin part of the film.",
    )
