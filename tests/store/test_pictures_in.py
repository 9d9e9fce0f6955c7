"""Unfinished uploads and cameras, on both databases."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest

from plasmoscope.messages import message
from plasmoscope.store import cameras, unfinished
from plasmoscope.store.errors import ConflictError
from plasmoscope.store.slides import SlideDetails, create_slide
from plasmoscope.store.store import Store
from plasmoscope.watching import Orders, Report


@pytest.fixture
def slide(store: Store) -> int:
    with store.session() as session:
        return create_slide(session, "Ama", SlideDetails("P-1", "S-1", date(2026, 3, 1))).id


def test_of_pieces_that_come_at_once_each_is_kept_once(store: Store, slide: int) -> None:
    with store.session() as session:
        token = unfinished.begin(session, store.folder, "Ama", slide, "field.png", 4).token

    def send(piece: bytes) -> bool:
        try:
            with store.session() as session:
                unfinished.append(session, store.folder, "Ama", token, 0, piece)
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(4) as senders:
        assert sum(senders.map(send, [b"aa", b"bb", b"cc", b"dd"])) == 1
    with store.session() as session:
        upload = unfinished.append(session, store.folder, "Ama", token, 2, b"ee")
        assert upload.received == upload.length
        assert unfinished.path(store.folder, upload).read_bytes()[2:] == b"ee"


def test_a_camera_is_heard_and_told(store: Store, slide: int) -> None:
    told = Report(2, ("a.png", "b.png"), (("c.png", message("file_too_large", most=64)),), False)
    with store.session() as session:
        assert cameras.report(session, "scope", told) == Orders(None, 0)
        cameras.open_for(session, "Ama", slide, "scope")
    with store.reading() as session:
        assert cameras.is_said(session, "scope", told) == Orders(slide, 1)
        assert cameras.is_said(session, "scope", told._replace(waiting=3)) is None
        [camera] = cameras.in_sight(session, "")
        assert camera.set_aside[0]["why"]["code"] == "file_too_large"
    with store.session() as session:
        cameras.ask(session, "Ama", slide, "scope", "take")
    with store.reading() as session:
        assert cameras.is_said(session, "scope", told) is None
    with store.session() as session:
        assert cameras.report(session, "scope", told) == Orders(slide, 1, "take")
