"""A person at the workstation, in a real browser (Debian's package ``chromium``)."""

import base64
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from chromium import ANALYSED, accept, visit
from plasmoscope.reports.illustrations import encode_png
from plasmoscope.store import accounts
from plasmoscope.store.store import Store
from plasmoscope.synthetic.rendering import render_field
from shared_data import shared_path
from workstation import PASSWORD, served

pytestmark = [pytest.mark.browser, pytest.mark.slow]

# Where to keep pictures of the pages, to look at; nowhere if not set.
SCREENSHOTS = os.environ.get("PLASMOSCOPE_SCREENSHOTS")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(tmp_path_factory.mktemp("records")) as address:
        yield address


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    with visit(browser, address, viewport={"width": 1280, "height": 900}) as page:
        yield page


def picture(page: Page, name: str) -> None:
    if SCREENSHOTS:
        page.wait_for_load_state("networkidle")
        page.screenshot(path=Path(SCREENSHOTS) / f"{name}.png")


def test_a_newcomer_sees_the_example_slide_in_one_click(page: Page) -> None:
    page.goto("/")
    expect(page.get_by_text("not a medical device").first).to_be_visible()
    picture(page, "welcome")
    page.get_by_role("button", name="Accept, and show me").click()
    expect(page.locator("#count .big")).to_contain_text("%", timeout=ANALYSED)
    expect(page.locator("[data-unfinished]")).to_have_count(0, timeout=ANALYSED)
    picture(page, "slide")
    page.locator("#fields a.thumbnail").first.click()
    expect(page.locator("svg.smear a.object.infected").first).to_be_visible()
    picture(page, "field")
    page.goto("/")
    expect(page.locator("table.slides tbody tr")).to_have_count(1)
    picture(page, "history")


def sign(page: Page) -> None:
    """Also where nobody looked at all called cells."""
    for asked in page.get_by_label("Sign all the same").all():
        asked.check()
    page.get_by_role("button", name="Sign off").click()


DROP_FOLDER = """
([selector, pictures]) => {
  const file = (name, data) => ({
    name,
    isDirectory: false,
    file: (settle) => settle(new File([Uint8Array.from(atob(data), (sign) => sign.charCodeAt(0))], name)),
  });
  const folder = (name, inside) => ({
    name,
    isDirectory: true,
    createReader: () => {
      const left = [...inside];
      return { readEntries: (settle) => settle(left.splice(0, 1)) };
    },
  });
  const [first, second] = pictures;
  const inner = folder("more", [file("b.png", second), file(".DS_Store", first)]);
  const dropped = folder("slide", [inner, file("Thumbs.db", first), file("a.png", first)]);
  const event = new Event("drop", { cancelable: true });
  event.dataTransfer = { items: [{ webkitGetAsEntry: () => dropped }], files: [] };
  document.querySelector(selector).dispatchEvent(event);
}
"""


def test_photographs_in_a_dropped_folder_are_sent(page: Page) -> None:
    accept(page)
    page.get_by_role("link", name="New slide").click()
    page.locator("[name=patient]").fill("B-7")
    page.locator("[name=code]").fill("dropped")
    page.locator("main form button.main").click()
    pictures = [
        base64.b64encode(encode_png(render_field(seed, 320, 240, cells=8, cell_diameter=50).image)).decode()
        for seed in (1, 2)
    ]
    page.evaluate(DROP_FOLDER, ["form.drop", pictures])
    expect(page.locator("#fields li.field")).to_have_count(2)
    expect(page.locator("#fields")).to_contain_text("a.png")
    expect(page.locator("#fields")).to_contain_text("b.png")


