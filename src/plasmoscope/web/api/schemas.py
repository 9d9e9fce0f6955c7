"""What the HTTP interface takes and gives, as documented in its OpenAPI document."""

from datetime import date, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import Base64Bytes, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from plasmoscope.analysis.competence import Competence
from plasmoscope.analysis.control_chart import Rule as ControlRule
from plasmoscope.analysis.control_chart import State as ControlState
from plasmoscope.analysis.counting import LEAST_HAEMATOCRIT, LEAST_RED_CELLS, MOST_HAEMATOCRIT, MOST_RED_CELLS
from plasmoscope.analysis.editing import MOST_CORNERS, ellipse
from plasmoscope.analysis.performance import Performance
from plasmoscope.analysis.results import Count, Interval, Readings, Review, Sex, Species, Stage
from plasmoscope.analysis.review import Reason as DueReason
from plasmoscope.analysis.two_readers import RULES, Agreement
from plasmoscope.classification.cell_call import CellCall, former_call
from plasmoscope.classification.profile import Profile, UsedProfile
from plasmoscope.i18n.error_sentences import ERRORS
from plasmoscope.i18n.languages import LANGUAGES
from plasmoscope.i18n.sentences import SENTENCES
from plasmoscope.i18n.words import english
from plasmoscope.messages import Message, message
from plasmoscope.reports.letterhead import MAX_LINES
from plasmoscope.store import panel_takings, records
from plasmoscope.store.controls import ControlChart
from plasmoscope.store.counts import Tally
from plasmoscope.store.erasing import LONGEST_DAYS
from plasmoscope.store.history import TimePoint
from plasmoscope.store.patients import PatientRow
from plasmoscope.store.readings import Readings as KnownReadings
from plasmoscope.store.records import (
    LONGEST_TEXT,
    Call,
    ControlKind,
    FieldStatus,
    Panel,
    PanelTaking,
    Role,
    SlideStatus,
)
from plasmoscope.store.review import DueCell
from plasmoscope.store.sites import MOST_SITES
from plasmoscope.store.slides import LAST_VISIT_DAY, OLDEST_YEARS, SlideDetails
from plasmoscope.watching import NAMED, Report
from plasmoscope.web.errors import CODES

Text = Annotated[str, Field(max_length=LONGEST_TEXT)]


class _Schema(BaseModel):
    model_config = ConfigDict(extra="forbid", from_attributes=True, use_attribute_docstrings=True)


def _in_english(codes: list[str]) -> list[str]:
    """The records keep codes; those of earlier versions, and what is sent once more, have sentences already."""
    return [english(message(code)) if code in SENTENCES else code for code in codes]


class ErrorBody(_Schema):
    """Why a request was refused."""

    code: Annotated[str, Field(examples=sorted(CODES))]
    """For programs: which kind of refusal it is, and so what to do; each is listed in ``docs/http.md``."""
    message: str
    """For people, in English: what to do about it."""
    reason: Annotated[str, Field(examples=sorted(ERRORS))]
    """For programs: what is wrong, exactly; each is listed in ``docs/http.md``. It stays when the sentence changes."""
    values: dict[str, Any]
    """What the sentence names, such as ``{"slide": "17"}``; a sentence within it has a ``code`` and ``values`` too."""
    language: Annotated[str, Field(examples=list(LANGUAGES))]
    """Of ``translation``: what ``Accept-Language`` asks for, or was picked on a page; ``en`` where that is none of
    those that there are."""
    translation: str
    """``message`` in that language."""


class Error(_Schema):
    """The body of every refusal."""

    error: ErrorBody


class CellCalls(_Schema):
    """What pictures of single cells are called, in the order sent; of a TIFF, one for each page."""

    cells: list[CellCall]
    model: str
    threshold: float
    profile: UsedProfile | None = None
    """That was named; None where none was."""


