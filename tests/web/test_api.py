import csv
import io
import json
import re
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx2
import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from sqlalchemy.exc import OperationalError

from pixel_bombs import pixel_bomb
from plasmoscope import Classifier
from plasmoscope.analysis.results import Field, Slide
from plasmoscope.i18n.words import without_marks
from plasmoscope.imaging.reading import read_image
from plasmoscope.reports.illustrations import encode_png
from plasmoscope.store import fields
from plasmoscope.synthetic.rendering import SyntheticField, render_field
from plasmoscope.web.file_names import disposition
from workstation import PASSWORD, add_account, log_in, new_slide, running, upload, when_analysed, workstation


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with workstation(tmp_path_factory.mktemp("records")) as client:
        yield client


@pytest.fixture(scope="module")
def truth() -> SyntheticField:
    return render_field(21, width=960, height=720, cells=60, parasitaemia=0.2)


@pytest.fixture(scope="module")
def photograph(truth: SyntheticField) -> bytes:
    return encode_png(truth.image)


@pytest.fixture(scope="module")
def analysed(client: TestClient, photograph: bytes) -> int:
    """A slide with one analysed photograph."""
    slide = new_slide(client, code="analysed")
    assert upload(client, slide, photograph).status_code == 201
    when_analysed(client, slide)
    return slide


