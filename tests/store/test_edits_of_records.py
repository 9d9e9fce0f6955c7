"""Objects that people draw, erase, split and join: counted, audited, exported, taught, undone and redone."""

import csv
import io
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from analysed import FOUND, analysed
from plasmoscope.analysis.editing import EditingError, ellipse
from plasmoscope.analysis.results import Field, Slide
from plasmoscope.reports.interchange import coco_json, geojson
from plasmoscope.reports.slide_json import slide_json
from plasmoscope.reports.tables import cells_csv
from plasmoscope.store import corrections, counts, editing, fields, slides
from plasmoscope.store.audit import entries
from plasmoscope.store.chain import verify
from plasmoscope.store.errors import ConflictError, NotFoundError, StoreError
from plasmoscope.store.review import slide_queue
from plasmoscope.store.slides import SlideDetails
from plasmoscope.store.store import Store
from plasmoscope.store.taught import how_many_taught
from plasmoscope.store.training_data import export_training_cells

WHOLE = [cell for cell in FOUND.cells if cell.counted]
INFECTED = next(cell for cell in WHOLE if cell.parasitized)
HEALTHY = next(cell for cell in WHOLE if not cell.parasitized)
NEXT = max(cell.number for cell in FOUND.cells) + 1
# Nothing lies there that could hold a parasite.
FREE = ellipse(200, 150, 90, 90)


@pytest.fixture
def slide(store: Store) -> int:
    with store.session() as session:
        return slides.create_slide(session, "amina", SlideDetails("P-1", "S-1", date(2026, 3, 1))).id


@pytest.fixture
def field(store: Store, slide: int) -> int:
    return analysed(store, slide)


def result(store: Store, slide: int) -> Slide:
    with store.reading() as session:
        return counts.slide_result(session, slides.get_slide(session, slide))


def numbers(store: Store, slide: int) -> tuple[int, int, int]:
    """Infected, counted and uncertain cells; the records' figures and every export must agree."""
    with store.reading() as session:
        tally = counts.tally(session, slide)
    whole = result(store, slide)
    told: Field = whole.fields[0]
    assert (told.infected, told.counted, told.not_a_cell) == (tally.infected, tally.counted, tally.not_a_cell)
    rows = [row for row in csv.DictReader(io.StringIO(cells_csv(whole))) if row["counted"] == "yes"]
    assert (sum(row["call"] == "parasitized" for row in rows), len(rows)) == (tally.infected, tally.counted)
    coco = [one for one in json.loads(coco_json(whole))["annotations"] if one["attributes"]["counted"]]
    assert (sum(one["category_id"] == 1 for one in coco), len(coco)) == (tally.infected, tally.counted)
    names = [one["properties"]["classification"]["name"] for one in json.loads(geojson(told))["features"]]
    assert (names.count("parasitized"), names.count("uninfected")) == (tally.infected, tally.counted - tally.infected)
    assert Slide.model_validate_json(slide_json(whole)) == whole
    assert (whole.count.infected, whole.count.counted) == (tally.infected, tally.counted)
    return tally.infected, tally.counted, tally.not_a_cell


def draw(store: Store, field: int, call: str, corners: list[tuple[float, float]] = FREE) -> int:
    with store.session() as session:
        return editing.draw(session, "amina", field, corners, call)


def line_across(cell: Any) -> list[tuple[float, float]]:
    left, top, width, height = cell.box
    return [(left + width / 2, top - 2), (left + width / 2, top + height + 2)]


