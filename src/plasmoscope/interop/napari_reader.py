"""A slide's report as layers of napari: the photographs, the outlines of what was found on them, and a ring for each.

napari finds this by ``napari.yaml``. Of its packages only Dask is needed here, which every napari brings.
"""

import glob
import warnings
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from itertools import chain
from pathlib import Path, PurePath
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from plasmoscope.analysis.calls import drawn_as
from plasmoscope.analysis.results import Cell, Field, Slide
from plasmoscope.imaging.pages import pages_of
from plasmoscope.imaging.photograph import photograph_hashes, read_field
from plasmoscope.imaging.sources import ImageFile, Readable
from plasmoscope.reports.interchange import polygon
from plasmoscope.reports.slide_json import read_slide

Layer = tuple[Any, dict[str, Any], str]
"""Data, what to call ``add_...`` of napari's viewer with, and the kind of the layer."""

_SLIDE = "slide.json"
# Ring around an object's centre: of the cells' diameter; red cells stay in sight inside it.
_RING = 0.5
# Pixels, where a photograph has no red cells that tell a diameter.
_RING_ALONE = 40.0
_AXES = ("photograph", "y", "x")


def get_reader(path: str | Sequence[str]) -> Callable[[str | Sequence[str]], list[Layer]] | None:
    """What opens ``path``: a report's folder, or the ``slide.json`` in it. None where it is neither."""
    return read_report if isinstance(path, str) and _slide_file(path) else None


def read_report(path: str | Sequence[str]) -> list[Layer]:
    """A report's layers; in all, the first axis is the photograph's place on the slide, from 0.

    - ``photographs``: those that lie beside the report, in the folder around it or one folder further, told by name and
      content; read as they are looked at. Smaller ones are filled up with black.
    - ``outlines``: labels, one for each object of the slide.
    - ``calls``: a ring around each object's centre, in the colour of its call.

    Outlines and rings have the photograph's name and the object's number, call and probabilities as features.

    Raises:
        SlideFileError: the file holds no slide.

    Warns:
        UserWarning: photographs are missing.
    """
    file = _slide_file(path if isinstance(path, str) else path[0])
    if file is None:
        return []
    slide = read_slide(file)
    fields = [field for field in slide.fields if field.error is None and field.width]
    objects = [cell for field in fields for cell in field.cells]
    if not fields:
        return []
    features = _features(fields, objects)
    of_labels = {name: [_NOT_KNOWN[name], *values] for name, values in features.items()}
    colours = {None: (0, 0, 0, 0)} | {number: _colour(cell) for number, cell in enumerate(objects, start=1)}
    about = {"axis_labels": _AXES, "metadata": {"slide": slide.slide, "research_use": slide.research_use}}
    outlines = about | {"name": "outlines", "features": of_labels, "colormap": colours}
    calls = about | {"name": "calls", "features": features} | _rings(fields, objects)
    return [
        *_photographs(file.parent, slide, fields, about),
        (_outlines(fields), outlines, "labels"),
        (_centres(fields), calls, "points"),
    ]


# Of the label 0, which is no object.
_NOT_KNOWN: dict[str, Any] = {
    "photograph": "",
    "number": 0,
    "call": "",
    "p_infected": float("nan"),
    "p_not_a_cell": float("nan"),
    "counted": False,
}


def _slide_file(path: str) -> Path | None:
    file = Path(path)
    file = file / _SLIDE if file.is_dir() else file
    return file if file.name == _SLIDE and file.is_file() else None


def _features(fields: Sequence[Field], objects: Sequence[Cell]) -> dict[str, list[Any]]:
    """A column for each name in ``_NOT_KNOWN``."""
    unknown = float("nan")
    infected = [cell.parasitized_probability for cell in objects]
    third = [cell.not_a_cell_probability for cell in objects]
    return {
        "photograph": [field.name for field in fields for _ in field.cells],
        "number": [cell.number for cell in objects],
        "call": [drawn_as(cell).name for cell in objects],
        "p_infected": [unknown if value is None else value for value in infected],
        "p_not_a_cell": [unknown if value is None else value for value in third],
        "counted": [field.accepted and cell.counted for field in fields for cell in field.cells],
    }


