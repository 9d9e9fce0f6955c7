"""What administrators do and read: accounts, their roles, and the audit."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from plasmoscope.csv_tables import csv_rows
from plasmoscope.store import login_tries
from plasmoscope.store.audit import entries
from plasmoscope.web.security.cross_site import CLIENT_HEADER
from workstation import PASSWORD, ROLES, add_account, log_in, new_slide, running, workstation

WELCOMED = {"accept": "text/html", "cookie": "welcome=accepted"}


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[TestClient]:
    """Reached by others, with an account of each role: reader 1, technician 2, admin 3."""
    with workstation(tmp_path, host="0.0.0.0") as client:
        for name, role in ROLES.items():
            add_account(client, name, role)
        yield client


def test_a_role_is_changed_by_program_and_page_and_holds_at_once(shared: TestClient) -> None:
    admin, reader = log_in(shared, "Admin"), log_in(shared, "Reader")
    changed = shared.post("/api/v1/accounts/1/role", json={"role": "technician"}, headers=admin)
    assert (changed.status_code, changed.json()["role"]) == (200, "technician")
    assert shared.post("/api/v1/slides/1/reopen", json={"reason": "x"}, headers=reader).status_code == 404
    shared.post("/accounts/1/role", data={"role": "reader"}, headers=admin)
    assert shared.post("/api/v1/slides/1/reopen", json={"reason": "x"}, headers=reader).status_code == 403
    refused = shared.post("/api/v1/accounts/3/role", json={"role": "reader"}, headers=admin)
    assert refused.json()["error"]["reason"] == "last_admin"
    assert shared.post("/api/v1/accounts/3/role", json={"role": "owner"}, headers=admin).status_code == 422


def test_nobody_but_an_admin_changes_roles_removes_accounts_or_reads_the_audit(shared: TestClient) -> None:
    others = log_in(shared, "Reader"), log_in(shared, "Technician")
    for headers in others:
        for interface in ("", "/api/v1"):
            raised = {"json": {"role": "admin"}} if interface else {"data": {"role": "admin"}}
            role = shared.post(f"{interface}/accounts/1/role", headers=headers, **raised)  # type: ignore[arg-type]
            assert role.status_code == 403
            assert shared.post(f"{interface}/accounts/3/remove", headers=headers).status_code == 403
            page = shared.get(f"{interface}/audit", headers=headers | {"cookie": "welcome=accepted"})
            assert page.status_code == 403
        assert shared.get("/api/v1/audit.csv", headers=headers).status_code == 403
    assert shared.get("/api/v1/audit").status_code == 401
    # Nor does an admin's browser for another site's page.
    token = log_in(shared, "Admin")["Authorization"].removeprefix("Bearer ")
    del shared.headers[CLIENT_HEADER]
    forged = {"cookie": f"plasmoscope_session={token}", "origin": "https://evil.example"}
    for interface in ("", "/api/v1"):
        for act in ("role", "remove"):
            answer = shared.post(f"{interface}/accounts/1/{act}", data={"role": "admin"}, headers=forged)
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "csrf")


def test_a_removed_account_is_gone_and_its_name_is_another_persons_with_a_number(shared: TestClient) -> None:
    admin, technician = log_in(shared, "Admin"), log_in(shared, "Technician")
    slide = shared.post("/api/v1/slides", json={"patient": "P", "code": "S", "taken_on": "2026-03-01"},
                        headers=technician).json()["id"]  # fmt: skip
    assert shared.post("/api/v1/accounts/2/remove", headers=admin).status_code == 204
    assert shared.get("/api/v1/slides", headers=technician).status_code == 401
    given = {"name": "Technician", "password": PASSWORD, "role": "technician"}
    made = shared.post("/api/v1/accounts", json=given, headers=admin).json()
    assert (made["name"], made["login"]) == ("Technician (2)", "Technician")
    new = log_in(shared, "Technician")
    shared.post(f"/api/v1/slides/{slide}/delete", json={"reason": "x"}, headers=admin)
    shared.post("/api/v1/slides", json={"patient": "P", "code": "T", "taken_on": "2026-03-01"}, headers=new)
    done = shared.get("/api/v1/audit", params={"action": "create"}, headers=admin).json()
    assert [entry["who"] for entry in done["entries"]] == ["Technician (2)", "Technician"]
    page = shared.get("/accounts", headers=admin | WELCOMED).text
    assert "Logs in as Technician" in page
    assert page.count("/remove") == 3


def test_log_ins_that_fail_are_read_filtered_and_exported(shared: TestClient) -> None:
    for name in ("Admin", "=cmd()", "Admin"):
        shared.post("/api/v1/login", json={"name": name, "password": "a wrong password"})
    admin = log_in(shared, "Admin")
    asked = {"action": "fail to log in"}
    found = shared.get("/api/v1/audit", params=asked | {"limit": 2}, headers=admin).json()
    assert (found["total"], len(found["entries"])) == (3, 2)
    assert [entry["detail"]["name"] for entry in found["entries"]] == ["Admin", None]
    table = shared.get("/api/v1/audit.csv", params=asked, headers=admin)
    assert table.headers["content-type"].startswith("text/csv")
    rows = csv_rows(table.text.removeprefix("\ufeff").splitlines())
    assert [row["subject"] for row in rows] == ["account/3", "account", "account/3"]
    assert len(rows[0]["sha256"]) == 64
    page = shared.get("/audit", params=asked, headers=admin | WELCOMED).text
    assert page.count("refused a log-in") == 4, "three entries, and the choice above them"
    assert "added an account" in page, "as a choice"
    assert "Nothing fits" in shared.get("/audit?who=nobody", headers=admin | WELCOMED).text
    assert shared.get("/api/v1/audit?since=May", headers=admin).status_code == 422


def test_the_audit_is_read_page_by_page_and_leads_to_slides(tmp_path: Path) -> None:
    with workstation(tmp_path) as client:
        for number in range(101):
            new_slide(client, code=f"S-{number}")
        first = client.get("/audit?subject=slide", headers=WELCOMED).text
        assert first.count("<tr>") == 101
        assert 'href="/slides/101"' in first
        assert "1 to 100 of 101" in first
        assert "/audit?subject=slide&amp;page=2" in first
        assert "101 to 101 of 101" in client.get("/audit?subject=slide&page=2", headers=WELCOMED).text


def test_failures_beyond_count_do_not_fill_the_audit(shared: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login_tries, "_NOTED", 2)
    for number in range(4):
        shared.post("/api/v1/login", json={"name": f"Nobody {number}", "password": "a wrong password"})
    with running(shared).store.reading() as session:
        assert [entry.action for entry in entries(session, "account")].count("fail to log in") == 2


def test_logging_out_and_a_wrong_old_password_stand_in_the_audit(shared: TestClient) -> None:
    reader = log_in(shared, "Reader")
    shared.post("/api/v1/password", json={"old_password": "wrong", "password": "x" * 12}, headers=reader)
    shared.post("/api/v1/logout", headers=reader)
    found = shared.get("/api/v1/audit", params={"who": "Reader"}, headers=log_in(shared, "Admin")).json()["entries"]
    assert [entry["action"] for entry in found] == ["log out", "fail to change password", "log in"]
