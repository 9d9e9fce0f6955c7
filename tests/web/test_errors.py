"""What programs are told of an error: a code and a reason that stay, English, and the language that they ask for."""

import html
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException

from plasmoscope.errors import PlasmoscopeError
from plasmoscope.i18n.error_sentences import ERRORS
from plasmoscope.i18n.languages import ENGLISH, LANGUAGES
from plasmoscope.imaging.reading import ImageError
from plasmoscope.messages import message
from plasmoscope.reports.output import OutputError
from plasmoscope.store import audit, fields
from plasmoscope.store.errors import ConflictError, NotFoundError, StoreError, TakenError
from plasmoscope.web.dependencies import Workstation
from plasmoscope.web.errors import CODES, WebError, as_web_error
from plasmoscope.web.settings import MAX_CELLS
from workstation import SLIDE, add_account, log_in, new_slide, workstation

HTTP_PAGE = Path(__file__).parents[2] / "docs/http.md"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with workstation(tmp_path_factory.mktemp("records")) as client:
        yield client


def error_of(answer: Any) -> dict[str, Any]:
    error: dict[str, Any] = answer.json()["error"]
    return error


JSON = {"content-type": "application/json"}
FAULTS = [
    ("GET", "/slides/999", {}, 404, "not_found", "no_slide", {"slide": "999"}),
    ("GET", "/fields/999", {}, 404, "not_found", "no_field", {"field": "999"}),
    ("GET", "/nothing", {}, 404, "not_found", "no_such_address", {}),
    ("PATCH", "/slides", {}, 405, "method", "no_such_method", {}),
    ("GET", "/performance", {}, 404, "not_found", "not_measured", None),
    ("POST", "/profiles/ours/undo", {}, 404, "not_found", "no_profile", {"profile": "ours"}),
    ("POST", "/profiles", {"json": {"name": "a b"}}, 422, "invalid", "profile_name", {"name": "a b"}),
    ("POST", "/slides", {"json": {}}, 422, "invalid", "value_missing", {"place": "patient"}),
    ("POST", "/slides", {"content": b"{", "headers": JSON}, 422, "invalid", "no_json", None),
    ("POST", "/slides", {"json": SLIDE | {"ward": 1}}, 422, "invalid", "value_unknown", {"place": "ward"}),
    ("POST", "/slides", {"json": SLIDE | {"code": 1}}, 422, "invalid", "value_no_text", {"place": "code"}),
    (
        "POST", "/slides", {"json": SLIDE | {"code": ""}}, 422, "invalid", "value_too_short",
        {"place": "code", "least": 1},
    ),
    ("POST", "/slides", {"json": SLIDE | {"code": " "}}, 422, "invalid", "slide_code_missing", {}),
    ("POST", "/slides", {"json": SLIDE | {"taken_on": "May"}}, 422, "invalid", "value_no_date", {"place": "taken_on"}),
    (
        "POST", "/slides", {"json": SLIDE | {"site": "x" * 201}}, 422, "invalid", "value_too_long",
        {"place": "site", "most": 200},
    ),
    (
        "POST", "/slides", {"json": SLIDE | {"haematocrit_percent": 90}}, 422, "invalid", "value_too_large",
        {"place": "haematocrit_percent", "most": 75},
    ),
    ("GET", "/slides?limit=x", {}, 422, "invalid", "value_not_whole", {"place": "limit"}),
    ("GET", "/slides?limit=0", {}, 422, "invalid", "value_too_small", {"place": "limit", "least": 1}),
    ("GET", "/slides?status=lost", {}, 422, "invalid", "value_none_of", None),
    ("GET", "/fields/1/cells/1/picture?heat=much", {}, 422, "invalid", "value_not_true_or_false", {"place": "heat"}),
    (
        "POST", "/cells", {"files": [("files", ("a.png", b""))] * (MAX_CELLS + 1)}, 413, "too_large", "too_many_cells",
        {"most": MAX_CELLS},
    ),
    ("POST", "/analyze", {"files": {"file": ("a.png", b"")}}, 422, "unusable_image", "empty_file", {}),
    ("POST", "/accounts", {"json": {"name": "Ada", "password": "short", "role": "reader"}}, 422, "invalid",
     "password_length", {"least": 10, "most": 200}),
    ("POST", "/cells", {"content": b"--", "headers": {"content-type": "multipart/form-data"}}, 400, "refused",
     "request_unreadable", None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "path", "sent", "status", "code", "reason", "values"),
    FAULTS,
    ids=[f"{row[1]}-{row[5]}" for row in FAULTS],
)
def test_each_refusal_has_a_code_a_reason_with_its_values_and_english(
    client: TestClient, method: str, path: str, sent: dict[str, Any], status: int, code: str, reason: str,
    values: dict[str, Any] | None,
) -> None:  # fmt: skip
    answer = client.request(method, f"/api/v1{path}", **sent)
    error = error_of(answer)
    assert (answer.status_code, error["code"], error["reason"]) == (status, code, reason)
    if values is not None:
        assert error["values"] == values
    assert (error["language"], error["translation"]) == ("en", error["message"])
    assert list(error)[:2] == ["code", "message"], "where programs of earlier versions look"


