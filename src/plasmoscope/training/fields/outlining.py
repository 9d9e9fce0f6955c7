"""Self-training: photographs with the outlines that the run's own network draws, checked where centres are known."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from plasmoscope.evaluation.boxes import read_centres
from plasmoscope.evaluation.judging import LABELLED_THROUGHOUT
from plasmoscope.imaging.reading import read_image
from plasmoscope.imaging.sources import ImageFile
from plasmoscope.progress import Track, untracked
from plasmoscope.segmentation.reader import FieldReader
from plasmoscope.segmentation.segment import FoundObject, segment_field
from plasmoscope.segmentation.vocabulary import Tissue
from plasmoscope.training.fields.labelled import FieldDataError, LabelledField
from plasmoscope.training.fields.scene import SceneObject
from plasmoscope.training.fields.sources import photographs

_CENTRES = "centres.csv"
# Diameter of a red cell in pixels at which photographs are kept: no scene shows larger ones sharply.
_KEPT_DIAMETER = 60.0
# Width of the doubtful rim around what is not known, in diameters of a red cell.
_RIM = 0.15
# Fewer cells in a field, or fewer of them at a labelled centre, and the reading as a whole is not to be trusted.
_FEWEST_CELLS = 8
_TRUSTED = 0.7
_KINDS = {"white_cell": Tissue.WHITE_CELL, "platelet": Tissue.PLATELET, "precipitate": Tissue.PRECIPITATE}

Point = tuple[float, float]


def outline_fields(
    folder: Path, how: str, aside: bool, reader: FieldReader, track: Track = untracked
) -> list[LabelledField]:
    """Outline the cells of a folder's photographs.

    Args:
        folder: holds ``images/`` and perhaps ``centres.csv`` with the columns image, x and y.
        how: the part kept aside is told; see ``labelled.is_aside``.
        aside: that part instead of the other.
        reader: the network as trained so far.
        track: shows progress.
    """
    files = photographs(folder, how, aside)
    centres = _read_centres(folder / _CENTRES)
    outlined = (_outline(file, centres.get(file.name, ()), reader) for file in files)
    return [field for field in track(outlined, len(files), f"Outlining {folder.name}") if field is not None]


def _read_centres(file: Path) -> dict[str, list[Point]]:
    if not file.exists():
        return {}
    centres, faults = read_centres(ImageFile(file))
    for fault in faults:
        raise FieldDataError(f"{fault.where}: {fault.reason}.")
    return {name: [cell.centre for cell in cells] for name, cells in centres.items()}


def _outline(file: Path, centres: Sequence[Point], reader: FieldReader) -> LabelledField | None:
    """One photograph with what is trusted; None where the reading as a whole is not."""
    image = read_image(file)
    found = segment_field(image, reader)
    reds = [thing for thing in found.objects if thing.kind == "red_cell"]
    if found.diameter is None or len(reds) < _FEWEST_CELLS:
        return None
    held = [_held(thing, centres) for thing in reds]
    labelled = sum(count > 0 for count in held)
    whole = sum(not thing.on_border for thing in reds)
    throughout = labelled >= LABELLED_THROUGHOUT * max(1, whole)
    if centres and sum(count == 1 for count in held) < _TRUSTED * len(centres):
        return None
    # Outside a field that is labelled throughout nothing says that an outline is wrong.
    trusted = [
        count == 1 or (count == 0 and (not throughout or thing.on_border))
        for thing, count in zip(reds, held, strict=True)
    ]
    missed = [point for point in centres if not any(_holds(thing, point) for thing in reds)]
    scale = min(1.0, _KEPT_DIAMETER / found.diameter)
    unknown = np.zeros(image.shape[:2], np.uint8)
    rim = max(1, round(_RIM * found.diameter))
    for thing, good in zip(reds, trusted, strict=True):
        if not good:
            cv2.fillPoly(unknown, [thing.outline], 1)
            cv2.polylines(unknown, [thing.outline], True, 1, rim)
    for point in missed:
        cv2.circle(unknown, (round(point[0]), round(point[1])), round(0.65 * found.diameter), 1, cv2.FILLED)
    objects = [
        SceneObject(Tissue.RED_CELL, _scaled(thing, scale), not thing.on_border)
        for thing, good in zip(reds, trusted, strict=True)
        if good
    ]
    others = [thing for thing in found.objects if thing.kind != "red_cell"]
    objects += [
        SceneObject(Tissue.WHITE_CELL, _scaled(thing, scale), not thing.on_border)
        for thing in others
        if thing.kind == "white_cell"
    ]
    small = [(_KINDS[thing.kind], _scaled(thing, scale)) for thing in others if thing.kind != "white_cell"]
    return LabelledField(
        file.name,
        _shrunk(image, scale),
        tuple(objects),
        tuple(small),
        found.diameter * scale,
        _shrunk(unknown, scale).astype(bool),
    )


def _held(thing: FoundObject, points: Iterable[Point]) -> int:
    return sum(_holds(thing, point) for point in points)


def _holds(thing: FoundObject, point: Point) -> bool:
    return cv2.pointPolygonTest(thing.outline.astype(np.float32), point, False) >= 0


def _scaled(thing: FoundObject, scale: float) -> NDArray[np.float32]:
    return ((thing.outline + 0.5) * scale - 0.5).astype(np.float32)


def _shrunk(plane: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    if scale == 1:
        return plane
    shape = (round(plane.shape[1] * scale), round(plane.shape[0] * scale))
    method = cv2.INTER_AREA if plane.ndim == 3 else cv2.INTER_NEAREST
    return np.asarray(cv2.resize(plane, shape, interpolation=method), np.uint8)
