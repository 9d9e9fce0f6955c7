"""The tables: patients, their slides, the slides' fields, corrections of cells, the audit, and accounts."""

from datetime import UTC, date, datetime
from typing import Any, Literal

from sqlalchemy import (
    JSON,
    DateTime,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    Text,
    UniqueConstraint,
    and_,
    false,
    or_,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.types import TypeDecorator

from plasmoscope.analysis import results
from plasmoscope.analysis.performance import Performance
from plasmoscope.analysis.results import Sex
from plasmoscope.classification.profile import Profile

LONGEST_TEXT = 200
"""Characters of any one thing that people write: a name, an ID, a password."""

SlideStatus = Literal["open", "signed"]
FieldStatus = Literal["waiting", "analysing", "done", "failed", "cancelled", "removed"]
Call = Literal["infected", "uninfected", "not_a_cell", "uncertain", "white_cell", "program"]
"""By a person. ``uncertain``: it cannot be told, and is not counted. ``program``: their call is taken back."""
EditKind = Literal["draw", "erase", "split", "join", "note"]
Role = Literal["reader", "technician", "admin"]
Purpose = Literal["patient", "reading", "panel", "control"]
"""What a slide's record is for: ``patient``; ``reading``, the sheet of one reader of such a slide; ``panel``, known
truth that people and the program are tried on; or ``control``, one reading of a control slide. Of the last two nothing
stands among patients' slides, figures and tables."""
CountUnit = Literal["percent", "per_ul"]
ControlKind = Literal["positive", "negative"]


def now() -> datetime:
    """The present moment, with its time zone."""
    return datetime.now(UTC)


class _Moment(TypeDecorator[datetime]):
    """A time that comes back with its time zone; SQLite keeps none."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


def storable(text: str) -> str:
    """Without the few characters that a database cannot hold: NUL and halves of surrogate pairs."""
    return text.replace("\0", "").encode("utf-8", "ignore").decode()


class _Words(TypeDecorator[str]):
    """Text that is made storable on its way in."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else storable(value)


class Base(DeclarativeBase):
    """Base of all tables."""

    # Named constraints can be changed by later migrations.
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_N_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it by this name
        datetime: _Moment,
        str: _Words,
        bytes: LargeBinary,
        dict[str, Any]: JSON,
        list[int]: JSON,
        list[str]: JSON,
        SlideStatus: _Words,
        FieldStatus: _Words,
        Sex: _Words,
        Call: _Words,
        EditKind: _Words,
        Role: _Words,
        Purpose: _Words,
        CountUnit: _Words,
        ControlKind: _Words,
    }


class Patient(Base):
    """A person, known by the laboratory's code."""

    __tablename__ = "patients"

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(unique=True)
    skeleton: Mapped[str] = mapped_column(index=True)
    """``plasmoscope.store.likeness.skeleton`` of the code."""
    # Checked as a transaction ends: a backup copies patients in the order of their numbers.
    merged_into_id: Mapped[int | None] = mapped_column(
        ForeignKey("patients.id", deferrable=True, initially="DEFERRED"), index=True
    )
    """The patient that this one turned out to be; that one is merged into nobody."""
    created: Mapped[datetime] = mapped_column(default=now)


