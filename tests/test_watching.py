"""A camera's folder: what is taken from it, when, and where to."""

import os
from contextlib import suppress
from pathlib import Path

import pytest

from plasmoscope.imaging.reading import ImageError
from plasmoscope.watching import NotNowError, Orders, Report, Watch, WrongSlideError


class Slides:
    """A workstation that keeps what it is sent."""

    def __init__(self) -> None:
        self.orders = Orders(None, 0)
        self.kept: list[tuple[int, str]] = []
        self.told = Report(0, (), (), False)
        self.fault: Exception | None = None

    def report(self, report: Report) -> Orders:
        self.told = report
        orders, self.orders = self.orders, self.orders._replace(asked="")
        return orders

    def send(self, slide: int, name: str, data: bytes) -> None:
        if self.fault is not None:
            raise self.fault
        if data.startswith(b"broken"):
            raise ImageError("unknown_format")
        self.kept.append((slide, name))

    def open(self, slide: int) -> None:
        self.orders = Orders(slide, self.orders.opening + 1)


class Microscope:
    """A folder, its watcher, and a clock."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.memory = folder / "camera", folder / "taken.jsonl"
        self.folder.mkdir()
        self.slides = Slides()
        self.seconds = 0.0
        self.start()

    def start(self) -> None:
        self.watch = Watch(self.folder, self.memory, self.slides, lambda: self.seconds)

    def save(self, name: str, data: bytes = b"") -> None:
        (self.folder / name).write_bytes(data or name.encode())

    def pass_time(self, seconds: int = 5) -> None:
        for _ in range(seconds):
            self.watch.step()
            self.seconds += 1


@pytest.fixture
def microscope(tmp_path: Path) -> Microscope:
    return Microscope(tmp_path)


def test_a_picture_goes_to_the_slide_that_is_open_once_it_has_stopped_growing(microscope: Microscope) -> None:
    microscope.slides.open(7)
    microscope.pass_time()
    with (microscope.folder / "a.png").open("wb", buffering=0) as growing:
        for _ in range(6):
            growing.write(b"more")
            microscope.pass_time(1)
            assert microscope.slides.kept == []
    microscope.pass_time()
    assert microscope.slides.kept == [(7, "a.png")]
    assert (microscope.folder / "a.png").exists()


def test_what_lay_there_before_waits_until_somebody_says_where_it_belongs(microscope: Microscope) -> None:
    microscope.save("old.png")
    microscope.pass_time()
    microscope.slides.open(7)
    microscope.pass_time()
    assert microscope.slides.kept == []
    assert microscope.slides.told.names == ("old.png",)
    microscope.slides.orders = microscope.slides.orders._replace(asked="take")
    microscope.pass_time()
    assert microscope.slides.kept == [(7, "old.png")]
    assert microscope.slides.told.waiting == 0


def test_a_picture_of_the_slide_before_never_goes_to_the_next(microscope: Microscope) -> None:
    microscope.slides.open(7)
    microscope.pass_time()
    # Between two looks a picture of the one slide is saved, and then the next is opened.
    microscope.save("of-7.png")
    microscope.slides.open(8)
    microscope.pass_time()
    microscope.save("of-8.png")
    microscope.pass_time()
    assert microscope.slides.kept == [(8, "of-8.png")]
    assert microscope.slides.told.names == ("of-7.png",)
    # Nor does one that was not whole yet.
    microscope.save("late-of-8.png")
    microscope.pass_time(1)
    microscope.slides.open(9)
    microscope.pass_time()
    assert len(microscope.slides.kept) == 1
    assert microscope.slides.told.waiting == 2


def test_what_is_left_out_is_asked_about_no_more(microscope: Microscope) -> None:
    microscope.save("old.png")
    microscope.slides.open(7)
    microscope.pass_time()
    microscope.slides.orders = microscope.slides.orders._replace(asked="leave")
    microscope.pass_time()
    microscope.start()
    microscope.pass_time()
    assert microscope.slides.told.waiting == 0
    assert microscope.slides.kept == []


def test_a_new_start_takes_nothing_twice_under_no_name(microscope: Microscope) -> None:
    microscope.slides.open(7)
    microscope.pass_time()
    microscope.save("a.png", b"one picture")
    microscope.pass_time()
    with microscope.memory.open("a") as memory:
        memory.write('{"name": "cut of')
    microscope.start()
    microscope.pass_time()
    microscope.save("copy of a.png", b"one picture")
    os.utime(microscope.folder / "a.png")
    microscope.save("b.png")
    microscope.pass_time()
    microscope.slides.orders = microscope.slides.orders._replace(asked="take")
    microscope.pass_time()
    assert microscope.slides.kept == [(7, "a.png"), (7, "b.png")]


def test_a_broken_picture_is_set_aside_with_its_reason_and_taken_when_it_is_mended(microscope: Microscope) -> None:
    microscope.slides.open(7)
    microscope.pass_time()
    microscope.save("a.png", b"broken")
    microscope.save("b.png")
    microscope.pass_time()
    assert microscope.slides.kept == [(7, "b.png")]
    [(name, why)] = microscope.slides.told.set_aside
    assert (name, why.code) == ("a.png", "unknown_format")
    assert (microscope.folder / "a.png").read_bytes() == b"broken"
    microscope.save("a.png", b"whole now")
    microscope.pass_time()
    assert (7, "a.png") in microscope.slides.kept


def test_no_link_leads_out_of_the_folder(microscope: Microscope, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.png").write_bytes(b"secret")
    microscope.slides.open(7)
    microscope.pass_time()
    (microscope.folder / "link.png").symlink_to(outside / "secret.png")
    (microscope.folder / "folder").symlink_to(outside, target_is_directory=True)
    if hasattr(os, "mkfifo"):
        os.mkfifo(microscope.folder / "pipe.png")
    for name in (".hidden.png", "Thumbs.db", "notes.txt", "half.png.part"):
        microscope.save(name)
    microscope.pass_time()
    assert microscope.slides.kept == []
    assert microscope.slides.told.waiting == 0
    # A file that becomes a link between being seen and being read.
    microscope.save("swapped.png", b"secret")
    microscope.pass_time(2)
    facts = (microscope.folder / "swapped.png").stat()
    (microscope.folder / "swapped.png").unlink()
    os.utime(outside / "secret.png", ns=(facts.st_atime_ns, facts.st_mtime_ns))
    (microscope.folder / "swapped.png").symlink_to(outside / "secret.png")
    found = microscope.watch._found["swapped.png"]
    microscope.seconds += 10
    microscope.watch._take(7, "swapped.png", found)
    assert microscope.slides.kept == []


def test_what_cannot_be_taken_now_is_taken_later_and_a_closed_slide_takes_none(microscope: Microscope) -> None:
    microscope.slides.open(7)
    microscope.pass_time()
    microscope.save("a.png")
    microscope.slides.fault = NotNowError("busy")
    for _ in range(4):
        with suppress(NotNowError):
            microscope.watch.step()
        microscope.seconds += 1
    microscope.slides.fault = None
    microscope.pass_time()
    assert microscope.slides.kept == [(7, "a.png")]
    microscope.save("b.png")
    microscope.slides.fault = WrongSlideError()
    microscope.pass_time()
    assert microscope.slides.told.names == ("b.png",)
