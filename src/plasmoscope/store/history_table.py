"""The history of a laboratory as a table for spreadsheets and statistics: a row for each slide."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, get_type_hints

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from plasmoscope.analysis.counting import red_cell_count
from plasmoscope.analysis.method import Method
from plasmoscope.analysis.results import Interval
from plasmoscope.csv_tables import write_csv
from plasmoscope.extras import require_extra
from plasmoscope.files import whole_file
from plasmoscope.reports.output import check_output
from plasmoscope.store.history import Figures, Search, figures_of, find_slides
from plasmoscope.store.readings import Readings, readings_of_slides
from plasmoscope.store.records import Field, Slide

PARQUET = "parquet"
"""The extra that Parquet needs."""
_SLIDES_AT_ONCE = 500
_ROWS_AT_ONCE = 10_000


class Row(NamedTuple):
    """One slide. What is not known is None: a slide without a counted cell has no parasitaemia."""

    number: int
    """The slide's, as in the addresses of its pages."""
    date: date
    """On which it was made."""
    patient: str
    slide: str
    site: str
    preparer: str
    microscopist: str
    stain: str
    age_years: float | None
    """Of the patient when it was made."""
    sex: str | None
    visit_day: int | None
    """Of a follow-up, from 0."""
    status: str
    signed_by: str | None
    signed_at: datetime | None
    photographs: int
    photographs_counted: int
    red_cells_counted: int
    infected: int
    not_a_cell: int
    parasitaemia_percent: float | None
    parasitaemia_percent_low: float | None
    parasitaemia_percent_high: float | None
    """Ends of the 95 % interval (Wilson)."""
    parasites_per_ul: float | None
    parasites_per_ul_low: float | None
    parasites_per_ul_high: float | None
    red_cells_per_ul: float
    """That the parasites per microlitre rest on: measured, from the haematocrit, or the default."""
    model: str | None
    model_sha256: str | None
    profile: str | None
    plasmoscope: str | None
    readers: str | None
    """Whose counts the parasitaemia is the mean of, where several people read the slide, blinded; while they are not
    all done there are no counts."""
    reading_rule: str | None
    """By which their counts were compared."""


def write_history(session: Session, search: Search, file: Path) -> None:
    """Write the slides that fit, the newest first; the suffix of ``file`` chooses CSV or Parquet.

    Only some slides are in memory at a time.

    Raises:
        OutputError: another suffix, or a folder that does not exist.
        MissingExtraError: Parquet without its package.
        OSError: the file cannot be written.
    """
    check_output(file, _WRITERS)
    _WRITERS[file.suffix.lower()](file, rows(session, search))


def rows(session: Session, search: Search) -> Iterator[Row]:
    """The slides that fit, the newest first."""
    offset = 0
    while slides := find_slides(session, search, offset, _SLIDES_AT_ONCE).slides:
        ids = [slide.id for slide in slides]
        figures, methods, read = figures_of(session, slides), _methods(session, ids), readings_of_slides(session, ids)
        yield from (_row(slide, figures[slide.id], methods.get(slide.id), read.get(slide.id)) for slide in slides)
        offset += len(slides)


def _row(slide: Slide, figures: Figures, method: Method | None, read: Readings | None) -> Row:
    numbers, share = figures.tally, figures.parasitaemia
    red_cells = red_cell_count(slide.red_cells_per_ul, slide.haematocrit_percent).per_ul
    percent, percent_low, percent_high = _ends(share)
    per_ul, per_ul_low, per_ul_high = _ends(share.scaled(red_cells / 100) if share else None)
    return Row(
        number=slide.id,
        date=slide.taken_on,
        patient=slide.patient.code,
        slide=slide.code,
        site=slide.site,
        preparer=slide.preparer,
        microscopist=slide.microscopist,
        stain=slide.stain,
        age_years=slide.age_years,
        sex=slide.sex,
        visit_day=slide.visit_day,
        status=slide.status,
        signed_by=slide.signed_by,
        signed_at=slide.signed_at,
        photographs=numbers.done,
        photographs_counted=numbers.in_count,
        red_cells_counted=numbers.counted,
        infected=numbers.infected,
        not_a_cell=numbers.not_a_cell,
        parasitaemia_percent=percent,
        parasitaemia_percent_low=percent_low,
        parasitaemia_percent_high=percent_high,
        parasites_per_ul=per_ul,
        parasites_per_ul_low=per_ul_low,
        parasites_per_ul_high=per_ul_high,
        red_cells_per_ul=red_cells,
        model=method.model if method else None,
        model_sha256=method.model_sha256 if method else None,
        profile=str(method.profile) if method and method.profile else None,
        plasmoscope=method.plasmoscope if method else None,
        readers=" and ".join(read.settled.readers) if read and read.complete and read.settled else None,
        reading_rule=read.each[0].rule if read else None,
    )


def _ends(interval: Interval | None) -> tuple[float | None, float | None, float | None]:
    return (interval.value, interval.low, interval.high) if interval else (None, None, None)


def _methods(session: Session, slide_ids: Sequence[int]) -> dict[int, Method]:
    """How each slide's last analysed photograph was analysed, as the reports tell it."""
    last = select(func.max(Field.id)).where(Field.slide_id.in_(slide_ids), Field.status == "done")
    found = select(Field.slide_id, Field.method).where(Field.id.in_(last.group_by(Field.slide_id)))
    return {slide_id: Method.model_validate(method) for slide_id, method in session.execute(found)}


def _write_csv(file: Path, table: Iterator[Row]) -> None:
    write_csv(file, Row._fields, (list(map(_cell, row)) for row in table))


def _cell(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, float):
        return f"{value:.6g}"
    return "" if value is None else value


def _write_parquet(file: Path, table: Iterator[Row]) -> None:
    require_extra(PARQUET, "A table in Parquet")
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

    kinds: dict[Any, Any] = {
        int: pa.int64(),
        str: pa.string(),
        date: pa.date32(),
        str | None: pa.string(),
        int | None: pa.int64(),
        float: pa.float64(),
        float | None: pa.float64(),
        datetime | None: pa.timestamp("us", "UTC"),
    }
    schema = pa.schema([(name, kinds[kind]) for name, kind in get_type_hints(Row).items()])
    with whole_file(file) as unfinished, ParquetWriter(unfinished, schema) as writer:
        while some := list(islice(table, _ROWS_AT_ONCE)):
            writer.write_batch(pa.RecordBatch.from_pylist([row._asdict() for row in some], schema))


_WRITERS = {".csv": _write_csv, ".parquet": _write_parquet}
SUFFIXES = tuple(_WRITERS)
