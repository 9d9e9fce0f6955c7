"""The workstation below a path of a proxy's address."""

import re
from collections.abc import Iterator
from datetime import date
from html import unescape
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from analysed import analysed
from plasmoscope.client import Workstation
from plasmoscope.errors import PlasmoscopeError
from plasmoscope.store.slides import SlideDetails, create_slide
from plasmoscope.web.pages.rendering import environment
from plasmoscope.web.root_path import read_root_path
from workstation import PASSWORD, add_account, new_slide, running, served, workstation

ROOT = "/ward/malaria"
_ADDRESSES = re.compile(r'\s(?:href|src|action|formaction|data-[a-z-]+)="(/[^"]*)"')


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with workstation(tmp_path_factory.mktemp("records"), root_path=ROOT) as client:
        slide = new_slide(client)
        analysed(running(client).store, slide)
        # As many as make the list of slides a longer one than a page holds.
        with running(client).store.session() as session:
            for number in range(55):
                create_slide(session, "tests", SlideDetails("P-1", f"S-{number + 2}", date(2026, 3, 1)))
        client.headers |= {"accept": "text/html"}
        client.post("/welcome")
        yield client


def test_every_link_and_form_of_every_page_leads_below_the_path(client: TestClient) -> None:
    seen, waiting = set(), [f"{ROOT}/", f"{ROOT}/fields/1?cell=1", f"{ROOT}/slides/1/changes", f"{ROOT}/nowhere"]
    while waiting:
        address = waiting.pop()
        # One page of each kind: there are hundreds of slides and cells.
        kind = re.sub(r"\d+", "1", address.partition("#")[0])
        if kind in seen:
            continue
        seen.add(kind)
        answer = client.get(address)
        assert answer.status_code == 200 or address.endswith("/nowhere"), f"{address}: {answer.status_code}"
        if "text/html" not in answer.headers["content-type"]:
            continue
        found = [unescape(one) for one in _ADDRESSES.findall(answer.text)]
        assert all(one.startswith(f"{ROOT}/") for one in found), [one for one in found if not one.startswith(ROOT)]
        links = [
            unescape(one) for one in re.findall(r'<(?:a|link|script|img)[^>]*?\s(?:href|src)="(/[^"]*)"', answer.text)
        ]
        waiting += [one for one in links if "/api/" not in one]
    pages = {one.removeprefix(ROOT) for one in seen}
    assert {"/", "/slides/1", "/slides/new", "/cells", "/static/plasmoscope.css", "/?page=1"} <= pages


def test_every_address_that_a_template_has_written_out_is_put_below_the_path() -> None:
    made = environment("en", ROOT)
    for name in made.list_templates(extensions=["html"]):
        source = made.loader.get_source(made, name)[0]
        # What is computed says so itself.
        computed = re.findall(r'\s(?:href|src|action|formaction)="(\{\{[^"]*)"', source)
        assert all(one.startswith("{{ root }}") for one in computed), (name, computed)


def test_a_form_leads_on_below_the_path_and_its_cookie_goes_no_farther(client: TestClient) -> None:
    answer = client.post(f"{ROOT}/settings", data={"language": "fr", "back": "/slides/1?x=1"}, follow_redirects=False)
    assert answer.headers["location"] == f"{ROOT}/slides/1?x=1"
    assert f"path={ROOT};" in f"{answer.headers['set-cookie'].lower()};"
    client.cookies.delete("language")


def test_the_path_may_be_taken_off_by_the_proxy_itself(client: TestClient) -> None:
    # A browser keeps the cookie for the path that it knows.
    welcomed = {"cookie": "welcome=accepted"}
    for address in (f"{ROOT}/slides/1", "/slides/1"):
        assert f'href="{ROOT}/slides/1/changes"' in client.get(address, headers=welcomed).text
    assert client.get(ROOT).status_code == 200
    assert client.get(f"{ROOT}x/slides/1").status_code == 404
    slashed = client.get(f"{ROOT}/slides/1/", follow_redirects=False)
    assert slashed.headers["location"] == f"{ROOT}/slides/1"


def test_former_names_point_below_the_path_and_the_interface_says_where_it_is(client: TestClient) -> None:
    answer = client.get(f"{ROOT}/api/v1/jobs")
    assert answer.headers["link"] == f'<{ROOT}/api/v1/queue>; rel="successor-version"'
    assert client.get(f"{ROOT}/api/v1/openapi.json").json()["servers"] == [{"url": ROOT}]


def test_logging_in_comes_back_to_the_page_that_was_asked_for(tmp_path: Path) -> None:
    with workstation(tmp_path, root_path=ROOT, secure_cookies=True) as client:
        client.base_url = "https://ward.example"
        client.headers |= {"accept": "text/html"}
        add_account(client, "amina", "technician")
        asked = client.get(f"{ROOT}/slides/new", follow_redirects=False)
        assert asked.headers["location"] == f"{ROOT}/login?then=/slides/new"
        sent = {"name": "amina", "password": PASSWORD, "then": "/slides/new"}
        answer = client.post(f"{ROOT}/login", data=sent, follow_redirects=False)
        assert answer.headers["location"] == f"{ROOT}/slides/new"
        session = next(one for one in answer.headers.get_list("set-cookie") if "plasmoscope_session" in one)
        assert f"path={ROOT};" in f"{session.lower()};"


def test_a_program_reaches_it_below_the_path(tmp_path: Path) -> None:
    with served(tmp_path, root_path=ROOT) as address, Workstation(f"{address}{ROOT}") as program:
        slide = program.new_slide("P-1", "S-1", "2026-03-01")
        assert program.slide(slide)["code"] == "S-1"


@pytest.mark.parametrize(
    ("given", "read"), [("", ""), ("/", ""), ("malaria", "/malaria"), ("/ward/malaria/", "/ward/malaria")]
)
def test_a_path_is_read_however_its_slashes_are_written(given: str, read: str) -> None:
    assert read_root_path(given) == read


@pytest.mark.parametrize("given", ['/a"b', "/a b", "/a?b", "/..", "/a/../b", "/ü", "/{{ 1 }}", "https://x/malaria"])
def test_what_is_no_plain_path_is_refused(given: str) -> None:
    with pytest.raises(PlasmoscopeError, match="no path to serve below"):
        read_root_path(given)
