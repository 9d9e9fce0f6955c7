"""Different places are counted, and one place photographed twice is counted once and named."""

import csv
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import pytest

from plasmoscope import Classifier, SlideOptions, analyze_slide
from plasmoscope.analysis.duplicates import Fingerprint, fingerprint, same_place
from plasmoscope.analysis.notes import notes_on
from plasmoscope.analysis.results import Slide
from plasmoscope.i18n.words import english, without_marks
from plasmoscope.imaging.illumination import field_of_view
from plasmoscope.imaging.reading import read_image
from plasmoscope.reports.html import slide_html
from plasmoscope.reports.illustrations import Illustrations
from plasmoscope.reports.tables import fields_csv
from plasmoscope.synthetic.rendering import render_field
from shared_data import shared_path

Picture = np.ndarray


def rendered(seed: int, eyepiece: float | None = None) -> Picture:
    return render_field(seed, 960, 720, cells=70, parasitaemia=0.1, cell_diameter=60, eyepiece=eyepiece).image


def seen(image: Picture, x: int, y: int, width: int, height: int) -> Picture:
    """A round view of a part of a field."""
    part = image[y : y + height, x : x + width].copy()
    rows, columns = np.mgrid[:height, :width]
    part[np.hypot(columns - width / 2, rows - height / 2) > 0.48 * min(width, height)] = 4
    return part


def refocused(image: Picture, blur: float = 1.5) -> Picture:
    """The same with the focus and the lamp turned, and compressed once more."""
    blurred = cv2.GaussianBlur(image, (0, 0), blur).astype(np.float32) * (0.85, 0.9, 0.95)
    _, data = cv2.imencode(".jpg", blurred.astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 70])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def turned(image: Picture, degrees: float, zoom: float) -> Picture:
    height, width = image.shape[:2]
    onto = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, zoom)
    return np.asarray(cv2.warpAffine(image, onto, (width, height), borderValue=(4, 4, 4)), np.uint8)


def letterboxed(image: Picture) -> Picture:
    return np.asarray(cv2.copyMakeBorder(image, 160, 160, 90, 90, cv2.BORDER_CONSTANT, value=(0, 0, 0)), np.uint8)


