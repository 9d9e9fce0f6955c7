"""The audit is what was written: its entries follow from each other, and whoever alters one is found out."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import select, text

from command_line import run
from plasmoscope.store import accounts, slides
from plasmoscope.store.audit import entries, note
from plasmoscope.store.backup import back_up
from plasmoscope.store.chain import START, Chain, digest_of, verify
from plasmoscope.store.doctor import examine
from plasmoscope.store.records import AuditEntry
from plasmoscope.store.slides import SlideDetails
from plasmoscope.store.store import Store


def work(store: Store) -> None:
    """Four entries, with all that a detail may hold."""
    with store.session() as session:
        slide = slides.create_slide(
            session, "amina\0", SlideDetails("P-\ud800é市", "S-1", date(2026, 3, 1), haematocrit_percent=38.5)
        ).id
        slides.update_slide(session, "ben", slide, SlideDetails("P-2", "S-1", date(2026, 3, 1), site="سوق"))
    with store.session() as session:
        accounts.add_account(session, "amina", "Ben", "a long password", "reader")
        note(session, "amina", "measure", "performance", figures={"b": [1, 2.5e-7, None], "a": True})


def look(store: Store, noted: str | None = None) -> Chain:
    with store.reading() as session:
        return verify(session, noted)


def behind_its_back(store: Store, *statements: str) -> None:
    """As somebody does who owns the database: without what it refuses."""
    with store.session() as session:
        if session.get_bind().dialect.name == "postgresql":
            session.execute(text("ALTER TABLE audit DISABLE TRIGGER USER"))
        else:
            for trigger in ("audit_no_update", "audit_no_delete", "audit_no_replace"):
                session.execute(text(f"DROP TRIGGER IF EXISTS {trigger}"))
        for statement in statements:
            session.execute(text(statement))


def numbers(store: Store) -> list[int]:
    with store.reading() as session:
        return list(session.scalars(select(AuditEntry.id).order_by(AuditEntry.id)))


def test_what_the_program_writes_is_whole(store: Store) -> None:
    assert look(store) == Chain(0, START, None, noted_is_there=True)
    work(store)
    chain = look(store)
    assert (chain.entries, chain.whole) == (4, True)
    assert examine(store).all_well


@pytest.mark.parametrize(
    "change", ["who = 'nobody'", "at = '2001-01-01'", "action = 'x'", "subject = 'x'", "detail = '{}'", "digest = ''"]
)
def test_an_entry_that_is_altered_is_named(store: Store, change: str) -> None:
    work(store)
    second = numbers(store)[1]
    behind_its_back(store, f"UPDATE audit SET {change} WHERE id = {second}")
    chain = look(store)
    assert not chain.whole
    assert (chain.broken.number, chain.entries) == (second, 2)
    assert not examine(store).all_well


def test_an_entry_that_is_taken_out_or_put_in_is_found(store: Store) -> None:
    work(store)
    first, second, third, _ = numbers(store)
    behind_its_back(store, f"DELETE FROM audit WHERE id = {second}")
    assert look(store).broken.number == third
    behind_its_back(store, f"DELETE FROM audit WHERE id = {first}")
    assert look(store).broken.number == third
    behind_its_back(
        store,
        "INSERT INTO audit (id, at, who, action, subject, detail) VALUES (1000, '2026-03-01', 'x', 'x', 'x', '{}')",
    )
    assert not look(store).whole


def test_a_chain_that_was_made_anew_or_cut_off_is_known_by_a_hash_noted_before(store: Store) -> None:
    work(store)
    noted = look(store).head
    work_goes_on = "UPDATE audit SET who = who"
    behind_its_back(store, work_goes_on)
    assert look(store, noted).whole
    with store.session() as session:
        note(session, "amina", "sign", "slide/1")
    assert look(store, noted).whole
    head, forged = START, []
    with store.reading() as session:
        for entry in reversed(entries(session)):
            head = digest_of(head, entry.at, "nobody", entry.action, entry.subject, entry.detail)
            forged.append(f"UPDATE audit SET who = 'nobody', digest = '{head}' WHERE id = {entry.id}")
    behind_its_back(store, *forged)
    assert look(store).whole
    assert not look(store, noted).whole


def test_an_end_that_is_cut_off_is_known_by_a_hash_noted_before(store: Store) -> None:
    work(store)
    noted = look(store).head
    behind_its_back(store, f"DELETE FROM audit WHERE id = {numbers(store)[-1]}")
    assert look(store).whole
    assert not look(store, noted).whole
    assert not look(store, "0" * 63 + "1").whole


def test_many_who_write_at_once_write_one_chain(store: Store, database: str | None) -> None:
    other = Store(store.folder, database)

    def change(number: int) -> None:
        with (store, other)[number % 2].session() as session:
            for _ in range(3):
                note(session, f"person {number}", "look", "slide/1")

    with ThreadPoolExecutor(6) as people:
        list(people.map(change, range(24)))
    other.close()
    chain = look(store)
    assert (chain.entries, chain.whole) == (72, True)


def test_what_was_not_kept_leaves_no_gap(store: Store) -> None:
    def fail() -> None:
        with store.session() as session:
            note(session, "amina", "look", "slide/1")
            raise KeyboardInterrupt

    work(store)
    with pytest.raises(KeyboardInterrupt):
        fail()
    work_again = look(store).head
    with store.session() as session:
        note(session, "amina", "look", "slide/1")
    assert look(store, work_again).whole


def test_a_backup_holds_the_same_chain(store: Store, tmp_path: Path) -> None:
    work(store)
    back_up(store, tmp_path / "backup")
    copy = Store(tmp_path / "backup")
    assert look(copy) == look(store)
    with copy.session() as session:
        note(session, "amina", "look", "slide/1")
    assert look(copy, look(store).head).whole
    copy.close()


def test_entries_of_an_earlier_version_become_a_chain_that_nobody_alters(
    tmp_path: Path, database: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgrade = command.upgrade
    with monkeypatch.context() as earlier:
        earlier.setattr(command, "upgrade", lambda config, revision: upgrade(config, "0006"))
        store = Store(tmp_path, database)
    with store.session() as session:
        # What this version writes, and that one did not.
        session.execute(text("ALTER TABLE audit ADD COLUMN digest TEXT"))
    for place in range(4):
        with store.session() as session:
            note(session, "amina", "edit", f"slide/{place}", slide="S-é市", place=place)
    with store.session() as session:
        session.execute(text("ALTER TABLE audit DROP COLUMN digest"))
    store.close()
    store = Store(tmp_path, database)
    assert (look(store).entries, look(store).whole) == (4, True)
    with store.session() as session:
        note(session, "amina", "look", "slide/1")
    assert look(store).whole
    for statement in ("UPDATE audit SET who = 'nobody'", "DELETE FROM audit"):
        with pytest.raises(Exception, match="append-only"), store.session() as session:
            session.execute(text(statement))
    store.close()


def test_doctor_tells_where_the_audit_was_altered_and_what_to_note(
    store: Store,
    database: str | None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def doctor(*more: str) -> tuple[int, str]:
        where = ["--data", store.folder, *(["--database", database] if database else [])]
        code = run("doctor", *where, *more, monkeypatch=monkeypatch)
        return code, " ".join(capsys.readouterr().out.split())

    work(store)
    code, said = doctor()
    head = look(store).head
    assert (code, head in said, "All is well." in said) == (0, True, True)
    assert doctor("--audit-head", head.upper())[0] == 0
    code, said = doctor("--audit-head", "f" * 64)
    assert (code, "the hash that you noted" in said) == (1, True)
    third = numbers(store)[2]
    behind_its_back(store, f"UPDATE audit SET who = 'nobody' WHERE id = {third}")
    code, said = doctor()
    assert (code, f"entry {third} (" in said, "nobody: add account" in said) == (1, True, True)
    assert "All is well" not in said
