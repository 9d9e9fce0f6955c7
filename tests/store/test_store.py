"""The records, on SQLite and on PostgreSQL alike."""

import hashlib
import io
import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from PIL import ExifTags, Image
from sqlalchemy import func, select, text, update
from sqlalchemy.exc import IntegrityError

from analysed import FOUND, IMAGE, METHOD, OTHER_FOUND, OTHER_IMAGE, analysed
from plasmoscope.analysis import results
from plasmoscope.analysis.counting import CALLS_CHANGED, COUNTED_DIFFERENTLY, NOT_MEASURED, CountingError
from plasmoscope.analysis.method import Method, calling
from plasmoscope.classification.classifier import Classifier
from plasmoscope.data.nih import load_nih
from plasmoscope.i18n.words import english
from plasmoscope.messages import message
from plasmoscope.reports.bundle import write_slide
from plasmoscope.reports.illustrations import encode_png
from plasmoscope.reports.slide_json import read_slide, slide_json
from plasmoscope.store import audit, corrections, counts, fields, history, patients, slides
from plasmoscope.store.audit import entries
from plasmoscope.store.errors import ConflictError, NotFoundError, StoreError
from plasmoscope.store.looks import first_looks
from plasmoscope.store.records import Base, Slide
from plasmoscope.store.review import slide_queue
from plasmoscope.store.slides import EXAMPLE_PATIENT, SlideDetails
from plasmoscope.store.store import Store
from plasmoscope.store.training_data import export_training_cells
from slides import CARE, refused, rendered_field, warned
from uploads import upload

INFECTED = next(cell.number for cell in FOUND.cells if cell.counted and cell.parasitized)
HEALTHY = next(cell.number for cell in FOUND.cells if cell.counted and not cell.parasitized)


def details(**changes: object) -> SlideDetails:
    named: dict[str, Any] = {"patient": "P-1", "code": "S-1", "taken_on": date(2026, 3, 1)}
    return SlideDetails(**named | changes)


def new_slide(store: Store, **changes: object) -> int:
    with store.session() as session:
        return slides.create_slide(session, "amina", details(**changes)).id


def count_of(store: Store, slide: int) -> tuple[int, int]:
    """Infected and counted cells; the figures, the running count and the whole result must agree."""
    with store.reading() as session:
        record = slides.get_slide(session, slide)
        tally = counts.tally(session, slide)
        count = counts.slide_count(session, record, counts.tally(session, record.id))
        result = counts.slide_result(session, record)
    taken = [field for field in result.fields if field.accepted]
    assert count == result.count
    assert (tally.infected, tally.counted) == (sum(f.infected for f in taken), sum(f.counted for f in taken))
    if count:
        assert (tally.infected, tally.counted) == (count.infected, count.counted)
    return tally.infected, tally.counted


def call(store: Store, field: int, cell: int, said: Any) -> None:
    with store.session() as session:
        corrections.correct(session, "amina", field, cell, said)


# Opening


def test_the_migrations_make_the_tables_that_the_records_describe(store: Store) -> None:
    with store.reading() as session:
        context = MigrationContext.configure(session.connection(), opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_records_opened_again_are_still_there(store: Store, database: str | None) -> None:
    slide = new_slide(store, site="Kumasi")
    store.close()
    again = Store(store.folder, database)
    with again.reading() as session:
        assert slides.get_slide(session, slide).site == "Kumasi"
    again.close()


def test_records_of_a_later_version_are_left_alone(store: Store, database: str | None) -> None:
    with store.session() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match="later version"):
        Store(store.folder, database)


def test_numbers_of_what_was_deleted_are_never_given_again(store: Store) -> None:
    slide = new_slide(store)
    field = upload(store, slide, encode_png(IMAGE))
    with store.session() as session:
        slides.delete_slide(session, "amina", slide, "a mistake")
    again = new_slide(store)
    assert again > slide
    assert upload(store, again, encode_png(IMAGE)) > field