def test_drawn_cells_count_and_stand_in_audit_and_exports(store: Store, slide: int, field: int) -> None:
    before = numbers(store, slide)
    first = draw(store, field, "infected")
    assert first == NEXT
    second = draw(store, field, "uninfected")
    draw(store, field, "white_cell")
    draw(store, field, "uncertain")
    assert numbers(store, slide) == (before[0] + 1, before[1] + 2, before[2] + 1)
    whole = result(store, slide)
    cell = next(cell for cell in whole.fields[0].cells if cell.number == first)
    assert (cell.by_people.outlined_by, cell.by_people.called_by, cell.by_people.looked_at_by) == ("amina",) * 3
    assert any("drawn: 4" in note for note in whole.notes)
    assert whole.count.corrected is None
    rows = {row["number"]: row for row in csv.DictReader(io.StringIO(cells_csv(whole)))}
    assert rows[str(second)]["outlined_by"] == "amina"
    with store.reading() as session:
        newest = entries(session)[3]
        assert verify(session).whole
        assert fields.get_field(session, field).found().cells == FOUND.cells
    assert (newest.who, newest.action, newest.detail) == (
        "amina", "draw", {"removed": [], "added": {str(first): cell.outline.path}},
    )  # fmt: skip


def test_a_parasite_drawn_in_a_cell_makes_that_cell_infected(store: Store, slide: int, field: int) -> None:
    before = numbers(store, slide)
    x, y = HEALTHY.centre
    assert draw(store, field, "infected", ellipse(x - 6, y - 6, 12, 12)) == HEALTHY.number
    assert numbers(store, slide) == (before[0] + 1, before[1], before[2])


def test_an_erased_object_is_gone_from_count_and_queue(store: Store, slide: int, field: int) -> None:
    before = numbers(store, slide)
    with store.session() as session:
        corrections.correct(session, "amina", field, INFECTED.number, "infected")
        editing.erase(session, "ben", field, INFECTED.number)
    assert numbers(store, slide) == (before[0] - 1, before[1] - 1, before[2])
    with store.reading() as session:
        queue = slide_queue(session, slide)
    assert (field, INFECTED.number) not in {(cell.due.field_id, cell.due.number) for cell in queue.cells}
    with pytest.raises(NotFoundError, match="no cell"), store.session() as session:
        corrections.correct(session, "amina", field, INFECTED.number, "infected")


def test_two_cells_that_were_one_are_split_and_pieces_joined(store: Store, slide: int, field: int) -> None:
    before = numbers(store, slide)
    with store.session() as session:
        pieces = editing.split_cell(session, "amina", field, HEALTHY.number, line_across(HEALTHY))
    assert pieces == (NEXT, NEXT + 1)
    assert numbers(store, slide) == (before[0], before[1] + 1, before[2])
    with store.session() as session:
        corrections.correct(session, "amina", field, pieces[0], "infected")
    assert numbers(store, slide) == (before[0] + 1, before[1] + 1, before[2])
    with store.session() as session:
        whole = editing.join_cells(session, "amina", field, pieces)
    assert whole == NEXT + 2
    assert numbers(store, slide) == (before[0] + 1, before[1], before[2])
    with store.reading() as session:
        assert [one.action for one in entries(session)[:3]] == ["join", "call", "split"]


def test_pieces_of_an_infected_cell_count_once_they_are_called(store: Store, slide: int, field: int) -> None:
    before = numbers(store, slide)
    with store.session() as session:
        first, second = editing.split_cell(session, "amina", field, INFECTED.number, line_across(INFECTED))
    assert numbers(store, slide) == (before[0] - 1, before[1] - 1, before[2] + 2)
    with store.session() as session:
        corrections.correct(session, "amina", field, first, "infected")
        corrections.correct(session, "amina", field, second, "uninfected")
    assert numbers(store, slide) == (before[0], before[1] + 1, before[2])


