"""What so many counted cells can tell: the limit of detection, and the count above which a slide is positive."""

from plasmoscope.analysis.called_cells import least_told, least_told_reviewed, positive_above
from plasmoscope.analysis.performance import Performance
from plasmoscope.analysis.results import Detection
from plasmoscope.analysis.spread import rates_elsewhere, rates_here
from plasmoscope.i18n.words import english
from plasmoscope.messages import Message, message


def limit_of_detection(counted: int, performance: Performance | None, called: int | None = None) -> Detection:
    """What this many counted cells tell, with errors as measured here, or else as on other laboratories' photographs.

    Args:
        counted: whole red cells, at least 1.
        performance: measured on this laboratory's slides, for cells called as these were.
        called: how many of them the program called infected; None where people changed its calls.
    """
    rates = rates_here(performance.errors) if performance else rates_elsewhere()
    alone, reviewed = least_told(counted, rates), least_told_reviewed(counted, rates)
    above = positive_above(counted, rates)
    # Where no number of calls is enough, this one is not either, and that is said already.
    positive = None if called is None or above >= counted else called > above
    sentences = [_alone(alone, counted), _reviewed(reviewed), _positive(above, counted)]
    if positive is not None:
        sentences.append(message("slide_positive") if positive else message("slide_not_positive"))
    sentences.append(_rests_on(performance))
    return Detection(
        limit=None if alone is None else 100 * alone,
        limit_reviewed=None if reviewed is None else 100 * reviewed,
        positive_above=above,
        positive=positive,
        measured=("each patient" if performance.by_patient else "all patients") if performance else "elsewhere",
        statement=" ".join(map(english, sentences)),
        statement_coded=tuple(sentences),
    )


def _alone(limit: float | None, counted: int) -> Message:
    if limit is None:
        return message("alone_tells_none", counted=counted)
    return message("alone_tells", counted=counted, limit_percent=100 * limit)


def _reviewed(limit: float | None) -> Message:
    return message("reviewed_tells_none") if limit is None else message("reviewed_tells", limit_percent=100 * limit)


def _positive(above: int, counted: int) -> Message:
    return message("never_positive") if above >= counted else message("positive_above", number=above)


def _rests_on(performance: Performance | None) -> Message:
    if performance is None:
        return message("rests_on_elsewhere")
    if performance.by_patient is None:
        return message("rests_on_all_patients", laboratory=performance.laboratory)
    return message("rests_on_each_patient", laboratory=performance.laboratory, patients=performance.patients)