class CellAnswer(_Schema):
    """What ``/cells`` answered of a picture in version 0.1, where calls were ``Parasitized`` and ``Uninfected``."""

    name: str
    file: int
    probability: float | None
    call: Literal["Parasitized", "Uninfected", "not_a_cell"] | None
    error: str | None
    remark: str | None
    probability_alone: float | None
    not_a_cell_probability: float | None
    reference: Literal["standard", "smear"] | None

    @classmethod
    def of(cls, cell: CellCall) -> "CellAnswer":
        """What is answered now, as it was then."""
        said = {name: getattr(cell, name) for name in cls.model_fields}
        return cls(**said | {"call": former_call(cell.call)})


class CellAnswers(_Schema):
    """What ``/cells`` answered in version 0.1."""

    cells: list[CellAnswer]
    model: str
    threshold: float
    profile: UsedProfile | None = None


class SlideIn(_Schema):
    """What people say about a slide."""

    patient: Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT)]
    code: Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT)]
    taken_on: date
    site: Text = ""
    preparer: Text = ""
    microscopist: Text = ""
    stain: Text = ""
    haematocrit_percent: Annotated[float, Field(ge=LEAST_HAEMATOCRIT, le=MOST_HAEMATOCRIT)] | None = None
    red_cells_per_ul: Annotated[float, Field(ge=LEAST_RED_CELLS, le=MOST_RED_CELLS)] | None = None
    age_years: Annotated[float, Field(ge=0, le=OLDEST_YEARS)] | None = None
    """Of the patient when it was made."""
    sex: Sex | None = None
    visit_day: Annotated[int, Field(ge=0, le=LAST_VISIT_DAY)] | None = None
    """Of a follow-up; 0 is the day on which the treatment began."""

    def details(self) -> SlideDetails:
        """As the records take it."""
        return SlideDetails(**self.model_dump())


class FieldOut(_Schema):
    """One photograph and how far it is."""

    id: int
    name: str
    status: FieldStatus
    error: str | None
    accepted: bool
    warnings: Annotated[list[str], BeforeValidator(_in_english)]
    """What to read it with care for; empty before it is analysed."""
    counted: int
    infected: int
    not_a_cell: int
    """Left out of both, since the model says that they are no red cells or that it cannot tell."""
    in_count: bool
    rejected: bool
    reject_reason: str | None
    duplicate_of_id: int | None
    """The photograph that shows the same place."""
    count_repeat: bool
    """It is counted all the same."""
    remove_reason: str | None
    """Why it was removed from its slide; such a one has the status ``removed``, and can be put back."""


class CopyOut(_Schema):
    """The same photograph on another slide."""

    field_id: int
    """Of the one on this slide."""
    slide_id: int
    slide: str
    patient: str
    other_patient: bool
    """Whether that slide is another patient's: one of the two is wrong."""


class FieldKept(FieldOut):
    """What was made of an upload: its field, or the first where the file has several pages."""

    copies: list[CopyOut]
    """Where else the same photographs lie."""
    pages: list[FieldOut]
    """The fields of all pages, where the file has several."""


class SlideOut(_Schema):
    """A slide in a list."""

    id: int
    patient: str
    code: str
    taken_on: date
    site: str
    preparer: str
    microscopist: str
    stain: str
    haematocrit_percent: float | None
    red_cells_per_ul: float | None
    age_years: float | None
    sex: Sex | None
    visit_day: int | None
    status: SlideStatus
    version: int
    created: datetime
    signed_by: str | None
    signed_at: datetime | None
    fields_analysed: int
    fields_waiting: int
    counted: int
    infected: int
    not_a_cell: int

    @classmethod
    def of(cls, slide: records.Slide, tally: Tally, **more: Any) -> Any:
        """From the records."""
        said = {name: getattr(slide, name) for name in SlideOut.model_fields if hasattr(slide, name)}
        said |= {"patient": slide.patient.code, "counted": tally.counted, "infected": tally.infected}
        said["not_a_cell"] = tally.not_a_cell
        return cls(**said, fields_analysed=tally.fields, fields_waiting=tally.unfinished, **more)


