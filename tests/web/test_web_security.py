"""Each guard has a test that fails when it is removed."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from plasmoscope.web.security.cross_site import CLIENT_HEADER
from plasmoscope.web.security.identity import SESSION_COOKIE
from plasmoscope.web.settings import is_loopback
from workstation import PASSWORD, SLIDE, add_account, log_in, new_slide, upload, workstation


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[TestClient]:
    """On loopback, without accounts, seen by a browser."""
    with workstation(tmp_path) as client:
        del client.headers[CLIENT_HEADER]
        yield client


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[TestClient]:
    """Reached by others, with an account of each role."""
    with workstation(tmp_path, host="0.0.0.0") as client:
        for role in ("reader", "technician", "admin"):
            add_account(client, role.capitalize(), role)
        yield client


# What a browser says where a change comes from: on a safe connection and on this machine, and otherwise.
OWN = ({"sec-fetch-site": "same-origin"}, {"sec-fetch-site": "none"}, {"origin": "http://127.0.0.1:8000"})
FOREIGN: tuple[dict[str, str], ...] = (
    {},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "cross-site", "origin": "http://127.0.0.1:8000"},
    {"origin": "http://evil.example"},
    {"origin": "http://127.0.0.1:9000"},
    {"origin": "http://127.0.0.1:8000.evil.example"},
    {"origin": "null"},
    {"origin": "null", "host": ""},
    {"origin": "http://["},
)


@pytest.mark.parametrize("headers", OWN, ids=str)
def test_a_change_from_the_workstations_own_page_is_made(alone: TestClient, headers: dict[str, str]) -> None:
    assert alone.post("/api/v1/slides", json=SLIDE, headers=headers).status_code == 201


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_a_change_from_another_page_is_refused(shared: TestClient, headers: dict[str, str]) -> None:
    token = log_in(shared, "Admin")["Authorization"].removeprefix("Bearer ")
    shared.cookies.set(SESSION_COOKIE, token)
    del shared.headers[CLIENT_HEADER]
    refused = shared.post("/api/v1/slides", json=SLIDE, headers=headers)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "csrf")
    assert shared.post("/api/v1/slides", json=SLIDE, headers=OWN[0]).status_code == 201


def test_open_pages_outlive_a_new_start_and_serve_two_workstations_with_one_database(tmp_path: Path) -> None:
    with workstation(tmp_path, host="0.0.0.0") as before, workstation(tmp_path, host="0.0.0.0") as beside:
        add_account(before, "Admin", "admin")
        token = log_in(before, "Admin")["Authorization"].removeprefix("Bearer ")
        with workstation(tmp_path, host="0.0.0.0") as after:
            for number, client in enumerate((before, beside, after)):
                del client.headers[CLIENT_HEADER]
                client.cookies.set(SESSION_COOKIE, token)
                # As a page that was loaded from the first sends it.
                headers = {"origin": "http://127.0.0.1:8000"}
                made = client.post("/api/v1/slides", json=SLIDE | {"code": str(number)}, headers=headers)
                assert made.status_code == 201, made.text


def test_another_sites_form_is_refused_also_from_a_browser_without_cookies(alone: TestClient) -> None:
    answer = alone.post("/api/v1/slides/1/fields", files={"file": ("a.png", b"")})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "csrf")


# Browsers send Sec-Fetch-Site to safe addresses only: over plain http on a network Origin alone tells the page's site.
ON_A_NETWORK = "http://192.168.1.20:8000"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": ON_A_NETWORK}, 201),
        ({"origin": "HTTP://192.168.1.20:8000"}, 201),
        ({"origin": "http://192.168.1.21:8000"}, 403),
        ({"origin": "http://192.168.1.20"}, 403),
        ({"origin": "http://192.168.1.20:8000.evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"referer": f"{ON_A_NETWORK}/slides"}, 403),
        ({}, 403),
        # A proxy that passes another Host on: nothing tells that the page is the workstation's own.
        ({"origin": "https://smears.example", "host": "127.0.0.1:8000"}, 403),
        ({"origin": "https://smears.example", "host": "smears.example"}, 201),
    ],
    ids=str,
)
def test_over_plain_http_on_a_network_the_origin_tells_the_page(
    shared: TestClient, headers: dict[str, str], status: int
) -> None:
    token = log_in(shared, "Admin")["Authorization"].removeprefix("Bearer ")
    browser = TestClient(shared.app, ON_A_NETWORK, raise_server_exceptions=False)
    answer = browser.post("/api/v1/slides", json=SLIDE, headers=headers | {"cookie": f"{SESSION_COOKIE}={token}"})
    assert answer.status_code == status, answer.text
    if status == 403:
        assert answer.json()["error"]["reason"] == "other_site"


def test_browsers_are_let_tell_which_page_a_form_is_of(alone: TestClient) -> None:
    # With no-referrer they would send "Origin: null" with the workstation's own forms.
    assert alone.get("/welcome").headers["referrer-policy"] == "same-origin"


def test_a_foreign_name_that_points_here_is_refused(alone: TestClient) -> None:
    assert alone.get("/api/v1/slides", headers={"host": "evil.example:8000"}).status_code == 400
    assert alone.get("/api/v1/slides", headers={"host": "localhost:8000"}).status_code == 200


@pytest.mark.parametrize(
    ("host", "alone"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("127.9.9.9", True), ("0.0.0.0", False),
     ("192.168.1.5", False), ("laboratory.example", False), ("127.0.0.1.example", False)],
)  # fmt: skip
def test_only_loopback_needs_no_accounts(host: str, alone: bool) -> None:
    assert is_loopback(host) is alone


def test_nobody_reads_a_shared_workstation_without_logging_in(shared: TestClient) -> None:
    for path in ("/api/v1/slides", "/api/v1/slides/1", "/api/v1/fields/1", "/api/v1/fields/1/image"):
        assert shared.get(path).json()["error"]["code"] == "login", path
    assert shared.get("/api/v1/slides", headers=log_in(shared, "Reader")).status_code == 200


def test_a_role_does_no_more_than_it_may(shared: TestClient) -> None:
    reader, technician, admin = (log_in(shared, name) for name in ("Reader", "Technician", "Admin"))
    assert shared.post("/api/v1/slides", json=SLIDE, headers=reader).json()["error"]["code"] == "role"
    slide = shared.post("/api/v1/slides", json=SLIDE, headers=technician).json()["id"]
    path = f"/api/v1/slides/{slide}"
    assert shared.post(f"{path}/sign", json={"version": 1}, headers=reader).status_code == 403
    assert shared.post(f"{path}/delete", json={"reason": "x"}, headers=technician).status_code == 403
    account = {"name": "New", "password": PASSWORD, "role": "admin"}
    for headers in (reader, technician):
        assert shared.post("/api/v1/accounts", json=account, headers=headers).status_code == 403
        assert shared.get("/api/v1/accounts", headers=headers).status_code == 403
        assert shared.post("/api/v1/accounts/3/deactivate", headers=headers).status_code == 403
        assert shared.post("/api/v1/accounts/3/activate", headers=headers).status_code == 403
        new = {"password": "another long password"}
        assert shared.post("/api/v1/accounts/3/password", json=new, headers=headers).status_code == 403
        for page in ("deactivate", "activate", "password"):
            assert shared.post(f"/accounts/3/{page}", data=new, headers=headers).status_code == 403, page
    assert shared.post("/api/v1/accounts", json=account, headers=admin).status_code == 201
    assert shared.post(f"{path}/delete", json={"reason": "x"}, headers=admin).status_code == 204


def test_a_role_in_the_request_raises_nobody(shared: TestClient) -> None:
    reader = log_in(shared, "Reader")
    answer = shared.post("/api/v1/slides", json=SLIDE | {"role": "admin"}, headers=reader | {"x-role": "admin"})
    assert answer.status_code == 403


def test_a_session_is_new_at_every_login(shared: TestClient) -> None:
    planted = "planted-by-somebody-else"
    shared.cookies.set(SESSION_COOKIE, planted)
    answer = shared.post("/api/v1/login", json={"name": "Admin", "password": PASSWORD})
    assert answer.status_code == 200
    assert answer.json()["token"] != planted
    shared.cookies.set(SESSION_COOKIE, planted)
    assert shared.get("/api/v1/slides").status_code == 401


def test_guessing_passwords_is_slowed_down(shared: TestClient) -> None:
    for _ in range(5):
        wrong = shared.post("/api/v1/login", json={"name": "Admin", "password": "a wrong password"})
        assert wrong.status_code == 401
    slowed = shared.post("/api/v1/login", json={"name": "Admin", "password": PASSWORD})
    assert slowed.status_code == 429
    assert int(slowed.headers["retry-after"]) > 0


def test_two_servers_count_wrong_passwords_together_and_a_new_start_forgets_none(tmp_path: Path) -> None:
    def tried(client: TestClient, password: str) -> int:
        return client.post("/api/v1/login", json={"name": "Admin", "password": password}).status_code

    with workstation(tmp_path, host="0.0.0.0") as one, workstation(tmp_path, host="0.0.0.0") as other:
        add_account(one, "Admin", "admin")
        # Right ones count for nothing.
        assert [tried(one, PASSWORD) for _ in range(5)] == [200] * 5
        assert [tried(client, "a wrong password") for client in (one, other, one, other, one)] == [401] * 5
        assert [tried(client, PASSWORD) for client in (one, other)] == [429, 429]
    with workstation(tmp_path, host="0.0.0.0") as later:
        assert tried(later, PASSWORD) == 429


def test_a_new_password_that_will_not_do_is_no_wrong_one(shared: TestClient) -> None:
    headers = log_in(shared, "Reader")
    for _ in range(6):
        answer = shared.post("/api/v1/password", json={"old_password": PASSWORD, "password": "short"}, headers=headers)
        assert answer.status_code == 422


def test_guessing_the_old_password_in_somebodys_session_is_slowed_down(shared: TestClient) -> None:
    headers = log_in(shared, "Reader")
    new = {"password": "another long password"}
    for _ in range(5):
        wrong = shared.post("/api/v1/password", json=new | {"old_password": "a wrong password"}, headers=headers)
        assert (wrong.status_code, wrong.json()["error"]["code"]) == (403, "wrong_password")
    slowed = shared.post("/api/v1/password", json=new | {"old_password": PASSWORD}, headers=headers)
    assert slowed.status_code == 429
    assert int(slowed.headers["retry-after"]) > 0


def test_accounts_and_passwords_do_not_change_from_another_page(alone: TestClient) -> None:
    new = {"password": "another long password", "old": PASSWORD, "new": "x" * 10, "again": "x" * 10}
    for path in ("/accounts/1/deactivate", "/accounts/1/activate", "/accounts/1/password", "/password"):
        for interface in ("", "/api/v1"):
            answer = alone.post(interface + path, data=new)
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "csrf"), path


def test_a_logged_out_session_is_over(shared: TestClient) -> None:
    headers = log_in(shared, "Reader")
    assert shared.post("/api/v1/logout", headers=headers).status_code == 204
    assert shared.get("/api/v1/slides", headers=headers).status_code == 401


def test_a_request_larger_than_allowed_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plasmoscope.web.app.MAX_BODY", 100_000)
    with workstation(tmp_path) as client:
        slide = new_slide(client)
        assert upload(client, slide, b"x" * 200_000).status_code == 413
        huge = client.post("/api/v1/slides", content=b'{"patient": "' + b"x" * 200_000)
        assert huge.status_code == 413


def test_a_photograph_larger_than_allowed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plasmoscope.web.uploads.MAX_BYTES", 1000)
    with workstation(tmp_path) as client:
        slide = new_slide(client)
        assert upload(client, slide, b"x" * 1001).json()["error"]["code"] == "too_large"


def test_names_of_uploads_are_never_paths(tmp_path: Path, rendered_png: bytes) -> None:
    with workstation(tmp_path / "records") as client:
        slide = new_slide(client)
        for name in ("../../escaped.png", "/etc/escaped.png", "C:\\escaped.png", "a\x00b.png"):
            upload(client, slide, rendered_png, name)
    outside = list(tmp_path.rglob("*escaped*"))
    assert outside == []
    assert {path.name for path in tmp_path.iterdir()} == {"records"}


@pytest.mark.parametrize(
    "path", ["/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static/....//app.py"]
)
def test_static_files_lead_nowhere_else(alone: TestClient, path: str) -> None:
    answer = alone.get(path)
    assert answer.status_code in {400, 404}
    assert b"create_app" not in answer.content


def test_a_search_is_text_and_never_a_query(tmp_path: Path) -> None:
    with workstation(tmp_path) as client:
        new_slide(client)
        for text in ("' OR '1'='1", "%", "_", "'; DROP TABLE slides; --", "\\"):
            assert client.get("/api/v1/slides", params={"patient": text}).json()["total"] == 0, text
        injected = new_slide(client, patient="Robert'); DROP TABLE slides;--", code='"; DELETE FROM slides')
        assert client.get(f"/api/v1/slides/{injected}").json()["patient"] == "Robert'); DROP TABLE slides;--"
        assert client.get("/api/v1/slides").json()["total"] == 2


def test_every_answer_carries_the_protecting_headers(alone: TestClient) -> None:
    for path in ("/welcome", "/api/v1/slides", "/nowhere", "/static/nowhere"):
        headers = alone.get(path).headers
        assert "default-src 'self'" in headers["content-security-policy"], path
        assert "unsafe" not in headers["content-security-policy"]
        assert "camera=()" in headers["permissions-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["cache-control"] == ("no-cache" if path.startswith("/static/") else "no-store")


def test_only_the_page_of_a_slide_may_use_a_camera(alone: TestClient) -> None:
    for path, allowed in (("/slides/1", "(self)"), ("/slides/1/review", "()"), ("/", "()"), ("/fields/1", "()")):
        assert f"camera={allowed}," in alone.get(path).headers["permissions-policy"], path


def test_the_session_cookie_is_for_this_site_and_no_script(shared: TestClient) -> None:
    form = {"name": "Admin", "password": PASSWORD}
    cookie = shared.post("/login", data=form, follow_redirects=False).headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie


def test_behind_a_proxy_people_log_in_although_it_asks_from_this_machine(tmp_path: Path) -> None:
    with workstation(tmp_path, secure_cookies=True) as client:
        assert client.get("/api/v1/slides").status_code == 401
