"""A page that nobody uses is locked: for the workstation, for all servers of its database, and for who looks at it."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, expect
from sqlalchemy import update

from plasmoscope.store import accounts
from plasmoscope.store.audit import entries
from plasmoscope.store.records import LoginSession, now
from plasmoscope.store.store import Store
from plasmoscope.web.security.cross_site import CLIENT_HEADER
from plasmoscope.web.security.identity import IDLE_HEADER, SESSION_COOKIE
from workstation import PASSWORD, SLIDE, add_account, log_in, running, served, workstation

MINUTES = 10
PAGE = {"accept": "text/html"}


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[TestClient]:
    with workstation(tmp_path, host="0.0.0.0", idle_minutes=MINUTES) as client:
        add_account(client, "Amina", "technician")
        add_account(client, "Tom", "technician")
        yield client


def browse(client: TestClient, name: str = "Amina") -> str:
    """Let the client be a browser that is logged in, and welcomed."""
    token = log_in(client, name)["Authorization"].removeprefix("Bearer ")
    client.cookies.set(SESSION_COOKIE, token)
    client.cookies.set("welcome", "accepted")
    return token


def pass_minutes(client: TestClient, minutes: float) -> None:
    with running(client).store.session() as session:
        session.execute(update(LoginSession).values(acted=now() - timedelta(minutes=minutes)))


def reason(client: TestClient, path: str = "/api/v1/slides") -> str | None:
    answer = client.get(path)
    return str(answer.json()["error"]["reason"]) if answer.status_code == 401 else None


def test_after_minutes_without_an_act_only_the_same_persons_password_goes_on(shared: TestClient) -> None:
    browse(shared)
    pass_minutes(shared, MINUTES - 1)
    assert reason(shared) is None
    pass_minutes(shared, MINUTES + 1)
    assert reason(shared) == "session_locked"
    assert shared.post("/api/v1/slides", json=SLIDE).status_code == 401
    assert shared.post("/api/v1/acting").status_code == 401, "a locked session is not kept open"
    wrong = shared.post("/api/v1/unlock", json={"password": "a wrong password"})
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (403, "wrong_password")
    assert reason(shared) == "session_locked"
    assert shared.post("/api/v1/unlock", json={"password": PASSWORD}).status_code == 204
    assert reason(shared) is None
    with running(shared).store.reading() as session:
        done = [entry.action for entry in entries(session, "account/1")]
    assert done[:3] == ["unlock", "fail to unlock", "log in"]


def test_whoever_reads_or_changes_keeps_it_open_and_a_page_by_itself_does_not(shared: TestClient) -> None:
    browse(shared)
    for number, act in enumerate(("read", "change", "say")):
        pass_minutes(shared, MINUTES - 1)
        if act == "read":
            shared.get("/", headers=PAGE)
        elif act == "change":
            shared.post("/api/v1/slides", json=SLIDE | {"code": str(number)})
        else:
            shared.post("/api/v1/acting")
        with running(shared).store.reading() as session:
            assert session.query(LoginSession).one().acted > now() - timedelta(minutes=1), act
    pass_minutes(shared, MINUTES - 1)
    shared.get("/slides/1", headers=PAGE | {IDLE_HEADER: "1"})
    shared.get("/api/v1/slides/1", headers={"accept": "image/*"})
    with running(shared).store.reading() as session:
        assert session.query(LoginSession).one().acted < now() - timedelta(minutes=MINUTES - 2)


def test_it_is_locked_at_once_when_the_page_says_so_and_the_page_for_it_leads_back(shared: TestClient) -> None:
    browse(shared)
    assert shared.post("/api/v1/lock").status_code == 204
    page = shared.get("/cells?one=1", headers=PAGE)
    assert page.url.path == "/unlock"
    assert "Give the password of Amina" in page.text
    assert 'value="/cells?one=1"' in page.text
    assert "Slides</a>" not in page.text, "nothing of the workstation is shown"
    again = shared.post("/unlock", data={"password": "a wrong password", "then": "/cells?one=1"}, headers=PAGE)
    assert again.status_code == 403
    assert 'value="/cells?one=1"' in again.text
    foreign = {"password": PASSWORD, "then": "//evil.example"}
    assert shared.post("/unlock", data=foreign, follow_redirects=False).headers["location"] == "/"
    assert reason(shared) is None


def test_nobody_unlocks_with_another_persons_password_or_by_guessing(shared: TestClient) -> None:
    with running(shared).store.session() as session:
        accounts.set_password(session, "tests", 2, "the password of Tom")
    browse(shared)
    shared.post("/api/v1/lock")
    assert shared.post("/api/v1/unlock", json={"password": "the password of Tom"}).status_code == 403
    for _ in range(4):
        assert shared.post("/api/v1/unlock", json={"password": "a wrong password"}).status_code == 403
    assert shared.post("/api/v1/unlock", json={"password": PASSWORD}).status_code == 429
    assert shared.post("/logout", follow_redirects=False).status_code == 303
    assert shared.get("/unlock", headers=PAGE).url.path == "/login", "whoever logs out leaves no session to unlock"
    shared.cookies.clear()
    assert shared.post("/api/v1/unlock", json={"password": PASSWORD}).status_code == 401


def test_another_sites_page_neither_locks_nor_unlocks(shared: TestClient) -> None:
    browse(shared)
    del shared.headers[CLIENT_HEADER]
    for path in ("/api/v1/lock", "/api/v1/unlock", "/api/v1/acting", "/unlock"):
        answer = shared.post(path, headers={"origin": "https://evil.example"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "csrf"), path
    assert reason(shared) is None


def test_without_the_setting_nothing_is_locked(tmp_path: Path) -> None:
    with workstation(tmp_path, host="0.0.0.0") as client:
        add_account(client, "Amina", "technician")
        browse(client)
        pass_minutes(client, 11 * 60)
        assert reason(client) is None
        assert "lock.js" not in client.get("/", headers=PAGE).text


def test_two_servers_of_one_database_know_the_same_sessions_locks_and_photographs(
    tmp_path: Path, database: str | None, rendered_png: bytes
) -> None:
    settings = {"host": "0.0.0.0", "idle_minutes": MINUTES, "database_url": database}
    with workstation(tmp_path, **settings) as one, workstation(tmp_path, **settings) as other:
        add_account(one, "Amina", "technician")
        token = browse(one)
        other.cookies.set(SESSION_COOKIE, token)
        slide = other.post("/api/v1/slides", json=SLIDE).json()["id"]
        sent = one.post(f"/api/v1/slides/{slide}/fields", files={"file": ("a.png", rendered_png)})
        assert other.get(f"/api/v1/fields/{sent.json()['id']}").status_code == 200
        one.post("/api/v1/lock")
        assert [reason(client) for client in (one, other)] == ["session_locked"] * 2
        other.post("/api/v1/unlock", json={"password": PASSWORD})
        assert [reason(client) for client in (one, other)] == [None, None]
        other.post("/logout")
        assert [reason(client) for client in (one, other)] == ["log_in_first"] * 2


@pytest.mark.browser
def test_what_is_typed_stays_while_the_page_is_locked(browser: Browser, tmp_path: Path) -> None:
    with closing(Store(tmp_path)) as store, store.session() as session:
        accounts.add_account(session, "tests", "Amina", PASSWORD, "technician")
    with served(tmp_path, secure_cookies=False, host="0.0.0.0", idle_minutes=3 / 60) as address:
        page = browser.new_page()
        page.goto(f"{address}/slides/new")
        page.fill("#name", "Amina")
        page.fill("#password", PASSWORD)
        page.click("button.main")
        page.click("main button.main")
        page.fill("#patient", "P-17")
        box = page.locator("#lock")
        expect(box).to_be_visible(timeout=15_000)
        expect(page.locator("h1").first).to_be_hidden()
        page.keyboard.press("Escape")
        page.keyboard.press("Escape")
        expect(box).to_be_visible()
        assert page.request.get(f"{address}/api/v1/slides").status == 401
        page.fill("#lock-password", "a wrong password")
        page.keyboard.press("Enter")
        expect(box.locator("[role=alert]")).to_be_visible()
        page.fill("#lock-password", PASSWORD)
        page.keyboard.press("Enter")
        expect(box).to_be_hidden()
        expect(page.locator("#patient")).to_have_value("P-17")
        assert page.request.get(f"{address}/api/v1/slides").status == 200
        page.close()
