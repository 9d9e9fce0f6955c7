"""From photographs to a slide's count: read, segment, gate, call, count. Each step is a module of its own."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from plasmoscope.analysis.cells import call_cells
from plasmoscope.analysis.counting import (
    DEFAULT_PRECISION,
    ENOUGH_CELLS,
    RedCellCount,
    count_slide,
    red_cell_count,
)
from plasmoscope.analysis.drift import Measured
from plasmoscope.analysis.duplicates import Fingerprint, fingerprint, same_place
from plasmoscope.analysis.method import AnalysisError, Calling, Method, calling
from plasmoscope.analysis.performance import Performance
from plasmoscope.analysis.quality import measure, quality_checks
from plasmoscope.analysis.repeats import CountedPlaces
from plasmoscope.analysis.results import Count, Field, Slide, unreadable
from plasmoscope.analysis.slides import build_slide
from plasmoscope.classification.classifier import Classifier
from plasmoscope.imaging.illumination import view_box
from plasmoscope.imaging.photograph import FieldImage, Photograph, field_names, photographs_of, read_photograph
from plasmoscope.imaging.reading import ImageError
from plasmoscope.progress import Track, untracked
from plasmoscope.segmentation.segment import segment_field
from plasmoscope.threads import worked_ahead

# Fields in work: while one is read and segmented, mostly by one core, the network takes another's cells. More would
# hold more photographs in memory.
_AT_ONCE = 2


@dataclass(frozen=True)
class SlideOptions:
    """What the user may say about a slide and how it is counted."""

    slide: str = "slide"
    patient: str | None = None
    red_cells_per_ul: float | None = None
    haematocrit_percent: float | None = None
    threshold: float | None = None
    """Instead of the model's threshold for counting."""
    views: int | None = None
    """Test-time augmentation; None takes what the model's counting threshold was measured with."""
    override_gate: bool = False
    """Count fields that fail the quality gate, and record that."""
    count_repeats: bool = False
    """Count fields that show the same place as an earlier one, and record that."""
    enough_cells: int = ENOUGH_CELLS
    """Advise to keep counting below this many red cells."""
    precision: float = DEFAULT_PRECISION
    """Advise to keep counting while the interval reaches farther than this share of the estimate to either side."""
    performance: Performance | None = None
    """Measured on slides of the same laboratory; without it the count is not corrected for wrong calls."""


def analyze_field(
    image: FieldImage,
    classifier: Classifier | None = None,
    *,
    threshold: float | None = None,
    views: int | None = None,
    override_gate: bool = False,
    name: str | None = None,
) -> Field:
    """Find and call the cells of one field.

    >>> from plasmoscope.synthetic.rendering import render_field
    >>> field = analyze_field(render_field(seed=1, parasitaemia=0.1).image)
    >>> field.accepted, field.counted > 20, field.infected < field.counted
    (True, True, True)

    Args:
        image: a file of one picture, its content, a Pillow image, or upright RGB uint8 of shape (h, w, 3).
        classifier: the one that ships if None.
        threshold: P(parasitized) from which a cell is called; the model's own for counting if None.
        views: test-time augmentation: 1, 5 or 8.
        override_gate: count the field although a quality check fails.
        name: of the field in the result; the file's if None.

    Returns:
        The field; where it fails the quality gate or cannot be read, ``accepted`` is false and says why.
    """
    classifier = classifier or Classifier.load(use="fields")
    how = calling(classifier, threshold, views)
    return look_at_field(image, name or field_names([image])[0], classifier, how, override_gate).field


