"""A slide's report, tables and archives, written in a process of its own: of a large slide that takes minutes."""

import shutil
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from plasmoscope.imaging.reading import read_image
from plasmoscope.reports.bundle import write_slide
from plasmoscope.store import counts, slides
from plasmoscope.store.errors import NotFoundError
from plasmoscope.store.store import Store
from plasmoscope.web.file_names import slide_file


class Download(NamedTuple):
    """A file of a slide."""

    format: str
    """As ``write_slide`` takes it."""
    media_type: str
    archive: bool = False
    """It holds a file for each field."""


DOWNLOADS = {
    "report.pdf": Download("pdf", "application/pdf"),
    "report.html": Download("html", "text/html; charset=utf-8"),
    "slide.json": Download("json", "application/json"),
    "cells.csv": Download("csv", "text/csv; charset=utf-8"),
    "fields.csv": Download("csv", "text/csv; charset=utf-8"),
    "coco.json": Download("coco", "application/json"),
    "qupath.zip": Download("qupath", "application/zip", archive=True),
    "fiji.zip": Download("imagej", "application/zip", archive=True),
    "pictures.zip": Download("pictures", "application/zip", archive=True),
}


class Written(NamedTuple):
    """A file, and whose it is."""

    file: Path
    patient: str
    slide: str


def write_download(records: Path, database: str | None, slide_id: int, name: str, folder: Path) -> Written:
    """Write one of ``DOWNLOADS`` of a slide.

    Args:
        records, database: as for ``Store``.
        folder: empty; holds the file afterwards.

    Raises:
        NotFoundError, ConflictError: no such file or slide; nothing of it is analysed.
        OutputError: there is no room for the file.
    """
    download = DOWNLOADS.get(name)
    if download is None:
        raise NotFoundError(f"There is no such file; choose from {', '.join(DOWNLOADS)}.")
    with closing(Store(records, database)) as store:
        with store.reading() as session:
            result = counts.slide_result(session, slides.get_slide(session, slide_id))
        if download.format in {"qupath", "imagej"}:
            result = counts.with_orientations(store.images, result)
        parts = folder / "parts"
        write_slide(parts, result, lambda field: read_image(store.images.path(field.sha256)), [download.format])
    file = folder / name
    patient = result.patient or ""
    if download.archive:
        # In a folder of the slide's own: unpacked beside another slide's, nothing of either is replaced.
        _zip(parts, file, Path(slide_file(name, patient, result.slide)).stem)
    else:
        (parts / name).replace(file)
    shutil.rmtree(parts)
    return Written(file, patient, result.slide)


def _zip(folder: Path, archive: Path, called: str) -> None:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for file in _files(folder):
            packed.write(file, called / file.relative_to(folder))


def _files(folder: Path) -> Iterator[Path]:
    return (file for file in sorted(folder.rglob("*")) if file.is_file())
