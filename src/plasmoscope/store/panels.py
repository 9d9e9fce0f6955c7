"""Panels: slides of known truth, put together by admins, opened for people to take, and closed.

Their photographs are kept and analysed like any others, on slides that are nobody's: those stand in no list, figure or
table of patients, and nobody sees them but on the panels' own pages.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from plasmoscope.analysis.competence import Answer, Truth
from plasmoscope.analysis.counting import red_cell_count
from plasmoscope.analysis.results import Species
from plasmoscope.store.audit import note
from plasmoscope.store.counts import reviewed_field, slide_count, tally
from plasmoscope.store.days import today
from plasmoscope.store.errors import ConflictError, NotFoundError, StoreError, TakenError
from plasmoscope.store.fields import add_field, fields_of
from plasmoscope.store.images import Images
from plasmoscope.store.reading_slides import copy_photographs
from plasmoscope.store.records import LONGEST_TEXT, CountUnit, Field, Panel, PanelSlide, Slide, now, storable
from plasmoscope.store.sites import ON_ALL_SITES
from plasmoscope.store.slides import no_patient

MOST_SLIDES = 100
"""Of one panel; the WHO's largest has 55."""
Cells = dict[str, list[list[float]]]
"""By the number of each photograph the infected cells: x, y and radius in pixels."""


@dataclass(frozen=True)
class GivenTruth:
    """What an admin says of a slide."""

    positive: bool
    species: tuple[str, ...] = ()
    count: float | None = None
    unit: CountUnit = "percent"
    """Of red cells, or per microlitre."""


def panel_subject(panel_id: int) -> str:
    """How a panel is called in the audit."""
    return f"panel/{panel_id}"


def make_panel(session: Session, who: str, name: str, training: bool) -> Panel:
    """Begin a panel.

    Raises:
        StoreError: it has no name, or one that is too long.
        TakenError: there is one of this name.
    """
    said = given_name(name)
    panel = Panel(name=said, training=training, made_by=who)
    try:
        with session.begin_nested():
            session.add(panel)
    except IntegrityError as error:
        raise TakenError("name_taken", name=said) from error
    note(session, who, "make panel", panel_subject(panel.id), name=said, training=training)
    return panel


def given_name(name: str) -> str:
    """A name without blanks around it.

    Raises:
        StoreError: it is empty or too long.
    """
    said = " ".join(storable(name).split())
    if not said or len(said) > LONGEST_TEXT:
        raise StoreError("name_needed", most=LONGEST_TEXT)
    return said


def get_panel(session: Session, panel_id: int) -> Panel:
    """A panel by its number.

    Raises:
        NotFoundError: no such panel.
    """
    panel = session.get(Panel, panel_id)
    if panel is None:
        raise NotFoundError("no_panel")
    return panel


def all_panels(session: Session) -> Sequence[Panel]:
    """All, the newest first."""
    return session.scalars(select(Panel).order_by(Panel.id.desc())).all()


def slides_of(session: Session, panel_id: int) -> Sequence[PanelSlide]:
    """A panel's slides in their order."""
    wanted = select(PanelSlide).where(PanelSlide.panel_id == panel_id).order_by(PanelSlide.position)
    return session.scalars(wanted).all()


def photographs_of(session: Session, slide: PanelSlide) -> Sequence[Field]:
    """A slide's photographs that the program could analyse, whatever sites the reader belongs to."""
    wanted = select(Field).where(Field.slide_id == slide.slide_id, Field.status == "done").order_by(Field.position)
    return session.scalars(wanted.execution_options(**ON_ALL_SITES)).all()


