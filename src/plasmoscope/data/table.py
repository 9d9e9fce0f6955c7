"""Labelled cells of a table in place of folders: a row for each picture, with its label and, if known, its patient."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from plasmoscope.csv_tables import CSVError, read_csv
from plasmoscope.data.classes import check_all_there
from plasmoscope.data.labelled import Labelled, labelled_cells
from plasmoscope.data.nih import CellDataset, DataError
from plasmoscope.imaging.sources import ImageFile
from plasmoscope.labels import Classes

_COLUMNS = ("file", "label")


def load_table(file: Path, positive: Sequence[str] = (), expected: Classes | None = None) -> CellDataset:
    """The labelled cells of a table with the columns ``file`` and ``label``, and if known ``patient`` and ``slide``.

    Files are named from the table's folder. Labels are ``infected`` and ``uninfected``, or their usual synonyms, or
    the names of any two classes or more. Where a row tells no patient, an official name may.

    Args:
        file: the table.
        positive: classes that count as infected; without, known names tell.
        expected: the classes of a recipe or a model.

    Raises:
        DataError: it cannot be read, a file is not there or twice, a label is empty, the labels do not tell what counts
            as infected, or there is but one class.
    """
    pictures: dict[str, Labelled] = {}
    for number, row in enumerate(read_table(file, _COLUMNS), start=2):
        name, label = row["file"].strip(), row["label"].strip()
        path = file.parent / name
        if not label:
            raise DataError(f"{file}, row {number}: there is no label. Write the name of the cell's class.")
        if not name or not path.is_file():
            raise DataError(
                f"{file}, row {number}: there is no file '{path}'. Files are named from the table's folder."
            )
        if name in pictures:
            raise DataError(f"{file}, row {number}: {name} stands there twice. Keep one row for each picture.")
        stem = str(PurePosixPath(name.replace("\\", "/")).with_suffix(""))
        slide, patient = (row.get(column, "").strip() for column in ("slide", "patient"))
        pictures[name] = Labelled(ImageFile(path), stem, label, slide, patient)
    dataset = labelled_cells(file, list(pictures.values()), positive, expected)
    if not dataset.classes.own:
        check_all_there(dataset.labels.tolist(), dataset.classes, file)
    return dataset


def read_table(file: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """The rows of a table that must have these columns.

    Raises:
        DataError: it cannot be read, is empty, or lacks a column.
    """
    try:
        rows = read_csv(file)
    except (OSError, UnicodeDecodeError, CSVError) as error:
        raise DataError(f"The table {file} cannot be read: {error}") from error
    if not rows or not set(columns) <= set(rows[0]):
        raise DataError(f"{file} needs a first row with the columns {' and '.join(columns)}, and rows below it.")
    return rows
