"""Who looked at which cell of a slide, and what waits to be looked at."""

import csv
import io
import json
from datetime import date
from typing import Any

import pytest

from analysed import FOUND, OTHER_FOUND, OTHER_IMAGE, analysed
from plasmoscope.analysis.results import Slide
from plasmoscope.i18n.languages import ENGLISH
from plasmoscope.reports.interchange import coco_json, geojson
from plasmoscope.reports.slide_json import slide_json
from plasmoscope.reports.tables import cells_csv
from plasmoscope.reports.wording import ReportWords
from plasmoscope.store import corrections, counts, fields, slides
from plasmoscope.store.audit import entries
from plasmoscope.store.errors import ConflictError, NotFoundError, NotLookedAtError
from plasmoscope.store.review import SlideQueue, slide_queue
from plasmoscope.store.slides import SlideDetails
from plasmoscope.store.store import Store
from silent import not_told

WHOLE = [cell for cell in FOUND.cells if cell.counted]
CALLED = [cell.number for cell in WHOLE if cell.parasitized]
HEALTHY = [cell.number for cell in WHOLE if not cell.parasitized]


@pytest.fixture
def slide(store: Store) -> int:
    with store.session() as session:
        return slides.create_slide(session, "amina", SlideDetails("P-1", "S-1", date(2026, 3, 1))).id


def queue(store: Store, slide: int) -> SlideQueue:
    with store.reading() as session:
        return slide_queue(session, slide)


def result(store: Store, slide: int) -> Slide:
    with store.reading() as session:
        return counts.slide_result(session, slides.get_slide(session, slide))


def look(store: Store, field: int, number: int, seen: bool = True) -> None:
    with store.session() as session:
        corrections.look(session, "amina", field, number, seen)


def call(store: Store, field: int, number: int, said: Any, who: str = "amina") -> None:
    with store.session() as session:
        corrections.correct(session, who, field, number, said)


def test_called_and_uncertain_cells_of_all_counted_photographs_wait(store: Store, slide: int) -> None:
    first = analysed(store, slide, found=not_told(FOUND, HEALTHY[0]))
    second = analysed(store, slide, OTHER_IMAGE, OTHER_FOUND)
    found = queue(store, slide)
    assert found.review.called == FOUND.infected + OTHER_FOUND.infected
    assert (found.review.uncertain, found.review.waiting) == (1, found.review.called + 1)
    assert [cell.call for cell in found.cells if cell.due.reason == "uncertain"] == ["uncertain"]
    with store.session() as session:
        fields.reject(session, "amina", second, "dirt")
    assert {cell.due.field_id for cell in queue(store, slide).cells} == {first}


def test_a_look_is_kept_once_with_who_and_when_and_stands_in_audit_and_exports(store: Store, slide: int) -> None:
    field = analysed(store, slide)
    look(store, field, CALLED[0])
    look(store, field, CALLED[0])
    call(store, field, CALLED[1], "uninfected", "ben")
    review = queue(store, slide).review
    assert (review.called_looked_at, review.waiting) == (2, len(CALLED) - 2)
    with store.reading() as session:
        actions = [(one.action, one.who) for one in entries(session)[:3]]
    assert actions == [("call", "ben"), ("look", "amina"), ("analyse", "plasmoscope")]
    whole = result(store, slide)
    assert whole.review == review
    cells = {cell.number: cell for cell in whole.fields[0].cells}
    looked, called = cells[CALLED[0]].by_people, cells[CALLED[1]].by_people
    assert (looked.looked_at_by, looked.called_by, called.looked_at_by, called.called_by) == (
        "amina", None, "ben", "ben",
    )  # fmt: skip
    assert Slide.model_validate_json(slide_json(whole)) == whole
    rows = {row["number"]: row for row in csv.DictReader(io.StringIO(cells_csv(whole)))}
    moment = looked.looked_at.isoformat(timespec="seconds")
    assert (rows[str(CALLED[0])]["looked_at_by"], rows[str(CALLED[0])]["looked_at"]) == ("amina", moment)
    assert rows[str(HEALTHY[0])]["looked_at_by"] == ""
    attributes = {one["attributes"]["number"]: one["attributes"] for one in json.loads(coco_json(whole))["annotations"]}
    assert attributes[CALLED[1]]["called_by"] == "ben"
    features = json.loads(geojson(whole.fields[0]))["features"]
    told = {one["properties"]["measurements"]["Number"]: one["properties"].get("metadata") for one in features}
    assert told[CALLED[0]] == {"looked_at_by": "amina", "looked_at": moment}
    assert told[HEALTHY[0]] is None