def code_of(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_an_uploaded_photograph_is_analysed_and_counted(
    client: TestClient, analysed: int, truth: SyntheticField
) -> None:
    shown = client.get(f"/api/v1/slides/{analysed}").json()
    whole = [cell for cell in truth.cells if cell.whole]
    assert abs(shown["counted"] - len(whole)) <= 2
    assert abs(shown["infected"] - sum(cell.infected for cell in whole)) <= 2
    assert shown["count"]["parasitaemia"]["low"] < 100 * shown["infected"] / shown["counted"]
    field = client.get(f"/api/v1/fields/{shown['fields'][0]['id']}").json()
    assert field["found"]["cells"][0]["outline"]


def test_the_same_photograph_twice_is_kept_once(client: TestClient, analysed: int, photograph: bytes) -> None:
    before = client.get(f"/api/v1/slides/{analysed}").json()
    again = upload(client, analysed, photograph, "another name.png")
    assert again.status_code == 201
    assert again.json()["id"] == before["fields"][0]["id"]
    assert client.get(f"/api/v1/slides/{analysed}").json()["counted"] == before["counted"]


def test_a_photograph_of_a_place_shown_before_is_named_and_counts_when_asked(
    client: TestClient, photograph: bytes
) -> None:
    slide = new_slide(client, code="repeated")
    upload(client, slide, photograph)
    brighter = np.clip(read_image(photograph).astype(int) + 4, 0, 255).astype(np.uint8)
    upload(client, slide, encode_png(brighter), "again.png")
    before = when_analysed(client, slide)
    first, again = before["fields"]
    assert (again["duplicate_of_id"], again["in_count"], again["count_repeat"]) == (first["id"], False, False)
    counted = client.post(f"/api/v1/fields/{again['id']}/count-repeat").json()
    assert (counted["duplicate_of_id"], counted["in_count"], counted["count_repeat"]) == (first["id"], True, True)
    assert client.get(f"/api/v1/slides/{slide}").json()["counted"] > before["counted"]
    assert code_of(client.post(f"/api/v1/fields/{first['id']}/count-repeat")) == (409, "conflict")
    rows = list(csv.DictReader(io.StringIO(client.get(f"/api/v1/slides/{slide}/files/fields.csv").text)))
    assert rows[1]["same_place_as"] == first["name"]


def test_a_persons_call_changes_the_count_and_the_report(client: TestClient, photograph: bytes) -> None:
    slide = new_slide(client, code="corrected")
    upload(client, slide, photograph)
    before = when_analysed(client, slide)
    field = before["fields"][0]["id"]
    cells = client.get(f"/api/v1/fields/{field}").json()["found"]["cells"]
    infected = next(cell["number"] for cell in cells if cell["parasitized"] and not cell["on_border"])
    url = f"/api/v1/fields/{field}/cells/{infected}"
    made = client.post(f"{url}/call", json={"call": "uninfected"})
    assert made.status_code == 201
    assert made.json()["model_call"] == "infected"
    after = client.get(f"/api/v1/slides/{slide}").json()
    assert (after["infected"], after["counted"]) == (before["infected"] - 1, before["counted"])
    assert client.post(f"{url}/call", json={"call": "not_a_cell"}).status_code == 201
    after = client.get(f"/api/v1/slides/{slide}").json()
    assert after["counted"] == before["counted"] - 1
    report = Slide.model_validate_json(client.get(f"/api/v1/slides/{slide}/files/slide.json").content)
    assert report.count.counted == after["counted"]
    assert [entry["action"] for entry in client.get(f"/api/v1/slides/{slide}/audit").json()][:2] == ["call", "call"]


@pytest.mark.parametrize(("former", "now"), [("not infected", "uninfected"), ("not a cell", "not_a_cell")])
def test_a_call_by_its_former_name_is_kept_by_todays(client: TestClient, analysed: int, former: str, now: str) -> None:
    field = client.get(f"/api/v1/slides/{analysed}").json()["fields"][0]["id"]
    url = f"/api/v1/fields/{field}/cells/1/call"
    made = client.post(url, json={"call": former})
    assert made.json()["call"] == now
    assert client.post(url, json={"call": "program"}).status_code == 201


def test_a_cell_is_shown_with_what_its_call_rests_on(client: TestClient, analysed: int) -> None:
    field = client.get(f"/api/v1/slides/{analysed}").json()["fields"][0]["id"]
    cells = client.get(f"/api/v1/fields/{field}").json()["found"]["cells"]
    infected = next(cell["number"] for cell in cells if cell["parasitized"])
    healthy = next(cell["number"] for cell in cells if cell["parasitized"] is False)
    plain = client.get(f"/api/v1/fields/{field}/cells/{infected}/picture")
    heat = client.get(f"/api/v1/fields/{field}/cells/{infected}/picture?heat=1")
    assert read_image(plain.content).shape[2] == read_image(heat.content).shape[2] == 3
    assert plain.content != heat.content
    nothing = client.get(f"/api/v1/fields/{field}/cells/{healthy}/picture?heat=1")
    assert code_of(nothing) == (404, "not_found")
    assert "No one place" in nothing.json()["error"]["message"]
    assert code_of(client.get(f"/api/v1/fields/{field}/cells/9999/picture")) == (404, "not_found")


def test_a_signed_slide_changes_no_more_until_it_is_reopened(client: TestClient, photograph: bytes) -> None:
    slide = new_slide(client, code="signed")
    upload(client, slide, photograph)
    shown = when_analysed(client, slide)
    field = shown["fields"][0]["id"]
    assert code_of(client.post(f"/api/v1/slides/{slide}/sign", json={"version": 1})) == (409, "conflict")
    version = client.get(f"/api/v1/slides/{slide}").json()["version"]
    assert (
        client.post(f"/api/v1/slides/{slide}/sign", json={"version": version, "confirm": True}).json()["status"]
        == "signed"
    )
    refused = client.post(f"/api/v1/fields/{field}/reject", json={"reason": "blurred"})
    assert code_of(refused) == (409, "conflict")
    assert code_of(upload(client, slide, photograph)) == (409, "conflict")
    assert code_of(client.post(f"/api/v1/slides/{slide}/reopen", json={"reason": " "})) == (422, "invalid")
    assert client.post(f"/api/v1/slides/{slide}/reopen", json={"reason": "wrong slide"}).json()["status"] == "open"
    assert client.post(f"/api/v1/fields/{field}/reject", json={"reason": "blurred"}).json()["rejected"]
    assert client.get(f"/api/v1/slides/{slide}").json()["counted"] == 0


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("report.pdf", b"%PDF"),
        ("report.html", b"<!doctype html>"),
        ("slide.json", b"{"),
        ("cells.csv", b"\xef\xbb\xbffield"),
        ("fields.csv", b"\xef\xbb\xbffield"),
        ("coco.json", b"{"),
        ("qupath.zip", b"PK"),
        ("fiji.zip", b"PK"),
        ("pictures.zip", b"PK"),
    ],
)
def test_every_file_of_a_slide_can_be_fetched(client: TestClient, analysed: int, name: str, start: bytes) -> None:
    answer = client.get(f"/api/v1/slides/{analysed}/files/{name}")
    assert answer.status_code == 200
    assert answer.content.lower().startswith(start.lower())
    if name.endswith(".zip"):
        archive = zipfile.ZipFile(io.BytesIO(answer.content))
        assert archive.testzip() is None
        # Unpacked beside another slide's, it replaces nothing.
        assert all(file.startswith(f"{name.removesuffix('.zip')}-P-1-analysed/") for file in archive.namelist())


