"""How well whole fields are analysed: red cells found and counted, parasites found, false alarms."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, NonNegativeInt
from pydantic import Field as Bounded

from plasmoscope.analysis.counting import wilson
from plasmoscope.analysis.results import Field, Interval
from plasmoscope.errors import PlasmoscopeError
from plasmoscope.evaluation.boxes import TrueBox
from plasmoscope.evaluation.judging import (
    CentresJudgement,
    Fate,
    Judgement,
    Labels,
    is_difficult,
    judge_centres,
    judge_field,
    plain_label,
)
from plasmoscope.evaluation.matching import IOU, counting_error, mean_absolute_counting_error, share
from plasmoscope.evaluation.metrics import RESAMPLES, bootstrap_weights

# What public data sets call these, in lower case. A box around an infected cell is a red cell and a parasite at once.
INFECTED_CELL_LABELS = frozenset(
    {"infected", "parasitized", "infected cell", "ring", "trophozoite", "schizont", "gametocyte"}
)
RED_CELL_LABELS = INFECTED_CELL_LABELS | {"rbc", "red cell", "red blood cell", "uninfected", "erythrocyte"}
PARASITE_LABELS = INFECTED_CELL_LABELS | {
    "parasite", "p. falciparum", "p. malariae", "p. ovale", "p. vivax", "p. knowlesi"
}  # fmt: skip

_SEED = 0  # the same intervals each time

_Share = Annotated[float, Bounded(ge=0, le=1)]
_PerThousand = Annotated[float, Bounded(ge=0, le=1000)]
_Error = Annotated[float, Bounded(ge=-1)]
_Floats = NDArray[np.float64]


class FieldsError(PlasmoscopeError):
    """Fields cannot be evaluated against the truth given."""


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Counts(_Record):
    """What was counted, in one field or in all. Cut: by the border of the picture or of the field of view."""

    red_cells: NonNegativeInt
    """Boxes of red cells in the truth, but for those aside."""
    red_cells_aside: NonNegativeInt
    """Boxes that are cut, or match a cell that is."""
    red_cells_found: NonNegativeInt
    """Red cells found, but for those aside."""
    red_cells_found_aside: NonNegativeInt
    """Cells found that are cut, match a box that is, or lie in a difficult box."""
    red_cells_matched: NonNegativeInt
    """Red cells found that are such a box."""
    cut_into_pieces: NonNegativeInt
    """Boxes not found that hold the centres of two cells or more that are no such box."""
    run_together: NonNegativeInt
    """Cells found that are no such box but hold the centres of two of those not found, or more."""
    counted: NonNegativeInt
    """Whole red cells found, what the parasitaemia is of; but for those in a difficult box."""
    red_cells_to_count: NonNegativeInt
    """Boxes in the truth that stand against ``counted``: those not aside, and cut ones that were counted."""
    parasites: NonNegativeInt
    """Boxes of parasites in the truth, but for difficult ones."""
    parasites_found: NonNegativeInt
    """Those in a whole cell that was called parasitized."""
    parasites_called_uninfected: NonNegativeInt
    """Those in a whole cell that was found but not called parasitized."""
    parasites_not_told: NonNegativeInt
    """Those in what was outlined, but of which the classifier says that it is no red cell, or that it cannot tell."""
    parasites_in_cut_cells: NonNegativeInt
    """Those in a cut cell, or whose own box is cut where no cell was counted; left out of the count on purpose."""
    parasites_in_no_cell: NonNegativeInt
    """Those where no red cell was found, or the field was refused."""
    not_a_cell: NonNegativeInt
    """Outlined as whole red cells but left out, since the classifier says so."""
    false_calls: NonNegativeInt
    """Counted cells called parasitized that no parasite's box touches."""
    boxed_uninfected: NonNegativeInt
    """Cells found that match the box of a red cell without a parasite."""
    boxed_uninfected_called: NonNegativeInt
    """Those that were called parasitized."""
    centres: NonNegativeInt
    """Labelled centres, where the truth gives these in place of boxes."""
    centres_in_one_outline: NonNegativeInt
    """Those that lie in the outline of exactly one red cell."""
    outlines: NonNegativeInt
    """Outlines of whole red cells in fields whose every cell has its centre labelled."""
    outlines_with_no_centre: NonNegativeInt
    """Those that hold no labelled centre."""
    outlines_with_several_centres: NonNegativeInt
    """Those that hold two or more."""