def test_a_slide_from_first_photograph_to_signature(page: Page) -> None:
    photographs = [shared_path(f"data/fields_lab3/{name}.jpg") for name in ("pf_171", "pf_182", "po_182")]
    accept(page)
    page.get_by_role("link", name="New slide").click()
    page.locator("[name=patient]").fill("A-203")
    page.locator("[name=code]").fill("17")
    page.locator("[name=haematocrit_percent]").fill("38")
    page.locator("main form button.main").click()
    expect(page.locator("html.scripted")).to_be_visible()
    page.locator("input[type=file]").first.set_input_files(photographs)
    expect(page.locator("#fields li.field")).to_have_count(3, timeout=ANALYSED)
    expect(page.locator("#fields a.thumbnail")).to_have_count(3, timeout=ANALYSED)
    expect(page.locator("[data-unfinished]")).to_have_count(0, timeout=ANALYSED)
    slide = page.url

    # A call is changed, and the count follows.
    page.locator("#fields a.thumbnail").first.click()
    numbers = page.locator("#numbers")
    before = numbers.inner_text()
    page.locator("svg.smear a.object.infected").first.click()
    expect(page.locator("#cell img.large")).to_be_visible()
    page.get_by_role("link", name="Show what the call rests on").click()
    expect(page.locator("[data-heat-said]")).not_to_be_empty(timeout=ANALYSED)
    expect(page.locator("[data-heat-said]")).not_to_contain_text("Please wait", timeout=ANALYSED)
    picture(page, "cell")
    page.locator("#cell button[value='uninfected']").click()
    expect(numbers).not_to_have_text(before)

    # With the keyboard alone: zoom, and open another cell.
    smear = page.locator("svg.smear")
    smear.focus()
    whole = smear.get_attribute("viewBox")
    page.keyboard.press("+")
    expect(smear).not_to_have_attribute("viewBox", whole)
    page.keyboard.press("0")
    expect(smear).to_have_attribute("viewBox", whole)
    opened = page.locator("#cell").get_attribute("data-open")
    # All cells are one stop of the tab key; arrows lead from one to the next.
    for key in ("Tab", "Home", "Enter"):
        page.keyboard.press(key)
    expect(page.locator("#cell")).not_to_have_attribute("data-open", opened)

    page.goto(slide)
    with page.expect_download() as pdf:
        page.locator("a[href*='cells.csv']").click()
    assert Path(pdf.value.path()).read_text("utf-8-sig").startswith("field")
    report = page.request.get(page.locator("a[href*='report.pdf']").get_attribute("href"))
    assert report.body().startswith(b"%PDF")
    page.get_by_label("Your name").fill("Ama Owusu")
    sign(page)
    expect(page.get_by_text("Signed by")).to_be_visible()
    expect(page.locator("input[type=file]")).to_have_count(0)
    picture(page, "signed")

    page.goto("/?patient=A-203")
    expect(page.locator("table.slides tbody tr")).to_have_count(1)
    page.get_by_role("link", name="A-203").click()
    picture(page, "patient")


def test_photographs_in_line_are_sent_although_the_connection_blinks(page: Page, tmp_path: Path) -> None:
    photographs = [tmp_path / f"{number}.png" for number in range(3)]
    for number, file in enumerate(photographs):
        file.write_bytes(encode_png(render_field(number, 480, 360, cells=12).image))
    accept(page)
    page.get_by_role("link", name="New slide").click()
    page.locator("[name=patient]").fill("A-204")
    page.locator("[name=code]").fill("18")
    page.locator("main form button.main").click()
    expect(page.locator("html.scripted")).to_be_visible()
    # Nothing can be asked of the server but to take photographs.
    page.route(lambda url: url == page.url, lambda route: route.abort())
    page.locator("input[type=file]").first.set_input_files(photographs)
    expect(page.locator(".uploads li")).to_have_count(0, timeout=ANALYSED)
    page.unroute_all()
    page.reload()
    expect(page.locator("#fields li.field")).to_have_count(3)


def test_arabic_reads_from_the_right_on_a_telephone(page: Page) -> None:
    accept(page)
    page.locator("#language").select_option("ar")
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    page.set_viewport_size({"width": 360, "height": 740})
    for number, path in enumerate(
        ("/", "/slides/1", "/fields/1", "/slides/new", "/cells", "/performance", "/patients", "/fields/1/move")
    ):
        page.goto(path)
        expect(page.locator("html")).to_have_attribute("lang", "ar")
        overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert overflow <= 0, f"{path} is wider than the telephone by {overflow} pixels"
        picture(page, f"arabic-{number}")


