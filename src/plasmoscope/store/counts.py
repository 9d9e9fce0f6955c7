"""The count of a slide, with corrections and rejections: fast as figures, whole as a result for the reports."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import bindparam, case, func, select
from sqlalchemy.orm import Session, undefer

from plasmoscope.analysis import results
from plasmoscope.analysis.counting import CALLS_CHANGED, COUNTED_DIFFERENTLY, count_slide, red_cell_count
from plasmoscope.analysis.method import Method
from plasmoscope.analysis.slides import build_slide
from plasmoscope.i18n.words import english
from plasmoscope.imaging.reading import stored_orientation
from plasmoscope.messages import Message, message
from plasmoscope.store import audit
from plasmoscope.store.audit import failures
from plasmoscope.store.corrections import BY_HAND, corrected, latest
from plasmoscope.store.edits import edited, edits_of
from plasmoscope.store.errors import ConflictError
from plasmoscope.store.images import Images
from plasmoscope.store.looks import first_looks
from plasmoscope.store.readings import readings_of_slides
from plasmoscope.store.records import Correction, Edit, Field, Look, Slide
from plasmoscope.store.review import slide_queue

# What people did with outlines, as the notes say it.
_EDITED = {"draw": "outline_drawn", "erase": "outline_erased", "split": "outline_split", "join": "outline_joined"}
# Those that hold, by field and cell number.
_Corrections = Mapping[int, Mapping[int, Correction]]


@dataclass(frozen=True)
class Tally:
    """A slide in numbers."""

    counted: int = 0
    """Whole red cells."""
    infected: int = 0
    not_a_cell: int = 0
    """Left out, since the model says that they are no red cells or cannot tell."""
    fields: int = 0
    """Photographs whose analysis has ended, well or not."""
    in_count: int = 0
    """Photographs that are counted."""
    unfinished: int = 0
    """Photographs that wait or are being analysed."""
    done: int = 0
    """Photographs whose analysis ended well, so that there is something to report."""


# Made once: putting it together takes longer than running it.
_TALLIES = (
    select(
        Field.slide_id,
        func.sum(case((Field.in_count, Field.counted), else_=0)),
        func.sum(case((Field.in_count, Field.infected), else_=0)),
        func.sum(case((Field.in_count, Field.not_a_cell), else_=0)),
        func.sum(case((Field.status.in_(("done", "failed")), 1), else_=0)),
        func.sum(case((Field.in_count, 1), else_=0)),
        func.sum(case((Field.status.in_(("waiting", "analysing")), 1), else_=0)),
        func.sum(case((Field.status == "done", 1), else_=0)),
    )
    .where(Field.slide_id.in_(bindparam("slide_ids", expanding=True)))
    .group_by(Field.slide_id)
)


def tallies(session: Session, slide_ids: Collection[int]) -> dict[int, Tally]:
    """Numbers of many slides at once; every slide has an entry."""
    found = dict.fromkeys(slide_ids, Tally())
    rows = session.execute(_TALLIES, {"slide_ids": list(slide_ids)})
    return found | {slide_id: Tally(*numbers) for slide_id, *numbers in rows}


def tally(session: Session, slide_id: int) -> Tally:
    """Numbers of one slide."""
    return tallies(session, [slide_id])[slide_id]


def slide_count(session: Session, slide: Slide, numbers: Tally) -> results.Count | None:
    """The running count with its interval and advice; None while no cell is counted.

    Args:
        numbers: as ``tally`` gives them.
    """
    if not numbers.counted:
        return None
    rows = session.execute(
        select(Field.id, Field.method).where(Field.slide_id == slide.id, Field.in_count).order_by(Field.position)
    ).all()
    fields = {row.id for row in rows}
    changed = _changed(latest(session, slide.id), edits_of(session, slide.id), fields)
    return _count(slide, numbers, [Method.model_validate(row.method) for row in rows], changed)


def slide_result(session: Session, slide: Slide) -> results.Slide:
    """The slide as the reports take it (``plasmoscope.reports.bundle.write_slide``).

    Calls, rejections and duplicates are as people left them; cells called no cell are left out. The photograph of a
    field without an error is ``Images.path(field.sha256)``.

    Raises:
        ConflictError: no photograph is analysed, or it is no patient's slide.
    """
    if slide.purpose in ("panel", "control"):
        raise ConflictError("no_patients_slide", slide=slide.code)
    rows = session.scalars(
        select(Field)
        .where(Field.slide_id == slide.id, Field.status.in_(("done", "failed")))
        .order_by(Field.position)
        .options(undefer(Field.result))
    ).all()
    methods = {row.id: Method.model_validate(row.method) for row in rows if row.status == "done"}
    if not methods:
        raise ConflictError("nothing_to_report", slide=slide.code)
    counting = [methods[row.id] for row in rows if row.in_count]
    corrections = latest(session, slide.id)
    edits = edits_of(session, slide.id)
    changed = _changed(corrections, edits, {row.id for row in rows if row.in_count})
    names = {row.id: row.name for row in rows}
    looks = first_looks(session, slide.id)
    failed = failures(session, [row for row in rows if row.status == "failed"])
    fields = tuple(
        _reviewed(
            row, edits.get(row.id, ()), corrections.get(row.id, {}), looks.get(row.id, {}), names, failed.get(row.id)
        )
        for row in rows
    )
    method = list(methods.values())[-1]
    numbers = tally(session, slide.id)
    read = readings_of_slides(session, [slide.id]).get(slide.id)
    readings = read.record() if read else None
    return build_slide(
        slide.code,
        fields,
        method,
        _count(slide, numbers, counting, changed),
        _notes(counting, changed, numbers.unfinished, readings),
        slide.signed_at,
        patient=slide.patient.code,
        taken_on=slide.taken_on,
        site=slide.site,
        preparer=slide.preparer,
        microscopist=slide.microscopist,
        stain=slide.stain,
        age_years=slide.age_years,
        sex=slide.sex,
        visit_day=slide.visit_day,
        status=slide.status,
        signed_by=slide.signed_by,
        signed_at=slide.signed_at,
        review=slide_queue(session, slide.id).review,
        readings=readings,
        amended=slide.status == "signed" and audit.was_done(session, "reopen", audit.slide_subject(slide.id)),
    )


def with_orientations(images: Images, slide: results.Slide) -> results.Slide:
    """The slide, its fields telling how their files store them where the analysis of an earlier version did not."""

    def known(field: results.Field) -> results.Field:
        if field.error is not None or field.orientation is not None:
            return field
        # A photograph that is lost leaves its results.
        with suppress(OSError):
            orientation = stored_orientation(images.path(field.sha256).read_bytes())
            return field.model_copy(update={"orientation": orientation})
        return field

    return slide.model_copy(update={"fields": tuple(map(known, slide.fields))})


def _count(slide: Slide, numbers: Tally, methods: Sequence[Method], changed: Counter[str]) -> results.Count | None:
    """The count; ``methods`` are those of the counted fields, in their order."""
    if not numbers.counted:
        return None
    # What was measured tells nothing of people's calls, and nothing of another model's.
    not_corrected = CALLS_CHANGED if changed else None if _alike(methods) else COUNTED_DIFFERENTLY
    red_cells = red_cell_count(slide.red_cells_per_ul, slide.haematocrit_percent)
    # A measurement holds for every field that was analysed so, also before it was made.
    measured = methods[-1].performance if methods else None
    return count_slide(numbers.infected, numbers.counted, red_cells, measured, not_corrected=not_corrected)


def _alike(methods: Sequence[Method]) -> bool:
    """Whether one program with one model called the cells in one way."""
    # Which cells are shown to people beside those that are called, what is said of the model, and what computed it,
    # change no call.
    said_only = {"performance": None, "screening": None, "infected_from": "", "provider": ""}
    return len({method.model_copy(update=said_only) for method in methods}) <= 1


def _changed(corrections: _Corrections, edits: Mapping[int, Sequence[Edit]], counted: Collection[int]) -> Counter[str]:
    """How many cells of the counted fields hold another call than the model's, by that call; and edits, by their kind.

    What was no red cell to the model and none, or uncertain, to the microscopist counts on neither side.
    """
    holding = [correction for field in counted for correction in corrections.get(field, {}).values()]
    made = [edit for field in counted for edit in edits.get(field, ()) if not edit.undone and edit.kind != "note"]
    return Counter(edit.kind for edit in made) + Counter(
        correction.call
        for correction in holding
        if correction.model_call not in (correction.call, BY_HAND)
        and not (
            correction.call in ("not_a_cell", "uncertain") and correction.model_call not in ("infected", "uninfected")
        )
    )


def reviewed_field(session: Session, field: Field) -> results.Field | None:
    """A field with all that people did to its objects, as the reports have it; None before it is analysed."""
    found = field.found()
    if found is None:
        return None
    slide = field.slide_id
    mine, calls, looks = edits_of(session, slide), latest(session, slide), first_looks(session, slide)
    return corrected(edited(found, mine.get(field.id, ())), calls.get(field.id, {}), looks.get(field.id, {}))


def _reviewed(
    row: Field,
    edits: Sequence[Edit],
    corrections: Mapping[int, Correction],
    looks: Mapping[int, Look],
    names: Mapping[int, str],
    why: Message | None,
) -> results.Field:
    """The field as people left it; ``why`` tells of a failed one what went wrong, but for those of earlier versions."""
    found = row.found()
    if row.status == "failed" or found is None:
        return results.unreadable(row.name, row.error or "", (why,) if why else ())
    checks = found.checks
    if row.rejected:
        said = message("rejected", reason=row.reject_reason or "")
        review = results.QualityCheck(
            name="review", value=0, passed=False, message=english(said), message_coded=(said,)
        )
        checks = (*checks, review)
    duplicate_of = names[row.duplicate_of_id] if row.duplicate_of_id else None
    reviewed = {"name": row.name, "checks": checks, "accepted": row.in_count, "duplicate_of": duplicate_of}
    return corrected(edited(found, edits), corrections, looks).model_copy(update=reviewed)


# By the call that a person gave in place of the model's.
_CHANGED = {
    "infected": "to_infected",
    "uninfected": "to_not_infected",
    "not_a_cell": "to_not_a_cell",
    "uncertain": "to_uncertain",
    "white_cell": "to_white_cell",
}


def _notes(
    methods: Sequence[Method], changed: Counter[str], unfinished: int, readings: results.Readings | None
) -> Iterator[Message]:
    if readings and not readings.complete:
        yield message("readings_not_complete")
    outlines = {kind: changed[kind] for kind in _EDITED if changed[kind]}
    called = changed - Counter(outlines)
    if called:
        calls = tuple(message(_CHANGED[call], number=number) for call, number in sorted(called.items()))
        yield message("calls_changed_to", changed=called.total(), calls=calls)
    if outlines:
        edits = tuple(message(_EDITED[kind], number=number) for kind, number in outlines.items())
        yield message("outlines_changed", edits=edits)
    if not _alike(methods):
        yield message("different_versions")
    if unfinished:
        yield message("not_analysed_yet", number=unfinished)