class Figures(_Record):
    """What follows from the counts. None where nothing decides it."""

    precision: _Share | None
    """Of red cell detection."""
    recall: _Share | None
    """Of red cell detection."""
    f1: _Share | None
    """Of red cell detection."""
    counting_error: _Error | None
    """Share of the red cells by which the count is too high, or too low where negative."""
    parasite_recall: _Share | None
    """Share of the parasites that were found, but for those in cut cells."""
    parasites_lost: _Share | None
    """Share of the same that lie in no cell."""
    not_a_cell_share: _Share | None
    """Share of what was outlined as whole red cells that was left out, being none or nothing that can be told."""
    false_calls_per_1000: _PerThousand | None
    """False alarms per 1,000 counted cells."""
    boxed_false_calls_per_1000: _PerThousand | None
    """False alarms per 1,000 cells that match the box of a red cell without a parasite."""
    centre_recall: _Share | None
    """Share of the labelled centres that lie in exactly one outline."""
    outlines_at_fault: _Share | None
    """Share of the outlines that hold no centre or several, in fields that are labelled throughout."""


class Intervals(_Record):
    """The figures of all fields with their 95 % intervals; None where nothing decides one."""

    precision: Interval | None
    recall: Interval | None
    f1: Interval | None
    mean_absolute_counting_error: Interval | None
    """Mean over the fields, so that too many here do not make up for too few there."""
    parasite_recall: Interval | None
    parasites_lost: Interval | None
    not_a_cell_share: Interval | None
    false_calls_per_1000: Interval | None
    boxed_false_calls_per_1000: Interval | None
    centre_recall: Interval | None
    outlines_at_fault: Interval | None


class ParasiteClass(_Record):
    """What became of the parasites of one class of the truth."""

    name: str
    """As the truth calls them, in lower case."""
    parasites: NonNegativeInt
    found: NonNegativeInt
    called_uninfected: NonNegativeInt
    not_told: NonNegativeInt
    in_cut_cells: NonNegativeInt
    in_no_cell: NonNegativeInt


class FieldEvaluation(_Record):
    """One field against its truth."""

    name: str
    accepted: bool
    """Whether the quality gate let the field be counted; of one that was refused nothing is found."""
    failed_checks: tuple[str, ...]
    """Names of the quality checks for which it was refused."""
    counts: Counts
    figures: Figures


class FieldsEvaluation(_Record):
    """A set of fields against their truth."""

    name: str
    """Of the set."""
    iou: _Share
    """The least intersection over union of a red cell and its box."""
    red_cells_annotated: bool
    """Whether healthy red cells are boxed, too."""
    parasites_annotated: bool
    """Whether parasites are, or none is there."""
    counts: Counts
    figures: Figures
    intervals: Intervals
    refused: NonNegativeInt
    """Fields that the quality gate refused."""
    refused_by_check: dict[str, NonNegativeInt]
    """These by the name of the check that failed; a field stands under each of its own."""
    parasite_classes: tuple[ParasiteClass, ...]
    """The most frequent first."""
    fields: tuple[FieldEvaluation, ...]

    @property
    def mean_absolute_counting_error(self) -> float | None:
        """Mean over the fields of the counting error without its sign."""
        interval = self.intervals.mean_absolute_counting_error
        return interval.value if interval else None


