"""Whoever belongs to a site finds its slides and nothing of others, whatever is asked."""

from datetime import date

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import aliased

from plasmoscope.store import accounts, corrections, fields, history, patients, slides
from plasmoscope.store.audit import entries
from plasmoscope.store.chain import verify
from plasmoscope.store.errors import ConflictError, NotFoundError, StoreError
from plasmoscope.store.records import Account, Correction, Field, Patient, Slide
from plasmoscope.store.sites import sites_of
from plasmoscope.store.slides import SlideDetails
from plasmoscope.store.store import Store

PASSWORD = "correct horse battery"
EAST, WEST = "Ward East", "Ward West"


def add_slide(store: Store, code: str, site: str, patient: str = "P") -> int:
    with store.session() as session:
        return slides.create_slide(session, "Amina", SlideDetails(patient, code, date(2026, 3, 1), site)).id


@pytest.fixture
def records(store: Store) -> Store:
    """A slide with a photograph at each site, of one patient, and one without a site, of another."""
    for code, site in (("E", EAST), ("W", WEST)):
        slide = add_slide(store, code, site)
        with store.session() as session:
            field = fields.add_field(session, store.images, "Amina", slide, "a.png", code.encode())
            session.add(
                Correction(field_id=field.id, cell_number=1, call="infected", by="Amina", model_call="uninfected")
            )
    add_slide(store, "N", "", "Q")
    return store


def test_a_narrowed_session_finds_the_slides_of_its_sites_and_no_others(records: Store) -> None:
    seen = records.seen_by(frozenset({WEST}))
    with seen.reading() as session:
        page = history.find_slides(session, history.Search())
        assert ([slide.code for slide in page.slides], page.total) == (["W"], 1)
        assert slides.get_slide(session, 2).patient.code == "P"
        for other in (1, 3):
            with pytest.raises(NotFoundError):
                slides.get_slide(session, other)
        with pytest.raises(NotFoundError):
            fields.get_field(session, 1)
        assert fields.fields_of(session, 1) == []
        assert [field.id for field in fields.queued(session)] == [2]
        assert corrections.corrections_of(session, 1) == []
        assert len(corrections.corrections_of(session, 2)) == 1
        assert [point.slide.code for point in history.time_line(session, 1)] == ["W"]
        with pytest.raises(NotFoundError):
            patients.get_patient(session, "Q")
        assert history.known_values(session, "site") == [WEST]
        alias = aliased(Slide)
        assert session.scalars(select(alias.code)).all() == ["W"]
        assert session.scalar(select(func.count(Field.id))) == 1
        assert fields.how_many_wait(session) == 2, "as many as there are: it says how full the queue is"
    with seen.session() as session, pytest.raises(NotFoundError):
        slides.delete_slide(session, "stranger", 1, "mine now")
    with records.reading() as session:
        assert history.find_slides(session, history.Search()).total == 3


def test_the_audits_chain_is_whole_when_people_of_different_sites_write_it(records: Store) -> None:
    add_slide(records.seen_by(frozenset({WEST})), "W2", WEST)
    add_slide(records.seen_by(frozenset({EAST})), "E2", EAST)
    with records.reading() as session:
        assert verify(session).whole


def test_a_slide_is_recorded_at_ones_own_site_as_it_is_written(records: Store) -> None:
    west = records.seen_by(frozenset({WEST}))
    with records.reading() as session:
        patients = session.scalar(select(func.count(Patient.id)))
    for site in ("", "ward west"):
        slide = add_slide(west, f"own {site}", site, patient="Q")
        with west.reading() as session:
            assert slides.get_slide(session, slide).site == WEST
    with records.reading() as session:
        assert session.scalar(select(func.count(Patient.id))) == patients, "the same patient as at the other site"
    with pytest.raises(StoreError, match="one of your sites"):
        add_slide(west, "foreign", EAST)
    with west.session() as session, pytest.raises(StoreError, match="one of your sites"):
        slides.update_slide(session, "Amina", 2, SlideDetails("P", "W", date(2026, 3, 1), EAST))
    both = records.seen_by(frozenset({EAST, WEST}))
    with pytest.raises(StoreError, match="one of your sites"):
        add_slide(both, "which", "")
    with pytest.raises(StoreError, match="ask an administrator"):
        add_slide(records.seen_by(frozenset()), "nowhere", "")