def test_a_look_is_taken_back(store: Store, slide: int) -> None:
    field = analysed(store, slide)
    look(store, field, CALLED[0])
    look(store, field, CALLED[0], seen=False)
    look(store, field, CALLED[1], seen=False)
    assert queue(store, slide).review.called_looked_at == 0
    with store.reading() as session:
        assert [one.action for one in entries(session)[:3]] == ["take back look", "look", "analyse"]


def test_a_look_at_what_is_not_there_or_signed_is_refused(store: Store, slide: int) -> None:
    field = analysed(store, slide)
    with pytest.raises(NotFoundError, match="no cell 999"):
        look(store, field, 999)
    with store.session() as session:
        slides.sign(session, "ben", slide, slides.get_slide(session, slide).version, confirm=True)
    with pytest.raises(ConflictError, match="was signed"):
        look(store, field, CALLED[0])


def test_nobody_signs_called_or_uncertain_cells_unseen_without_confirming_it(store: Store, slide: int) -> None:
    field = analysed(store, slide, found=not_told(FOUND, HEALTHY[0]))

    def sign(**how: bool) -> None:
        with store.session() as session:
            slides.sign(session, "ben", slide, slides.get_slide(session, slide).version, **how)

    with pytest.raises(NotLookedAtError, match=f"{len(CALLED) + 1} of the cells"):
        sign()
    for number in CALLED:
        look(store, field, number)
    with pytest.raises(NotLookedAtError, match="1 of the cells"):
        sign()
    call(store, field, HEALTHY[0], "uncertain")
    sign()
    with store.reading() as session:
        assert entries(session)[0].detail["not_looked_at"] == 0


def test_what_a_person_cannot_tell_is_not_counted_and_what_they_take_back_is_the_programs_again(
    store: Store, slide: int
) -> None:
    field = analysed(store, slide)

    def count() -> tuple[int, int, int]:
        with store.reading() as session:
            numbers = counts.tally(session, slide)
        whole = result(store, slide)
        taken = whole.fields[0]
        assert (taken.infected, taken.counted, taken.not_a_cell) == (
            numbers.infected, numbers.counted, numbers.not_a_cell,
        )  # fmt: skip
        return numbers.infected, numbers.counted, numbers.not_a_cell

    before = count()
    call(store, field, CALLED[0], "uncertain")
    assert count() == (before[0] - 1, before[1] - 1, 1)
    assert "1 to uncertain" in str(result(store, slide).notes)
    call(store, field, CALLED[0], "program")
    assert count() == before
    whole = result(store, slide)
    assert not any("changed" in note for note in whole.notes)
    assert next(cell for cell in whole.fields[0].cells if cell.number == CALLED[0]).by_people.called_by is None
    with store.reading() as session:
        assert [one.call for one in corrections.corrections_of(session, field)] == ["uncertain", "program"]


def test_the_sample_tells_of_the_misses_in_the_report(store: Store, slide: int) -> None:
    field = analysed(store, slide)
    sample = [cell.due.number for cell in queue(store, slide).cells if cell.due.reason == "sample"]
    assert set(sample) <= set(HEALTHY)
    assert ReportWords(ENGLISH).review_lines(result(store, slide))[-1].value == "not estimated"
    call(store, field, sample[0], "infected")
    look(store, field, sample[1])
    review = queue(store, slide).review
    assert (review.sample_looked_at, review.sample_infected) == (2, 1)
    assert review.not_looked_at == review.rest - 2
    assert review.misses.value == pytest.approx(review.not_looked_at / 2)
    missed = ReportWords(ENGLISH).review_lines(result(store, slide))[-1]
    assert missed.name == "Missed infected cells"
    assert "1 of 2 drawn at random were infected" in missed.remark
