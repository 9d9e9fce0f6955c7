"""Slides dealt from the judged cells of patients: whether intervals and limits of detection hold as they say.

What a patient's cells were called is taken for all of its blood: cells are dealt from it with replacement, so that the
truth of every slide is known. A program's errors are first measured on slides dealt from some of the patients, as a
laboratory measures them; then slides of the others are counted with what was measured.
"""

import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from plasmoscope.analysis.called_cells import least_told, least_told_reviewed, positive_above
from plasmoscope.analysis.counting import rogan_gladen, wilson
from plasmoscope.analysis.performance import Errors, Wrong
from plasmoscope.analysis.spread import rates_here
from plasmoscope.csv_tables import csv_rows
from plasmoscope.data.nih import patient_of
from plasmoscope.errors import PlasmoscopeError
from plasmoscope.labels import CLASS_NAMES, PARASITIZED

# Cells: of a patient with fewer of a kind nothing is known. Set by hand.
_FEWEST_CELLS = 10
# Shares of infected cells that slides are dealt with.
SHARES = (0.0, 0.001, 0.005, 0.01, 0.02, 0.05)
"""Of infected cells in a patient's blood."""


class DealingError(PlasmoscopeError):
    """A table holds nothing to deal slides from."""


@dataclass(frozen=True)
class PatientRates:
    """How a patient's cells are called, as shares from 0 to 1."""

    sensitivity: float
    false_calls: float
    """Of the uninfected cells."""


@dataclass(frozen=True)
class Protocol:
    """How a laboratory measures and counts."""

    counted: int = 1_000
    """Cells of a slide."""
    patients: int = 24
    """On whom the errors are measured."""
    infected: int = 40
    """Cells of each of them."""
    uninfected: int = 400
    by_patient: bool = True
    """Whether it is told which cells are of whom."""
    slides: int = 50
    """Dealt for each measurement, of each kind."""


Kind = Literal["any", "negative", "limit", "limit reviewed"]


@dataclass(frozen=True)
class DealtSlide:
    """A slide whose truth is known, and what was made of it."""

    kind: Kind
    """Of one of the given parasitaemias; without a parasite; at the limit of detection; or at that after a person has
    looked."""
    share: float
    """Of infected cells in the patient's blood."""
    covered: bool
    """Whether the corrected estimate's interval has it."""
    covered_uncorrected: bool
    """Whether Wilson's has."""
    found: bool
    """Whether more cells are called than on most slides without parasites; of the last kind, any infected cell."""


def read_patients_rates(file: Path, threshold: float | None = None) -> list[PatientRates]:
    """How each patient's cells are called at a threshold, from a table of judged cells: CSV, also as ``.csv.gz``.

    Columns: ``patient``, or ``name`` in the NIH's way, which tells the patient; ``truth``, ``Parasitized`` or
    ``Uninfected``; ``probability`` or ``parasitized_probability``; and ``counting_threshold`` where no threshold is
    given. ``plasmoscope evaluate`` writes such tables, and ``plasmoscope compare`` with thresholds. Patients with fewer
    than ten cells of a kind are left out.

    Raises:
        DealingError: it is no such table, or has too few patients.
    """
    content = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    cells: dict[str, tuple[list[bool], list[bool]]] = {}
    try:
        for row in csv_rows(content.decode("utf-8-sig").splitlines()):
            patient = row.get("patient") or patient_of(row["name"])
            probability = float(row.get("probability") or row["parasitized_probability"])
            if patient is None:
                raise DealingError(f"{file}: the name {row['name']} tells no patient; add a column patient.")
            of_kind = cells.setdefault(patient, ([], []))[CLASS_NAMES.index(row["truth"]) == PARASITIZED]
            of_kind.append(probability >= (float(row["counting_threshold"]) if threshold is None else threshold))
    except (KeyError, ValueError) as error:
        raise DealingError(
            f"{file} is no table of judged cells ({error}): it needs the columns patient (or name), truth and "
            "probability, and counting_threshold where no threshold is given."
        ) from error
    rates = [
        PatientRates(float(np.mean(infected)), float(np.mean(uninfected)))
        for uninfected, infected in cells.values()
        if min(len(infected), len(uninfected)) >= _FEWEST_CELLS
    ]
    if not rates:
        raise DealingError(f"{file} has no patient with {_FEWEST_CELLS} cells of each kind.")
    return rates


