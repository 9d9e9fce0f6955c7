"""Slides that two people read blinded, and a third where they disagree, through the pages and the HTTP interface."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from analysed import FOUND, METHOD, analysed
from plasmoscope.analysis.results import Cell, Field, Outline
from plasmoscope.web import pages
from plasmoscope.web.security.cross_site import CLIENT_HEADER
from plasmoscope.web.security.identity import SESSION_COOKIE
from workstation import add_account, log_in, new_slide, running, workstation

CELLS, INFECTED = 200, 10


def many_cells() -> Field:
    """A field of small cells: the first ten are called infected."""
    cells = []
    for number in range(1, CELLS + 1):
        x, y = 10 + (number % 20) * 20, 10 + number // 20 * 20
        corners = Outline([(x, y), (x + 8, y), (x + 8, y + 8), (x, y + 8)])
        infected = number <= INFECTED
        cells.append(
            Cell(
                number=number,
                kind="red_cell",
                box=(x, y, 8, 8),
                centre=(x + 4.0, y + 4.0),
                area=64.0,
                outline=corners,
                on_border=False,
                parasitized_probability=0.95 if infected else 0.01,
                parasitized=infected,
            )
        )
    return FOUND.model_copy(update={"cells": tuple(cells)})


@dataclass
class Laboratory:
    """A workstation with accounts, and a slide for each reading."""

    client: TestClient
    people: dict[str, dict[str, str]]

    def ask(self, who: str, method: str, path: str, body: Any = None) -> Any:
        return self.client.request(method, f"/api/v1{path}", json=body, headers=self.people[who])

    def done(self, who: str, method: str, path: str, body: Any = None) -> Any:
        answer = self.ask(who, method, path, body)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def slide(self, code: str) -> int:
        given = {"patient": "P-1", "code": code, "taken_on": "2026-03-01"}
        number = int(self.done("Amina", "POST", "/slides", given)["id"])
        image = np.full((360, 480, 3), 220, np.uint8)
        image[: 8 + number] = number
        analysed(running(self.client).store, number, image, many_cells(), METHOD)
        return number

    def given(self, code: str, rule: str = "fixed-25") -> tuple[int, int]:
        """A slide that Amina and Ben are to read: its number, and that of Ben's record."""
        self.done("Head", "POST", "/readings/rule", {"rule": rule})
        slide = self.slide(code)
        self.done("Amina", "POST", f"/slides/{slide}/readings", {"second": "Ben"})
        return slide, self.record_of("Ben", slide)

    def record_of(self, who: str, slide: int) -> int:
        listed = self.done(who, "GET", "/readings")["slides"]
        return int(next(one["yours"] for one in listed if one["slide"] == slide))

    def read(self, who: str, record: int, infected: int, species: str | None = None) -> Any:
        """Call cells until so many are infected, and finish."""
        field = self.done(who, "GET", f"/slides/{record}")["fields"][0]["id"]
        for number in range(INFECTED + 1, infected + 1):
            self.done(who, "POST", f"/fields/{field}/cells/{number}/call", {"call": "infected"})
        for number in range(infected + 1, INFECTED + 1):
            self.done(who, "POST", f"/fields/{field}/cells/{number}/call", {"call": "uninfected"})
        return self.done(who, "POST", f"/slides/{record}/readings/finish", {"species": species})


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    with workstation(tmp_path_factory.mktemp("records"), host="0.0.0.0") as client:
        for name in ("Amina", "Ben", "Chidi"):
            add_account(client, name, "technician")
        add_account(client, "Head", "admin")
        add_account(client, "Guest", "reader")
        people = {name: log_in(client, name) for name in ("Amina", "Ben", "Chidi", "Head", "Guest")}
        yield Laboratory(client, people)