def test_sites_of_an_account_are_written_once_as_they_are_known(records: Store) -> None:
    with records.session() as session:
        account = accounts.add_account(
            session, "admin", "Tom", PASSWORD, "technician", ["ward  WEST", " ", "Ward East"]
        )
        assert account.sites == [WEST, EAST]
        accounts.set_sites(session, "admin", account.id, ["Ward east", "New", "new"])
        assert account.sites == [EAST, "New"]
        told = entries(session, f"account/{account.id}")[0]
        assert (told.action, told.detail["sites"]) == ("change sites", [[WEST, EAST], [EAST, "New"]])
        with pytest.raises(StoreError, match="at most 50 sites"):
            accounts.set_sites(session, "admin", account.id, [str(number) for number in range(51)])
    assert add_slide(records, "N2", "NEW")
    with records.reading() as session:
        assert slides.get_slide(session, 4).site == "New", "or the site's people would not see it"


@pytest.mark.parametrize(
    ("role", "sites", "strict", "seen"),
    [
        ("technician", [WEST], False, {WEST}),
        ("reader", [], False, None),
        ("reader", [], True, set()),
        ("admin", [WEST], True, None),
    ],
)
def test_who_sees_what(role: str, sites: list[str], strict: bool, seen: set[str] | None) -> None:
    assert sites_of(Account(name="A", role=role, sites=sites), strict) == (None if seen is None else frozenset(seen))


def test_patients_with_slides_elsewhere_are_merged_by_who_sees_all(records: Store) -> None:
    west = records.seen_by(frozenset({WEST}))
    add_slide(west, "own", WEST, "R")
    with west.session() as session, pytest.raises(ConflictError, match="other sites"):
        patients.merge(session, "Amina", 1, "R")
    with records.session() as session:
        patients.merge(session, "admin", 1, "R")
    with west.session() as session:
        assert patients.get_patient(session, "R").code == "P"
        assert [one.code for one in patients.merged_into(session, 1)] == ["R"]
        with pytest.raises(ConflictError, match="other sites"):
            patients.part(session, "Amina", 1, "R")
    add_slide(records.seen_by(frozenset({EAST})), "E3", EAST, "R")
    with records.reading() as session:
        assert {point.slide.code for point in history.time_line(session, 1)} == {"E", "W", "own", "E3"}


def test_a_twin_at_another_site_is_not_told_of(records: Store) -> None:
    add_slide(records, "E4", EAST, "right-1")
    add_slide(records, "W4", WEST, "RIGHT-1")
    with records.seen_by(frozenset({WEST})).reading() as session:
        own = patients.get_patient(session, "RIGHT-1")
        assert patients.twins_of(session, own) == []
        assert patients.twins_of_code(session, "Right 1") == [own]
        assert patients.find_patients(session, twins_only=True).total == 0
        assert patients.find_patients(session).total == 2


def test_what_is_kept_of_one_persons_query_serves_nobody_of_another_site(records: Store) -> None:
    for sites, codes in (({EAST}, "E"), ({WEST}, "W"), (set(), ""), ({EAST, WEST}, "EW"), ({""}, "N"), ({WEST}, "W")):
        with records.seen_by(frozenset(sites)).reading() as session:
            slides_seen = session.scalars(select(Slide.code).order_by(Slide.code)).all()
            assert "".join(slides_seen) == codes
            fields_seen = session.scalars(select(Field).order_by(Field.id)).all()
            assert len(fields_seen) == len(codes.replace("N", ""))
            found = patients.find_patients(session)
            assert found.total == len(found.patients) == (1 if codes else 0)
            here, there = aliased(Field), aliased(Field)
            pairs = select(here.id, there.id).join(there, there.slide_id != here.slide_id)
            assert len(session.execute(pairs).all()) == (2 if codes == "EW" else 0)
