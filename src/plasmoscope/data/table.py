"""Labelled cells of a table in place of folders: a row for each picture, with its label and, if known, its patient."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from plasmoscope.csv_tables import CSVError, read_csv
from plasmoscope.data.nih import Cell, CellDataset, DataError, load_nih, parse_name
from plasmoscope.imaging.sources import ImageFile
from plasmoscope.labels import PARASITIZED, UNINFECTED

# What laboratories and data sets call the two classes.
_LABELS = {
    **dict.fromkeys(("infected", "parasitized", "parasitised", "positive", "1"), PARASITIZED),
    **dict.fromkeys(("uninfected", "healthy", "negative", "0"), UNINFECTED),
}
_COLUMNS = ("file", "label")


def load_cells(path: Path) -> CellDataset:
    """The labelled cells of a table (``.csv``), or below a folder or in a zip archive; no image is opened.

    Raises:
        DataError, SourceError: as ``load_table`` and ``load_nih``.
    """
    return load_table(path) if path.suffix.lower() == ".csv" else load_nih(path)


def load_table(file: Path) -> CellDataset:
    """The labelled cells of a table with the columns ``file`` and ``label``, and if known ``patient`` and ``slide``.

    Files are named from the table's folder. A label is ``infected`` or ``uninfected``, or one of their usual synonyms.
    Where a row tells no patient, an official name may.

    Raises:
        DataError: it cannot be read, a label is none of these, a file is not there or twice, or a class has no cells.
    """
    cells: dict[str, Cell] = {}
    for number, row in enumerate(read_table(file, _COLUMNS), start=2):
        name, said = row["file"].strip(), row["label"].strip()
        label = _LABELS.get(said.lower())
        if label is None:
            raise DataError(
                f"{file}, row {number}: the label is '{said}'. Write 'infected' or 'uninfected'; the classes are two."
            )
        path = file.parent / name
        if not name or not path.is_file():
            raise DataError(
                f"{file}, row {number}: there is no file '{path}'. Files are named from the table's folder."
            )
        if name in cells:
            raise DataError(f"{file}, row {number}: {name} stands there twice. Keep one row for each picture.")
        slide, field, patient = parse_name(path.stem)
        stem = str(PurePosixPath(name.replace("\\", "/")).with_suffix(""))
        slide, patient = (row.get(name, "").strip() or told for name, told in (("slide", slide), ("patient", patient)))
        cells[name] = Cell(ImageFile(path), stem, label, slide, field, patient)
    for label, said in ((PARASITIZED, "infected"), (UNINFECTED, "uninfected")):
        if not any(cell.label == label for cell in cells.values()):
            raise DataError(f"{file} has no row with the label '{said}'. A network learns from cells of both classes.")
    dataset = CellDataset(file, cells.values())
    if len(set(dataset.names)) < len(dataset):
        raise DataError(f"{file} names two pictures that differ in nothing but their ending. Rename one of them.")
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