# By hand, of 200 cells each, the first reader's count being 10:
# 13: |10 - 13| / 11.5 = 26 %; roots 3.162 and 3.606 are 0.44 apart; Poisson chance of 3 or more apart: about 0.6.
# 19: 9 / 14.5 = 62 %; roots are 1.197 apart; (9 - 0.5) / sqrt(29) = 1.58 standard deviations: a chance of about 0.11.
# 24: 14 / 17 = 82 %; roots are 1.74 apart; (14 - 0.5) / sqrt(34) = 2.32 standard deviations: a chance of about 0.02.
@pytest.mark.parametrize(
    ("rule", "second", "disagree"),
    [
        ("fixed-25", 12, False),  # 2 / 11 = 18 %
        ("fixed-25", 13, True),
        ("fixed-50", 13, False),
        ("fixed-50", 19, True),
        ("obare", 19, False),
        ("obare", 24, True),
        ("alexander-95", 19, False),
        ("alexander-95", 24, True),
        ("alexander-90", 19, True),
    ],
)
def test_two_counts_agree_or_need_a_third_reader_by_the_rule_that_was_chosen(
    laboratory: Laboratory, rule: str, second: int, disagree: bool
) -> None:
    slide, record = laboratory.given(f"{rule} {second}", rule)
    laboratory.read("Amina", slide, INFECTED)
    known = laboratory.read("Ben", record, second)
    assert known["third_needed"] is disagree
    result = known["result"]
    assert result["complete"] is not disagree
    if not disagree:
        assert result["rule"] == rule
        assert result["mean_of"] == ["Amina", "Ben"]
        # (10 + n) / 2 of 200, in percent.
        assert result["parasitaemia"]["value"] == pytest.approx((INFECTED + second) / 4)


def test_the_third_reader_decides_by_the_two_closest_counts_and_the_report_says_who_read_by_which_rule(
    laboratory: Laboratory,
) -> None:
    slide, record = laboratory.given("third", "alexander-95")
    laboratory.read("Amina", slide, INFECTED, "P. falciparum")
    assert laboratory.read("Ben", record, 24, "P. vivax")["third_needed"]
    # Neither of the first two, nor one who may not read, is the third.
    assert laboratory.ask("Head", "POST", f"/readings/{slide}/third", {"reader": "Ben"}).status_code == 422
    assert laboratory.ask("Head", "POST", f"/readings/{slide}/third", {"reader": "Guest"}).status_code == 422
    assert laboratory.ask("Guest", "POST", f"/readings/{slide}/third", {"reader": "Chidi"}).status_code == 403
    laboratory.done("Head", "POST", f"/readings/{slide}/third", {"reader": "Chidi"})
    third = laboratory.record_of("Chidi", slide)
    # Chidi begins from what the program found, and is not told what the others disagree about.
    assert laboratory.done("Chidi", "GET", f"/slides/{third}")["infected"] == INFECTED
    for number in (slide, record):
        assert laboratory.ask("Chidi", "GET", f"/slides/{number}").status_code == 403
    result = laboratory.read("Chidi", third, 22, "P. vivax")["result"]
    # 22 and 24 of 200 are closest: 23 of 200 are 11.5 %. Two of three name P. vivax.
    assert result["parasitaemia"]["value"] == pytest.approx(11.5)
    assert set(result["mean_of"]) == {"Ben", "Chidi"}
    assert result["species"] == "P. vivax"
    assert result["disagreements"] == ["species", "count"]
    files = {
        name: laboratory.client.get(f"/api/v1/slides/{slide}/files/{name}", headers=laboratory.people["Guest"])
        for name in ("report.html", "report.pdf", "slide.json", "fhir.json", "oru.hl7")
    }
    assert all(answer.status_code == 200 for answer in files.values())
    for name in ("report.html", "slide.json", "fhir.json", "oru.hl7"):
        text = files[name].text
        for said in ("11.5", "P. vivax", "Ben", "Chidi", "Alexander"):
            assert said in text, (name, said)
    percent = [
        one["resource"]["valueQuantity"]["value"]
        for one in files["fhir.json"].json()["entry"]
        if one["resource"].get("code", {}).get("text") == "Infected red cells of those counted"
    ]
    assert percent == [11.5]
    row = history_row(laboratory, "third")
    assert (row["parasitaemia_percent"], row["reading_rule"]) == ("11.5", "alexander-95")
    assert set(row["readers"].split(" and ")) == {"Ben", "Chidi"}
    page = laboratory.client.get(f"/slides/{slide}", headers=laboratory.people["Guest"] | BROWSER).text
    assert "11.5" in page
    assert "Alexander" in page
    told = [entry["action"] for entry in laboratory.done("Head", "GET", f"/slides/{slide}/audit")]
    assert {"ask readings", "finish reading", "settle readings", "name third reader"} <= set(told)


