"""A browser, where one is installed."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

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
