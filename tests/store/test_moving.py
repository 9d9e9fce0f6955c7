"""Photographs that are moved, removed and put back, and slides that are deleted and put back."""

from collections.abc import Callable
from datetime import date

import numpy as np
import pytest

from analysed import FOUND, IMAGE, OTHER_FOUND, OTHER_IMAGE, analysed
from plasmoscope.messages import message
from plasmoscope.reports.illustrations import encode_png
from plasmoscope.store import copies, corrections, counts, fields, history, moving, slides, taught
from plasmoscope.store.audit import entries, failures
from plasmoscope.store.errors import ConflictError, NotFoundError, StoreError, TakenError
from plasmoscope.store.slides import SlideDetails
from plasmoscope.store.store import Store
from uploads import upload

INFECTED = next(cell.number for cell in FOUND.cells if cell.counted and cell.parasitized)


def new_slide(store: Store, code: str = "S-1", patient: str = "P-1") -> int:
    with store.session() as session:
        return slides.create_slide(session, "amina", SlideDetails(patient, code, date(2026, 3, 1))).id


def tally(store: Store, slide: int) -> tuple[int, int]:
    with store.reading() as session:
        numbers = counts.tally(session, slide)
    return numbers.infected, numbers.counted


def actions(store: Store, subject: str) -> list[str]:
    with store.reading() as session:
        return [entry.action for entry in entries(session, subject)]


def test_a_moved_photograph_takes_its_cells_and_calls_along_and_both_slides_count_anew(store: Store) -> None:
    wrong, right = new_slide(store), new_slide(store, "S-2", "P-2")
    field, stays = analysed(store, wrong), analysed(store, wrong, OTHER_IMAGE, OTHER_FOUND)
    with store.session() as session:
        corrections.correct(session, "amina", field, INFECTED, "uninfected")
    with store.session() as session:
        moving.move(session, "ben", field, right)
    assert tally(store, wrong) == (OTHER_FOUND.infected, OTHER_FOUND.counted)
    assert tally(store, right) == (FOUND.infected - 1, FOUND.counted)
    with store.reading() as session:
        result = counts.slide_result(session, slides.get_slide(session, right))
        assert [one.name for one in result.fields] == [FOUND.name]
        assert [one.id for one in fields.fields_of(session, wrong)] == [stays]
        assert len(corrections.corrections_of(session, field)) == 1
        here, away = (entries(session, f"slide/{slide}/field/{field}")[0] for slide in (right, wrong))
    assert (here.who, here.action, here.detail) == ("ben", "move here", {"from": f"slide/{wrong}"})
    assert (away.action, away.detail) == ("move away", {"photograph": FOUND.name, "to": f"slide/{right}"})
    with store.session() as session:
        moving.move(session, "ben", field, wrong)
    assert tally(store, right) == (0, 0)


def test_repeats_are_told_anew_where_a_photograph_was_and_where_it_is(store: Store) -> None:
    first, second = new_slide(store), new_slide(store, "S-2")
    same = analysed(store, first)
    repeat = analysed(store, first, np.clip(IMAGE.astype(int) + 3, 0, 255).astype(np.uint8))
    with store.session() as session:
        assert fields.get_field(session, repeat).duplicate_of_id == same
        moving.move(session, "ben", same, second)
    with store.session() as session:
        assert fields.get_field(session, repeat).duplicate_of_id is None
        moving.move(session, "ben", repeat, second)
    with store.reading() as session:
        assert fields.get_field(session, repeat).duplicate_of_id == same


def test_why_a_photograph_could_not_be_analysed_moves_with_it(store: Store) -> None:
    first, second = new_slide(store), new_slide(store, "S-2")
    field = upload(store, first, b"none")
    with store.session() as session:
        fields.take_waiting(session)
        fields.fail(session, field, message("empty_file"))
        moving.move(session, "ben", field, second)
    with store.reading() as session:
        assert failures(session, [fields.get_field(session, field)])[field].code == "empty_file"


def test_a_photograph_is_moved_only_to_where_it_is_not_yet(store: Store) -> None:
    first, second = new_slide(store), new_slide(store, "S-2")
    field = upload(store, first, b"one")
    upload(store, second, b"one")
    with pytest.raises(TakenError, match="S-2 has the photograph"), store.session() as session:
        moving.move(session, "ben", field, second)
    with pytest.raises(StoreError, match="on this slide already"), store.session() as session:
        moving.move(session, "ben", field, first)
    for number in (0, 99):
        with pytest.raises(NotFoundError), store.session() as session:
            moving.move(session, "ben", field, number)