def test_records_of_an_earlier_version_keep_everything_and_forget_no_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgrade = command.upgrade
    with monkeypatch.context() as earlier:
        earlier.setattr(command, "upgrade", lambda config, revision: upgrade(config, "0002"))
        store = Store(tmp_path)
    # The records write columns that came later.
    later = (
        ("fields", "same_place", "JSON NOT NULL DEFAULT '[]'"),
        ("fields", "count_repeat", "BOOLEAN NOT NULL DEFAULT 0"),
        ("fields", "warnings", "JSON NOT NULL DEFAULT '[]'"),
        ("fields", "not_a_cell", "INTEGER NOT NULL DEFAULT 0"),
        ("fields", "judged", "BLOB"),
        ("fields", "taken_at", "DATETIME"),
        ("corrections", "step", "INTEGER NOT NULL DEFAULT 0"),
        ("corrections", "undone", "BOOLEAN NOT NULL DEFAULT 0"),
        ("audit", "digest", "TEXT"),
        ("patients", "skeleton", "TEXT"),
        ("patients", "merged_into_id", "INTEGER"),
        ("slides", "merged_from_id", "INTEGER"),
        ("slides", "age_years", "DOUBLE"),
        ("slides", "purpose", "TEXT NOT NULL DEFAULT 'patient'"),
        ("slides", "sex", "TEXT"),
        ("slides", "visit_day", "INTEGER"),
        ("slides", "deleted_at", "DATETIME"),
        ("slides", "deleted_by", "TEXT"),
        ("slides", "delete_reason", "TEXT"),
        ("fields", "view", "JSON"),
        ("fields", "red_absorbance", "DOUBLE"),
        ("fields", "green_absorbance", "DOUBLE"),
        ("fields", "blue_absorbance", "DOUBLE"),
        ("fields", "blur", "DOUBLE"),
        ("fields", "status_before", "TEXT"),
        ("fields", "remove_reason", "TEXT"),
    )
    later_tables = [Base.metadata.tables[name] for name in ("looks", "edits", "readings")]
    with store.session() as session:
        Base.metadata.create_all(session.connection(), later_tables)
        for table, column, kind in later:
            session.execute(text(f"ALTER TABLE {table} ADD COLUMN {column} {kind}"))
    slide = new_slide(store)
    field, repeat = analysed(store, slide), analysed(store, slide, OTHER_IMAGE, OTHER_FOUND)
    with store.session() as session:
        corrections.correct(session, "amina", field, HEALTHY, "infected")
        fields.get_field(session, repeat).duplicate_of_id = field
        session.execute(text("UPDATE fields SET fingerprint = zeroblob(4096)"))
    deleted = new_slide(store, code="S-2")
    with store.session() as session:
        slides.delete_slide(session, "amina", deleted, "a mistake")
        # As those versions deleted.
        session.execute(text("DELETE FROM slides WHERE deleted_at IS NOT NULL"))
    before = count_of(store, slide)
    with store.session() as session:
        for table, column, _ in later:
            session.execute(text(f"ALTER TABLE {table} DROP COLUMN {column}"))
        Base.metadata.drop_all(session.connection(), later_tables)
    store.close()
    store = Store(tmp_path)
    assert count_of(store, slide) == before
    # Whoever called a cell had looked at it, and what was analysed earlier is in the queue.
    with store.reading() as session:
        queue = slide_queue(session, slide)
        assert {number: look.by for number, look in first_looks(session, slide)[field].items()} == {HEALTHY: "amina"}
    assert queue.review.called == FOUND.infected
    # What was left out as a repeat stays so, whatever is added, until somebody has it counted.
    added = analysed(store, slide, *rendered_field("added.png", seed=6))
    with store.session() as session:
        assert [one.duplicate_of_id for one in fields.fields_of(session, slide)] == [None, field, None]
        fields.reject(session, "amina", added, "dirt")
        fields.count_repeat(session, "amina", repeat)
    assert count_of(store, slide) == (before[0] + OTHER_FOUND.infected, before[1] + OTHER_FOUND.counted)
    with store.reading() as session:
        assert fields.get_field(session, field).warnings == []
        assert len(corrections.corrections_of(session, field)) == 1
    assert new_slide(store, code="S-3") > deleted
    with pytest.raises(IntegrityError), store.session() as session:
        session.execute(text("UPDATE slides SET patient_id = 99"))
    store.close()


def test_a_database_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "plasmoscope.db").write_text("a text that is no database, and long enough to be read as one" * 20)
    with pytest.raises(StoreError, match="cannot be opened"):
        Store(tmp_path)
    with pytest.raises(StoreError, match="not in mysql"):
        Store(tmp_path, "mysql://somewhere/records")
    with pytest.raises(StoreError, match="holds no records"):
        Store.existing(tmp_path / "mistyped")


def test_a_block_that_fails_leaves_nothing(store: Store) -> None:
    def create_and_fail() -> None:
        with store.session() as session:
            slides.create_slide(session, "amina", details())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        create_and_fail()
    with store.reading() as session:
        assert history.find_slides(session, history.Search()).total == 0
        assert not entries(session)


def test_reading_refuses_to_change(store: Store) -> None:
    slide = new_slide(store)

    def change() -> None:
        with store.reading() as session:
            session.execute(update(Slide).where(Slide.id == slide).values(site="elsewhere"))

    with pytest.raises(Exception, match=r"(?i)read.?only"):
        change()


# Slides


def test_a_slide_needs_codes_and_possible_values(store: Store) -> None:
    with pytest.raises(StoreError, match="patient's code"):
        new_slide(store, patient="  ")
    with pytest.raises(StoreError, match="slide's code"):
        new_slide(store, code="")
    with pytest.raises(StoreError, match="200 characters"):
        new_slide(store, site="x" * 201)
    with pytest.raises(CountingError, match="haematocrit"):
        new_slide(store, haematocrit_percent=420)


