"""Patients, moved and removed photographs, deleted slides and scanned codes, as pages and over HTTP."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from analysed import FOUND, METHOD, OTHER_FOUND, OTHER_IMAGE, analysed
from patience import PATIENCE
from plasmoscope.reports.illustrations import encode_png
from plasmoscope.store import fields
from plasmoscope.store.slides import get_slide
from plasmoscope.web.security.cross_site import CLIENT_HEADER
from plasmoscope.web.security.identity import SESSION_COOKIE
from uploads import upload
from workstation import ROLES, SLIDE, add_account, log_in, new_slide, running, workstation
from workstation import upload as send

FORM: dict[str, Any] = {"patient": "RIGHT-1", "code": "S-1", "taken_on": "2026-03-01"}


@pytest.fixture
def program(tmp_path: Path) -> Iterator[TestClient]:
    with workstation(tmp_path) as client:
        yield client


@pytest.fixture
def browser(program: TestClient) -> TestClient:
    """A browser without scripts that was welcomed."""
    del program.headers[CLIENT_HEADER]
    program.headers |= {"accept": "text/html", "origin": "http://127.0.0.1:8000"}
    assert program.post("/welcome").status_code == 200
    return program


def see(browser: TestClient, path: str, status: int = 200) -> str:
    answer = browser.get(path)
    assert answer.status_code == status, f"{path}: {answer.status_code}"
    return answer.text


def push(browser: TestClient, path: str, status: int = 200, **boxes: Any) -> tuple[str, str]:
    """Send a form; gives where it leads to, and that page."""
    answer = browser.post(path, data=boxes)
    assert answer.status_code == status, f"{path}: {answer.status_code} {answer.text[-500:]}"
    return answer.url.path, answer.text


# Patients


def test_a_new_slide_of_a_code_that_looks_alike_asks_which_patient_is_meant(browser: TestClient) -> None:
    push(browser, "/slides", **FORM)
    _, asked = push(browser, "/slides", 422, **FORM | {"patient": "right 1", "code": "S-2"})
    assert "There is a patient whose ID looks alike" in asked
    assert 'name="meant" value="RIGHT-1"' in asked
    place, _ = push(browser, "/slides", **FORM | {"patient": "right 1", "code": "S-2", "meant": "RIGHT-1"})
    assert browser.get(f"/api/v1{place}").json()["patient"] == "RIGHT-1"
    place, page = push(browser, "/slides", **FORM | {"patient": "right 1", "code": "S-3", "meant": "right 1"})
    assert browser.get(f"/api/v1{place}").json()["patient"] == "right 1"
    assert "may be the same person" in page
    _, asked = push(browser, "/slides", 422, **FORM | {"patient": "Right_1", "code": "S-4", "meant": "nobody"})
    assert "There is a patient whose ID looks alike" in asked


def test_possible_twins_are_pointed_out_merged_and_parted_on_the_page(browser: TestClient) -> None:
    for patient in ("RIGHT-1", "right-1"):
        push(browser, "/slides", **FORM | {"patient": patient, "code": f"S of {patient}", "meant": patient})
    push(browser, "/slides", **FORM | {"patient": "B-7"})
    listed = see(browser, "/patients?twins=true")
    assert "right-1" in listed
    assert "B-7" not in listed
    assert "B-7" in see(browser, "/patients?search=b7")
    assert "No patient fits" in see(browser, "/patients?search=nobody")
    assert "may be the same person" in see(browser, "/patients/RIGHT-1")
    number = browser.get("/api/v1/patients?search=RIGHT-1").json()["patients"][0]["id"]
    place, page = push(browser, f"/patients/{number}/merge", code="right-1")
    assert place == "/patients/RIGHT-1"
    assert "S of right-1" in page
    assert "may be the same person" not in page
    assert browser.get("/patients/right-1").url.path == "/patients/RIGHT-1"
    assert "merged two patients" in see(browser, "/slides/2/changes")
    place, page = push(browser, f"/patients/{number}/part", code="right-1")
    assert place == "/patients/right-1"
    assert "S of right-1" in page
    push(browser, f"/patients/{number}/keep-apart", code="right-1")
    assert "may be the same person" not in see(browser, "/patients/RIGHT-1")


def test_a_patients_page_tells_what_was_done_to_them_and_their_slides(browser: TestClient) -> None:
    push(browser, "/slides", **FORM)
    push(browser, "/slides", **FORM | {"patient": "OTHER", "code": "S-2"})
    push(browser, "/slides/1/details", **FORM | {"stain": "Giemsa"})
    push(browser, "/patients/1/merge", code="OTHER")
    push(browser, "/slides/2/delete", reason="wrong film")
    push(browser, "/slides", **FORM | {"patient": "THIRD", "code": "S-9"})
    told = browser.get("/api/v1/patients/1/audit").json()
    assert [(one["action"], one["subject"]) for one in told] == [
        ("delete", "slide/2"), ("merge patients", "patient/1"), ("merge patients", "slide/2"), ("describe", "slide/1"),
        ("create", "slide/2"), ("create", "slide/1"),
    ]  # fmt: skip
    page = see(browser, "/patients/RIGHT-1").partition('id="changes"')[2]
    assert page.count("<tr>") == 1 + len(told)
    assert "stain: - → Giemsa" in page
    assert '<a href="/slides/1"><bdi>S-1</bdi></a>' in page
    assert "S-9" not in page
    assert browser.get("/api/v1/patients/99/audit").status_code == 404


def test_programs_list_merge_and_part_patients(program: TestClient) -> None:
    first, second = new_slide(program, patient="RIGHT-1"), new_slide(program, patient="right-1", code="S-2")
    assert program.get(f"/api/v1/slides/{first}").json()["possible_twins"] == ["right-1"]
    listed = program.get("/api/v1/patients", params={"twins": True}).json()
    assert listed["total"] == 2
    number = next(one["id"] for one in listed["patients"] if one["code"] == "RIGHT-1")
    whole = program.post(f"/api/v1/patients/{number}/merge", json={"patient": "right-1"}).json()
    assert whole["merged"] == ["right-1"]
    assert [visit["slide_id"] for visit in whole["visits"]] == [first, second]
    again = program.post(f"/api/v1/patients/{number}/merge", json={"patient": "right-1"})
    assert (again.status_code, again.json()["error"]["reason"]) == (422, "merged_with_itself")
    whole = program.post(f"/api/v1/patients/{number}/part", json={"patient": "right-1"}).json()
    assert (whole["merged"], whole["possible_twins"]) == ([], ["right-1"])
    whole = program.post(f"/api/v1/patients/{number}/keep-apart", json={"patient": "right-1"}).json()
    assert whole["possible_twins"] == []
    assert program.get("/api/v1/patients/99").status_code == 404


def test_a_follow_up_shows_how_the_parasites_went(browser: TestClient) -> None:
    store = running(browser).store
    for day, code in ((0, "first"), (3, "later")):
        answer = browser.post(
            "/api/v1/slides",
            json=SLIDE | {"code": code, "visit_day": day, "age_years": 0.5, "sex": "female"},
        )
        assert answer.status_code == 201
    found = ((1, "a.png"), (2, "b.png"))
    for slide, name in found:
        upload(store, slide, name.encode(), name)
    with store.session() as session:
        for slide, infected in ((1, 200), (2, 10)):
            (field,) = fields.fields_of(session, slide)
            field.status, field.accepted, field.counted, field.infected = "done", True, 1000, infected
            field.method = METHOD.model_dump(mode="json")
    page = see(browser, "/patients/P-1")
    assert "Infected cells were found on day 3." in page
    assert "5\u00a0%</td>" in page
    visits = browser.get("/api/v1/patients/1").json()
    assert [(one["day"], one["left"]) for one in visits["visits"]] == [(0, 1), (3, pytest.approx(0.05))]
    assert visits["clearance"] == {"clear_from": None, "found_on_watched_day": True}
    shown = see(browser, "/slides/1/details")
    assert 'name="age_years" type="text" value="0.5"' in shown
    assert '<option value="female" selected>' in shown
    assert "<dt>Age in years</dt><dd>0.5</dd>" in see(browser, "/slides/1")
    with store.reading() as session:
        kept = get_slide(session, 1)
    assert (kept.age_years, kept.sex, kept.visit_day) == (0.5, "female", 0)


@pytest.mark.parametrize(
    ("box", "text", "said"),
    [
        ("taken_on", "9999-12-31", "This day is yet to come."),
        ("age_years", "131", "Give an age in years"),
        ("age_years", "nan", "Give an age in years"),
        ("visit_day", "1.5", "Give the day of the follow-up"),
        ("visit_day", "-1", "Give the day of the follow-up"),
    ],
)
def test_a_wrong_day_or_age_is_said_beside_its_box(browser: TestClient, box: str, text: str, said: str) -> None:
    _, page = push(browser, "/slides", 422, **FORM | {box: text})
    assert said in page.partition(f'id="wrong-{box}"')[2].partition("</p>")[0]


def test_a_day_to_come_is_refused_to_programs(program: TestClient) -> None:
    answer = program.post("/api/v1/slides", json=SLIDE | {"taken_on": "9999-12-31"})
    assert (answer.status_code, answer.json()["error"]["reason"]) == (422, "day_to_come")
    slide = new_slide(program)
    assert program.put(f"/api/v1/slides/{slide}", json=SLIDE | {"taken_on": "9999-12-31"}).status_code == 422


# Photographs and slides


def test_a_photograph_is_moved_removed_and_put_back_on_the_pages(browser: TestClient) -> None:
    store = running(browser).store
    for code in ("S-1", "S-2"):
        push(browser, "/slides", **FORM | {"code": code})
    field = analysed(store, 1)
    assert f'href="/fields/{field}/move"' in see(browser, "/slides/1")
    assert '<option value="2">' in see(browser, f"/fields/{field}/move?patient=right")
    place, page = push(browser, f"/fields/{field}/move", slide=2)
    assert place == "/slides/2"
    assert FOUND.name in page
    assert FOUND.name in see(browser, "/slides/1/changes"), "what was moved away keeps its name there"
    assert "moved a photograph to another slide" in see(browser, "/slides/1/changes")
    push(browser, f"/fields/{field}/remove", 422, reason=" ")
    _, page = push(browser, f"/fields/{field}/remove", reason="of somebody else")
    assert "of somebody else" in page
    assert "Nothing is counted yet" in page
    assert "was removed from this slide" in see(browser, f"/fields/{field}", 409)
    _, page = push(browser, f"/fields/{field}/put-back")
    assert "of somebody else" not in page
    assert "Nothing is counted yet" not in page


def test_the_same_photograph_under_two_patients_is_warned_of(browser: TestClient) -> None:
    store = running(browser).store
    for patient in ("P-1", "P-2"):
        push(browser, "/slides", **FORM | {"patient": patient})
    analysed(store, 1, OTHER_IMAGE, OTHER_FOUND)
    picture = encode_png(OTHER_IMAGE)
    kept = send(browser, 2, picture).json()
    assert [(one["slide_id"], one["patient"], one["other_patient"]) for one in kept["copies"]] == [(1, "P-1", True)]
    for slide, other in ((1, "P-2"), (2, "P-1")):
        page = see(browser, f"/slides/{slide}")
        assert "The same photograph is on slide" in page
        assert f"of patient \u2068{other}\u2069" in page
        assert len(browser.get(f"/api/v1/slides/{slide}").json()["copies"]) == 1


def test_a_slide_is_deleted_with_a_reason_and_put_back_on_the_pages(browser: TestClient) -> None:
    push(browser, "/slides", **FORM)
    assert 'action="/slides/1/delete"' in see(browser, "/slides/1/details")
    push(browser, "/slides/1/delete", 422, reason=" ")
    place, page = push(browser, "/slides/1/delete", reason="made twice")
    assert place == "/deleted-slides"
    assert "made twice" in page
    see(browser, "/slides/1", 404)
    assert [one["delete_reason"] for one in browser.get("/api/v1/deleted-slides").json()] == ["made twice"]
    place, _ = push(browser, "/slides/1/put-back")
    assert place == "/slides/1"
    assert "deleted the slide" in see(browser, "/slides/1/changes")
    assert "No slide is deleted" in see(browser, "/deleted-slides")


def test_deleted_slides_are_erased_by_page_by_program_and_by_themselves(
    browser: TestClient, program: TestClient, tmp_path: Path
) -> None:
    for code in ("S-1", "S-2", "S-3"):
        slide = new_slide(program, code=code)
        program.post(f"/api/v1/slides/{slide}/delete", json={"reason": "wrong film"})
        if code == "S-1":
            push(browser, "/deleted-slides/erase", days="1")
            assert "S-1" in see(browser, "/deleted-slides")
            push(browser, "/deleted-slides/erase", days="0")
            assert "No slide is deleted" in see(browser, "/deleted-slides")
        elif code == "S-2":
            assert program.post("/api/v1/deleted-slides/erase", json={"days": -1}).status_code == 422
            erased = program.post("/api/v1/deleted-slides/erase", json={"days": 0}).json()
            assert erased == {"slides": 1, "photographs": 0}
    assert [one["code"] for one in program.get("/api/v1/deleted-slides").json()] == ["S-3"]
    with workstation(tmp_path, erase_after_days=0) as later:
        ends = time.monotonic() + PATIENCE
        while later.get("/api/v1/deleted-slides").json() and time.monotonic() < ends:
            time.sleep(0.02)
        assert later.get("/api/v1/deleted-slides").json() == []
        later.post("/welcome")
        assert "Slides are erased by themselves" in later.get("/deleted-slides", headers={"accept": "text/html"}).text


def test_what_changes_patients_and_photographs_asks_for_a_role_and_the_workstations_own_page(tmp_path: Path) -> None:
    changes = {
        "technician": ("/fields/1/move", "/fields/1/remove", "/fields/1/put-back", "/patients/1/merge",
                       "/patients/1/part", "/patients/1/keep-apart"),
        "admin": ("/slides/1/delete", "/slides/1/put-back", "/deleted-slides/erase"),
    }  # fmt: skip
    below = {"technician": "Reader", "admin": "Technician"}
    with workstation(tmp_path, host="0.0.0.0") as client:
        for name, role in ROLES.items():
            add_account(client, name, role)
        tokens = {name: log_in(client, name) for name in ROLES}
        admin = tokens["Admin"]
        assert client.post("/api/v1/slides", json=SLIDE, headers=admin).status_code == 201
        assert client.get("/api/v1/deleted-slides", headers=tokens["Technician"]).status_code == 403
        assert client.get("/api/v1/patients").status_code == 401
        for least, paths in changes.items():
            for path in paths:
                body = {"reason": "x", "patient": "x", "slide": 1, "days": 90}
                wanted = {name: body[name] for name in _wants(path)}
                refused = client.post(f"/api/v1{path}", json=wanted or None, headers=tokens[below[least]])
                assert (refused.status_code, refused.json()["error"]["code"]) == (403, "role"), path
                del client.headers[CLIENT_HEADER]
                for address in (path, f"/api/v1{path}"):
                    session = admin["Authorization"].removeprefix("Bearer ")
                    sent = {"origin": "http://evil.example", "cookie": f"{SESSION_COOKIE}={session}"}
                    foreign = client.post(address, headers=sent)
                    assert foreign.status_code == 403, address
                client.headers[CLIENT_HEADER] = "tests"


def _wants(path: str) -> tuple[str, ...]:
    last = path.rpartition("/")[2]
    if last in ("merge", "part", "keep-apart"):
        return ("patient",)
    return {"move": ("slide",), "remove": ("reason",), "delete": ("reason",), "erase": ("days",)}.get(last, ())


# Scanning


def test_a_scanned_code_leads_to_the_slide_the_patient_or_a_new_slide(browser: TestClient) -> None:
    for patient, code in (("P-1", "S-1"), ("P-2", "S-2"), ("P-3", "S-2")):
        push(browser, "/slides", **FORM | {"patient": patient, "code": code})
    leads = {"s-1": "/slides/1", "S-1\x1d": "/slides/1", "p-2": "/patients/P-2", "": "/", "S-2": "/"}
    for scanned, place in leads.items():
        assert browser.get("/find", params={"code": scanned}).url.path == place, scanned
    page = see(browser, "/find?code=X-9", 404)
    assert 'href="/slides/new?code=X-9"' in page
    assert 'value="X-9"' in see(browser, "/slides/new?code=X-9")
    assert 'id="scanned" name="code" value="" dir="auto" autocomplete="off" maxlength="200" autofocus' in see(
        browser, "/"
    )
