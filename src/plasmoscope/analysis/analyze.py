"""From photographs to a slide's count: read, gate, segment, classify, count."""

import hashlib
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import NamedTuple, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from plasmoscope import __version__
from plasmoscope.analysis.counting import (
    COUNTED_DIFFERENTLY,
    DEFAULT_PRECISION,
    RedCellCount,
    count_slide,
    red_cell_count,
)
from plasmoscope.analysis.duplicates import Fingerprint, find_same, fingerprint
from plasmoscope.analysis.notes import notes_on
from plasmoscope.analysis.performance import Performance
from plasmoscope.analysis.quality import measure, quality_checks
from plasmoscope.analysis.results import Cell, Count, Field, Outline, Slide, unreadable
from plasmoscope.classification.classifier import Classifier
from plasmoscope.classification.profile import UsedProfile
from plasmoscope.errors import PlasmoscopeError
from plasmoscope.files import name_as_text
from plasmoscope.imaging.cells import cut_cell
from plasmoscope.imaging.pages import Content, pages_of
from plasmoscope.imaging.reading import ImageError, picture_orientation, read_image, read_picture, stored_orientation
from plasmoscope.imaging.reference import refer
from plasmoscope.imaging.sources import ImageFile, Readable
from plasmoscope.labels import CLASS_NAMES, NOT_TOLD, PARASITIZED, call_name
from plasmoscope.progress import Track, untracked
from plasmoscope.segmentation.reference import cut_referred, references
from plasmoscope.segmentation.segment import FoundObject, Segmentation, segment_field

Item = TypeVar("Item")
Result = TypeVar("Result")
_NoArray = Image.Image | bytes | Path | str | Readable
FieldImage = NDArray[np.uint8] | _NoArray
_FIELD_TYPES = np.ndarray | _NoArray

_DEFAULT_VIEWS = 8
_OUTLINE_TOLERANCE = 0.01
# Fields in work: while one is read and segmented, mostly by one core, the network takes another's cells. More would
# hold more photographs in memory.
_AT_ONCE = 2


class AnalysisError(PlasmoscopeError):
    """A slide cannot be analysed."""


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
    enough_cells: int = 1_000
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


@dataclass(frozen=True)
class Calling:
    """How cells are called."""

    threshold: float
    views: int
    silence: float | None = None
    """P(not a cell) from which nothing is called; None where the model is never silent."""
    screening: float | None = None
    """As ``Slide.screening``."""
    profile: UsedProfile | None = None
    """Of the laboratory, under which the classifier calls; None where it calls as it ships."""


def calling(classifier: Classifier, threshold: float | None = None, views: int | None = None) -> Calling:
    """What is asked for, with the profile's or the model's own values for counting where nothing is.

    Raises:
        AnalysisError: a threshold that is no probability.
    """
    card, profile = classifier.card, classifier.profile
    own_threshold = profile.threshold if profile else card.counting_threshold
    own_views = card.counting.views if card.counting else _DEFAULT_VIEWS
    if threshold is not None and not 0 <= threshold <= 1:
        raise AnalysisError(f"A threshold is a probability from 0 to 1, not {threshold}.")
    return Calling(
        own_threshold if threshold is None else threshold,
        views or own_views,
        card.silence_threshold,
        card.screening_threshold,
        profile.used if profile else None,
    )


class _Photograph(NamedTuple):
    pixels: NDArray[np.uint8]
    """Upright RGB, shape (h, w, 3)."""
    sha256: str
    orientation: int
    """As ``Field.orientation``."""


class Look(NamedTuple):
    """What is found in one photograph, and what tells it from others."""

    field: Field
    fingerprint: Fingerprint | None
    """None where the photograph cannot be read."""


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
        photograph = _photograph(image)
    except ImageError as error:
        return Look(unreadable(name, str(error)), None)
    field = kept(name, photograph.sha256)
    if field is None:
        field = _analyze(photograph, name, classifier, how, override_gate)
        keep(field)
    return Look(field, fingerprint(photograph.pixels))


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
    images = _pages([fields] if isinstance(fields, _FIELD_TYPES) else fields)
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
    looks = track(_ahead(look, named), len(named), "Analysing fields")
    return _slide(list(_each_place_once(looks, options.count_repeats)), classifier, how, options, red_cells)