def test_a_patients_course_rests_on_the_final_result_and_says_whose_counts_it_is_of(laboratory: Laboratory) -> None:
    slides = {}
    for code, day, first, second, third in (("day 0", 0, INFECTED, 12, None), ("day 3", 3, 0, 6, 4)):
        slide, record = laboratory.given(code, "fixed-25")
        said = {"patient": "Course", "code": code, "taken_on": f"2026-03-0{1 + day}", "visit_day": day}
        laboratory.done("Amina", "PUT", f"/slides/{slide}", said)
        laboratory.read("Amina", slide, first)
        laboratory.read("Ben", record, second)
        if third is not None:
            laboratory.done("Head", "POST", f"/readings/{slide}/third", {"reader": "Chidi"})
            laboratory.read("Chidi", laboratory.record_of("Chidi", slide), third)
        slides[code] = slide
    number = laboratory.done("Guest", "GET", "/patients?search=Course")["patients"][0]["id"]
    course = laboratory.done("Guest", "GET", f"/patients/{number}")
    visits = {visit["slide"]: visit for visit in course["visits"]}
    assert visits["day 0"]["mean_of"] == ["Amina", "Ben"]
    # The first reader saw none on day 3; two of three did, 6 and 4 of 200 cells: 2.5 %, of 5.5 % on day 0.
    assert visits["day 3"]["mean_of"] == ["Ben", "Chidi"]
    assert (visits["day 3"]["infected"], visits["day 3"]["parasitaemia"]["value"]) == (0, pytest.approx(2.5))
    assert visits["day 3"]["left"] == pytest.approx(2.5 / 5.5)
    assert course["clearance"] == {"clear_from": None, "found_on_watched_day": True}
    page = laboratory.client.get("/patients/Course", headers=laboratory.people["Guest"] | BROWSER).text
    assert "Final result of \u2068Ben\u2069 and \u2068Chidi\u2069" in page
    assert "Infected cells were found on day 3." in page
    assert "<div>6</div><div>4</div>" in page


def test_one_who_sees_none_and_two_who_see_parasites_make_a_positive_slide(laboratory: Laboratory) -> None:
    slide, record = laboratory.given("presence", "fixed-50")
    laboratory.read("Amina", slide, 0)
    assert laboratory.read("Ben", record, 4)["third_needed"]
    laboratory.done("Amina", "POST", f"/readings/{slide}/third", {"reader": "Chidi"})
    result = laboratory.read("Chidi", laboratory.record_of("Chidi", slide), 6)["result"]
    assert result["positive"]
    assert result["parasitaemia"]["value"] == pytest.approx(2.5)


def test_every_address_of_a_slide_is_closed_to_those_who_must_not_see_it(laboratory: Laboratory) -> None:
    slide, record = laboratory.given("blind")
    own, others = (laboratory.done(who, "GET", f"/slides/{number}")["fields"][0]["id"]
                   for who, number in (("Ben", record), ("Amina", slide)))  # fmt: skip
    laboratory.done("Amina", "POST", f"/fields/{others}/cells/11/call", {"call": "infected"})
    laboratory.done("Amina", "POST", f"/fields/{others}/cells/11/note", {"stage": "ring"})
    closed = [(method, path) for method, path in addresses(laboratory) if "{slide_id}" in path or "{field_id}" in path]
    assert len(closed) > 50
    for method, template in closed:
        path = template.replace("{slide_id}", str(slide)).replace("{field_id}", str(others))
        path = path.replace("{number}", "11").replace("{name}", "cells.csv")
        assert "{" not in path, path
        for who in ("Ben", "Chidi", "Guest", "Head"):
            answer = laboratory.client.request(method, path, headers=laboratory.people[who])
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "blinded"), (method, path, who)
    # The first reader does not see the second's either, and each has their own calls.
    assert laboratory.ask("Amina", "GET", f"/slides/{record}").status_code == 403
    assert laboratory.ask("Amina", "GET", f"/fields/{own}").status_code == 403
    assert laboratory.done("Ben", "GET", f"/slides/{record}")["infected"] == INFECTED
    assert laboratory.done("Ben", "GET", f"/fields/{own}")["corrections"] == []
    assert laboratory.done("Ben", "GET", f"/slides/{record}/review")["review"]["called_looked_at"] == 0
    assert laboratory.done("Amina", "GET", f"/slides/{slide}")["infected"] == INFECTED + 1


