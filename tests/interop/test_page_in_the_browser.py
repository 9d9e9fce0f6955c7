"""``examples/web``: the page prepares and calls cells as the program does, in a browser, without a network."""

import base64
import functools
import io
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect

from javascript import built_page, run_module
from plasmoscope import Classifier
from plasmoscope.classification.batch import classify_sources
from plasmoscope.classification.card import ModelCard
from plasmoscope.classification.class_shares import class_shares, own_log_odds
from plasmoscope.classification.odds import probability_of
from plasmoscope.imaging.cells import remarks_on, resize_cell
from plasmoscope.imaging.samples import to_rgb
from plasmoscope.imaging.sources import ImageFile
from plasmoscope.labels import Classes, call_name
from plasmoscope.messages import RESEARCH_USE

SIZE = 96
# Width and height: to both sides of half, of the size itself and of whole factors; and of strange shapes.
SIZES = [
    (148, 142), (96, 96), (95, 97), (191, 193), (192, 192), (193, 192), (192, 96), (288, 288), (394, 301), (288, 192),
    (48, 26), (1, 1), (60, 700), (700, 60), (2, 300),
]  # fmt: skip


def encoded(pixels: np.ndarray) -> dict[str, object]:
    height, width = pixels.shape[:2]
    return {"width": width, "height": height, "data": base64.b64encode(pixels.tobytes()).decode()}


def picture(name: str) -> str:
    """JavaScript that decodes what ``encoded`` made."""
    return f"({{ ...{name}, data: Buffer.from({name}.data, 'base64') }})"


def test_the_page_resizes_as_the_program_does() -> None:
    draw = np.random.default_rng(5)
    pictures = [draw.integers(0, 256, (height, width, 3), np.uint8) for width, height in SIZES]
    resized = run_module(
        "resize.mjs",
        f"given.map((one) => Buffer.from(module.resizeToSquare({picture('one')}, {SIZE}).data).toString('base64'))",
        [encoded(one) for one in pictures],
    )
    for given, one in zip(pictures, resized, strict=True):
        pixels = np.frombuffer(base64.b64decode(one), np.uint8).reshape(SIZE, SIZE, 3)
        difference = cv2.absdiff(pixels, resize_cell(given, SIZE))
        # Processors may round a mean in another order; what is between pixels is weighed in whole numbers.
        assert difference.max() <= 1, given.shape
        assert (difference > 0).mean() <= 0.001, given.shape


def test_the_page_lays_transparent_pictures_on_black_as_the_program_does() -> None:
    draw = np.random.default_rng(6)
    colours = draw.integers(0, 256, (8, 9, 3), np.uint8)
    alphas = [draw.integers(0, 256, (8, 9), np.uint8), np.full((8, 9), 128, np.uint8)]
    given = [np.dstack((colours, alpha)).ravel().tolist() for alpha in alphas]
    laid = run_module("picture.mjs", "given.map((one) => [...module.onBlack(Uint8ClampedArray.from(one))])", given)
    for alpha, one in zip(alphas, laid, strict=True):
        assert np.array_equal(np.array(one).reshape(8, 9, 3), to_rgb(colours, alpha))


def test_the_page_refuses_what_a_browser_reads_otherwise_than_the_program() -> None:
    frames = [Image.new("RGB", (9, 8), colour) for colour in ("red", "blue")]

    def saved(kind: str, *more: Image.Image) -> bytes:
        stream = io.BytesIO()
        frames[0].save(stream, kind, **({"save_all": True, "append_images": more} if more else {}))
        return stream.getvalue()

    deep = cv2.imencode(".png", np.full((8, 9, 3), 40_000, np.uint16))[1].tobytes()
    good = [saved(kind) for kind in ("PNG", "JPEG", "WEBP", "AVIF", "BMP")]
    several = [saved(kind, frames[1]) for kind in ("PNG", "WEBP", "AVIF")]
    given = [*good, *several, deep, saved("TIFF"), saved("GIF", frames[1]), b"", b"no picture"]
    encoded_files = [base64.b64encode(one).decode() for one in given]
    check = "try { module.checkKind(Buffer.from(one, 'base64')); return null } catch (error) { return error.message }"
    told = run_module("picture.mjs", f"given.map((one) => {{ {check} }})", encoded_files)
    expected = ["several pictures"] * 3 + ["16 bits", "Save it as PNG", "Save it as PNG", "empty", "Save it as PNG"]
    assert len(told) == 5 + len(expected)
    assert all(words in sentence for words, sentence in zip(expected, told[5:], strict=True)), told


def test_the_page_remarks_on_what_the_program_remarks_on(real_cells: list[np.ndarray]) -> None:
    cell = resize_cell(real_cells[0], SIZE)
    grey, corner = np.full_like(cell, 120), cell.copy()
    corner[:, :5], grey[0, 0] = 200, (0, 200, 0)
    lifted = [np.maximum(cell, level).astype(np.uint8) for level in (25, 26)]
    pale = [np.where(cell > 25, np.uint8(150), cell) + np.array((more, 0, 0), np.uint8) for more in (0, 1)]
    cells = np.stack([cell, np.zeros_like(cell), grey, corner, *lifted, *pale, cell, cell])
    sides = [*[SIZE] * (len(cells) - 2), 500, 501]
    told = run_module(
        "remarks.mjs",
        f"given.map(([one, side]) => module.remarkOn({picture('one')}, side))",
        [(encoded(one), side) for one, side in zip(cells, sides, strict=True)],
    )
    assert told == remarks_on(cells, sides)
    assert len(set(told)) == 5, "each remark, and none"


