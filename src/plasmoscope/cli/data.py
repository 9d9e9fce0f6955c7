"""``plasmoscope data``: describe, split, download."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from plasmoscope.cli.console import console, track
from plasmoscope.cli.options import GroupsOption, PositiveOption, given_cells

if TYPE_CHECKING:
    from plasmoscope.data.describe import Description
    from plasmoscope.labels import Classes

data = typer.Typer(help="Look at, split and download the NIH data set of segmented cells.", no_args_is_help=True)

_PROBLEMS_SHOWN = 20  # lines in the terminal; the count tells the rest

DataArgument = Annotated[
    Path, typer.Argument(metavar="DATA", help="Folder or zip with a folder for each class, or a table (.csv).")
]


@data.command()
def describe(
    path: DataArgument,
    mapping: Annotated[
        list[Path] | None, typer.Option(help="The NIH's patientid_cellmapping CSV; give it once for each file.")
    ] = None,
    grid: Annotated[Path, typer.Option(help="Where the picture of sample cells goes.")] = Path("cells.png"),
    patients: Annotated[bool, typer.Option("--patients", help="List every patient with its counts.")] = False,
    positive: PositiveOption = None,
    groups: GroupsOption = None,
) -> None:
    """Count cells and patients, measure images, find duplicates and broken files, draw a sample."""
    from plasmoscope.data.describe import describe as gather
    from plasmoscope.data.describe import write_sample_grid
    from plasmoscope.data.nih import check_mapping
    from plasmoscope.reports.pictures import check_picture

    check_picture(grid)
    dataset = given_cells(path, positive=positive, groups=groups)
    facts = gather(dataset, track)
    table = Table("class", "cells", "patients")
    for name, count in facts.cells.items():
        table.add_row(escape(name), f"{count:,}", f"{facts.patients[name]:,}")
    table.add_row("all", f"{len(dataset):,}", f"{facts.patients['all']:,}")
    console.print(table)
    if dataset.classes.own:
        console.print(f"Of these, count as infected: {escape(', '.join(dataset.classes.positive))}.")
    _show_patients(facts, dataset.classes, patients)
    sizes = Table("pixels", "min", "mean", "median", "max")
    for name, spread in (("width", facts.width), ("height", facts.height)):
        sizes.add_row(name, str(spread.minimum), f"{spread.mean:.1f}", f"{spread.median:.1f}", str(spread.maximum))
    console.print(sizes)
    console.print(f"{len(facts.duplicates)} groups of images with the same pixels.")
    for names in facts.duplicates:
        console.print("  " + escape(" = ".join(names)))
    console.print(f"{len(facts.unreadable)} unreadable files.")
    for name, reason in facts.unreadable:
        console.print(escape(f"  {name}: {reason}"))
    if facts.unnamed:
        console.print(f"{facts.unnamed:,} names do not tell the patient; splits by patient are not possible.")
    problems = check_mapping(dataset, mapping) if mapping else []
    if mapping:
        console.print(f"{len(problems)} disagreements with the mapping tables.")
        for problem in problems[:_PROBLEMS_SHOWN]:
            console.print(escape(f"  {problem}"))
        if len(problems) > _PROBLEMS_SHOWN:
            console.print(f"  ... and {len(problems) - _PROBLEMS_SHOWN:,} more.")
    write_sample_grid(dataset, grid)
    console.print(f"Sample cells: {grid}")
    if facts.unreadable or problems:
        raise typer.Exit(1)


def _show_patients(facts: "Description", classes: "Classes", each: bool) -> None:
    per_patient = sorted(sum(counts) for counts in facts.cells_of_patient.values())
    if per_patient:
        middle = per_patient[len(per_patient) // 2]
        console.print(
            f"Cells of a patient: {per_patient[0]} to {per_patient[-1]}, median {middle}. --patients lists all."
        )
    if each:
        table = Table("patient", *map(escape, classes.names))
        for patient, counts in facts.cells_of_patient.items():
            table.add_row(patient, *(f"{count:,}" for count in counts))
        console.print(table)


@data.command()
def split(
    path: DataArgument,
    name: Annotated[
        str, typer.Argument(help="seed42, article, 80-20, folders, patient-0 ... patient-4, or patient-0-of-10.")
    ],
    output: Annotated[Path | None, typer.Option(help="CSV file (default: standard output).")] = None,
    positive: PositiveOption = None,
    groups: GroupsOption = None,
) -> None:
    """Write which cell belongs to which part of a named split."""
    from plasmoscope.data.splits import make_split, save_split, write_split
    from plasmoscope.reports.output import check_output

    if output:
        check_output(output)
    dataset = given_cells(path, positive=positive, groups=groups)
    made = make_split(name, dataset)
    if output is None:
        write_split(made, dataset, sys.stdout)
    else:
        save_split(made, dataset, output)


@data.command()
def download(
    folder: Annotated[Path, typer.Argument(help="Where cell_images.zip goes.")] = Path("data"),
) -> None:
    """Fetch the NIH archive (337 MB) from its official address; the same command resumes."""
    from plasmoscope.data.download import NIH_CELLS
    from plasmoscope.data.download import download as fetch
    from plasmoscope.files import alone_in

    with alone_in(folder):
        file = fetch(NIH_CELLS, folder / "cell_images.zip", track)
    console.print(f"{file} is whole. Use it with --data {file}; there is no need to unpack it.")
