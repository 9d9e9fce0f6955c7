"""What ``evaluate-fields`` prints: a table for each question, with a row for each set."""

from collections.abc import Callable, Sequence

from rich import box
from rich.markup import escape
from rich.table import Table

from plasmoscope.analysis.results import Interval
from plasmoscope.cli.console import console
from plasmoscope.evaluation.fields import Counts, FieldsEvaluation, Figures

_SHOWN = 40  # fields in the terminal's table; the file has all


def show_fields(evaluation: FieldsEvaluation) -> None:
    """The fields of one set, a row each."""
    table = _table(
        f"{len(evaluation.fields):,} fields against their truth (IoU {evaluation.iou:g})",
        "field",
        ("red\ncells", "found", "F1", "count", "parasites", "found", "false\ncalls", "per\n1,000"),
    )
    for field in evaluation.fields[:_SHOWN]:
        name = escape(field.name) + ("" if field.accepted else " [yellow](not accepted)[/]")
        table.add_row(name, *_field_cells(field.counts, field.figures))
    if len(evaluation.fields) > _SHOWN:
        table.add_row(f"... and {len(evaluation.fields) - _SHOWN:,} more")
    table.add_section()
    table.add_row("[bold]all", *_field_cells(evaluation.counts, evaluation.figures))
    console.print(table)


def show_sets(sets: Sequence[FieldsEvaluation]) -> None:
    """Sets, a row each in every table that their truth has something for."""
    _show_refused(sets)
    _show(
        "Red cells, % (below: 95 % interval by field); cut and difficult ones aside",
        ("cells", "precision", "recall", "F1", "count\noff by", "in\npieces", "run\ntogether"),
        [one for one in sets if one.counts.red_cells],
        lambda one: (
            f"{one.counts.red_cells:,}",
            _percent(one.intervals.precision),
            _percent(one.intervals.recall),
            _percent(one.intervals.f1),
            _percent(one.intervals.mean_absolute_counting_error),
            f"{one.counts.cut_into_pieces:,}",
            f"{one.counts.run_together:,}",
        ),
    )
    _show(
        "Labelled centres, % (below: 95 % interval by field)",
        ("centres", "in one\noutline", "outlines", "with\nnone", "with\nseveral", "at fault"),
        [one for one in sets if one.counts.centres],
        lambda one: (
            f"{one.counts.centres:,}",
            _percent(one.intervals.centre_recall),
            f"{one.counts.outlines:,}",
            f"{one.counts.outlines_with_no_centre:,}",
            f"{one.counts.outlines_with_several_centres:,}",
            _percent(one.intervals.outlines_at_fault),
        ),
    )
    _show_parasites([one for one in sets if one.parasite_classes])
    _show(
        "Not a red cell, or not told: left out of the count (below: 95 % interval by field)",
        ("outlined", "left out", "%"),
        [one for one in sets if one.counts.not_a_cell],
        lambda one: (
            f"{one.counts.counted + one.counts.not_a_cell:,}",
            f"{one.counts.not_a_cell:,}",
            _percent(one.intervals.not_a_cell_share),
        ),
    )
    _show(
        "False calls (below: 95 % interval by field)",
        ("cells\ncounted", "called", "per\n1,000", "boxed as\nuninfected", "called", "per\n1,000"),
        [one for one in sets if one.parasites_annotated and one.counts.counted],
        lambda one: (
            f"{one.counts.counted:,}",
            f"{one.counts.false_calls:,}",
            _plain(one.intervals.false_calls_per_1000),
            f"{one.counts.boxed_uninfected:,}",
            f"{one.counts.boxed_uninfected_called:,}",
            _plain(one.intervals.boxed_false_calls_per_1000),
        ),
    )


def _show_refused(sets: Sequence[FieldsEvaluation]) -> None:
    table = _table("Fields refused by the quality gate; all that they hold is missed", "set", ("fields", "refused"))
    table.add_column("failed check", overflow="fold")
    for one in sets:
        checks = ", ".join(f"{escape(check)} {number:,}" for check, number in one.refused_by_check.items())
        table.add_row(escape(one.name), f"{len(one.fields):,}", f"{one.refused:,}", checks)
    console.print(table)


def _show_parasites(sets: Sequence[FieldsEvaluation]) -> None:
    if not sets:
        return
    table = _table("Parasites; % found is but for those in cut cells", "set", ())
    table.add_column("class", overflow="fold")
    for heading in ("boxed", "found", "% found", "called\nuninfected", "not\ntold", "in no\ncell", "in cut\ncells"):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in sets:
        for kind in one.parasite_classes:
            judged = kind.parasites - kind.in_cut_cells
            table.add_row(
                escape(one.name),
                escape(kind.name),
                f"{kind.parasites:,}",
                f"{kind.found:,}",
                f"{100 * kind.found / judged:.1f}" if judged else "-",
                f"{kind.called_uninfected:,}",
                f"{kind.not_told:,}",
                f"{kind.in_no_cell:,}",
                f"{kind.in_cut_cells:,}",
            )
        counts = one.counts
        table.add_row(
            escape(one.name),
            "[bold]all",
            f"{counts.parasites:,}",
            f"{counts.parasites_found:,}",
            _percent(one.intervals.parasite_recall),
            f"{counts.parasites_called_uninfected:,}",
            f"{counts.parasites_not_told:,}",
            f"{counts.parasites_in_no_cell:,}",
            f"{counts.parasites_in_cut_cells:,}",
            end_section=True,
        )
    console.print(table)


def _show(
    title: str,
    headings: Sequence[str],
    sets: Sequence[FieldsEvaluation],
    cells: Callable[[FieldsEvaluation], Sequence[str]],
) -> None:
    if not sets:
        return
    table = _table(title, "set", headings)
    for one in sets:
        table.add_row(escape(one.name), *cells(one))
    console.print(table)


def _table(title: str, first: str, headings: Sequence[str]) -> Table:
    """Narrow, so that nine columns leave room for the names in a terminal of 80."""
    table = Table(title=title, padding=(0, 1, 0, 0), box=box.SIMPLE_HEAD, title_justify="left")
    table.add_column(first, overflow="fold")
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _field_cells(counts: Counts, figures: Figures) -> tuple[str, ...]:
    rate, error = figures.false_calls_per_1000, figures.counting_error
    return (
        f"{counts.red_cells:,}",
        f"{counts.red_cells_found:,}",
        "-" if figures.f1 is None else f"{figures.f1:.1%}",
        "-" if error is None else f"{error:+.1%}",
        f"{counts.parasites:,}",
        f"{counts.parasites_found:,}",
        f"{counts.false_calls:,}",
        "-" if rate is None else f"{rate:.1f}",
    )


def _percent(interval: Interval | None) -> str:
    return _plain(interval.scaled(100) if interval else None)


def _plain(interval: Interval | None) -> str:
    """A figure over its interval."""
    if interval is None:
        return "-"
    return f"{_short(interval.value)}\n{_short(interval.low)}-{_short(interval.high)}"


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0") if value in {0, 100} else f"{value:.1f}"