def test_a_patient_has_one_slide_of_a_code_and_may_have_others(store: Store) -> None:
    first = new_slide(store)
    with pytest.raises(ConflictError, match="P-1 has a slide S-1"):
        new_slide(store)
    second, elsewhere = new_slide(store, code="S-2"), new_slide(store, patient="P-2")
    with store.reading() as session:
        patients = [slides.get_slide(session, slide).patient.code for slide in (first, second, elsewhere)]
    assert patients == ["P-1", "P-1", "P-2"]
    with pytest.raises(ConflictError, match="has a slide"), store.session() as session:
        slides.update_slide(session, "amina", second, details())


def test_text_from_outside_is_only_ever_text(store: Store) -> None:
    hostile = "x'; DROP TABLE slides; --"
    slide = new_slide(store, patient=hostile, code="نقطة\0 \ud800%_", site="سوق 市场")
    with store.reading() as session:
        found = slides.get_slide(session, slide)
        assert (found.patient.code, found.site) == (hostile, "سوق 市场")
        assert "نقطة" in found.code
        assert history.find_slides(session, history.Search(patient=hostile)).total == 1
        assert history.find_slides(session, history.Search(patient="%")).total == 0
        assert history.known_values(session, "site", "' OR 1=1") == []


def test_describing_anew_keeps_what_was_said_before_in_the_audit(store: Store) -> None:
    slide = new_slide(store, site="Kumasi")
    with store.session() as session:
        slides.update_slide(session, "ben", slide, details(patient="P-9", site="Tamale", haematocrit_percent=38))
    with store.reading() as session:
        assert slides.details_of(slides.get_slide(session, slide)).patient == "P-9"
        newest, created = entries(session, f"slide/{slide}")
    assert (newest.who, newest.action) == ("ben", "describe")
    assert newest.detail == {"patient": ["P-1", "P-9"], "site": ["Kumasi", "Tamale"], "haematocrit_percent": [None, 38]}
    assert (created.who, created.detail["taken_on"]) == ("amina", "2026-03-01")


def test_deleting_takes_fields_and_corrections_along_but_not_the_audit(store: Store) -> None:
    slide = new_slide(store)
    field = analysed(store, slide)
    call(store, field, INFECTED, "not_a_cell")
    with pytest.raises(StoreError, match="reason"), store.session() as session:
        slides.delete_slide(session, "ben", slide, " ")
    with store.session() as session:
        slides.delete_slide(session, "ben", slide, "wrong patient")
    with store.reading() as session:
        with pytest.raises(NotFoundError):
            slides.get_slide(session, slide)
        with pytest.raises(NotFoundError):
            fields.get_field(session, field)
        actions = [entry.action for entry in entries(session, f"slide/{slide}")]
    assert actions == ["delete", "call", "analyse", "upload", "create"]


# Signing


def test_a_signed_slide_refuses_every_change_until_it_is_reopened(store: Store) -> None:
    slide = new_slide(store)
    field = analysed(store, slide)
    with store.session() as session:
        signed = slides.sign(session, "ben", slide, slides.get_slide(session, slide).version, confirm=True)
        assert (signed.signed_by, signed.status) == ("ben", "signed")
    changes: list[Callable[..., object]] = [
        lambda s: slides.update_slide(s, "amina", slide, details(site="elsewhere")),
        lambda s: slides.delete_slide(s, "amina", slide, "reason"),
        lambda s: slides.sign(s, "amina", slide, signed.version, confirm=True),
        lambda s: fields.add_field(s, store.images, "amina", slide, "new.png", b"new"),
        lambda s: fields.finish(s, field, FOUND, METHOD, None),
        lambda s: fields.fail(s, field, message("empty_file")),
        lambda s: fields.cancel(s, "amina", field),
        lambda s: fields.requeue(s, "amina", field),
        lambda s: fields.reject(s, "amina", field, "reason"),
        lambda s: fields.restore(s, "amina", field),
        lambda s: corrections.correct(s, "amina", field, INFECTED, "uninfected"),
    ]
    for change in changes:
        with pytest.raises(ConflictError, match="signed by ben"), store.session() as session:
            change(session)
    with pytest.raises(StoreError, match="reason"), store.session() as session:
        slides.reopen(session, "ben", slide, "")
    with store.session() as session:
        slides.reopen(session, "ben", slide, "a cell was overlooked")
    call(store, field, INFECTED, "uninfected")
    with store.reading() as session:
        trail = entries(session, f"slide/{slide}")
    assert [entry.action for entry in trail][:3] == ["call", "reopen", "sign"]
    assert trail[1].detail == {"reason": "a cell was overlooked", "signed_by": "ben"}
    assert trail[2].detail["infected"] == FOUND.infected


