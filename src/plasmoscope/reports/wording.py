"""What the reports say in words and figures; HTML and PDF say the same."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone
from typing import NamedTuple

from plasmoscope.analysis.counting import NOT_MEASURED
from plasmoscope.analysis.figures import percent, span, three_digits
from plasmoscope.analysis.results import Count, Field, Slide

TITLE = "Malaria parasites in a Giemsa-stained thin film"


class Line(NamedTuple):
    """One thing that is told of the slide, or one figure of the result."""

    name: str
    value: str
    remark: str = ""


def limits(slide: Slide) -> tuple[str, ...]:
    """What to keep in mind of every count."""
    known = f"The infected cells that its model learnt from are {slide.infected_from}; " if slide.infected_from else ""
    expect = "expect more mistakes with stains, cameras and species that the model did not learn from."
    return (
        "Plasmoscope counts infected red cells. It tells neither species nor stage, and it does not read thick films.",
        f"{known}{expect}" if known else expect[0].upper() + expect[1:],
        "Even one false call in a hundred red cells looks like 1 % parasitaemia: look at the called cells before you "
        "rely on a low count, and keep in mind that no infected cell among those counted does not rule malaria out.",
    )


def head(slide: Slide) -> list[Line]:
    """Whose slide it is and how it came about; what was not given is left out, but for the patient."""
    lines = [Line("Slide", slide.slide), Line("Patient", slide.patient or "not given")]
    if slide.taken_on:
        lines.append(Line("Slide made", slide.taken_on.isoformat()))
    lines += [
        Line(name, value)
        for name, value in (
            ("Site", slide.site),
            ("Preparer", slide.preparer),
            ("Microscopist", slide.microscopist),
            ("Stain", slide.stain),
        )
        if value
    ]
    # What is signed no longer changes; its date is the signature's.
    if slide.status != "signed":
        made = created(slide)
        lines.append(Line("Report made", when(made) if made else slide.created))
    return [*lines, Line("Counted", fields_counted(slide))]


def signature(slide: Slide) -> str | None:
    """Who signed the slide and when, or that nobody did; None where there is no record that could be signed."""
    if slide.status is None:
        return None
    if slide.status == "open" or slide.signed_at is None:
        return "Not signed"
    return f"Signed by {slide.signed_by} on {when(slide.signed_at)}"


def headline(slide: Slide) -> str:
    """The parasitaemia, large; with no infected cell the most that it may be."""
    if slide.count is None:
        return "No result"
    if not slide.count.infected:
        return f"below {percent(slide.count.parasitaemia.high)}"
    return percent(slide.count.parasitaemia.value)


def headline_remark(slide: Slide) -> str:
    """What stands below the headline."""
    if slide.count is None:
        return "none of the photographs could be counted"
    if not slide.count.infected:
        return f"of red cells; none infected among {slide.count.counted:,} (upper end of the 95 % interval)"
    return f"of red cells infected; 95 % interval {span(slide.count.parasitaemia, percent)}"


def result_lines(count: Count) -> list[Line]:
    """The figures of the result, one a line."""
    lines = [
        Line("Red cells counted", f"{count.counted:,}"),
        Line("Called parasitized", f"{count.infected:,}"),
        corrected_line(count),
    ]
    density = count.parasites_per_ul
    shown = per_microlitre(density.value) if count.infected else f"below {per_microlitre(density.high)}"
    remark = f"95 % interval {span(density, per_microlitre)}; " if count.infected else ""
    basis = f"from {count.red_cells_per_ul:,.0f} red cells/µL ({count.red_cells_basis})"
    return [*lines, Line("Parasites per µL of blood", shown, remark + basis)]


def left_out_lines(slide: Slide) -> list[Line]:
    """How much is left out because the model is silent on it; nothing where it never is."""
    if slide.silence is None and not slide.not_a_cell:
        return []
    remark = "Outlined as red cells; in no figure above. Look at them yourself." if slide.not_a_cell else ""
    return [Line("Not a red cell, or cannot tell", f"{slide.not_a_cell:,}", remark)]


def possible_lines(slide: Slide) -> list[Line]:
    """How many cells that are not called deserve a look; nothing in earlier versions' results."""
    if slide.screening is None or slide.screening >= slide.threshold:
        return []
    remark = (
        f"Not called: probability from {slide.screening:g} to below {slide.threshold:g}. In the count as uninfected; "
        "look at them too where the question is whether there is any parasite."
    )
    return [Line("Possibly infected", f"{slide.possibly_infected:,}", remark)]


def review_lines(slide: Slide) -> list[Line]:
    """What people have looked at, and what that tells of the rest; nothing without a workstation's record."""
    review = slide.review
    if review is None:
        return []
    asked = review.called + review.uncertain
    lines = []
    if asked:
        remark = "Those that the program called infected or is uncertain of."
        if review.waiting:
            remark = f"{remark} Nobody has looked at {review.waiting:,} of them."
        lines.append(Line("Looked at by a person", f"{asked - review.waiting:,} of {_many(asked, 'cell')}", remark))
    if review.near:
        remark = "Not called, but nearest to it."
        lines.append(Line("Looked at, near the threshold", f"{review.near_looked_at:,} of {review.near:,}", remark))
    if review.misses is None:
        missed = Line("Missed infected cells", "not estimated", "Nobody has looked at a sample of the remaining cells.")
    else:
        missed = Line(
            "Missed infected cells",
            f"about {cells_in_words(review.misses.value)}",
            f"Exact 95 % interval {cells_in_words(review.misses.low)} to {cells_in_words(review.misses.high)}, of "
            f"{review.not_looked_at:,} remaining cells that nobody looked at: {review.sample_infected:,} of "
            f"{review.sample_looked_at:,} drawn at random were infected. They are in no figure above.",
        )
    return [*lines, missed]