class DistinctPatients(Base):
    """Two patients whose codes look alike and who are two people, as somebody said."""

    __tablename__ = "distinct_patients"
    __table_args__ = (UniqueConstraint("first_id", "second_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    first_id: Mapped[int] = mapped_column(ForeignKey("patients.id"))
    """The smaller number."""
    second_id: Mapped[int] = mapped_column(ForeignKey("patients.id"))
    by: Mapped[str]
    at: Mapped[datetime] = mapped_column(default=now)


class Slide(Base):
    """One stained film."""

    __tablename__ = "slides"
    __table_args__ = (
        # The ID of a deleted slide may be given again.
        Index(
            "uq_slides_patient_id_code",
            "patient_id",
            "code",
            unique=True,
            sqlite_where=text("deleted_at IS NULL"),
            postgresql_where=text("deleted_at IS NULL"),
        ),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    patient_id: Mapped[int] = mapped_column(ForeignKey("patients.id"))
    merged_from_id: Mapped[int | None] = mapped_column(ForeignKey("patients.id"), index=True)
    """Whose slide it is again when the merge of that patient is undone."""
    code: Mapped[str]
    taken_on: Mapped[date] = mapped_column(index=True)
    site: Mapped[str]
    preparer: Mapped[str]
    microscopist: Mapped[str]
    stain: Mapped[str]
    haematocrit_percent: Mapped[float | None]
    red_cells_per_ul: Mapped[float | None]
    age_years: Mapped[float | None]
    """Of the patient when it was made."""
    sex: Mapped[Sex | None]
    visit_day: Mapped[int | None]
    """Of a follow-up; 0 is the day on which the treatment began."""
    status: Mapped[SlideStatus] = mapped_column(default="open")
    purpose: Mapped[Purpose] = mapped_column(default="patient")
    created: Mapped[datetime] = mapped_column(default=now)
    signed_by: Mapped[str | None]
    signed_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)
    """Grows with every change of the slide, its fields or their cells."""
    deleted_at: Mapped[datetime | None]
    """Nothing but the list of deleted slides knows it any more; it can be put back."""
    deleted_by: Mapped[str | None]
    delete_reason: Mapped[str | None]

    patient: Mapped[Patient] = relationship(lazy="joined", innerjoin=True, foreign_keys=patient_id)


class Field(Base):
    """One photograph of a slide."""

    __tablename__ = "fields"
    __table_args__ = (UniqueConstraint("slide_id", "image_sha256"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(primary_key=True)
    slide_id: Mapped[int] = mapped_column(ForeignKey("slides.id", ondelete="CASCADE"))
    position: Mapped[int]
    """From 1, in the order of upload."""
    name: Mapped[str]
    """As uploaded, made unique on its slide; for showing only, never a path."""
    image_sha256: Mapped[str] = mapped_column(index=True)
    size: Mapped[int]
    """Bytes."""
    status: Mapped[FieldStatus] = mapped_column(default="waiting", index=True)
    taken_at: Mapped[datetime | None]
    """When a server last took it from the queue."""
    override_gate: Mapped[bool] = mapped_column(default=False)
    """To be counted although a quality check fails."""
    rejected: Mapped[bool] = mapped_column(default=False)
    reject_reason: Mapped[str | None]
    status_before: Mapped[FieldStatus | None]
    """What a removed field's status is again when it is put back."""
    remove_reason: Mapped[str | None]
    error: Mapped[str | None]
    result: Mapped[str | None] = mapped_column(deferred=True)
    """The analysis's field as JSON, as the program found it; never altered. ``found`` reads it."""
    method: Mapped[dict[str, Any] | None]
    """How it was analysed: ``plasmoscope.analysis.method.Method`` as JSON."""
    judged: Mapped[bytes | None] = mapped_column(deferred=True)
    """Of ``result``, what ``plasmoscope.analysis.review.pack_judged`` gives; many are read at once."""
    fingerprint: Mapped[bytes | None] = mapped_column(deferred=True)
    """``plasmoscope.analysis.duplicates.Fingerprint`` as bytes."""
    view: Mapped[list[int] | None] = mapped_column(JSON(none_as_null=True))
    """Left, top, width and height in pixels of the field of view's box; None where it is not known."""
    red_absorbance: Mapped[float | None]
    """``plasmoscope.analysis.drift.Measured``, as of the next three; None where it is not known."""
    green_absorbance: Mapped[float | None]
    blue_absorbance: Mapped[float | None]
    blur: Mapped[float | None]
    same_place: Mapped[list[int]] = mapped_column(default=list)
    """Numbers of the slide's fields, among those analysed before this one, that show the same place."""
    accepted: Mapped[bool] = mapped_column(default=False)
    """It passed the quality gate, or the gate was overridden."""
    warnings: Mapped[list[str]] = mapped_column(default=list)
    """What to read it with care for: the codes of what the quality gate said; lists show it without reading the result.
    """
    duplicate_of_id: Mapped[int | None] = mapped_column(ForeignKey("fields.id", ondelete="SET NULL"))
    """The counted field of the slide that shows the same place."""
    count_repeat: Mapped[bool] = mapped_column(default=False)
    """To be counted although another shows the same place."""
    counted: Mapped[int] = mapped_column(default=0)
    """Whole red cells, with corrections."""
    infected: Mapped[int] = mapped_column(default=0)
    """Whole infected red cells, with corrections."""
    not_a_cell: Mapped[int] = mapped_column(default=0)
    """Outlined as red cells but left out, since the model says that they are none or cannot tell; with corrections."""
    created: Mapped[datetime] = mapped_column(default=now)

    @hybrid_property
    def in_count(self) -> bool:
        """Whether its cells enter the slide's count."""
        again = self.duplicate_of_id is not None and not self.count_repeat
        return self.status == "done" and self.accepted and not self.rejected and not again

    @in_count.inplace.expression
    @classmethod
    def _in_count(cls) -> ColumnElement[bool]:
        once = or_(cls.duplicate_of_id.is_(None), cls.count_repeat)
        return and_(cls.status == "done", cls.accepted, ~cls.rejected, once)

    def found(self) -> results.Field | None:
        """What the program found in it; None before it is analysed."""
        return results.Field.model_validate_json(self.result) if self.result else None


class UnfinishedUpload(Base):
    """A photograph of which not all has come in; ``plasmoscope.store.unfinished`` says where its bytes lie."""

    __tablename__ = "unfinished_uploads"

    id: Mapped[int] = mapped_column(primary_key=True)
    token: Mapped[str] = mapped_column(unique=True)
    """Nobody can guess it."""
    slide_id: Mapped[int] = mapped_column(ForeignKey("slides.id", ondelete="CASCADE"), index=True)
    by: Mapped[str]
    """Who began it, and alone may go on."""
    name: Mapped[str]
    """As uploaded; for showing only, never a path."""
    length: Mapped[int]
    """Bytes of the whole file."""
    received: Mapped[int] = mapped_column(default=0)
    """Bytes of it that are safe on the disk."""
    kept: Mapped[bool] = mapped_column(default=False)
    """It came in whole and is a photograph of the slide."""
    touched: Mapped[datetime] = mapped_column(default=now)


class Camera(Base):
    """A microscope's camera whose folder is watched; ``plasmoscope.store.cameras`` says which slide it is for."""

    __tablename__ = "cameras"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    seen: Mapped[datetime] = mapped_column(default=now)
    """When whoever watches the folder last said so."""
    waiting: Mapped[int] = mapped_column(default=0)
    """Pictures that wait for somebody to say where they belong."""
    names: Mapped[list[str]] = mapped_column(default=list)
    """Of some of them."""
    set_aside: Mapped[list[Any]] = mapped_column(JSON, default=list)
    """Pictures that cannot be used: ``name``, and ``why`` as a record of a message."""
    sites: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    """That it serves; None: all."""
    slide_id: Mapped[int | None] = mapped_column(ForeignKey("slides.id", ondelete="SET NULL"))
    """That its pictures go to."""
    opening: Mapped[int] = mapped_column(default=0)
    """Which opening of a slide for it this is; grows."""
    opened_by: Mapped[str] = mapped_column(default="")
    used: Mapped[datetime | None]
    """When the slide was opened, or the last picture went to it."""
    asked: Mapped[str] = mapped_column(default="")
    """``plasmoscope.watching.Orders.asked`` that was not told yet."""


class Correction(Base):
    """A person's call of one cell. The latest of a cell holds; earlier ones stay."""

    __tablename__ = "corrections"

    id: Mapped[int] = mapped_column(primary_key=True)
    field_id: Mapped[int] = mapped_column(ForeignKey("fields.id", ondelete="CASCADE"), index=True)
    cell_number: Mapped[int]
    call: Mapped[Call]
    by: Mapped[str]
    at: Mapped[datetime] = mapped_column(default=now)
    model_call: Mapped[str]
    """``infected``, ``uninfected``, or the kind of object that the program took it for; ``not_a_cell`` where the
    model says that it is no red cell, or that it cannot tell."""
    model_probability: Mapped[float | None]
    """P(parasitized)."""
    step: Mapped[int] = mapped_column(default=0)
    """Which of the field's changes by people it is, from 1, edits counted too; 0 of earlier versions."""
    undone: Mapped[bool] = mapped_column(default=False)


class Edit(Base):
    """A person's change of a field's objects, or their note on one. Those that are not undone hold, in their order."""

    __tablename__ = "edits"

    id: Mapped[int] = mapped_column(primary_key=True)
    field_id: Mapped[int] = mapped_column(ForeignKey("fields.id", ondelete="CASCADE"), index=True)
    step: Mapped[int]
    """As ``Correction.step``."""
    kind: Mapped[EditKind]
    removed: Mapped[list[int]]
    """Numbers of the objects that are gone."""
    added: Mapped[list[Any]] = mapped_column(JSON)
    """The objects in their place: ``plasmoscope.analysis.results.Cell`` as JSON."""
    note: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """Of a note: ``number`` of the object, ``stage`` and ``species``."""
    by: Mapped[str]
    at: Mapped[datetime] = mapped_column(default=now)
    undone: Mapped[bool] = mapped_column(default=False)


class Look(Base):
    """A person has looked at a cell, whatever they called it."""

    __tablename__ = "looks"
    __table_args__ = (UniqueConstraint("field_id", "cell_number", "by"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    field_id: Mapped[int] = mapped_column(ForeignKey("fields.id", ondelete="CASCADE"))
    cell_number: Mapped[int]
    by: Mapped[str]
    at: Mapped[datetime] = mapped_column(default=now)


class SlideReading(Base):
    """One of the blinded readings of a slide."""

    __tablename__ = "readings"
    __table_args__ = (UniqueConstraint("slide_id", "place"), UniqueConstraint("sheet_id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    slide_id: Mapped[int] = mapped_column(ForeignKey("slides.id", ondelete="CASCADE"))
    sheet_id: Mapped[int] = mapped_column(ForeignKey("slides.id", ondelete="CASCADE"))
    """The record that holds this reader's calls and looks; the first reader's is the slide itself."""
    place: Mapped[int]
    """1, 2, or 3 where the first two disagreed."""
    reader: Mapped[str]
    """The account's name."""
    rule: Mapped[str]
    """By which counts are compared, as it was chosen when the readings were asked for: a key of
    ``plasmoscope.analysis.two_readers.RULES``."""
    asked_by: Mapped[str]
    asked_at: Mapped[datetime] = mapped_column(default=now)
    done_at: Mapped[datetime | None]
    """None while the reader is at it."""
    infected: Mapped[int] = mapped_column(default=0)
    """Whole red cells, as of ``counted``, at ``done_at``."""
    counted: Mapped[int] = mapped_column(default=0)
    species: Mapped[str] = mapped_column(default="")
    """Empty where the reader names none."""


class Panel(Base):
    """Slides of known truth that people and the program are tried on."""

    __tablename__ = "panels"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    training: Mapped[bool]
    """Whoever takes it is shown the truth after each slide."""
    made_by: Mapped[str]
    made_at: Mapped[datetime] = mapped_column(default=now)
    opened_at: Mapped[datetime | None]
    """When people could take it first; nothing about its slides changes from then on."""
    closed_at: Mapped[datetime | None]
    """When it could be taken no more, and its truth was shown to those who took it."""


class PanelSlide(Base):
    """One slide of a panel, and what it is known to hold."""

    __tablename__ = "panel_slides"
    __table_args__ = (UniqueConstraint("panel_id", "position"), UniqueConstraint("slide_id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    panel_id: Mapped[int] = mapped_column(ForeignKey("panels.id", ondelete="CASCADE"))
    position: Mapped[int]
    """From 1."""
    slide_id: Mapped[int] = mapped_column(ForeignKey("slides.id", ondelete="CASCADE"))
    """With its photographs, and what the program found in them."""
    positive: Mapped[bool]
    species: Mapped[list[str]]
    """Empty where it is not asked for."""
    count: Mapped[float | None]
    """Infected red cells; None where the count is not asked for."""
    unit: Mapped[CountUnit]
    cells: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """By the number of each photograph the infected cells: x, y and radius in pixels; None where they are not known."""
    program_infected: Mapped[int | None]
    """What the program called, as the panel was opened."""
    program_counted: Mapped[int | None]
    program_positive: Mapped[bool | None]
    """Whether its calls are more than its false ones explain."""


class PanelTaking(Base):
    """Somebody's reading of a panel."""

    __tablename__ = "panel_takings"

    id: Mapped[int] = mapped_column(primary_key=True)
    panel_id: Mapped[int] = mapped_column(ForeignKey("panels.id", ondelete="CASCADE"), index=True)
    reader: Mapped[str] = mapped_column(index=True)
    begun_at: Mapped[datetime] = mapped_column(default=now)
    done_at: Mapped[datetime | None]


class PanelAnswer(Base):
    """What somebody read on a slide of a panel; it stays as it is."""

    __tablename__ = "panel_answers"
    __table_args__ = (UniqueConstraint("taking_id", "panel_slide_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    taking_id: Mapped[int] = mapped_column(ForeignKey("panel_takings.id", ondelete="CASCADE"))
    panel_slide_id: Mapped[int] = mapped_column(ForeignKey("panel_slides.id", ondelete="CASCADE"))
    positive: Mapped[bool]
    species: Mapped[list[str]]
    count: Mapped[float | None]
    """In the slide's unit."""
    marked: Mapped[dict[str, Any]]
    """By the number of each photograph, the numbers of the objects that were marked as infected cells."""
    at: Mapped[datetime] = mapped_column(default=now)


class Control(Base):
    """A slide that is photographed anew again and again, to see that all is as it was."""

    __tablename__ = "controls"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[ControlKind]
    site: Mapped[str]
    """Where it is kept; its readings are slides of that site."""
    mean_percent: Mapped[float | None]
    """Of the red cells, that are expected to be called infected; None takes that of the first readings."""
    sd_percent: Mapped[float | None]
    made_by: Mapped[str]
    made_at: Mapped[datetime] = mapped_column(default=now)
    ended_at: Mapped[datetime | None]
    """When the slide was given up."""


class ControlReading(Base):
    """One reading of a control slide: what the program called in photographs taken anew."""

    __tablename__ = "control_readings"
    __table_args__ = (UniqueConstraint("slide_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    control_id: Mapped[int] = mapped_column(ForeignKey("controls.id", ondelete="CASCADE"), index=True)
    slide_id: Mapped[int] = mapped_column(ForeignKey("slides.id", ondelete="CASCADE"))
    infected: Mapped[int] = mapped_column(default=0)
    """By the program, whatever people call since; as of ``counted``, at ``entered_at``."""
    counted: Mapped[int] = mapped_column(default=0)
    entered_by: Mapped[str | None]
    entered_at: Mapped[datetime | None]
    """None while it is photographed."""
    left_out_by: Mapped[str | None]
    left_out_reason: Mapped[str | None]
    """Why it is no point of the chart; None where it is one."""


class Choice(Base):
    """What an admin chose for the whole laboratory. The latest of a name holds; earlier ones stay."""

    __tablename__ = "choices"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(default=now)
    by: Mapped[str]
    name: Mapped[str]
    content: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """None where it was withdrawn."""


class AuditEntry(Base):
    """One change: who did what to what, and when. ``plasmoscope.store.audit`` says how it is protected."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(default=now)
    who: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str] = mapped_column(index=True)
    """``slide/3``, ``slide/3/field/12``, ``patient/2``, ``account/1``."""
    detail: Mapped[dict[str, Any]]
    digest: Mapped[str] = mapped_column(server_default="")
    """``plasmoscope.store.chain.digest_of`` this entry and the one before it."""


class PerformanceEntry(Base):
    """What somebody entered of how well this laboratory's slides are read. The latest holds; earlier ones stay."""

    __tablename__ = "performances"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(default=now)
    by: Mapped[str]
    content: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """``plasmoscope.analysis.performance.Performance`` as JSON; None where it was withdrawn."""

    @property
    def performance(self) -> Performance:
        """What was measured; only where there is content."""
        return Performance.model_validate(self.content)


class ProfileEntry(Base):
    """A profile of this laboratory's stain. What was taken back stays, since results may rest on it."""

    __tablename__ = "profiles"
    __table_args__ = (UniqueConstraint("name", "version"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(default=now)
    by: Mapped[str]
    name: Mapped[str]
    version: Mapped[int]
    sha256: Mapped[str]
    content: Mapped[dict[str, Any]]
    """``plasmoscope.classification.profile.Profile`` as JSON."""
    in_use: Mapped[bool] = mapped_column(default=False)
    """Photographs are called under it; at most one is."""
    taken_back: Mapped[bool] = mapped_column(default=False)

    @property
    def profile(self) -> Profile:
        """The profile itself."""
        return Profile.model_validate(self.content)


class Account(Base):
    """Somebody who may log in."""

    __tablename__ = "accounts"
    __table_args__ = (
        Index(
            "ix_accounts_login",
            "login",
            unique=True,
            sqlite_where=text("NOT removed"),
            postgresql_where=text("NOT removed"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    """As it stands in the records: nobody else's, before or after."""
    login: Mapped[str] = mapped_column(server_default="")
    """What is typed to log in; somebody else's once the account is removed."""
    password_hash: Mapped[str]
    role: Mapped[Role]
    active: Mapped[bool] = mapped_column(default=True)
    removed: Mapped[bool] = mapped_column(default=False, server_default=false())
    sites: Mapped[list[str]] = mapped_column(default=list, server_default="[]")
    """Whose slides they see, as ``plasmoscope.store.sites`` says."""
    openid: Mapped[str | None] = mapped_column(index=True, unique=True)
    """Who they are at a provider of OpenID Connect: its issuer and their subject; None for others."""
    created: Mapped[datetime] = mapped_column(default=now)


class LoginSession(Base):
    """Somebody is logged in; the database knows only a hash of what their browser holds."""

    __tablename__ = "login_sessions"

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(unique=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), index=True)
    expires: Mapped[datetime]
    acted: Mapped[datetime | None]
    """When somebody last acted in it, as far as that is written down."""
    locked: Mapped[bool] = mapped_column(default=False, server_default=false())

    account: Mapped[Account] = relationship(lazy="joined", innerjoin=True)


class LoginTry(Base):
    """A password that was given of late and not found right; ``plasmoscope.store.login_tries`` counts them."""

    __tablename__ = "login_tries"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(index=True)
    """A hash of it, too short to tell it."""
    address: Mapped[str] = mapped_column(index=True)
    at: Mapped[datetime] = mapped_column(default=now)


class OpenIDLogin(Base):
    """A log-in on its way to a provider of OpenID Connect and back."""

    __tablename__ = "openid_logins"

    id: Mapped[int] = mapped_column(primary_key=True)
    state_hash: Mapped[str] = mapped_column(unique=True)
    browser_hash: Mapped[str]
    """Of a secret that the browser holds which began it."""
    nonce: Mapped[str]
    verifier: Mapped[str]
    then: Mapped[str]
    """The page that was asked for."""
    expires: Mapped[datetime]