def test_a_removed_photograph_counts_nowhere_and_comes_back_as_it_was(store: Store) -> None:
    slide = new_slide(store)
    field = analysed(store, slide)
    analysed(store, slide, OTHER_IMAGE, OTHER_FOUND)
    with store.session() as session:
        corrections.correct(session, "amina", field, INFECTED, "uninfected")
    before = tally(store, slide)
    with pytest.raises(StoreError, match="reason"), store.session() as session:
        moving.remove(session, "ben", field, " ")
    with store.session() as session:
        moving.remove(session, "ben", field, "of another patient")
    assert tally(store, slide) == (OTHER_FOUND.infected, OTHER_FOUND.counted)
    with store.reading() as session:
        result = counts.slide_result(session, slides.get_slide(session, slide))
        assert [one.name for one in result.fields] == [OTHER_FOUND.name]
        assert taught.how_many_taught(session) == (0, 0)
        assert field not in taught.with_taught_cells(session)
    changes: list[Callable[..., object]] = [
        lambda s: fields.reject(s, "ben", field, "blurred"),
        lambda s: fields.requeue(s, "ben", field),
        lambda s: moving.remove(s, "ben", field, "again"),
    ]
    for change in changes:
        with pytest.raises(ConflictError, match=r"removed from this slide \(of an"), store.session() as session:
            change(session)
    with pytest.raises(ConflictError, match="put it back"):
        upload(store, slide, encode_png(IMAGE))
    with store.session() as session:
        moving.put_back(session, "ben", field)
    assert tally(store, slide) == before
    with pytest.raises(ConflictError, match="not removed"), store.session() as session:
        moving.put_back(session, "ben", field)
    assert actions(store, f"slide/{slide}/field/{field}")[:2] == ["put back", "remove"]


def test_a_photograph_that_waited_waits_again_when_it_is_put_back(store: Store) -> None:
    slide = new_slide(store)
    field = upload(store, slide, b"one")
    with store.session() as session:
        fields.take_waiting(session)
        moving.remove(session, "ben", field, "wrong")
    with store.session() as session:
        assert fields.take_waiting(session) is None
        moving.put_back(session, "ben", field)
        taken = fields.take_waiting(session)
    assert taken is not None
    assert taken.id == field


def test_a_signed_slide_gives_and_takes_no_photograph(store: Store) -> None:
    signed, other = new_slide(store), new_slide(store, "S-2")
    field, elsewhere = analysed(store, signed), analysed(store, other, OTHER_IMAGE, OTHER_FOUND)
    removed = analysed(store, signed, OTHER_IMAGE, OTHER_FOUND)
    with store.session() as session:
        moving.remove(session, "ben", removed, "wrong")
    with store.session() as session:
        slides.sign(session, "ben", signed, slides.get_slide(session, signed).version, confirm=True)
    changes: list[Callable[..., object]] = [
        lambda s: moving.move(s, "ben", field, other),
        lambda s: moving.move(s, "ben", elsewhere, signed),
        lambda s: moving.remove(s, "ben", field, "wrong"),
        lambda s: moving.put_back(s, "ben", removed),
        lambda s: slides.delete_slide(s, "ben", signed, "wrong"),
    ]
    for change in changes:
        with pytest.raises(ConflictError, match="signed by ben"), store.session() as session:
            change(session)


def test_a_deleted_slide_is_gone_everywhere_and_comes_back_whole(store: Store) -> None:
    slide = new_slide(store)
    field = analysed(store, slide)
    waiting = upload(store, slide, b"one")
    before = tally(store, slide)
    with store.session() as session:
        slides.delete_slide(session, "ben", slide, "twice")
    with store.reading() as session:
        assert fields.how_many_wait(session) == 0
        assert history.find_slides(session, history.Search()).total == 0
        assert history.having_code(session, "S-1").slides == []
        deleted = slides.deleted_slides(session)
        assert [(one.id, one.deleted_by, one.delete_reason) for one in deleted] == [(slide, "ben", "twice")]
        with pytest.raises(NotFoundError):
            fields.get_field(session, field)
    with pytest.raises(NotFoundError), store.session() as session:
        moving.remove(session, "ben", field, "wrong")
    again = new_slide(store)
    with pytest.raises(TakenError, match="has a slide S-1"), store.session() as session:
        slides.put_back_slide(session, "ben", slide)
    with store.session() as session:
        slides.delete_slide(session, "ben", again, "empty")
        slides.put_back_slide(session, "ben", slide)
    assert tally(store, slide) == before
    with store.reading() as session:
        assert fields.get_field(session, waiting).status == "cancelled"
    with pytest.raises(NotFoundError, match="is deleted"), store.session() as session:
        slides.put_back_slide(session, "ben", slide)
    assert actions(store, f"slide/{slide}")[:2] == ["put back slide", "delete"]


def test_the_same_photograph_on_two_slides_is_found_by_its_content(store: Store) -> None:
    first, second, third = new_slide(store), new_slide(store, "S-2", "P-2"), new_slide(store, "S-3")
    field = upload(store, first, b"one", "a.png")
    upload(store, first, b"another")
    elsewhere = upload(store, second, b"one", "b.png")
    upload(store, third, b"one")
    with store.reading() as session:
        found = copies.copies_of(session, first)
    assert [(one.slide, one.patient, one.other_patient) for one in found.pop(field)] == [
        ("S-2", "P-2", True),
        ("S-3", "P-1", False),
    ]
    assert found == {}
    with store.session() as session:
        moving.remove(session, "ben", elsewhere, "of P-1")
        slides.delete_slide(session, "ben", third, "twice")
    with store.reading() as session:
        assert copies.copies_of(session, first) == {}
        assert copies.copies_of(session, second) == {}
