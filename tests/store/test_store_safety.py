"""What the records come through: killed programs, power cuts, damaged files, several people at once."""

import multiprocessing
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import func, select

from analysed import analysed
from command_line import run
from patience import PATIENCE
from plasmoscope.imaging.sources import find_images
from plasmoscope.store import fields, slides
from plasmoscope.store.audit import entries
from plasmoscope.store.backup import back_up, restore_backup
from plasmoscope.store.doctor import examine
from plasmoscope.store.errors import ConflictError, StoreError
from plasmoscope.store.images import content_hash
from plasmoscope.store.records import Field, Slide
from plasmoscope.store.slides import SlideDetails
from plasmoscope.store.store import Store
from uploads import upload, upload_until_killed

KILLS = 15


def new_slide(store: Store, code: str = "S-1") -> int:
    with store.session() as session:
        return slides.create_slide(session, "amina", SlideDetails("P-1", code, date(2026, 3, 1))).id


def files_of(store: Store) -> set[str]:
    return {file.name for file in store.images.files()}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no kill -9")
def test_uploads_survive_being_killed_at_any_moment(store: Store, database: str | None) -> None:
    slide = new_slide(store)
    processes = multiprocessing.get_context("forkserver")
    # The server imports what is slow once; each child is then there at once.
    processes.set_forkserver_preload(["plasmoscope.store.fields", "plasmoscope.store.store"])
    rng = random.Random(7)
    acknowledged: list[str] = []
    begun = 0
    for kills in range(KILLS):
        receiver, sender = processes.Pipe(duplex=False)
        first = 100_000 * kills
        child = processes.Process(target=upload_until_killed, args=(store.folder, database, slide, first, sender))
        child.start()
        sender.close()
        if kills % 3:
            # Otherwise it may be killed while it opens the records.
            assert receiver.poll(PATIENCE)
            begun += 1
        time.sleep(rng.uniform(0, 0.15))
        child.kill()
        child.join()
        try:
            while True:
                acknowledged.append(receiver.recv())
        except EOFError:
            pass
    assert len(acknowledged) >= begun
    findings = examine(store)
    with store.reading() as session:
        stored = [field.image_sha256 for field in fields.fields_of(session, slide)]
        uploads = sum(entry.action == "upload" for entry in entries(session, limit=100_000))
    assert set(acknowledged) <= set(stored)
    assert len(set(stored)) == len(stored) == uploads
    assert all(store.images.is_whole(sha256) for sha256 in stored)
    assert findings.missing == findings.damaged == ()
    assert files_of(store) == set(stored)
    assert examine(store).all_well


def test_a_kill_between_file_and_row_leaves_an_orphan_that_the_doctor_removes(store: Store) -> None:
    slide = new_slide(store)
    upload(store, slide, b"kept")

    def cut_off() -> None:
        with store.session() as session:
            fields.add_field(session, store.images, "amina", slide, "lost.png", b"lost")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cut_off()
    unfinished = store.images.path("ab" * 32).with_name("ab" * 32 + "x.part")
    unfinished.parent.mkdir(exist_ok=True)
    unfinished.write_bytes(b"half")
    findings = examine(store)
    assert {file.name for file in findings.orphans} == {content_hash(b"lost"), unfinished.name}
    assert files_of(store) == {content_hash(b"kept")}
    assert examine(store).all_well


