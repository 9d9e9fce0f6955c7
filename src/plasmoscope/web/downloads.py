"""A slide's files and the history, written in a process of their own: of a large slide that takes minutes."""

import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from plasmoscope.i18n.languages import LANGUAGES
from plasmoscope.imaging.reading import read_image
from plasmoscope.reports.bundle import write_slide
from plasmoscope.reports.formats import FORMATS, Download
from plasmoscope.store import counts, slides
from plasmoscope.store.audit import Wanted, write_audit
from plasmoscope.store.errors import NotFoundError
from plasmoscope.store.history import Search
from plasmoscope.store.history_table import write_history
from plasmoscope.store.letterheads import letterhead_in_use
from plasmoscope.store.store import Place
from plasmoscope.web.file_names import slide_file


class Offer(NamedTuple):
    """A file of a slide that is fetched."""

    format: str
    """As ``write_slide`` takes it."""
    download: Download
    archive: bool
    """It holds a file for each field."""


_OFFERS = [
    offer
    for name, form in FORMATS.items()
    for offer in (
        *(Offer(name, file, archive=False) for file in form.files),
        *([Offer(name, form.of_a_field.archive, archive=True)] if form.of_a_field else []),
    )
]
DOWNLOADS = {offer.download.name: offer for offer in _OFFERS}
"""By the name of the file."""


class Written(NamedTuple):
    """A file, and whose it is."""

    file: Path
    patient: str
    slide: str


def write_download(records: Place, slide_id: int, name: str, folder: Path, language: str) -> Written:
    """Write one of ``DOWNLOADS`` of a slide.

    Args:
        folder: empty; holds the file afterwards.
        language: code of that in which the report is read.

    Raises:
        NotFoundError, ConflictError: no such file or slide; nothing of it is analysed.
        OutputError: there is no room for the file.
    """
    offer = DOWNLOADS.get(name)
    if offer is None:
        raise NotFoundError("no_such_file", files=", ".join(DOWNLOADS))
    with records.opened() as store:
        with store.reading() as session:
            result = counts.slide_result(session, slides.get_slide(session, slide_id))
            letterhead = letterhead_in_use(session)
        of_a_field = FORMATS[offer.format].of_a_field
        if of_a_field is not None and of_a_field.write is not None:
            # Other programs lay outlines over the pixels as the file stores them.
            result = counts.with_orientations(store.images, result)
        parts = folder / "parts"
        write_slide(
            parts,
            result,
            lambda field: read_image(store.images.path(field.sha256)),
            [offer.format],
            language=LANGUAGES[language],
            letterhead=letterhead,
        )
    file = folder / name
    patient = result.patient or ""
    if offer.archive:
        # In a folder of the slide's own: unpacked beside another slide's, nothing of either is replaced.
        _zip(parts, file, Path(slide_file(name, patient, result.slide)).stem)
    else:
        (parts / name).replace(file)
    shutil.rmtree(parts)
    return Written(file, patient, result.slide)


def write_history_file(records: Place, search: Search, file: Path) -> Path:
    """Write the history as a table, and give its file.

    Args:
        search, file: as for ``write_history``, whose errors are raised.
    """
    with records.opened() as store, store.reading() as session:
        write_history(session, search, file)
    return file


def write_audit_file(records: Place, wanted: Wanted, file: Path) -> Path:
    """Write the audit as a table, and give its file; as ``write_history_file``."""
    with records.opened() as store, store.reading() as session:
        write_audit(session, wanted, file)
    return file


def _zip(folder: Path, archive: Path, called: str) -> None:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for file in _files(folder):
            packed.write(file, called / file.relative_to(folder))


def _files(folder: Path) -> Iterator[Path]:
    return (file for file in sorted(folder.rglob("*")) if file.is_file())