def _each_place_once(looks: Iterable[Look], count_repeats: bool) -> Iterator[Field]:
    """The fields, those that repeat a place named beside the first of it and left out unless they are to count too."""
    seen: dict[str, Fingerprint] = {}
    for field, mark in looks:
        # A place that the gate refused may be photographed again, better.
        if mark is None or not field.accepted:
            yield field
            continue
        same = find_same(mark, seen)
        if same is None or count_repeats:
            seen[field.name] = mark
        yield field if same is None else field.model_copy(update={"accepted": count_repeats, "duplicate_of": same})


def _ahead(work: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
    """The results in order, some items being worked on at once; an error comes at its item's turn."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        waiting: deque[Future[Result]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > _AT_ONCE:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _slide(
    fields: Sequence[Field], classifier: Classifier, how: Calling, options: SlideOptions, red_cells: RedCellCount
) -> Slide:
    accepted = [field for field in fields if field.accepted]
    counted = sum(field.counted for field in accepted)
    infected = sum(field.infected for field in accepted)
    return Slide(
        slide=options.slide,
        patient=options.patient,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        plasmoscope=__version__,
        model=classifier.card.name,
        model_sha256=classifier.card.sha256,
        threshold=how.threshold,
        views=how.views,
        silence=how.silence,
        screening=how.screening,
        infected_from=classifier.card.data.infected_from,
        profile=how.profile,
        fields=tuple(fields),
        count=_count(infected, counted, red_cells, options),
        notes=tuple(notes_on(fields)),
    )


def _count(infected: int, counted: int, red_cells: RedCellCount, options: SlideOptions) -> Count | None:
    if not counted:
        return None
    return count_slide(infected, counted, red_cells, options.performance, options.enough_cells, options.precision)


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


def _analyze(photograph: _Photograph, name: str, classifier: Classifier, how: Calling, override_gate: bool) -> Field:
    image = photograph.pixels
    segmentation = segment_field(image)
    checks = quality_checks(measure(image, segmentation))
    passed = all(check.passed for check in checks)
    accepted = passed or override_gate
    return Field(
        name=name,
        sha256=photograph.sha256,
        width=image.shape[1],
        height=image.shape[0],
        orientation=photograph.orientation,
        cell_diameter=segmentation.diameter,
        checks=checks,
        accepted=accepted,
        overridden=accepted and not passed,
        cells=_cells(image, segmentation, classifier, how) if accepted else (),
    )


def _cells(
    image: NDArray[np.uint8], segmentation: Segmentation, classifier: Classifier, how: Calling
) -> tuple[Cell, ...]:
    found = _reading_order(segmentation)
    reds = [index for index, item in enumerate(found) if item.kind == "red_cell"]
    standard = classifier.card.preprocessing.reference
    crops = cut_referred(image, segmentation, [found[index] for index in reds], standard)
    judged = classifier.judge_field(classifier.prepare_batch(crops), how.views)
    answers = dict(zip(reds, judged.each(), strict=True))
    return tuple(_cell(number, item, answers.get(number - 1), how) for number, item in enumerate(found, start=1))


def crops_as_called(image: NDArray[np.uint8], cells: Sequence[Cell], classifier: Classifier) -> list[NDArray[np.uint8]]:
    """Red cells of a field that was analysed, cut out and with their colours as they were when they were called.

    Args:
        image: the upright field, RGB, shape (h, w, 3).
        cells: of it.
        classifier: that called them.
    """
    crops = [cut_cell(image, np.array(cell.outline, np.int32)) for cell in cells]
    standard = classifier.card.preprocessing.reference
    if standard is None or not cells:
        return crops
    segmentation = segment_field(image)
    reds = [item for item in segmentation.objects if item.kind == "red_cell"]
    if not reds:
        return crops
    own = references(segmentation, reds, [cut_cell(image, item.outline) for item in reds])
    centres = np.array([item.outline.mean(axis=0) for item in reds])
    # A cell that the reader of today does not outline is told against the light at its nearest neighbour.
    nearest = [int(np.linalg.norm(centres - cell.centre, axis=1).argmin()) for cell in cells]
    return [refer(crop, own[number], standard) for crop, number in zip(crops, nearest, strict=True)]


def _reading_order(segmentation: Segmentation) -> list[FoundObject]:
    """Row by row, each row a cell high."""
    row = max(1.0, segmentation.diameter or 1.0)
    return sorted(
        segmentation.objects, key=lambda item: (int(item.outline[:, 1].mean() / row), item.outline[:, 0].mean())
    )


def _cell(number: int, item: FoundObject, judged: tuple[float, float | None] | None, how: Calling) -> Cell:
    probability, not_a_cell = judged or (None, None)
    call = None if probability is None else call_name(probability, how.threshold, not_a_cell, how.silence)
    # What the border cuts is left out already, and a part of a cell looks like no cell.
    silent = call == NOT_TOLD and not item.on_border
    left, top = (int(value) for value in item.outline.min(axis=0))
    right, bottom = (int(value) for value in item.outline.max(axis=0))
    x, y = item.outline.mean(axis=0)
    return Cell(
        number=number,
        kind=NOT_TOLD if silent else item.kind,
        box=(left, top, right - left + 1, bottom - top + 1),
        centre=(round(float(x), 1), round(float(y), 1)),
        area=round(item.area, 1),
        outline=_simplified(item.outline, item.area),
        on_border=item.on_border,
        parasitized_probability=probability,
        parasitized=None if call in (None, NOT_TOLD) else call == CLASS_NAMES[PARASITIZED],
        not_a_cell_probability=not_a_cell,
    )


def photograph_hashes(images: Iterable[Readable]) -> Iterator[str]:
    """``Field.sha256`` of each photograph that can be read, one after the other; nothing is decoded."""
    for image in images:
        with suppress(ImageError):
            yield hashlib.sha256(_content(image)).hexdigest()


def read_field(image: FieldImage) -> NDArray[np.uint8]:
    """The upright RGB pixels of a field, shape (h, w, 3), as the analysis saw them.

    Raises:
        ImageError: it cannot be read.
    """
    return _photograph(image).pixels


def _simplified(outline: NDArray[np.int32], area: float) -> Outline:
    """The same polygon to within a hundredth of its diameter, with far fewer corners to keep for every cell."""
    tolerance = _OUTLINE_TOLERANCE * 2 * np.sqrt(area / np.pi)
    corners = cv2.approxPolyDP(outline[:, None], tolerance, closed=True)[:, 0]
    return Outline((int(x), int(y)) for x, y in (corners if len(corners) >= 3 else outline))


def _photograph(image: FieldImage) -> _Photograph:
    orientation = 1
    if not isinstance(image, _FIELD_TYPES):
        raise ImageError(f"a {type(image).__name__} is no field; give a path, its content, a Pillow image or an array")
    if isinstance(image, Image.Image):
        orientation = picture_orientation(image)
        image = read_picture(image)
    if not isinstance(image, np.ndarray):
        data = _content(image)
        return _Photograph(read_image(data), hashlib.sha256(data).hexdigest(), stored_orientation(data))
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise ImageError(f"an array of {image.dtype} and shape {image.shape} is no field; give uint8 RGB (h, w, 3)")
    return _Photograph(image, hashlib.sha256(np.ascontiguousarray(image).tobytes()).hexdigest(), orientation)


def _content(image: bytes | Path | str | Readable) -> bytes:
    if isinstance(image, bytes):
        return image
    return _source(image).read()


def _source(image: Path | str | Readable) -> Readable:
    return ImageFile(Path(image)) if isinstance(image, Path | str) else image


def _pages(images: Iterable[FieldImage]) -> list[FieldImage]:
    """The same images, but each page of a TIFF by itself."""
    found: list[FieldImage] = []
    for number, image in enumerate(images, start=1):
        if isinstance(image, bytes):
            pages = pages_of(Content(_unnamed(number), image))
            found += pages if len(pages) > 1 else [image]
        else:
            found += pages_of(_source(image)) if isinstance(image, Path | str | Readable) else [image]
    return found


def field_names(images: Sequence[FieldImage]) -> list[str]:
    """What each field is called: its file's name, with folders where two are alike; what has no name is numbered."""
    full = [_full_name(image, number) for number, image in enumerate(images, start=1)]
    plain = [PurePath(name).name for name in full]
    shared = {name for name, times in Counter(plain).items() if times > 1}
    return [whole if name in shared else name for name, whole in zip(plain, full, strict=True)]


def _full_name(image: FieldImage, number: int) -> str:
    if isinstance(image, Path | str | Readable):
        return name_as_text(_source(image).name)
    return _unnamed(number)


def _unnamed(number: int) -> str:
    return f"field {number}"
