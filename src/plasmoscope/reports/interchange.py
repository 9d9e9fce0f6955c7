"""A slide's objects for other programs: COCO for machine learning, GeoJSON for QuPath, ROIs for ImageJ and Fiji.

QuPath, ImageJ and Fiji show a file's pixels as they are stored, whatever EXIF says of its orientation, so their files
have the coordinates of the stored pixels. COCO's are of the upright picture, as in all other files here: OpenCV and
Detectron2 turn pictures upright, while with Pillow alone a program has to do so itself.
"""

import io
import json
import zipfile
from dataclasses import replace
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import numpy as np

from plasmoscope.analysis.calls import CATEGORIES, NOT_CALLED, call_of, drawn_as, title_of
from plasmoscope.analysis.results import ByPeople, Cell, Field, Outline, Slide
from plasmoscope.imaging.samples import as_stored
from plasmoscope.reports.wording import reasons_in_english

_UPRIGHT = "of the upright photograph (EXIF orientation applied), from the upper left"
_NOT_COUNTED = "photograph not counted"


def coco_json(slide: Slide) -> str:
    """All readable fields in COCO's form for detection; ``file_name`` is the photograph's own name.

    What is not counted, a cell that the border cuts, what the model cannot tell, and everything on a photograph that
    was refused, is to be passed over in training and evaluation: it has ``iscrowd``, which every reader heeds, and
    ``ignore``, and no class of parasitized or uninfected cells for a reader that heeds neither.
    """
    readable = list(enumerate((field for field in slide.fields if field.error is None), start=1))
    placed = [(number, field, cell) for number, field in readable for cell in field.cells]
    images = [_coco_image(number, field) for number, field in readable]
    annotations = [_coco_annotation(id_, *place) for id_, place in enumerate(placed, start=1)]
    return _dump(
        {
            "info": {
                "description": slide.slide,
                "date_created": slide.created,
                "version": slide.plasmoscope,
                "pixels": _UPRIGHT,
                "iscrowd": "1: not counted; pass over it in training and evaluation",
            },
            "images": images,
            "annotations": annotations,
            "categories": [
                {"id": number, "name": call.category, "supercategory": call.supercategory}
                for call, number in CATEGORIES.items()
            ],
        }
    )


def geojson(field: Field) -> str:
    """The field's objects as a FeatureCollection; drop the file on the photograph in QuPath. Units are pixels."""
    features = [_feature(field, cell) for cell in field.cells]
    return _dump({"type": "FeatureCollection", "pixels": _which_pixels(field), "features": features})


def imagej_rois(field: Field) -> bytes:
    """The field's outlines as a zip for ImageJ's ROI manager, each in the colour of its call.

    Each tells among its properties which pixels its coordinates are of.
    """
    from roifile import ImagejRoi

    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for cell in field.cells:
            title = title_of(cell) if field.accepted else f"{title_of(cell)} ({_NOT_COUNTED})"
            roi = ImagejRoi.frompoints(np.array(polygon(_stored(cell, field)), np.int32), name=title)
            said = {"pixels": _which_pixels(field)} | _by_people(cell)
            # A line each: no name may begin another.
            roi.props = "".join(f"{name}: {' '.join(value.split())}\n" for name, value in said.items())
            roi.stroke_color = bytes((255, *drawn_as(cell).colour))
            roi.stroke_width = 2
            # An entry without the clock's time: the same field gives the same bytes.
            archive.writestr(zipfile.ZipInfo(f"{title}.roi"), roi.tobytes())
    return stream.getvalue()


def _coco_image(number: int, field: Field) -> dict[str, Any]:
    image: dict[str, Any] = {"id": number, "file_name": field.name, "width": field.width, "height": field.height}
    if field.orientation is not None:
        image["exif_orientation"] = field.orientation
    return image | {"counted": field.accepted, "reason": reasons_in_english(field)}


def _coco_annotation(id_: int, image: int, field: Field, cell: Cell) -> dict[str, Any]:
    left_out = not field.accepted or cell.kind == "not_a_cell" or (cell.kind == "red_cell" and cell.on_border)
    call = NOT_CALLED if left_out and cell.kind == "red_cell" else call_of(cell)
    attributes: dict[str, Any] = {
        "number": cell.number,
        "on_border": cell.on_border,
        "counted": not left_out and cell.counted,
    }
    annotation: dict[str, Any] = {
        "id": id_,
        "image_id": image,
        "category_id": CATEGORIES[call],
        "segmentation": [[coordinate for point in polygon(cell) for coordinate in point]],
        "bbox": list(cell.box),
        "area": cell.area,
        "iscrowd": int(left_out),
        "ignore": int(left_out),
        "attributes": attributes,
    }
    if cell.parasitized_probability is not None:
        (attributes if left_out else annotation)["score"] = cell.parasitized_probability
    if cell.not_a_cell_probability is not None:
        attributes["not_a_cell_score"] = cell.not_a_cell_probability
    return annotation | {"attributes": attributes | _by_people(cell)}


def _feature(field: Field, cell: Cell) -> dict[str, Any]:
    # Classes of their own for cells cut by the border and for photographs that are not counted, so that counting a
    # class in QuPath gives the report's count.
    call = drawn_as(cell)
    name = call.name if field.accepted else f"{_NOT_COUNTED}: {call.name}"
    measurements: dict[str, float] = {"Area px^2": cell.area, "Number": cell.number, "On border": int(cell.on_border)}
    if cell.parasitized_probability is not None:
        measurements["P(parasitized)"] = cell.parasitized_probability
    if cell.not_a_cell_probability is not None:
        measurements["P(not a cell)"] = cell.not_a_cell_probability
    outline = polygon(_stored(cell, field))
    return {
        "type": "Feature",
        "id": str(uuid5(NAMESPACE_OID, f"{field.sha256} {field.name} {cell.number}")),
        "geometry": {"type": "Polygon", "coordinates": [[*outline, outline[0]]]},
        "properties": {
            "objectType": "annotation",
            "name": title_of(cell),
            "classification": {"name": name, "color": list(call.colour)},
            "measurements": measurements,
            **({"metadata": by_people} if (by_people := _by_people(cell)) else {}),
        },
    }


def _by_people(cell: Cell) -> dict[str, str]:
    """What people did with it, as far as they did; empty for most cells."""
    by = cell.by_people or ByPeople()
    looked_at = by.looked_at.isoformat(timespec="seconds") if by.looked_at else None
    said = {"called_by": by.called_by, "looked_at_by": by.looked_at_by, "looked_at": looked_at}
    said |= {"outlined_by": by.outlined_by, "stage": by.stage, "species": by.species}
    return {name: value for name, value in said.items() if value is not None}


def _which_pixels(field: Field) -> str:
    if field.orientation is None:
        return _UPRIGHT
    return f"as the file stores them (EXIF orientation {field.orientation}, not applied), from the upper left"


def _stored(cell: Cell, field: Field) -> Cell:
    """The cell where it lies among the pixels as they are stored; as it is where that is not known."""
    orientation = field.orientation or 1
    if orientation == 1:
        return cell

    def turn(x: int, y: int) -> tuple[int, int]:
        return as_stored(x, y, field.width, field.height, orientation)

    left, top, width, height = cell.box
    (x, y), (other_x, other_y) = turn(left, top), turn(left + width - 1, top + height - 1)
    box = (min(x, other_x), min(y, other_y), abs(x - other_x) + 1, abs(y - other_y) + 1)
    return replace(cell, outline=Outline(turn(*corner) for corner in cell.outline), box=box)


def polygon(cell: Cell) -> list[tuple[int, int]]:
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
