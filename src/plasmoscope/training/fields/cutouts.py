"""Things cut out of real pictures, as absorbances, to be laid on other backgrounds."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from plasmoscope.data.nih import Cell, CellDataset
from plasmoscope.files import whole_file
from plasmoscope.imaging.cells import decode_cells, lit, square
from plasmoscope.imaging.reading import ImageError
from plasmoscope.progress import Track, untracked

Plane = NDArray[np.float32]

# Longer side of a kept cell in pixels: the network never sees larger ones.
_SIDE = 80
# Absorbance 2.55 leaves 8 % of the light; each step of the 8 bits is 0.01.
_STEPS = 100.0
# Pixels by which the NIH's black surround cuts into or leaves out of a cell, at about 140 px a cell.
_ERODED = 2
_RIM = 6
# Raise this when cutting changes what comes out.
_FORMAT = 1


@dataclass(frozen=True)
class Cutout:
    """One thing, apart from what it lay on."""

    absorbance: NDArray[np.uint8]
    """In hundredths per channel (RGB), shape (h, w, 3); 0 outside."""
    mask: NDArray[np.bool_]
    """Shape (h, w)."""
    size: float
    """Diameter of the circle of equal area, over that of a red cell of its field (1 for red cells)."""
    infected: bool = False

    def planes(self) -> tuple[Plane, Plane]:
        """Absorbance, shape (h, w, 3), and mask, shape (h, w), as float."""
        return self.absorbance.astype(np.float32) / _STEPS, self.mask.astype(np.float32)


def cut_out(image: NDArray[np.uint8], mask: NDArray[np.bool_], clear: NDArray[np.float64], size: float) -> Cutout:
    """Cut out what a mask covers.

    Args:
        image: RGB, shape (h, w, 3).
        mask: shape (h, w).
        clear: colour of the clear background, RGB.
        size: see ``Cutout``.
    """
    absorbance = np.log((clear + 1) / (image.astype(np.float32) + 1))
    absorbance = np.clip(absorbance, 0, 2.55) * mask[:, :, None]
    scale = min(1.0, _SIDE / max(mask.shape))
    if scale < 1:
        shape = (max(4, round(mask.shape[1] * scale)), max(4, round(mask.shape[0] * scale)))
        absorbance = cv2.resize(absorbance, shape, interpolation=cv2.INTER_AREA)
        mask = cv2.resize(mask.astype(np.float32), shape, interpolation=cv2.INTER_AREA) > 0.5
    return Cutout(np.rint(absorbance * _STEPS).astype(np.uint8), np.asarray(mask, bool), size)


def red_cells(
    dataset: CellDataset, members: Sequence[int], cache_folder: Path, track: Track = untracked
) -> dict[str, list[Cutout]]:
    """Cut-out red cells by patient: cells of one patient have one stain.

    Args:
        dataset: cells on black, in the NIH layout.
        members: the cells to take.
        cache_folder: where they are kept.
    """
    key = hashlib.sha256(f"{_FORMAT} {dataset.fingerprint} {list(members)}".encode()).hexdigest()[:16]
    file = cache_folder / f"cutouts-{key}.npz"
    patients = [dataset.patients[index] for index in members]
    if not file.exists():
        cache_folder.mkdir(parents=True, exist_ok=True)
        cells = [dataset.cells[index] for index in members]
        _keep(file, _cut_cells(cells, patients, track))
    grouped: dict[str, list[Cutout]] = defaultdict(list)
    for index, patient, cutout in zip(members, patients, _kept(file), strict=True):
        if cutout.mask.any():
            infected = bool(dataset.labels[index] == 0)
            grouped[patient].append(Cutout(cutout.absorbance, cutout.mask, 1.0, infected))
    return grouped


def _cut_cells(cells: Sequence[Cell], patients: Sequence[str], track: Track) -> list[Cutout]:
    decoded = decode_cells([cell.source for cell in cells], lambda cell: cell)
    images = []
    for cell, image in zip(cells, track(decoded, len(cells), "Decoding cells"), strict=True):
        if isinstance(image, ImageError):
            raise ImageError("named", name=cell.source.name, error=image.message)
        images.append(image)
    masks = [_inside(image) for image in images]
    rims: dict[str, list[NDArray[np.float64]]] = defaultdict(list)
    for image, mask, patient in zip(images, masks, patients, strict=True):
        rim = mask & (cv2.erode(mask.astype(np.uint8), square(_RIM)) == 0)
        if rim.any():
            rims[patient].append(np.percentile(image[rim], 95, axis=0))
    # Some cells are cut so tightly that no background is left beside them; others of the same slide are not.
    clear = {patient: np.percentile(brightest, 75, axis=0) for patient, brightest in rims.items()}
    white = np.full(3, 255.0)
    return [
        cut_out(image, mask, clear.get(patient, white), 1.0)
        for image, mask, patient in zip(images, masks, patients, strict=True)
    ]


def _inside(image: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """The cell of a picture on black, without the outermost pixels."""
    seen = np.pad(lit(image).astype(np.uint8), 1)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(seen, connectivity=4)
    if count < 2:
        return np.zeros(image.shape[:2], bool)
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    whole = cv2.morphologyEx((labels == largest).astype(np.uint8), cv2.MORPH_CLOSE, square(2))
    return np.asarray(cv2.erode(whole, square(_ERODED))[1:-1, 1:-1], bool)


def from_box(
    image: NDArray[np.uint8],
    box: tuple[float, float, float, float],
    clear: NDArray[np.float64],
    red_diameter: float,
    stained: Callable[[Plane], NDArray[np.bool_]],
) -> Cutout | None:
    """Cut out what fills a box, such as an annotated white cell or platelet.

    Args:
        image: RGB, shape (h, w, 3).
        box: left, top, width and height in pixels.
        clear: colour of the clear background, RGB.
        red_diameter: of the field's red cells in pixels.
        stained: from mean absorbance, shape (h, w), to the pixels that hold stain.

    Returns:
        None where nothing stained fills the ellipse inside the box.
    """
    left, top, width, height = (round(value) for value in box)
    crop = image[max(0, top) : top + height, max(0, left) : left + width]
    if min(crop.shape[:2]) < 6:
        return None
    ellipse = np.zeros(crop.shape[:2], np.uint8)
    middle = (crop.shape[1] / 2 - 0.5, crop.shape[0] / 2 - 0.5)
    cv2.ellipse(ellipse, (middle, (crop.shape[1] * 1.04, crop.shape[0] * 1.04), 0), 1, -1)
    density = np.log((clear + 1) / (crop.astype(np.float32) + 1)).mean(axis=2).astype(np.float32)
    found = (stained(cv2.GaussianBlur(density, (0, 0), 1.0)) & (ellipse > 0)).astype(np.uint8)
    contours, _ = cv2.findContours(found, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return None
    mask = np.zeros_like(found)
    cv2.drawContours(mask, [max(contours, key=cv2.contourArea)], 0, 1, cv2.FILLED)
    if mask.sum() < 0.4 * ellipse.sum():
        return None
    size = float(np.sqrt(4 * mask.sum() / np.pi)) / red_diameter
    return cut_out(crop, mask.astype(bool), clear, size)


def _keep(file: Path, cutouts: Sequence[Cutout]) -> None:
    shapes = np.array([cutout.mask.shape for cutout in cutouts], np.int32).reshape(-1, 2)
    pixels = np.concatenate([cutout.absorbance.reshape(-1, 3) for cutout in cutouts])
    masks = np.concatenate([cutout.mask.reshape(-1) for cutout in cutouts])
    with whole_file(file) as unfinished, unfinished.open("wb") as stream:
        np.savez_compressed(stream, shapes=shapes, pixels=pixels, masks=np.packbits(masks))


def _kept(file: Path) -> list[Cutout]:
    with np.load(file, allow_pickle=False) as stored:
        shapes, pixels, bits = stored["shapes"], stored["pixels"], stored["masks"]
    masks = np.unpackbits(bits, count=len(pixels)).astype(bool)
    ends = np.cumsum(shapes.prod(axis=1))
    starts = ends - shapes.prod(axis=1)
    return [
        Cutout(pixels[start:end].reshape(height, width, 3), masks[start:end].reshape(height, width), 1.0)
        for start, end, (height, width) in zip(starts, ends, shapes, strict=True)
    ]
