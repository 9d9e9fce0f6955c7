"""A browser, where one is installed."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from patience import PATIENCE

ANALYSED = 1000 * PATIENCE  # milliseconds
ANSWERED = 180_000
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    # A camera that shows a moving pattern, and whose use nobody is asked about.
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    # An address of a network, for a browser: it trusts no such one without https.
    "--host-resolver-rules=MAP laboratory.example 127.0.0.1",
]


@contextmanager
def running_chromium() -> Iterator[Browser]:
    """Skips with the reason where there is none."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("needs Chromium (on Debian: apt install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=QUIET, timeout=ANALYSED)
        expect.set_options(timeout=ANSWERED)
        yield browser
        browser.close()


@contextmanager
def visit(browser: Browser, address: str, **device: Any) -> Iterator[Page]:
    """A browser that was never here before; whatever goes wrong in a page's script fails the test."""
    context = browser.new_context(base_url=address, locale="en-GB", **device)
    page = context.new_page()
    page.set_default_timeout(ANSWERED)
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: wrong.append(request.url) if not own(request.url, address) else None)
    page.on("console", lambda said: wrong.append(said.text) if "Content Security Policy" in said.text else None)
    yield page
    context.close()
    assert wrong == []


def own(url: str, address: str) -> bool:
    return url.startswith((address, "data:", "blob:"))


def accept(page: Page) -> None:
    page.goto("/")
    page.get_by_role("button", name="I understand").click()
    expect(page.locator("html.scripted")).to_be_attached()