def test_an_error_is_told_in_the_language_that_is_asked_for(client: TestClient) -> None:
    slide = new_slide(client, code="S-9")
    sign = f"/api/v1/slides/{slide}/sign"
    english = error_of(client.post(sign, json={"version": 1}))
    assert english["message"] == "Slide S-9 has no analysed photograph; there is nothing to sign."
    for code in LANGUAGES:
        told = error_of(client.post(sign, json={"version": 1}, headers={"accept-language": f"{code}-XX,en;q=0.1"}))
        assert (told["language"], told["message"]) == (code, english["message"])
        assert (told["translation"] == english["message"]) == (code == ENGLISH.code)
        assert "S-9" in told["translation"]
    assert error_of(client.post(sign, json={"version": 1}, headers={"accept-language": "de"})) == english
    chosen = {"accept-language": "fr", "cookie": "language=ja"}
    assert error_of(client.post(sign, json={"version": 1}, headers=chosen))["language"] == "ja", "picked on a page"


def test_what_a_sentence_names_is_translated_too_where_it_is_a_sentence(tmp_path: Path) -> None:
    with workstation(tmp_path, host="0.0.0.0") as shared:
        add_account(shared, "Rita", "reader")
        headers = {"accept-language": "fr"}
        assert error_of(shared.get("/api/v1/slides", headers=headers))["reason"] == "log_in_first"
        wrong = shared.post("/api/v1/login", json={"name": "Rita", "password": "?"}, headers=headers)
        assert (wrong.status_code, error_of(wrong)["reason"]) == (401, "wrong_login")
        refused = error_of(shared.post("/api/v1/slides", json=SLIDE, headers=headers | log_in(shared, "Rita")))
    assert refused["message"] == "This takes the role Technician; you are logged in as Reader."
    assert refused["values"]["needed"] == {"code": "role_technician", "values": {}}
    assert "Technicien" in refused["translation"]


def test_a_conflict_and_a_second_slide_say_which(client: TestClient) -> None:
    new_slide(client, code="S-2")
    again = error_of(client.post("/api/v1/slides", json=SLIDE | {"code": "S-2"}))
    assert (again["code"], again["reason"]) == ("conflict", "slide_taken")
    assert again["values"] == {"patient": SLIDE["patient"], "slide": "S-2"}


def test_a_page_shows_the_error_in_the_readers_language(client: TestClient) -> None:
    headers = {"accept": "text/html", "accept-language": "fr", "cookie": "welcome=accepted"}
    page = client.get("/slides/999", headers=headers)
    assert page.status_code == 404
    assert "Il n&#39;y a pas de lame numéro" in page.text
    assert "There is no slide" not in page.text


