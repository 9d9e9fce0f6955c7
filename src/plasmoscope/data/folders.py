"""Cells in folders that are named by their class, or named by a table of metadata, as Hugging Face's data sets are."""

import io
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from plasmoscope.csv_tables import CSVError, csv_rows
from plasmoscope.data.labelled import Labelled, labelled_cells
from plasmoscope.data.nih import CellDataset, DataError, nih_cells
from plasmoscope.files import decode_text
from plasmoscope.imaging.reading import ImageError
from plasmoscope.imaging.sources import ImageSource, Unreadable, find_images, may_be_picture
from plasmoscope.labels import CLASS_NAMES, Classes

# Folders that part a data set, as ``datasets`` knows them, and the parts of a split here.
_PARTS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
    **dict.fromkeys(("test", "testing", "eval", "evaluation"), "test"),
}
_METADATA = ("metadata.csv", "metadata.jsonl")


def load_folders(path: Path, positive: Sequence[str] = (), expected: Classes | None = None) -> CellDataset:
    """The labelled cells below a folder or in a zip archive; no image is opened.

    A picture's class is the folder that it lies in, or what ``metadata.csv`` or ``metadata.jsonl`` says of it (columns
    ``file_name`` and ``label``, and if known ``patient`` and ``slide``). Folders ``train``, ``validation`` and
    ``test`` above it part the data set: the split ``folders``.

    Args:
        path: a folder or an archive.
        positive: classes that count as infected; without, known names tell.
        expected: the classes of a recipe or a model.

    Raises:
        DataError: as ``load_nih`` and ``classes_of``, or a table of metadata that does not go with the pictures.
        SourceError: no such path, or an archive that cannot be opened.
    """
    sources = find_images([path])
    if closed := [source for source in sources if isinstance(source, Unreadable)]:
        raise DataError(f"{closed[0].name}: {closed[0].reason}. Nothing may be missing from a data set.")
    places = {source: PurePosixPath(source.name.replace("\\", "/")).relative_to(path.as_posix()) for source in sources}
    if tables := [source for source, place in places.items() if place.name in _METADATA]:
        pictures = [picture for table in tables for picture in _of_metadata(table, places)]
        _refuse_unnamed(pictures, places)
        return labelled_cells(path, pictures, positive, expected)
    folders = {source: place.parent for source, place in places.items() if may_be_picture(source.name)}
    named = {folder.name for folder in folders.values()}
    if not positive and (set(CLASS_NAMES) <= named or len(named & set(CLASS_NAMES)) == len(named - {path.name}) == 1):
        return nih_cells(path, sources)
    below = _without_common(folders)
    left_out = [source.name for source, parts in below.items() if not parts]
    below = {source: parts for source, parts in below.items() if parts}
    parted = all(len(parts) == 2 and parts[0].lower() in _PARTS for parts in below.values())
    _refuse_deeper(below, parted)
    pictures = [
        Labelled(
            source,
            "/".join((*parts[:-1], PurePosixPath(source.name.replace("\\", "/")).stem)),
            parts[-1],
            part=_PARTS[parts[0].lower()] if parted else None,
        )
        for source, parts in below.items()
    ]
    if len({picture.label for picture in pictures}) < 2 and expected is None:
        raise DataError(
            f"No two classes at {path}: put the pictures of each into a folder named by it, such as "
            "cell_images/Parasitized and cell_images/Uninfected, as in the NIH archive, or uninfected, ring and late "
            "stage. 'plasmoscope data download' fetches the NIH's."
        )
    return labelled_cells(path, pictures, positive, expected, left_out)


def _without_common(folders: dict[ImageSource, PurePosixPath]) -> dict[ImageSource, tuple[str, ...]]:
    """The folders of each picture, without those above all pictures that lie in any."""
    below = {source: folder.parts for source, folder in folders.items()}
    deep = [parts for parts in below.values() if parts]
    while deep and len({parts[0] for parts in deep}) == 1 and all(len(parts) > 1 for parts in deep):
        below = {source: parts[1:] for source, parts in below.items()}
        deep = [parts[1:] for parts in deep]
    return below


def _refuse_deeper(below: dict[ImageSource, tuple[str, ...]], parted: bool) -> None:
    deeper = Counter("/".join(parts) for parts in below.values() if len(parts) > 1 and not parted)
    if deeper:
        named = ", ".join(f"{folder} ({number:,})" for folder, number in deeper.most_common(10))
        raise DataError(
            f"Pictures lie deeper than in folders of classes: {named}. Put the folders of all classes side by side, or "
            "into folders named train, validation and test."
        )


def _of_metadata(table: ImageSource, places: dict[ImageSource, PurePosixPath]) -> Iterator[Labelled]:
    folder = places[table].parent
    at = {place: source for source, place in places.items()}
    seen: set[PurePosixPath] = set()
    for number, row in enumerate(_rows(table), start=1):
        where = f"{table.name}, picture {number}"
        name = _text(row, "file_name").replace("\\", "/")
        place = folder / name
        if not name or place not in at:
            raise DataError(f"{where}: there is no file '{name}' beside it. The column file_name names it from there.")
        if place in seen:
            raise DataError(f"{where}: {name} stands there twice. Keep one row for each picture.")
        seen.add(place)
        label, slide, patient = (_text(row, column) for column in ("label", "slide", "patient"))
        label = label or place.parent.name
        if not label:
            raise DataError(f"{where}: {name} has no label. The column label holds the name of its class.")
        part = next((_PARTS[part.lower()] for part in place.parts[:-1] if part.lower() in _PARTS), None)
        yield Labelled(at[place], place.with_suffix("").as_posix(), label, slide, patient, part)


def _text(row: dict[str, Any], column: str) -> str:
    """What stands in a column, numbers too; empty where nothing does."""
    value = row.get(column)
    return "" if value is None else str(value).strip()


def _rows(table: ImageSource) -> list[dict[str, Any]]:
    try:
        text = decode_text(table.read())
        if table.name.endswith(".csv"):
            rows: list[dict[str, Any]] = list(csv_rows(io.StringIO(text, newline="")))
        else:
            rows = [json.loads(line) for line in text.splitlines() if line.strip()]
    except (ImageError, OSError, ValueError, CSVError) as error:
        raise DataError(f"The table {table.name} cannot be read: {error}") from error
    if not rows or not all(isinstance(row, dict) and "file_name" in row for row in rows):
        raise DataError(f"{table.name} needs a column file_name in every row, and a label.")
    return rows


def _refuse_unnamed(pictures: Sequence[Labelled], places: dict[ImageSource, PurePosixPath]) -> None:
    named = {picture.source for picture in pictures}
    unnamed = [source.name for source in places if source not in named and may_be_picture(source.name)]
    unnamed = [name for name in unnamed if not name.endswith(_METADATA)]
    if unnamed:
        raise DataError(
            f"{len(unnamed):,} pictures stand in no table of metadata, such as {unnamed[0]}. Give each a row, or move "
            "them out of the data set."
        )
