"""Which annotation belongs to which image, whatever folders and names labelling tools give the two."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Generic, NamedTuple, TypeVar

from plasmoscope.evaluation.boxes import (
    BoxesError,
    Fault,
    Found,
    TrueBox,
    read_centres,
    read_coco,
    read_text,
    read_voc,
    read_yolo,
)
from plasmoscope.imaging.pages import Page
from plasmoscope.imaging.reading import ImageError, read_image
from plasmoscope.imaging.sources import ImageFile, Readable, find_images

CLASS_NAMES_FILE = "classes.txt"  # written by labelling tools beside YOLO files
_SUFFIXES = {".xml", ".txt"}
# Files that annotate many images.
_OF_ALL = {".json": read_coco, ".csv": read_centres}
# Label Studio puts this before the name of every file that is uploaded to it.
_UPLOADED = re.compile(r"[0-9a-f]{8}-(?=.)")

Content = TypeVar("Content")


@dataclass(frozen=True)
class Annotations:
    """The annotations of many images."""

    boxes: Mapping[str, tuple[TrueBox, ...]]
    """By the image's name, in the order of the images; one without an annotation that can be read is left out."""
    faults: tuple[Fault, ...]
    """Records that could not be read, and images whose annotation could not."""
    unused: tuple[str, ...]
    """Annotations that belong to none of the images."""


def read_annotations(
    images: Mapping[str, Readable], truth: Path, classes: Mapping[int, str] | None = None
) -> Annotations:
    """Find and read the annotations of images.

    Args:
        images: by what they are to be called.
        truth: a COCO file (.json); a table of centres (.csv); a folder with a VOC (.xml) or YOLO (.txt) file for each
            image, of the image's name but for the suffix, with or without what Label Studio puts before it; or one
            such file for one image. A page is annotated under its whole name: ``stack.tif page 2.txt`` or
            ``stack page 2.txt``.
        classes: names of YOLO's class numbers; by default those in ``classes.txt`` beside the files or above them.

    Raises:
        BoxesError: nothing can be read that belongs to the images.
    """
    if not truth.exists():
        raise BoxesError(f"There is no file or folder '{truth}'. Check the path.")
    reads_all = _OF_ALL.get(truth.suffix.lower()) if truth.is_file() else None
    annotations = _from_one(images, *reads_all(ImageFile(truth))) if reads_all else _from_files(images, truth, classes)
    if not annotations.boxes:
        first = f" First of what could not be read: {': '.join(annotations.faults[0])}." if annotations.faults else ""
        raise BoxesError(
            f"{truth} annotates none of the {len(images)} images. Annotations are .xml or .txt files of the images' "
            f"names, or a COCO .json file or a .csv table of centres that lists the images.{first}"
        )
    return annotations


def _from_one(
    images: Mapping[str, Readable], listed: Mapping[str, tuple[TrueBox, ...]], faults: Sequence[Fault]
) -> Annotations:
    index = _Index((path, PurePath(path).name, boxes) for path, boxes in listed.items())
    chosen, more = index.choose({name: (image, [PurePath(image.name).name]) for name, image in images.items()})
    return Annotations(
        {name: entry.content for name, entry in chosen.items()}, (*faults, *more), index.unused(chosen.values())
    )


def _from_files(images: Mapping[str, Readable], truth: Path, classes: Mapping[int, str] | None) -> Annotations:
    found = find_images([truth])
    above = truth.parent / CLASS_NAMES_FILE
    files = [file for file in found if PurePath(file.name).suffix.lower() in _SUFFIXES and not _names_classes(file)]
    if truth.is_file() and not files:
        raise BoxesError(
            f"{truth} is of an unknown format; give .xml (VOC), .txt (YOLO), .json (COCO) or .csv (centres)."
        )
    named = {} if classes is not None else _class_names([*found, *([ImageFile(above)] if above.is_file() else [])])
    index = _Index((file.name, PurePath(file.name).stem, file) for file in files)
    chosen, faults = index.choose({name: (image, _stems(image)) for name, image in images.items()})
    boxes: dict[str, tuple[TrueBox, ...]] = {}
    for name, entry in chosen.items():
        numbers = classes if classes is not None else _nearest(named, PurePath(entry.path))
        try:
            boxes[name], bad = _read_one(entry.content, images[name], numbers)
            faults += bad
        except BoxesError as error:
            faults.append(Fault(name, str(error)))
    return Annotations(boxes, tuple(faults), index.unused(chosen.values()))


