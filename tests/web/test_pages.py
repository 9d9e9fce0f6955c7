"""The pages, as a browser without scripts uses them."""

import html
import re
from collections.abc import Iterator
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from analysed import FOUND, IMAGE, analysed
from plasmoscope.analysis.calls import INFECTED, NOT_TOLD, UNINFECTED
from plasmoscope.i18n.languages import LANGUAGES
from plasmoscope.reports import fonts
from plasmoscope.reports.illustrations import encode_png
from plasmoscope.store.fields import add_field, get_field
from plasmoscope.store.slides import SlideDetails, create_slide
from plasmoscope.synthetic.rendering import render_field
from plasmoscope.web import example_slide as example
from plasmoscope.web.pages.slide_form import SlideBoxes, read_form
from plasmoscope.web.security.cross_site import CLIENT_HEADER
from plasmoscope.web.security.identity import NAME_COOKIE
from workstation import PASSWORD, add_account, log_in, new_slide, running, when_analysed, workstation

STATIC = Path(__file__).parents[2] / "src/plasmoscope/web/static"
FORM: dict[str, Any] = {"patient": "Ama Mensah", "code": "A-17", "taken_on": "2026-03-01", "microscopist": "Kofi"}


class Browser:
    """A browser without scripts: it reads pages, and sends their forms."""

    def __init__(self, client: TestClient) -> None:
        self.client = client
        del client.headers[CLIENT_HEADER]
        client.headers |= {"accept": "text/html", "origin": "http://127.0.0.1:8000"}

    def see(self, path: str, status: int = 200) -> str:
        answer = self.client.get(path)
        assert answer.status_code == status, f"{path}: {answer.status_code} {answer.text[-600:]}"
        return answer.text

    def send(self, path: str, status: int = 200, **boxes: Any) -> str:
        """Send a form and follow to where it leads."""
        answer = self.client.post(path, data=boxes)
        self.at = answer.url.path
        assert answer.status_code == status, f"{path}: {answer.status_code} {answer.text[-600:]}"
        return answer.text

    def upload(self, slide: str, data: bytes) -> str:
        """Choose one photograph, and leave the box of the camera empty."""
        empty = (
            b'--x\r\nContent-Disposition: form-data; name="file"; filename=""\r\n'
            b"Content-Type: application/octet-stream\r\n\r\n\r\n"
        )
        chosen = empty.replace(b'filename=""', b'filename="field.png"').removesuffix(b"\r\n") + data + b"\r\n"
        headers = {"content-type": "multipart/form-data; boundary=x"}
        body = chosen + empty + b"--x--\r\n"
        answer = self.client.post(f"{slide}/photographs", content=body, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.text


class Page(HTMLParser):
    """What a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inline_scripts = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append((tag, found))
        if tag == "script":
            self.inline_scripts += "src" not in found and found.get("type") != "application/json"


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    """On its first start, and welcomed."""
    with workstation(tmp_path) as client:
        browser = Browser(client)
        browser.send("/welcome")
        yield browser


@pytest.fixture(scope="module")
def at_work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Browser, dict[str, str]]]:
    """A workstation with the example slide, and the paths of all of its pages."""
    with workstation(tmp_path_factory.mktemp("records")) as client:
        browser = Browser(client)
        browser.send("/welcome", example="yes")
        slide = browser.at
        fields = when_analysed(client, int(slide.rpartition("/")[2]))["fields"]
        field = f"/fields/{fields[0]['id']}"
        cells = client.get(f"/api/v1{field}").json()["found"]["cells"]
        cell = next(cell for cell in cells if cell["parasitized"] and not cell["on_border"])
        browser.send("/slides", **FORM)
        paths = {
            "home": "/",
            "nothing found": "/?patient=nobody",
            "new": "/slides/new",
            "slide": slide,
            "empty slide": browser.at,
            "details": f"{slide}/details",
            "review": f"{slide}/review",
            "cells of slide": f"{slide}/cells",
            "possibly infected": f"{slide}/possible",
            "undecided": f"{slide}/not-told",
            "changes": f"{slide}/changes",
            "field": field,
            "cell": f"{field}?cell={cell['number']}",
            "patient": "/patients/Example",
            "patients": "/patients",
            "moving a photograph": f"{field}/move",
            "deleted slides": "/deleted-slides",
            "single cells": "/cells",
            "welcome": "/welcome",
            "own figures": "/performance",
            "own stain": "/profiles",
            "accounts": "/accounts",
            "audit": "/audit",
            "password": "/password",
        }
        yield browser, paths


# First start


def test_the_first_start_leads_to_the_welcome_and_from_there_on(tmp_path: Path) -> None:
    with workstation(tmp_path) as client:
        browser = Browser(client)
        assert "I understand and accept this" in browser.see("/slides/new?patient=P-1")
        assert "New slide" in browser.send("/welcome", then="/slides/new?patient=P-1")
        assert 'value="P-1"' in browser.see("/slides/new?patient=P-1")


@pytest.mark.parametrize("foreign", ["https://evil.example/", "//evil.example/", "/\\evil.example", "evil"])
def test_the_welcome_leads_to_pages_of_this_workstation_only(browser: Browser, foreign: str) -> None:
    browser.send("/welcome", then=foreign)
    assert browser.at == "/"


def test_the_example_slide_is_made_once_and_analysed(at_work: tuple[Browser, dict[str, str]]) -> None:
    browser, paths = at_work
    slide = paths["slide"]
    shown = when_analysed(browser.client, int(slide.rpartition("/")[2]))
    assert [field["in_count"] for field in shown["fields"]] == [True, True, True]
    assert shown["infected"] > 0
    browser.send("/example")
    assert browser.at == slide


# Recording


def test_a_new_slide_is_recorded_under_the_microscopists_name(browser: Browser) -> None:
    assert "Nothing is counted yet" in browser.send("/slides", **FORM)
    browser.send("/slides", **FORM | {"code": "A-18", "haematocrit_percent": "38,5"})
    assert "38.5" in browser.see(browser.at)
    assert "Kofi" in browser.see(f"{browser.at}/changes")


@pytest.mark.parametrize(
    ("box", "text", "said"),
    [
        ("patient", " ", "Give the patient's ID."),
        ("taken_on", "yesterday", "Give the date"),
        ("haematocrit_percent", "420", "Give a haematocrit"),
        ("red_cells_per_ul", "many", "Give a count"),
        ("red_cells_per_ul", "120000.0", "Give a count"),
        ("red_cells_per_ul", "1.1e6", "Give a count"),
        ("site", "x" * 201, "This is too long"),
    ],
)
def test_what_is_wrong_stands_beside_its_box_and_nothing_is_lost(
    browser: Browser, box: str, text: str, said: str
) -> None:
    page = browser.send("/slides", 422, **FORM | {box: text})
    assert said in page.partition(f'id="wrong-{box}"')[2].partition("</p>")[0]
    assert 'value="Kofi"' in page


@pytest.mark.parametrize("text", ["4500000", "4,500,000", "4.500.000", "4 500 000", "4\u202f500\u202f000"])
def test_a_red_cell_count_is_read_however_thousands_are_set_apart(text: str) -> None:
    form = read_form(SlideBoxes(patient="P", code="S", taken_on="2026-03-01", red_cells_per_ul=text))
    assert form.details is not None
    assert form.details.red_cells_per_ul == 4_500_000


def test_a_slide_is_recorded_once(browser: Browser) -> None:
    browser.send("/slides", **FORM)
    refused = browser.send("/slides", 422, **FORM)
    assert "has a slide with this ID already" in refused
    assert '<input type="hidden" name="back" value="/slides/new">' in refused, "another language leads back to the form"


def test_words_used_before_are_offered_again(browser: Browser) -> None:
    browser.send("/slides", **FORM | {"site": "Kumasi"})
    assert '<option value="Kumasi">' in browser.see("/slides/new")


def test_details_are_changed(browser: Browser) -> None:
    browser.send("/slides", **FORM)
    slide = browser.at
    assert 'value="Ama Mensah"' in browser.see(f"{slide}/details")
    assert "Giemsa" in browser.send(f"{slide}/details", **FORM | {"stain": "Giemsa"})
    browser.send("/slides", **FORM | {"code": "S-2"})
    refused = browser.send(f"{slide}/details", 422, **FORM | {"code": "S-2", "site": "Kumasi"})
    assert "has a slide with this ID already" in refused
    assert 'value="Kumasi"' in refused


def test_a_second_click_on_the_example_leads_to_the_one_slide(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What it shows does not matter here, and takes its time: nothing.
    monkeypatch.setattr(example, "photographs", list)
    browser.send("/example")
    known, first = example.known_example, browser.at
    answers = [None]
    monkeypatch.setattr(example, "known_example", lambda store: answers.pop() if answers else known(store))
    browser.send("/example")
    assert browser.at == first


def test_where_no_photograph_could_be_analysed_there_is_nothing_to_sign_or_download(browser: Browser) -> None:
    browser.send("/slides", **FORM)
    with running(browser.client).store.session() as session:
        slide = int(browser.at.rpartition("/")[2])
        field = add_field(session, running(browser.client).store.images, "tests", slide, "a.png", b"a")
        field.status, field.error = "failed", "it is damaged"
    page = browser.see(browser.at)
    assert "it is damaged" in page
    assert "report.pdf" not in page
    assert f'action="{browser.at}/sign"' not in page
    version = re.search(r'id="count" data-part data-state="(\d+)"', page)[1]
    assert "no analysed photograph" in browser.send(f"{browser.at}/sign", 409, version=version, signer="Ama")


def test_photographs_are_added_without_scripts(browser: Browser, rendered_png: bytes) -> None:
    browser.send("/slides", **FORM)
    page = browser.upload(browser.at, rendered_png)
    assert page.count('<li class="card field"') == 1
    assert "field.png" in page


def test_slides_are_searched_and_paged(browser: Browser) -> None:
    with running(browser.client).store.session() as session:
        for number in range(51):
            details = SlideDetails("P" if number % 2 else "Q", f"S-{number:03}", date(2026, 3, 1))
            create_slide(session, "tests", details)
    assert "1 to 50 of 51" in browser.see("/")
    assert "S-000" in browser.see("/?page=2")
    found = browser.see("/?patient=q&slide=s-01&status=open&since=&until=2999-01-01")
    assert re.findall(r"<bdi>(S-\d+)</bdi>", found) == ["S-018", "S-016", "S-014", "S-012", "S-010"]


# Looking and changing


def test_a_call_is_changed_counted_and_kept(at_work: tuple[Browser, dict[str, str]]) -> None:
    browser, paths = at_work
    path, _, number = paths["cell"].partition("?cell=")
    assert "The model's call: infected." in browser.see(paths["cell"])
    before = browser.see(paths["slide"])
    page = browser.send(f"{path}/cells/{number}/call", call="uninfected")
    assert f'class="object uninfected" stroke="{UNINFECTED.hex_colour}"' in page
    assert re.search(rf'class="object uninfected" [^>]*id="object-{number}"', page)
    assert "Kofi" in page.partition('id="cell"')[2]
    assert browser.see(paths["slide"]) != before
    assert "called a cell" in browser.see(paths["changes"])
    browser.send(f"{path}/cells/{number}/call", call="infected")
    assert f"?cell={number}#cell" in browser.see(paths["cells of slide"])


def test_whoever_reviews_goes_from_one_infected_cell_to_the_next(at_work: tuple[Browser, dict[str, str]]) -> None:
    browser, paths = at_work
    path, _, first = paths["cell"].partition("?cell=")
    number, seen = first, set()
    while number not in seen:
        seen.add(number)
        page = browser.see(f"{path}?cell={number}")
        number = re.search(r'data-cell="(\d+)"[^>]*>Next infected cell', page)[1]
    assert number == first
    assert seen == set(re.findall(r'class="object infected" [^>]*id="object-(\d+)"', page))
    assert len(seen) > 1


def test_a_cell_that_is_not_there_is_said(at_work: tuple[Browser, dict[str, str]]) -> None:
    browser, paths = at_work
    assert "There is no such page or record" in browser.see(paths["field"] + "?cell=9999", 404)


def test_a_photograph_of_a_place_shown_before_is_named_and_counts_at_a_click(browser: Browser) -> None:
    browser.send("/slides", **FORM)
    slide, store = int(browser.at.rpartition("/")[2]), running(browser.client).store
    brighter = np.clip(IMAGE.astype(int) + 3, 0, 255).astype(np.uint8)
    first, second = analysed(store, slide), analysed(store, slide, brighter)
    page = browser.see(f"/slides/{slide}")
    with store.reading() as session:
        name = get_field(session, first).name
    assert f"It shows the same place as \u2068{name}\u2069, which is counted." in page
    assert f'action="/fields/{first}/count-repeat"' not in page
    page = browser.send(f"/fields/{second}/count-repeat")
    assert "Counted by order" in page
    assert "It shows the same place as" in page
    assert "/count-repeat" not in page
    assert "counted a photograph although another shows the same place" in browser.see(f"/slides/{slide}/changes")


def test_a_photograph_is_rejected_with_a_reason_and_taken_back(at_work: tuple[Browser, dict[str, str]]) -> None:
    browser, paths = at_work
    assert "cannot be used" in browser.send(f"{paths['field']}/reject", 422, reason=" ")
    assert "a hair on it" in browser.send(f"{paths['field']}/reject", reason="a hair on it")
    assert "a hair on it" not in browser.send(f"{paths['field']}/restore")


def test_why_a_photograph_is_not_counted_is_said_in_the_readers_language(
    browser: Browser,
) -> None:
    browser.send("/slides", **FORM)
    slide = browser.at
    browser.upload(slide, encode_png(render_field(4, 480, 360, cells=12).image // 6))
    when_analysed(browser.client, int(slide.rpartition("/")[2]))
    browser.send("/settings", language="fr")
    page = browser.see(slide)
    assert "Non comptée" in page
    assert "l'image est trop sombre" in html.unescape(page)
    field = re.search(r'action="(/fields/\d+)/requeue"', page)[1]
    browser.send(f"{field}/requeue", override_gate="yes")
    when_analysed(browser.client, int(slide.rpartition("/")[2]))
    page = browser.see(slide)
    assert "Non comptée" not in page
    assert "Comptée sur ordre" in page


def test_what_to_read_a_counted_photograph_with_care_for_is_said_beside_it_in_the_readers_language(
    browser: Browser,
) -> None:
    browser.send("/slides", **FORM)
    slide = browser.at
    few_colours = render_field(4, 480, 360, cells=12).image // 8 * 8
    browser.upload(slide, encode_png(few_colours))
    when_analysed(browser.client, int(slide.rpartition("/")[2]))
    browser.send("/settings", language="fr")
    page = browser.see(slide)
    field = re.search(r'href="(/fields/\d+)"', page)[1]
    for shown in (page, browser.see(field)):
        assert "À lire avec prudence : l'image a été enregistrée avec peu de couleurs" in html.unescape(shown)
    assert "Comptée" in page
    # Programs are told in English.
    told = browser.client.get(f"/api/v1{field}").json()
    assert told["warnings"] == [check["message"] for check in told["found"]["checks"] if check["warning"]]
    assert "few colours" in str(told["warnings"])
    # What does not count needs no care.
    assert "avec prudence" not in browser.send(f"{field}/reject", reason="une poussière")
    assert "avec prudence" not in browser.see(field)


def test_a_signed_slide_offers_no_change_until_it_is_reopened(at_work: tuple[Browser, dict[str, str]]) -> None:
    browser, paths = at_work
    version = re.search(r'name="version" value="(\d+)"', browser.see(paths["slide"]))[1]
    signed = browser.send(f"{paths['slide']}/sign", version=version, signer="Kofi", confirm="yes")
    assert "Signed by" in signed
    assert "data-upload" not in signed
    assert "does not fit the state" in browser.send(f"{paths['field']}/reject", 409, reason="late")
    assert 'value="not_a_cell"' not in browser.see(paths["cell"])
    assert "data-upload" in browser.send(f"{paths['slide']}/reopen", reason="a cell was missed")
    assert "a cell was missed" in browser.see(paths["changes"])


def test_signing_asks_while_nobody_has_looked_at_called_cells(browser: Browser) -> None:
    browser.send("/slides", **FORM)
    slide, store = int(browser.at.rpartition("/")[2]), running(browser.client).store
    analysed(store, slide)
    page = browser.see(f"/slides/{slide}")
    assert f"Nobody has looked at {FOUND.infected} of the cells" in page
    assert "Sign all the same" in page
    version = re.search(r'name="version" value="(\d+)"', page)[1]
    assert "confirm that you sign all the same" in browser.send(
        f"/slides/{slide}/sign", 409, version=version, signer="Ama"
    )
    path = f"/api/v1/slides/{slide}/sign"
    refused = browser.client.post(path, json={"version": int(version)})
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "not_looked_at")
    queue = browser.client.get(f"/api/v1/slides/{slide}/review").json()
    assert queue["review"]["called"] == FOUND.infected
    # How far people are: the sample, too, which nobody has looked at yet.
    sample = f"drawn at random from the rest: 0 of {queue['review']['sample']} looked at"
    assert sample in browser.see(f"/slides/{slide}/review")
    assert sample in browser.see(f"/slides/{slide}")
    assert sample in browser.see(f"/api/v1/slides/{slide}/files/report.html")
    for cell in queue["cells"]:
        if cell["reason"] == "called":
            look = f"/api/v1/fields/{cell['field_id']}/cells/{cell['number']}/look"
            assert browser.client.post(look, json={"looked_at": True}).status_code == 204
    page = browser.see(f"/slides/{slide}")
    assert "Sign all the same" not in page
    assert f"{FOUND.infected} of {FOUND.infected} looked at" in page
    version = re.search(r'name="version" value="(\d+)"', page)[1]
    signed = browser.send(f"/slides/{slide}/sign", version=version, signer="Ama")
    assert "Signed by" in signed


def test_without_accounts_a_slide_is_signed_with_the_name_that_is_given(browser: Browser, rendered_png: bytes) -> None:
    unnamed = browser.send("/slides", **FORM | {"microscopist": ""})
    assert "<bdi>local user</bdi>" in unnamed.partition("</header>")[0]
    assert "signer" not in unnamed
    slide = browser.at
    browser.upload(slide, rendered_png)
    when_analysed(browser.client, int(slide.rpartition("/")[2]))
    page = browser.see(slide)
    box = next(found for tag, found in Page(page).tags if found.get("name") == "signer")
    assert (box["value"], "required" in box) == ("", True)
    version = re.search(r'name="version" value="(\d+)"', page)[1]
    browser.send(f"{slide}/sign", 422, version=version, signer=" ")
    browser.send(f"{slide}/sign", 422, version=version, signer="x" * 101)
    signed = browser.send(f"{slide}/sign", version=version, signer=" Ama  Owusu ", confirm="yes")
    assert "<bdi>Ama Owusu</bdi>" in signed.partition("</header>")[0]
    assert "<bdi>Ama Owusu</bdi>, " in signed.partition("Signed by")[2]
    entry = browser.client.get(f"/api/v1{slide}/audit").json()[0]
    assert (entry["action"], entry["who"]) == ("sign", "Ama Owusu")
    # She is known by it from then on.
    again = browser.send(f"{slide}/reopen", reason="a cell was missed")
    assert 'name="signer" value="Ama Owusu"' in again
    entry = browser.client.get(f"/api/v1{slide}/audit").json()[0]
    assert (entry["action"], entry["who"]) == ("reopen", "Ama Owusu")


def test_with_accounts_a_slide_is_signed_with_the_accounts_name(tmp_path: Path, rendered_png: bytes) -> None:
    with workstation(tmp_path, host="0.0.0.0") as client:
        add_account(client, "Amina", "technician")
        browser = Browser(client)
        browser.send("/login", name="Amina", password=PASSWORD)
        browser.send("/welcome")
        browser.send("/slides", **FORM)
        slide = browser.at
        browser.upload(slide, rendered_png)
        when_analysed(client, int(slide.rpartition("/")[2]))
        page = browser.see(slide)
        assert "signer" not in page
        version = re.search(r'name="version" value="(\d+)"', page)[1]
        signed = browser.send(f"{slide}/sign", version=version, signer="Somebody Else", confirm="yes")
        assert "<bdi>Amina</bdi>, " in signed.partition("Signed by")[2]
        assert client.get(f"/api/v1{slide}").json()["signed_by"] == "Amina"
        assert NAME_COOKIE not in client.cookies


def test_a_patients_course_shows_every_slide_with_a_count(at_work: tuple[Browser, dict[str, str]]) -> None:
    browser, paths = at_work
    page = browser.see(paths["patient"])
    assert page.count('class="interval"') == 1
    assert "chart" not in browser.see("/patients/Ama%20Mensah")


# Every page


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_page_is_there_in_every_language(at_work: tuple[Browser, dict[str, str]], code: str) -> None:
    browser, paths = at_work
    browser.send("/settings", language=code)
    for name, path in paths.items():
        root = Page(browser.see(path)).tags[0]
        assert root == ("html", {"lang": code, "dir": "rtl" if code == "ar" else "ltr"}), name
    browser.send("/settings", language="en")


def test_pages_hold_no_inline_script_or_style(at_work: tuple[Browser, dict[str, str]]) -> None:
    browser, paths = at_work
    for name, path in paths.items():
        page = Page(browser.see(path))
        assert not page.inline_scripts, name
        for tag, attributes in page.tags:
            assert tag != "style", name
            assert not [attribute for attribute in attributes if attribute == "style" or attribute.startswith("on")]


def test_pages_can_be_read_aloud_and_used_by_keyboard(at_work: tuple[Browser, dict[str, str]]) -> None:
    browser, paths = at_work
    for name, path in paths.items():
        page = Page(browser.see(path))
        ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
        assert len(ids) == len(set(ids)), name
        labelled = {attributes["for"] for tag, attributes in page.tags if tag == "label" and "for" in attributes}
        for tag, attributes in page.tags:
            if tag == "img":
                assert "alt" in attributes, name
            if tag in {"input", "select"} and attributes.get("type") not in {"hidden", "file", "checkbox"}:
                assert attributes.get("id") in labelled, (name, attributes)
        assert sum(tag == "h1" for tag, _ in page.tags) == 1, name


def test_pages_ask_for_nothing_from_elsewhere(at_work: tuple[Browser, dict[str, str]]) -> None:
    browser, paths = at_work
    for path in paths.values():
        for tag, attributes in Page(browser.see(path)).tags:
            for name in ("src", "href", "action"):
                address = attributes.get(name) or "/"
                assert re.match("/(?!/)|#", address), (tag, address)
                if address.startswith("/static/"):
                    assert (STATIC / address.removeprefix("/static/")).is_file(), address


def test_names_from_outside_are_shown_and_never_run(browser: Browser) -> None:
    page = browser.send("/slides", **FORM | {"code": "<script>alert(1)</script>", "patient": "a/b?c#d"})
    assert "<script>alert" not in page
    assert "a/b?c#d" in browser.see(re.search(r'href="(/patients/[^"]+)"', page)[1])


def test_the_page_of_single_cells_says_what_their_colours_are_compared_with(browser: Browser) -> None:
    assert "judged as if it were stained and lit like the slides that the model learnt from" in browser.see("/cells")


def test_single_cells_have_the_colours_of_the_reports() -> None:
    style = (STATIC / "plasmoscope.css").read_text("utf-8")
    colours = [call.hex_colour for call in (INFECTED, UNINFECTED, NOT_TOLD)]
    assert re.findall(r"\.singles li\.[\w-]+ \{ border: \w+ \w+ (#\w+);", style) == colours


def test_light_and_dark_are_remembered(browser: Browser) -> None:
    assert 'data-theme="dark"' in browser.send("/settings", theme="other", back="/cells")
    assert browser.at == "/cells"
    assert 'data-theme="light"' in browser.send("/settings", theme="other")


# Accounts


def test_others_log_in_and_see_what_their_role_may_do(tmp_path: Path) -> None:
    with workstation(tmp_path, host="0.0.0.0") as client:
        add_account(client, "Amina", "admin")
        add_account(client, "Rita", "reader")
        browser = Browser(client)
        assert 'action="/login"' in browser.see("/")
        assert "do not belong together" in browser.send("/login", 401, name="Rita", password="a wrong password")
        browser.send("/login", name="Rita", password=PASSWORD)
        assert "New slide" not in browser.send("/welcome")
        assert "You may not do this" in browser.see("/accounts", 403)
        browser.send("/logout")
        assert browser.at == "/login"
        browser.send("/login", name="Amina", password=PASSWORD)
        page = browser.send("/accounts", name="Tom", password=PASSWORD, role="technician")
        assert "Tom" in page
        assert "Deactivated" in browser.send("/accounts/3/deactivate")
        assert "Deactivated" not in browser.send("/accounts/3/activate")
        browser.send("/accounts/3/password", password="another long password")
        browser.send("/logout")
        browser.send("/login", 401, name="Tom", password=PASSWORD)
        assert "Tom" in browser.send("/login", name="Tom", password="another long password")


def test_logging_in_leads_on_to_the_page_that_was_asked_for(tmp_path: Path) -> None:
    with workstation(tmp_path, host="0.0.0.0") as client:
        add_account(client, "Rita", "reader")
        browser = Browser(client)
        asked = 'name="then" value="/cells?one=1"'
        assert asked in browser.see("/cells?one=1")
        again = browser.send("/login", 401, name="Rita", password="a wrong password", then="/cells?one=1")
        assert asked in again
        assert 'value="Rita"' in again
        browser.send("/login", name="Rita", password=PASSWORD, then="/cells?one=1")
        browser.send("/welcome")
        browser.send("/logout")
        browser.send("/login", name="Rita", password=PASSWORD, then="/cells?one=1")
        assert browser.at == "/cells"
        browser.send("/logout")
        browser.send("/login", name="Rita", password=PASSWORD, then="//elsewhere.example")
        assert browser.at == "/"


def test_an_account_is_deactivated_by_a_second_button_only(at_work: tuple[Browser, dict[str, str]]) -> None:
    browser, _ = at_work
    page = browser.send("/accounts", name="Tom", password=PASSWORD, role="technician")
    before, _, after = page.partition('action="/accounts/1/deactivate"')
    assert before.count("<details>") == before.count("</details>") + 1
    assert "cannot log in until" in after.partition("</details>")[0]


def test_people_change_their_own_password(tmp_path: Path) -> None:
    new = "another long password"
    with workstation(tmp_path, host="0.0.0.0") as client:
        add_account(client, "Rita", "reader")
        elsewhere = log_in(client, "Rita")
        browser = Browser(client)
        browser.see("/password")
        assert "/login" in str(client.get("/password").url)
        browser.send("/login", name="Rita", password=PASSWORD)
        assert 'href="/password"' in browser.send("/welcome")
        assert "old password is wrong" in browser.send("/password", 403, old="a wrong password", new=new, again=new)
        assert "passwords differ" in browser.send("/password", 422, old=PASSWORD, new=new, again=new + "x")
        browser.send("/password", 422, old=PASSWORD, new="short", again="short")
        assert client.get("/api/v1/slides", headers=elsewhere).status_code == 200
        assert "Your password is changed" in browser.send("/password", old=PASSWORD, new=new, again=new)
        client.cookies.clear()
        assert client.get("/api/v1/slides", headers=elsewhere).status_code == 401
        browser.send("/login", 401, name="Rita", password=PASSWORD)
        browser.send("/login", name="Rita", password=new)


@pytest.mark.parametrize(("language", "said"), [("en", "Install a font before you sign"), ("fr", "avant de signer")])
def test_who_may_sign_is_told_of_letters_that_the_pdf_would_lack(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str, said: str
) -> None:
    monkeypatch.setattr(fonts, "_folders", list)
    browser.client.headers["accept-language"] = language
    page = browser.send("/slides", **FORM | {"patient": "王小明", "site": "สมชาย"})
    report = page[page.index('id="report"') :]
    assert said in html.unescape(report)
    assert "Noto Sans CJK, Noto Sans Thai" in report
    assert said not in html.unescape(browser.send("/slides", **FORM))


def test_a_round_field_of_view_fills_the_viewer(browser: Browser) -> None:
    slide = new_slide(browser.client, code="round")
    image = render_field(3, 640, 480, cells=20, cell_diameter=50, eyepiece=0.7).image
    browser.upload(f"/slides/{slide}", encode_png(image))
    [field] = when_analysed(browser.client, slide)["fields"]
    shown = re.search(r'class="smear" viewBox="([^"]*)"', browser.see(f"/fields/{field['id']}"))
    assert shown
    left, top, width, height = map(float, shown[1].split())
    assert (left + width / 2, top + height / 2) == pytest.approx((320, 240), abs=6)
    assert (width, height) == pytest.approx((336, 336), abs=12)
