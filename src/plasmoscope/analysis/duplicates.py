"""The same place of a smear photographed twice: shifted, refocused, turned, or seen larger.

A small picture of the stain in the field of view alone stands for a photograph, with the marks by which it is found
again: keypoints of Lowe's SIFT (2004, doi:10.1023/B:VISI.0000029664.99615.94). Marks that two pictures share propose
how one lies on the other (RANSAC); whether they then show the same cells is measured where they overlap. What sticks to
the eyepiece or the camera, such as its rim, a pointer, dust or a scale bar, is shared by all fields of a slide, but
there the cells do not coincide.
"""

import struct
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from plasmoscope.imaging.illumination import field_of_view, stain_density, take_out_light

# Longer side of the small picture. A field is some 5 to 40 red cells wide.
_SIDE = 192
_MARKS = 150
_FAINTEST_MARK = 0.02
# Grey level of densely stained cells; nuclei and dirt, several times as dense, must not decide alone.
_STAINED = 230
# Width of the field of view's edge, which the eyepiece darkens: no stain.
_EDGE = 5
# A mark's best match must be nearer than the next best by this factor (Lowe's ratio).
_DISTINCT = 0.85
# Pixels by which shared marks may lie apart after alignment, and how many at least must agree.
_APART, _FEWEST = 4.0, 8
# Ways in which one picture may lie on the other that are tried, as what sticks to the eyepiece proposes one too.
_TRIES = 3
# Between pictures of one place, the scale changes with the camera's zoom alone.
_LARGEST_ZOOM = 2.0
# Correlation of the stain where both pictures overlap. Set on fields of two laboratories; on others, where so many
# marks agreed, it was 0.33 at most between different fields and 0.89 at least between pictures of one place.
_SAME = 0.8
# Stain is compared blurred by so many pixels, as much as a change of focus does.
_FOCUS = 2.0
# Share of the smaller of two pictures that must show the same place.
_LEAST_OVERLAP = 0.3
# A kept fingerprint begins with its format, the picture's height and width, and the number of marks.
_FORMAT = b"place-1\n"
_HEAD = struct.Struct("<8sHHH")


@dataclass(frozen=True)
class Fingerprint:
    """What is kept of a photograph to tell its place again."""

    picture: NDArray[np.uint8]
    """The stain, shape (h, w), at most 192 pixels a side: 0 outside the field of view, from 1 (clear) inside."""
    places: NDArray[np.float32]
    """Where the marks are, x and y in the picture, shape (marks, 2)."""
    marks: NDArray[np.uint8]
    """What they look like, shape (marks, 128)."""

    def to_bytes(self) -> bytes:
        """For keeping, some 50 kB; ``from_bytes`` gives it back."""
        head = _HEAD.pack(_FORMAT, *self.picture.shape, len(self.marks))
        return head + self.places.astype("<f4").tobytes() + self.marks.tobytes() + self.picture.tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Fingerprint | None":
        """A kept fingerprint; None for one of an earlier version, with which nothing can be compared."""
        if not data.startswith(_FORMAT):
            return None
        _, height, width, number = _HEAD.unpack_from(data)
        places = np.frombuffer(data, "<f4", 2 * number, _HEAD.size)
        marks = np.frombuffer(data, np.uint8, 128 * number, _HEAD.size + 8 * number)
        picture = np.frombuffer(data, np.uint8, height * width, _HEAD.size + 136 * number)
        return cls(picture.reshape(height, width), places.reshape(-1, 2), marks.reshape(-1, 128))


def fingerprint(image: NDArray[np.uint8]) -> Fingerprint:
    """What tells a photograph's place again.

    Args:
        image: upright RGB, shape (h, w, 3).
    """
    picture = _stain(_view_alone(image))
    inside = cv2.erode((picture > 0).astype(np.uint8), np.ones((_EDGE, _EDGE), np.uint8), borderValue=0)
    finder = cv2.SIFT.create(nfeatures=_MARKS, contrastThreshold=_FAINTEST_MARK)
    found, marks = finder.detectAndCompute(picture, inside)
    places = np.array([mark.pt for mark in found], np.float32).reshape(-1, 2)
    return Fingerprint(picture, places, np.zeros((0, 128), np.uint8) if marks is None else marks.astype(np.uint8))


