"""The history of all slides as a table."""

import csv
import io
from datetime import UTC, date
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from analysed import FOUND, METHOD, OTHER_FOUND, OTHER_IMAGE, analysed
from command_line import run
from plasmoscope.csv_tables import read_csv
from plasmoscope.extras import MissingExtraError
from plasmoscope.reports.output import OutputError
from plasmoscope.store import counts, history_table, slides
from plasmoscope.store.history import Search
from plasmoscope.store.history_table import Row, rows, write_history
from plasmoscope.store.slides import SlideDetails
from plasmoscope.store.store import Store

EVERYTHING = Search()


def _new(store: Store, code: str, day: int = 1, **said: Any) -> int:
    named: dict[str, Any] = {"patient": "P-1", "code": code, "taken_on": date(2026, 3, day)}
    details = SlideDetails(**named | said)
    with store.session() as session:
        return slides.create_slide(session, "amina", details).id


def _sign(store: Store, slide: int) -> None:
    with store.session() as session:
        slides.sign(session, "grace", slide, slides.get_slide(session, slide).version, confirm=True)


def _result(store: Store, slide: int):
    with store.reading() as session:
        return counts.slide_result(session, slides.get_slide(session, slide))


def test_a_row_says_what_the_slides_report_says(store: Store) -> None:
    slide = _new(store, "S-1", haematocrit_percent=38.0, microscopist="Kofi", site="Gulu")
    analysed(store, slide)
    analysed(store, slide, OTHER_IMAGE, OTHER_FOUND)
    _sign(store, slide)
    with store.reading() as session:
        (row,) = rows(session, EVERYTHING)
    result = _result(store, slide)
    count = result.count
    assert (row.number, row.patient, row.slide, row.date) == (slide, "P-1", "S-1", date(2026, 3, 1))
    assert (row.status, row.signed_by, row.signed_at, row.microscopist) == (
        "signed", "grace", result.signed_at, "Kofi",
    )  # fmt: skip
    assert (row.red_cells_counted, row.infected) == (count.counted, count.infected)
    share, density = count.parasitaemia, count.parasites_per_ul
    assert (row.parasitaemia_percent, row.parasitaemia_percent_low, row.parasitaemia_percent_high) == pytest.approx(
        (share.value, share.low, share.high)
    )
    assert (row.parasites_per_ul, row.parasites_per_ul_low, row.parasites_per_ul_high) == pytest.approx(
        (density.value, density.low, density.high)
    )
    assert (row.model, row.model_sha256, row.plasmoscope) == (METHOD.model, METHOD.model_sha256, METHOD.plasmoscope)
    assert (row.photographs, row.photographs_counted) == (2, 2)


def test_all_slides_are_there_however_many_are_read_at_a_time(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_table, "_SLIDES_AT_ONCE", 2)
    monkeypatch.setattr(history_table, "_ROWS_AT_ONCE", 3)
    for day in range(1, 6):
        _new(store, f"S-{day}", day)
    with store.reading() as session:
        assert [row.slide for row in rows(session, EVERYTHING)] == ["S-5", "S-4", "S-3", "S-2", "S-1"]
        found = rows(session, Search(since=date(2026, 3, 2), until=date(2026, 3, 4)))
        assert [row.slide for row in found] == ["S-4", "S-3", "S-2"]
        write_history(session, EVERYTHING, store.folder / "history.parquet")
    assert parquet.read_table(store.folder / "history.parquet").column("slide").to_pylist() == [
        "S-5", "S-4", "S-3", "S-2", "S-1",
    ]  # fmt: skip


def test_csv_and_parquet_hold_the_same_and_no_spreadsheet_runs_a_code_as_a_formula(store: Store) -> None:
    counted = _new(store, "S-1", patient="=cmd()", site="@home")
    analysed(store, counted)
    _sign(store, counted)
    _new(store, "S-2", 2)
    with store.reading() as session:
        expected = list(rows(session, EVERYTHING))
        for ending in ("csv", "parquet"):
            write_history(session, EVERYTHING, store.folder / f"history.{ending}")
    text = (store.folder / "history.csv").read_text("utf-8-sig")
    raw = list(csv.DictReader(io.StringIO(text)))
    assert [row["patient"] for row in raw] == ["P-1", "'=cmd()"]
    assert raw[0]["parasitaemia_percent"] == raw[0]["signed_at"] == ""
    assert [row["patient"] for row in read_csv(store.folder / "history.csv")] == ["P-1", "=cmd()"]
    assert float(raw[1]["parasitaemia_percent"]) == pytest.approx(expected[1].parasitaemia_percent, rel=1e-5)
    table = parquet.read_table(store.folder / "history.parquet")
    assert table.column_names == list(Row._fields)
    assert [tuple(row.values()) for row in table.to_pylist()] == [tuple(row) for row in expected]
    assert table.to_pylist()[1]["signed_at"].astimezone(UTC) == expected[1].signed_at


def test_records_without_a_slide_make_a_table_without_a_row(store: Store) -> None:
    with store.reading() as session:
        for ending in ("csv", "parquet"):
            write_history(session, EVERYTHING, store.folder / f"history.{ending}")
    assert read_csv(store.folder / "history.csv") == []
    assert parquet.read_table(store.folder / "history.parquet").num_rows == 0


def test_another_ending_and_a_missing_package_are_named(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with store.reading() as session, pytest.raises(OutputError, match=r"\.csv or \.parquet"):
        write_history(session, EVERYTHING, store.folder / "history.xlsx")
    missing = MissingExtraError("A table in Parquet needs packages that are not installed (pyarrow).")
    monkeypatch.setattr(history_table, "require_extra", lambda *_: (_ for _ in ()).throw(missing))
    with store.reading() as session, pytest.raises(MissingExtraError, match="pyarrow"):
        write_history(session, EVERYTHING, store.folder / "history.parquet")
    assert not list(store.folder.glob("history*"))


def test_the_command_writes_the_slides_that_are_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path / "records")
    analysed(store, _new(store, "S-1", 1))
    _new(store, "S-2", 2)
    _new(store, "S-3", 3, patient="Q-1")
    store.close()
    output = tmp_path / "history.csv"
    asked = ["--since", "2026-03-01", "--until", "2026-03-02", "--patient", "p-"]
    assert run("export-history", output, "--data", tmp_path / "records", *asked, monkeypatch=monkeypatch) == 0
    table = read_csv(output)
    assert [row["slide"] for row in table] == ["S-2", "S-1"]
    assert int(table[1]["red_cells_counted"]) == FOUND.counted


def test_a_slide_that_is_signed_again_is_an_amended_result(store: Store) -> None:
    slide = _new(store, "S-1")
    analysed(store, slide)
    _sign(store, slide)
    assert not _result(store, slide).amended
    with store.session() as session:
        slides.reopen(session, "grace", slide, "another look")
    assert not _result(store, slide).amended
    _sign(store, slide)
    assert _result(store, slide).amended
    other = _new(store, "S-10")
    analysed(store, other)
    _sign(store, other)
    assert not _result(store, other).amended
