"""What the templates show of the records, put together from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, undefer

from plasmoscope.analysis import results
from plasmoscope.analysis.calls import INFECTED
from plasmoscope.analysis.results import Interval
from plasmoscope.i18n.sentences import CODES, SENTENCES
from plasmoscope.i18n.words import english
from plasmoscope.messages import Message, as_written, from_record, mark, message
from plasmoscope.reports import fonts
from plasmoscope.segmentation.vocabulary import Call
from plasmoscope.store import audit, cameras, corrections, edits, history
from plasmoscope.store.counts import Tally
from plasmoscope.store.errors import NotFoundError
from plasmoscope.store.records import AuditEntry, Correction, Field, Slide
from plasmoscope.web.i18n.sentences import FIELD_STATUS
from plasmoscope.web.pages.overlay import Outlined, outline_objects, outlined

_KINDS = {
    "waiting": "working",
    "analysing": "working",
    "done": "counted",
    "failed": "left-out",
    "cancelled": "",
    "removed": "left-out",
}


@dataclass(frozen=True)
class HomeRow:
    """A slide in the list of slides."""

    slide: Slide
    tally: Tally
    parasitaemia: Interval | None
    """Percent."""


@dataclass(frozen=True)
class FieldCard:
    """A photograph on its slide's page."""

    field: Field
    status: str
    """A message."""
    kind: str
    """Style of the status."""
    reasons: tuple[Message, ...]
    """Why it failed or is not counted."""
    same_as: str | None = None
    """Name of the photograph that shows the same place."""

    @property
    def warnings(self) -> tuple[Message, ...]:
        """What to read it with care for, where it is counted."""
        return warnings_of(self.field) if self.field.in_count else ()

    @property
    def state(self) -> str:
        """Changes whenever it has to be shown anew."""
        field, said = self.field, " ".join(map(english, (*self.reasons, *self.warnings)))
        return (
            f"{self.status} {field.counted} {field.infected} {field.not_a_cell} {field.accepted} {self.same_as} {said}"
        )


@dataclass(frozen=True)
class OpenCell:
    """The cell that is open beside its photograph."""

    object: Outlined
    model_call: Call
    before: int
    """Number of the cell before it; after the first comes the last."""
    after: int
    next_infected: int | None
    """Number of the next cell called infected; None where no other is."""
    corrections: tuple[Correction, ...]
    """All of this cell, the earliest first."""

    @property
    def state(self) -> str:
        """Changes whenever it has to be shown anew."""
        return f"{self.object.cell.number} {len(self.corrections)}"


@dataclass(frozen=True)
class WatchedCamera:
    """A microscope's camera whose folder is watched."""

    name: str
    slide: Slide | None
    """That its pictures go to."""
    waiting: int
    names: str
    """Of some pictures that wait."""
    set_aside: tuple[Message, ...]
    """Pictures that cannot be used, and why."""

    @property
    def state(self) -> str:
        """Changes whenever it has to be shown anew."""
        said = " ".join(map(english, self.set_aside))
        return f"{self.name} {self.slide.id if self.slide else ''} {self.waiting} {self.names} {said}"


@dataclass(frozen=True)
class Change:
    """An entry of the audit."""

    entry: AuditEntry
    particulars: str
    why: Message | None
    """Why an analysis failed; None of other changes, and where an earlier version has it among its particulars."""

    @property
    def slide(self) -> str | None:
        """Number of the slide that was changed; None of other changes, and of a slide that was deleted."""
        parts = self.entry.subject.split("/")
        return parts[1] if parts[0] == "slide" and len(parts) > 1 and self.entry.action != "delete" else None


def warnings_of(field: Field) -> tuple[Message, ...]:
    """What to read a photograph with care for."""
    # Earlier versions kept the sentences themselves.
    codes = [CODES.get(warning, warning) for warning in field.warnings]
    return tuple(message(code) if code in SENTENCES else as_written(code) for code in codes)


def watched_cameras(session: Session, site: str) -> list[WatchedCamera]:
    """The cameras of a site whose folders are watched just now."""
    watched = []
    for camera in cameras.in_sight(session, site):
        slide = session.get(Slide, camera.slide_id) if camera.slide_id is not None else None
        # What the camera of a slide that is not seen shows is nothing to see either.
        if slide is not None or camera.slide_id is None:
            aside = (message("named", name=one["name"], error=from_record(one["why"])) for one in camera.set_aside)
            names = ", ".join(camera.names)
            watched.append(WatchedCamera(camera.name, slide, camera.waiting, names, tuple(aside)))
    return watched


def home_rows(session: Session, found: Sequence[Slide]) -> list[HomeRow]:
    """Slides with their numbers."""
    figures = history.figures_of(session, found)
    return [HomeRow(slide, figures[slide.id].tally, figures[slide.id].parasitaemia) for slide in found]