def cells_in_words(number: float) -> str:
    """An estimated number of cells, no more exact than it can be: ``0``, ``0.4``, ``27``."""
    return f"{number:,.0f}" if number >= 10 or number == 0 else f"{number:.1f}"


def corrected_line(count: Count) -> Line:
    """The estimate corrected for wrong calls, with what it rests on; or why there is none."""
    name = "Corrected for wrong calls"
    # Files of earlier versions hold estimates that rest on the NIH's slides alone.
    if count.corrected is None or count.performance is None:
        return Line(name, "not given", count.correction_basis or NOT_MEASURED)
    none = not count.corrected.value
    shown = f"below {percent(count.corrected.high)}" if none else percent(count.corrected.value)
    remark = "No more calls than known errors make." if none else f"95 % interval {span(count.corrected, percent)}."
    return Line(name, shown, f"{remark} {count.correction_basis}")


def fields_counted(slide: Slide) -> str:
    """Such as ``3 of 5 photographs``."""
    return f"{sum(field.accepted for field in slide.fields)} of {_many(len(slide.fields), 'photograph')}"


def reasons(field: Field) -> str:
    """Why a field was not counted, what was overridden, or why it is to be read with care; empty for one without."""
    if field.error:
        return _sentences([field.error])
    order = "Counted by your order although: " if field.accepted and field.objections else ""
    careful = f"Read with care: {care(field)}" if care(field) else ""
    return " ".join(filter(None, (order + _sentences(field.objections), careful)))


def care(field: Field) -> str:
    """What to read a counted field with care for; empty for one without."""
    return _sentences(field.warnings) if field.accepted else ""


def created(slide: Slide) -> datetime | None:
    """``Slide.created`` with its time zone; None for what is no time."""
    try:
        time = datetime.fromisoformat(slide.created)
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def when(moment: datetime) -> str:
    """Date and time by this computer's clock, to the minute, such as ``2026-03-01 10:30 (UTC+01:00)``."""
    local = moment.astimezone()
    # By its distance: names of zones differ between systems, and several zones share one.
    return f"{local:%Y-%m-%d %H:%M} ({timezone(local.utcoffset() or timedelta())})"


def method(slide: Slide) -> str:
    """How the result came about, with model, views and threshold."""
    return (
        "Every photograph passes a quality check, its red cells are outlined, and a neural network gives each whole "
        f"one a probability of holding a parasite, as if every second cell held one; from {slide.threshold:g} on it is "
        "called parasitized "
        f"({_many(slide.views, 'view')} of each cell). Cells cut by a border, white cells, platelets and stain "
        f"precipitate are left out{_silence(slide)}. The interval is Wilson's for a share of the cells counted; it "
        "does not cover the classifier's own mistakes."
    )


def _silence(slide: Slide) -> str:
    if slide.silence is None:
        return ""
    return (
        f", and so is what the network gives a probability of {slide.silence:g} or more of being no red cell, or "
        "nothing that can be told"
    )


def versions(slide: Slide) -> str:
    """Program, model and profile."""
    made_with = f"Plasmoscope {slide.plasmoscope}, model {slide.model} (SHA-256 {slide.model_sha256})"
    return f"{made_with}, profile {slide.profile}" if slide.profile else made_with


def pictures_shown(shown: int, readable: int, in_folder: bool) -> str:
    """Which annotated pictures a report holds, and where the others are."""
    if not readable:
        return "No photograph could be read."
    if shown == readable == 1:
        return "The photograph with every object outlined."
    some = f"All {readable} photographs" if shown == readable else f"The {shown} with the most infected cells"
    where = f"; the pictures of all {readable} are in the folder 'fields' beside this report" if in_folder else ""
    return f"{some}, every object outlined{where}."


def caption(slide: Slide, number: int) -> str:
    """What stands below an annotated photograph; calls on one that was refused must not pass for a result."""
    field = slide.fields[number - 1]
    return f"Photograph {number}{'' if field.accepted else ' (not counted)'}: {field.name}"


def gallery_shown(shown: int, called: int) -> str:
    """How many called cells a gallery shows."""
    if not called:
        return "No whole red cell was called parasitized."
    some = f"The {shown} most certain of {called:,} cells" if shown < called else _many(called, "cell")
    return f"{some} called parasitized, the most certain first; below each: photograph/cell number and probability."


def possible_shown(shown: int, possible: int) -> str:
    """How many of the cells that were not called but deserve a look a gallery shows."""
    some = f"The {shown} most certain of {possible:,} cells" if shown < possible else _many(possible, "cell")
    return (
        f"{some} not called and counted as uninfected, but worth a look before a slide is taken to hold no parasite, "
        "the most certain first; below each: photograph/cell number and probability."
    )


def per_microlitre(value: float) -> str:
    """A density, such as ``152,000``."""
    return f"{three_digits(value):,.0f}"


def _sentences(parts: Iterable[str]) -> str:
    return " ".join(f"{part[:1].upper()}{part[1:].rstrip('.')}." for part in parts)


def _many(number: int, name: str) -> str:
    return f"{number:,} {name}{'' if number == 1 else 's'}"