def same_place(one: Fingerprint, other: Fingerprint) -> bool:
    """Whether two photographs show the same place, over three tenths or more of the smaller one."""
    here, there = _shared_marks(one, other)
    for _ in range(_TRIES):
        if len(here) < _FEWEST:
            return False
        onto, agree = cv2.estimateAffinePartial2D(here, there, ransacReprojThreshold=_APART)
        agreeing = np.zeros(len(here), bool) if agree is None else agree.ravel().astype(bool)
        if onto is None or agreeing.sum() < _FEWEST:
            return False
        if _coincide(one.picture, other.picture, np.asarray(onto, np.float64)):
            return True
        here, there = here[~agreeing], there[~agreeing]
    return False


def _view_alone(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The field of view's box, small: what surrounds it is alike in all photographs of one microscope."""
    # Found on a picture that is small already, as camera pictures are large.
    image = _reduced(image, 2 * _SIDE)
    rows, columns = (np.flatnonzero(field_of_view(image).any(axis=axis)) for axis in (1, 0))
    if len(rows):
        image = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return _reduced(image, _SIDE)


def _reduced(image: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    height, width = image.shape[:2]
    scale = min(1.0, side / max(height, width))
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _stain(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """``Fingerprint.picture`` of a small picture."""
    light = take_out_light(image)
    view = light.view
    if not view.all():
        view = cv2.erode(view.astype(np.uint8), np.ones((_EDGE, _EDGE), np.uint8), borderValue=1) > 0
    density = stain_density(light.absorbance)
    dense = float(np.percentile(density[view], 90)) if view.any() else 0.0
    picture = np.clip(density * (_STAINED / max(dense, 1e-3)), 1, 255)
    return np.asarray(np.where(view, picture, 0), np.uint8)


def _shared_marks(one: Fingerprint, other: Fingerprint) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Places of the marks of two pictures that look alike, each of shape (shared, 2)."""
    if min(len(one.marks), len(other.marks)) < _FEWEST:
        return one.places[:0], other.places[:0]
    distances, nearest = cv2.batchDistance(
        one.marks.astype(np.float32), other.marks.astype(np.float32), cv2.CV_32F, normType=cv2.NORM_L2, K=2
    )
    distinct = distances[:, 0] < _DISTINCT * distances[:, 1]
    return one.places[distinct], other.places[nearest[distinct, 0]]


def _coincide(one: NDArray[np.uint8], other: NDArray[np.uint8], onto: NDArray[np.float64]) -> bool:
    """Whether the cells of one picture, laid onto the other, lie on its cells, over a large enough part.

    Args:
        onto: affine, shape (2, 3), from ``one`` to ``other``.
    """
    zoom = float(np.hypot(onto[0, 0], onto[1, 0]))
    if not 1 / _LARGEST_ZOOM < zoom < _LARGEST_ZOOM:
        return False
    height, width = other.shape
    laid = cv2.warpAffine(one, onto, (width, height), flags=cv2.INTER_LINEAR)
    inside = cv2.warpAffine((one > 0).astype(np.uint8), onto, (width, height), flags=cv2.INTER_NEAREST) > 0
    both = inside & (other > 0)
    smaller = min((one > 0).sum() * zoom**2, (other > 0).sum())
    if both.sum() < _LEAST_OVERLAP * smaller:
        return False
    a, b = (cv2.GaussianBlur(picture.astype(np.float32), (0, 0), _FOCUS)[both] for picture in (laid, other))
    a, b = a - a.mean(), b - b.mean()
    return float(a @ b) > _SAME * float(np.linalg.norm(a) * np.linalg.norm(b))
