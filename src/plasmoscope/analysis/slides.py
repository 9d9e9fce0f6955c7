"""A slide's result, put together from its fields in one place, and the count of a patient from several slides."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Literal, TypedDict, Unpack

from plasmoscope.analysis.counting import COUNTED_DIFFERENTLY, count_slide, red_cell_count
from plasmoscope.analysis.method import AnalysisError, Method
from plasmoscope.analysis.notes import notes_on
from plasmoscope.analysis.results import Count, Field, Readings, Review, Sex, Slide
from plasmoscope.i18n.words import english
from plasmoscope.messages import Message


class SlideFacts(TypedDict, total=False):
    """What people say about a slide, and the state of its record; as in ``Slide``."""

    patient: str | None
    taken_on: date | None
    site: str
    preparer: str
    microscopist: str
    stain: str
    age_years: float | None
    sex: Sex | None
    visit_day: int | None
    status: Literal["open", "signed"]
    signed_by: str | None
    signed_at: datetime | None
    review: Review
    readings: Readings | None
    amended: bool


def build_slide(
    slide: str,
    fields: Iterable[Field],
    method: Method,
    count: Count | None,
    notes: Iterable[Message] = (),
    created: datetime | None = None,
    **details: Unpack[SlideFacts],
) -> Slide:
    """The result of a slide: whoever analyses one, or reads one from records, has it from here.

    Args:
        slide: its ID.
        fields: of it, counted and not.
        method: how they were analysed.
        count: None where no field could be counted.
        notes: what its readers are told beside what the fields themselves give cause to.
        created: the moment of this result; now if None.
        details: what is known of the slide.
    """
    fields = tuple(fields)
    told = (*notes_on(fields), *notes)
    return Slide(
        slide=slide,
        created=(created or datetime.now(UTC)).isoformat(timespec="seconds"),
        plasmoscope=method.plasmoscope,
        model=method.model,
        model_sha256=method.model_sha256,
        threshold=method.threshold,
        views=method.views,
        silence=method.silence,
        screening=method.screening,
        infected_from=method.infected_from,
        provider=method.provider,
        profile=method.profile,
        fields=fields,
        count=count,
        notes=tuple(map(english, told)),
        notes_coded=told,
        **details,
    )


def count_patient(
    slides: Sequence[Slide], red_cells_per_ul: float | None = None, haematocrit_percent: float | None = None
) -> Count | None:
    """The count of a patient from several slides; None where no field of any could be counted.

    It is corrected for wrong calls where each slide's is, with the same measured performance.

    Raises:
        AnalysisError: no slide, or slides of several patients.
    """
    if len({slide.patient for slide in slides}) != 1:
        raise AnalysisError("Give slides of one patient; these are of several, or none.")
    counts = [slide.count for slide in slides if slide.count]
    if not counts:
        return None
    measured = dict.fromkeys(count.performance for count in counts)
    alike = len(measured) == 1 and all(count.corrected for count in counts)
    return count_slide(
        sum(count.infected for count in counts),
        sum(count.counted for count in counts),
        red_cell_count(red_cells_per_ul, haematocrit_percent),
        next((performance for performance in measured if performance), None),
        not_corrected=None if alike else COUNTED_DIFFERENTLY,
    )