class SlideWhole(SlideOut):
    """A slide with its photographs and its running count."""

    fields: list[FieldOut]
    count: Count | None
    copies: list[CopyOut]
    """Where else photographs of this slide lie."""
    possible_twins: list[str]
    """Codes of other patients who may be the same person, since their codes look alike."""


class SlidePage(_Schema):
    """Some of the slides that were found, the newest first."""

    slides: list[SlideOut]
    total: int


class DeletedSlideOut(_Schema):
    """A slide that can be put back."""

    id: int
    patient: str
    code: str
    taken_on: date
    deleted_at: datetime
    deleted_by: str
    delete_reason: str

    @classmethod
    def of(cls, slide: records.Slide) -> "DeletedSlideOut":
        """From the records."""
        said = {name: getattr(slide, name) for name in cls.model_fields}
        return cls(**said | {"patient": slide.patient.code})


class DaysDeleted(_Schema):
    """How long ago slides were deleted."""

    days: Annotated[float, Field(ge=0, le=LONGEST_DAYS)]


class ErasedOut(_Schema):
    """What was erased."""

    slides: int
    photographs: int
    """Files; those that other slides show too stay."""


class SlideNumber(_Schema):
    """Which slide."""

    slide: Annotated[int, Field(ge=1, le=2**31 - 1)]


class PatientCode(_Schema):
    """Which patient."""

    patient: Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT)]
    """Their code."""


class PatientOut(_Schema):
    """A patient in the list of patients."""

    id: int
    code: str
    slides: int
    first: date | None
    """When the first slide was made."""
    last: date | None
    possible_twins: list[str]
    """Codes of others who may be the same person, since the codes look alike."""

    @classmethod
    def of(cls, row: PatientRow) -> "PatientOut":
        """From the records."""
        who = row.patient
        said = row._asdict() | {"id": who.id, "code": who.code, "possible_twins": [twin.code for twin in row.twins]}
        return cls(**{name: said[name] for name in cls.model_fields})


class PatientPage(_Schema):
    """Some of the patients that were found, by their codes."""

    patients: list[PatientOut]
    total: int


class VisitOut(_Schema):
    """A slide in a patient's course."""

    slide_id: int
    slide: str
    taken_on: date
    day: int
    """Of the follow-up: as people gave it, or else by the dates."""
    counted: int
    infected: int
    parasitaemia: Interval | None
    """Percent, with the 95 % interval (Wilson); the final one where several people read the slide, blinded."""
    mean_of: list[str]
    """Whose counts that final one is the mean of, while ``counted`` and ``infected`` are the first reader's."""
    left: float | None
    """The parasitaemia as a share of the follow-up's first with an infected cell."""

    @classmethod
    def of(cls, point: TimePoint) -> "VisitOut":
        """From the records."""
        return cls(
            slide_id=point.slide.id,
            slide=point.slide.code,
            taken_on=point.slide.taken_on,
            day=point.visit.day,
            counted=point.tally.counted,
            infected=point.tally.infected,
            parasitaemia=point.parasitaemia,
            mean_of=[one.reader for one in point.readings],
            left=point.visit.left,
        )


class ClearanceOut(_Schema):
    """The last follow-up of a patient."""

    clear_from: int | None
    """The day from which on no counted cell is infected; thin films tell little of few parasites."""
    found_on_watched_day: bool | None
    """Whether infected cells were found on day 3."""


class ShareOut(_Schema):
    """Some of all."""

    some: int
    all: int
    percent: Interval | None
    """With the 95 % interval (Wilson); null of none."""


