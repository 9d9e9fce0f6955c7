"""From evaluated fields to the performance that corrects counts of the same laboratory."""

from datetime import UTC, datetime

from pydantic import ValidationError

from plasmoscope import __version__
from plasmoscope.analysis.analyze import Calling
from plasmoscope.analysis.performance import Performance, PerformanceError, first_fault
from plasmoscope.classification.card import ModelCard
from plasmoscope.evaluation.fields import FieldsEvaluation


def measured_performance(
    evaluation: FieldsEvaluation, card: ModelCard, how: Calling, laboratory: str, photographs: str, patients: int
) -> Performance:
    """What was measured, ready to correct counts with; ``Performance`` says which cells are counted as what.

    Args:
        evaluation: of fields whose every parasite is annotated, those without any included.
        card: of the model.
        how: cells were called.
        laboratory: whose slides these are.
        photographs: which ones.
        patients: how many people they are of.

    Raises:
        PerformanceError: it says too little to correct a count, or makes no sense.
    """
    # Of what the quality gate refuses nothing is counted, on a slide as here.
    accepted = [field.counts for field in evaluation.fields if field.accepted]
    judged = sum(counts.parasites_found + counts.parasites_called_uninfected for counts in accepted)
    try:
        performance = Performance(
            laboratory=laboratory,
            photographs=photographs,
            measured_on=datetime.now(UTC).astimezone().date(),
            fields=len(accepted),
            patients=patients,
            plasmoscope=__version__,
            model=card.name,
            model_sha256=card.sha256,
            threshold=how.threshold,
            views=how.views,
            infected_judged=judged,
            infected_found=sum(counts.parasites_found for counts in accepted),
            infected_not_counted=sum(counts.parasites_in_no_cell for counts in accepted),
            uninfected_judged=sum(counts.counted for counts in accepted) - judged,
            uninfected_called=sum(counts.false_calls for counts in accepted),
            red_cells=sum(counts.red_cells_to_count for counts in accepted) if evaluation.red_cells_annotated else None,
        )
    except ValidationError as error:
        raise PerformanceError(
            f"These photographs measure nothing to correct counts with: {first_fault(error)}."
        ) from error
    performance.check(card.sha256, how.threshold, how.views)
    return performance
