"""What so many counted cells can tell: the limit of detection, and the count above which a slide is positive."""

from plasmoscope.analysis.called_cells import least_told, least_told_reviewed, positive_above
from plasmoscope.analysis.figures import percent
from plasmoscope.analysis.performance import Performance
from plasmoscope.analysis.results import Detection
from plasmoscope.analysis.spread import rates_elsewhere, rates_here

_MORE = "This slide has more: by the program's calls alone it is positive."
_NO_MORE = (
    "This slide does not have more: by the program's calls alone it is not told from one without parasites, which does "
    "not rule malaria out."
)


def detection(counted: int, performance: Performance | None, called: int | None = None) -> Detection:
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
    sentences += [] if positive is None else [_MORE if positive else _NO_MORE]
    sentences.append(_rests_on(performance))
    return Detection(
        limit=None if alone is None else 100 * alone,
        limit_reviewed=None if reviewed is None else 100 * reviewed,
        positive_above=above,
        positive=positive,
        measured=("each patient" if performance.by_patient else "all patients") if performance else "elsewhere",
        statement=" ".join(sentences),
    )


def _alone(limit: float | None, counted: int) -> str:
    if limit is None:
        return (
            f"With {counted:,} red cells counted, the program's calls alone tell no parasitaemia from a slide without "
            "parasites with 95 % probability."
        )
    return (
        f"With {counted:,} red cells counted, the program's calls alone tell a slide with a parasitaemia of "
        f"{percent(100 * limit)} or more from one without parasites with 95 % probability."
    )


def _reviewed(limit: float | None) -> str:
    if limit is None:
        return "After a person has looked at every called cell they tell none either."
    return (
        f"After a person has looked at every called cell they tell a parasitaemia of {percent(100 * limit)} or more: "
        "then no false call is left, and only missed parasites matter."
    )


def _positive(above: int, counted: int) -> str:
    if above >= counted:
        return "No number of called cells makes a slide positive before a person has looked at them."
    return (
        f"Until a person has looked at them, more than {above:,} called cells make a slide positive: at most 5 % of "
        "slides without parasites have more."
    )


def _rests_on(performance: Performance | None) -> str:
    if performance is None:
        return (
            "How well cells are called so on this laboratory's slides has not been measured: this allows for all that "
            "was seen on other laboratories', and may be better or worse here."
        )
    if performance.by_patient is None:
        return (
            f"This rests on the figures of {performance.laboratory}. How far its patients differ was not measured; it "
            "is taken to be far, which raises the limits."
        )
    return (
        f"This rests on the figures of {performance.laboratory}, and on how far its {performance.patients:,} patients "
        "differed."
    )