def add_slide(session: Session, who: str, panel_id: int, truth: GivenTruth) -> PanelSlide:
    """Add a slide without photographs.

    Raises:
        NotFoundError: no such panel.
        ConflictError: the panel was opened, or has as many slides as it may.
        StoreError: the truth makes no sense.
    """
    panel, said = _to_change(session, panel_id), checked_truth(truth)
    position = max((slide.position for slide in slides_of(session, panel_id)), default=0) + 1
    if position > MOST_SLIDES:
        raise ConflictError("panel_full", most=MOST_SLIDES)
    record = Slide(
        patient=no_patient(session),
        code=f"{panel.id}-{position}-{now():%H%M%S%f}",
        taken_on=today(),
        site="",
        preparer="",
        microscopist="",
        stain="",
        purpose="panel",
    )
    session.add(record)
    session.flush()
    slide = PanelSlide(
        panel_id=panel_id,
        position=position,
        slide_id=record.id,
        positive=said.positive,
        species=sorted(said.species),
        count=said.count,
        unit=said.unit,
    )
    session.add(slide)
    session.flush()
    note(session, who, "add panel slide", panel_subject(panel_id), position=position, **_plain(slide))
    return slide


def add_drawn(
    session: Session,
    images: Images,
    who: str,
    panel_id: int,
    percent: float,
    drawn: Sequence[tuple[bytes, list[list[float]]]],
) -> PanelSlide:
    """Add a rendered slide.

    Args:
        percent: infected cells of all whole ones.
        drawn: each photograph, and its infected cells as in ``Cells``.

    Raises:
        As ``add_slide``; OSError: a photograph cannot be written.
    """
    slide = add_slide(session, who, panel_id, GivenTruth(percent > 0, count=percent or None))
    cells: Cells = {}
    for number, (photograph, infected) in enumerate(drawn, start=1):
        field = add_field(session, images, who, slide.slide_id, f"{number}.png", photograph)
        cells[str(field.id)] = infected
    slide.cells = cells
    return slide


def add_copy(session: Session, who: str, panel_id: int, code: str, truth: GivenTruth) -> PanelSlide:
    """Add the photographs of a signed slide, without whose they are; the calls that were signed tell its cells' truth.

    Raises:
        As ``add_slide``; NotFoundError also where no signed slide has this ID; ConflictError where several have.
    """
    of_code = Slide.code == code.strip(), Slide.status == "signed", Slide.deleted_at.is_(None)
    found = session.scalars(select(Slide).where(*of_code, Slide.purpose == "patient").limit(2)).all()
    if not found:
        raise NotFoundError("no_signed_slide", slide=code)
    if len(found) > 1:
        raise ConflictError("several_slides", slide=code)
    slide = add_slide(session, who, panel_id, truth)
    record = session.get_one(Slide, slide.slide_id)
    record.haematocrit_percent, record.red_cells_per_ul = found[0].haematocrit_percent, found[0].red_cells_per_ul
    numbers = copy_photographs(session, found[0], record)
    cells: Cells = {}
    for field in fields_of(session, found[0].id):
        reviewed = reviewed_field(session, field) if field.status == "done" else None
        if reviewed is not None:
            infected = [cell for cell in reviewed.cells if cell.counted and cell.parasitized]
            cells[str(numbers[field.id])] = [[*cell.centre, max(cell.box[2:]) / 2] for cell in infected]
    slide.cells = cells
    return slide


def remove_slide(session: Session, who: str, panel_id: int, position: int) -> None:
    """Take a slide out of a panel that was not opened yet.

    Raises:
        NotFoundError, ConflictError: as ``add_slide``; NotFoundError also where there is no such slide.
    """
    _to_change(session, panel_id)
    slide = next((one for one in slides_of(session, panel_id) if one.position == position), None)
    if slide is None:
        raise NotFoundError("no_panel")
    record = session.get_one(Slide, slide.slide_id)
    session.delete(slide)
    session.flush()
    session.delete(record)
    note(session, who, "remove panel slide", panel_subject(panel_id), position=position)


