"""Panels: made, read blinded, scored, and kept apart from patients."""

from datetime import date

import pytest

from analysed import FOUND, IMAGE, OTHER_FOUND, OTHER_IMAGE, analysed
from plasmoscope.analysis.competence import Part
from plasmoscope.reports.illustrations import encode_png
from plasmoscope.store import audit, fields, history, moving, panel_takings, panels, patients, slides
from plasmoscope.store.blinding import check_may_see
from plasmoscope.store.counts import slide_result
from plasmoscope.store.errors import BlindedError, ConflictError, NotFoundError, StoreError, TakenError
from plasmoscope.store.history import Search, find_slides, having_code
from plasmoscope.store.panels import GivenTruth
from plasmoscope.store.quality import quality
from plasmoscope.store.records import Slide
from plasmoscope.store.slides import NO_PATIENT, SlideDetails
from plasmoscope.store.store import Store
from plasmoscope.store.taught import with_taught_cells

WHOLE = [cell for cell in FOUND.cells if cell.counted]
INFECTED = [cell for cell in WHOLE if cell.parasitized]
FALCIPARUM = ("P. falciparum",)


def made(store: Store, training: bool = False) -> int:
    """A panel of Amina's that is open: a slide with a third of what the program calls, and one without parasites."""
    with store.session() as session:
        panel = panels.make_panel(session, "Amina", "Spring", training).id
        truth = GivenTruth(True, FALCIPARUM, 100 * (len(INFECTED) - 1) / len(WHOLE))
        positive = panels.add_slide(session, "Amina", panel, truth)
        negative = panels.add_slide(session, "Amina", panel, GivenTruth(False)).slide_id
    field = analysed(store, positive.slide_id)
    # The last of the called cells holds no parasite, and one cell with a parasite was outlined as none.
    middles = [[*cell.centre, max(cell.box[2:]) / 2] for cell in INFECTED[:-1]]
    analysed(store, negative, OTHER_IMAGE, OTHER_FOUND)
    with store.session() as session:
        slide = panels.slides_of(session, panel)[0]
        slide.cells = {str(field): [*middles, [-500.0, -500.0, 20.0]]}
        panels.open_panel(session, "Amina", panel)
    return panel


def test_a_panel_is_read_blinded_and_scored_beside_the_program(store: Store) -> None:
    panel = made(store)
    with store.session() as session:
        mine = panel_takings.begin(session, "Ben", panel)
        first = panel_takings.next_slide(session, mine)
        assert first is not None
        marked = {panels.photographs_of(session, first)[0].id: frozenset(cell.number for cell in INFECTED[:-2])}
        given = panel_takings.answer(session, "Ben", mine.id, 1, True, FALCIPARUM, None, marked)
        # Of so many whole cells as the program counted.
        assert given.count == pytest.approx(100 * (len(INFECTED) - 2) / len(WHOLE))
        assert mine.done_at is None
        panel_takings.answer(session, "Ben", mine.id, 2, True, ("P. vivax",), 0.5)
        assert mine.done_at is not None
        score = panel_takings.score_of(session, mine)
        assert (score.sensitivity, score.specificity) == (Part(1, 1), Part(0, 1))
        assert (score.species, score.counts, score.level) == (Part(1, 1), Part(1, 1), 4)
        program = panel_takings.program_score(session, panels.get_panel(session, panel))
        assert program is not None
        assert (program.species, program.counts) == (Part(0, 0), Part(1, 1))
        (taken,) = panel_takings.results(session)
        assert (taken.panel.name, taken.score) == ("Spring", score)
        assert panel_takings.results(session, "Carla") == []
        told = audit.entries(session, panels.panel_subject(panel))
        assert [entry.action for entry in told[:3]] == ["finish panel", "begin panel", "open panel"]
        assert told[0].detail["detection"] == [1, 2]
        assert told[2].detail["slides"][0]["species"] == ["P. falciparum"]


def test_the_truth_of_each_cell_says_which_were_found_missed_and_wrongly_marked(store: Store) -> None:
    panel = made(store, training=True)
    with store.session() as session:
        mine = panel_takings.begin(session, "Ben", panel)
        slide = panels.slides_of(session, panel)[0]
        field = panels.photographs_of(session, slide)[0].id
        marked = {field: frozenset({INFECTED[0].number, INFECTED[-1].number, 9_999})}
        given = panel_takings.answer(session, "Ben", mine.id, 1, True, (), 3.0, marked)
        targets = panel_takings.targets_of(session, slide, given.marked)[field]
    found = [one.number for one in targets if one.truth and one.marked]
    missed = [one.number for one in targets if one.truth and not one.marked]
    wrong = [one.number for one in targets if one.marked and not one.truth]
    assert found == [INFECTED[0].number]
    # With the cell that nobody outlined.
    assert sorted(missed) == [0, *sorted(cell.number for cell in INFECTED[1:-1])]
    assert wrong == [INFECTED[-1].number]


def test_who_may_read_a_panel_and_how_often(store: Store) -> None:
    panel = made(store)
    with store.session() as session:
        mine = panel_takings.begin(session, "Ben", panel)
        assert panel_takings.begin(session, "Ben", panel).id == mine.id
        with pytest.raises(NotFoundError):
            panel_takings.answer(session, "Carla", mine.id, 1, False)
        for position in (1, 2):
            panel_takings.answer(session, "Ben", mine.id, position, False)
        with pytest.raises(ConflictError) as error:
            panel_takings.answer(session, "Ben", mine.id, 1, True)
        assert error.value.message.code == "slide_answered"
        with pytest.raises(ConflictError) as error:
            panel_takings.begin(session, "Ben", panel)
        assert error.value.message.code == "panel_read"
        with pytest.raises(ConflictError) as error:
            panel_takings.begin(session, "Amina", panel)
        assert error.value.message.code == "panel_own"
        panels.close_panel(session, "Amina", panel)
        with pytest.raises(ConflictError) as error:
            panel_takings.begin(session, "Carla", panel)
        assert error.value.message.code == "panel_not_open"


