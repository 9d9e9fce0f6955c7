"""A slide as tables: a row for each object, and a row for each photograph."""

from plasmoscope.analysis.calls import OTHER_OBJECTS, call_of
from plasmoscope.analysis.results import ByPeople, Cell, Slide
from plasmoscope.csv_tables import csv_text
from plasmoscope.reports.wording import reasons_in_english

CELL_COLUMNS = (
    "field",
    "number",
    "kind",
    "call",
    "parasitized_probability",
    "counted",
    "on_border",
    "centre_x",
    "centre_y",
    "left",
    "top",
    "width",
    "height",
    "area",
    "not_a_cell_probability",
    "called_by",
    "looked_at_by",
    "looked_at",
    "outlined_by",
    "stage",
    "species",
)
FIELD_COLUMNS = (
    "field",
    "sha256",
    "width",
    "height",
    "accepted",
    "overridden",
    "reason",
    "red_cells_counted",
    "infected",
    "parasitaemia_percent",
    "cut_by_border",
    *(call.plural for call in OTHER_OBJECTS.values()),
    "cell_diameter",
    "same_place_as",
    "not_a_cell",
)


def cells_csv(slide: Slide) -> str:
    """Every object found; ``counted`` says whether it is in the slide's denominator. Lengths in pixels.

    ``called_by`` is empty where the call is the program's.
    """
    return csv_text(
        CELL_COLUMNS,
        (
            (
                field.name,
                cell.number,
                cell.kind,
                call_of(cell).name,
                _probability(cell.parasitized_probability),
                _yes(field.accepted and cell.counted),
                _yes(cell.on_border),
                f"{cell.centre[0]:.1f}",
                f"{cell.centre[1]:.1f}",
                *cell.box,
                f"{cell.area:g}",
                _probability(cell.not_a_cell_probability),
                *_by_people(cell),
            )
            for field in slide.fields
            for cell in field.cells
        ),
    )


def fields_csv(slide: Slide) -> str:
    """Every photograph, the refused ones with their reason."""
    return csv_text(
        FIELD_COLUMNS,
        (
            (
                field.name,
                field.sha256,
                field.width,
                field.height,
                _yes(field.accepted),
                _yes(field.overridden),
                reasons_in_english(field),
                field.counted,
                field.infected,
                f"{100 * field.infected / field.counted:.4f}" if field.counted else "",
                sum(cell.kind == "red_cell" and cell.on_border for cell in field.cells),
                *(field.count(kind) for kind in OTHER_OBJECTS),
                "" if field.cell_diameter is None else f"{field.cell_diameter:.1f}",
                field.duplicate_of or "",
                field.not_a_cell,
            )
            for field in slide.fields
        ),
    )


def _by_people(cell: Cell) -> tuple[str, ...]:
    by = cell.by_people or ByPeople()
    looked_at = by.looked_at.isoformat(timespec="seconds") if by.looked_at else ""
    said = (by.called_by, by.looked_at_by, looked_at, by.outlined_by, by.stage, by.species)
    return tuple(one or "" for one in said)


def _probability(value: float | None) -> str:
    return "" if value is None else f"{value:.6f}"


def _yes(value: bool) -> str:
    return "yes" if value else "no"
