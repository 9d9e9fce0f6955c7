"""Correcting the outlines of a photograph in a real browser (Debian's package ``chromium``)."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from analysed import FOUND, analysed
from chromium import ANSWERED, accept, visit
from plasmoscope.store import slides
from plasmoscope.store.slides import SlideDetails
from plasmoscope.store.store import Store
from workstation import served

pytestmark = [pytest.mark.browser, pytest.mark.slow]

HEALTHY = next(cell for cell in FOUND.cells if cell.counted and not cell.parasitized)
NEXT = max(cell.number for cell in FOUND.cells) + 1
FREE = (200, 150, 290, 240)


@pytest.fixture
def page(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    """At the page of the one photograph of a slide."""
    store = Store(tmp_path)
    with store.session() as session:
        slide = slides.create_slide(session, "tests", SlideDetails("P-9", "S-9", date(2026, 3, 1))).id
    assert (slide, analysed(store, slide)) == (1, 1)
    store.close()
    with served(tmp_path) as address, visit(browser, address, viewport={"width": 1280, "height": 1000}) as page:
        accept(page)
        page.goto("/fields/1", wait_until="domcontentloaded")
        expect(page.locator("html.scripted")).to_be_attached()
        yield page


def drag(page: Page, *places: tuple[float, float]) -> None:
    """With the mouse, from place to place in pixels of the photograph."""
    page.locator("svg.smear").scroll_into_view_if_needed()
    on_screen = page.evaluate(
        """places => {
          const screen = document.querySelector("svg.smear").getScreenCTM();
          return places.map(([x, y]) => { const p = new DOMPoint(x, y).matrixTransform(screen); return [p.x, p.y]; });
        }""",
        places,
    )
    page.mouse.move(*on_screen[0])
    page.mouse.down()
    for x, y in on_screen[1:]:
        page.mouse.move(x, y, steps=8)
    page.mouse.up()


def numbers(page: Page) -> tuple[int, int]:
    """Infected and counted cells; page and API must agree."""
    shown = page.request.get("/api/v1/slides/1", timeout=ANSWERED).json()
    infected, counted = shown["infected"], shown["counted"]
    expect(page.locator("#numbers")).to_contain_text(f"{infected} of {counted} cells infected")
    return infected, counted


def numbers_everywhere(page: Page) -> tuple[int, int]:
    """The same; the reports, JSON, CSV and COCO must agree too."""
    infected, counted = numbers(page)

    def file(name: str) -> bytes:
        return page.request.get(f"/api/v1/slides/1/files/{name}", timeout=ANSWERED).body()

    count = json.loads(file("slide.json"))["count"]
    assert (count["infected"], count["counted"]) == (infected, counted)
    rows = [row for row in csv.DictReader(io.StringIO(file("cells.csv").decode())) if row["counted"] == "yes"]
    assert (sum(row["call"] == "parasitized" for row in rows), len(rows)) == (infected, counted)
    coco = json.loads(file("coco.json"))["annotations"]
    assert sum(one["attributes"]["counted"] for one in coco) == counted
    assert f"{infected} of {counted} red cells were called infected" in file("report.html").decode()
    # It says what the HTML says (``test_reports``).
    assert file("report.pdf").startswith(b"%PDF")
    return infected, counted


def test_cells_are_drawn_split_joined_and_erased_and_each_is_undone(page: Page) -> None:
    infected, counted = numbers(page)
    objects = page.locator("a.object")
    outlined = objects.count()
    page.get_by_label("Draw as").select_option("infected")
    page.get_by_role("button", name="Ellipse").click()
    drag(page, FREE[:2], FREE[2:])
    expect(page.locator("#cell h2")).to_have_text(f"Cell {NEXT}")
    expect(objects).to_have_count(outlined + 1)
    assert numbers(page) == (infected + 1, counted + 1)
    page.get_by_role("button", name="Split").click()
    left, top, width, height = HEALTHY.box
    middle = left + width / 2
    drag(page, (middle, top - 3), (middle, top + height + 3))
    expect(page.locator(f"#object-{NEXT + 2}")).to_be_attached()
    expect(page.locator(f"#object-{HEALTHY.number}")).to_have_count(0)
    assert numbers(page) == (infected + 1, counted + 2)
    page.get_by_role("button", name="Join").click()
    for number in (NEXT + 1, NEXT + 2):
        page.locator(f"#object-{number} polygon").click()
    page.get_by_role("button", name="Join").click()
    expect(page.locator("#cell h2")).to_have_text(f"Cell {NEXT + 3}")
    assert numbers_everywhere(page) == (infected + 1, counted + 1)
    page.get_by_label("Stage").select_option("ring")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Erase").click()
    expect(page.locator(f"#object-{NEXT + 3}")).to_have_count(0)
    assert numbers(page) == (infected + 1, counted)
    for _ in range(5):
        with page.expect_response("**/undo"):
            page.keyboard.press("Control+z")
    expect(objects).to_have_count(outlined)
    assert numbers(page) == (infected, counted)
    with page.expect_response("**/redo"):
        page.get_by_role("button", name="Redo").click()
    expect(objects).to_have_count(outlined + 1)
    assert numbers(page) == (infected + 1, counted + 1)
    page.goto("/slides/1/changes")
    for did in ("drew a cell", "split a cell", "joined pieces", "erased an object", "undid a change", "redid a change"):
        expect(page.get_by_text(did).first).to_be_visible()