def test_no_list_tells_a_count_before_all_are_done(laboratory: Laboratory) -> None:
    slide, record = laboratory.given("listed")
    laboratory.read("Amina", slide, 17)
    for who in ("Ben", "Guest", "Head"):
        listed = laboratory.done(who, "GET", "/slides?slide=listed")["slides"]
        assert [(one["id"], one["counted"], one["infected"]) for one in listed] == [(slide, 0, 0)]
    row = history_row(laboratory, "listed")
    assert (row["infected"], row["parasitaemia_percent"], row["readers"]) == ("0", "", "")
    # 17 of 200 are 8.5 %.
    for address in ("/", "/?slide=listed", "/patients/P-1", "/readings", "/profiles", f"/slides/{record}"):
        page = laboratory.client.get(address, headers=laboratory.people["Ben"] | BROWSER)
        assert page.status_code == 200, address
        assert "8.5\u00a0%" not in page.text, address
        assert ">17<" not in page.text, address
    # An administrator may be asked to read it next.
    assert laboratory.done("Head", "GET", f"/audit?subject=slide/{slide}")["total"] == 0
    assert f"slide/{slide}/" not in laboratory.client.get("/api/v1/audit.csv", headers=laboratory.people["Head"]).text
    assert f"slide/{slide}/" not in shown(laboratory, "Head", f"/audit?subject=slide/{slide}")
    told = laboratory.done("Ben", "GET", "/readings")
    mine = next(one for one in told["slides"] if one["slide"] == slide)
    assert mine["result"]["readings"] == []
    assert mine["records"] == []
    assert "8.5" not in json.dumps(mine)
    assert laboratory.read("Ben", record, 16)["result"]["complete"]
    assert laboratory.done("Guest", "GET", "/slides?slide=listed")["slides"][0]["infected"] == 17
    assert laboratory.done("Head", "GET", f"/audit?subject=slide/{slide}")["total"] > 7


def test_a_slide_is_signed_when_all_who_were_asked_are_done(laboratory: Laboratory) -> None:
    slide, record = laboratory.given("signed")
    laboratory.read("Amina", slide, INFECTED)

    def sign(number: int, who: str) -> Any:
        version = laboratory.done(who, "GET", f"/slides/{number}")["version"]
        return laboratory.ask(who, "POST", f"/slides/{number}/sign", {"version": version, "confirm": True})

    assert sign(slide, "Amina").json()["error"]["reason"] == "readings_not_done"
    assert sign(record, "Ben").json()["error"]["reason"] == "readings_not_done"
    laboratory.read("Ben", record, INFECTED)
    assert sign(slide, "Amina").status_code == 200


def test_a_finished_reading_stays_and_its_photographs_too(laboratory: Laboratory, rendered_png: bytes) -> None:
    slide, record = laboratory.given("frozen")
    file = {"file": ("more.png", rendered_png)}
    added = laboratory.client.post(f"/api/v1/slides/{slide}/fields", files=file, headers=laboratory.people["Amina"])
    assert added.json()["error"]["reason"] == "read_by_several"
    assert laboratory.ask("Ben", "POST", f"/slides/{record}/readings/finish", {"species": "P. odd"}).status_code == 422
    laboratory.read("Ben", record, 12)
    field = laboratory.done("Ben", "GET", f"/slides/{record}")["fields"][0]["id"]
    for change in (f"/fields/{field}/cells/30/call", f"/fields/{field}/reject", f"/slides/{record}/readings/finish"):
        body = {"call": "infected"} if change.endswith("call") else {"reason": "x"} if "reject" in change else {}
        assert laboratory.ask("Ben", "POST", change, body).json()["error"]["reason"] == "reading_done"
    assert laboratory.ask("Amina", "GET", f"/slides/{record}").status_code == 403


def test_only_another_person_who_has_not_looked_reads_it_blinded(laboratory: Laboratory) -> None:
    slide = laboratory.slide("who")
    field = laboratory.done("Ben", "GET", f"/slides/{slide}")["fields"][0]["id"]
    laboratory.done("Ben", "POST", f"/fields/{field}/cells/1/call", {"call": "infected"})
    refusals = {
        "Ben": "reader_not_blind",
        "Amina": "same_reader",
        "Guest": "no_such_reader",
        "Nobody": "no_such_reader",
    }
    for name, reason in refusals.items():
        answer = laboratory.ask("Amina", "POST", f"/slides/{slide}/readings", {"second": name})
        assert answer.json()["error"]["reason"] == reason
    assert laboratory.ask("Guest", "POST", f"/slides/{slide}/readings", {"second": "Chidi"}).status_code == 403
    laboratory.done("Amina", "POST", f"/slides/{slide}/readings", {"second": "Chidi"})
    again = laboratory.ask("Amina", "POST", f"/slides/{slide}/readings", {"second": "Head"})
    assert again.json()["error"]["reason"] == "readings_asked"