def test_a_panel_that_was_opened_stays_as_it_is(store: Store) -> None:
    panel = made(store)
    with store.session() as session:
        for change in (
            lambda: panels.add_slide(session, "Amina", panel, GivenTruth(False)),
            lambda: panels.remove_slide(session, "Amina", panel, 1),
            lambda: panels.open_panel(session, "Amina", panel),
        ):
            with pytest.raises(ConflictError) as error:
                change()
            assert error.value.message.code == "panel_opened"
        with pytest.raises(TakenError):
            panels.make_panel(session, "Amina", " Spring ", training=True)


@pytest.mark.parametrize(
    "truth",
    [
        GivenTruth(False, FALCIPARUM),
        GivenTruth(False, count=1),
        GivenTruth(True, ("P. ovum",)),
        GivenTruth(True, count=101),
        GivenTruth(True, count=0),
    ],
)
def test_a_truth_that_makes_no_sense_is_refused(store: Store, truth: GivenTruth) -> None:
    with store.session() as session:
        panel = panels.make_panel(session, "Amina", "Spring", training=False).id
        with pytest.raises(StoreError):
            panels.add_slide(session, "Amina", panel, truth)
        with pytest.raises(ConflictError):
            panels.open_panel(session, "Amina", panel)


def test_a_signed_slide_lends_its_photographs_and_the_truth_of_its_cells(store: Store) -> None:
    with store.session() as session:
        slide = slides.create_slide(session, "Amina", SlideDetails("P-1", "S-1", date(2026, 3, 1))).id
    analysed(store, slide)
    with store.session() as session:
        panel = panels.make_panel(session, "Amina", "Own", training=True).id
        with pytest.raises(NotFoundError):
            panels.add_copy(session, "Amina", panel, "S-1", GivenTruth(True))
        slides.sign(session, "Amina", slide, session.get_one(Slide, slide).version, confirm=True)
        lent = panels.add_copy(session, "Amina", panel, "S-1", GivenTruth(True, FALCIPARUM, 900, "per_ul"))
        targets = panel_takings.targets_of(session, lent)
        (photograph,) = panels.photographs_of(session, lent)
    assert [one.number for one in targets[photograph.id] if one.truth] == [cell.number for cell in INFECTED]


def test_a_panels_slides_are_nobodys_and_seen_nowhere_else(store: Store) -> None:
    panel = made(store)
    with store.session() as session:
        slide = panels.slides_of(session, panel)[0]
        record = session.get_one(Slide, slide.slide_id)
        field = panels.photographs_of(session, slide)[0].id
        own = slides.create_slide(session, "Amina", SlideDetails("quality", "S-1", date(2026, 3, 1))).id
        assert [one.id for one in find_slides(session, Search()).slides] == [own]
        assert having_code(session, record.code).slides == []
        found = patients.find_patients(session)
        assert [row.patient.code for row in found.patients] == ["quality"]
        assert found.patients[0].twins == ()
        with pytest.raises(NotFoundError):
            patients.get_patient(session, NO_PATIENT)
        with pytest.raises(NotFoundError):
            patients.patient_of_number(session, record.patient_id)
        assert history.time_line(session, record.patient_id) == []
        assert quality(session, record.taken_on).weeks == []
        assert with_taught_cells(session) == []
        with pytest.raises(BlindedError):
            check_may_see(session, "Amina", record.id)
        for refused in (
            lambda: moving.move(session, "Amina", field, own),
            lambda: slides.delete_slide(session, "Amina", record.id, "gone"),
            lambda: slide_result(session, record),
        ):
            with pytest.raises(ConflictError) as error:
                refused()
            assert error.value.message.code == "no_patients_slide"


def test_a_slide_that_is_taken_out_leaves_nothing(store: Store) -> None:
    with store.session() as session:
        panel = panels.make_panel(session, "Amina", "Spring", training=True).id
        drawn = [(encode_png(IMAGE), [[10.0, 20.0, 5.0]])]
        slide = panels.add_drawn(session, store.images, "Amina", panel, 2.5, drawn)
        assert (slide.positive, slide.count, slide.unit) == (True, 2.5, "percent")
        record = slide.slide_id
        panels.remove_slide(session, "Amina", panel, 1)
        session.expire_all()
        assert fields.fields_of(session, record) == []
        assert session.get(Slide, record) is None


def test_who_belongs_to_a_site_reads_panels_all_the_same(store: Store) -> None:
    panel = made(store, training=True)
    with store.seen_by(frozenset({"Gulu"})).session() as session:
        mine = panel_takings.begin(session, "Ben", panel)
        slide = panel_takings.next_slide(session, mine)
        assert slide is not None
        (photograph,) = panels.photographs_of(session, slide)
        seen = panel_takings.photograph_to_read(session, "Ben", False, panel, photograph.id)
        assert seen.id == photograph.id
        marked = {photograph.id: frozenset({INFECTED[0].number})}
        assert panel_takings.answer(session, "Ben", mine.id, 1, True, (), None, marked).count
        with pytest.raises(NotFoundError):
            panel_takings.photograph_to_read(session, "Carla", False, panel, photograph.id)
