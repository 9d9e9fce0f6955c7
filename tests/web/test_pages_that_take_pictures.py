"""Getting pictures in, in a real browser (Debian's package ``chromium``)."""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect

from chromium import ANALYSED, accept, visit
from plasmoscope.synthetic.rendering import render_field
from workstation import PROGRAM, new_slide, served, when_analysed

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(tmp_path_factory.mktemp("records")) as address:
        yield address


@pytest.fixture
def client(address: str) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=address, headers=PROGRAM, timeout=ANALYSED) as client:
        yield client


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    with visit(browser, address, viewport={"width": 1280, "height": 900}) as page:
        accept(page)
        yield page


def test_photographs_go_on_by_themselves_after_a_lost_line_and_a_reload(
    page: Page, client: httpx2.Client, tmp_path: Path
) -> None:
    photographs = [tmp_path / f"{number}.bmp" for number in range(2)]
    for number, file in enumerate(photographs):
        # More than one piece: nothing is compressed.
        Image.fromarray(render_field(number, 1600, 1200, cells=30).image).save(file)
    slide = new_slide(client, code="lost line")
    sent: list[Route] = []

    def lose_all_but_the_first_piece(route: Route) -> None:
        if route.request.method == "PATCH" and not sent:
            sent.append(route)
            route.continue_()
        elif sent:
            route.abort()
        else:
            route.continue_()

    page.goto(f"/slides/{slide}")
    expect(page.locator("html.scripted")).to_be_visible()
    page.route("**/api/v1/uploads/*", lose_all_but_the_first_piece)
    page.locator("input[type=file]").first.set_input_files(photographs)
    expect(page.locator(".uploads li").first).to_contain_text("goes on by itself")
    # What is left is shown also where somebody goes on with other things, and sent from there.
    page.goto("/")
    expect(page.locator("#unsent li").first).to_contain_text("lost line: 0.bmp")
    # What the page tries again in between would be counted, too.
    page.goto("about:blank")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.method) if "/api/" in request.url else None)
    page.unroute_all()
    page.goto("/")
    expect(page.locator("#unsent li")).to_have_count(0, timeout=ANALYSED)
    expect(page.locator("#unsent")).to_be_hidden()
    # The first went on where it was; only the second began.
    assert asked[:2] == ["HEAD", "PATCH"]
    assert asked.count("POST") == 1
    fields = when_analysed(client, slide)["fields"]
    assert [field["name"] for field in fields] == ["0.bmp", "1.bmp"]
    page.reload()
    expect(page.locator("#unsent li")).to_have_count(0)


def test_a_camera_is_chosen_shows_what_it_sees_and_takes_pictures(page: Page, client: httpx2.Client) -> None:
    slide = new_slide(client, code="camera")
    page.goto(f"/slides/{slide}")
    page.get_by_role("button", name="Use the camera").click()
    dialog = page.locator("dialog.camera")
    expect(dialog.locator("option").first).to_be_attached()
    # No blood film is before this camera.
    expect(dialog.locator("[data-seen]")).to_have_text("Not counted", timeout=ANALYSED)
    cell = {"kind": "red_cell", "on_border": False, "parasitized": False}
    cells = [cell, cell | {"parasitized": True}, cell | {"on_border": True}, cell | {"kind": "platelet"}]
    page.route("**/api/v1/analyze", lambda route: route.fulfill(json={"accepted": True, "cells": cells}))
    expect(dialog.locator("[data-seen]")).to_have_text("1 of 2 cells infected")
    assert client.get(f"/api/v1/slides/{slide}").json()["fields"] == []
    dialog.get_by_role("button", name="Take a picture").click()
    expect(page.locator("#fields li.field")).to_have_count(1)
    dialog.get_by_role("button", name="Close").click()
    expect(page.locator("[data-unsafe]")).to_be_hidden()
