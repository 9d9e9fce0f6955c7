"""Tables as CSV that a spreadsheet shows as they are: letters of every script whole, and no text run as a formula.

A spreadsheet takes a cell for a formula that begins with one of ``= + - @``, their full-width forms, a tab or a line
end, whatever quotes stand around it. Such text gets an apostrophe in front, as OWASP's "CSV Injection" asks; so does
what follows a semicolon, which many countries' spreadsheets take for a comma. Numbers stay numbers, negative ones too.
"""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TextIO

from plasmoscope.files import whole_text

CSVError = csv.Error
"""What reading raises where a text is no table."""

# Excel takes a file for the letters of its own country without it.
_BYTE_ORDER_MARK = "\ufeff"
_FORMULA = r"[=+\-@\t\r\n＝＋－＠]"  # noqa: RUF001 - the full-width forms are meant
_BEGIN = r"(?:^|(?<=;))"
# What begins like a guarded text is guarded too, so that reading gives back what was written.
_TO_GUARD = re.compile(rf"{_BEGIN}(?='*{_FORMULA})")
_GUARDED = re.compile(rf"{_BEGIN}'(?='*{_FORMULA})")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?", re.ASCII)


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """The content of a CSV file, byte-order mark first; write it as UTF-8."""
    stream = io.StringIO()
    stream.write(_BYTE_ORDER_MARK)
    write_rows(stream, columns, rows)
    return stream.getvalue()


def write_csv(file: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table to a file, all at once."""
    with whole_text(file) as stream:
        stream.write(_BYTE_ORDER_MARK)
        write_rows(stream, columns, rows)


def write_rows(
    stream: TextIO, columns: Sequence[str], rows: Iterable[Sequence[object]], line_end: str = "\r\n"
) -> None:
    """Write a table without a byte-order mark, for a stream that is no file."""
    # Both characters of this line end are quoted in a cell, so that it is read back whole.
    writer = csv.writer(stream, lineterminator=line_end)
    writer.writerow(columns)
    writer.writerows([_guarded(cell) for cell in row] for row in rows)


def read_csv(file: Path) -> list[dict[str, str]]:
    """The rows that ``write_csv`` wrote, or an earlier version without byte-order mark and apostrophes.

    A row that is too short has empty cells at its end.

    Raises:
        OSError, UnicodeDecodeError: the file cannot be read.
    """
    with file.open(newline="", encoding="utf-8-sig") as stream:
        return csv_rows(stream)


def csv_rows(lines: Iterable[str]) -> list[dict[str, str]]:
    """The rows of a table's lines, the columns' names first; a row that is too short has empty cells at its end."""
    rows = csv.reader(lines)
    columns = next(rows, [])
    return [
        dict(zip(columns, [*(_GUARDED.sub("", cell) for cell in row), *[""] * len(columns)], strict=False))
        for row in rows
        if row
    ]


def _guarded(cell: object) -> object:
    if not isinstance(cell, str) or _NUMBER.fullmatch(cell):
        return cell
    return _TO_GUARD.sub("'", cell)
