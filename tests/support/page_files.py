"""The files that the commands and examples of README and docs name, made of drawn cells and fields."""

import json
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from measured import measured
from plasmoscope import Classifier
from plasmoscope.analysis.method import calling
from plasmoscope.analysis.performance import write_performance
from plasmoscope.csv_tables import write_csv
from plasmoscope.data.nih import load_nih
from plasmoscope.store import accounts
from plasmoscope.store.store import Store
from plasmoscope.synthetic.dataset import write_cells, write_stages
from plasmoscope.synthetic.rendering import SyntheticField, render_field

PASSWORD = "correct horse battery"


def write_page_files(folder: Path, field_classifier: Classifier) -> None:
    """Write slides, cells, annotations, data sets and records under the names that the pages use."""
    fields = [render_field(seed, 640, 480, cells=20, cell_diameter=72) for seed in (61, 62)]
    _photographs(folder, fields)
    _annotated(folder, fields)
    _cells(folder)
    how = calling(field_classifier)
    here = measured(model_sha256=field_classifier.card.sha256, threshold=how.threshold, views=how.views)
    write_performance(folder / "ours.json", here)
    store = Store(folder / "records")
    with store.session() as session:
        accounts.add_account(session, "command line", "Amina", PASSWORD, "admin")
    store.close()


def _photographs(folder: Path, fields: list[SyntheticField]) -> None:
    slide = folder / "slide-17"
    slide.mkdir()
    for number, field in enumerate(fields, 1):
        picture = Image.fromarray(field.image)
        picture.save(slide / f"place_{number}.png")
        picture.save(folder / f"field_{number}.jpg", quality=95)
    shutil.copy(folder / "field_1.jpg", folder / "field.jpg")


def _annotated(folder: Path, fields: list[SyntheticField]) -> None:
    """The same fields with boxes of all red cells (1) and of the infected ones (0), in YOLO's and in COCO's form."""
    for name in ("images", "boxes", "others"):
        (folder / name).mkdir()
    pictures: list[dict[str, object]] = []
    boxes: list[dict[str, object]] = []
    for number, field in enumerate(fields):
        height, width = field.image.shape[:2]
        Image.fromarray(field.image).save(folder / "images" / f"place_{number}.png")
        Image.fromarray(field.image).save(folder / "others" / f"other_{number}.png")
        lines = []
        for cell in field.cells:
            left, right = np.clip([cell.centre[0] - cell.radius, cell.centre[0] + cell.radius], 0, width).tolist()
            top, bottom = np.clip([cell.centre[1] - cell.radius, cell.centre[1] + cell.radius], 0, height).tolist()
            wide, high = right - left, bottom - top
            box = f"{(left + right) / 2 / width} {(top + bottom) / 2 / height} {wide / width} {high / height}"
            lines += [f"1 {box}", *([f"0 {box}"] if cell.infected else [])]
            place = [left, top, wide, high]
            boxes.append({"id": len(boxes), "image_id": number, "category_id": 1, "bbox": place})
        (folder / "boxes" / f"place_{number}.txt").write_text("\n".join(lines))
        pictures.append({"id": number, "file_name": f"other_{number}.png", "width": width, "height": height})
    coco = {"images": pictures, "annotations": boxes, "categories": [{"id": 1, "name": "red_cell"}]}
    (folder / "truth.json").write_text(json.dumps(coco))
    table = ["image,patient", *(f"place_{number}.png,P{number}" for number in range(len(fields)))]
    (folder / "patients.csv").write_text("\n".join(table) + "\n")


def _cells(folder: Path) -> None:
    write_cells(folder / "my_cells", fields=3, seed=61)
    write_stages(folder / "stages", fields=2, seed=5)
    labelled = [
        (Path(cell.source.name).relative_to(folder).as_posix(), ("infected", "uninfected")[cell.label], cell.patient)
        for cell in load_nih(folder / "my_cells").cells
    ]
    write_csv(folder / "my_cells.csv", ("file", "label", "patient"), labelled)
    data = folder / "data"
    data.mkdir()
    shutil.make_archive(str(data / "cell_images"), "zip", folder / "my_cells")
    cells = folder / "cells"
    cells.mkdir()
    chosen = load_nih(folder / "my_cells").cells[::20]
    for number, cell in enumerate(chosen, 1):
        shutil.copy(cell.source.name, cells / f"{cell.stem}.png")
        shutil.copy(cell.source.name, folder / f"cell_{number}.png")
    shutil.copy(folder / "cell_1.png", folder / "one.png")
    shutil.make_archive(str(folder / "more"), "zip", cells)
    for table, name in (("parasitized", "Parasitized"), ("uninfected", "Uninfected")):
        rows = [
            f"{cell.slide},['{cell.stem}.png']"
            for cell in load_nih(folder / "my_cells").cells
            if cell.name.startswith(name)
        ]
        (folder / f"patientid_cellmapping_{table}.csv").write_text("\n".join(rows) + "\n")