def field_cards(session: Session, slide: Slide) -> list[FieldCard]:
    """A slide's photographs in their order."""
    refused = Field.override_gate | ~Field.accepted
    # Only what the gate found fault with is read whole.
    faults = {
        field.id: found.faults
        for field in session.scalars(_analysed(slide).where(refused))
        if (found := field.found()) is not None
    }
    rows = session.scalars(select(Field).where(Field.slide_id == slide.id).order_by(Field.position)).all()
    names = {field.id: field.name for field in rows}
    failed = audit.failures(session, [field for field in rows if field.status == "failed"])
    return [_card(field, faults.get(field.id, ()), names, failed.get(field.id)) for field in rows]


def fonts_to_install(slide: Slide, cards: Sequence[FieldCard], reader: str) -> tuple[str, ...]:
    """Fonts without which the PDF report could not show all letters; none where this computer has all it needs.

    Args:
        reader: who looks at the page, and may sign.
    """
    said = (slide.code, slide.patient.code, slide.site, slide.preparer, slide.microscopist, slide.stain)
    of_fields = (text for card in cards for text in (card.field.name, *map(english, card.reasons)))
    return fonts.fonts_to_install(" ".join((*said, slide.signed_by or "", reader, *of_fields)))


def field_objects(session: Session, field: Field, found: results.Field) -> list[Outlined]:
    """Every object of a photograph, by the call that holds."""
    objects = edits.edited(found, edits.edits_of(session, field.slide_id).get(field.id, ()))
    return outline_objects(objects, corrections.latest(session, field.slide_id).get(field.id, {}))


def open_cell(session: Session, field: Field, objects: Sequence[Outlined], number: int) -> OpenCell:
    """One object of a photograph.

    Raises:
        NotFoundError: there is no such number.
    """
    numbers = [one.cell.number for one in objects]
    if number not in numbers:
        raise NotFoundError("no_cell", field=field.name, cell=str(number), cells=len(numbers))
    place = numbers.index(number)
    said = corrections.corrections_of(session, field.id)
    following = (*objects[place + 1 :], *objects[:place])
    return OpenCell(
        object=objects[place],
        model_call=outlined(objects[place].cell, None).call,
        before=numbers[place - 1],
        after=numbers[(place + 1) % len(numbers)],
        next_infected=next((one.cell.number for one in following if one.call is INFECTED), None),
        corrections=tuple(one for one in said if one.cell_number == number),
    )


def changes_of(session: Session, slide: Slide, offset: int, limit: int) -> list[Change]:
    """The newest changes of a slide first."""
    entries = audit.entries(session, audit.slide_subject(slide.id), offset, limit)
    # Of photographs that were moved away since, too.
    mentioned = {int(place) for entry in entries if (place := entry.subject.rpartition("/field/")[2]).isdigit()}
    names = {row.id: row.name for row in session.execute(select(Field.id, Field.name).where(Field.id.in_(mentioned)))}
    return [Change(entry, _particulars(entry, names), audit.said(entry)) for entry in entries]


def change_of(entry: AuditEntry) -> Change:
    """An entry by itself, of whatever."""
    return Change(entry, _particulars(entry, {}, ("method", "sha256", "said")), audit.said(entry))


def _analysed(slide: Slide) -> Any:
    done = select(Field).where(Field.slide_id == slide.id, Field.status == "done").order_by(Field.position)
    return done.options(undefer(Field.result))


def _card(field: Field, faults: tuple[Message, ...], names: Mapping[int, str], why: Message | None) -> FieldCard:
    if field.status == "removed":
        return FieldCard(field, FIELD_STATUS["removed"], _KINDS["removed"], (as_written(field.remove_reason or ""),))
    if field.status != "done":
        # Earlier versions kept the sentence alone.
        reasons = (why or as_written(field.error),) if field.status == "failed" and field.error else ()
        return FieldCard(field, FIELD_STATUS[field.status], _KINDS[field.status], reasons)
    if field.rejected:
        return FieldCard(field, mark("Rejected"), "left-out", (as_written(field.reject_reason or ""),))
    same_as = None if field.duplicate_of_id is None else names[field.duplicate_of_id]
    if not field.in_count:
        return FieldCard(field, mark("Not counted"), "left-out", faults, same_as)
    by_order = faults or same_as is not None
    return FieldCard(field, mark("Counted by order") if by_order else FIELD_STATUS["done"], "counted", faults, same_as)


def _particulars(
    entry: AuditEntry, names: dict[int, str], untold: Sequence[str] = ("method", "sha256", "name", "said", "photograph")
) -> str:
    place = entry.subject.rpartition("/field/")[2]
    said = [names[int(place)]] if place.isdigit() and int(place) in names else []
    # How it was analysed is in the report; what is empty says nothing.
    elsewhere = {*untold, *(["error"] if audit.said(entry) else [])}
    detail = {name: value for name, value in entry.detail.items() if name not in elsewhere}
    said += [f"{name.replace('_', ' ')}: {_plain(value)}" for name, value in detail.items() if value not in (None, "")]
    return "; ".join(said)


def _plain(value: Any) -> str:
    if isinstance(value, list):
        # As ``update_slide`` notes it: before and after.
        return " → ".join("-" if one in (None, "") else str(one) for one in value)
    return f"{value:.3g}" if isinstance(value, float) else str(value)
