"""Deleted slides erased for good: what goes with them, and what stays."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from analysed import FOUND, OTHER_FOUND, OTHER_IMAGE, analysed
from plasmoscope.cli import app
from plasmoscope.store import corrections, erasing, slides
from plasmoscope.store.audit import entries
from plasmoscope.store.backup import back_up
from plasmoscope.store.chain import verify
from plasmoscope.store.doctor import examine
from plasmoscope.store.errors import NotFoundError
from plasmoscope.store.records import Correction, Field, Look, Patient, Slide, now
from plasmoscope.store.slides import SlideDetails
from plasmoscope.store.store import Store


def new(store: Store, patient: str, code: str) -> int:
    with store.session() as session:
        return slides.create_slide(session, "amina", SlideDetails(patient, code, date(2026, 3, 1))).id


def delete(store: Store, slide: int) -> None:
    with store.session() as session:
        slides.delete_slide(session, "head", slide, "wrong film")


def photographs(store: Store) -> int:
    return sum(1 for _ in store.images.files())


def rows(store: Store, *tables: type) -> list[int]:
    with store.reading() as session:
        return [len(session.scalars(select(table)).all()) for table in tables]


def test_a_slide_goes_with_all_of_it_but_for_photographs_that_others_show_and_for_the_audit(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, gone = new(store, "P-kept", "S-1"), new(store, "P-gone", "S-2")
    analysed(store, kept)
    field = analysed(store, gone)
    analysed(store, gone, OTHER_IMAGE, OTHER_FOUND)
    with store.session() as session:
        corrections.correct(session, "amina", field, FOUND.cells[0].number, "infected")
    delete(store, gone)
    assert erasing.erase_deleted(store, "head", 30) == (0, 0), "not long enough ago"
    assert photographs(store) == 2
    monkeypatch.setattr(erasing, "now", lambda: now() + timedelta(days=31))
    assert erasing.erase_deleted(store, "head", 30) == (1, 1)
    assert rows(store, Slide, Field, Correction, Look, Patient) == [1, 1, 0, 0, 1]
    assert photographs(store) == 1
    with store.session() as session:
        newest = entries(session, f"slide/{gone}")
        assert (newest[0].action, newest[0].who, newest[0].detail["reason"]) == ("erase slide", "head", "wrong film")
        assert {"create", "call", "delete"} <= {entry.action for entry in newest}, "what was said stays"
        assert verify(session).whole
        with pytest.raises(NotFoundError):
            slides.put_back_slide(session, "head", gone)
    findings = examine(store)
    assert findings.all_well
    assert new(store, "P-gone", "S-2") > gone, "numbers are not given again"
    assert erasing.erase_deleted(store, "head", 0) == (0, 0)


def test_a_photograph_comes_again_after_it_was_erased_and_backups_hold_none_of_it(store: Store, tmp_path: Path) -> None:
    slide = new(store, "P-1", "S-1")
    analysed(store, slide)
    delete(store, slide)
    assert erasing.erase_deleted(store, "head", 0) == (1, 1)
    back_up(store, tmp_path / "backup")
    copy = Store(tmp_path / "backup")
    assert (photographs(copy), rows(copy, Slide, Field, Patient)) == (0, [0, 0, 0])
    copy.close()
    analysed(store, new(store, "P-1", "S-1"))
    assert examine(store).all_well


def test_a_patient_stays_whom_a_merge_needs_or_who_has_another_slide(store: Store) -> None:
    other, slide = new(store, "P-1", "S-1"), new(store, "P-1", "S-2")
    delete(store, slide)
    erasing.erase_deleted(store, "head", 0)
    assert rows(store, Slide, Patient) == [1, 1]
    with store.reading() as session:
        assert session.scalars(select(Slide.id)).all() == [other]


def test_what_an_altered_file_left_behind_goes_too(store: Store) -> None:
    slide = new(store, "P-1", "S-1")
    analysed(store, slide)
    with store.reading() as session:
        sha256 = session.scalars(select(Field.image_sha256)).one()
    store.images.set_aside(sha256)
    delete(store, slide)
    erasing.erase_deleted(store, "head", 0)
    assert not (store.images.damaged / sha256).exists()


def test_the_command_asks_and_then_erases(tmp_path: Path) -> None:
    records = tmp_path / "records"
    kept = Store(records)
    slide = new(kept, "P-1", "S-1")
    analysed(kept, slide)
    delete(kept, slide)
    kept.close()
    command = ["erase-deleted", "--days", "0", "--data", str(records)]
    assert CliRunner().invoke(app, command, input="n\n").exit_code == 1
    asked = CliRunner().invoke(app, command, input="y\n")
    assert "Erased 1 slides and 1 photographs" in " ".join(asked.output.split())
    assert "Erased 0 slides" in CliRunner().invoke(app, [*command, "--yes"]).output
