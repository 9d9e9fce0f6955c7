from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from plasmoscope.store import accounts, login_tries
from plasmoscope.store.audit import Wanted, entries, how_many
from plasmoscope.store.errors import ConflictError, NotFoundError, StoreError
from plasmoscope.store.records import Account, LoginSession, Role, now
from plasmoscope.store.store import Store

PASSWORD = "correct horse battery"
OTHER = "another long password"


def add(store: Store, name: str = "Amina", role: Role = "technician") -> int:
    with store.session() as session:
        return accounts.add_account(session, "admin", name, PASSWORD, role).id


def log_in(store: Store, name: str = "Amina", password: str = PASSWORD) -> str | None:
    with store.session() as session:
        return accounts.log_in(session, name, password, hours=1)


def who(store: Store, token: str) -> str | None:
    with store.reading() as session:
        account = accounts.logged_in(session, token)
        return account.name if account else None


def test_of_many_tries_at_a_time_no_more_than_five_are_made_by_name_and_by_address(store: Store) -> None:
    def begun(place: int, name: str, address: str) -> bool:
        with store.session() as session:
            return not login_tries.begin(session, name, address).wait

    with ThreadPoolExecutor(8) as people:
        assert sum(people.map(lambda place: begun(place, "Amina", f"192.0.2.{place}"), range(12))) == 5
        assert sum(people.map(lambda place: begun(place, f"name {place}", "192.0.2.99"), range(12))) == 5
    assert not begun(0, " AMINA ", "192.0.2.50"), "in any writing"
    assert begun(0, "Ben", "192.0.2.50")


