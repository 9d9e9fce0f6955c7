"""A slide's objects for other programs: COCO for machine learning, GeoJSON for QuPath, ROIs for ImageJ and Fiji."""

import io
import json
import zipfile
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import numpy as np

from plasmoscope.analysis.results import Cell, Field, Slide
from plasmoscope.reports.looks import CALLS, call_of, look_of, title_of

_CATEGORIES = {
    look: {"id": number, "name": name, "supercategory": kind}
    for number, (look, name, kind) in enumerate(
        zip(
            CALLS,
            ("parasitized_red_cell", "uninfected_red_cell", "red_cell", "white_cell", "platelet", "precipitate"),
            ("red_cell", "red_cell", "red_cell", "white_cell", "platelet", "precipitate"),
            strict=True,
        ),
        start=1,
    )
}


def coco_json(slide: Slide) -> str:
    """All readable fields in COCO's form for detection; ``file_name`` is the photograph's own name."""
    readable = [field for field in slide.fields if field.error is None]
    images = [
        {"id": number, "file_name": field.name, "width": field.width, "height": field.height}
        for number, field in enumerate(readable, start=1)
    ]
    placed = [(number, cell) for number, field in enumerate(readable, start=1) for cell in field.cells]
    annotations = [_coco_annotation(id_, image, cell) for id_, (image, cell) in enumerate(placed, start=1)]
    return _dump(
        {
            "info": {"description": slide.slide, "date_created": slide.created, "version": slide.plasmoscope},
            "images": images,
            "annotations": annotations,
            "categories": list(_CATEGORIES.values()),
        }
    )


def geojson(field: Field) -> str:
    """The field's objects as a FeatureCollection; drop the file on the photograph in QuPath. Units are pixels."""
    return _dump({"type": "FeatureCollection", "features": [_feature(field, cell) for cell in field.cells]})


def imagej_rois(field: Field) -> bytes:
    """The field's outlines as a zip for ImageJ's ROI manager, each in the colour of its call."""
    from roifile import ImagejRoi

    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for cell in field.cells:
            roi = ImagejRoi.frompoints(np.array(_polygon(cell), np.int32), name=title_of(cell))
            roi.stroke_color = bytes((255, *look_of(cell).colour))
            roi.stroke_width = 2
            # An entry without the clock's time: the same field gives the same bytes.
            archive.writestr(zipfile.ZipInfo(f"{title_of(cell)}.roi"), roi.tobytes())
    return stream.getvalue()


def _coco_annotation(id_: int, image: int, cell: Cell) -> dict[str, Any]:
    annotation: dict[str, Any] = {
        "id": id_,
        "image_id": image,
        "category_id": _CATEGORIES[call_of(cell)]["id"],
        "segmentation": [[coordinate for point in _polygon(cell) for coordinate in point]],
        "bbox": list(cell.box),
        "area": cell.area,
        "iscrowd": 0,
        "attributes": {"number": cell.number, "on_border": cell.on_border},
    }
    if cell.parasitized_probability is not None:
        annotation["score"] = cell.parasitized_probability
    return annotation


def _feature(field: Field, cell: Cell) -> dict[str, Any]:
    # A class of their own for cells cut by the border, so that counting a class in QuPath gives the report's count.
    look = look_of(cell)
    measurements: dict[str, float] = {"Area px^2": cell.area, "Number": cell.number, "On border": int(cell.on_border)}
    if cell.parasitized_probability is not None:
        measurements["P(parasitized)"] = cell.parasitized_probability
    outline = _polygon(cell)
    return {
        "type": "Feature",
        "id": str(uuid5(NAMESPACE_OID, f"{field.sha256} {field.name} {cell.number}")),
        "geometry": {"type": "Polygon", "coordinates": [[*outline, outline[0]]]},
        "properties": {
            "objectType": "annotation",
            "name": title_of(cell),
            "classification": {"name": look.name, "color": list(look.colour)},
            "measurements": measurements,
        },
    }


def _polygon(cell: Cell) -> list[tuple[int, int]]:
    """The outline, open; the box stands in for an outline too small to enclose anything."""
    outline = list(cell.outline)
    if len(outline) > 1 and outline[0] == outline[-1]:
        outline.pop()
    if len(set(outline)) >= 3:
        return outline
    left, top, width, height = cell.box
    return [(left, top), (left + width, top), (left + width, top + height), (left, top + height)]


def _dump(content: dict[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n"
