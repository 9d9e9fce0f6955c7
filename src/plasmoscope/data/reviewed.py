"""Labels that a person looked at again: a small table of decisions, bound to the very pictures that were looked at.

A decision keeps a label, flips it to the other class, or is "unsure": such a cell neither trains nor judges. Of classes
of one's own it names, in place of "flip", the class that the label becomes. Names, order and splits of a data set stay
those of its folders, so figures with both label sets are of the same parts.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from plasmoscope.csv_tables import read_csv
from plasmoscope.data.nih import Cell, CellDataset, DataError
from plasmoscope.files import name_as_text
from plasmoscope.imaging.cells import read_cell
from plasmoscope.imaging.reading import ImageError
from plasmoscope.labels import TWO_CLASSES, Classes

Verdict = Literal["keep", "flip", "unsure"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
COLUMNS = ("name", "sha256", "decision")


@dataclass(frozen=True)
class Decision:
    """What a person decided of one cell's label."""

    name: str
    """``Class/name.png``, the class being the folder's."""
    sha256: str
    """Of the picture's file, as ``sha256sum`` prints it; empty in decisions that hold for every copy of a data set
    whose names are fixed, in whatever format its pictures are stored."""
    size: str
    """``WIDTHxHEIGHT`` in pixels, which no format changes; empty where it is not to be checked."""
    verdict: Verdict
    become: str | None
    """Class that the label becomes; None where it is kept, unsure, or flipped to the other of two."""
    where: str
    """File and row, for messages."""


def read_decisions(file: Path, classes: Classes = TWO_CLASSES) -> list[Decision]:
    """Read a table of decisions; columns other than name, sha256, size and decision are for the reader alone.

    A row whose decision is empty was not decided, and changes nothing. Each must have a sha256 or a size.

    Args:
        file: the table.
        classes: of the data set; a decision may name one of one's own.

    Raises:
        DataError: it cannot be read, lacks a column, or a row is incomplete, has an unknown decision or repeats a
            name; the message names the row (1 is the columns' names).
    """
    try:
        rows = read_csv(file)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"The decisions {file} cannot be read: {error}") from error
    if not rows or not set(COLUMNS) <= set(rows[0]):
        raise DataError(
            f"{file} is no table of decisions: it needs rows, and the columns {', '.join(COLUMNS)}. "
            "The page that 'plasmoscope audit' writes saves one."
        )
    decisions: dict[str, Decision] = {}
    for number, row in enumerate(rows, start=2):
        if not row["decision"].strip():
            continue
        where = f"{file}, row {number} ({row['name'] or 'no name'})"
        said = row["decision"].strip()
        verdict = next((verdict for verdict in VERDICTS if verdict == said.lower()), None)
        become = None if verdict or said not in classes.names else said
        if verdict is None and (become is None or not classes.own):
            known = (*VERDICTS, *classes.names) if classes.own else VERDICTS
            raise DataError(f"{where}: the decision is '{row['decision']}'. Write one of: {', '.join(known)}.")
        if row["name"] in decisions:
            raise DataError(f"{where}: this cell was decided before, in {decisions[row['name']].where}. Keep one row.")
        sha256, size = row["sha256"].strip().lower(), row.get("size", "").strip().lower()
        if not sha256 and not size:
            raise DataError(f"{where}: neither sha256 nor size says which picture was looked at. Give one of them.")
        decisions[row["name"]] = Decision(row["name"], sha256, size, verdict or "flip", become, where)
    return list(decisions.values())


def picture_sha256(cell: Cell) -> str:
    """SHA-256 of the picture's file, in hexadecimal: the same whoever decodes it.

    Raises:
        DataError: it cannot be read.
    """
    try:
        return hashlib.sha256(cell.source.read()).hexdigest()
    except ImageError as error:
        raise DataError(f"{cell.source.name}: {error}") from error


def picture_size(cell: Cell) -> str:
    """``WIDTHxHEIGHT`` of the picture, in pixels.

    Raises:
        DataError: it cannot be read.
    """
    try:
        height, width = read_cell(cell.source.read()).shape[:2]
    except ImageError as error:
        raise DataError(f"{cell.source.name}: {error}") from error
    return f"{width}x{height}"


def with_reviewed_labels(dataset: CellDataset, decisions: Iterable[Decision]) -> CellDataset:
    """The same cells in the same order, with flipped labels flipped and unsure cells marked to be left out of splits.

    Raises:
        DataError: a decision is of a cell that is not there, or of another picture than that of its name; the message
            names the row.
    """
    place = {name_as_text(cell.name): index for index, cell in enumerate(dataset.cells)}
    cells = list(dataset.cells)
    for decision in decisions:
        index = place.get(decision.name)
        if index is None:
            raise DataError(
                f"{decision.where}: the data set {dataset.root} has no such cell. Were these decisions made on other "
                "data? Names are like 'Parasitized/C1P2_IMG_3_cell_4.png', whatever format the picture has."
            )
        cell = cells[index]
        differs = "SHA-256" if decision.sha256 and picture_sha256(cell) != decision.sha256 else None
        differs = "size" if decision.size and picture_size(cell) != decision.size else differs
        if differs:
            raise DataError(
                f"{decision.where}: the picture in {dataset.root} is another one than was looked at (its {differs} "
                "differs). Use the data set that was audited, or audit this one."
            )
        if decision.verdict == "flip":
            label = _other_label(cell, decision)
            if label != cell.label:
                cells[index] = replace(cell, label=label, folder_label=cell.label)
        elif decision.verdict == "unsure":
            cells[index] = replace(cell, unsure=True)
    return CellDataset(dataset.root, cells, dataset.left_out)


def _other_label(cell: Cell, decision: Decision) -> int:
    if decision.become is not None:
        return cell.classes.names.index(decision.become)
    if len(cell.classes.names) > len(TWO_CLASSES.names):
        raise DataError(f"{decision.where}: to flip, where there are {cell.classes}, name the class that it becomes.")
    return 1 - cell.label
