from datetime import timedelta

import pytest
from sqlalchemy import select, update

from plasmoscope.store import accounts
from plasmoscope.store.audit import entries
from plasmoscope.store.errors import ConflictError, StoreError
from plasmoscope.store.records import Account, LoginSession, now
from plasmoscope.store.store import Store

PASSWORD = "correct horse battery"


def add(store: Store, name: str = "Amina", role: accounts.Role = "technician") -> int:
    with store.session() as session:
        return accounts.add_account(session, "admin", name, PASSWORD, role).id


def log_in(store: Store, name: str = "Amina", password: str = PASSWORD) -> str | None:
    with store.session() as session:
        return accounts.log_in(session, name, password, hours=1)


def who(store: Store, token: str) -> str | None:
    with store.reading() as session:
        account = accounts.logged_in(session, token)
        return account.name if account else None


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
            accounts.set_password(session, "admin", account, "another long password")
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


def test_the_last_admin_stays(store: Store) -> None:
    first = add(store, role="admin")
    with store.session() as session, pytest.raises(ConflictError, match="last admin"):
        accounts.deactivate(session, "admin", first)
    add(store, "Second", role="admin")
    with store.session() as session:
        accounts.deactivate(session, "admin", first)


@pytest.mark.parametrize(
    ("name", "password", "role"), [("", PASSWORD, "reader"), ("A", "short", "reader"), ("A", PASSWORD, "god")]
)
def test_what_makes_no_account_is_refused(store: Store, name: str, password: str, role: accounts.Role) -> None:
    with store.session() as session, pytest.raises(StoreError):
        accounts.add_account(session, "admin", name, password, role)


def test_a_name_is_given_once_whatever_its_capitals(store: Store) -> None:
    add(store)
    with store.session() as session, pytest.raises(ConflictError):
        accounts.add_account(session, "admin", "AMINA", PASSWORD, "reader")
