"""From counted cells to parasitaemia with honest intervals. Shares here run from 0 to 1."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from plasmoscope.analysis.called_cells import share_limits
from plasmoscope.analysis.limit_of_detection import limit_of_detection
from plasmoscope.analysis.performance import (
    FALSE_CALLS_ELSEWHERE,
    FOUND_ELSEWHERE,
    LEAST_INFORMED,
    Errors,
    Performance,
)
from plasmoscope.analysis.results import Count, Interval
from plasmoscope.analysis.spread import rates_here
from plasmoscope.errors import ToldError
from plasmoscope.i18n.words import english
from plasmoscope.messages import Message, message

# Standard deviations: two-sided 95 % normal quantile.
Z_95 = 1.959963984540054
# Red cells per microlitre where none are known: a round value within what is normal for adults.
DEFAULT_RED_CELLS = 5_000_000
# What blood can have: set by hand beyond any anaemia or polycythaemia, so that a wrong unit is noticed.
LEAST_RED_CELLS, MOST_RED_CELLS = 100_000, 12_000_000  # per microlitre
LEAST_HAEMATOCRIT, MOST_HAEMATOCRIT = 5, 75  # percent
# Femtolitres: mean volume of a red cell, for a haematocrit without a red-cell count. In adults 80 to 100 are normal.
_MEAN_CELL_VOLUME_FL = 90.0
# Red cells that a routine count and the WHO research protocol ask for.
ENOUGH_CELLS = 1_000
RESEARCH_CELLS = 5_000
# Share of the estimate: WHO asks a count to lie within a quarter of the truth.
DEFAULT_PRECISION = 0.25
# Why a count is not corrected for wrong calls.
NOT_MEASURED = message(
    "not_measured",
    least_found=FOUND_ELSEWHERE[0],
    most_found=FOUND_ELSEWHERE[1],
    least_false=FALSE_CALLS_ELSEWHERE[0],
    most_false=FALSE_CALLS_ELSEWHERE[1],
)
CALLS_CHANGED = message("calls_changed")
COUNTED_DIFFERENTLY = message("counted_differently")


class CountingError(ToldError):
    """Something given for the count makes no sense."""


@dataclass(frozen=True)
class RedCellCount:
    """Red cells per microlitre and where the number comes from."""

    per_ul: float
    basis: Message


def red_cell_count(red_cells_per_ul: float | None, haematocrit_percent: float | None) -> RedCellCount:
    """The measured count if given, else from the haematocrit, else the stated default of 5,000,000.

    Raises:
        CountingError: a value that no blood has.
    """
    if red_cells_per_ul is not None:
        if not LEAST_RED_CELLS <= red_cells_per_ul <= MOST_RED_CELLS:
            raise CountingError("red_cells_impossible", number=round(red_cells_per_ul))
        return RedCellCount(red_cells_per_ul, message("red_cells_measured", red_cells=round(red_cells_per_ul)))
    if haematocrit_percent is not None:
        if not LEAST_HAEMATOCRIT <= haematocrit_percent <= MOST_HAEMATOCRIT:
            raise CountingError("haematocrit_impossible", number=haematocrit_percent)
        # Litres of cells per litre of blood over the volume of one; 1 microlitre holds 1e9 femtolitres.
        per_ul = haematocrit_percent / 100 * 1e9 / _MEAN_CELL_VOLUME_FL
        basis = message(
            "red_cells_from_haematocrit",
            haematocrit_percent=haematocrit_percent,
            volume_fl=_MEAN_CELL_VOLUME_FL,
            red_cells=round(per_ul),
        )
        return RedCellCount(per_ul, basis)
    return RedCellCount(float(DEFAULT_RED_CELLS), message("red_cells_assumed", red_cells=DEFAULT_RED_CELLS))


def wilson(infected: int, counted: int) -> Interval:
    """Share with its 95 % score interval (Wilson 1927)."""
    share = infected / counted
    centre = (share + Z_95**2 / (2 * counted)) / (1 + Z_95**2 / counted)
    spread = Z_95 * np.sqrt(share * (1 - share) / counted + Z_95**2 / (4 * counted**2)) / (1 + Z_95**2 / counted)
    low = 0.0 if infected == 0 else centre - spread
    high = 1.0 if infected == counted else centre + spread
    return Interval(value=share, low=float(max(0.0, low)), high=float(min(1.0, high)))


@lru_cache(maxsize=1_000)
def rogan_gladen(infected: int, counted: int, errors: Errors) -> Interval | None:
    """True share from the apparent one (Rogan & Gladen 1978, doi:10.1093/oxfordjournals.aje.a112510).

    The interval has the shares under which so many calls are no surprise, whatever the rates of this slide's patient
    are among those that patients may have (``spread``): it holds the doubt about the classifier, the differences
    between patients, and the chance in the count.

    Returns:
        None where the classifier is no better than chance.
    """
    informed = errors.sensitivity + errors.specificity - 1
    if informed + 1 < LEAST_INFORMED:
        return None
    value = float(np.clip((infected / counted + errors.specificity - 1) / informed, 0, 1))
    low, high = share_limits(infected, counted, rates_here(errors))
    if not value:
        # Fewer calls than the known errors alone would make: this slide errs less than those they were measured on,
        # and nothing is left to subtract. Then the limit is that of the count itself.
        high = max(high, wilson(infected, counted).high)
    return Interval(value=value, low=min(low, value), high=max(high, value))


def count_slide(
    infected: int,
    counted: int,
    red_cells: RedCellCount,
    performance: Performance | None,
    enough_cells: int = ENOUGH_CELLS,
    precision: float = DEFAULT_PRECISION,
    not_corrected: Message | None = None,
) -> Count:
    """The count of a slide from its cells.

    Args:
        infected: whole red cells called parasitized.
        counted: whole red cells, at least 1.
        red_cells: per microlitre.
        performance: measured on this laboratory's slides, for cells called as these were; without it nothing is
            corrected.
        enough_cells: advise to keep counting below this many cells.
        precision: advise so too while the interval reaches farther than this share of the estimate to either side.
        not_corrected: why the performance does not hold for this count, as ``CALLS_CHANGED``.
    """
    if not 0 <= infected <= counted or counted < 1:
        raise CountingError("impossible_count", infected=infected, counted=counted)
    share = wilson(infected, counted)
    errors = performance.errors if performance and not not_corrected else None
    corrected = rogan_gladen(infected, counted, errors) if errors else None
    statement = _statement(infected, counted, share, red_cells.per_ul)
    advice = _advice(infected, counted, share, enough_cells, precision)
    correction = _correction(performance, not_corrected)
    return Count(
        counted=counted,
        infected=infected,
        parasitaemia=share.scaled(100),
        corrected=corrected.scaled(100) if corrected else None,
        sensitivity=errors.sensitivity if errors else None,
        specificity=errors.specificity if errors else None,
        performance=performance,
        correction_basis=" ".join(map(english, correction)),
        correction_basis_coded=correction,
        # What the program can tell alone is not changed by what people called; what it called is.
        detection=limit_of_detection(
            counted,
            None if not_corrected == COUNTED_DIFFERENTLY else performance,
            None if not_corrected == CALLS_CHANGED else infected,
        ),
        parasites_per_ul=share.scaled(red_cells.per_ul),
        red_cells_per_ul=red_cells.per_ul,
        red_cells_basis=english(red_cells.basis),
        red_cells_basis_coded=(red_cells.basis,),
        statement=english(statement),
        statement_coded=(statement,),
        advice=english(advice) if advice else None,
        advice_coded=(advice,) if advice else (),
    )


def errors_spans(errors: Errors) -> tuple[Interval, Interval]:
    """Sensitivity and specificity in percent, with the intervals that so few cells and patients leave."""
    rates = rates_here(errors)
    return (
        _around(errors.sensitivity, rates.mean_sensitivity).scaled(100),
        _around(errors.specificity, rates.mean_specificity).scaled(100),
    )


def patients_spans(errors: Errors) -> tuple[Interval, Interval]:
    """Sensitivity and specificity in percent, with the intervals in which those of 95 in 100 patients lie."""
    rates = rates_here(errors)
    return (
        _around(errors.sensitivity, rates.patients_sensitivity).scaled(100),
        _around(errors.specificity, rates.patients_specificity).scaled(100),
    )


def _around(value: float, limits: tuple[float, float]) -> Interval:
    return Interval(value=value, low=min(limits[0], value), high=max(limits[1], value))


def _correction(performance: Performance | None, not_corrected: Message | None) -> tuple[Message, ...]:
    if performance is None:
        return (NOT_MEASURED,)
    return (not_corrected,) if not_corrected else _measured(performance)


def _measured(performance: Performance) -> tuple[Message, Message]:
    errors = performance.errors
    sensitivity, specificity = errors_spans(errors)
    measured = message(
        "measured_errors",
        sensitivity_percent=sensitivity.value,
        sensitivity_low_percent=sensitivity.low,
        sensitivity_high_percent=sensitivity.high,
        specificity_percent=specificity.value,
        specificity_low_percent=specificity.low,
        specificity_high_percent=specificity.high,
        measured_on=performance.measured_on.isoformat(),
        laboratory=performance.laboratory,
        infected=errors.positives,
        others=errors.negatives,
        photographs=performance.fields,
        patients=performance.patients,
    )
    patients_sensitivity, patients_specificity = patients_spans(errors)
    return measured, message(
        "patients_measured" if performance.by_patient else "patients_assumed",
        sensitivity_low_percent=patients_sensitivity.low,
        sensitivity_high_percent=patients_sensitivity.high,
        specificity_low_percent=patients_specificity.low,
        specificity_high_percent=patients_specificity.high,
    )


def _statement(infected: int, counted: int, share: Interval, red_cells: float) -> Message:
    if infected == 0:
        return message(
            "none_infected", counted=counted, high_percent=100 * share.high, high_per_ul=share.high * red_cells
        )
    return message(
        "infected_of",
        infected=infected,
        counted=counted,
        share_percent=100 * share.value,
        low_percent=100 * share.low,
        high_percent=100 * share.high,
        share_per_ul=share.value * red_cells,
    )


def _advice(infected: int, counted: int, share: Interval, enough_cells: int, precision: float) -> Message | None:
    if counted < enough_cells:
        return message("keep_counting", more=enough_cells - counted, enough=enough_cells)
    reach = max(share.high - share.value, share.value - share.low)
    if infected and reach > precision * share.value and counted < RESEARCH_CELLS:
        relative = round(100 * reach / share.value)
        return message("keep_counting_for_exactness", most=RESEARCH_CELLS, reach_percent=relative)
    if infected == 0 and counted < RESEARCH_CELLS:
        return message("keep_counting_for_limit", most=RESEARCH_CELLS)
    return None