def test_nobody_signs_what_they_have_not_seen(store: Store) -> None:
    slide = new_slide(store)
    with store.reading() as session:
        seen = slides.get_slide(session, slide).version
    with pytest.raises(ConflictError, match="nothing to sign"), store.session() as session:
        slides.sign(session, "ben", slide, seen, confirm=True)
    field = analysed(store, slide)
    with pytest.raises(ConflictError, match="changed since"), store.session() as session:
        slides.sign(session, "ben", slide, seen, confirm=True)
    waiting = upload(store, slide, b"another")
    with store.reading() as session:
        seen = slides.get_slide(session, slide).version
    with pytest.raises(ConflictError, match="1 photographs are not analysed"), store.session() as session:
        slides.sign(session, "ben", slide, seen, confirm=True)
    with store.session() as session:
        fields.cancel(session, "ben", waiting)
    call(store, field, INFECTED, "uninfected")
    with store.session() as session:
        assert (
            slides.sign(session, "ben", slide, slides.get_slide(session, slide).version, confirm=True).status
            == "signed"
        )


# Fields


def test_the_same_picture_twice_gives_one_field(store: Store) -> None:
    slide, other = new_slide(store), new_slide(store, code="S-2")
    first, again = upload(store, slide, b"picture", "a.png"), upload(store, slide, b"picture", "b.png")
    assert first == again
    assert upload(store, other, b"picture") != first
    with store.reading() as session:
        [field] = fields.fields_of(session, slide)
        assert (field.name, field.position, field.size, field.status) == ("a.png", 1, 7, "waiting")
        assert store.images.path(field.image_sha256).read_bytes() == b"picture"
        assert sum(entry.action == "upload" for entry in entries(session)) == 2


def test_names_are_never_paths_and_never_alike(store: Store) -> None:
    slide = new_slide(store)
    for data in (b"1", b"2", b"3"):
        upload(store, slide, data, "../../etc/passwd.png")
    with store.reading() as session:
        names = [field.name for field in fields.fields_of(session, slide)]
    assert len(set(names)) == 3
    assert all(file.is_relative_to(store.images.folder) for file in store.images.files())
    with pytest.raises(NotFoundError):
        store.images.path("../../etc/passwd")


def test_fields_are_analysed_in_the_order_of_upload_each_by_one_worker(store: Store) -> None:
    slide = new_slide(store)
    uploaded = [upload(store, slide, data) for data in (b"1", b"2")]
    taken = []
    for _ in range(3):
        with store.session() as session:
            field = fields.take_waiting(session)
            taken.append(field and field.id)
    assert taken == [*uploaded, None]


def test_what_a_server_that_died_had_taken_is_taken_anew_and_what_another_has_just_taken_is_not(store: Store) -> None:
    slide = new_slide(store)
    died, goes_on = (upload(store, slide, data) for data in (b"1", b"2"))
    for _ in range(2):
        with store.session() as session:
            fields.take_waiting(session)
    with store.session() as session:
        fields.get_field(session, died).taken_at -= timedelta(hours=1)
    with store.session() as session:
        assert fields.requeue_interrupted(session, timedelta(minutes=30)) == 1
        assert fields.take_waiting(session).id == died
        assert fields.get_field(session, goes_on).status == "analysing"


def test_a_cancelled_field_drops_what_its_analysis_finds(store: Store) -> None:
    slide = new_slide(store)
    field = upload(store, slide, encode_png(IMAGE))
    with store.session() as session:
        fields.take_waiting(session)
    with store.session() as session:
        fields.cancel(session, "amina", field)
    with store.session() as session:
        assert not fields.finish(session, field, FOUND, METHOD, None)
        assert not fields.fail(session, field, message("empty_file"))
        assert fields.get_field(session, field).status == "cancelled"
    with pytest.raises(ConflictError, match="has ended"), store.session() as session:
        fields.cancel(session, "amina", field)


def test_a_result_of_another_photograph_is_refused(store: Store) -> None:
    field = upload(store, new_slide(store), b"picture")
    with store.session() as session:
        fields.take_waiting(session)
    with pytest.raises(ValueError, match="another photograph"), store.session() as session:
        fields.finish(session, field, FOUND, METHOD, None)


def test_what_to_read_a_field_with_care_for_is_kept_beside_it_and_noted(store: Store) -> None:
    slide = new_slide(store)
    field = analysed(store, slide, found=warned(FOUND))
    with store.reading() as session:
        record = fields.get_field(session, field)
        notes = counts.slide_result(session, slides.get_slide(session, slide)).notes
    assert (record.in_count, record.warnings) == (True, ["cells_in_heaps"])
    assert f"{FOUND.name} is to be read with care: {CARE}." in notes
    with store.session() as session:
        fields.reject(session, "amina", field, "dirt")
        notes = counts.slide_result(session, slides.get_slide(session, slide)).notes
    assert "with care" not in str(notes)