def analyze_slide(
    fields: FieldImage | Iterable[FieldImage],
    classifier: Classifier | None = None,
    options: SlideOptions = SlideOptions(),
    track: Track = untracked,
    kept: Callable[[str, str], Field | None] = lambda name, sha256: None,
    keep: Callable[[Field], None] = lambda field: None,
) -> Slide:
    """Analyse the fields of one slide, a few at a time, and count.

    A file that cannot be read is reported in its field and the rest goes on. A field that shows the same place as an
    earlier one is named beside it and left out, unless the options say otherwise. Each page of a TIFF is a field.

    >>> from plasmoscope.synthetic.rendering import render_field
    >>> fields = [render_field(seed, parasitaemia=0.1).image for seed in (1, 2)]
    >>> slide = analyze_slide(fields, options=SlideOptions(slide="17", haematocrit_percent=38))
    >>> slide.count.counted > 40, 0 < slide.count.parasitaemia.value < 100
    (True, True)

    Args:
        fields: files, their contents, pictures or arrays, as ``analyze_field`` takes them; one alone counts as a list
            of one.
        options: of the slide.
        track: shows progress.
        kept: gives the field of an earlier, interrupted run by name and SHA-256, or None. It and ``keep`` are called
            from several threads.
        keep: is given each field as soon as it is done.

    Raises:
        AnalysisError: no field was given.
        CountingError: a red-cell count or haematocrit that no blood has.
        PerformanceError: ``options.performance`` was measured for another way of calling.
    """
    images = photographs_of(fields)
    if not images:
        raise AnalysisError("No field was given; name the photographs of the slide.")
    red_cells = red_cell_count(options.red_cells_per_ul, options.haematocrit_percent)
    classifier = classifier or Classifier.load(use="fields")
    how = calling(classifier, options.threshold, options.views)
    if options.performance:
        options.performance.check(classifier.card.sha256, how.threshold, how.views, how.profile)

    def look(named: tuple[str, FieldImage]) -> Look:
        name, image = named
        return look_at_field(image, name, classifier, how, options.override_gate, kept, keep)

    named = list(zip(field_names(images), images, strict=True))
    looks = track(worked_ahead(look, named, _AT_ONCE), len(named), "Analysing fields")
    analyzed = list(_each_place_once(looks, options.count_repeats))
    count = _count(analyzed, red_cells, options)
    return build_slide(options.slide, analyzed, Method.of(classifier, how), count, patient=options.patient)


class Look(NamedTuple):
    """What is found in one photograph, and what tells it from others."""

    field: Field
    fingerprint: Fingerprint | None
    """None where the photograph cannot be read."""
    view: tuple[int, int, int, int] | None = None
    """Left, top, width and height of the field of view's box in pixels; None where the photograph cannot be read."""
    measured: Measured | None = None
    """Its stain and focus; None where it shows no red cell, cannot be read, or was kept from an earlier run."""


def look_at_field(
    image: FieldImage,
    name: str,
    classifier: Classifier,
    how: Calling,
    override_gate: bool = False,
    kept: Callable[[str, str], Field | None] = lambda name, sha256: None,
    keep: Callable[[Field], None] = lambda field: None,
) -> Look:
    """Find and call the cells of one photograph; arguments and the field as in ``analyze_field``.

    Args:
        kept: gives the field of an earlier run by name and SHA-256, or None.
        keep: is given the field where none was kept.
    """
    try:
        photograph = read_photograph(image)
    except ImageError as error:
        return Look(unreadable(name, str(error), (error.message,)), None)
    field, measured = kept(name, photograph.sha256), None
    if field is None:
        field, measured = _analyze(photograph, name, classifier, how, override_gate)
        keep(field)
    return Look(field, fingerprint(photograph.pixels), view_box(photograph.pixels), measured)


def _analyze(
    photograph: Photograph, name: str, classifier: Classifier, how: Calling, override_gate: bool
) -> tuple[Field, Measured | None]:
    """Segment, gate, and call the cells of a photograph that was read."""
    image = photograph.pixels
    segmentation = segment_field(image)
    measurements = measure(image, segmentation)
    checks = quality_checks(measurements)
    passed = all(check.passed for check in checks)
    accepted = passed or override_gate
    field = Field(
        name=name,
        sha256=photograph.sha256,
        width=image.shape[1],
        height=image.shape[0],
        orientation=photograph.orientation,
        cell_diameter=segmentation.diameter,
        checks=checks,
        accepted=accepted,
        overridden=accepted and not passed,
        cells=call_cells(image, segmentation, classifier, how) if accepted else (),
    )
    return field, Measured(*measurements.absorbance, measurements.blur) if measurements.cells else None


def _each_place_once(looks: Iterable[Look], count_repeats: bool) -> Iterator[Field]:
    """The fields, those that repeat a place named beside the first of it and left out unless they are to count too."""
    places = CountedPlaces[tuple[str, Fingerprint]](lambda earlier, later: same_place(later[1], earlier[1]))
    for field, mark, *_ in looks:
        if mark is None or not field.accepted:
            yield field
            continue
        earlier = places.repeated_by((field.name, mark), count_repeats)
        repeat = {} if earlier is None else {"accepted": count_repeats, "duplicate_of": earlier[0]}
        yield field.model_copy(update=repeat)


def _count(fields: Iterable[Field], red_cells: RedCellCount, options: SlideOptions) -> Count | None:
    accepted = [field for field in fields if field.accepted]
    counted = sum(field.counted for field in accepted)
    infected = sum(field.infected for field in accepted)
    if not counted:
        return None
    return count_slide(infected, counted, red_cells, options.performance, options.enough_cells, options.precision)