def evaluate_fields(
    analyzed: Mapping[str, Field],
    truth: Mapping[str, Sequence[TrueBox]],
    iou: float = IOU,
    red_cell_labels: Collection[str] = RED_CELL_LABELS,
    parasite_labels: Collection[str] = PARASITE_LABELS,
    name: str = "fields",
    healthy: bool = False,
) -> FieldsEvaluation:
    """Compare what an analysis found with annotated boxes or centres.

    A red cell is found when a detection of its own matches its box at the threshold. A parasite is found when the
    middle of its box lies in the box of a whole cell called parasitized, or both boxes match at the threshold:
    annotators mark now the parasite, now its cell. A whole cell called parasitized that no parasite's box touches is a
    false call. Figures for which the truth has no boxes at all, such as the precision of red cells where only
    parasites or infected cells are annotated, are None. What stands aside: see ``plasmoscope.evaluation.judging``.

    The intervals are percentiles of a bootstrap that draws whole fields (Efron & Tibshirani 1993), since cells of one
    field are alike; a share that holds of none or of all, of which a bootstrap knows nothing, has Wilson's interval.

    Args:
        analyzed: fields by the image's name.
        truth: annotated boxes by the image's name; none in a field without objects.
        iou: the least intersection over union of a match, above 0 and at most 1.
        red_cell_labels: what red cells are called in the truth, in lower case.
        parasite_labels: what parasites or infected cells are called.
        name: of the set.
        healthy: no parasite is in any of the fields, so that every call is false although none is annotated.

    Raises:
        FieldsError: the images are not the same, no label means a red cell or a parasite, or fields of healthy people
            have parasites.
    """
    odd = sorted(set(analyzed) ^ set(truth))
    if odd or not truth:
        raise FieldsError(
            f"Every image needs an analysis and its truth; one is missing for: {', '.join(odd[:5]) or 'all'}."
        )
    red_cells, parasites = what_is_annotated(truth.values(), red_cell_labels, parasite_labels)
    if healthy and parasites:
        raise FieldsError(f"'{name}' is said to be healthy, but parasites are annotated in it.")
    known = _Known(red_cells, parasites or healthy)
    labels = Labels(red_cell_labels, parasite_labels)
    fields = []
    fates: Counter[tuple[str, Fate]] = Counter()
    for image, field in analyzed.items():
        judgement = judge_field(field, truth[image], iou, labels)
        counts = _count(judgement, judge_centres(field, truth[image]))
        fates.update((plain_label(parasite.true.label), parasite.fate) for parasite in judgement.parasites)
        fields.append(
            FieldEvaluation(
                name=image,
                accepted=field.accepted,
                failed_checks=() if field.accepted else tuple(c.name for c in field.checks if not c.passed),
                counts=counts,
                figures=_figures(counts, known),
            )
        )
    total = Counts(**{key: sum(getattr(field.counts, key) for field in fields) for key in Counts.model_fields})
    return FieldsEvaluation(
        name=name,
        iou=iou,
        red_cells_annotated=known.red_cells,
        parasites_annotated=known.parasites,
        counts=total,
        figures=_figures(total, known),
        intervals=_intervals([field.counts for field in fields], total, known),
        refused=sum(not field.accepted for field in fields),
        refused_by_check=dict(Counter(check for field in fields for check in field.failed_checks).most_common()),
        parasite_classes=_classes(fates),
        fields=tuple(fields),
    )


def what_is_annotated(
    truth: Iterable[Sequence[TrueBox]],
    red_cell_labels: Collection[str] = RED_CELL_LABELS,
    parasite_labels: Collection[str] = PARASITE_LABELS,
) -> tuple[bool, bool]:
    """Whether the red cells are boxed, and whether the parasites are.

    Raises:
        FieldsError: there are boxes, but no label means a red cell or a parasite.
    """
    labels = Labels(red_cell_labels, parasite_labels)
    kinds = {true.label: true for boxes in truth for true in boxes if not (true.is_centre or is_difficult(true))}
    parasites = any(labels.parasite(true) for true in kinds.values())
    # Where all boxes are of infected cells, the healthy ones were left out.
    red_cells = any(labels.uninfected(true) for true in kinds.values())
    if kinds and not (red_cells or parasites):
        raise FieldsError(
            f"No label means a red cell or a parasite; there are: {', '.join(sorted(kinds)[:10])}. "
            "Say what they mean, as in --classes 0=parasite,1=red_cell."
        )
    return red_cells, parasites


class _Known(NamedTuple):
    """What the truth tells of."""

    red_cells: bool
    parasites: bool


class _Ratio(NamedTuple):
    """A figure as sums of counts: one over another."""

    of: tuple[str, ...]
    over: tuple[str, ...]
    scale: int = 1
    most: int = 1
    """The largest value that it can have."""
    needs: tuple[str, ...] = ()
    """Without which, of what is known, it would say nothing."""

    def parts(self, counts: Mapping[str, int]) -> tuple[int, int]:
        """Numerator and denominator."""
        return sum(counts[key] for key in self.of), sum(counts[key] for key in self.over)

    def value(self, counts: Mapping[str, int], known: _Known) -> float | None:
        """The figure; None where nothing decides it."""
        if not all(getattr(known, need) for need in self.needs):
            return None
        part, whole = self.parts(counts)
        return share(self.scale * part, whole)


_JUDGED_PARASITES = ("parasites_found", "parasites_called_uninfected", "parasites_not_told", "parasites_in_no_cell")
_RATIOS = {
    "precision": _Ratio(("red_cells_matched",), ("red_cells_found",), needs=("red_cells",)),
    "recall": _Ratio(("red_cells_matched",), ("red_cells",)),
    "f1": _Ratio(("red_cells_matched",), ("red_cells", "red_cells_found"), scale=2, needs=("red_cells",)),
    "parasite_recall": _Ratio(("parasites_found",), _JUDGED_PARASITES),
    "parasites_lost": _Ratio(("parasites_in_no_cell",), _JUDGED_PARASITES),
    "not_a_cell_share": _Ratio(("not_a_cell",), ("not_a_cell", "counted")),
    "false_calls_per_1000": _Ratio(("false_calls",), ("counted",), 1000, 1000, ("parasites",)),
    "boxed_false_calls_per_1000": _Ratio(
        ("boxed_uninfected_called",), ("boxed_uninfected",), 1000, 1000, ("parasites",)
    ),
    "centre_recall": _Ratio(("centres_in_one_outline",), ("centres",)),
    "outlines_at_fault": _Ratio(("outlines_with_no_centre", "outlines_with_several_centres"), ("outlines",)),
}


