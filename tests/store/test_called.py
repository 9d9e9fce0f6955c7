"""The lists of cells that people look through follow all that people did."""

from datetime import date

import pytest

from analysed import FOUND, METHOD, OTHER_FOUND, OTHER_IMAGE, analysed
from plasmoscope.analysis.results import Cell
from plasmoscope.store import called, corrections, counts, editing, fields, slides
from plasmoscope.store.records import Call
from plasmoscope.store.slides import SlideDetails
from plasmoscope.store.store import Store
from silent import not_told

WHOLE = [cell for cell in FOUND.cells if cell.counted]
CALLED = [cell.number for cell in WHOLE if cell.parasitized]
HEALTHY = [cell.number for cell in WHOLE if not cell.parasitized]
PLATELET = next(cell.number for cell in FOUND.cells if cell.kind == "platelet")
SCREENING = 0.01


@pytest.fixture
def slide(store: Store) -> int:
    """With two photographs; in the second, people changed calls of what the program had called."""
    with store.session() as session:
        made = slides.create_slide(session, "amina", SlideDetails("P-1", "S-1", date(2026, 3, 1))).id
    how = METHOD.model_copy(update={"screening": SCREENING})
    analysed(store, made, OTHER_IMAGE, OTHER_FOUND, how)
    second = analysed(store, made, found=not_told(FOUND, HEALTHY[0]), method=how)
    calls: list[tuple[int, Call]] = [
        (CALLED[0], "uninfected"),
        (CALLED[1], "not_a_cell"),
        (HEALTHY[1], "infected"),
        (HEALTHY[2], "uncertain"),
        (HEALTHY[3], "white_cell"),
        (HEALTHY[4], "uninfected"),
        (HEALTHY[5], "infected"),
        (HEALTHY[5], "program"),
    ]
    with store.session() as session:
        for number, call in calls:
            corrections.correct(session, "amina", second, number, call)
    return made


def listed(store: Store, slide: int) -> list[set[tuple[int, int, bool]]]:
    """The three lists: photograph, cell, and whether a person called it."""
    finds = (called.called_cells, called.possibly_infected_cells, called.cells_not_told)
    with store.reading() as session:
        return [{(one.field_id, one.number, one.called_by_person) for one in find(session, slide)} for find in finds]


def read(store: Store, slide: int) -> list[set[tuple[int, int, bool]]]:
    """The same, from the photographs as people left them."""
    lists: list[set[tuple[int, int, bool]]] = [set(), set(), set()]
    with store.reading() as session:
        for field in fields.fields_of(session, slide):
            reviewed = counts.reviewed_field(session, field)
            assert reviewed
            for cell in reviewed.cells:
                by_person = bool(cell.by_people and cell.by_people.called_by)
                for place in which(cell, by_person):
                    lists[place].add((field.id, cell.number, by_person))
    return lists


def which(cell: Cell, by_person: bool) -> list[int]:
    if cell.kind == "not_a_cell":
        return [2]
    if cell.counted and cell.parasitized:
        return [0]
    return [1] if cell.possibly_infected(SCREENING, METHOD.threshold) and not by_person else []


def test_lists_follow_calls_of_what_the_program_called(store: Store, slide: int) -> None:
    assert listed(store, slide) == read(store, slide)
    assert all(listed(store, slide))


def test_lists_follow_a_call_of_what_was_no_red_cell_and_a_drawn_cell(store: Store, slide: int) -> None:
    with store.session() as session:
        first, second = (field.id for field in fields.fields_of(session, slide))
        corrections.correct(session, "amina", second, PLATELET, "infected")
        drawn = editing.draw(session, "amina", first, [(90.0, 90.0), (120.0, 90.0), (105.0, 120.0)], "infected")
    lists = listed(store, slide)
    assert lists == read(store, slide)
    assert {(second, PLATELET, True), (first, drawn, True)} <= lists[0]


def test_the_likeliest_come_first(store: Store, slide: int) -> None:
    with store.reading() as session:
        told = [one.probability for one in called.called_cells(session, slide)]
    assert told == sorted(told, reverse=True)
    assert len(set(told)) > 1