def _colour(cell: Cell) -> tuple[float, ...]:
    return (*(channel / 255 for channel in drawn_as(cell).colour), 1.0)


def _centres(fields: Sequence[Field]) -> NDArray[np.float64]:
    """Shape (objects, 3): photograph, y and x."""
    places = [(place, *cell.centre[::-1]) for place, field in enumerate(fields) for cell in field.cells]
    return np.array(places, np.float64).reshape(-1, len(_AXES))


def _rings(fields: Sequence[Field], objects: Sequence[Cell]) -> dict[str, Any]:
    sizes = [
        (_RING * field.cell_diameter if field.cell_diameter else _RING_ALONE) for field in fields for _ in field.cells
    ]
    return {
        "size": np.array(sizes),
        "face_color": "transparent",
        "border_color": np.array([_colour(cell) for cell in objects]).reshape(-1, 4),
    }


def _outlines(fields: Sequence[Field]) -> Any:
    """Shape (photographs, height, width): at each pixel the number of the object there among all, 0 for none."""
    first = 1
    drawn = []
    for field in fields:
        drawn.append((field, first))
        first += len(field.cells)

    def draw(one: tuple[Field, int], labels: NDArray[Any]) -> None:
        field, number = one
        for label, cell in enumerate(field.cells, start=number):
            cv2.fillPoly(labels, [np.array(polygon(cell), np.int32)], label)

    return _lazy_stack(drawn, draw, _largest(fields), np.int32)


def _photographs(folder: Path, slide: Slide, fields: Sequence[Field], about: dict[str, Any]) -> Iterator[Layer]:
    found = [_photograph(folder, field) for field in fields]
    missing = [field.name for field, source in zip(fields, found, strict=True) if source is None]
    if missing:
        warnings.warn(
            f"{len(missing)} of the {len(fields)} photographs of slide {slide.slide} are not beside its report "
            f"({missing[0]}). Put them into the folder around {folder} to see them.",
            stacklevel=3,
        )
    if len(missing) == len(fields):
        return

    def read(source: Readable | None, pixels: NDArray[Any]) -> None:
        if source is not None:
            photograph = read_field(source)
            pixels[: photograph.shape[0], : photograph.shape[1]] = photograph

    stack = _lazy_stack(found, read, (*_largest(fields), 3), np.uint8)
    yield stack, about | {"name": "photographs", "rgb": True}, "image"


def _photograph(folder: Path, field: Field) -> Readable | None:
    """The photograph of a field, as it was analysed; None where it is not there."""
    name = PurePath(field.name.replace("\\", "/")).name
    file = glob.escape(name.partition(" page ")[0])
    around = folder.absolute().parent
    for path in sorted(chain(around.glob(file), around.glob(f"*/{file}"))):
        for source in pages_of(ImageFile(path)):
            if PurePath(source.name).name == name and field.sha256 in photograph_hashes([source]):
                return source
    return None


def _largest(fields: Sequence[Field]) -> tuple[int, int]:
    """Height and width that hold all photographs."""
    return max(field.height for field in fields), max(field.width for field in fields)


def _lazy_stack(
    items: Sequence[Any], fill: Callable[[Any, NDArray[Any]], None], shape: tuple[int, ...], kind: type[np.generic]
) -> Any:
    """An array of Dask, shape (items, *shape), each part of which is filled as it is looked at."""
    # Dask has types for a part of itself only.
    dask, arrays = import_module("dask"), import_module("dask.array")

    def filled(item: Any) -> NDArray[Any]:
        part = np.zeros(shape, kind)
        fill(item, part)
        return part

    return arrays.stack([arrays.from_delayed(dask.delayed(filled)(item), shape, kind) for item in items])
