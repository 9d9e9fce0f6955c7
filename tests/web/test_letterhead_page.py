"""The laboratory's letterhead, set by administrators on its page."""

import io
from base64 import b64decode, b64encode
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from analysed import analysed
from plasmoscope.web.security.cross_site import CLIENT_HEADER
from plasmoscope.web.security.identity import SESSION_COOKIE
from workstation import ROLES, SLIDE, add_account, log_in, running, workstation


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with workstation(tmp_path_factory.mktemp("records"), host="0.0.0.0") as client:
        for name, role in ROLES.items():
            add_account(client, name, role)
        client.cookies.set("welcome", "accepted")
        yield client


def logo(width: int = 30) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (width, 10), "navy").save(stream, "PNG")
    return stream.getvalue()


def press(client: TestClient, who: str, at: str = "/letterhead", picture: bytes = b"", **form: str) -> int:
    answer = client.post(
        at,
        data=form,
        files={"logo": ("logo.png", picture)} if picture else None,
        headers=log_in(client, who) | {"Accept": "text/html"},
        follow_redirects=False,
    )
    return int(answer.status_code)


def test_reports_bear_what_an_administrator_set(shared: TestClient) -> None:
    admin = log_in(shared, "Admin")

    def shown(address: str) -> str:
        return str(shared.get(address, headers=admin).text)

    slide = int(shared.post("/api/v1/slides", json=SLIDE, headers=admin).json()["id"])
    analysed(running(shared).store, slide)
    report = f"/api/v1/slides/{slide}/files/report.html"
    assert "Gulu" not in shown(report)
    assert press(shared, "Admin", picture=logo(), name="Hospital of Gulu", address="P.O. Box 160\r\nGulu") == 303
    page = shown(report)
    assert "Hospital of Gulu" in page
    assert "data:image/png;base64,iVBOR" in page
    # Without another logo the one that there is stays.
    assert press(shared, "Admin", name="Laboratory of Gulu") == 303
    page = shown(report)
    assert "Laboratory of Gulu" in page
    assert '<img alt="" src="data:image/png' in page
    assert "Laboratory of Gulu" in shown("/letterhead")
    assert press(shared, "Admin", "/letterhead/remove") == 303
    assert "Gulu" not in shown(report)


def test_what_is_no_logo_is_refused_and_only_administrators_set_it(shared: TestClient) -> None:
    assert press(shared, "Admin", picture=b"%PDF-1.7", name="Gulu") == 422
    assert press(shared, "Admin", picture=b"x" * (1024**2 + 1), name="Gulu") == 422
    assert press(shared, "Admin", name=" ") == 422
    for who in ("Reader", "Technician"):
        assert press(shared, who, name="Gulu") == 403
        assert press(shared, who, "/letterhead/remove") == 403
        assert shared.get("/letterhead", headers=log_in(shared, who)).status_code == 403


def test_programs_set_read_and_remove_it(shared: TestClient) -> None:
    admin, reader, at = log_in(shared, "Admin"), log_in(shared, "Reader"), "/api/v1/letterhead"
    given = {"name": "Hospital of Lira", "address": ["P.O. Box 2", "Lira"], "logo": b64encode(logo()).decode()}
    assert shared.put(at, json=given, headers=reader).status_code == 403
    made = shared.put(at, json=given, headers=admin).json()
    assert (made["name"], made["address"]) == ("Hospital of Lira", ["P.O. Box 2", "Lira"])
    assert shared.get(at, headers=reader).json() == made
    with Image.open(io.BytesIO(b64decode(made["logo"]))) as picture:
        assert picture.size == (30, 10)
    no_picture = b64encode(b"no picture").decode()
    for wrong in ({"logo": "no base64!"}, {"logo": no_picture}, {"address": ["x"] * 7}, {"name": " "}):
        assert shared.put(at, json=given | wrong, headers=admin).status_code == 422, wrong
    assert shared.delete(at, headers=reader).status_code == 403
    assert shared.delete(at, headers=admin).status_code == 204
    assert shared.get(at, headers=reader).json() is None


def test_another_sites_form_sets_no_letterhead(shared: TestClient) -> None:
    token = log_in(shared, "Admin")["Authorization"].removeprefix("Bearer ")
    headers = {"Cookie": f"{SESSION_COOKIE}={token}", "Sec-Fetch-Site": "cross-site", CLIENT_HEADER: ""}
    for address in ("/letterhead", "/letterhead/remove"):
        answer = shared.post(address, data={"name": "Elsewhere"}, headers=headers)
        assert answer.json()["error"]["code"] == "csrf"