class _Entry(NamedTuple, Generic[Content]):
    """An annotation that may belong to an image."""

    path: str
    content: Content


class _Index(Generic[Content]):
    """Annotations by the name of the image that each is of."""

    def __init__(self, annotations: Iterable[tuple[str, str, Content]]) -> None:
        """Take path, name of the image, and content of each."""
        self._entries: list[_Entry[Content]] = []
        self._by_name: dict[str, list[_Entry[Content]]] = defaultdict(list)
        self._by_uploaded_name: dict[str, list[_Entry[Content]]] = defaultdict(list)
        for path, name, content in annotations:
            entry = _Entry(path, content)
            self._entries.append(entry)
            self._by_name[name].append(entry)
            if plain := _UPLOADED.match(name):
                self._by_uploaded_name[name[plain.end() :]].append(entry)

    def choose(
        self, images: Mapping[str, tuple[Readable, Sequence[str]]]
    ) -> tuple[dict[str, _Entry[Content]], list[Fault]]:
        """The annotation of each image, given with the names that it may be annotated under.

        Where it cannot be told which annotation is an image's, or which image an annotation's, it is none's.
        """
        chosen: dict[str, _Entry[Content]] = {}
        faults: list[Fault] = []
        for name, (image, stems) in images.items():
            fitting = self._fitting(stems, PurePath(image.name).parent.name)
            if len(fitting) > 1:
                reason = f"{fitting[0].path} and {fitting[1].path} both annotate it; remove one of them"
                faults.append(Fault(name, reason))
            elif fitting:
                chosen[name] = fitting[0]
        claims = Counter(entry.path for entry in chosen.values())
        for name, entry in list(chosen.items()):
            if claims[entry.path] > 1:
                faults.append(Fault(name, f"{entry.path} may be of another image too; give each image its own name"))
                del chosen[name]
        return chosen, faults

    def unused(self, chosen: Iterable[_Entry[Content]]) -> tuple[str, ...]:
        """Paths of the annotations that were not chosen."""
        used = {entry.path for entry in chosen}
        return tuple(entry.path for entry in self._entries if entry.path not in used)

    def _fitting(self, names: Sequence[str], folder: str) -> list[_Entry[Content]]:
        found = next((self._by_name[name] for name in names if name in self._by_name), [])
        if not found:
            uploaded = [_as_uploaded(name) for name in names]
            found = next((self._by_uploaded_name[name] for name in uploaded if name in self._by_uploaded_name), [])
        # Of train/a.txt and test/a.txt, the one that is called like the image's folder.
        beside = [entry for entry in found if PurePath(entry.path).parent.name == folder]
        return beside if len(found) > 1 and beside else found


def _as_uploaded(name: str) -> str:
    """A file's name as Label Studio keeps it: blanks become underscores, and most signs vanish."""
    return re.sub(r"[^-\w.]", "", name.strip().replace(" ", "_"))


def _stems(image: Readable) -> list[str]:
    path = PurePath(image.name)
    if isinstance(image, Page):
        return [path.name, f"{PurePath(image.source.name).stem} page {image.number}"]
    return [path.stem]


def _read_one(file: Readable, image: Readable, classes: Mapping[int, str]) -> Found:
    if PurePath(file.name).suffix.lower() == ".xml":
        return read_voc(file)
    try:
        # Decoded, since a picture may be stored lying on its side.
        height, width = read_image(image.read()).shape[:2]
    except ImageError as error:
        raise BoxesError(str(error)) from error
    return read_yolo(file, (width, height), classes)


def _names_classes(file: Readable) -> bool:
    return PurePath(file.name).name == CLASS_NAMES_FILE


def _class_names(files: Iterable[Readable]) -> dict[PurePath, dict[int, str]]:
    """Names of class numbers, by the folder in which they are said to hold."""
    return {
        PurePath(file.name).parent: dict(enumerate(line.strip() for line in read_text(file).rstrip().splitlines()))
        for file in files
        if _names_classes(file)
    }


def _nearest(named: Mapping[PurePath, dict[int, str]], file: PurePath) -> dict[int, str]:
    return next((named[folder] for folder in file.parents if folder in named), {})