def deal_slides(
    folds: Sequence[Sequence[PatientRates]],
    measurements: int,
    shares: Sequence[float] = SHARES,
    protocol: Protocol = Protocol(),
    seed: int = 0,
) -> Iterator[DealtSlide]:
    """Measure a program's errors on some patients, and count slides of others; again and again.

    Args:
        folds: patients by the network that judged their cells. Of several folds, each in turn gives the slides, and the
            errors are measured on patients of the others; patients of one are parted by chance.
        measurements: each is of patients drawn anew.
        shares: of infected cells, which the slides of any parasitaemia have in turn.
        protocol: how it is done.
        seed: what all chance comes from.
    """
    rng = np.random.default_rng(seed)
    for number in range(measurements):
        measured, others = _parted(folds, number % len(folds), protocol.patients, rng)
        errors = _measure(measured, protocol, rng)
        rates = rates_here(errors)
        most = positive_above(protocol.counted, rates)
        limits: dict[Kind, float | None] = {
            "negative": 0.0,
            "limit": least_told(protocol.counted, rates),
            "limit reviewed": least_told_reviewed(protocol.counted, rates),
        }
        for slide in range(protocol.slides):
            yield _count("any", shares[slide % len(shares)], others, errors, most, protocol, rng)
            for kind, share in limits.items():
                if share is not None:
                    yield _count(kind, share, others, errors, most, protocol, rng)


def _parted(
    folds: Sequence[Sequence[PatientRates]], dealt: int, number: int, rng: np.random.Generator
) -> tuple[list[PatientRates], Sequence[PatientRates]]:
    """Patients to measure on, drawn anew, and those whose slides are counted: the fold ``dealt``, if not alone."""
    candidates = [one for place, fold in enumerate(folds) if place != dealt or len(folds) == 1 for one in fold]
    if len(candidates) <= number:
        raise DealingError(f"{len(candidates)} patients are too few to measure on {number} and count others.")
    order = [candidates[place] for place in rng.permutation(len(candidates))]
    return order[:number], folds[dealt] if len(folds) > 1 else order[number:]


def _measure(patients: Sequence[PatientRates], protocol: Protocol, rng: np.random.Generator) -> Errors:
    missed, false_calls = [], []
    for patient in patients:
        missed.append(Wrong(int(rng.binomial(protocol.infected, 1 - patient.sensitivity)), protocol.infected))
        false_calls.append(Wrong(int(rng.binomial(protocol.uninfected, patient.false_calls)), protocol.uninfected))
    positives, negatives = len(patients) * protocol.infected, len(patients) * protocol.uninfected
    return Errors(
        sensitivity=1 - sum(one.wrong for one in missed) / positives,
        positives=positives,
        specificity=1 - sum(one.wrong for one in false_calls) / negatives,
        negatives=negatives,
        patients=len(patients),
        missed=tuple(missed) if protocol.by_patient else (),
        false_calls=tuple(false_calls) if protocol.by_patient else (),
    )


def _count(
    kind: Kind,
    share: float,
    patients: Sequence[PatientRates],
    errors: Errors,
    most: int,
    protocol: Protocol,
    rng: np.random.Generator,
) -> DealtSlide:
    patient = patients[int(rng.integers(len(patients)))]
    infected = rng.binomial(protocol.counted, share)
    rightly = int(rng.binomial(infected, patient.sensitivity))
    called = rightly + int(rng.binomial(protocol.counted - infected, patient.false_calls))
    corrected = rogan_gladen(called, protocol.counted, errors)
    plain = wilson(called, protocol.counted)
    return DealtSlide(
        kind=kind,
        share=share,
        covered=corrected is not None and corrected.low <= share <= corrected.high,
        covered_uncorrected=plain.low <= share <= plain.high,
        found=rightly > 0 if kind == "limit reviewed" else called > most,
    )
