"""A technician who reviews a slide in a real browser, by keyboard alone (Debian's package ``chromium``)."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from analysed import FOUND, IMAGE, METHOD
from chromium import accept, visit
from plasmoscope.analysis.results import Field
from plasmoscope.reports.illustrations import encode_png
from plasmoscope.store import fields, slides
from plasmoscope.store.slides import SlideDetails
from plasmoscope.store.store import Store
from uploads import upload
from workstation import served

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PHOTOGRAPHS = 20
WHOLE = [cell.number for cell in FOUND.cells if cell.counted]


def photograph(number: int) -> Field:
    """Two cells called, and in some photographs one that the program is uncertain of: 46 in 20 photographs."""
    called, uncertain = WHOLE[:2], WHOLE[2:3] if number < 6 else []
    cells = []
    for cell in FOUND.cells:
        if cell.number in called:
            cells.append(replace(cell, parasitized=True, parasitized_probability=0.99 - cell.number / 1000))
        elif cell.number in uncertain:
            cells.append(replace(cell, kind="not_a_cell", parasitized=None))
        elif cell.counted:
            cells.append(replace(cell, parasitized=False, parasitized_probability=0.02))
        else:
            cells.append(cell)
    return FOUND.model_copy(update={"name": f"field-{number}.png", "cells": tuple(cells)})


def make_slide(store: Store, photographs: int = PHOTOGRAPHS) -> int:
    with store.session() as session:
        details = SlideDetails("P-9", "S-9", date(2026, 3, 1))
        slide = slides.create_slide(session, "tests", details).id
    for number in range(photographs):
        image = IMAGE.copy()
        image[0, 0] = number
        data = encode_png(image)
        field = upload(store, slide, data, f"field-{number}.png")
        with store.session() as session:
            assert fields.take_waiting(session).id == field
        found = photograph(number).model_copy(update={"sha256": hashlib.sha256(data).hexdigest()})
        with store.session() as session:
            # Without a mark nothing is taken for the same place.
            assert fields.finish(session, field, found, METHOD, None)
    return slide


@pytest.fixture(scope="module")
def reviewed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    """The address of a workstation, and a slide to review there."""
    folder: Path = tmp_path_factory.mktemp("records")
    store = Store(folder)
    slide = make_slide(store)
    store.close()
    with served(folder) as address:
        yield address, slide


@pytest.fixture
def page(browser: Browser, reviewed: tuple[str, int]) -> Iterator[Page]:
    with visit(browser, reviewed[0], viewport={"width": 1280, "height": 900}) as page:
        accept(page)
        yield page


def tally(page: Page, slide: int) -> tuple[int, int, int]:
    shown = page.request.get(f"/api/v1/slides/{slide}").json()
    return shown["infected"], shown["counted"], shown["not_a_cell"]


def review(page: Page, slide: int) -> dict[str, int]:
    return dict(page.request.get(f"/api/v1/slides/{slide}/review?limit=1").json()["review"])


def test_46_called_and_uncertain_cells_of_20_photographs_are_reviewed_by_60_keys_at_most(
    page: Page, reviewed: tuple[str, int]
) -> None:
    _, slide = reviewed
    infected, counted, uncertain = tally(page, slide)
    assert (infected, uncertain) == (40, 6)
    page.goto(f"/slides/{slide}/review", wait_until="domcontentloaded")
    expect(page.locator("#progress")).to_contain_text("0 of 46 looked at")
    expect(page.locator("a.due").first).to_be_focused()
    keys = 0

    def press(key: str) -> None:
        nonlocal keys
        keys += 1
        page.keyboard.press(key)

    # The first by mistake; taken back, and called rightly.
    press("u")
    press("z")
    for _ in range(30):
        press(" ")
    for _ in range(8):
        press("u")
    press("n")
    press("?")
    for _ in range(4):
        press("u")
    press("i")
    press("?")
    expect(page.locator("#progress")).to_contain_text("46 of 46 looked at")
    assert keys <= 60
    assert review(page, slide)["called_looked_at"] == 40
    assert tally(page, slide) == (infected - 10 + 1, counted - 2 + 5, 2)
    # On to the sample, and to the signature without being asked.
    expect(page.locator("a.due:focus")).not_to_have_class("looked-at")
    page.keyboard.press("i")
    expect(page.locator("#progress")).to_contain_text("1 of 1 drawn at random were infected")
    page.goto(f"/slides/{slide}")
    expect(page.get_by_label("Sign all the same")).to_have_count(0)


def test_one_tab_stop_leads_to_the_cells_of_a_photograph_and_arrows_among_them(
    page: Page, reviewed: tuple[str, int]
) -> None:
    page.goto("/fields/1")
    expect(page.locator("a.object[tabindex='0']")).to_have_count(1)
    expect(page.locator("a.object:not([tabindex='0']):not([tabindex='-1'])")).to_have_count(0)
    first = page.locator("a.object[tabindex='0']")
    first.focus()
    seen = set()
    for key in ("ArrowDown", "ArrowRight", "ArrowRight", "ArrowUp"):
        page.keyboard.press(key)
        seen.add(page.evaluate("document.activeElement.dataset.cell"))
    assert len(seen) > 2
    assert None not in seen
    page.keyboard.press("Enter")
    expect(page.locator("#cell h2")).to_contain_text("Cell")


def test_contrast_colour_and_outlines_are_shown_as_chosen_and_remembered(page: Page) -> None:
    page.goto("/fields/1")
    picture = page.locator(".smear image")
    assert picture.evaluate("one => one.style.filter") == ""
    page.get_by_label("Colour", exact=True).select_option("green")
    page.get_by_label("Contrast").fill("2")
    page.get_by_label("Outlines").uncheck()
    page.goto("/fields/2")
    assert "appearance" in picture.evaluate("one => one.style.filter")
    expect(page.get_by_label("Contrast")).to_have_value("2")
    expect(page.get_by_label("Outlines")).not_to_be_checked()
    page.get_by_role("button", name="Reset").click()
    assert picture.evaluate("one => one.style.filter") == ""


def test_the_review_fits_a_telephone_and_reads_from_the_right(browser: Browser, reviewed: tuple[str, int]) -> None:
    address, slide = reviewed
    with visit(browser, address, viewport={"width": 360, "height": 740}) as page:
        accept(page)
        page.locator("#language").select_option("ar")
        expect(page.locator("html[dir=rtl]")).to_be_attached()
        for path in (f"/slides/{slide}/review", "/fields/1"):
            page.goto(path)
            assert page.evaluate("document.documentElement.scrollWidth") <= 360