def test_the_report_tells_whether_who_and_when_somebody_signed(client: TestClient, photograph: bytes) -> None:
    slide = new_slide(client, code="told", site="Kumasi", microscopist="Kofi")
    upload(client, slide, photograph)
    version = when_analysed(client, slide)["version"]
    url = f"/api/v1/slides/{slide}"
    draft = Slide.model_validate_json(client.get(f"{url}/files/slide.json").content)
    assert (draft.status, draft.signed_by, draft.signed_at) == ("open", None, None)
    assert (draft.taken_on.isoformat(), draft.site, draft.preparer, draft.microscopist) == (
        "2026-03-01", "Kumasi", "", "Kofi",
    )  # fmt: skip
    assert "Not signed" in client.get(f"{url}/files/report.html").text
    record = client.post(f"{url}/sign", json={"version": version, "confirm": True}).json()
    signed = Slide.model_validate_json(client.get(f"{url}/files/slide.json").content)
    assert (signed.status, signed.signed_by) == ("signed", "local user")
    assert signed.signed_at.isoformat().replace("+00:00", "Z") == record["signed_at"]
    assert "Signed by local user on " in without_marks(client.get(f"{url}/files/report.html").text)


def test_a_file_is_named_after_its_patient_and_slide(client: TestClient, analysed: int) -> None:
    for name, called in (("report.pdf", "report-P-1-analysed.pdf"), ("fiji.zip", "fiji-P-1-analysed.zip")):
        said = client.get(f"/api/v1/slides/{analysed}/files/{name}").headers["content-disposition"]
        assert said.endswith(f"; filename=\"{called}\"; filename*=UTF-8''{called}")


def test_no_code_makes_more_of_a_files_name_than_a_name() -> None:
    said = disposition("attachment", "report.pdf", '../a"b\\c\r\nd', "José \u202e" + "x" * 300)
    plain, whole = re.fullmatch(r"attachment; filename=\"(.+)\"; filename\*=UTF-8''(.+)", said).groups()
    assert plain == "report-.._a_b_c__d-Jos___" + "x" * 34 + ".pdf"
    assert unquote(whole) == plain.replace("Jos_", "José")


@pytest.mark.parametrize("name", ["passwd", "slide.json%00.pdf", "..%2Fslide.json", ".part"])
def test_a_download_has_one_of_its_names(client: TestClient, analysed: int, name: str) -> None:
    assert code_of(client.get(f"/api/v1/slides/{analysed}/files/{name}")) == (404, "not_found")