def test_an_unreadable_field_fails_with_its_reason_and_stands_in_the_report(store: Store) -> None:
    slide = new_slide(store)
    analysed(store, slide)
    broken = upload(store, slide, b"broken", "broken.png")
    with store.session() as session:
        fields.take_waiting(session)
    with store.session() as session:
        assert fields.fail(session, broken, message("unknown_samples"))
    with store.reading() as session:
        result = counts.slide_result(session, slides.get_slide(session, slide))
        (entry, *_) = audit.entries(session, f"slide/{slide}/field/{broken}")
    told = "its samples are of no kind that a camera writes; save it as 8-bit RGB"
    assert [field.error for field in result.fields] == [None, told]
    assert result.fields[1].error_coded == (message("unknown_samples"),)
    assert any(f"broken.png could not be read: {told}" in str(note) for note in result.notes)
    assert entry.detail == {"error": told, "said": {"code": "unknown_samples", "values": {}}}
    with store.session() as session:
        assert fields.requeue(session, "amina", broken).status == "waiting"


def test_a_field_that_the_gate_refused_counts_only_at_the_users_wish(store: Store) -> None:
    slide = new_slide(store)
    field = analysed(store, slide, found=refused(FOUND))
    assert count_of(store, slide) == (0, 0)
    with store.session() as session:
        assert fields.requeue(session, "amina", field, override_gate=True).override_gate
    assert analysed(store, slide, found=refused(FOUND).model_copy(update={"accepted": True, "overridden": True}))
    assert count_of(store, slide) == (FOUND.infected, FOUND.counted)
    with pytest.raises(ConflictError, match="needs no other analysis"), store.session() as session:
        fields.requeue(session, "amina", field)


def test_a_place_photographed_twice_counts_once(store: Store) -> None:
    slide = new_slide(store)
    first = analysed(store, slide)
    brighter = np.clip(IMAGE.astype(int) + 3, 0, 255).astype(np.uint8)
    second = analysed(store, slide, brighter, FOUND)
    assert count_of(store, slide) == (FOUND.infected, FOUND.counted)
    with store.reading() as session:
        assert fields.get_field(session, second).duplicate_of_id == first
        result = counts.slide_result(session, slides.get_slide(session, slide))
    assert result.fields[1].duplicate_of == result.fields[0].name
    # Once the first is rejected, the second stands for the place.
    with store.session() as session:
        fields.reject(session, "amina", first, "dirt")
    assert count_of(store, slide) == (FOUND.infected, FOUND.counted)
    with store.reading() as session:
        assert fields.get_field(session, second).in_count


def test_a_place_photographed_twice_counts_twice_at_a_persons_wish_which_is_kept(store: Store) -> None:
    slide = new_slide(store)
    brighter = np.clip(IMAGE.astype(int) + 3, 0, 255).astype(np.uint8)
    first, second = analysed(store, slide), analysed(store, slide, brighter, FOUND)
    with store.session() as session:
        assert fields.count_repeat(session, "amina", second).in_count
    assert count_of(store, slide) == (2 * FOUND.infected, 2 * FOUND.counted)
    with store.reading() as session:
        result = counts.slide_result(session, slides.get_slide(session, slide))
        last = entries(session)[0]
    assert [field.accepted for field in result.fields] == [True, True]
    names = [field.name for field in result.fields]
    assert result.fields[1].duplicate_of == names[0]
    assert f"{names[1]} was counted at the user's wish although it shows the same place as {names[0]}" in str(
        result.notes
    )
    assert (last.who, last.action, last.detail) == ("amina", "count repeat", {"same_place_as": names[0]})
    for field in (first, second):
        with pytest.raises(ConflictError, match="not left out"), store.session() as session:
            fields.count_repeat(session, "amina", field)


# Counting


def test_the_count_follows_corrections_and_rejections(store: Store) -> None:
    slide = new_slide(store)
    field, other = analysed(store, slide), analysed(store, slide, OTHER_IMAGE, OTHER_FOUND)
    infected, counted = FOUND.infected + OTHER_FOUND.infected, FOUND.counted + OTHER_FOUND.counted
    assert count_of(store, slide) == (infected, counted)
    call(store, field, INFECTED, "uninfected")
    assert count_of(store, slide) == (infected - 1, counted)
    call(store, field, INFECTED, "not_a_cell")
    assert count_of(store, slide) == (infected - 1, counted - 1)
    call(store, field, HEALTHY, "infected")
    assert count_of(store, slide) == (infected, counted - 1)
    call(store, field, INFECTED, "infected")
    assert count_of(store, slide) == (infected + 1, counted)
    with store.session() as session:
        fields.reject(session, "amina", other, "too much stain")
    assert count_of(store, slide) == (FOUND.infected + 1, FOUND.counted)
    with store.reading() as session:
        result = counts.slide_result(session, slides.get_slide(session, slide))
        kept = fields.get_field(session, field).found()
    assert any("too much stain" in message for message in result.notes)
    assert kept.cells == FOUND.cells
    with store.session() as session:
        fields.restore(session, "amina", other)
    assert count_of(store, slide) == (infected + 1, counted)