class WeekOut(_Schema):
    """One week's slides, by the day on which they were made."""

    monday: date
    positive: ShareOut
    """Of the signed slides, those with an infected cell."""
    false_calls: ShareOut
    """Of the cells that the program called infected and a person called too, those that the person called otherwise."""
    poor: ShareOut
    """Of the photographs, those that were refused or that are to be read with care."""
    more_false_calls: bool
    """Clearly more calls were taken back than in the weeks before."""


class DistanceOut(_Schema):
    """How far a week's median slide lies from the usual one."""

    monday: date
    value: float
    """Of stain the difference of colours (CIE 1976), of focus the blur in percent of a red cell's diameter."""
    slides: int
    drifts: bool


class DriftOut(_Schema):
    """The weeks told against the usual."""

    limit: float
    """Within it lie 95 of 100 usual slides."""
    weeks: list[DistanceOut]


class QualityOut(_Schema):
    """The last half year."""

    weeks: list[WeekOut]
    """Those with a signed slide, a call or a photograph, the earliest first."""
    by_site: dict[str, ShareOut]
    """Signed slides with an infected cell, by their site; an empty name where none is told."""
    stain: DriftOut | None
    """Of the median slide of each week; null while it is not known what is usual."""
    focus: DriftOut | None


class LetterheadIn(_Schema):
    """What is to stand at the head of reports."""

    name: Annotated[str, Field(max_length=LONGEST_TEXT)]
    address: Annotated[list[Annotated[str, Field(max_length=LONGEST_TEXT)]], Field(max_length=MAX_LINES)] = []
    logo: Base64Bytes | None = None
    """A PNG or JPEG file."""


class PatientWhole(_Schema):
    """A patient with their slides over time."""

    id: int
    code: str
    possible_twins: list[str]
    merged: list[str]
    """Codes of patients who turned out to be this one."""
    visits: list[VisitOut]
    """In the order in which they were made."""
    clearance: ClearanceOut | None
    """None with less than two counted slides, or without an infected cell."""


class ReadersIn(_Schema):
    """Who reads a slide."""

    first: Text | None = None
    """Who reads it in the record that there is; whoever asks if None."""
    second: Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT)]


class ThirdReader(_Schema):
    """Who reads a slide whose first two readers disagree."""

    reader: Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT)]


class FinishedReading(_Schema):
    """What a reader says of the slide beside the calls."""

    species: Species | None = None


class RuleIn(_Schema):
    """By which counts are compared."""

    rule: Annotated[Text, Field(examples=list(RULES))]


class ReaderOut(_Schema):
    """One of the readers of a slide."""

    reader: str
    """Empty while a third is needed and nobody is named."""
    done: bool


class ReadingsOut(_Schema):
    """A slide that several people read."""

    slide: int
    patient: str
    code: str
    readers: list[ReaderOut]
    third_needed: bool
    """The first two disagree, and a third reader is to be named."""
    yours: int | None
    """The slide's record that holds your own calls; None where you are not asked to read it."""
    records: list[int]
    """Of all readings, once they are complete."""
    result: Readings

    @classmethod
    def of(cls, known: KnownReadings, who: str) -> "ReadingsOut":
        """From the records, for one reader."""
        mine = known.of(who)
        return cls(
            slide=known.slide.id,
            patient=known.slide.patient.code,
            code=known.slide.code,
            readers=[ReaderOut(reader=one.reader, done=one.done_at is not None) for one in known.each],
            third_needed=known.third_to_name,
            yours=mine.sheet_id if mine else None,
            records=[one.sheet_id for one in known.each] if known.complete else [],
            result=known.record(),
        )


class ReadingsPage(_Schema):
    """The slides that several people read, the newest first."""

    rule: str
    """By which the counts of slides given from now on are compared, and ``agreement`` tells of."""
    agreement: Agreement | None
    """Of first and second readers over the slides whose readings are complete."""
    slides: list[ReadingsOut]


class Part(_Schema):
    """Slides of a panel read rightly, of those that ask for it."""

    right: int
    slides: int


