"""How well whole fields are analysed: red cells found and counted, parasites found, false alarms."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from plasmoscope.analysis.results import Cell, Field
from plasmoscope.csv_tables import write_csv
from plasmoscope.errors import PlasmoscopeError
from plasmoscope.evaluation.boxes import TrueBox
from plasmoscope.evaluation.matching import (
    IOU,
    counting_error,
    intersection_matrix,
    iou_matrix,
    match_boxes,
    mean_absolute_counting_error,
    per_thousand,
    points_in_boxes,
    share,
)
from plasmoscope.files import replace_file

# What public data sets call these, in lower case. A box around an infected cell is a red cell and a parasite at once.
INFECTED_CELL_LABELS = frozenset(
    {"infected", "parasitized", "infected cell", "ring", "trophozoite", "schizont", "gametocyte"}
)
RED_CELL_LABELS = INFECTED_CELL_LABELS | {"rbc", "red cell", "red blood cell", "uninfected", "erythrocyte"}
PARASITE_LABELS = INFECTED_CELL_LABELS | {
    "parasite", "p. falciparum", "p. malariae", "p. ovale", "p. vivax", "p. knowlesi"
}  # fmt: skip

_REPORT_JSON = "evaluation.json"
_REPORT_CSV = "fields.csv"


class FieldsError(PlasmoscopeError):
    """Fields cannot be evaluated against the truth given."""


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Counts(_Record):
    """What was counted, in one field or in all."""

    red_cells: int
    """Boxes of red cells in the truth, those cut by the border included."""
    whole_red_cells: int
    """Those but for the ones that match a cell cut by the border."""
    red_cells_found: int
    """Red cells found, those cut by the border included."""
    red_cells_matched: int
    """Red cells found that are such a box."""
    counted: int
    """Whole red cells found: what the parasitaemia is of."""
    parasites: int
    """Boxes of parasites in the truth."""
    parasites_found: int
    """Those in a whole cell that was called parasitized."""
    parasites_called_uninfected: int
    """Those in a whole cell that was found but not called parasitized."""
    parasites_in_cut_cells: int
    """Those in a cell cut by the border, which is left out of the count on purpose."""
    parasites_in_no_cell: int
    """Those where no red cell was found."""
    false_calls: int
    """Whole red cells called parasitized that no parasite's box touches."""


class Figures(_Record):
    """What follows from the counts. None where nothing decides it."""

    precision: float | None
    """Of red cell detection."""
    recall: float | None
    """Of red cell detection."""
    f1: float | None
    """Of red cell detection."""
    counting_error: float | None
    """Share of the red cells by which the count is too high, or too low where negative."""
    parasite_recall: float | None
    false_calls_per_1000: float | None
    """False alarms per 1,000 counted cells."""


class FieldEvaluation(_Record):
    """One field against its truth."""

    name: str
    accepted: bool
    """Whether the quality gate let the field be counted; of one that was refused nothing is found."""
    counts: Counts
    figures: Figures


class FieldsEvaluation(_Record):
    """All fields against their truth."""

    iou: float
    """The least intersection over union of a red cell and its box."""
    counts: Counts
    figures: Figures
    mean_absolute_counting_error: float | None
    """Mean over the fields, so that too many here do not make up for too few there."""
    fields: tuple[FieldEvaluation, ...]


def evaluate_fields(
    analyzed: Mapping[str, Field],
    truth: Mapping[str, Sequence[TrueBox]],
    iou: float = IOU,
    red_cell_labels: Collection[str] = RED_CELL_LABELS,
    parasite_labels: Collection[str] = PARASITE_LABELS,
) -> FieldsEvaluation:
    """Compare what an analysis found with annotated boxes.

    A red cell is found when a detection of its own matches its box at the threshold. A parasite is found when the
    middle of its box lies in the box of a whole cell called parasitized, or both boxes match at the threshold:
    annotators mark now the parasite, now its cell. A whole cell called parasitized that no parasite's box touches is a
    false call. Figures for which the truth has no boxes at all, such as the precision of red cells where only
    parasites or infected cells are annotated, are None.

    Args:
        analyzed: fields by the image's name.
        truth: annotated boxes by the image's name; none in a field without objects.
        iou: the least intersection over union of a match, above 0 and at most 1.
        red_cell_labels: what red cells are called in the truth, in lower case.
        parasite_labels: what parasites or infected cells are called.

    Raises:
        FieldsError: the images are not the same, or no label means a red cell or a parasite.
    """
    odd = sorted(set(analyzed) ^ set(truth))
    if odd or not truth:
        raise FieldsError(
            f"Every image needs an analysis and its truth; one is missing for: {', '.join(odd[:5]) or 'all'}."
        )
    red_cells_known, parasites_known = what_is_annotated(truth.values(), red_cell_labels, parasite_labels)
    fields = []
    for name, field in analyzed.items():
        counts = _count(field, truth[name], iou, red_cell_labels, parasite_labels)
        figures = _figures(counts, red_cells_known, parasites_known)
        fields.append(FieldEvaluation(name=name, accepted=field.accepted, counts=counts, figures=figures))
    total = Counts(**{key: sum(getattr(field.counts, key) for field in fields) for key in Counts.model_fields})
    return FieldsEvaluation(
        iou=iou,
        counts=total,
        figures=_figures(total, red_cells_known, parasites_known),
        mean_absolute_counting_error=mean_absolute_counting_error(
            (field.counts.red_cells, field.counts.red_cells_found) for field in fields
        )
        if red_cells_known
        else None,
        fields=tuple(fields),
    )