def test_what_was_taken_for_something_else_can_be_called_a_red_cell(store: Store) -> None:
    platelet = next(cell.number for cell in FOUND.cells if cell.kind == "platelet")
    slide = new_slide(store)
    field = analysed(store, slide)
    call(store, field, platelet, "infected")
    assert count_of(store, slide) == (FOUND.infected + 1, FOUND.counted + 1)
    with store.reading() as session:
        [correction] = corrections.corrections_of(session, field)
    assert (correction.model_call, correction.model_probability) == ("platelet", None)


def test_every_call_of_a_cell_is_kept_with_who_when_and_what_the_model_said(store: Store) -> None:
    field = analysed(store, new_slide(store))
    call(store, field, INFECTED, "uninfected")
    call(store, field, INFECTED, "not_a_cell")
    with store.reading() as session:
        first, second = corrections.corrections_of(session, field)
        newest = entries(session)[0]
    assert (first.call, second.call, second.by) == ("uninfected", "not_a_cell", "amina")
    assert first.at <= second.at
    assert first.at.tzinfo is not None
    probability = next(cell.parasitized_probability for cell in FOUND.cells if cell.number == INFECTED)
    assert (second.model_call, second.model_probability) == ("infected", probability)
    assert newest.detail["model_probability"] == probability


def test_a_call_that_cannot_be_is_refused(store: Store) -> None:
    slide = new_slide(store)
    waiting = upload(store, slide, b"picture", "waits.png")
    with pytest.raises(ConflictError, match=r"waits\.png is not analysed yet"):
        call(store, waiting, 1, "infected")
    with store.session() as session:
        fields.cancel(session, "amina", waiting)
    field = analysed(store, slide)
    with pytest.raises(NotFoundError, match="no cell 999"):
        call(store, field, 999, "infected")
    with pytest.raises(NotFoundError, match="no field number 999"):
        call(store, 999, 1, "infected")
    with pytest.raises(StoreError, match="infected, uninfected, not_a_cell"):
        call(store, field, INFECTED, "perhaps")
    with store.reading() as session:
        assert not corrections.corrections_of(session, field)


def test_measured_errors_correct_the_estimate_only_while_all_calls_are_one_models(store: Store) -> None:
    slide = new_slide(store, red_cells_per_ul=4_000_000)
    field = analysed(store, slide)

    def current() -> results.Slide:
        with store.reading() as session:
            return counts.slide_result(session, slides.get_slide(session, slide))

    assert current().count.corrected
    assert current().count.red_cells_per_ul == 4_000_000
    call(store, field, INFECTED, "infected")
    assert current().count.corrected, "a confirmed call is still the model's"
    call(store, field, INFECTED, "uninfected")
    assert current().count.corrected is None
    assert current().count.correction_basis == english(CALLS_CHANGED)
    assert any("changed 1 of the model's calls (1 to uninfected)" in message for message in current().notes)
    call(store, field, INFECTED, "infected")
    newer = METHOD.model_copy(update={"model": "newer"})
    analysed(store, slide, OTHER_IMAGE, OTHER_FOUND, newer)
    assert current().count.corrected is None
    assert current().count.correction_basis == english(COUNTED_DIFFERENTLY)
    assert current().model == "newer"
    assert any("different versions" in message for message in current().notes)


def test_a_call_that_changes_no_count_leaves_the_corrected_estimate(store: Store) -> None:
    slide = new_slide(store)
    field, rejected = analysed(store, slide), analysed(store, slide, OTHER_IMAGE, OTHER_FOUND)
    platelet = next(cell.number for cell in FOUND.cells if cell.kind == "platelet")
    healthy = next(cell.number for cell in OTHER_FOUND.cells if cell.counted and not cell.parasitized)
    call(store, field, platelet, "infected")
    call(store, field, platelet, "not_a_cell")
    call(store, rejected, healthy, "infected")
    with store.session() as session:
        fields.reject(session, "amina", rejected, "dirt")
    with store.reading() as session:
        found = slides.get_slide(session, slide)
        result = counts.slide_result(session, found)
        running = counts.slide_count(session, found, counts.tally(session, slide))
    assert result.count == running
    assert result.count.corrected
    assert not any("changed" in message for message in result.notes)


def test_a_model_brings_no_errors_that_were_measured_elsewhere(store: Store) -> None:
    classifier = Classifier.load(use="fields")
    usual = Method.of(classifier, calling(classifier))
    assert usual.model_sha256 == classifier.card.sha256
    assert usual.performance is None
    nih = {"sensitivity": 0.93, "positives": 1342, "specificity": 0.9943, "negatives": 1413}
    kept = usual.model_dump(mode="json", exclude={"performance"}) | {"errors": nih}
    assert Method.model_validate(kept) == usual, (
        "an earlier version's record is read, without what it kept of the NIH's"
    )
    slide = new_slide(store)
    analysed(store, slide, method=usual)
    with store.reading() as session:
        count = counts.slide_result(session, slides.get_slide(session, slide)).count
    assert (count.corrected, count.sensitivity) == (None, None)
    assert count.correction_basis == english(NOT_MEASURED)