class PanelResult(_Schema):
    """What somebody's reading of a panel comes to."""

    panel: str
    training: bool
    """Whoever reads it is shown the truth after each slide."""
    reader: str | None
    """Null of the program."""
    done_at: datetime | None
    level: int | None
    """1, the best, to 4, as the WHO's external assessment has them; the lowest of what the panel asks for."""
    detection: Part
    sensitivity: Part
    specificity: Part
    species: Part
    counts: Part
    """Within a quarter of the truth."""

    @classmethod
    def of(cls, panel: Panel, taking: PanelTaking | None, score: Competence) -> "PanelResult":
        """The result of one reading; of the program's where there is no ``taking``."""
        parts = {
            name: Part(right=part.right, slides=part.slides) for name, part in panel_takings.parts_of(score).items()
        }
        return cls(
            panel=panel.name,
            training=panel.training,
            reader=taking.reader if taking else None,
            done_at=taking.done_at if taking else panel.opened_at,
            level=score.level,
            **parts,
        )


class ControlPoint(_Schema):
    """One reading of a control slide."""

    at: datetime | None
    by: str | None
    infected: int
    """By the program, whatever people call."""
    counted: int
    deviations: float | None
    """Standard deviations above the mean; null before both are known."""
    broken: list[ControlRule]
    """Westgard's rules that it breaks, together with those before it; ``1-2s`` alone is a warning."""


class ControlOut(_Schema):
    """A control slide with its readings."""

    name: str
    kind: ControlKind
    site: str
    ended: bool
    """It was given up."""
    state: ControlState
    """What the last reading says."""
    mean_percent: float | None
    """Of red cells called infected, that are expected; null before it is known."""
    sd_percent: float | None
    readings: list[ControlPoint]

    @classmethod
    def of(cls, chart: ControlChart) -> "ControlOut":
        """A control's chart."""
        return cls(
            name=chart.control.name,
            kind=chart.control.kind,
            site=chart.control.site,
            ended=chart.control.ended_at is not None,
            state=chart.state,
            mean_percent=chart.target.mean if chart.target else None,
            sd_percent=chart.target.sd if chart.target else None,
            readings=[
                ControlPoint(
                    at=reading.entered_at,
                    by=reading.entered_by,
                    infected=reading.infected,
                    counted=reading.counted,
                    deviations=point.z,
                    broken=list(point.broken),
                )
                for reading, point in zip(chart.readings, chart.points, strict=True)
            ],
        )


# What calls were named in the version before; taken for one version more.
_FORMER_CALLS = {"not infected": "uninfected", "not a cell": "not_a_cell"}
_ByTodaysName = BeforeValidator(lambda call: _FORMER_CALLS.get(call, call) if isinstance(call, str) else call)


class CorrectionIn(_Schema):
    """A person's call of a cell."""

    call: Annotated[Call, _ByTodaysName]


class CorrectionOut(_Schema):
    """A person's call of a cell, with what the model said."""

    cell_number: int
    call: Call
    by: str
    at: datetime
    model_call: str
    """``none`` for what a person outlined."""
    model_probability: float | None
    undone: bool


class EditOut(_Schema):
    """A change of a photograph's objects, or a note."""

    kind: str
    removed: list[int]
    added: list[dict[str, Any]]
    note: dict[str, Any] | None
    by: str
    at: datetime
    undone: bool


class FieldWhole(FieldOut):
    """A photograph with all that the program found in it, and what people made of it."""

    found: dict[str, Any] | None
    """The analysis's field, as ``slide.schema.json`` describes it; None before it is analysed."""
    corrections: list[CorrectionOut]
    """The earliest first; the latest of a cell that is not undone holds."""
    edits: list[EditOut]
    """What people drew, erased, split, joined and noted, in order."""
    objects: dict[str, Any] | None
    """As ``found``, with all that people did."""


class QueuedField(_Schema):
    """A photograph that is being analysed or waits for it."""

    field_id: int
    slide_id: int
    name: str
    status: FieldStatus
    ahead: int
    """Photographs before it in the queue."""


