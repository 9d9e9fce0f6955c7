"""Patients who are one person under two codes: recognised, merged and parted, with nothing lost."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from analysed import IMAGE, analysed
from plasmoscope.reports.illustrations import encode_png
from plasmoscope.store import copies, corrections, days, history, patients, slides, taught
from plasmoscope.store.audit import entries
from plasmoscope.store.errors import ConflictError, NotFoundError, StoreError, TakenError
from plasmoscope.store.slides import SlideDetails
from plasmoscope.store.store import Store
from uploads import upload


def new_slide(store: Store, patient: str, code: str, **changes: Any) -> int:
    with store.session() as session:
        return slides.create_slide(session, "amina", SlideDetails(patient, code, date(2026, 3, 1), **changes)).id


def number_of(store: Store, code: str) -> int:
    with store.reading() as session:
        return patients.get_patient(session, code).id


def merge(store: Store, into: str, code: str) -> None:
    number = number_of(store, into)
    with store.session() as session:
        patients.merge(session, "ben", number, code)


def owners(store: Store, *numbers: int) -> list[str]:
    with store.reading() as session:
        return [slides.get_slide(session, number).patient.code for number in numbers]


def twins(store: Store) -> dict[str, list[str]]:
    with store.reading() as session:
        found = patients.find_patients(session, twins_only=True)
    assert found.total == len(found.patients)
    return {row.patient.code: [twin.code for twin in row.twins] for row in found.patients}


def test_patients_are_listed_found_and_counted(store: Store) -> None:
    new_slide(store, "right-1", "S-1")
    new_slide(store, "B-7", "S-1")
    new_slide(store, "B-7", "S-2", age_years=0.5, sex="female", visit_day=3)
    with store.reading() as session:
        listed = patients.find_patients(session)
        assert [(row.patient.code, row.slides) for row in listed.patients] == [("B-7", 2), ("right-1", 1)]
        assert listed.patients[0].last == date(2026, 3, 1)
        assert [row.patient.code for row in patients.find_patients(session, "b-").patients] == ["B-7"]
        assert [row.patient.code for row in patients.find_patients(session, "b 07").patients] == ["B-7"]
        assert patients.find_patients(session, offset=1, limit=1).patients[0].patient.code == "right-1"
        assert patients.find_patients(session, "%").total == 0


def test_possible_twins_are_found_until_somebody_says_that_they_are_two(store: Store) -> None:
    for code in ("right-1", "RIGHT-1", "right-2"):
        new_slide(store, code, "S-1")
    assert twins(store) == {"right-1": ["RIGHT-1"], "RIGHT-1": ["right-1"]}
    with store.reading() as session:
        assert [twin.code for twin in patients.twins_of_code(session, "Right 2")] == ["right-2"]
        assert patients.twins_of_code(session, " right-2 ") == ()
    number = number_of(store, "right-1")
    for _ in range(2):
        with store.session() as session:
            patients.keep_apart(session, "ben", number, "RIGHT-1")
    assert twins(store) == {}
    with store.reading() as session:
        assert [entry.action for entry in entries(session, f"patient/{number}")] == ["keep patients apart"]


def test_merged_patients_are_one_and_undoing_it_parts_them_again(store: Store) -> None:
    kept, other = new_slide(store, "RIGHT-1", "S-1"), new_slide(store, "right-1", "S-2")
    merge(store, "RIGHT-1", "right-1")
    assert owners(store, kept, other) == ["RIGHT-1", "RIGHT-1"]
    later = new_slide(store, "right-1", "S-3")
    assert owners(store, later) == ["RIGHT-1"]
    with store.reading() as session:
        number = patients.get_patient(session, "right-1").id
        assert [point.slide.code for point in history.time_line(session, number)] == ["S-1", "S-2", "S-3"]
        assert [row.slides for row in patients.find_patients(session, "right-1").patients] == [3]
        assert history.find_slides(session, history.Search(patient="right-1")).total == 3
        assert [one.code for one in patients.merged_into(session, number)] == ["right-1"]
        assert entries(session, f"slide/{other}")[0].detail == {"patient": ["right-1", "RIGHT-1"]}
    assert twins(store) == {}
    with store.session() as session:
        patients.part(session, "ben", number, "right-1")
    assert owners(store, kept, other, later) == ["RIGHT-1", "right-1", "right-1"]
    with store.reading() as session:
        assert [entry.action for entry in entries(session, f"patient/{number}")] == ["part patients", "merge patients"]
    with pytest.raises(ConflictError, match="is not merged"), store.session() as session:
        patients.part(session, "ben", number, "right-1")


def test_a_signed_slide_keeps_its_patient_until_it_is_reopened(store: Store) -> None:
    kept = new_slide(store, "RIGHT-1", "S-1")
    signed = new_slide(store, "right-1", "S-2")
    field = analysed(store, signed)
    upload(store, kept, encode_png(IMAGE))
    with store.session() as session:
        corrections.correct(session, "ben", field, 1, "infected")
        slides.sign(session, "ben", signed, slides.get_slide(session, signed).version, confirm=True)
    merge(store, "RIGHT-1", "right-1")
    assert owners(store, signed) == ["right-1"]
    with store.reading() as session:
        line = history.time_line(session, patients.get_patient(session, "RIGHT-1").id)
        assert [point.slide.code for point in line] == ["S-1", "S-2"]
        assert patients.find_patients(session).patients[0].slides == 2
        assert patients.twins_of(session, slides.get_slide(session, signed).patient) == []
        # Whoever learns from their cells takes them for one patient.
        (learnt,) = taught.taught_fields(session, taught.with_taught_cells(session))
        assert learnt.patient_id == patients.get_patient(session, "RIGHT-1").id
        assert [one.other_patient for one in copies.copies_of(session, signed)[learnt.field_id]] == [False]
    with store.session() as session:
        slides.reopen(session, "ben", signed, "another ID")
    assert owners(store, signed) == ["RIGHT-1"]
    with store.session() as session:
        slides.sign(session, "ben", signed, slides.get_slide(session, signed).version, confirm=True)
    number = number_of(store, "RIGHT-1")
    with pytest.raises(ConflictError, match="Slides S-2 were signed"), store.session() as session:
        patients.part(session, "ben", number, "right-1")


def test_what_cannot_be_merged_is_said_and_changes_nothing(store: Store) -> None:
    first, second = new_slide(store, "A", "S-1"), new_slide(store, "a", "S-1")
    with pytest.raises(TakenError, match="have a slide S-1"):
        merge(store, "A", "a")
    assert owners(store, first, second) == ["A", "a"]
    with pytest.raises(StoreError, match="one patient"):
        merge(store, "A", "A")
    with pytest.raises(NotFoundError, match="nobody"):
        merge(store, "A", "nobody")
    for code in ("B", "C"):
        new_slide(store, code, f"of {code}")
    merge(store, "B", "C")
    with pytest.raises(ConflictError, match="undo those merges first"):
        merge(store, "A", "B")
    merge(store, "B", "A")
    assert owners(store, first) == ["B"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"age_years": 131}, "Nobody is 131 years old"),
        ({"age_years": -1}, "Nobody is -1 years old"),
        ({"sex": "yes"}, "Sex is female, male, other"),
        ({"visit_day": -1}, "not on day -1"),
    ],
)
def test_an_impossible_age_sex_or_visit_day_is_refused(store: Store, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(StoreError, match=said):
        new_slide(store, "P-1", "S-1", **changes)


def test_a_day_that_has_begun_somewhere_is_taken_whatever_the_servers_time(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(days, "now", lambda: datetime(2026, 3, 1, 17, tzinfo=UTC))
    with store.session() as session:
        slides.create_slide(session, "amina", SlideDetails("P-1", "S-1", date(2026, 3, 2)))
        with pytest.raises(StoreError, match="2026-03-03 is yet to come"):
            slides.create_slide(session, "amina", SlideDetails("P-1", "S-2", date(2026, 3, 3)))


def test_a_day_to_come_is_refused(store: Store) -> None:
    with pytest.raises(StoreError, match="9999-12-31 is yet to come"), store.session() as session:
        slides.create_slide(session, "amina", SlideDetails("P-1", "S-1", date(9999, 12, 31)))