def test_what_was_measured_here_holds_for_every_field_that_was_analysed_so(store: Store) -> None:
    slide = new_slide(store)
    analysed(store, slide, method=METHOD.model_copy(update={"performance": None}))
    analysed(store, slide, OTHER_IMAGE, OTHER_FOUND)
    with store.reading() as session:
        count = counts.slide_result(session, slides.get_slide(session, slide)).count
    assert count.corrected
    assert count.performance == METHOD.performance


def test_a_slide_from_the_records_makes_the_usual_reports(store: Store, tmp_path: Path) -> None:
    from plasmoscope.imaging.photograph import read_field

    slide = new_slide(store)
    field = analysed(store, slide)
    call(store, field, HEALTHY, "infected")
    with store.reading() as session:
        result = counts.slide_result(session, slides.get_slide(session, slide))
    write_slide(tmp_path / "report", result, lambda one: read_field(store.images.path(one.sha256)))
    assert read_slide(tmp_path / "report" / "slide.json").count == result.count
    assert "A microscopist changed 1" in slide_json(result)


def test_a_slide_without_results_has_no_count_and_no_report(store: Store) -> None:
    slide = new_slide(store)
    upload(store, slide, b"picture")
    with store.reading() as session:
        record = slides.get_slide(session, slide)
        assert counts.slide_count(session, record, counts.tally(session, record.id)) is None
        assert counts.tally(session, slide).unfinished == 1
        with pytest.raises(ConflictError, match="nothing to report"):
            counts.slide_result(session, record)


# History


def test_slides_are_found_by_every_filter_page_by_page(store: Store) -> None:
    for day in range(1, 8):
        new_slide(
            store, patient=f"Ward-{day % 2}", code=f"S-{day}", taken_on=date(2026, 3, day), microscopist=f"Dr {day}"
        )
    signed = new_slide(store, patient="Z", code="T-9", taken_on=date(2026, 4, 1))
    analysed(store, signed)
    with store.session() as session:
        slides.sign(session, "ben", signed, slides.get_slide(session, signed).version, confirm=True)

    def found(offset: int = 0, limit: int = 50, **search: Any) -> tuple[list[str], int]:
        with store.reading() as session:
            page = history.find_slides(session, history.Search(**search), offset, limit)
        return [slide.code for slide in page.slides], page.total

    assert found(patient="ward-1") == (["S-7", "S-5", "S-3", "S-1"], 4)
    assert found(slide="t-") == (["T-9"], 1)
    assert found(microscopist="dr 3") == (["S-3"], 1)
    assert found(since=date(2026, 3, 6), until=date(2026, 3, 7)) == (["S-7", "S-6"], 2)
    assert found(status="signed") == (["T-9"], 1)
    assert found(status="open")[1] == 7
    assert found(offset=2, limit=3) == (["S-6", "S-5", "S-4"], 8)


def test_capitals_do_not_matter_in_any_alphabet(tmp_path: Path) -> None:
    store = Store(tmp_path / "records #1 100%")
    new_slide(store, microscopist="Жанна Ёлкина")
    with store.reading() as session:
        assert history.find_slides(session, history.Search(microscopist="ёЛКИНА")).total == 1
        assert history.known_values(session, "microscopist", "жа") == ["Жанна Ёлкина"]
    store.close()


def test_a_patients_parasitaemia_is_seen_over_time(store: Store) -> None:
    late = new_slide(store, code="late", taken_on=date(2026, 3, 9))
    early = new_slide(store, code="early", taken_on=date(2026, 3, 2))
    new_slide(store, code="uncounted", taken_on=date(2026, 3, 12))
    new_slide(store, patient="somebody else")
    analysed(store, early)
    analysed(store, late, OTHER_IMAGE, OTHER_FOUND)
    with store.reading() as session:
        line = history.time_line(session, patients.get_patient(session, "P-1").id)
        with pytest.raises(NotFoundError, match="P-7"):
            patients.get_patient(session, "P-7")
    assert [point.slide.code for point in line] == ["early", "late", "uncounted"]
    assert line[0].parasitaemia.value == pytest.approx(100 * FOUND.infected / FOUND.counted)
    assert line[1].tally.infected == OTHER_FOUND.infected
    assert line[2].parasitaemia is None


def test_words_used_before_are_offered_the_most_frequent_first(store: Store) -> None:
    for number, site in enumerate(["Tamale", "Kumasi", "Kumasi", "", "Kintampo"]):
        new_slide(store, code=f"S-{number}", site=site, stain="Giemsa")
    with store.reading() as session:
        assert history.known_values(session, "site") == ["Kumasi", "Kintampo", "Tamale"]
        assert history.known_values(session, "site", "ki") == ["Kintampo"]
        assert history.known_values(session, "stain", limit=1) == ["Giemsa"]


# Audit