class SetAside(_Schema):
    """A picture in a camera's folder that cannot be used."""

    name: Text
    reason: Annotated[str, Field(examples=sorted(ERRORS), max_length=100)]
    """Why: what a refused request would have as its ``reason``."""
    values: Annotated[dict[str, int | Text], Field(max_length=10)] = {}
    """What that sentence names."""

    @model_validator(mode="after")
    def _can_be_told(self) -> Self:
        """Whoever looks at the page is to read it."""
        try:
            english(self.why)
        except (KeyError, ValueError, TypeError, OverflowError) as error:
            raise ValueError("there is no such reason with such values") from error
        return self

    @property
    def why(self) -> Message:
        """As the records keep it."""
        return Message(self.reason, self.values)


class CameraReport(_Schema):
    """What a camera's folder holds."""

    waiting: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """Pictures that wait for somebody to say where they belong."""
    names: Annotated[list[Text], Field(max_length=NAMED)] = []
    """Of some of them."""
    set_aside: Annotated[list[SetAside], Field(max_length=NAMED)] = []
    took: bool = False
    """Since the last report pictures went to the slide."""

    def report(self) -> Report:
        """For the records."""
        aside = tuple((one.name, one.why) for one in self.set_aside)
        return Report(self.waiting, tuple(self.names), aside, self.took)


class CameraOrders(_Schema):
    """What people want of a camera."""

    slide: int | None
    """That its pictures go to; null where none is open for it."""
    opening: int
    """Which opening of a slide for it this is; grows."""
    asked: Literal["", "take", "leave"]
    """Of the pictures that wait: take them into the slide, or leave them out. It is told once."""


class Reason(_Schema):
    """Why; it is kept with the record."""

    reason: Annotated[str, Field(min_length=1, max_length=1000)]


class Signature(_Schema):
    """What the signer looked at."""

    version: int
    confirm: bool = False
    """Sign although nobody has looked at some of the called or uncertain cells."""


class LookIn(_Schema):
    """Whether a person has looked at a cell."""

    looked_at: bool = True


Place = tuple[
    Annotated[float, Field(ge=-1e6, le=1e6, allow_inf_nan=False)],
    Annotated[float, Field(ge=-1e6, le=1e6, allow_inf_nan=False)],
]
"""x and y in pixels of the upright photograph."""


class Ellipse(_Schema):
    """By its box, in pixels."""

    left: Annotated[float, Field(ge=-1e6, le=1e6)]
    top: Annotated[float, Field(ge=-1e6, le=1e6)]
    width: Annotated[float, Field(gt=0, le=1e6)]
    height: Annotated[float, Field(gt=0, le=1e6)]


class DrawnIn(_Schema):
    """A missed cell: a polygon's corners or an ellipse."""

    polygon: Annotated[list[Place], Field(min_length=3, max_length=MOST_CORNERS)] | None = None
    ellipse: Ellipse | None = None
    call: Annotated[Literal["infected", "uninfected", "uncertain", "white_cell"], _ByTodaysName]

    @model_validator(mode="after")
    def _one_of_both(self) -> "DrawnIn":
        if (self.polygon is None) == (self.ellipse is None):
            raise ValueError("give a polygon or an ellipse")
        return self

    def outline(self) -> list[tuple[float, float]]:
        """The corners."""
        if self.polygon is not None:
            return self.polygon
        return ellipse(**self.ellipse.model_dump()) if self.ellipse else []


class LineIn(_Schema):
    """A line across a cell."""

    line: Annotated[list[Place], Field(min_length=2, max_length=MOST_CORNERS)]


class Numbers(_Schema):
    """Numbers of cells."""

    numbers: Annotated[list[Annotated[int, Field(ge=1, le=2**31 - 1)]], Field(min_length=1, max_length=100)]


