"""Every page, looked through by axe-core in a real browser (Debian's package ``chromium``)."""

from datetime import date
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from analysed import analysed
from chromium import accept, visit
from plasmoscope.store import accounts, cameras, controls, panel_takings, panels
from plasmoscope.store.slides import SlideDetails, create_slide
from plasmoscope.store.store import Store
from plasmoscope.watching import Report
from workstation import PASSWORD, served

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PAGES = (
    "/",
    "/slides/new",
    "/slides/1",
    "/slides/1/review",
    "/slides/1/cells",
    "/slides/1/possible",
    "/slides/1/not-told",
    "/slides/1/changes",
    "/slides/1/details",
    "/fields/1?cell=1",
    "/fields/1/move",
    "/patients",
    "/patients/P-1",
    "/cells",
    "/performance",
    "/profiles",
    "/readings",
    "/panels",
    "/panels/1",
    "/takings/1",
    "/quality",
    "/slides/3",
    "/letterhead",
    "/accounts",
    "/password",
    "/audit",
    "/deleted-slides",
    "/find?code=nobody",
    "/nowhere",
)


def faults(page: Page) -> list[str]:
    """What axe-core finds wrong, each with the first place."""
    expect(page.locator("html.scripted")).to_be_attached()
    found = Axe().run(page, options={"rules": {"target-size": {"enabled": True}}}).response["violations"]
    return [f"{page.url} {one['id']}: {one['help']}: {one['nodes'][0]['html'][:200]}" for one in found]


def test_no_page_has_a_fault_that_axe_core_finds(browser: Browser, tmp_path: Path) -> None:
    store = Store(tmp_path)
    with store.session() as session:
        accounts.add_account(session, "tests", "Ama", PASSWORD, "admin")
        slide = create_slide(session, "Ama", SlideDetails("P-1", "S-1", date(2026, 3, 1))).id
        cameras.report(session, "scope", Report(2, ("a.png", "b.png"), (), False))
        cameras.open_for(session, "Ama", slide, "scope")
        panel = panels.make_panel(session, "Ama", "Spring", training=True).id
        tried = panels.add_slide(session, "Ama", panel, panels.GivenTruth(True, count=2.0)).slide_id
    analysed(store, slide)
    analysed(store, tried)
    with store.session() as session:
        panels.open_panel(session, "Ama", panel)
        panel_takings.begin(session, "Ama", panel)
        control = controls.make_control(session, "Ama", "Blood bank", "positive", "", 1.0, 0.1).id
        reading = controls.begin_reading(session, "Ama", control).id
        controls.begin_reading(session, "Ama", control)
    analysed(store, reading)
    with store.session() as session:
        controls.enter_reading(session, "Ama", reading)
    store.close()
    found: list[str] = []
    with served(tmp_path, host="0.0.0.0") as address, visit(browser, address) as page:
        page.goto("/login")
        found += faults(page)
        # What it is to find, it finds.
        page.evaluate("document.querySelector('main').append(document.createElement('input'))")
        assert "label" in str(faults(page))
        page.locator("[name=name]").fill("Ama")
        page.locator("[name=password]").fill(PASSWORD)
        page.locator("main form button").click()
        page.goto("/welcome")
        found += faults(page)
        accept(page)
        for path in PAGES:
            page.goto(path)
            found += faults(page)
        page.goto("/slides/1")
        page.locator("#language").select_option("ar")
        expect(page.locator("html")).to_have_attribute("dir", "rtl")
        page.set_viewport_size({"width": 360, "height": 740})
        found += faults(page)
    assert found == []
