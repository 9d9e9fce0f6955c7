"""A reader's record of a slide: the same photographs as the program left them, and nothing that another did."""

from datetime import date

import numpy as np
import pytest
from sqlalchemy import select

from analysed import FOUND, IMAGE, OTHER_FOUND, OTHER_IMAGE, analysed
from plasmoscope.store import audit, copies, corrections, editing, fields, moving, patients, reading_slides, slides
from plasmoscope.store.accounts import add_account
from plasmoscope.store.blinding import check_may_see
from plasmoscope.store.errors import BlindedError, ConflictError
from plasmoscope.store.history import Search, find_slides, time_line
from plasmoscope.store.records import Correction, Edit, Field, Look, Slide
from plasmoscope.store.slides import SlideDetails
from plasmoscope.store.store import Store

PASSWORD = "correct horse battery"


def given(store: Store) -> tuple[int, int]:
    """A slide whose first reader changed all that can be changed, and the second's record of it."""
    with store.session() as session:
        for name in ("Amina", "Ben"):
            add_account(session, "tests", name, PASSWORD, "technician")
        slide = slides.create_slide(session, "Amina", SlideDetails("P-1", "S-1", date(2026, 3, 1), site="Gulu")).id
    first = analysed(store, slide)
    again = np.roll(IMAGE, 1, axis=1)
    analysed(store, slide, again, FOUND.model_copy(update={"name": "again.png"}))
    other = analysed(store, slide, OTHER_IMAGE, OTHER_FOUND)
    whole = [cell.number for cell in FOUND.cells if cell.counted]
    with store.session() as session:
        corrections.correct(session, "Amina", first, whole[0], "uncertain")
        editing.erase(session, "Amina", first, whole[1])
        editing.write_note(session, "Amina", first, whole[2], "ring", "")
        fields.reject(session, "Amina", other, "dirt")
        known = reading_slides.ask_second(session, "Amina", slide, "Amina", "Ben")
    return slide, known.each[1].sheet_id


def test_a_record_holds_what_the_program_found_and_nothing_of_the_first_reader(store: Store) -> None:
    slide, sheet = given(store)
    with store.reading() as session:
        theirs, mine = fields.fields_of(session, slide), fields.fields_of(session, sheet)
        assert [field.image_sha256 for field in mine] == [field.image_sha256 for field in theirs]
        assert [field.rejected for field in mine] == [False] * 3
        assert mine[0].infected == FOUND.infected
        assert mine[0].counted == FOUND.counted
        assert theirs[0].counted < FOUND.counted
        # Of one place the first counts, as on the slide.
        assert [field.in_count for field in mine] == [True, theirs[1].in_count, True]
        assert mine[1].duplicate_of_id == (mine[0].id if theirs[1].duplicate_of_id else None)
        ids = [field.id for field in mine]
        for kind in (Correction, Edit, Look):
            assert session.scalars(select(kind).where(kind.field_id.in_(ids))).all() == []
        assert session.get_one(Slide, sheet).site == "Gulu"


def test_a_record_stands_in_no_list_and_its_photographs_are_no_copies(store: Store) -> None:
    slide, sheet = given(store)
    with store.reading() as session:
        assert [one.id for one in find_slides(session, Search()).slides] == [slide]
        patient = session.get_one(Slide, slide).patient
        assert [point.slide.id for point in time_line(session, patient.id)] == [slide]
        assert copies.copies_of(session, slide) == {}
        assert copies.copies_of(session, sheet) == {}
        (row,) = patients.find_patients(session).patients
        assert row.slides == 1
        told = audit.entries(session, wanted=audit.Wanted())
        assert not [entry for entry in told if entry.subject.startswith(("slide/1", f"slide/{sheet}"))]
        for who, number in (("Ben", slide), ("Amina", sheet), ("Chidi", slide), ("Chidi", sheet)):
            with pytest.raises(BlindedError):
                check_may_see(session, who, number)
        check_may_see(session, "Amina", slide)
        check_may_see(session, "Ben", sheet)


def test_no_photograph_comes_goes_or_moves_while_several_people_read(store: Store) -> None:
    slide, sheet = given(store)
    with store.session() as session:
        elsewhere = slides.create_slide(session, "Amina", SlideDetails("P-2", "S-2", date(2026, 3, 1))).id
    image = IMAGE.copy()
    image[:5] = 7
    another = analysed(store, elsewhere, image)
    with store.reading() as session:
        field = session.scalars(select(Field.id).where(Field.slide_id == slide)).first()
    assert field is not None
    for number, target in ((field, elsewhere), (another, slide), (another, sheet)):
        with store.session() as session, pytest.raises(ConflictError) as error:
            moving.move(session, "Amina", number, target)
        assert error.value.message.code == "read_by_several"
    with store.session() as session, pytest.raises(ConflictError) as error:
        moving.remove(session, "Amina", field, "blurred")
    assert error.value.message.code == "read_by_several"
    with store.session() as session, pytest.raises(ConflictError) as error:
        slides.delete_slide(session, "Amina", sheet, "no longer needed")
    assert error.value.message.code == "sheet_stays"


def test_what_is_said_of_a_slide_is_said_of_each_readers_record(store: Store) -> None:
    slide, sheet = given(store)
    with store.session() as session:
        slides.update_slide(session, "Amina", slide, SlideDetails("P-3", "S-1", date(2026, 3, 2), site="Lira"))
    with store.reading() as session:
        mine = session.get_one(Slide, sheet)
        assert (mine.patient.code, mine.taken_on, mine.site) == ("P-3", date(2026, 3, 2), "Lira")
        assert mine.microscopist == "Ben"
