"""A barcode scanner, which types a code and Enter, at the form of a new slide."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from chromium import visit
from workstation import served

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_scanned_codes_go_from_box_to_box_and_the_slide_is_saved_by_one_more_enter(
    browser: Browser, tmp_path: Path
) -> None:
    with served(tmp_path) as address, visit(browser, address) as page:
        page.context.add_cookies([{"name": "welcome", "value": "accepted", "url": address}])
        page.goto("/slides/new")
        expect(page.locator("#patient")).to_be_focused()
        page.keyboard.type("P-9")
        page.keyboard.press("Enter")
        expect(page.locator("#code")).to_be_focused()
        page.keyboard.type("S-9")
        page.keyboard.press("Enter")
        expect(page.locator("#save")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("h1")).to_contain_text("S-9")
        page.goto("/")
        expect(page.locator("#scanned")).to_be_focused()
        page.keyboard.type("s-9")
        page.keyboard.press("Enter")
        page.wait_for_url("**/slides/1")