def with_dirt(image: Picture) -> Picture:
    """What sticks to the camera and the eyepiece: specks, a pointer, a scale bar."""
    image, rng = image.copy(), np.random.default_rng(0)
    for x, y in rng.integers((0, 0), (image.shape[1], image.shape[0]), (40, 2)).tolist():
        cv2.circle(image, (x, y), int(rng.integers(2, 7)), (90, 80, 80), cv2.FILLED)
    cv2.line(image, (image.shape[1], image.shape[0]), (image.shape[1] * 2 // 3, image.shape[0] // 2), (20, 20, 20), 12)
    cv2.putText(image, "|---| 10 um", (30, 60), 0, 1.2, (10, 10, 10), 3)
    return image


def repeats(*pictures: Picture) -> list[tuple[int, int]]:
    """Which pictures are taken for one place."""
    marks = [fingerprint(picture) for picture in pictures]
    return [(a, b) for a, b in combinations(range(len(marks)), 2) if same_place(marks[a], marks[b])]


@pytest.mark.parametrize("surround", [None, "eyepiece", "letterbox", "dirt"])
def test_different_fields_are_different_places_whatever_surrounds_them(surround: str | None) -> None:
    pictures = [rendered(seed, 0.95 if surround == "eyepiece" else None) for seed in range(6)]
    if surround == "letterbox":
        pictures = [letterboxed(picture) for picture in pictures]
    if surround == "dirt":
        pictures = [with_dirt(picture) for picture in pictures]
    assert repeats(*pictures) == []


@pytest.mark.parametrize("change", ["shifted", "both ways", "round", "turned", "zoomed", "turned far", "dirt"])
def test_a_place_photographed_again_is_known_again(change: str) -> None:
    whole = rendered(7)
    one, other = whole[:, :720], whole[:, 240:]
    if change == "both ways":
        one, other = whole[:540, :720], whole[180:, 240:]
    elif change == "round":
        one, other = seen(whole, 0, 0, 720, 720), seen(whole, 240, 0, 720, 720)
    elif change == "turned":
        other = turned(other, 8, 1.1)
    elif change == "zoomed":
        one, other = whole, turned(whole, 0, 1.35)
    elif change == "turned far":
        one, other = whole[:, :720], np.rot90(whole[:, :720]).copy()
    elif change == "dirt":
        one, other = with_dirt(one), with_dirt(other)
    assert repeats(one, refocused(other), rendered(8)[:, :720]) == [(0, 1)]


def test_a_little_of_a_place_at_the_edge_makes_no_repeat() -> None:
    whole = rendered(7)
    assert repeats(whole[:, :540], whole[:, 420:]) == []


def test_pictures_without_cells_repeat_nothing() -> None:
    empty, black = np.full((480, 640, 3), 225, np.uint8), np.zeros((480, 640, 3), np.uint8)
    assert repeats(empty, empty, black, black, np.full((1, 1, 3), 9, np.uint8), rendered(7)) == []


def test_a_fingerprint_is_kept_small_and_given_back() -> None:
    mark = fingerprint(rendered(7))
    data = mark.to_bytes()
    assert len(data) < 64_000
    back = Fingerprint.from_bytes(data)
    assert back is not None
    assert same_place(back, mark)
    # As versions before 0.2 kept it.
    assert Fingerprint.from_bytes(np.ones(1024, np.float32).tobytes()) is None


def test_real_fields_through_a_round_eyepiece_are_twelve_places() -> None:
    files = sorted(shared_path("data/fields_nih/images").glob("*.jpg"))
    assert len(files) == 12
    assert repeats(*(read_image(file) for file in files)) == []


def test_a_real_field_shifted_by_a_third_and_refocused_is_known_again() -> None:
    for file in sorted(shared_path("data/fields_nih/images").glob("*.jpg"))[::4]:
        image = read_image(file)
        image = np.asarray(cv2.resize(image, None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA), np.uint8)
        rows, columns = np.nonzero(field_of_view(image))
        side = int(np.ptp(columns)) * 7 // 10
        x, y = int(columns.mean()) - side * 2 // 3, int(rows.mean()) - side // 2
        one, other = seen(image, x, y, side, side), seen(image, x + side // 3, y, side, side)
        assert repeats(one, refocused(other, 2.0)) == [(0, 1)], file.name


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        # Looked at by eye: one lymphocyte, refocused; the same two arrows on different cells; a third of a field.
        ("bccd/BloodImage_00258.jpg", "bccd/BloodImage_00229.jpg", True),
        ("fields_chula/images/277.jpg", "fields_chula/images/271.jpg", True),
        ("fields_iml/images/PA171737.jpg", "fields_iml/images/PA171736.jpg", True),
        ("fields_chula/images/1.jpg", "fields_chula/images/10.jpg", False),
        ("fields_iml/images/PA171692.jpg", "fields_iml/images/PA171693.jpg", False),
    ],
)
def test_photographs_of_other_laboratories_are_told_as_by_eye(one: str, other: str, expected: bool) -> None:
    pictures = [read_image(shared_path(f"data/{name}")) for name in (one, other)]
    assert repeats(*pictures) == [(0, 1)] * expected


@pytest.fixture(scope="module")
def taken(classifier: Classifier) -> dict[bool, Slide]:
    """A slide of six fields through a round eyepiece, the second photographed again: counted once, and twice."""
    pictures = [rendered(seed, 0.95) for seed in range(6)]
    whole = rendered(1)
    pictures[1] = seen(whole, 0, 0, 720, 720)
    pictures.append(refocused(seen(whole, 240, 0, 720, 720), 1.0))
    return {
        twice: analyze_slide(pictures, classifier, SlideOptions(count_repeats=twice), track=lambda items, *_: items)
        for twice in (False, True)
    }


def test_a_repeat_is_left_out_and_named_beside_its_twin_in_every_output(taken: dict[bool, Slide]) -> None:
    slide = taken[False]
    assert [field.accepted for field in slide.fields] == [True] * 6 + [False]
    assert slide.fields[6].duplicate_of == "field 2"
    assert slide.count is not None
    assert slide.count.counted == sum(field.counted for field in slide.fields[:6])
    said = "shows the same place as field 2, which is counted"
    assert [note for note in slide.notes if said in note] == [f"field 7 was not counted: it {said}."]
    assert f"Not counted. It {said}." in without_marks(slide_html(slide, Illustrations((), 7, False, None, 0, 0)))
    table = list(csv.DictReader(fields_csv(slide).removeprefix("\ufeff").splitlines()))
    assert [row["same_place_as"] for row in table] == [""] * 6 + ["field 2"]


def test_a_repeat_counts_at_the_users_wish_which_is_kept(taken: dict[bool, Slide]) -> None:
    slide = taken[True]
    assert all(field.accepted for field in slide.fields)
    assert slide.fields[6].duplicate_of == "field 2"
    assert slide.count is not None
    assert slide.count.counted == sum(field.counted for field in slide.fields)
    said = "although it shows the same place as field 2, which is counted"
    assert list(map(english, notes_on(slide.fields))) == [f"field 7 was counted at the user's wish {said}."]
    assert "Counted by your order although: It shows the same place as field 2" in without_marks(
        slide_html(slide, Illustrations((), 7, False, None, 0, 0))
    )
    assert Slide.model_validate_json(slide.model_dump_json()) == slide


def test_six_real_fields_of_two_slides_through_a_round_eyepiece_are_all_counted(
    classifier: Classifier, tmp_path: Path
) -> None:
    files = sorted(shared_path("data/fields_nih/images").glob("IMG_20150818_*.jpg"))
    assert len(files) == 6
    small = [cv2.resize(read_image(file), None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA) for file in files]
    pictures = [np.asarray(picture, np.uint8) for picture in small]
    slide = analyze_slide(pictures, classifier)
    assert [field.accepted for field in slide.fields] == [True] * 6, slide.notes
    assert slide.count is not None
    assert slide.count.counted == sum(field.counted for field in slide.fields)