def bad_files(good: bytes) -> dict[str, bytes]:
    return {
        "truncated.png": good[: len(good) // 2],
        "empty.png": b"",
        "text.png": b"not a picture",
        "bomb.png": pixel_bomb(30_000),
        "large.png": pixel_bomb(9_000),
        "page.html": b"<html><script>alert(1)</script></html>",
        "picture.svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    }


def test_bad_photographs_are_refused_by_reason_and_leave_nothing(client: TestClient, photograph: bytes) -> None:
    slide = new_slide(client, code="bad files")
    for name, data in bad_files(photograph).items():
        refused = upload(client, slide, data, name)
        assert code_of(refused) == (422, "unusable_image"), name
        if name in {"bomb.png", "large.png"}:
            assert "million" in refused.json()["error"]["message"]
    assert client.get(f"/api/v1/slides/{slide}").json()["fields"] == []


def test_unusual_photographs_are_taken(client: TestClient, truth: SyntheticField) -> None:
    slide = new_slide(client, code="unusual files")
    picture = Image.fromarray(truth.image)
    cmyk, grey, arabic = io.BytesIO(), io.BytesIO(), io.BytesIO()
    picture.convert("CMYK").save(cmyk, "JPEG")
    Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257).save(grey, "TIFF")
    picture.transpose(Image.Transpose.ROTATE_90).save(arabic, "PNG")
    for name, stream in {"cmyk.jpg": cmyk, "grey.tif": grey, "../../شريحة.png": arabic}.items():
        assert upload(client, slide, stream.getvalue(), name).status_code == 201, name
    shown = when_analysed(client, slide)
    assert [field["status"] for field in shown["fields"]] == ["done"] * 3


def test_single_cells_are_called_and_broken_ones_named(
    client: TestClient, rendered_cells: list[tuple[np.ndarray, bool]], photograph: bytes
) -> None:
    good = [("files", (f"{infected}.png", encode_png(cell))) for cell, infected in rendered_cells[:6]]
    bad = [("files", (name, data)) for name, data in bad_files(photograph).items()]
    answer = client.post("/api/v1/classify", files=[*good, *bad, ("files", ("field.jpg", photograph))])
    assert answer.status_code == 200
    cells = answer.json()["cells"]
    assert [cell["call"] for cell in cells[:6]] == [
        "infected" if infected else "uninfected" for _, infected in rendered_cells[:6]
    ]
    assert all(cell["error"] and cell["call"] is None for cell in cells[6:-1])
    assert ["analyze" in (cell["remark"] or "") for cell in cells] == [False] * (len(cells) - 1) + [True]


def test_the_document_of_the_interface_says_what_each_value_of_an_answer_means(client: TestClient) -> None:
    document = client.get("/api/v1/openapi.json").json()
    answer = document["components"]["schemas"]["CellCall"]["properties"]
    assert "a single cell brings no slide" in " ".join(answer["reference"]["description"].split())
    operation = " ".join(document["paths"]["/api/v1/classify"]["post"]["description"].split())
    assert "as if it were stained and lit like the slides that the model learnt from" in operation


def test_the_former_address_of_cells_answers_with_former_names_and_says_so(
    client: TestClient, rendered_cells: list[tuple[np.ndarray, bool]]
) -> None:
    files = [("files", (f"{infected}.png", encode_png(cell))) for cell, infected in rendered_cells[:4]]
    files.append(("files", ("empty.png", b"")))
    now = client.post("/api/v1/classify", files=files)
    former = client.post("/api/v1/cells", files=files)
    assert former.headers["Deprecation"]
    assert '/api/v1/classify>; rel="successor-version"' in former.headers["Link"]
    assert "Deprecation" not in now.headers
    cells = former.json()["cells"]
    assert [cell["call"] for cell in cells] == [
        *("Parasitized" if infected else "Uninfected" for _, infected in rendered_cells[:4]),
        None,
    ]
    # All else is as it was, and as it is.
    names = {
        "name",
        "file",
        "probability",
        "error",
        "remark",
        "probability_alone",
        "not_a_cell_probability",
        "reference",
    }
    assert all(set(cell) == names | {"call"} for cell in cells)
    assert [{name: cell[name] for name in names} for cell in cells] == [
        {name: cell[name] for name in names} for cell in now.json()["cells"]
    ]
    assert {**former.json(), "cells": []} == {**now.json(), "cells": []}


def test_cells_sent_together_may_be_judged_as_one_smear(
    client: TestClient, classifier: Classifier, rendered_cells: list[tuple[np.ndarray, bool]]
) -> None:
    cells = [cell for cell, infected in rendered_cells if not infected][:20]
    files = [("files", ("cell.png", encode_png(cell))) for cell in cells]
    files.insert(3, ("files", ("empty.png", b"")))
    answers = client.post("/api/v1/classify", params={"one_smear": True}, files=files).json()["cells"]
    assert answers[3]["error"]
    told = [answer["probability"] for answer in answers if not answer["error"]]
    assert told == pytest.approx(classifier.predict(cells, smears=["A"] * 20), abs=1e-4)
    alone = [answer["probability_alone"] for answer in answers if not answer["error"]]
    assert alone == pytest.approx(classifier.predict(cells), abs=1e-4)
    assert sum(told) < sum(alone)


def test_a_full_line_says_when_to_come_back(tmp_path: Path, photograph: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fields, "take_waiting", lambda session: None)
    with workstation(tmp_path, longest_queue=1) as client:
        slide = new_slide(client)
        assert upload(client, slide, photograph).status_code == 201
        refused = upload(client, slide, encode_png(render_field(5, 480, 360, cells=12).image))
        assert code_of(refused) == (429, "busy")
        assert int(refused.headers["retry-after"]) > 0
        assert "plasmoscope_fields_waiting 1.0" in client.get("/metrics").text


def test_a_photograph_is_analysed_without_being_kept(
    client: TestClient, truth: SyntheticField, photograph: bytes
) -> None:
    before = client.get("/api/v1/slides").json()["total"]
    answer = client.post("/api/v1/analyze", files={"file": ("field.png", photograph)})
    found = Field.model_validate(answer.json())
    assert abs(found.counted - sum(cell.whole for cell in truth.cells)) <= 2
    assert client.get("/api/v1/slides").json()["total"] == before
    assert code_of(client.post("/api/v1/analyze", files={"file": ("a.png", b"")})) == (422, "unusable_image")


def test_no_more_photographs_are_analysed_at_once_than_there_are_workers(client: TestClient, photograph: bytes) -> None:
    with running(client).analysing_alone:
        refused = client.post("/api/v1/analyze", files={"file": ("field.png", photograph)})
    assert code_of(refused) == (429, "busy")
    assert "retry-after" in refused.headers


def test_the_line_tells_how_many_are_ahead(
    tmp_path: Path, photograph: bytes, rendered_png: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fields, "take_waiting", lambda session: None)
    with workstation(tmp_path) as client:
        slide = new_slide(client)
        sent = [upload(client, slide, data).json()["id"] for data in (photograph, rendered_png)]
        line = client.get("/api/v1/queue").json()
    assert [(job["field_id"], job["ahead"], job["status"]) for job in line] == [
        (sent[0], 0, "waiting"),
        (sent[1], 1, "waiting"),
    ]


def test_former_names_answer_alike_and_say_what_to_ask_instead(
    tmp_path: Path, photograph: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fields, "take_waiting", lambda session: None)
    with workstation(tmp_path) as client:
        slide = new_slide(client)
        field = f"/api/v1/fields/{upload(client, slide, photograph).json()['id']}"
        queue, jobs = client.get("/api/v1/queue"), client.get("/api/v1/jobs")
        assert jobs.json() == queue.json()
        assert "deprecation" not in queue.headers
        assert jobs.headers["deprecation"].startswith("@")
        assert jobs.headers["link"] == '</api/v1/queue>; rel="successor-version"'
        for former, name in (("take-back", "restore"), ("analyse-again", "requeue")):
            client.post(f"{field}/reject", json={"reason": "blurred"})
            client.post(f"{field}/cancel")
            answer = client.post(f"{field}/{former}")
            assert answer.status_code == 200, former
            assert answer.headers["link"] == f'<{field}/{name}>; rel="successor-version"'


def test_what_waited_at_the_end_is_analysed_after_the_next_start(
    tmp_path: Path, photograph: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as stopped:
        stopped.setattr(fields, "take_waiting", lambda session: None)
        with workstation(tmp_path) as client:
            slide = new_slide(client)
            upload(client, slide, photograph)
    with workstation(tmp_path) as client:
        assert when_analysed(client, slide)["counted"] > 0


def test_the_analysis_ends_with_the_workstation(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    with workstation(tmp_path) as client, TestClient(client.app):
        # Begun twice, as a tool that tests applications may do.
        assert len(_analysing() - before) == 2
    assert _analysing() <= before


def _analysing() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith("analysis-")}


def test_a_result_is_not_lost_to_a_database_that_is_away_for_a_moment(
    tmp_path: Path, rendered_png: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = [OperationalError("COMMIT", None, Exception("the server closed the connection"))] * 2
    finish = fields.finish

    def sometimes(*given: Any, **named: Any) -> bool:
        if away:
            raise away.pop()
        return finish(*given, **named)

    monkeypatch.setattr(fields, "finish", sometimes)
    monkeypatch.setattr("plasmoscope.web.analysis_queue.queue._TRY_AGAIN_SECONDS", 0.01)
    with workstation(tmp_path) as client:
        slide = new_slide(client)
        upload(client, slide, rendered_png)
        (field,) = when_analysed(client, slide)["fields"]
    assert not away
    assert (field["status"], field["error"]) == ("done", None)


def test_slides_are_found_again_page_by_page(client: TestClient) -> None:
    for number in range(3):
        new_slide(client, patient="searched", code=f"S-{number}", taken_on=f"2026-04-0{number + 1}")
    found = client.get("/api/v1/slides", params={"patient": "SEARCH", "limit": 2}).json()
    assert found["total"] == 3
    assert [slide["code"] for slide in found["slides"]] == ["S-2", "S-1"]
    rest = client.get("/api/v1/slides", params={"patient": "SEARCH", "limit": 2, "offset": 2}).json()
    assert [slide["code"] for slide in rest["slides"]] == ["S-0"]


@pytest.mark.parametrize(
    "changes",
    [{"patient": " "}, {"haematocrit_percent": 900}, {"red_cells_per_ul": -1}, {"taken_on": "yesterday"}, {"x": 1}],
)
def test_what_makes_no_slide_is_refused(client: TestClient, changes: dict[str, object]) -> None:
    answer = client.post("/api/v1/slides", json={"patient": "P", "code": "C", "taken_on": "2026-01-01"} | changes)
    assert code_of(answer) == (422, "invalid")


def test_numbers_beyond_any_record_are_no_failure(client: TestClient) -> None:
    for number in (0, 2**31, 10**30):
        assert client.get(f"/api/v1/slides/{number}").status_code in {404, 422}


def test_an_account_is_reset_deactivated_and_activated(tmp_path: Path) -> None:
    new = "another long password"
    with workstation(tmp_path, host="0.0.0.0") as client:
        add_account(client, "Amina", "admin")
        add_account(client, "Tom", "technician")
        admin, tom = log_in(client, "Amina"), log_in(client, "Tom")
        reset = client.post("/api/v1/accounts/2/password", json={"password": new}, headers=admin)
        as_it_is = {"id": 2, "name": "Tom", "login": "Tom", "role": "technician", "active": True, "sites": []}
        assert reset.json() == as_it_is
        assert client.get("/api/v1/slides", headers=tom).status_code == 401
        assert not client.post("/api/v1/accounts/2/deactivate", headers=admin).json()["active"]
        assert client.post("/api/v1/accounts/2/activate", headers=admin).json()["active"]
        token = client.post("/api/v1/login", json={"name": "Tom", "password": new}).json()["token"]
        tom = {"Authorization": f"Bearer {token}"}
        own = {"old_password": new, "password": PASSWORD}
        assert client.post("/api/v1/password", json=own, headers=tom).status_code == 204
        assert client.get("/api/v1/slides", headers=tom | log_in(client, "Tom")).status_code == 200
        assert code_of(client.post("/api/v1/accounts/1/deactivate", headers=admin)) == (409, "conflict")
        assert code_of(client.post("/api/v1/accounts/9/activate", headers=admin)) == (404, "not_found")


def test_without_accounts_there_is_no_password_of_ones_own(client: TestClient) -> None:
    own = {"old_password": PASSWORD, "password": "another long password"}
    assert code_of(client.post("/api/v1/password", json=own)) == (404, "not_found")


def test_the_document_of_the_interface_names_every_refusal(client: TestClient) -> None:
    document = client.get("/api/v1/openapi.json").json()
    answers = document["paths"]["/api/v1/slides/{slide_id}/fields"]["post"]["responses"]
    assert {"201", "409", "413", "422", "429"} <= set(answers)
    assert "Error" in json.dumps(answers["429"])
