"""How well the classifier's silence parts pictures of no red cell from good cells, none of them trained on.

python benchmarks/not_a_cell.py --others data [--nih data/nih_cells.zip] [--use cells|fields] [--model runs/mine]

`data` holds fields_txl, fields_chula and bccd. Good cells are the NIH cells of `seed42`, by default of its validation
part, and healthy red cells of fields that were kept aside of training. No cells are white cells, platelets, precipitate
and neighbours outlined as one from such fields, and noise, letters in typefaces that training does not use, and
photographs of other things, as far as scikit-learn and matplotlib bring some.
"""

import argparse
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from sklearn.datasets import load_sample_image
from sklearn.metrics import roc_auc_score

from plasmoscope.classification.classifier import Classifier
from plasmoscope.classification.views import VIEWS
from plasmoscope.data.nih import load_nih
from plasmoscope.data.splits import make_split
from plasmoscope.evaluation.boxes import TrueBox, read_coco, read_voc
from plasmoscope.imaging.cells import cut_cell, read_cell
from plasmoscope.imaging.reading import read_image
from plasmoscope.imaging.sources import ImageFile
from plasmoscope.imaging.stain_reference import Reference, refer
from plasmoscope.segmentation.field_reference import references
from plasmoscope.segmentation.segment import FoundObject, Segmentation, segment_field
from plasmoscope.training.fields.labelled import ellipse_of
from plasmoscope.training.fields.sources import photographs

Pixels = NDArray[np.uint8]
Rng = np.random.Generator

# Smaller specks are not cut out as red cells: a share of the median red cell's area, as in training.
_LEAST_AREA = 0.05
# Outlines that come so near to each other, in pixels, touch.
_TOUCHING = 3
_WHITE_CELLS, _PLATELETS = {"white_cell", "WBC"}, {"platelet", "Platelets"}
_LETTERS = "ABCDEFGHKMNPRSTWXYZabdefghkmnrstwxyz0123456789&?%"


def main() -> None:
    """Print for each kind how many there are, the AUROC against all good cells, and the share without a call."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--others", type=Path, required=True, help="folder of fields_txl, fields_chula and bccd")
    parser.add_argument("--nih", type=Path, help="the NIH cells; nih_cells.zip in the same folder if left out")
    parser.add_argument("--part", default="validation", choices=("validation", "test"), help="of the NIH cells")
    parser.add_argument("--model", help="a run folder or .onnx file; one that ships if left out")
    parser.add_argument("--use", default="fields", choices=("cells", "fields"), help="which of those that ship")
    parser.add_argument("--views", type=int, default=8, choices=VIEWS)
    parser.add_argument("--most", type=int, default=200, help="pictures of each kind; NIH cells are not limited")
    parser.add_argument("--fields", type=int, default=40, help="photographs of each laboratory that are looked at")
    arguments = parser.parse_args()
    classifier = Classifier.load(arguments.model, use=arguments.use)
    nih = good_nih_cells(arguments.nih or arguments.others / "nih_cells.zip", arguments.part)
    good, bad = seen(read_fields(arguments.others, arguments.fields), arguments.most)
    good = {f"NIH, seed42 {arguments.part}": nih} | good
    bad = drawn(arguments.most) | bad
    scores = {name: score(classifier, pictures, arguments.views) for name, pictures in (good | bad).items()}
    show(scores, list(good), classifier.card.silence_threshold)


def score(classifier: Classifier, pictures: Sequence[Pixels], views: int) -> NDArray[np.float32]:
    """What the program goes by when it makes no call, shape (n,)."""
    cells = np.concatenate(list(classifier.prepare_all(pictures)))
    not_a_cell = classifier.judge_prepared(cells, views).not_a_cell
    if not_a_cell is None:
        raise SystemExit(f"{classifier.card.name} does not tell cells from what is none.")
    return not_a_cell


def show(scores: dict[str, NDArray[np.float32]], good: Sequence[str], silence: float | None) -> None:
    """Print the table."""
    cells = np.concatenate([scores[name] for name in good])
    others = {name: values for name, values in scores.items() if name not in good}
    print(f"silent from {silence}")
    print("pictures | number | AUROC | without a call")

    def line(name: str, values: NDArray[np.float32], auroc: str) -> None:
        silent = "" if silence is None else f"{np.mean(values >= silence):.2%}"
        print(f"{name} | {len(values):,} | {auroc} | {silent}", flush=True)

    for name in good:
        line(name, scores[name], "")
    for name, values in (others | {"all that is no cell": np.concatenate(list(others.values()))}).items():
        truth = np.repeat([0, 1], [len(cells), len(values)])
        line(name, values, f"{roc_auc_score(truth, np.concatenate([cells, values])):.4f}")


# Good cells


def good_nih_cells(path: Path, part: str) -> list[Pixels]:
    """The NIH cells of one part of seed42, at their own sizes and in their own colours."""
    dataset = load_nih(path)
    return [
        read_cell(dataset.cells[index].source.read()) for index in make_split("seed42", dataset).part(part).tolist()
    ]


# What lies in fields


@dataclass(frozen=True)
class ReadField:
    """A field that the reader has read."""

    image: Pixels
    found: Segmentation
    boxes: tuple[TrueBox, ...]
    """What is annotated of white cells and platelets."""

    def of(self, kind: str) -> list[FoundObject]:
        """What was found of a kind, whole."""
        return [one for one in self.found.objects if one.kind == kind and not one.on_border]

    @cached_property
    def references(self) -> list[Reference]:
        """What each whole red cell is told against."""
        reds = self.of("red_cell")
        return references(self.found, reds, [cut_cell(self.image, red.outline) for red in reds])

    def cut(self, outline: NDArray[np.int32]) -> Pixels:
        """What lies in an outline, as if it were one of the field's red cells."""
        middle = outline.mean(axis=0)
        away = [float(np.hypot(*(red.outline.mean(axis=0) - middle))) for red in self.of("red_cell")]
        return refer(cut_cell(self.image, outline), self.references[int(np.argmin(away))])