def open_panel(session: Session, who: str, panel_id: int) -> Panel:
    """Let people take a panel; what the program called is kept as its own answers.

    Raises:
        NotFoundError: no such panel.
        ConflictError: it was opened, has no slide, or some slide has no cell counted or photographs not analysed yet.
    """
    panel = _to_change(session, panel_id)
    slides = slides_of(session, panel_id)
    if not slides:
        raise ConflictError("panel_empty")
    for slide in slides:
        numbers = tally(session, slide.slide_id)
        if numbers.unfinished:
            raise ConflictError("photographs_unfinished", photographs=numbers.unfinished)
        count = slide_count(session, session.get_one(Slide, slide.slide_id), numbers)
        if count is None:
            raise ConflictError("nothing_to_read", slide=str(slide.position))
        slide.program_infected, slide.program_counted = numbers.infected, numbers.counted
        slide.program_positive = bool(count.detection and count.detection.positive)
    panel.opened_at = now()
    truths = [_plain(slide) | {"position": slide.position} for slide in slides]
    note(session, who, "open panel", panel_subject(panel_id), slides=truths)
    return panel


def close_panel(session: Session, who: str, panel_id: int) -> Panel:
    """Let nobody begin or go on with a panel, and show its truth to those who took it.

    Raises:
        NotFoundError: no such panel.
        ConflictError: it is not open.
    """
    panel = get_panel(session, panel_id)
    if panel.opened_at is None or panel.closed_at is not None:
        raise ConflictError("panel_not_open", panel=panel.name)
    panel.closed_at = now()
    note(session, who, "close panel", panel_subject(panel_id))
    return panel


def truth_of(slide: PanelSlide) -> Truth:
    """What a slide is known to hold, in its own unit."""
    return Truth(slide.positive, frozenset(slide.species), slide.count)


def program_answer(slide: PanelSlide, red_cells_per_ul: float) -> Answer:
    """What the program read on a slide of a panel that was opened; it names no species.

    Args:
        red_cells_per_ul: of the slide's blood.
    """
    if not slide.program_counted:
        return Answer(False)
    share = (slide.program_infected or 0) / slide.program_counted
    return Answer(bool(slide.program_positive), count=in_unit(slide.unit, share, red_cells_per_ul))


def in_unit(unit: CountUnit, share: float, red_cells_per_ul: float) -> float:
    """A share of red cells, 0 to 1, in percent or per microlitre."""
    return 100 * share if unit == "percent" else share * red_cells_per_ul


def red_cells_of(session: Session, slides: Sequence[PanelSlide]) -> dict[int, float]:
    """Red cells per microlitre of each slide's blood, by the number of its record."""
    ids = [slide.slide_id for slide in slides]
    wanted = select(Slide).where(Slide.id.in_(ids)).execution_options(**ON_ALL_SITES)
    return {
        record.id: red_cell_count(record.red_cells_per_ul, record.haematocrit_percent).per_ul
        for record in session.scalars(wanted)
    }


def checked_truth(given: GivenTruth) -> GivenTruth:
    """What somebody says a slide holds.

    Raises:
        StoreError: a species that there is not; species or a count of a slide without parasites; a count that is none.
    """
    checked_species(given.species)
    most = 100 if given.unit == "percent" else MOST_PER_UL
    if given.unit not in get_args(CountUnit) or (given.count is not None and not 0 < given.count <= most):
        raise StoreError("count_impossible", most=most)
    if not given.positive and (given.species or given.count is not None):
        raise StoreError("negative_holds_none")
    return given


def checked_species(species: Sequence[str]) -> list[str]:
    """Names of species, each once.

    Raises:
        StoreError: there is no such.
    """
    for name in species:
        if name not in get_args(Species):
            raise StoreError("no_such_note", notes=", ".join(get_args(Species)), note=name)
    return sorted(set(species))


MOST_PER_UL = 10_000_000
"""Parasites per microlitre: more than there are red cells in any blood."""


def _to_change(session: Session, panel_id: int) -> Panel:
    held = select(Panel).where(Panel.id == panel_id).with_for_update()
    panel = session.scalar(held.execution_options(populate_existing=True))
    if panel is None:
        raise NotFoundError("no_panel")
    if panel.opened_at is not None:
        raise ConflictError("panel_opened", panel=panel.name)
    return panel


def _plain(slide: PanelSlide) -> dict[str, Any]:
    return {"positive": slide.positive, "species": slide.species, "count": slide.count, "unit": slide.unit}