def test_an_admin_withdraws_readings_with_a_reason_that_the_audit_keeps(laboratory: Laboratory) -> None:
    slide, record = laboratory.given("withdrawn")
    laboratory.read("Ben", record, 12)
    assert laboratory.ask("Amina", "POST", f"/readings/{slide}/withdraw", {"reason": "Ben left"}).status_code == 403
    assert laboratory.ask("Head", "POST", f"/readings/{slide}/withdraw", {"reason": " "}).status_code == 422
    laboratory.done("Head", "POST", f"/readings/{slide}/withdraw", {"reason": "Ben left"})
    assert laboratory.ask("Ben", "GET", f"/slides/{record}").status_code == 404
    entry = laboratory.done("Guest", "GET", f"/slides/{slide}/audit")[0]
    assert entry["detail"] == {"reason": "Ben left", "readings": "Ben: 12/200"}


def test_the_page_of_readings_gives_asks_and_finishes_by_its_buttons(laboratory: Laboratory) -> None:
    slide = laboratory.slide("by buttons")

    def press(who: str, address: str, **form: str) -> int:
        headers = laboratory.people[who] | BROWSER
        answer = laboratory.client.post(address, data=form, headers=headers, follow_redirects=False)
        return int(answer.status_code)

    assert "Give it for a blinded second reading" in shown(laboratory, "Amina", f"/slides/{slide}")
    assert press("Amina", f"/slides/{slide}/readings", first="Amina", second="Ben") == 303
    assert "Waiting for you" in shown(laboratory, "Ben", "/readings")
    record = laboratory.record_of("Ben", slide)
    assert "Finish my reading" in shown(laboratory, "Ben", f"/slides/{record}")
    assert press("Ben", f"/slides/{record}/readings/finish", species="P. vivax") == 303
    assert "Your reading is finished" in shown(laboratory, "Ben", f"/slides/{record}")
    assert press("Amina", f"/slides/{slide}/readings/finish") == 303
    assert "Final result" in shown(laboratory, "Ben", f"/slides/{slide}")
    assert press("Ben", "/readings/rule", rule="obare") == 403
    assert press("Head", "/readings/rule", rule="obare") == 303
    assert press("Head", "/readings/rule", rule="odd") == 422
    page = shown(laboratory, "Guest", "/readings")
    assert "Kappa of presence" in page
    assert "Obare" in page


def test_another_sites_form_starts_no_reading(laboratory: Laboratory) -> None:
    slide = laboratory.slide("attacked")
    token = laboratory.people["Amina"]["Authorization"].removeprefix("Bearer ")
    headers = {"Cookie": f"{SESSION_COOKIE}={token}", "Sec-Fetch-Site": "cross-site", "Accept": "application/json"}
    names = ("", "/finish")
    for address in (
        *(f"/slides/{slide}/readings{name}" for name in names),
        f"/readings/{slide}/third",
        "/readings/rule",
    ):
        with patch.dict(laboratory.client.headers):
            del laboratory.client.headers[CLIENT_HEADER]
            answer = laboratory.client.post(address, data={"first": "Amina", "second": "Ben"}, headers=headers)
        assert answer.json()["error"]["code"] == "csrf", address


def test_without_accounts_nobody_can_be_blinded(tmp_path: Path) -> None:
    with workstation(tmp_path) as client:
        slide = new_slide(client)
        answer = client.post(f"/api/v1/slides/{slide}/readings", json={"second": "Ben"})
        assert answer.json()["error"]["reason"] == "readings_need_accounts"


def addresses(laboratory: Laboratory) -> Iterator[tuple[str, str]]:
    """Method and path of everything that the workstation answers."""
    for path, methods in (
        laboratory.client.get("/api/v1/openapi.json", headers=laboratory.people["Head"]).json()["paths"].items()
    ):
        yield from ((method.upper(), path) for method in methods)
    yield from of_router(pages.router)


def of_router(router: APIRouter) -> Iterator[tuple[str, str]]:
    for route in router.routes:
        if isinstance(route, APIRoute):
            yield from ((method, route.path) for method in route.methods)
        else:
            yield from of_router(route.original_router)  # type: ignore[attr-defined]


BROWSER = {"Accept": "text/html", "Cookie": "welcome=accepted"}


def shown(laboratory: Laboratory, who: str, address: str) -> str:
    answer = laboratory.client.get(address, headers=laboratory.people[who] | BROWSER)
    assert answer.status_code == 200, answer.text
    return str(answer.text)


def history_row(laboratory: Laboratory, code: str) -> dict[str, str]:
    table = laboratory.client.get(f"/api/v1/history.csv?slide={code}", headers=laboratory.people["Ben"]).text
    (row,) = csv.DictReader(io.StringIO(table.removeprefix("\ufeff")))
    return row
