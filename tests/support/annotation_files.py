"""Annotations of boxes as their programs write them."""

import json
from pathlib import Path
from typing import Any

from plasmoscope.imaging.sources import ImageFile

VOC = """<annotation><filename>other.jpg</filename><size><width>640</width><height>480</height></size>
<object><name>RBC</name><bndbox><xmin>346</xmin><ymin>361</ymin><xmax>446</xmax><ymax>454</ymax></bndbox></object>
<object><name>WBC</name><bndbox><xmin>68.5</xmin><ymin>315</ymin><xmax>286</xmax><ymax>480</ymax></bndbox></object>
</annotation>"""
COCO: dict[str, Any] = {
    "info": {"year": 2024},
    "images": [{"id": 7, "file_name": "train/a.png", "width": 40, "height": 30}, {"id": 8, "file_name": "b.png"}],
    "categories": [{"id": 1, "name": "parasite"}],
    "annotations": [{"id": 1, "image_id": 7, "category_id": 1, "bbox": [1, 2, 3, 4.5], "area": 13.5}],
}


def write(file: Path, content: object, encoding: str = "utf-8") -> ImageFile:
    file.write_text(content if isinstance(content, str) else json.dumps(content), encoding)
    return ImageFile(file)