def test_a_minute_later_a_try_may_be_made_again_and_one_that_was_right_never_counted(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with store.session() as session:
        for _ in range(20):
            login_tries.forget(session, login_tries.begin(session, "Amina", "192.0.2.1"))
        made = [login_tries.begin(session, "Amina", "192.0.2.1") for _ in range(6)]
    assert [one.wait > 0 for one in made] == [False] * 5 + [True]
    assert made[-1].wait <= 60
    monkeypatch.setattr(login_tries, "now", lambda: now() + timedelta(seconds=61))
    with store.session() as session:
        assert login_tries.begin(session, "Amina", "192.0.2.1").wait == 0


def test_only_the_right_password_logs_in(store: Store) -> None:
    add(store)
    assert log_in(store, password="wrong horse battery") is None
    assert log_in(store, name="Nobody") is None
    token = log_in(store, name=" amina ")
    assert token is not None
    assert who(store, token) == "Amina"
    assert who(store, token + "x") is None


def test_the_database_holds_neither_password_nor_token(store: Store) -> None:
    add(store)
    token = log_in(store)
    with store.reading() as session:
        kept = [
            session.scalars(select(Account.password_hash)).one(),
            session.scalars(select(LoginSession.token_hash)).one(),
        ]
        assert not any(
            secret in str(kept) or secret in str([e.detail for e in entries(session)]) for secret in (PASSWORD, token)
        )


@pytest.mark.parametrize("ending", ["log out", "password", "deactivate", "time"])
def test_a_session_ends(store: Store, ending: str) -> None:
    account = add(store)
    token = log_in(store)
    with store.session() as session:
        if ending == "log out":
            accounts.log_out(session, token)
        elif ending == "password":
            accounts.set_password(session, "admin", account, OTHER)
        elif ending == "deactivate":
            accounts.deactivate(session, "admin", account)
        else:
            session.execute(update(LoginSession).values(expires=now() - timedelta(seconds=1)))
    assert who(store, token) is None


def test_a_deactivated_account_cannot_log_in(store: Store) -> None:
    account = add(store)
    with store.session() as session:
        accounts.deactivate(session, "admin", account)
    assert log_in(store) is None


def test_an_activated_account_logs_in_again_with_its_password(store: Store) -> None:
    account = add(store)
    token = log_in(store)
    with store.session() as session:
        accounts.deactivate(session, "admin", account)
    with store.session() as session:
        accounts.activate(session, "admin", account)
    assert who(store, token) is None
    assert log_in(store) is not None


def test_a_reset_replaces_the_password(store: Store) -> None:
    account = add(store)
    with store.session() as session:
        accounts.set_password(session, "admin", account, OTHER)
    assert log_in(store) is None
    assert log_in(store, password=OTHER) is not None


def test_ones_own_password_is_changed_with_the_old_one_and_ends_only_the_other_sessions(store: Store) -> None:
    add(store)
    add(store, "Tom")
    here, elsewhere, toms = log_in(store), log_in(store), log_in(store, "Tom")
    with store.session() as session:
        assert not accounts.change_password(session, here, "wrong horse battery", OTHER)
    assert [who(store, token) for token in (here, elsewhere)] == ["Amina", "Amina"]
    with store.session() as session:
        assert accounts.change_password(session, here, PASSWORD, OTHER)
    assert [who(store, token) for token in (here, elsewhere, toms)] == ["Amina", None, "Tom"]
    assert log_in(store) is None
    assert log_in(store, password=OTHER) is not None


def test_a_session_that_is_over_changes_no_password(store: Store) -> None:
    add(store)
    token = log_in(store)
    with store.session() as session:
        accounts.log_out(session, token)
    with store.session() as session, pytest.raises(NotFoundError):
        accounts.change_password(session, token, PASSWORD, OTHER)
    assert log_in(store) is not None


def test_a_new_password_is_as_long_as_the_first_had_to_be(store: Store) -> None:
    account = add(store)
    token = log_in(store)
    with store.session() as session, pytest.raises(StoreError):
        accounts.set_password(session, "admin", account, "short")
    with store.session() as session, pytest.raises(StoreError):
        accounts.change_password(session, token, PASSWORD, "short")
    assert who(store, token) == "Amina"


def test_whatever_is_done_to_an_account_stands_in_the_audit(store: Store) -> None:
    account = add(store)
    token = log_in(store)
    with store.session() as session:
        accounts.change_password(session, token, PASSWORD, OTHER)
        accounts.set_password(session, "admin", account, PASSWORD)
        accounts.deactivate(session, "admin", account)
        accounts.activate(session, "admin", account)
    with store.reading() as session:
        done = [(entry.who, entry.action) for entry in reversed(entries(session, f"account/{account}"))]
    assert done == [
        ("admin", "add account"),
        ("Amina", "log in"),
        ("Amina", "change password"),
        ("admin", "set password"),
        ("admin", "deactivate account"),
        ("admin", "activate account"),
    ]


def test_an_account_that_is_not_there_is_said(store: Store) -> None:
    def set_password(session: Session, who: str, number: int) -> object:
        return accounts.set_password(session, who, number, OTHER)

    for change in (accounts.activate, accounts.deactivate, set_password):
        with store.session() as session, pytest.raises(NotFoundError, match="no account number 7"):
            change(session, "admin", 7)


def test_the_last_admin_stays(store: Store) -> None:
    first = add(store, role="admin")
    with store.session() as session, pytest.raises(ConflictError, match="last admin"):
        accounts.deactivate(session, "admin", first)
    second = add(store, "Second", role="admin")
    with store.session() as session:
        accounts.deactivate(session, "admin", first)
    with store.session() as session, pytest.raises(ConflictError, match="last admin"):
        accounts.deactivate(session, "admin", second)


def test_two_admins_do_not_deactivate_each_other_at_once(store: Store) -> None:
    first, second = add(store, role="admin"), add(store, "Second", role="admin")

    def deactivate(account: int) -> None:
        with store.session() as session:
            accounts.deactivate(session, "admin", account)

    with ThreadPoolExecutor() as threads:
        with store.session() as session:
            accounts.deactivate(session, "admin", first)
            other = threads.submit(deactivate, second)
            with pytest.raises(TimeoutError):
                other.result(timeout=0.5)
        with pytest.raises(ConflictError, match="last admin"):
            other.result()


@pytest.mark.parametrize(
    ("name", "password", "role"), [("", PASSWORD, "reader"), ("A", "short", "reader"), ("A", PASSWORD, "god")]
)
def test_what_makes_no_account_is_refused(store: Store, name: str, password: str, role: Role) -> None:
    with store.session() as session, pytest.raises(StoreError):
        accounts.add_account(session, "admin", name, password, role)


def test_a_name_is_given_once_whatever_its_capitals(store: Store) -> None:
    add(store)
    with store.session() as session, pytest.raises(ConflictError):
        accounts.add_account(session, "admin", "AMINA", PASSWORD, "reader")


def test_a_role_is_changed_at_once_and_stands_in_the_audit(store: Store) -> None:
    account, first = add(store), add(store, "First", role="admin")
    token = log_in(store)
    with store.session() as session:
        accounts.set_role(session, "First", account, "admin")
    with store.reading() as session:
        logged_in = accounts.logged_in(session, token)
        assert logged_in is not None
        assert logged_in.role == "admin"
        told = entries(session, f"account/{account}")[0]
    assert (told.who, told.action, told.detail["role"]) == ("First", "change role", ["technician", "admin"])
    with store.session() as session:
        accounts.set_role(session, "Amina", first, "reader")
    with store.session() as session, pytest.raises(ConflictError, match="last admin"):
        accounts.set_role(session, "Amina", account, "technician")
    with store.session() as session, pytest.raises(StoreError):
        accounts.set_role(session, "Amina", first, "owner")  # type: ignore[arg-type]


def test_a_name_is_used_again_without_the_former_persons_signatures(store: Store) -> None:
    former = add(store)
    with store.session() as session, pytest.raises(ConflictError):
        accounts.add_account(session, "admin", "amina", OTHER, "reader")
    token = log_in(store)
    with store.session() as session:
        accounts.remove(session, "admin", former)
    assert who(store, token) is None
    assert log_in(store) is None
    with store.session() as session:
        new = accounts.add_account(session, "admin", "amina", OTHER, "reader")
        assert (new.name, new.login) == ("amina (2)", "amina")
    token = log_in(store, "Amina", OTHER)
    assert token is not None
    assert who(store, token) == "amina (2)"
    with store.session() as session:
        accounts.remove(session, "admin", new.id)
        assert accounts.add_account(session, "admin", "Amina", OTHER, "reader").name == "Amina (3)"
        assert [account.name for account in accounts.all_accounts(session)] == ["Amina (3)"]
    with store.session() as session:
        for change in (accounts.activate, accounts.remove, accounts.deactivate):
            with pytest.raises(NotFoundError):
                change(session, "admin", former)
        done = [entry.action for entry in entries(session, f"account/{former}")]
    assert done[:2] == ["remove account", "deactivate account"]


@pytest.mark.parametrize("name", ["AMINA", "\uff21mina", "Ami\u200bna", " Amina ", "plasmoscope", "Command Line"])
def test_a_name_that_looks_like_anothers_is_taken(store: Store, name: str) -> None:
    add(store)
    with store.session() as session, pytest.raises(ConflictError):
        accounts.add_account(session, "admin", name, PASSWORD, "reader")


def test_the_last_admin_is_not_removed(store: Store) -> None:
    only = add(store, role="admin")
    with store.session() as session, pytest.raises(ConflictError, match="last admin"):
        accounts.remove(session, "admin", only)
    assert log_in(store) is not None


def test_a_failed_log_in_stands_in_the_audit_without_what_was_typed_for_nobody(store: Store) -> None:
    account = add(store)
    with store.session() as session:
        accounts.log_in(session, "Amina", "a wrong password", 1, "10.0.0.7")
        accounts.log_in(session, PASSWORD, "a wrong password", 1, "10.0.0.7")
        accounts.log_in(session, "Amina", "a wrong password", 1, note_failure=False)
    with store.reading() as session:
        unknown, known = entries(session, wanted=Wanted(action="fail to log in"))
    assert (known.subject, known.detail) == (f"account/{account}", {"name": "Amina", "address": "10.0.0.7"})
    assert (unknown.subject, unknown.detail) == ("account", {"name": None, "address": "10.0.0.7"})
    assert PASSWORD not in str(unknown.detail)


def test_entries_of_the_audit_are_found_by_who_what_and_when(store: Store) -> None:
    add(store)
    add(store, "Tom")
    log_in(store)
    today = now().date()

    def found(**asked: Any) -> list[str]:
        with store.reading() as session:
            wanted = Wanted(**asked)
            read = [entry.subject for entry in entries(session, wanted=wanted)]
            assert how_many(session, wanted=wanted) == len(read)
            return read

    assert found(who="AMI") == ["account/1"]
    assert found(action="add account") == ["account/2", "account/1"]
    assert found(subject="account") == ["account/1", "account/2", "account/1"]
    assert found(subject="account/2") == ["account/2"]
    assert found(since=today - timedelta(days=1), until=today + timedelta(days=1)) == found()
    assert found(until=today - timedelta(days=2)) == []
    assert found(until=date.max) == found()
