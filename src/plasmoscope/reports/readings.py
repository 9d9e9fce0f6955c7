"""Readers' counts in a table, and what they come to in another."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from plasmoscope.analysis.two_readers import Reading, ReadingError, Settled, check_readings
from plasmoscope.csv_tables import CSVError, read_csv, write_csv

_NEEDED = ("slide", "reader", "infected", "counted")


def read_readings(file: Path) -> dict[str, list[Reading]]:
    """The readings of each slide, in the order of the rows.

    Args:
        file: CSV with the columns slide, reader, infected and counted, and species if readers named one.

    Raises:
        ReadingError: no such table; the message names the row.
    """
    try:
        rows = read_csv(file)
    except (UnicodeDecodeError, CSVError) as error:
        raise ReadingError(f"{file} is no CSV table in UTF-8. Save it as such from your spreadsheet.") from error
    if not rows or not set(_NEEDED) <= rows[0].keys():
        raise ReadingError(f"{file} needs the columns {', '.join(_NEEDED)} (and species, if you like), and a row each.")
    slides: dict[str, list[Reading]] = {}
    for number, row in enumerate(rows, start=2):
        try:
            reading = Reading(row["reader"], int(row["infected"]), int(row["counted"]), row.get("species", "").strip())
        except (ValueError, ReadingError) as error:
            what = error if isinstance(error, ReadingError) else "infected and counted must be whole numbers."
            raise ReadingError(f"{file}, row {number}: {what}") from error
        slides.setdefault(row["slide"], []).append(reading)
    for slide, readings in slides.items():
        try:
            check_readings(readings)
        except ReadingError as error:
            told = f"{file}: slide {slide} needs two readings, or three, each of another reader. {error}"
            raise ReadingError(told) from error
    return slides


def write_results(file: Path, slides: Mapping[str, Sequence[Reading]], results: Mapping[str, Settled]) -> None:
    """Write what each slide's readings come to, with the rule.

    Args:
        file: CSV to write.
        slides: the readings of each.
        results: of each.
    """
    columns = ("slide", "readings", "disagreements", "result", "parasitaemia_percent", "species", "mean_of", "rule")
    rows = [
        (
            slide,
            len(slides[slide]),
            " ".join(settled.disagreements),
            _RESULTS[settled.positive],
            "" if settled.share is None else f"{100 * settled.share:.6g}",
            settled.species,
            " ".join(settled.readers),
            settled.rule.name,
        )
        for slide, settled in results.items()
    ]
    write_csv(file, columns, rows)


_RESULTS = {True: "positive", False: "no parasite seen", None: "third reader needed"}