def test_every_change_is_undone_and_redone_in_order_and_stays_in_the_records(
    store: Store, slide: int, field: int
) -> None:
    states = [numbers(store, slide)]

    def then(change: Any) -> None:
        with store.session() as session:
            change(session)
        states.append(numbers(store, slide))

    then(lambda session: editing.draw(session, "amina", field, FREE, "infected"))
    then(lambda session: corrections.correct(session, "amina", field, NEXT, "uninfected"))
    then(lambda session: editing.split_cell(session, "ben", field, HEALTHY.number, line_across(HEALTHY)))
    then(lambda session: corrections.correct(session, "ben", field, INFECTED.number, "white_cell"))
    then(lambda session: editing.erase(session, "ben", field, NEXT))
    assert len(set(states)) >= 4
    for state in reversed(states[:-1]):
        with store.session() as session:
            editing.undo(session, "amina", field)
        assert numbers(store, slide) == state
    with pytest.raises(ConflictError, match="left to undo"), store.session() as session:
        editing.undo(session, "amina", field)
    for state in states[1:]:
        with store.session() as session:
            editing.redo(session, "amina", field)
        assert numbers(store, slide) == state
    with pytest.raises(ConflictError, match="left to redo"), store.session() as session:
        editing.redo(session, "amina", field)
    with store.session() as session:
        editing.undo(session, "amina", field)
        editing.undo(session, "amina", field)
        corrections.correct(session, "amina", field, INFECTED.number, "infected")
    with pytest.raises(ConflictError, match="left to redo"), store.session() as session:
        editing.redo(session, "amina", field)
    with store.reading() as session:
        actions = [entry.action for entry in entries(session, limit=500)]
    assert (actions.count("undo"), actions.count("redo")) == (7, 5)


def test_numbers_of_what_was_undone_are_given_to_nothing_else(store: Store, slide: int, field: int) -> None:
    assert draw(store, field, "infected") == NEXT
    with store.session() as session:
        editing.undo(session, "amina", field)
    assert draw(store, field, "infected") == NEXT + 1


def test_stage_and_species_are_noted_by_hand(store: Store, slide: int, field: int) -> None:
    with store.session() as session:
        editing.write_note(session, "amina", field, INFECTED.number, "ring", "P. vivax")
    whole = result(store, slide)
    cell = next(cell for cell in whole.fields[0].cells if cell.number == INFECTED.number)
    assert (cell.by_people.stage, cell.by_people.species, cell.by_people.looked_at_by) == ("ring", "P. vivax", "amina")
    rows = {row["number"]: row for row in csv.DictReader(io.StringIO(cells_csv(whole)))}
    assert (rows[str(INFECTED.number)]["stage"], rows[str(INFECTED.number)]["species"]) == ("ring", "P. vivax")
    assert not any("microscopist" in note for note in whole.notes)
    with pytest.raises(StoreError, match="ring, trophozoite"), store.session() as session:
        editing.write_note(session, "amina", field, INFECTED.number, "egg", "")
    with store.session() as session:
        editing.undo(session, "amina", field)
    assert "ring" not in cells_csv(result(store, slide))


def test_what_cannot_be_changed_is_refused(store: Store, slide: int, field: int) -> None:
    before = numbers(store, slide)
    for corners in (FREE[:2], ellipse(5000, 5000, 60, 60)):
        with pytest.raises(EditingError):
            draw(store, field, "infected", corners)
    with pytest.raises(StoreError, match="white_cell"):
        draw(store, field, "perhaps")
    with pytest.raises(NotFoundError), store.session() as session:
        editing.erase(session, "amina", field, 999)
    with store.session() as session:
        slides.sign(session, "ben", slide, slides.get_slide(session, slide).version, confirm=True)
    with pytest.raises(ConflictError, match="was signed"):
        draw(store, field, "infected")
    assert numbers(store, slide) == before


def test_cells_that_people_outlined_teach_as_they_called_them(
    store: Store, slide: int, field: int, tmp_path: Path
) -> None:
    drawn = draw(store, field, "infected")
    draw(store, field, "uncertain")
    with store.session() as session:
        first, _ = editing.split_cell(session, "amina", field, INFECTED.number, line_across(INFECTED))
        corrections.correct(session, "amina", field, first, "uninfected")
        corrections.correct(session, "amina", field, HEALTHY.number, "infected")
        editing.erase(session, "amina", field, HEALTHY.number)
    with store.reading() as session:
        assert how_many_taught(session) == (1, 1)
        files = export_training_cells(session, store.images, tmp_path / "cells")
    written = {(file.parent.name, file.stem.rpartition("_")[2]) for file in files}
    assert written == {("Parasitized", str(drawn)), ("Uninfected", str(first))}
