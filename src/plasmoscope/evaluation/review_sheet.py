"""What an audit gives a person: a page to review suspected labels on, a picture of the first, and tables."""

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from plasmoscope.csv_tables import csv_text, write_csv
from plasmoscope.data.nih import Cell, DataError
from plasmoscope.data.reviewed import picture_sha256
from plasmoscope.evaluation.audit import Audit
from plasmoscope.files import name_as_text, replace_file
from plasmoscope.imaging.cells import read_cell
from plasmoscope.imaging.reading import ImageError
from plasmoscope.reports.html import page
from plasmoscope.reports.illustrations import encode_jpeg

# Suspected cells with a picture on the page.
PICTURED = 50
SHEET = "review.html"
PICTURE = "suspects.png"
SUSPECTS = "suspects.csv"
PROBABILITIES = "probabilities.csv.gz"


@dataclass(frozen=True)
class Suspect:
    """A suspected label as the page shows it."""

    name: str
    sha256: str
    patient: str
    label: str
    other: str
    """The class that a flip would give: the likeliest but for the label."""
    flip: str
    """What is written for it in a table of decisions."""
    probability: float
    """P(parasitized)."""
    picture: NDArray[np.uint8]

    @property
    def jpeg(self) -> bytes:
        """The picture for the page."""
        return encode_jpeg(self.picture)


def write_audit(folder: Path, audit: Audit, most: int) -> int:
    """Write the page, the picture of the first fifty, the suspects and every cell's probability into ``folder``.

    Args:
        most: how many suspects the page and the table hold, the first of them.

    Returns:
        How many they hold.

    Raises:
        DataError: a picture cannot be read.
    """
    from plasmoscope.evaluation.plots import plot_suspects

    folder.mkdir(parents=True, exist_ok=True)
    suspects = [_suspect(audit, index) for index in audit.suspects[:most].tolist()]
    names = [name_as_text(name) for name in audit.dataset.names]
    columns = ("name", "patient", "label", "probability", "suspect")
    suspected = set(audit.suspects.tolist())
    every = (
        (
            name,
            cell.patient or "",
            audit.dataset.classes.names[cell.label],
            f"{audit.probabilities[index]:.9g}",
            int(index in suspected),
        )
        for index, (name, cell) in enumerate(zip(names, audit.dataset.cells, strict=True))
    )
    replace_file(folder / PROBABILITIES, gzip.compress(csv_text(columns, every).encode(), mtime=0))
    write_csv(
        folder / SUSPECTS,
        ("rank", "name", "sha256", "patient", "label", "parasitized_probability", "decision"),
        (
            (rank, one.name, one.sha256, one.patient, one.label, f"{one.probability:.6f}", "")
            for rank, one in enumerate(suspects, start=1)
        ),
    )
    first = suspects[:PICTURED]
    plot_suspects(
        [one.picture for one in first],
        [one.name for one in first],
        np.array([one.probability for one in first]),
        folder / PICTURE,
    )
    # By what is on it, a browser tells this sheet's decisions from another's.
    key = hashlib.sha256("\n".join(f"{one.name} {one.sha256}" for one in suspects).encode()).hexdigest()[:16]
    sheet = page(SHEET, suspects=suspects, all=len(audit.suspects), cells=len(names), key=key)
    replace_file(folder / SHEET, sheet.encode())
    return len(suspects)


def _suspect(audit: Audit, index: int) -> Suspect:
    cell, names = audit.dataset.cells[index], audit.dataset.classes.names
    other = names[audit.likeliest_other(index)]
    return Suspect(
        name=name_as_text(cell.name),
        sha256=picture_sha256(cell),
        patient=cell.patient or "",
        label=names[cell.label],
        other=other,
        flip=other if audit.dataset.classes.own else "flip",
        probability=float(audit.probabilities[index]),
        picture=_picture(cell),
    )


def _picture(cell: Cell) -> NDArray[np.uint8]:
    try:
        return read_cell(cell.source.read())
    except ImageError as error:
        raise DataError(f"{cell.source.name}: {error}") from error
