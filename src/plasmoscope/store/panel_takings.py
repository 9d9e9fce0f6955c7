"""What people read on panels: begun, answered slide by slide, and scored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import hypot
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session, undefer

from plasmoscope.analysis.competence import Answer, Competence, Judged, Part, Truth, competence, judge
from plasmoscope.analysis.results import Cell
from plasmoscope.store.audit import note
from plasmoscope.store.errors import ConflictError, NotFoundError, StoreError
from plasmoscope.store.panels import (
    MOST_PER_UL,
    checked_species,
    get_panel,
    in_unit,
    panel_subject,
    photographs_of,
    program_answer,
    red_cells_of,
    slides_of,
    truth_of,
)
from plasmoscope.store.records import Field, Panel, PanelAnswer, PanelSlide, PanelTaking, now
from plasmoscope.store.sites import ON_ALL_SITES

Marked = Mapping[int, frozenset[int]]
"""By the number of each photograph, the numbers of the objects that were marked as infected cells."""


@dataclass(frozen=True)
class Taken:
    """One person's reading of a panel that is done, or the program's."""

    panel: Panel
    taking: PanelTaking | None
    """None of the program's."""
    score: Competence


class Target(NamedTuple):
    """An object in a photograph that can be marked, or an infected cell of the truth."""

    number: int
    """Of the object; 0 where no object lies on a cell of the truth."""
    x: float
    y: float
    radius: float
    truth: bool | None
    """Whether it is infected; None where cells are not known one by one."""
    marked: bool
    called: bool
    """By the program."""


class Answered(NamedTuple):
    """A slide that was answered."""

    slide: PanelSlide
    answer: PanelAnswer
    judged: Judged


def takings_of(session: Session, panel_id: int | None = None, reader: str | None = None) -> Sequence[PanelTaking]:
    """Of one panel or all, by one person or all, the newest first."""
    wanted = select(PanelTaking).order_by(PanelTaking.id.desc())
    if panel_id is not None:
        wanted = wanted.where(PanelTaking.panel_id == panel_id)
    if reader is not None:
        wanted = wanted.where(PanelTaking.reader == reader)
    return session.scalars(wanted).all()


def own_taking(session: Session, who: str, taking_id: int) -> PanelTaking:
    """One's own reading of a panel.

    Raises:
        NotFoundError: there is none of this number, or it is another's.
    """
    taking = session.get(PanelTaking, taking_id)
    if taking is None or taking.reader != who:
        raise NotFoundError("no_taking")
    return taking


def begin(session: Session, who: str, panel_id: int) -> PanelTaking:
    """Begin a panel, or go on where one left it. A panel that is no training is read once.

    Raises:
        NotFoundError: no such panel.
        ConflictError: it is not open, one has read it, or one made it and knows its truth.
    """
    panel = get_panel(session, panel_id)
    # Who begins it twice at a time begins it once.
    session.refresh(panel, with_for_update=True)
    _check_open(panel)
    mine = takings_of(session, panel_id, who)
    if mine and mine[0].done_at is None:
        return mine[0]
    if mine and not panel.training:
        raise ConflictError("panel_read", panel=panel.name)
    if panel.made_by == who and not panel.training:
        raise ConflictError("panel_own", panel=panel.name)
    taking = PanelTaking(panel_id=panel_id, reader=who)
    session.add(taking)
    session.flush()
    note(session, who, "begin panel", panel_subject(panel_id))
    return taking


def next_slide(session: Session, taking: PanelTaking) -> PanelSlide | None:
    """The first slide without an answer; None where all have one."""
    done = set(session.scalars(select(PanelAnswer.panel_slide_id).where(PanelAnswer.taking_id == taking.id)))
    return next((slide for slide in slides_of(session, taking.panel_id) if slide.id not in done), None)