def _count(judgement: Judgement, centres: CentresJudgement) -> Counts:
    fates = Counter(parasite.fate for parasite in judgement.parasites)
    cells = judgement.cells
    cut_but_counted = sum(
        judgement.box_verdicts[box] == "aside" and cells[cell].counted for box, cell in judgement.pairs
    )
    to_find = sum(verdict != "aside" for verdict in judgement.box_verdicts)
    found = sum(verdict != "aside" for verdict in judgement.cell_verdicts)
    return Counts(
        red_cells=to_find,
        red_cells_aside=len(judgement.boxes) - to_find,
        red_cells_found=found,
        red_cells_found_aside=len(cells) - found,
        red_cells_matched=judgement.box_verdicts.count("right"),
        cut_into_pieces=len(judgement.in_pieces),
        run_together=len(judgement.run_together),
        counted=sum(cell.counted and index not in judgement.difficult for index, cell in enumerate(cells)),
        red_cells_to_count=to_find + cut_but_counted,
        parasites=len(judgement.parasites),
        parasites_found=fates["found"],
        parasites_called_uninfected=fates["called uninfected"],
        parasites_not_told=fates["not told"],
        parasites_in_cut_cells=fates["in a cut cell"],
        parasites_in_no_cell=fates["in no cell"],
        not_a_cell=len(judgement.not_told),
        false_calls=len(judgement.false_calls),
        boxed_uninfected=len(judgement.boxed_uninfected),
        boxed_uninfected_called=sum(bool(cells[index].parasitized) for index in judgement.boxed_uninfected),
        centres=len(centres.held),
        centres_in_one_outline=centres.held.count(1),
        outlines=len(centres.holding),
        outlines_with_no_centre=centres.holding.count(0),
        outlines_with_several_centres=sum(number > 1 for number in centres.holding),
    )


def _figures(counts: Counts, known: _Known) -> Figures:
    numbers = counts.model_dump()
    return Figures(
        counting_error=counting_error(counts.red_cells, counts.red_cells_found) if known.red_cells else None,
        **{figure: ratio.value(numbers, known) for figure, ratio in _RATIOS.items()},
    )


def _intervals(fields: Sequence[Counts], total: Counts, known: _Known) -> Intervals:
    weights = bootstrap_weights(len(fields), None, RESAMPLES, np.random.default_rng(_SEED))
    columns = {key: np.array([getattr(counts, key) for counts in fields], float) for key in Counts.model_fields}
    numbers = total.model_dump()

    def of_ratio(ratio: _Ratio) -> Interval | None:
        value = ratio.value(numbers, known)
        if value is None:
            return None
        part, whole = ratio.parts(numbers)
        if part == 0 or value == ratio.most:
            return wilson(part, part or whole).scaled(ratio.most)
        of, over = (weights @ sum((columns[key] for key in keys), np.zeros(len(fields))) for keys in ratio[:2])
        return _interval(value, ratio.scale * of, over)

    counted = [(counts.red_cells, counts.red_cells_found) for counts in fields if known.red_cells]
    error = mean_absolute_counting_error(counted)
    errors = np.array([abs(found - true) / true if true else 0 for true, found in counted], float)
    return Intervals(
        mean_absolute_counting_error=None
        if error is None
        else _interval(error, weights @ errors, weights @ (columns["red_cells"] > 0)),
        **{figure: of_ratio(ratio) for figure, ratio in _RATIOS.items()},
    )


def _interval(value: float, of: _Floats, over: _Floats) -> Interval:
    """A figure with the percentiles of its resamples, of which those without anything to judge say nothing."""
    draws = of[over > 0] / over[over > 0]
    low, high = np.percentile(draws, [2.5, 97.5])
    return Interval(value=value, low=min(float(low), value), high=max(float(high), value))


def _classes(fates: Mapping[tuple[str, Fate], int]) -> tuple[ParasiteClass, ...]:
    sizes: Counter[str] = Counter()
    for (label, _), number in fates.items():
        sizes[label] += number
    return tuple(
        ParasiteClass(
            name=label,
            parasites=size,
            found=fates.get((label, "found"), 0),
            called_uninfected=fates.get((label, "called uninfected"), 0),
            not_told=fates.get((label, "not told"), 0),
            in_cut_cells=fates.get((label, "in a cut cell"), 0),
            in_no_cell=fates.get((label, "in no cell"), 0),
        )
        for label, size in sizes.most_common()
    )