def test_two_fingers_enlarge_a_field_and_one_moves_it(browser: Browser, address: str) -> None:
    with visit(browser, address, viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True) as page:
        accept(page)
        page.goto("/slides/1")
        page.locator("#fields a.thumbnail").first.click()
        smear = page.locator("svg.smear")
        # Its middle, wherever the typeface at hand puts it: fingers beyond the screen touch nothing.
        smear.evaluate("element => element.scrollIntoView({block: 'center'})")
        frame = smear.bounding_box()
        assert frame
        across, down = frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] / 2
        fingers = page.context.new_cdp_session(page)

        def touch(kind: str, *places: tuple[float, float]) -> None:
            points = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(places)]
            fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

        def in_view() -> list[float]:
            return [float(number) for number in (smear.get_attribute("viewBox") or "").split()]

        whole = in_view()
        # Apart along the page's own direction of scrolling, which must not take the fingers away.
        touch("touchStart", (across, down - 20), (across, down + 20))
        for apart in range(20, 62, 4):
            touch("touchMove", (across, down - apart), (across, down + apart))
        touch("touchEnd")
        enlarged = in_view()
        assert whole[2] / enlarged[2] == pytest.approx(3, rel=0.1)
        touch("touchStart", (across, down))
        for moved in range(0, 44, 4):
            touch("touchMove", (across - moved, down - moved))
        touch("touchEnd")
        moved_to = in_view()
        assert moved_to[2] == enlarged[2]
        assert moved_to[0] > enlarged[0]
        assert moved_to[1] > enlarged[1]
        picture(page, "telephone-enlarged")


def test_the_dark_page_is_dark(page: Page) -> None:
    page.emulate_media(color_scheme="dark")
    accept(page)
    page.goto("/slides/1")
    brightness = page.evaluate(
        "getComputedStyle(document.body).backgroundColor.match(/[0-9.]+/g).slice(0, 3).reduce((a, b) => a + +b, 0)"
    )
    assert brightness < 200
    picture(page, "dark")


FAINT_TEXT = """
() => {
  const parse = (colour) => colour.match(/[0-9.]+/g).map(Number);
  const light = (rgb) => {
    const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    const [r, g, b] = rgb.slice(0, 3).map((v) => linear(v / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const colour = parse(getComputedStyle(one).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const faint = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || element.closest("svg, script, [hidden], .unseen, .skip, option")) continue;
    if (!element.checkVisibility()) continue;
    const [a, b] = [parse(getComputedStyle(element).color), ground(element)].map(light).sort((x, y) => y - x);
    const contrast = (a + 0.05) / (b + 0.05);
    const size = parseFloat(getComputedStyle(element).fontSize);
    if (contrast < (size >= 24 ? 3 : 4.5)) faint.push(`${texts.currentNode.data.trim()}: ${contrast.toFixed(2)}`);
  }
  return faint;
}
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_its_ground_as_wcag_aa_asks(page: Page, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    page.goto("/welcome")
    assert page.evaluate(FAINT_TEXT) == []
    accept(page)
    for path in ("/", "/slides/1", "/slides/1/cells", "/slides/1/changes", "/fields/1?cell=1", "/slides/new", "/cells"):
        page.goto(path)
        assert page.evaluate(FAINT_TEXT) == [], path


def test_pictures_of_single_cells_are_called(
    page: Page, rendered_cells: list[tuple[np.ndarray, bool]], tmp_path: Path
) -> None:
    from PIL import Image

    files = []
    for index, (cell, _) in enumerate(rendered_cells[:4]):
        files.append(tmp_path / f"{index}.png")
        Image.fromarray(cell).save(files[-1])
    files.append(tmp_path / "field.png")
    Image.fromarray(render_field(3, cells=30).image).save(files[-1])
    accept(page)
    page.goto("/cells")
    page.locator("input[type=file]").first.set_input_files(files)
    infected = sum(infected for _, infected in rendered_cells[:4])
    expect(page.get_by_text("0.99")).to_have_count(infected, timeout=ANALYSED)
    expect(page.get_by_text("not one red cell on black")).to_have_count(1)
    expect(page.locator(".singles li").last).to_contain_text("field.png")
    expect(page.locator(".singles li").last).to_contain_text("analyze it")
    picture(page, "cells")


def test_forms_work_across_a_network_without_https(browser: Browser, tmp_path: Path) -> None:
    store = Store(tmp_path)
    with store.session() as session:
        accounts.add_account(session, "tests", "Admin", PASSWORD, "admin")
    store.close()
    with served(tmp_path, host="0.0.0.0") as address:
        network = address.replace("127.0.0.1", "laboratory.example")
        with visit(browser, network) as page:
            sent: list[dict[str, str]] = []
            page.on("request", lambda request: sent.append(request.all_headers()) if request.method == "POST" else None)
            page.goto("/")
            page.get_by_label("Name").fill("Admin")
            page.get_by_label("Password").fill(PASSWORD)
            page.get_by_role("button", name="Log in").click()
            page.get_by_role("button", name="I understand").click()
            expect(page.get_by_role("link", name="New slide")).to_be_visible()
        # Otherwise this shows nothing: on a safe connection the browser tells in another way.
        assert all("sec-fetch-site" not in headers for headers in sent)
        assert len(sent) == 2
