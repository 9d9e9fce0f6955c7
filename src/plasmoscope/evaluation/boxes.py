"""Annotated boxes from the formats that labelling tools write: Pascal VOC, YOLO and COCO; or centres from a table.

One bad record costs no more than itself: it is named beside what was read. Polygons become the boxes around them.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring
from pydantic import BaseModel, ValidationError

from plasmoscope.csv_tables import csv_rows
from plasmoscope.errors import PlasmoscopeError, first_fault
from plasmoscope.files import decode_text
from plasmoscope.imaging.reading import ImageError
from plasmoscope.imaging.sources import Readable

Box = tuple[float, float, float, float]
Given = TypeVar("Given")
Made = TypeVar("Made")

RED_CELL = "red cell"
"""What the cells of a table of centres are called."""

# Programs round a share past the picture's edge; what lies farther out is no share.
_ROUNDING = 0.01


class BoxesError(PlasmoscopeError):
    """Annotations cannot be read, or do not belong to the images."""


class TrueBox(NamedTuple):
    """One annotated object."""

    label: str
    box: Box
    """Left, top, width and height in pixels. A box without area is a centre, of which no tool but ``read_centres``
    makes one."""
    difficult: bool = False
    """The annotator was not sure, or drew one box around many: who finds it is neither right nor wrong."""

    @property
    def centre(self) -> tuple[float, float]:
        """The middle: x and y in pixels."""
        left, top, width, height = self.box
        return left + width / 2, top + height / 2

    @property
    def is_centre(self) -> bool:
        """Only the middle is known."""
        return self.box[2] == 0 and self.box[3] == 0


class Fault(NamedTuple):
    """What was left out."""

    where: str
    """A record of an annotation, or an image."""
    reason: str


class Found(NamedTuple):
    """What an annotation of one image holds."""

    boxes: tuple[TrueBox, ...]
    faults: tuple[Fault, ...] = ()
    """Records that could not be read."""


def read_voc(file: Readable) -> Found:
    """Read a Pascal VOC annotation of one image (XML with ``object``, ``name``, and ``bndbox`` or ``polygon``).

    Raises:
        BoxesError: not such a file; the message says what is wrong with it.
    """
    try:
        root = fromstring(_read(file), forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise BoxesError(f"{file.name} is not XML that can be read ({error}); export the annotation again") from error
    if root.tag != "annotation":
        raise BoxesError(f"{file.name} is not a Pascal VOC annotation: it begins with <{root.tag}>, not <annotation>")
    return _found(f"{file.name}, object", root.iter("object"), _voc_object)


def read_yolo(file: Readable, size: tuple[int, int], classes: Mapping[int, str] | None = None) -> Found:
    """Read a YOLO annotation of one image: lines of class, centre x, centre y, width, height, as shares of the image.

    A line of a class and three or more corners, x and y, is a segment.

    Args:
        file: the .txt file; an empty one means that nothing is there.
        size: width and height of the image in pixels.
        classes: names of the class numbers; a class without one is called by its number.

    Raises:
        BoxesError: it is no text.
    """
    lines = (line for line in read_text(file).splitlines())
    return _found(f"{file.name}, line", lines, lambda line: _yolo_line(line, size, classes or {}))


def read_coco(file: Readable) -> tuple[dict[str, tuple[TrueBox, ...]], tuple[Fault, ...]]:
    """Read a COCO annotation of many images.

    Returns:
        Boxes by the images' file names as written, but with ``/`` between folders; and what could not be read.

    Raises:
        BoxesError: not such a file.
    """
    try:
        content = _Coco.model_validate_json(read_text(file))
    except ValidationError as error:
        raise BoxesError(f"{file.name} is not a COCO annotation: {first_fault(error)}; export it again") from error
    images, bad_images = _made(f"{file.name}, image", content.images, _CocoImage.model_validate)
    kinds, bad_kinds = _made(f"{file.name}, category", content.categories, _CocoCategory.model_validate)
    paths = {image.id: image.file_name.replace("\\", "/") for image in images}
    labels = {kind.id: kind.name for kind in kinds}
    times = Counter([image.file_name.replace("\\", "/") for image in images])
    twice = {path for path, number in times.items() if number > 1}
    found: dict[str, list[TrueBox]] = {path: [] for path in times if path not in twice}

    def add(given: Any) -> None:
        annotation = _CocoAnnotation.model_validate(given)
        if annotation.image_id not in paths or annotation.category_id not in labels:
            raise _BadRecordError("it belongs to an image or a category that the file does not list")
        if (path := paths[annotation.image_id]) in found:
            label = labels[annotation.category_id]
            found[path].append(TrueBox(label, _coco_box(annotation), annotation.iscrowd))

    _, bad = _made(f"{file.name}, annotation", content.annotations, add)
    listed_twice = [Fault(f"{file.name}, {path}", "the image is listed more than once") for path in sorted(twice)]
    faults = (*bad_images, *bad_kinds, *listed_twice, *bad)
    return {path: _with_area(boxes) for path, boxes in found.items()}, faults


def read_centres(file: Readable) -> tuple[dict[str, tuple[TrueBox, ...]], tuple[Fault, ...]]:
    """Read a table of the centres of red cells: CSV with the columns ``image``, ``x`` and ``y``, others left aside.

    Returns:
        Boxes without area by the images' names as written, but with ``/`` between folders; and what could not be read.

    Raises:
        BoxesError: no such table.
    """
    rows = csv_rows(read_text(file).splitlines())
    if not rows or not {"image", "x", "y"} <= set(rows[0]):
        raise BoxesError(f"{file.name} is no table of centres: it needs rows with the columns image, x and y")
    found: dict[str, list[TrueBox]] = defaultdict(list)

    def add(row: Mapping[str, str]) -> None:
        x, y = _number(row["x"]), _number(row["y"])
        if not row["image"] or x is None or y is None or not math.isfinite(x + y):
            raise _BadRecordError("it has no image, x and y; x and y are numbers of pixels")
        found[row["image"].replace("\\", "/")].append(TrueBox(RED_CELL, (x, y, 0, 0)))

    _, faults = _made(f"{file.name}, row", rows, add)
    return {path: tuple(centres) for path, centres in found.items()}, tuple(faults)


def read_text(file: Readable) -> str:
    """What a text file holds.

    Raises:
        BoxesError: it cannot be read, or is no text.
    """
    try:
        return decode_text(_read(file))
    except UnicodeDecodeError as error:
        raise BoxesError(f"{file.name} is not text in UTF-8; export the annotation again") from error


def _read(file: Readable) -> bytes:
    try:
        return file.read()
    except ImageError as error:
        raise BoxesError(f"{file.name}: {error}") from error


class _BadRecordError(ValueError):
    """One record cannot be read; the message says why."""


def _made(where: str, given: Iterable[Given], make: Callable[[Given], Made]) -> tuple[list[Made], list[Fault]]:
    """What each record makes, and those that make nothing, told by their number."""
    made, faults = [], []
    for number, record in enumerate(given, start=1):
        try:
            made.append(make(record))
        except ValidationError as error:
            faults.append(Fault(f"{where} {number}", first_fault(error)))
        except _BadRecordError as error:
            faults.append(Fault(f"{where} {number}", str(error)))
    return made, faults


def _found(where: str, given: Iterable[Given], make: Callable[[Given], TrueBox | None]) -> Found:
    made, faults = _made(where, given, make)
    return Found(_with_area([box for box in made if box is not None]), tuple(faults))


def _with_area(boxes: Sequence[TrueBox]) -> tuple[TrueBox, ...]:
    # A click in a labelling tool leaves a box without extent, which annotates nothing; the public BCCD holds one.
    return tuple(found for found in boxes if found.box[2] > 0 and found.box[3] > 0)


def _checked(box: Box) -> Box:
    if not all(map(math.isfinite, box)) or box[2] < 0 or box[3] < 0:
        raise _BadRecordError("it is no box: its end lies before its start; draw it again")
    return box


def _around(corners: Sequence[float]) -> Box:
    """The box around a polygon, given as x and y in turn."""
    if len(corners) < 6 or len(corners) % 2:
        raise _BadRecordError("it is no polygon: it has not three corners or more; draw it again")
    left, top = min(corners[::2]), min(corners[1::2])
    return _checked((left, top, max(corners[::2]) - left, max(corners[1::2]) - top))


def _voc_object(thing: Element) -> TrueBox:
    label = (thing.findtext("name") or "").strip()
    if not label:
        raise _BadRecordError("it has no <name>; name it in the labelling tool and export again")
    difficult = _number(thing.findtext("difficult")) == 1
    sides = [_number(thing.findtext(f"bndbox/{side}")) for side in ("xmin", "ymin", "xmax", "ymax")]
    if None not in sides:
        left, top, right, bottom = (float(side or 0) for side in sides)
        return TrueBox(label, _checked((left, top, right - left, bottom - top)), difficult)
    corners = [_number(corner.text) for corner in thing.iterfind("polygon//*") if corner.tag[:1] in {"x", "y"}]
    if not corners or None in corners:
        raise _BadRecordError(f"'{label}' has no box: a number is missing in its <bndbox>; draw it again")
    return TrueBox(label, _around([float(corner or 0) for corner in corners]), difficult)


def _number(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None


def _yolo_line(line: str, size: tuple[int, int], classes: Mapping[int, str]) -> TrueBox | None:
    if not line.strip():
        return None
    width, height = size
    try:
        first, *rest = line.split()
        number, shares = int(first), [float(share) for share in rest]
    except ValueError as error:
        raise _BadRecordError(f"it is not 'class x y width height': {line.strip()[:80]!r}") from error
    if not all(-_ROUNDING <= share <= 1 + _ROUNDING for share in shares):
        raise _BadRecordError("its numbers are not shares of the image from 0 to 1; export as YOLO again")
    shares = [min(max(share, 0), 1) for share in shares]
    if len(shares) == 4:
        x, y, w, h = shares
        left, top = x - w / 2, y - h / 2
    elif len(shares) > 4 and len(shares) % 2 == 0:
        left, top, w, h = _around(shares)
    else:
        raise _BadRecordError(f"it is neither 'class x y width height' nor a segment: {line.strip()[:80]!r}")
    return TrueBox(classes.get(number, first), (left * width, top * height, w * width, h * height))


class _CocoImage(BaseModel):
    id: int
    file_name: str


class _CocoCategory(BaseModel):
    id: int
    name: str


class _CocoAnnotation(BaseModel):
    image_id: int
    category_id: int
    iscrowd: bool = False
    bbox: list[float] | None = None
    segmentation: Any = None


class _Coco(BaseModel):
    images: list[Any]
    categories: list[Any]
    annotations: list[Any]


def _coco_box(annotation: _CocoAnnotation) -> Box:
    if annotation.bbox:
        if len(annotation.bbox) != 4:
            raise _BadRecordError(f"its bbox has {len(annotation.bbox)} numbers, not 4; draw it again")
        left, top, width, height = annotation.bbox
        return _checked((left, top, width, height))
    parts = annotation.segmentation
    if not isinstance(parts, list) or not parts:
        raise _BadRecordError("it has neither a box nor a segment; draw it again")
    try:
        # A cell that something lies across has several parts.
        return _around([float(number) for part in parts for number in part])
    except (TypeError, ValueError) as error:
        raise _BadRecordError("its segment is no list of corners; draw it again") from error
