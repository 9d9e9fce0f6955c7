"""Everything that is written about a slide, in one folder."""

import re
import unicodedata
from collections.abc import Callable, Collection
from pathlib import Path, PurePosixPath

from plasmoscope.analysis.results import Cell, Field, Slide
from plasmoscope.files import replace_file
from plasmoscope.i18n.languages import ENGLISH, Language
from plasmoscope.progress import Track, untracked
from plasmoscope.reports.field_pictures import CalledCell, cell_crop, cell_sheet
from plasmoscope.reports.folder import CALLED_CELLS, FIELDS, OF_A_FIELD, POSSIBLE_CELLS
from plasmoscope.reports.formats import FORMATS, USUAL
from plasmoscope.reports.illustrations import (
    MAX_GALLERY,
    MAX_WIDTH,
    FieldPicture,
    Illustrations,
    Photograph,
    called_cells,
    encode_jpeg,
    encode_png,
    fields_to_show,
    possibly_infected_cells,
)
from plasmoscope.reports.letterhead import Letterhead
from plasmoscope.reports.output import OutputError
from plasmoscope.reports.pictures import Picture

_LONGEST_STEM = 40  # characters of a file name


def write_slide(
    folder: Path,
    slide: Slide,
    images: Callable[[Field], Picture],
    formats: Collection[str] = USUAL,
    track: Track = untracked,
    language: Language = ENGLISH,
    letterhead: Letterhead | None = None,
) -> list[Path]:
    """Write a slide's reports; every file whole or not at all.

    Args:
        folder: made where it does not exist; files of an earlier run are replaced.
        images: gives a field's upright photograph again, RGB, shape (field.height, field.width, 3). One is held at
            a time, however many fields there are.
        formats: some of ``FORMATS``.
        language: of what people read; files that programs read stay English.
        letterhead: of the laboratory, at the head of the reports for people.

    Returns:
        The files, in the order written.

    Raises:
        OutputError: where the folder cannot be written to.
        ValueError: for a format that does not exist.
    """
    if unknown := sorted(set(formats) - set(FORMATS)):
        raise ValueError(f"There is no format {', '.join(unknown)}; choose from {', '.join(FORMATS)}.")
    try:
        return _write(folder, slide, images, formats, track, language, letterhead)
    except OSError as error:
        raise OutputError(f"The reports cannot be written to {folder} ({error.strerror or error}).") from error


def field_stem(number: int, field: Field) -> str:
    """A file name for a field that every system takes and no other field has: its number, then its own name's letters.

    Args:
        number: the field's place on the slide, from 1.
    """
    name = unicodedata.normalize("NFC", PurePosixPath(field.name.replace("\\", "/")).stem)
    letters = re.sub(r"[^\w-]+", "_", name)[:_LONGEST_STEM].strip("_")
    return f"{number:03d}-{letters}" if letters else f"{number:03d}"


def _write(
    folder: Path,
    slide: Slide,
    images: Callable[[Field], Picture],
    formats: Collection[str],
    track: Track,
    language: Language,
    letterhead: Letterhead | None,
) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []

    def put(name: str, content: str | bytes) -> None:
        file = folder / name
        file.parent.mkdir(exist_ok=True)
        replace_file(file, content.encode() if isinstance(content, str) else content)
        written.append(file)

    wanted = [form for name, form in FORMATS.items() if name in formats]
    for file in (file for form in wanted for file in form.files):
        if file.write is not None:
            put(file.name, file.write(slide))
    for number, field in enumerate(slide.fields, start=1):
        for files in (form.of_a_field for form in wanted):
            if field.error is None and files is not None and files.write is not None:
                put(f"{FIELDS}/{field_stem(number, field)}{files.ending}", files.write(field))
    if any(form.illustrated or form.draw for form in wanted):
        shown = _illustrate(slide, images, formats, put, track, language)
        for name, sheet in ((CALLED_CELLS, shown.gallery), (POSSIBLE_CELLS, shown.possible)):
            if "pictures" in formats and sheet:
                put(name, sheet)
            elif "pictures" in formats:
                # Cells of an earlier run must not pass for this one's.
                (folder / name).unlink(missing_ok=True)
        for file in (file for form in wanted for file in form.files):
            if file.illustrate is not None:
                put(file.name, file.illustrate(slide, shown, language, letterhead))
    _remove_earlier(folder / FIELDS, {file.name for file in written}, formats)
    return written


def _remove_earlier(folder: Path, written: Collection[str], formats: Collection[str]) -> None:
    """Fields that had other numbers in an earlier run must not pass for this one's."""
    endings = tuple(ending for name, ending in OF_A_FIELD.items() if name in formats)
    for file in folder.glob("[0-9][0-9][0-9]*"):
        # Some file systems give names back in another normal form.
        if file.name.endswith(endings) and unicodedata.normalize("NFC", file.name) not in written:
            file.unlink()


def _illustrate(
    slide: Slide,
    images: Callable[[Field], Picture],
    formats: Collection[str],
    put: Callable[[str, bytes], None],
    track: Track,
    language: Language,
) -> Illustrations:
    """Draw each field once, write the files that show it, and keep what the reports show."""
    drawing = [(OF_A_FIELD[name], draw) for name in formats if (draw := FORMATS[name].draw)]
    in_folder, reported = "pictures" in formats, any(FORMATS[name].illustrated for name in formats)
    called = called_cells(slide) if in_folder or reported else []
    possible = possibly_infected_cells(slide) if in_folder or reported else []
    in_gallery: dict[int, list[Cell]] = {}
    for index, cell in (*called[:MAX_GALLERY], *possible[:MAX_GALLERY]):
        in_gallery.setdefault(index, []).append(cell)
    in_reports = set(fields_to_show(slide)) if reported else set()
    readable = [(index, field) for index, field in enumerate(slide.fields) if field.error is None]
    pictures: list[FieldPicture] = []
    crops: list[CalledCell] = []
    for index, field in track(readable, len(readable), "Drawing photographs"):
        if not drawing and index not in in_reports and index not in in_gallery:
            continue
        photograph = Photograph(images(field), field, language)
        crops += [CalledCell(cell_crop(photograph.image, cell), cell, index + 1) for cell in in_gallery.get(index, [])]
        for ending, draw in drawing:
            put(f"{FIELDS}/{field_stem(index + 1, field)}{ending}", draw(photograph))
        if index in in_reports:
            pictures.append(FieldPicture(index + 1, encode_jpeg(photograph.annotated, MAX_WIDTH)))
    sheets = [[one for one in crops if bool(one.cell.parasitized) is infected] for infected in (True, False)]
    gallery, others = (encode_png(cell_sheet(sheet, language)) if sheet else None for sheet in sheets)
    shown = tuple(map(len, sheets))
    return Illustrations(tuple(pictures), len(readable), in_folder, gallery, shown[0], len(called), others, shown[1])