@pytest.mark.parametrize("statement", ["UPDATE audit SET who = 'nobody'", "DELETE FROM audit"])
def test_the_audit_can_be_neither_altered_nor_deleted(store: Store, statement: str) -> None:
    new_slide(store)
    with pytest.raises(Exception, match="append-only"), store.session() as session:
        session.execute(text(statement))
    with store.reading() as session:
        assert [entry.who for entry in entries(session)] == ["amina"]


def test_no_trick_of_a_database_gets_around_the_audit(store: Store, database: str | None) -> None:
    new_slide(store)
    trick = (
        "TRUNCATE audit"
        if database
        else "REPLACE INTO audit (id, at, who, action, subject, detail) SELECT id, at, 'x', '', '', '' FROM audit"
    )
    with pytest.raises(Exception, match="append-only"), store.session() as session:
        session.execute(text(trick))


def test_the_audit_of_a_slide_holds_that_of_its_fields_and_no_others(store: Store) -> None:
    for number in range(1, 13):
        new_slide(store, code=f"S-{number}")
    with store.reading() as session:
        first = session.scalar(select(func.min(Slide.id)))
    upload(store, first, b"picture")
    with store.reading() as session:
        assert [entry.action for entry in entries(session, f"slide/{first}")] == ["upload", "create"]
        assert [entry.action for entry in entries(session, f"slide/{first}", offset=1, limit=1)] == ["create"]


# Training data


def test_corrected_cells_become_a_data_set_in_the_nih_layout(store: Store, tmp_path: Path) -> None:
    slide = new_slide(store)
    field, other = analysed(store, slide), analysed(store, slide, OTHER_IMAGE, OTHER_FOUND)
    healthy = [cell.number for cell in FOUND.cells if cell.counted and not cell.parasitized]
    border = next(cell.number for cell in FOUND.cells if cell.on_border)
    call(store, field, INFECTED, "infected")
    call(store, field, INFECTED, "uninfected")
    call(store, field, healthy[0], "infected")
    call(store, field, healthy[1], "not_a_cell")
    call(store, field, border, "infected")
    call(store, other, OTHER_FOUND.cells[0].number, "infected")
    with store.session() as session:
        fields.reject(session, "amina", other, "dirt")
    with store.reading() as session:
        written = export_training_cells(session, store.images, tmp_path / "new")
    dataset = load_nih(tmp_path / "new")
    assert len(written) == len(dataset) == 2
    assert [cell.label for cell in dataset.cells] == [0, 1]
    assert f"_cell_{healthy[0]}." in dataset.cells[0].name + "."
    assert len(set(dataset.patients)) == 1
    assert "P-1" not in str(written)
    assert isinstance(dataset.cells[0].source.read(), bytes)


def test_an_export_that_was_cut_short_leaves_no_data_set(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    field = analysed(store, new_slide(store))
    call(store, field, INFECTED, "infected")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with store.reading() as session:
        with monkeypatch.context() as patch:
            patch.setattr("plasmoscope.imaging.cells.cut_cell", interrupted)
            with pytest.raises(KeyboardInterrupt):
                export_training_cells(session, store.images, tmp_path / "new")
        assert not (tmp_path / "new" / "cell_images").exists()
        (cell,) = export_training_cells(session, store.images, tmp_path / "new")
    assert cell.exists()
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["cell_images"]


def test_cells_are_never_added_to_those_of_an_earlier_export(store: Store, tmp_path: Path) -> None:
    field = analysed(store, new_slide(store))
    call(store, field, INFECTED, "infected")
    with store.reading() as session:
        export_training_cells(session, store.images, tmp_path / "new")
        with pytest.raises(StoreError, match="Name a new folder"):
            export_training_cells(session, store.images, tmp_path / "new")


def test_cells_of_the_rendered_example_are_no_training_data(store: Store, tmp_path: Path) -> None:
    field = analysed(store, new_slide(store, patient=EXAMPLE_PATIENT))
    call(store, field, INFECTED, "infected")
    with store.reading() as session:
        assert export_training_cells(session, store.images, tmp_path / "new") == []


def test_results_of_an_earlier_version_are_read_and_told_how_their_files_lie(store: Store) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    stream = io.BytesIO()
    Image.fromarray(np.rot90(IMAGE)).save(stream, "PNG", exif=exif)
    slide = new_slide(store)
    number = upload(store, slide, stream.getvalue())
    found = FOUND.model_copy(update={"sha256": hashlib.sha256(stream.getvalue()).hexdigest()})
    earlier = found.model_dump(mode="json", exclude={"orientation"})
    for written, cell in zip(earlier["cells"], FOUND.cells, strict=True):
        written["outline"] = list(cell.outline)
    with store.session() as session:
        assert fields.take_waiting(session).id == number
    with store.session() as session:
        assert fields.finish(session, number, found, METHOD, None)
        fields.get_field(session, number).result = json.dumps(earlier)
    with store.reading() as session:
        result = counts.slide_result(session, slides.get_slide(session, slide))
    assert result.fields[0].cells == FOUND.cells
    assert result.fields[0].orientation is None
    assert counts.with_orientations(store.images, result).fields[0].orientation == 6