def read_fields(folder: Path, most: int) -> dict[str, list[ReadField]]:
    """Fields of each laboratory, as far as they were kept aside of training and show red cells; at most so many."""
    txl, _ = read_coco(ImageFile(folder / "fields_txl" / "truth.json"))
    files = {
        "TXL": photographs(folder / "fields_txl", "file", aside=True),
        "Chula": photographs(folder / "fields_chula", "block", aside=True),
        "BCCD": sorted((folder / "bccd").glob("*.jpg")),
    }
    read = {}
    for name, photographed in files.items():
        fields = []
        # Spread over all of them: neighbours show one slide.
        for file in photographed[:: max(1, len(photographed) // most)][:most]:
            image = read_image(file)
            voc = file.with_suffix(".xml")
            boxes = read_voc(ImageFile(voc)).boxes if voc.exists() else txl.get(file.name, ())
            field = ReadField(image, segment_field(image), boxes)
            if field.of("red_cell"):
                fields.append(field)
        read[name] = fields
    return read


def seen(read: dict[str, list[ReadField]], most: int) -> tuple[dict[str, list[Pixels]], dict[str, list[Pixels]]]:
    """Good cells, and what is none, by kind."""
    good, bad = {}, {}
    for name, fields in read.items():
        if name != "BCCD":
            good[f"red cells, {name}"] = _some((one for field in fields for one in _red_cells(field)), most)
        bad[f"white cells, {name}"] = _some((one for field in fields for one in _boxed(field, _WHITE_CELLS)), most)
        bad[f"platelets, {name}"] = _some((one for field in fields for one in _boxed(field, _PLATELETS)), most)
        bad[f"precipitate, {name}"] = _some((one for field in fields for one in _precipitate(field)), most)
        bad[f"touching neighbours as one, {name}"] = _some((one for field in fields for one in _doublets(field)), most)
    return good, {kind: pictures for kind, pictures in bad.items() if pictures}


def _some(pictures: Iterable[Pixels], most: int) -> list[Pixels]:
    """At most so many, spread over all."""
    every = list(pictures)
    return [every[index] for index in np.linspace(0, len(every) - 1, min(most, len(every))).round().astype(int)]


def _red_cells(field: ReadField) -> Iterator[Pixels]:
    return (field.cut(red.outline) for red in field.of("red_cell"))


def _boxed(field: ReadField, labels: set[str]) -> Iterator[Pixels]:
    height, width = field.image.shape[:2]
    for true in field.boxes:
        left, top, across, down = true.box
        if true.label in labels and left > 0 and top > 0 and left + across < width and top + down < height:
            yield field.cut(np.rint(ellipse_of(true.box)).astype(np.int32))


def _precipitate(field: ReadField) -> Iterator[Pixels]:
    least = _LEAST_AREA * float(np.median([red.area for red in field.of("red_cell")]))
    return (field.cut(one.outline) for one in field.of("precipitate") if one.area > least)


def _doublets(field: ReadField) -> Iterator[Pixels]:
    """Two red cells that touch, outlined as one."""
    for one, other in combinations([red.outline for red in field.of("red_cell")], 2):
        apart = np.linalg.norm(one[:, None] - other[None], axis=2).min()
        if apart <= _TOUCHING:
            yield field.cut(np.asarray(cv2.convexHull(np.concatenate([one, other]))[:, 0], np.int32))


# What is drawn, and photographs of other things


def drawn(most: int) -> dict[str, list[Pixels]]:
    """Noise, letters and photographs, half of them as if they had been outlined as a cell."""
    rng = np.random.default_rng(0)
    makers: dict[str, Callable[[Rng], Pixels]] = {
        "noise": _noise,
        "letters": _letter,
        "pages": _page,
    }
    kinds = {name: [_outlined(rng, make(rng)) for _ in range(most)] for name, make in makers.items()}
    pictures = [load_sample_image("china.jpg"), load_sample_image("flower.jpg")]
    face = Path(matplotlib.get_data_path(), "sample_data", "grace_hopper.jpg")
    pictures.append(read_image(face))
    kinds["photographs of other things"] = [_outlined(rng, _part(rng, pictures)) for _ in range(most)]
    return kinds


def _outlined(rng: Rng, picture: Pixels) -> Pixels:
    if rng.random() < 0.5:
        return picture
    height, width = picture.shape[:2]
    outline = cv2.ellipse2Poly(
        (width // 2, height // 2), (width // 2 - 1, int(height * rng.uniform(0.35, 0.49))), 0, 0, 360, 5
    )
    return cut_cell(picture, np.array(outline, np.int32))


def _noise(rng: Rng) -> Pixels:
    """Of every pixel or of squares, in colour or grey, about any colour."""
    side = int(rng.integers(4, 129))
    noise = rng.normal(rng.uniform(40, 220, 3), rng.uniform(10, 80), (side, side, 3))
    if rng.random() < 0.3:
        noise[:] = noise[:, :, :1]
    shades = np.clip(noise, 0, 255).astype(np.uint8)
    return np.asarray(cv2.resize(shades, (128, 128), interpolation=cv2.INTER_NEAREST), np.uint8)


def _letter(rng: Rng) -> Pixels:
    """One letter, large, in any colours."""
    picture = Image.new("RGB", (128, 128), _colour(rng, 120, 256))
    shape = _LETTERS[int(rng.integers(len(_LETTERS)))]
    ImageDraw.Draw(picture).text((64, 64), shape, _colour(rng, 0, 140), _typeface(rng, 70, 130), anchor="mm")
    return np.asarray(picture)


def _page(rng: Rng) -> Pixels:
    """Lines of letters."""
    picture = Image.new("RGB", (128, 128), _colour(rng, 180, 256))
    draw, typeface, ink = ImageDraw.Draw(picture), _typeface(rng, 10, 30), _colour(rng, 0, 110)
    for y in range(2, 128, int(typeface.size * 1.3)):
        draw.text((-4, y), "".join(rng.choice(list(_LETTERS + "     "), 40)), ink, typeface)
    return np.asarray(picture)


def _colour(rng: Rng, low: int, high: int) -> tuple[int, int, int]:
    red, green, blue = rng.integers(low, high, 3).tolist()
    return red, green, blue


def _typeface(rng: Rng, low: int, high: int) -> ImageFont.FreeTypeFont:
    # Training draws letters with OpenCV's strokes; these are typefaces for print.
    files = sorted(Path(matplotlib.get_data_path(), "fonts", "ttf").glob("DejaVu*.ttf"))
    return ImageFont.truetype(files[int(rng.integers(len(files)))], int(rng.integers(low, high)))


def _part(rng: Rng, pictures: Sequence[Pixels]) -> Pixels:
    """A square of a photograph, at any scale."""
    picture = pictures[int(rng.integers(len(pictures)))]
    height, width = picture.shape[:2]
    side = int(min(height, width) * np.exp(rng.uniform(np.log(0.1), 0)))
    top, left = int(rng.integers(0, height - side + 1)), int(rng.integers(0, width - side + 1))
    return np.ascontiguousarray(picture[top : top + side, left : left + side])


if __name__ == "__main__":
    main()