def answer(
    session: Session,
    who: str,
    taking_id: int,
    position: int,
    positive: bool,
    species: Sequence[str] = (),
    count: float | None = None,
    marked: Marked | None = None,
) -> PanelAnswer:
    """Say what is on a slide; that stays. With the last slide the panel is done.

    Args:
        count: in the slide's unit; None takes the cells that are marked, where some are.
        marked: objects marked as infected cells; others than there are play no part.

    Raises:
        NotFoundError: it is not one's own, or has no such slide.
        ConflictError: the panel is closed, or the slide was answered.
        StoreError: species or a count that there is not.
    """
    taking = own_taking(session, who, taking_id)
    session.refresh(taking, with_for_update=True)
    panel = session.get_one(Panel, taking.panel_id)
    _check_open(panel)
    slide = next((one for one in slides_of(session, panel.id) if one.position == position), None)
    if slide is None:
        raise NotFoundError("no_panel")
    answered = select(PanelAnswer.id).where(PanelAnswer.taking_id == taking.id, PanelAnswer.panel_slide_id == slide.id)
    if session.scalar(answered) is not None:
        raise ConflictError("slide_answered")
    named = checked_species(species)
    if count is not None and not 0 <= count <= (100 if slide.unit == "percent" else MOST_PER_UL):
        raise StoreError("count_impossible", most=100 if slide.unit == "percent" else MOST_PER_UL)
    seen = _seen(session, slide, marked or {})
    if positive and count is None:
        count = _count_of(session, slide, seen)
    given = PanelAnswer(
        taking_id=taking.id,
        panel_slide_id=slide.id,
        positive=positive,
        species=named if positive else [],
        count=count if positive else None,
        marked={str(field_id): sorted(numbers) for field_id, numbers in seen.items()},
    )
    session.add(given)
    session.flush()
    if next_slide(session, taking) is None:
        taking.done_at = now()
        score = score_of(session, taking)
        told = {name: [part.right, part.slides] for name, part in parts_of(score).items()}
        note(session, who, "finish panel", panel_subject(panel.id), level=score.level, **told)
    return given


def parts_of(score: Competence) -> dict[str, Part]:
    """The parts of a score by their names, in the order of tables."""
    return {
        "detection": score.detection,
        "sensitivity": score.sensitivity,
        "specificity": score.specificity,
        "species": score.species,
        "counts": score.counts,
    }


def shows_truth(panel: Panel) -> bool:
    """Whether those who answered a slide see what it holds: in training at once, else when the panel is closed."""
    return panel.training or panel.closed_at is not None


def answered_slides(session: Session, taking: PanelTaking) -> list[Answered]:
    """The slides that were answered, in their order."""
    given = {
        one.panel_slide_id: one
        for one in session.scalars(select(PanelAnswer).where(PanelAnswer.taking_id == taking.id))
    }
    return [
        Answered(slide, given[slide.id], judge(truth_of(slide), _said(given[slide.id])))
        for slide in slides_of(session, taking.panel_id)
        if slide.id in given
    ]


def score_of(session: Session, taking: PanelTaking) -> Competence:
    """What somebody's answers so far come to."""
    return competence([(truth_of(one.slide), _said(one.answer)) for one in answered_slides(session, taking)])


def program_score(session: Session, panel: Panel) -> Competence | None:
    """What the program's answers to a panel come to; None before the panel is opened."""
    if panel.opened_at is None:
        return None
    slides = slides_of(session, panel.id)
    blood = red_cells_of(session, slides)
    read: list[tuple[Truth, Answer]] = [
        (truth_of(slide), program_answer(slide, blood[slide.slide_id])) for slide in slides
    ]
    return competence(read, names_species=False)


def results(session: Session, reader: str | None = None) -> list[Taken]:
    """All that is done, by one person or all, the newest first."""
    panels = {panel.id: panel for panel in session.scalars(select(Panel))}
    slides = {slide.id: slide for slide in session.scalars(select(PanelSlide))}
    # All at once: there may be hundreds of them.
    given = select(PanelAnswer).join(PanelTaking, PanelTaking.id == PanelAnswer.taking_id)
    if reader is not None:
        given = given.where(PanelTaking.reader == reader)
    read: dict[int, list[tuple[Truth, Answer]]] = {}
    for one in session.scalars(given):
        read.setdefault(one.taking_id, []).append((truth_of(slides[one.panel_slide_id]), _said(one)))
    done = [taking for taking in takings_of(session, reader=reader) if taking.done_at is not None]
    return [Taken(panels[taking.panel_id], taking, competence(read[taking.id])) for taking in done]


