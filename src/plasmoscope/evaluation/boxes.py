"""Annotated boxes from the formats that labelling tools write: Pascal VOC, YOLO and COCO."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring
from pydantic import BaseModel, ValidationError

from plasmoscope.errors import PlasmoscopeError
from plasmoscope.imaging.reading import ImageError, read_file, read_image

Box = tuple[float, float, float, float]

CLASS_NAMES_FILE = "classes.txt"  # written by labelling tools beside YOLO files


class BoxesError(PlasmoscopeError):
    """Annotations cannot be read, or do not belong to the images."""


class TrueBox(NamedTuple):
    """One annotated object."""

    label: str
    box: Box
    """Left, top, width and height in pixels; only boxes that have an area are read."""


def read_voc(file: Path) -> tuple[TrueBox, ...]:
    """Read a Pascal VOC annotation of one image (XML with ``object``, ``name`` and ``bndbox``).

    Raises:
        BoxesError: not such a file; the message says what is wrong with it.
    """
    try:
        root = fromstring(_read(file), forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise BoxesError(f"{file} is not XML that can be read ({error}). Export the annotation again.") from error
    if root.tag != "annotation":
        raise BoxesError(f"{file} is not a Pascal VOC annotation: it begins with <{root.tag}>, not <annotation>.")
    found = []
    for number, thing in enumerate(root.iter("object"), start=1):
        where = f"{file}, object {number}"
        label = (thing.findtext("name") or "").strip()
        if not label:
            raise BoxesError(f"{where} has no <name>. Name it in the labelling tool and export again.")
        left, top, right, bottom = (_voc_number(thing, side, where) for side in ("xmin", "ymin", "xmax", "ymax"))
        found.append(_checked(label, (left, top, right - left, bottom - top), where))
    return _with_area(found)


def read_yolo(file: Path, size: tuple[int, int], classes: Mapping[int, str] | None = None) -> tuple[TrueBox, ...]:
    """Read a YOLO annotation of one image: lines of class, centre x, centre y, width, height, as shares of the image.

    Args:
        file: the .txt file; an empty one means that nothing is there.
        size: width and height of the image in pixels.
        classes: names of the class numbers; a class without one is called by its number.

    Raises:
        BoxesError: not such a file; the message names the line.
    """
    width, height = size
    found = []
    for number, line in enumerate(_read_text(file).splitlines(), start=1):
        if not line.strip():
            continue
        where = f"{file}, line {number}"
        try:
            class_number, *shares = line.split()
            label = (classes or {}).get(int(class_number), class_number)
            x, y, w, h = (float(share) for share in shares)
        except ValueError as error:
            raise BoxesError(f"{where} is not 'class x y width height': {line.strip()[:80]!r}.") from error
        if not all(0 <= share <= 1 for share in (x, y, w, h)):
            raise BoxesError(f"{where} has numbers that are not shares of the image from 0 to 1. Export as YOLO again.")
        found.append(TrueBox(label, ((x - w / 2) * width, (y - h / 2) * height, w * width, h * height)))
    return _with_area(found)


def read_coco(file: Path) -> dict[str, tuple[TrueBox, ...]]:
    """Read a COCO annotation of many images; by the images' file names, without folders.

    Raises:
        BoxesError: not such a file, or one that contradicts itself.
    """
    try:
        content = _Coco.model_validate_json(_read(file))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise BoxesError(f"{file} is not a COCO annotation: {where}: {first['msg']}. Export it again.") from error
    names = {image.id: PurePosixPath(image.file_name.replace("\\", "/")).name for image in content.images}
    if len(set(names.values())) < len(content.images):
        raise BoxesError(f"{file} lists two images of one name or number; file names must tell images apart.")
    labels = {category.id: category.name for category in content.categories}
    found: dict[str, list[TrueBox]] = {name: [] for name in names.values()}
    for number, annotation in enumerate(content.annotations, start=1):
        where = f"{file}, annotation {number}"
        if annotation.image_id not in names or annotation.category_id not in labels:
            raise BoxesError(f"{where} belongs to an image or a category that the file does not list. Export it again.")
        box = _checked(labels[annotation.category_id], annotation.bbox, where)
        found[names[annotation.image_id]].append(box)
    return {name: _with_area(boxes) for name, boxes in found.items()}


def read_boxes(
    images: Sequence[Path], truth: Path, classes: Mapping[int, str] | None = None
) -> dict[Path, tuple[TrueBox, ...]]:
    """Find and read the annotations of images.

    Args:
        images: image files.
        truth: a COCO file (.json); a folder with a VOC (.xml) or YOLO (.txt) file for each image, of the image's name
            but for the suffix; or one such file for one image.
        classes: names of YOLO's class numbers; by default those in the folder's ``classes.txt``, if there is one.

    Returns:
        Boxes by image, in the order of ``images``; an image without an annotation file is left out.

    Raises:
        BoxesError: nothing fits the images, or a file cannot be read.
    """
    if not truth.exists():
        raise BoxesError(f"There is no file or folder '{truth}'. Check the path.")
    if truth.suffix.lower() == ".json" and truth.is_file():
        listed = read_coco(truth)
        found = {image: listed[image.name] for image in images if image.name in listed}
    elif truth.is_file():
        found = {image: _read_one(truth, image, classes) for image in images if image.stem == truth.stem}
    else:
        found = {}
        for image in images:
            files = [file for suffix in (".xml", ".txt") if (file := truth / f"{image.stem}{suffix}").is_file()]
            if len(files) > 1:
                raise BoxesError(f"{files[0]} and {files[1]} both annotate {image.name}. Remove one of them.")
            if files:
                found[image] = _read_one(files[0], image, classes)
    if not found:
        raise BoxesError(
            f"{truth} annotates none of the {len(images)} images. Annotations are .xml or .txt files of the images' "
            "names, or a COCO .json file that lists the images."
        )
    return found


def _read_one(file: Path, image: Path, classes: Mapping[int, str] | None) -> tuple[TrueBox, ...]:
    readers: dict[str, Callable[[], tuple[TrueBox, ...]]] = {
        ".xml": lambda: read_voc(file),
        ".txt": lambda: read_yolo(file, _size(image), _class_names(file.parent) if classes is None else classes),
    }
    if file.suffix.lower() not in readers:
        raise BoxesError(f"{file} is of an unknown format; give .xml (VOC), .txt (YOLO) or .json (COCO).")
    return readers[file.suffix.lower()]()


def _size(image: Path) -> tuple[int, int]:
    # Decoded, since a picture may be stored lying on its side.
    try:
        height, width = read_image(image).shape[:2]
    except ImageError as error:
        raise BoxesError(f"{image}, whose annotation gives shares of its size, cannot be read: {error}.") from error
    return width, height


def _class_names(folder: Path) -> dict[int, str]:
    file = folder / CLASS_NAMES_FILE
    return dict(enumerate(_read_text(file).split("\n"))) if file.is_file() else {}


class _CocoImage(BaseModel):
    id: int
    file_name: str


class _CocoCategory(BaseModel):
    id: int
    name: str


class _CocoAnnotation(BaseModel):
    image_id: int
    category_id: int
    bbox: Box


class _Coco(BaseModel):
    images: list[_CocoImage]
    categories: list[_CocoCategory]
    annotations: list[_CocoAnnotation]


def _voc_number(thing: Element, side: str, where: str) -> float:
    text = thing.findtext(f"bndbox/{side}")
    try:
        return float(text or "")
    except ValueError as error:
        raise BoxesError(f"{where} has no number as <{side}> in its <bndbox>. Draw the box again.") from error


def _checked(label: str, box: Box, where: str) -> TrueBox:
    if not all(map(math.isfinite, box)) or box[2] < 0 or box[3] < 0:
        raise BoxesError(f"{where} ('{label}') is no box: its end lies before its start. Draw it again.")
    return TrueBox(label, box)


def _with_area(boxes: Sequence[TrueBox]) -> tuple[TrueBox, ...]:
    # A click in a labelling tool leaves a box without extent, which annotates nothing; the public BCCD holds one.
    return tuple(found for found in boxes if found.box[2] > 0 and found.box[3] > 0)


def _read(file: Path) -> bytes:
    try:
        return read_file(file)
    except ImageError as error:
        raise BoxesError(f"{file}: {error}.") from error


def _read_text(file: Path) -> str:
    try:
        return _read(file).decode("utf-8-sig").replace("\r\n", "\n").rstrip()
    except UnicodeDecodeError as error:
        raise BoxesError(f"{file} is not text in UTF-8. Export the annotation again.") from error
