"""``plasmoscope agree``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.markup import escape
from rich.table import Table

from plasmoscope.cli.console import console
from plasmoscope.reports.output import check_output

if TYPE_CHECKING:
    from plasmoscope.analysis.two_readers import Agreement

RuleName = Literal["fixed-25", "fixed-50", "obare", "alexander-95", "alexander-90"]


def agree(
    readings: Annotated[
        Path, typer.Argument(help="CSV with the columns slide, reader, infected, counted, and species if you like.")
    ],
    rule: Annotated[RuleName, typer.Option(help="When two counts disagree.")] = "fixed-25",
    red_cells: Annotated[
        float | None, typer.Option(help="Red cells per microlitre of these patients (default: 5,000,000).")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Write each slide's result to a .csv.")] = None,
) -> None:
    """Compare two blinded readers, say where a third is needed, and give the final results with the rule.

    A slide's rows stand in the order in which they were read; the third row is the third reader's. Agreement is told of
    the first two.
    """
    from plasmoscope.analysis.counting import red_cell_count
    from plasmoscope.analysis.two_readers import RULES, agreement, settle
    from plasmoscope.reports.readings import read_readings, write_results

    if output:
        check_output(output, (".csv",))
    per_ul = red_cell_count(red_cells, None).per_ul
    slides = read_readings(readings)
    results = {slide: settle(of_slide, RULES[rule], per_ul) for slide, of_slide in slides.items()}
    for slide, settled in results.items():
        console.print(f"[bold]{escape(slide)}[/]: {escape(settled.statement)}", highlight=False)
    _show(agreement([(of_slide[0], of_slide[1]) for of_slide in slides.values()], RULES[rule], per_ul))
    if output:
        write_results(output, slides, results)
        console.print(f"Results: {output}")


def _show(found: "Agreement") -> None:
    table = Table("the first two readers", "", title="Agreement")
    table.add_row("slides", str(found.slides))
    table.add_row("both saw parasites, only the first, only the second, neither", _calls(found))
    if found.kappa is None or found.kappa_interval is None:
        table.add_row("kappa of presence", "none: both call every slide alike")
    else:
        low, high = found.kappa_interval
        table.add_row("kappa of presence", f"{found.kappa:.2f} (95 % interval {low:.2f} to {high:.2f})")
    if found.mean_difference is not None:
        limits = f"; 95 % of them {found.limits[0]:+.2f} to {found.limits[1]:+.2f}" if found.limits else ""
        table.add_row("difference of parasitaemia in points of a per cent", f"{found.mean_difference:+.2f}{limits}")
    table.add_row("slides that need a third reader", str(found.disagreeing))
    console.print(table)


def _calls(found: "Agreement") -> str:
    return f"{found.both_positive}, {found.only_first}, {found.only_second}, {found.both_negative}"
