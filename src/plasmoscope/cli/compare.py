"""``plasmoscope compare``."""

from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.markup import escape
from rich.table import Table as RichTable

from plasmoscope.caches import open_cache
from plasmoscope.cli.console import console
from plasmoscope.cli.options import ViewsOption
from plasmoscope.extras import require_extra
from plasmoscope.files import replace_file
from plasmoscope.reports.output import check_output

if TYPE_CHECKING:
    from plasmoscope.evaluation.comparison_report import Table


def compare(
    runs: Annotated[list[Path], typer.Argument(help="Folders of finished and evaluated runs.")],
    part: Annotated[Literal["test", "validation"], typer.Option(help="Part that the runs were evaluated on.")] = "test",
    tta: ViewsOption = 1,
    output: Annotated[
        Path | None,
        typer.Option(help="Write a .md or .csv file; a picture and the folder NAME-cells go beside it."),
    ] = None,
    all_recipes: Annotated[
        bool, typer.Option("--all", help="Also name the published systems that none of the runs trained.")
    ] = False,
) -> None:
    """Put runs side by side: figures with intervals; in a file also published figures, size, speed, significance.

    The folder NAME-cells gets every run's probability of each cell; 'plasmoscope recompute' gives the figures from it.
    """
    require_extra("train", "Comparing runs")
    open_cache()
    from plasmoscope.evaluation import comparison, comparison_report
    from plasmoscope.evaluation.paired import paired_test
    from plasmoscope.evaluation.published import write_published
    from plasmoscope.evaluation.throughput import images_per_second

    if output:
        check_output(output, (".md", ".csv"))
    rows = comparison.comparison_rows([comparison.read_run(folder) for folder in runs], part, tta)
    untrained = comparison.recipes_without_a_run(run for row in rows for run in row.runs) if all_recipes else []
    _show(comparison_report.overview_table(rows))
    classes = comparison_report.classes_table(rows)
    if classes is not None:
        _show(classes)
    if any(len(row.seeds) > 1 for row in rows):
        _show(comparison_report.seeds_table(rows))
    if untrained:
        console.print(f"None of the runs is of: {', '.join(recipe.name for recipe in untrained)}.")
    if output is None:
        console.print("Add --output FILE.md for published figures, size, speed, budgets and significance.")
        return
    picture = output.with_suffix(".png")
    comparison_report.plot_comparison(rows, picture)
    figures = comparison_report.figures_table(rows, untrained)
    if output.suffix.lower() == ".csv":
        text = figures.csv()
    else:
        calls = [row.calls() for row in rows]
        pairs = combinations(range(len(rows)), 2)
        tests = {(i, j): test for i, j in pairs if (test := paired_test(calls[i], calls[j]))}
        costs = [comparison.cost(row.runs[0]) for row in rows]
        speeds = images_per_second([row.runs[0].folder / "model.onnx" for row in rows])
        tables = (
            figures,
            *([classes] if classes else []),
            comparison_report.split_table(comparison.random_and_patient(rows)),
            comparison_report.seeds_table(rows),
            comparison_report.cost_table(rows, costs, speeds),
            comparison_report.budget_table(rows),
            comparison_report.significance_table(rows, tests),
        )
        text = "\n".join(
            [
                "# Results",
                "",
                "Written by `plasmoscope compare` from run folders; do not edit. For research use only.",
                "",
                f"![Accuracy of each system with its interval]({picture.name})",
                "",
                *(table.markdown() for table in tables),
            ]
        )
    replace_file(output, text.encode())
    folder = output.with_name(f"{output.stem}-cells")
    folder.mkdir(parents=True, exist_ok=True)
    for stem, run in comparison.file_stems(rows).items():
        write_published(folder / f"{stem}-{part}-{tta}-view.csv.gz", run.cells(part, tta))
    console.print(f"Written to {output}, {picture} and {folder} (every cell's probability).")


def _show(table: "Table") -> None:
    # Narrow, so that the names have room in a terminal of 80: an interval stands on lines of its own.
    shown = RichTable(title=table.title, caption=table.note, padding=(0, 1, 0, 0))
    for heading in table.header:
        shown.add_column(heading, overflow="fold", no_wrap=heading not in ("system", "split", "sensitivity of each"))
    for row in table.rows:
        shown.add_row(*(escape(cell).replace(" (", "\n(").replace(" to ", " to\n") for cell in row))
    console.print(shown)