def targets_of(
    session: Session, slide: PanelSlide, marked: Mapping[str, Sequence[int]] | None = None
) -> dict[int, list[Target]]:
    """What can be marked in each photograph of a slide, and what of it is true.

    An infected cell of the truth is the object whose middle lies nearest to its own, within its radius.

    Args:
        marked: as ``PanelAnswer.marked``.
    """
    found: dict[int, list[Target]] = {}
    for field in _whole_photographs(session, slide):
        read = field.found()
        objects = [cell for cell in read.cells if not cell.on_border] if read else []
        known = None if slide.cells is None else slide.cells.get(str(field.id), [])
        if not slide.positive:
            known = []
        there = frozenset((marked or {}).get(str(field.id), ()))
        infected, lost = _matched(objects, known or [])
        found[field.id] = [
            Target(
                cell.number,
                *cell.centre,
                max(cell.box[2:]) / 2,
                None if known is None else cell.number in infected,
                cell.number in there,
                cell.counted and bool(cell.parasitized),
            )
            for cell in objects
        ] + [Target(0, x, y, radius, True, False, False) for x, y, radius in lost]
    return found


def photograph_to_read(session: Session, who: str, admin: bool, panel_id: int, field_id: int) -> Field:
    """A photograph of a panel that somebody may look at: they take it, have taken it, or may change it.

    Raises:
        NotFoundError: there is none for them.
    """
    takes = admin or bool(takings_of(session, panel_id, who))
    for slide in slides_of(session, panel_id) if takes else ():
        for field in photographs_of(session, slide):
            if field.id == field_id:
                return field
    raise NotFoundError("no_field", field=str(field_id))


def _check_open(panel: Panel) -> None:
    if panel.opened_at is None or panel.closed_at is not None:
        raise ConflictError("panel_not_open", panel=panel.name)


def _said(given: PanelAnswer) -> Answer:
    return Answer(given.positive, frozenset(given.species), given.count)


def _whole_photographs(session: Session, slide: PanelSlide) -> Sequence[Field]:
    wanted = select(Field).where(Field.slide_id == slide.slide_id, Field.status == "done").order_by(Field.position)
    return session.scalars(wanted.options(undefer(Field.result)).execution_options(**ON_ALL_SITES)).all()


def _seen(session: Session, slide: PanelSlide, marked: Marked) -> dict[int, frozenset[int]]:
    """Of what was marked, that which is there."""
    if not any(marked.values()):
        return {}
    there = {
        field_id: frozenset(target.number for target in targets) - {0}
        for field_id, targets in targets_of(session, slide).items()
    }
    kept = {field_id: numbers & there.get(field_id, frozenset()) for field_id, numbers in marked.items()}
    return {field_id: numbers for field_id, numbers in kept.items() if numbers}


def _count_of(session: Session, slide: PanelSlide, seen: Mapping[int, frozenset[int]]) -> float | None:
    """Of marked cells the share of all red cells, those that the program left out among them where they are marked."""
    if not seen:
        return None
    counted = 0
    for field in _whole_photographs(session, slide):
        read = field.found()
        if read is not None:
            counted += len({cell.number for cell in read.cells if cell.counted} | seen.get(field.id, frozenset()))
    share = sum(map(len, seen.values())) / counted
    return in_unit(slide.unit, share, red_cells_of(session, [slide])[slide.slide_id])


def _matched(
    objects: Sequence[Cell], truth: Sequence[Sequence[float]]
) -> tuple[frozenset[int], list[tuple[float, float, float]]]:
    """Numbers of the objects that are infected cells, and the infected cells on which no object lies."""
    infected: set[int] = set()
    lost = []
    for x, y, radius in truth:
        near = min(objects, key=lambda cell: hypot(cell.centre[0] - x, cell.centre[1] - y), default=None)
        if near is not None and hypot(near.centre[0] - x, near.centre[1] - y) <= radius:
            infected.add(near.number)
        else:
            lost.append((x, y, radius))
    return frozenset(infected), lost
