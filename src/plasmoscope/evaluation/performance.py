"""From evaluated fields to the performance that corrects counts of the same laboratory."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from pydantic import ValidationError

from plasmoscope import __version__
from plasmoscope.analysis.method import Calling
from plasmoscope.analysis.performance import PatientCells, Performance, PerformanceError, first_fault
from plasmoscope.classification.card import ModelCard
from plasmoscope.evaluation.fields import Counts, FieldsEvaluation


def measured_performance(
    evaluation: FieldsEvaluation,
    card: ModelCard,
    how: Calling,
    laboratory: str,
    photographs: str,
    patients: int | Mapping[str, str],
) -> Performance:
    """What was measured, ready to correct counts with; ``Performance`` says which cells are counted as what.

    Args:
        evaluation: of fields whose every parasite is annotated, those without any included.
        card: of the model.
        how: cells were called.
        laboratory: whose slides these are.
        photographs: which ones.
        patients: how many people they are of; or which, by the photograph's name, so that it is measured how far they
            differ.

    Raises:
        PerformanceError: it says too little to correct a count, or makes no sense.
    """
    # Of what the quality gate refuses nothing is counted, on a slide as here.
    accepted = [field for field in evaluation.fields if field.accepted]
    by_patient = None
    if isinstance(patients, Mapping):
        of_patients: dict[str, list[Counts]] = defaultdict(list)
        for field in accepted:
            of_patients[patients[field.name]].append(field.counts)
        by_patient = tuple(PatientCells(**_cells(counts)) for counts in of_patients.values())
    counts = [field.counts for field in accepted]
    try:
        performance = Performance(
            laboratory=laboratory,
            photographs=photographs,
            measured_on=datetime.now(UTC).astimezone().date(),
            fields=len(accepted),
            patients=patients if isinstance(patients, int) else len(by_patient or ()),
            plasmoscope=__version__,
            model=card.name,
            model_sha256=card.sha256,
            threshold=how.threshold,
            views=how.views,
            profile=how.profile,
            red_cells=sum(one.red_cells_to_count for one in counts) if evaluation.red_cells_annotated else None,
            by_patient=by_patient,
            **_cells(counts),
        )
    except ValidationError as error:
        raise PerformanceError("measures_nothing", detail=first_fault(error)) from error
    performance.check(card.sha256, how.threshold, how.views, how.profile)
    return performance


def _cells(fields: Sequence[Counts]) -> dict[str, int]:
    """What was judged of some fields, under the names that ``Performance`` and ``PatientCells`` share."""
    found = sum(counts.parasites_found for counts in fields)
    judged = found + sum(counts.parasites_called_uninfected for counts in fields)
    return {
        "infected_judged": judged,
        "infected_found": found,
        "infected_not_counted": sum(counts.parasites_in_no_cell + counts.parasites_not_told for counts in fields),
        "uninfected_judged": sum(counts.counted for counts in fields) - judged,
        "uninfected_called": sum(counts.false_calls for counts in fields),
    }