def test_why_an_analysis_failed_is_kept_as_code_and_values_and_told_in_the_readers_language(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    slide = new_slide(client, code="S-7")
    records = workstation_of_client(client).store
    numbers = {}
    with records.session() as session:
        for name in ("new.png", "old.png"):
            field = fields.add_field(session, records.images, "ada", slide, name, name.encode())
            field.status = "analysing"
            session.flush()
            numbers[name] = field.id
            fields.fail(session, field.id, message("damaged_image", detail="cut"))
    with records.reading() as session:
        (entry,) = audit.entries(session, f"slide/{slide}/field/{numbers['new.png']}", 0, 1)
    english = "the image is damaged or cut short (cut); copy or export it again"
    assert entry.detail["error"] == english
    assert entry.detail["said"] == {"code": "damaged_image", "values": {"detail": "cut"}}
    assert client.get(f"/api/v1/fields/{numbers['new.png']}").json()["error"] == english
    headers = {"accept": "text/html", "accept-language": "fr", "cookie": "welcome=accepted"}
    for page in ("", "/changes"):
        text = html.unescape(client.get(f"/slides/{slide}{page}", headers=headers).text)
        text = re.sub(r'data-state="[^"]*"', "", text)
        assert text.count("l'image est endommagée ou tronquée") == 2
        assert english not in text
    # An earlier version kept the sentence alone.
    monkeypatch.setattr(audit, "said", lambda entry: None)
    for page in ("", "/changes"):
        assert english in html.unescape(client.get(f"/slides/{slide}{page}", headers=headers).text)


def workstation_of_client(client: TestClient) -> Workstation:
    app: Any = client.app
    put_together: Workstation = app.state.workstation
    return put_together


def test_what_nobody_foresaw_is_answered_with_a_code_too(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("plasmoscope.store.slides.get_slide", broken)
    answer = TestClient(client.app, "http://127.0.0.1:8000", raise_server_exceptions=False).get("/api/v1/slides/1")
    error = error_of(answer)
    assert (answer.status_code, error["code"], error["reason"]) == (500, "failed", "workstation_failed")
    assert error["values"] == {"detail": "ZeroDivisionError"}


@pytest.mark.parametrize(
    ("error", "status", "code", "reason"),
    [
        (NotFoundError("no_slide", slide="1"), 404, "not_found", "no_slide"),
        (TakenError("slide_taken", patient="P", slide="S"), 409, "conflict", "slide_taken"),
        (ConflictError("slide_open", slide="S"), 409, "conflict", "slide_open"),
        (ImageError("empty_file"), 422, "unusable_image", "empty_file"),
        (StoreError("reason_missing"), 422, "invalid", "reason_missing"),
        (OutputError("The folder is full"), 507, "no_room", "nothing_kept"),
        (OSError(28, "No space left on device"), 507, "no_room", "nothing_kept"),
        (OperationalError("SELECT", {}, Exception()), 503, "database", "records_away"),
        (HTTPException(413, "long"), 413, "too_large", "request_refused"),
        (HTTPException(418, "tea"), 418, "refused", "request_refused"),
        (PlasmoscopeError("The model is missing."), 500, "failed", "workstation_failed"),
        (RuntimeError(), 500, "failed", "workstation_failed"),
        (WebError(429, "busy", "queue_full", photographs=3), 429, "busy", "queue_full"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_every_kind_of_error_has_its_answer(error: Exception, status: int, code: str, reason: str) -> None:
    answer = as_web_error(error)
    assert (answer.status, answer.code, answer.message.code) == (status, code, reason)
    assert str(answer)


def test_the_interface_document_describes_an_error(client: TestClient) -> None:
    document = client.get("/api/v1/openapi.json").json()
    described = document["components"]["schemas"]["ErrorBody"]["properties"]
    assert set(described) == {"code", "message", "reason", "values", "language", "translation"}
    assert described["code"]["examples"] == sorted(CODES)
    assert described["reason"]["examples"] == sorted(ERRORS)


def test_the_documentation_lists_every_code_and_reason() -> None:
    text = HTTP_PAGE.read_text("utf-8")
    listed = re.search(r"<!-- codes -->\n(.*)<!-- end of codes -->", text, re.DOTALL)
    assert listed is not None
    assert listed[1] == documented(), "put into docs/http.md what `python tests/web/test_errors.py` prints"


def documented() -> str:
    codes = [f"| `{code}` | {status} | {advice} |" for code, (status, advice) in CODES.items()]
    reasons = [f"| `{reason}` | {_in_table(sentence)} |" for reason, sentence in ERRORS.items()]
    first, second = "| code | status | what to do |\n| --- | --- | --- |", "| reason | sentence |\n| --- | --- |"
    return "\n".join([first, *codes, "", second, *reasons, ""])


def _in_table(sentence: str) -> str:
    return re.sub(r"%\((\w+)\)s", r"*\1*", sentence).replace("%%", "%")


if __name__ == "__main__":
    sys.stdout.write(documented())