def test_the_page_is_silent_where_the_program_is(
    field_classifier: Classifier, real_cells: list[np.ndarray], rendered_cells: list[tuple[np.ndarray, bool]]
) -> None:
    """By the model for fields, whose network and card tell what is no cell."""
    dirt = np.full((40, 40, 3), (60, 20, 90), np.uint8)
    prepared = field_classifier.prepare_batch([*real_cells, dirt, *(cell for cell, _ in rendered_cells[:4])])
    logits, strangeness = field_classifier.logits_and_strangeness(prepared)
    card = field_classifier.card
    told = run_module(
        "judging.mjs",
        "given.outputs.map(([logits, strangeness]) => module.judge(logits, strangeness, given.card))",
        {"outputs": list(zip(logits.tolist(), strangeness.tolist(), strict=True)), "card": card.model_dump()},
    )
    for one, (probability, third) in zip(told, field_classifier.judge_prepared(prepared).each(), strict=True):
        assert one["probability"] == pytest.approx(probability, abs=1e-5)
        assert one["notACell"] == pytest.approx(third, abs=1e-5)
        assert one["call"] == call_name(probability, card.threshold, third, card.silence_threshold)
    assert {one["call"] for one in told} == {"infected", "uninfected", "not_a_cell"}


def test_the_page_sums_classes_of_ones_own_as_the_program_does(classifier: Classifier) -> None:
    names, positive, temperature = ("late", "healthy", "ring"), ("ring", "late"), 0.7
    logits = np.random.default_rng(8).normal(0, 3, (20, 3)).astype(np.float32)
    card = classifier.card.model_dump() | {"class_names": names, "positive_classes": positive}
    card["calibration"]["temperature"] = temperature
    told = run_module(
        "judging.mjs", "given[0].map((one) => module.judge(one, null, given[1]))", [logits.tolist(), card]
    )
    shares = class_shares(logits, temperature)
    odds = own_log_odds(logits, Classes(names, positive), temperature) / temperature
    for one, by_class, probability in zip(told, shares.tolist(), probability_of(odds).tolist(), strict=True):
        assert one["probability"] == pytest.approx(probability, abs=1e-5)
        assert one["classes"] == pytest.approx(dict(zip(names, by_class, strict=True)), abs=1e-5)
        assert one["call"] == call_name(probability, card["threshold"])


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a server of files for the page, which is asked by nobody but this computer."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    site = built_page(tmp_path_factory.mktemp("page") / "site")
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture
def cell_files(real_cells: list[np.ndarray], tmp_path: Path) -> list[Path]:
    """As PNG, as the NIH gives them."""
    files = [tmp_path / f"cell_{number}.png" for number in range(len(real_cells))]
    for file, cell in zip(files, real_cells, strict=True):
        Image.fromarray(cell).save(file)
    return files


def chosen(page: Page, files: list[Path]) -> list[dict[str, str]]:
    """What the page says of each."""
    page.locator("#files").set_input_files(files)
    expect(page.get_by_text(f"Done: {len(files)} pictures.")).to_be_visible()
    rows = page.locator("tbody tr")
    return [rows.nth(index).evaluate("row => ({ ...row.dataset, text: row.innerText })") for index in range(len(files))]


@pytest.mark.browser
def test_real_cells_are_called_in_a_browser_without_a_network_as_by_the_program(
    browser: Browser, address: str, classifier: Classifier, cell_files: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "notes.png").write_text("no picture")
    dark = tmp_path / "dark.png"
    Image.new("RGB", (80, 90)).save(dark)
    context = browser.new_context()
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    expect(page.get_by_text("opens without a network from now on")).to_be_visible()
    context.set_offline(True)
    page.reload()
    expect(page.get_by_text("Ready.")).to_be_visible()
    *said, of_dark, of_none = chosen(page, [*cell_files, dark, tmp_path / "notes.png"])
    expected = list(classify_sources(classifier, [ImageFile(file) for file in cell_files]))
    for one, by_program in zip(said, expected, strict=True):
        assert float(one["probability"]) == pytest.approx(by_program.probability, abs=1e-3)
        assert one["call"] == by_program.call
        assert ("Do not rely on it" in one["text"]) == (by_program.remark is not None)
    assert {one["call"] for one in said} == {"infected", "uninfected"}
    assert "all black" in of_dark["text"]
    assert "not called" in of_none["text"]
    assert "Save it as PNG" in of_none["text"]
    for sentence in (RESEARCH_USE, "as if stained and lit like the slides of the NIH data set", classifier.card.name):
        expect(page.get_by_text(sentence)).to_be_visible()
    assert {url for url in asked if not url.startswith((address, "blob:", "data:"))} == set()
    context.close()


@pytest.mark.browser
def test_a_model_that_is_not_its_cards_calls_nothing(
    browser: Browser, address: str, classifier: Classifier, cell_files: list[Path]
) -> None:
    context = browser.new_context(service_workers="block")
    page = context.new_page()
    card: ModelCard = classifier.card

    def altered(route: Route) -> None:
        route.fulfill(json=card.model_dump(mode="json") | {"sha256": "0" * 64})

    page.route("**/model.json", altered)
    page.goto(address)
    expect(page.get_by_text("No cell is called: The model is not the file that its card describes")).to_be_visible()
    expect(page.locator("#files")).to_be_disabled()
    context.close()