def test_the_file_lies_on_disk_before_its_row_is_there(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    slide = new_slide(store)

    def disk_full(file: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("plasmoscope.store.images.store_file", disk_full)
    with pytest.raises(OSError, match="No space"):
        upload(store, slide, b"picture")
    with store.reading() as session:
        assert fields.fields_of(session, slide) == []


def test_the_doctor_names_missing_and_altered_photographs_and_an_upload_brings_them_back(store: Store) -> None:
    slide = new_slide(store)
    for data in (b"missing", b"altered", b"whole"):
        upload(store, slide, data, f"{data.decode()}.png")
    store.images.path(content_hash(b"missing")).unlink()
    store.images.path(content_hash(b"altered")).write_bytes(b"other")
    with store.session() as session:
        session.get(Slide, slide).status = "signed"
    findings = examine(store)
    assert findings.missing == ("missing.png on slide S-1 of patient P-1",)
    assert findings.damaged == ("altered.png on slide S-1 of patient P-1",)
    assert [file.read_bytes() for file in store.images.damaged.iterdir()] == [b"other"]
    for data in (b"missing", b"altered"):
        upload(store, slide, data)
    assert examine(store).all_well
    with store.reading() as session:
        assert len(fields.fields_of(session, slide)) == 3


def test_an_analysis_that_was_cut_off_is_in_line_again(store: Store) -> None:
    field = upload(store, new_slide(store), b"picture")
    with store.session() as session:
        fields.take_waiting(session)
    assert examine(store).interrupted == 1
    with store.reading() as session:
        assert fields.get_field(session, field).status == "waiting"
    assert examine(store).all_well


def test_the_doctor_leaves_the_photographs_of_a_deleted_slide_which_can_be_put_back(store: Store) -> None:
    deleted = new_slide(store)
    upload(store, deleted, b"alone")
    with store.session() as session:
        slides.delete_slide(session, "amina", deleted, "wrong patient")
    assert examine(store).orphans == ()
    assert store.images.path(content_hash(b"alone")).exists()


def test_the_same_picture_from_several_at_once_is_one_field(store: Store) -> None:
    slide = new_slide(store)
    with ThreadPoolExecutor(6) as pool:
        given = list(pool.map(lambda _: upload(store, slide, b"picture" * 1000), range(12)))
    assert len(set(given)) == 1
    with store.reading() as session:
        assert session.scalar(select(func.count()).select_from(Field)) == 1


def test_many_at_once_upload_to_one_slide_while_the_doctor_looks(store: Store) -> None:
    slide = new_slide(store)
    with ThreadPoolExecutor(6) as pool:
        work = [pool.submit(upload, store, slide, bytes([number]) * 1000) for number in range(24)]
        assert not examine(store).orphans
        for done in work:
            done.result()
    with store.reading() as session:
        stored = fields.fields_of(session, slide)
    assert [field.position for field in stored] == list(range(1, 25))
    assert files_of(store) == {field.image_sha256 for field in stored}


def test_a_change_begun_while_somebody_signs_finds_the_slide_signed(store: Store) -> None:
    slide = new_slide(store)
    field = analysed(store, slide)

    def reject() -> None:
        with store.session() as session:
            fields.reject(session, "amina", field, "dirt")

    with ThreadPoolExecutor(1) as pool:
        with store.session() as session:
            slides.sign(session, "ben", slide, slides.get_slide(session, slide).version, confirm=True)
            session.flush()
            change = pool.submit(reject)
            # Time to go as far as it gets.
            wait([change], timeout=0.5)
        with pytest.raises(ConflictError, match="signed by ben"):
            change.result()


def test_each_waiting_field_goes_to_one_of_several_workers(store: Store) -> None:
    slide = new_slide(store)
    uploaded = [upload(store, slide, bytes([number])) for number in range(8)]

    def take(_: int) -> int | None:
        with store.session() as session:
            field = fields.take_waiting(session)
            return field.id if field else None

    with ThreadPoolExecutor(6) as pool:
        taken = [field for field in pool.map(take, range(30)) if field]
    assert sorted(taken) == uploaded


def test_a_backup_opens_as_the_records_it_copies(store: Store, tmp_path: Path) -> None:
    slide = new_slide(store)
    for data in (b"1", b"2"):
        upload(store, slide, data)
    deleted = new_slide(store, "S-2")
    with store.session() as session:
        slides.delete_slide(session, "amina", deleted, "a mistake")
    back_up(store, tmp_path / "backup")
    upload(store, slide, b"later")
    copy = Store(tmp_path / "backup")
    with copy.reading() as session, store.reading() as original:
        assert [f.name for f in fields.fields_of(session, slide)] == ["field.png", "field (2).png"]
        copied, first = entries(session), entries(original)[1:]
        assert [(e.id, e.at, e.who, e.detail) for e in copied] == [(e.id, e.at, e.who, e.detail) for e in first]
    assert examine(copy).all_well
    assert upload(copy, slide, b"3") not in {1, 2}
    assert new_slide(copy, "S-3") > deleted
    copy.close()
    with pytest.raises(StoreError, match="exists already"):
        back_up(store, tmp_path / "backup")


def test_records_restored_from_a_backup_hold_all_and_go_on(store: Store, tmp_path: Path) -> None:
    original = Store(tmp_path / "original")
    slide = new_slide(original)
    for data in (b"1", b"2"):
        upload(original, slide, data)
    deleted = new_slide(original, "S-2")
    with original.session() as session:
        slides.delete_slide(session, "amina", deleted, "a mistake")
    back_up(original, tmp_path / "backup")
    backup = Store(tmp_path / "backup")
    restore_backup(backup, store)
    with store.reading() as session, original.reading() as before:
        restored, copied = ([(e.id, e.at, e.who, e.digest) for e in entries(one)] for one in (session, before))
        assert restored == copied
        assert len(fields.fields_of(session, slide)) == 2
    assert examine(store).all_well
    # Neither a number of the backup nor one that was given before and deleted is given again.
    assert upload(store, slide, b"3") > 2
    assert new_slide(store, "S-3") > deleted
    with pytest.raises(StoreError, match="holds records already"):
        restore_backup(backup, store)
    backup.close()
    original.close()


def test_a_restore_that_is_cut_off_leaves_nothing_and_can_be_done_again(store: Store, tmp_path: Path) -> None:
    original = Store(tmp_path / "original")
    slide = new_slide(original)
    upload(original, slide, b"1")
    lost = original.images.path(content_hash(b"1"))
    lost.rename(tmp_path / "lost")
    with pytest.raises(StoreError, match="is missing"):
        restore_backup(original, store)
    (tmp_path / "lost").rename(lost)
    restore_backup(original, store)
    assert examine(store).all_well
    original.close()


def test_a_backup_of_incomplete_records_is_refused_and_never_looks_whole(store: Store, tmp_path: Path) -> None:
    upload(store, new_slide(store), b"picture")
    store.images.path(content_hash(b"picture")).unlink()
    with pytest.raises(StoreError, match="is missing"):
        back_up(store, tmp_path / "backup")
    assert not (tmp_path / "backup").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
def test_records_are_for_their_owners_eyes_in_a_folder_that_was_there_before(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    store = Store(tmp_path)
    upload(store, new_slide(store), b"picture")
    store.close()
    seen_by_others = [file.name for file in tmp_path.iterdir() if file.stat().st_mode & 0o077]
    assert seen_by_others == []


# The commands


def test_doctor_and_backup_work_from_the_command_line(
    store: Store,
    database: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    slide = new_slide(store)
    upload(store, slide, b"kept")
    orphan = store.images.path(content_hash(b"orphan"))
    store.images.put(orphan.name, b"orphan")
    where = ["--data", store.folder, *(["--database", database] if database else [])]
    assert run("doctor", *where, monkeypatch=monkeypatch) == 0
    assert not orphan.exists()
    assert run("doctor", *where, monkeypatch=monkeypatch) == 0
    assert "All is well." in capsys.readouterr().out
    assert run("backup", *where, tmp_path / "copy", monkeypatch=monkeypatch) == 0
    assert run("restore", tmp_path / "copy", "--data", tmp_path / "restored", monkeypatch=monkeypatch) == 0
    assert run("doctor", "--data", tmp_path / "restored", monkeypatch=monkeypatch) == 0
    assert len(find_images([tmp_path / "copy" / "images"])) == 1
    store.images.path(content_hash(b"kept")).unlink()
    assert run("doctor", *where, monkeypatch=monkeypatch) == 1
    assert "is missing; upload it again" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("command", [("doctor",), ("account", "list")], ids=" ".join)
def test_a_mistyped_folder_is_named_not_made(
    command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*command, "--data", tmp_path / "mistyped", monkeypatch=monkeypatch) == 2
    assert "holds no records" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "mistyped").exists()


def test_the_records_need_their_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("plasmoscope.extras._is_installed", lambda package: package != "alembic")
    assert run("backup", "--data", tmp_path, tmp_path / "copy", monkeypatch=monkeypatch) == 2
    assert 'pip install "plasmoscope[serve]"' in " ".join(capsys.readouterr().err.split())
