"""From counted cells to parasitaemia with honest intervals. Shares here run from 0 to 1."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from plasmoscope.analysis.called_cells import share_limits
from plasmoscope.analysis.detection import detection
from plasmoscope.analysis.figures import percent, span, three_digits
from plasmoscope.analysis.performance import (
    FALSE_CALLS_ELSEWHERE,
    FOUND_ELSEWHERE,
    LEAST_INFORMED,
    Errors,
    Performance,
)
from plasmoscope.analysis.results import Count, Interval
from plasmoscope.analysis.spread import rates_here
from plasmoscope.errors import PlasmoscopeError
from plasmoscope.messages import mark

# Standard deviations: two-sided 95 % normal quantile.
_Z = 1.959963984540054
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
NOT_MEASURED = (
    "How well the program reads this laboratory's slides has not been measured. Its own figures hold for the NIH's "
    "slides, which it learnt from; on other laboratories' photographs it found {} to {} % of the parasites and made {} "
    "to {} false calls per 1,000 cells. Measure yours: 'plasmoscope evaluate-fields' on your own annotated photographs."
).format(*FOUND_ELSEWHERE, *FALSE_CALLS_ELSEWHERE)
CALLS_CHANGED = mark("A microscopist changed some of the calls, and what was measured are the program's own errors.")
COUNTED_DIFFERENTLY = mark("Not all photographs were analysed in the way that was measured.")


class CountingError(PlasmoscopeError):
    """Something given for the count makes no sense."""


@dataclass(frozen=True)
class RedCellCount:
    """Red cells per microlitre and where the number comes from."""

    per_ul: float
    basis: str


def red_cell_count(red_cells_per_ul: float | None, haematocrit_percent: float | None) -> RedCellCount:
    """The measured count if given, else from the haematocrit, else the stated default of 5,000,000.

    Raises:
        CountingError: a value that no blood has.
    """
    if red_cells_per_ul is not None:
        if not LEAST_RED_CELLS <= red_cells_per_ul <= MOST_RED_CELLS:
            raise CountingError(
                f"{red_cells_per_ul:,.0f} red cells per microlitre is no count of blood; give it as 4500000."
            )
        return RedCellCount(red_cells_per_ul, f"measured: {red_cells_per_ul:,.0f} red cells per microlitre")
    if haematocrit_percent is not None:
        if not LEAST_HAEMATOCRIT <= haematocrit_percent <= MOST_HAEMATOCRIT:
            raise CountingError(
                f"A haematocrit of {haematocrit_percent:g} % is not possible; give it in percent, as 42."
            )
        # Litres of cells per litre of blood over the volume of one; 1 microlitre holds 1e9 femtolitres.
        per_ul = haematocrit_percent / 100 * 1e9 / _MEAN_CELL_VOLUME_FL
        basis = (
            f"from the haematocrit of {haematocrit_percent:g} % and a mean cell volume of "
            f"{_MEAN_CELL_VOLUME_FL:g} fL: {per_ul:,.0f} red cells per microlitre"
        )
        return RedCellCount(per_ul, basis)
    basis = (
        f"assumed: {DEFAULT_RED_CELLS:,} red cells per microlitre, as neither red-cell count nor haematocrit was given"
    )
    return RedCellCount(float(DEFAULT_RED_CELLS), basis)


def wilson(infected: int, counted: int) -> Interval:
    """Share with its 95 % score interval (Wilson 1927)."""
    share = infected / counted
    centre = (share + _Z**2 / (2 * counted)) / (1 + _Z**2 / counted)
    spread = _Z * np.sqrt(share * (1 - share) / counted + _Z**2 / (4 * counted**2)) / (1 + _Z**2 / counted)
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
    not_corrected: str | None = None,
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
        raise CountingError(f"{infected} infected of {counted} counted cells is no count.")
    share = wilson(infected, counted)
    errors = performance.errors if performance and not not_corrected else None
    corrected = rogan_gladen(infected, counted, errors) if errors else None
    return Count(
        counted=counted,
        infected=infected,
        parasitaemia=share.scaled(100),
        corrected=corrected.scaled(100) if corrected else None,
        sensitivity=errors.sensitivity if errors else None,
        specificity=errors.specificity if errors else None,
        performance=performance,
        correction_basis=(not_corrected or _measured(performance)) if performance else NOT_MEASURED,
        # What the program can tell alone is not changed by what people called; what it called is.
        detection=detection(
            counted,
            None if not_corrected == COUNTED_DIFFERENTLY else performance,
            None if not_corrected == CALLS_CHANGED else infected,
        ),
        parasites_per_ul=share.scaled(red_cells.per_ul),
        red_cells_per_ul=red_cells.per_ul,
        red_cells_basis=red_cells.basis,
        statement=_statement(infected, counted, share, red_cells.per_ul),
        advice=_advice(infected, counted, share, enough_cells, precision),
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


def _measured(performance: Performance) -> str:
    errors = performance.errors
    sensitivity, specificity = errors_spans(errors)
    by_patient = [span(interval, percent) for interval in patients_spans(errors)]
    how = "" if performance.by_patient else " (assumed)"
    return (
        f"Assumes a sensitivity of {percent(sensitivity.value)} (95 % interval {span(sensitivity, percent)}) and a "
        f"specificity of {percent(specificity.value)} ({span(specificity, percent)}), as measured on "
        f"{performance.measured_on} on slides of {performance.laboratory}: {errors.positives:,} infected and "
        f"{errors.negatives:,} other cells, {performance.fields:,} photographs, {performance.patients:,} patients, "
        f"95 in 100 of whom have {by_patient[0]} and {by_patient[1]}{how}."
    )


def _statement(infected: int, counted: int, share: Interval, red_cells: float) -> str:
    if infected == 0:
        return (
            f"No infected cell was found among {counted:,} red cells. This does not rule malaria out: up to "
            f"{percent(100 * share.high)} of red cells ({three_digits(share.high * red_cells):,.0f} parasites per "
            "microlitre) may be infected (upper end of the 95 % interval)."
        )
    return (
        f"{infected:,} of {counted:,} red cells were called infected: parasitaemia {percent(100 * share.value)} "
        f"(95 % interval {span(share.scaled(100), percent)}), about "
        f"{three_digits(share.value * red_cells):,.0f} parasites per microlitre."
    )


def _advice(infected: int, counted: int, share: Interval, enough_cells: int, precision: float) -> str | None:
    if counted < enough_cells:
        return f"Keep counting: {enough_cells - counted:,} more red cells to reach {enough_cells:,}."
    reach = max(share.high - share.value, share.value - share.low)
    if infected and reach > precision * share.value and counted < RESEARCH_CELLS:
        return (
            f"For a more exact figure keep counting, up to {RESEARCH_CELLS:,} red cells: the interval still reaches "
            f"{reach / share.value:.0%} to one side of the estimate."
        )
    if infected == 0 and counted < RESEARCH_CELLS:
        return f"To lower the limit keep counting, up to {RESEARCH_CELLS:,} red cells, and look at a thick film."
    return None
