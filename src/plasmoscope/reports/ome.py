"""A field as OME-TIFF (OME-XML 2016-06): the upright photograph with the outlines of its objects as ROIs and as labels.

Bio-Formats, and with it Fiji and QuPath, OMERO and napari open it; the outlines are where the pixels are, since both
are in one file.
"""

import io
from collections.abc import Sequence
from xml.etree import ElementTree as ET

import cv2
import numpy as np
from numpy.typing import NDArray

from plasmoscope.analysis.calls import drawn_as, title_of
from plasmoscope.analysis.results import Cell, Field
from plasmoscope.messages import RESEARCH_USE
from plasmoscope.reports.interchange import polygon
from plasmoscope.reports.pictures import Picture
from plasmoscope.reports.plain_text import plain_text

_NAMESPACE = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
_LOCATION = "{http://www.w3.org/2001/XMLSchema-instance}schemaLocation"


def ome_tiff(image: Picture, field: Field) -> bytes:
    """The file, compressed without loss.

    Its first image is the photograph, with a region for each object, named by number, call and probability. Its second
    holds at each pixel the number of the object there, 0 for none.

    Args:
        image: RGB, shape (field.height, field.width, 3).
    """
    from tifffile import TiffWriter

    labels = _labels(field)
    stream = io.BytesIO()
    with TiffWriter(stream) as tiff:
        # The description holds all; tifffile's own would know nothing of regions.
        tiff.write(
            image,
            photometric="rgb",
            compression="zlib",
            predictor=True,
            description=_ome_xml(field, labels),
            metadata=None,
        )
        tiff.write(labels, photometric="minisblack", compression="zlib", metadata=None)
    return stream.getvalue()


def _labels(field: Field) -> NDArray[np.uint16 | np.uint32]:
    labels = np.zeros((field.height, field.width), np.int32)
    for cell in field.cells:
        cv2.fillPoly(labels, [np.array(cell.outline, np.int32)], cell.number)
    return labels.astype(np.uint16 if labels.max() < 2**16 else np.uint32)


def _ome_xml(field: Field, labels: NDArray[np.uint16 | np.uint32]) -> bytes:
    # Attributes without a namespace, as the schema has them.
    root = ET.Element("OME", {"xmlns": _NAMESPACE, _LOCATION: f"{_NAMESPACE} {_NAMESPACE}/ome.xsd"})
    counted = "" if field.accepted else " Photograph not counted."
    photograph = _image(root, 0, field, "uint8", 3, f"{RESEARCH_USE}{counted}")
    for number in range(len(field.cells)):
        ET.SubElement(photograph, "ROIRef", ID=f"ROI:{number}")
    _image(root, 1, field, str(labels.dtype), 1, "At each pixel the number of the object there; 0: none.")
    _regions(root, field.cells)
    text: bytes = ET.tostring(root, encoding="UTF-8", xml_declaration=True)
    return text


def _image(root: ET.Element, number: int, field: Field, kind: str, samples: int, description: str) -> ET.Element:
    name = plain_text(field.name)
    image = ET.SubElement(root, "Image", ID=f"Image:{number}", Name=f"{name} labels" if number else name)
    ET.SubElement(image, "Description").text = description
    pixels = ET.SubElement(
        image,
        "Pixels",
        ID=f"Pixels:{number}",
        DimensionOrder="XYCZT",
        Type=kind,
        SizeX=str(field.width),
        SizeY=str(field.height),
        SizeC=str(samples),
        SizeZ="1",
        SizeT="1",
        Interleaved=str(samples > 1).lower(),
    )
    ET.SubElement(pixels, "Channel", ID=f"Channel:{number}:0", SamplesPerPixel=str(samples))
    ET.SubElement(pixels, "TiffData", IFD=str(number), PlaneCount="1")
    return image


def _regions(root: ET.Element, cells: Sequence[Cell]) -> None:
    for number, cell in enumerate(cells):
        title = title_of(cell)
        region = ET.SubElement(root, "ROI", ID=f"ROI:{number}", Name=title)
        ET.SubElement(
            ET.SubElement(region, "Union"),
            "Polygon",
            ID=f"Shape:{number}:0",
            StrokeColor=str(_colour(drawn_as(cell).colour)),
            Text=title,
            Points=" ".join(f"{x},{y}" for x, y in polygon(cell)),
        )


def _colour(rgb: tuple[int, int, int]) -> int:
    """Red, green, blue and full opacity as the signed number that OME has for them."""
    return int.from_bytes((*rgb, 255), signed=True)