def what_is_annotated(
    truth: Iterable[Sequence[TrueBox]],
    red_cell_labels: Collection[str] = RED_CELL_LABELS,
    parasite_labels: Collection[str] = PARASITE_LABELS,
) -> tuple[bool, bool]:
    """Whether the red cells are annotated, and whether the parasites are.

    Raises:
        FieldsError: there are boxes, but no label means a red cell or a parasite.
    """
    kinds = {box.label for boxes in truth for box in boxes}
    parasites = any(_means(label, parasite_labels) for label in kinds)
    # Where all boxes are of infected cells, the healthy ones were left out.
    red_cells = any(_means(label, red_cell_labels) and not _means(label, parasite_labels) for label in kinds)
    if kinds and not (red_cells or parasites):
        raise FieldsError(
            f"No label means a red cell or a parasite; there are: {', '.join(sorted(kinds)[:10])}. "
            "Say what they mean, as in --classes 0=parasite,1=red_cell."
        )
    return red_cells, parasites


def check_evaluation_folder(folder: Path, names: Collection[str]) -> None:
    """Refuse a folder that holds a slide's report, or the evaluation of other photographs, which would be lost.

    Args:
        names: of the photographs to be evaluated.

    Raises:
        FieldsError: saying what it holds.
    """
    what = "a slide's report" if (folder / "slide.json").exists() else None
    if (folder / _REPORT_JSON).exists():
        try:
            found = json.loads((folder / _REPORT_JSON).read_bytes())["fields"]
            other = {field["name"] for field in found}.isdisjoint(names)
        except (ValueError, KeyError, TypeError):
            other = True
        what = "an evaluation of other photographs" if other else what
    if what:
        raise FieldsError(f"{folder} holds {what}, which would be lost; choose another folder with --output.")


def write_evaluation(folder: Path, evaluation: FieldsEvaluation) -> tuple[Path, Path]:
    """Write everything as JSON and the table of fields as CSV; return the two files. Makes the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    whole, table = folder / _REPORT_JSON, folder / _REPORT_CSV
    replace_file(whole, (evaluation.model_dump_json(indent=2) + "\n").encode())
    write_csv(table, ("field", "accepted", *Counts.model_fields, *Figures.model_fields), map(_row, evaluation.fields))
    return whole, table


def _means(label: str, names: Collection[str]) -> bool:
    return label.strip().lower().replace("_", " ") in names


def _count(
    field: Field,
    truth: Sequence[TrueBox],
    iou: float,
    red_cell_labels: Collection[str],
    parasite_labels: Collection[str],
) -> Counts:
    cells = [cell for cell in field.cells if cell.kind == "red_cell"]
    red_cells = [true.box for true in truth if _means(true.label, red_cell_labels)]
    parasites = [true.box for true in truth if _means(true.label, parasite_labels)]
    matching = match_boxes(red_cells, [cell.box for cell in cells], iou)
    fates = [_fate(parasite, cells, iou) for parasite in parasites]
    called = [cell.box for cell in cells if cell.counted and cell.parasitized]
    touched = (intersection_matrix(called, parasites) > 0).any(axis=1)
    return Counts(
        red_cells=matching.true,
        whole_red_cells=matching.true - sum(cells[found].on_border for _, found in matching.pairs),
        red_cells_found=matching.found,
        red_cells_matched=matching.true_positives,
        counted=field.counted,
        parasites=len(parasites),
        parasites_found=fates.count("found"),
        parasites_called_uninfected=fates.count("called uninfected"),
        parasites_in_cut_cells=fates.count("in a cut cell"),
        parasites_in_no_cell=fates.count("in no cell"),
        false_calls=int((~touched).sum()),
    )


def _fate(parasite: tuple[float, float, float, float], cells: Sequence[Cell], iou: float) -> str:
    left, top, width, height = parasite
    boxes = [cell.box for cell in cells]
    holds = points_in_boxes([(left + width / 2, top + height / 2)], boxes)[0] | (
        iou_matrix([parasite], boxes)[0] >= iou
    )
    holders = [cells[index] for index in np.flatnonzero(holds).tolist()]
    if any(cell.counted and cell.parasitized for cell in holders):
        return "found"
    if any(cell.counted for cell in holders):
        return "called uninfected"
    return "in a cut cell" if holders else "in no cell"


def _figures(counts: Counts, red_cells_known: bool, parasites_known: bool) -> Figures:
    matched, true, found = counts.red_cells_matched, counts.red_cells, counts.red_cells_found
    return Figures(
        precision=share(matched, found) if red_cells_known else None,
        recall=share(matched, true),
        f1=share(2 * matched, true + found) if red_cells_known else None,
        counting_error=counting_error(true, found) if red_cells_known else None,
        parasite_recall=share(counts.parasites_found, counts.parasites),
        false_calls_per_1000=per_thousand(counts.false_calls, counts.counted) if parasites_known else None,
    )


def _row(field: FieldEvaluation) -> list[object]:
    figures = ("" if value is None else f"{value:.4f}" for value in field.figures.model_dump().values())
    return [field.name, field.accepted, *field.counts.model_dump().values(), *figures]