class NoteIn(_Schema):
    """What a person notes on a parasite."""

    stage: Stage | None = None
    species: Species | None = None


class DueCellOut(_Schema):
    """A cell that people are asked to look at."""

    field_id: int
    number: int
    reason: DueReason
    probability: float | None
    """P(parasitized)."""
    call: Call
    """That holds."""
    by_person: bool
    """Whether the call is a person's."""
    looked_at_by: str | None
    """Whoever looked at it first."""
    looked_at: datetime | None

    @classmethod
    def of(cls, cell: DueCell) -> "DueCellOut":
        """From the queue."""
        look = cell.look
        return cls(
            **cell.due._asdict(),
            call=cell.call,
            by_person=cell.by_person,
            looked_at_by=look.by if look else None,
            looked_at=look.at if look else None,
        )


class ReviewOut(_Schema):
    """The cells that people are asked to look at, in order, and how far they are."""

    cells: list[DueCellOut]
    total: int
    review: Review


class AuditOut(_Schema):
    """One change."""

    at: datetime
    who: str
    action: str
    subject: str
    detail: dict[str, Any]


class AuditPage(_Schema):
    """Some of the changes that were found, the newest first."""

    entries: list[AuditOut]
    total: int


class PerformanceOut(_Schema):
    """What was measured on this laboratory's slides."""

    performance: Performance
    by: str
    at: datetime
    misfit: str | None
    """Why it corrects nothing as this workstation analyses now; None where it does."""


class ProfileIn(_Schema):
    """What a profile that is to be made is called."""

    name: Text


class ProfileOut(_Schema):
    """A profile of this laboratory's stain."""

    profile: Profile
    by: str
    at: datetime
    in_use: bool
    """Photographs are called under it."""
    misfit: str | None
    """Why it cannot be used with this workstation's model; None where it can."""


class MakingOut(_Schema):
    """A profile that is being made, or that was not."""

    name: str
    done: int
    """Photographs looked at."""
    of: int
    refusal: str | None
    """Why it was not made; None while it is being made."""


class ProfilesOut(_Schema):
    """All profiles, and what another could be made of."""

    profiles: list[ProfileOut]
    """The newest first."""
    infected: int
    """Cells that people called infected, on all slides."""
    others: int
    """Cells that people called uninfected."""
    least_cells: int
    """So many called cells a profile is made of at least."""
    least_of_a_kind: int
    """So many of them are infected at least, and so many not."""
    making: MakingOut | None


class LoginIn(_Schema):
    """Name and password."""

    name: Annotated[str, Field(max_length=LONGEST_TEXT)]
    password: Annotated[str, Field(max_length=LONGEST_TEXT)]


class UnlockIn(_Schema):
    """The password of whoever is logged in."""

    password: Annotated[str, Field(max_length=LONGEST_TEXT)]


class LoginOut(_Schema):
    """Send it as ``Authorization: Bearer TOKEN``."""

    token: str


class SitesIn(_Schema):
    """The sites that an account belongs to."""

    sites: Annotated[list[Text], Field(max_length=MOST_SITES)]


class AccountIn(LoginIn):
    """Somebody who may log in."""

    role: Role
    sites: Annotated[list[Text], Field(max_length=MOST_SITES)] = []


class RoleIn(_Schema):
    """A role for an account."""

    role: Role


class PasswordIn(_Schema):
    """A new password."""

    password: Annotated[str, Field(max_length=LONGEST_TEXT)]


class OwnPasswordIn(PasswordIn):
    """A new password for oneself."""

    old_password: Annotated[str, Field(max_length=LONGEST_TEXT)]


class AccountOut(_Schema):
    """An account, without its password."""

    id: int
    name: str
    """As it stands in the records; ``Amina (2)`` where another Amina had an account before."""
    login: str
    """What is typed to log in."""
    role: Role
    active: bool
    sites: list[str]
    """Whose slides they see; none: all slides, or none where the workstation is run with ``--strict-sites``."""
