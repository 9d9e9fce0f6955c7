"""A data set in whatever form it was given."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from plasmoscope.data.folders import load_folders
from plasmoscope.data.nih import CellDataset, DataError
from plasmoscope.data.table import load_table, read_table
from plasmoscope.labels import Classes

_GROUPS = ("name", "patient")


def load_cells(
    path: Path, positive: Sequence[str] = (), groups: Path | None = None, expected: Classes | None = None
) -> CellDataset:
    """The labelled cells of a table (``.csv``), or below a folder or in a zip archive; no image is opened.

    Args:
        path: of it.
        positive: names of the classes that count as infected; without, known names tell.
        groups: table with the columns ``name`` and ``patient``, where names do not tell the patients.
        expected: the classes of a recipe or a model, which hold where the labels are of them.

    Raises:
        DataError, SourceError: as ``load_table``, ``load_folders`` and ``with_patients``.
    """
    load = load_table if path.suffix.lower() == ".csv" else load_folders
    dataset = load(path, positive, expected)
    return dataset if groups is None else with_patients(dataset, groups)


def with_patients(dataset: CellDataset, file: Path) -> CellDataset:
    """The same cells, with the patients that a table tells.

    Args:
        dataset: whose names need not tell patients.
        file: a row for each cell, with the columns ``name`` and ``patient``: the name in the data set
            (``Class/name.png``, as ``save_split`` writes it), or the picture's file name where no other has it.

    Raises:
        DataError: it cannot be read, or names a cell that is not there, several at once, or no patient.
    """
    places: dict[str, list[int]] = {}
    for index, cell in enumerate(dataset.cells):
        path = PurePosixPath(cell.source.name.replace("\\", "/"))
        for name in {cell.name, path.name, path.stem}:
            places.setdefault(name, []).append(index)
    cells, told = list(dataset.cells), set()
    for number, row in enumerate(read_table(file, _GROUPS), start=2):
        name, patient = row["name"].strip(), row["patient"].strip()
        found = places.get(name, [])
        if len(found) != 1 or not patient or found[0] in told:
            wrong = "no patient stands with" if not patient else "there is no cell" if not found else "more than once:"
            raise DataError(
                f"{file}, row {number}: {wrong} {name}. Name each cell once, by its file or as 'plasmoscope data "
                "split' writes it."
            )
        told.add(found[0])
        cells[found[0]] = replace(cells[found[0]], patient=patient)
    return CellDataset(dataset.root, cells, dataset.left_out)
