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

from plasmoscope.imaging.illumination import stain_density, take_out_light, view_box

# A kept fingerprint begins with its format, the picture's height and width, and the number of marks.
_FORMAT = b"place-1\n"
_HEAD = struct.Struct("<8sHHH")


@dataclass(frozen=True)
class SamePlace:
    """What makes two photographs show one place. Pixels are those of the small picture that stands for a photograph.

    Set on fields of two laboratories, and looked at on pairs of others (``tests/analysis/test_duplicates.py``). The
    first five decide what a kept fingerprint holds: another value needs another format.
    """

    side: int = 192
    """Pixels of the longer side of the small picture: a field is some 5 to 40 red cells wide."""
    marks: int = 150
    """Keypoints at most. So many of 128 bytes keep a fingerprint at some 50 kB."""
    faintest_mark: float = 0.02
    """Contrast of the faintest keypoint, as OpenCV's SIFT takes it; half of its default of 0.04."""
    stained: int = 230
    """Grey level of densely stained cells; nuclei and dirt, several times as dense, must not decide alone."""
    edge: int = 5
    """Pixels of the field of view's edge, which the eyepiece darkens: no stain."""
    distinct: float = 0.85
    """Distance of a keypoint's best match over that of the next best, at most. Lowe (2004) takes 0.8; what matches by
    chance is sorted out by the alignment."""
    apart: float = 4.0
    """Pixels by which shared keypoints may lie apart after alignment."""
    fewest: int = 8
    """Keypoints that must agree on an alignment, which two fix: the more, the fewer agree by chance."""
    tries: int = 3
    """Alignments that are tried, as what sticks to the eyepiece proposes one too."""
    largest_zoom: float = 2.0
    """Factor: between pictures of one place, the scale changes with the camera's zoom alone."""
    correlation: float = 0.8
    """Of the stain where both pictures overlap. On laboratories that it was not set on, where so many keypoints agreed,
    it was 0.33 at most between different fields and 0.89 at least between pictures of one place."""
    focus: float = 2.0
    """Pixels: standard deviation of the blur under which stain is compared, as much as a change of focus does."""
    least_overlap: float = 0.3
    """Share of the smaller of two pictures that must show the same place: less is an edge that two fields share."""


SAME = SamePlace()


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
    inside = cv2.erode((picture > 0).astype(np.uint8), np.ones((SAME.edge, SAME.edge), np.uint8), borderValue=0)
    finder = cv2.SIFT.create(nfeatures=SAME.marks, contrastThreshold=SAME.faintest_mark)
    keypoints, marks = finder.detectAndCompute(picture, inside)
    places = np.array([keypoint.pt for keypoint in keypoints], np.float32).reshape(-1, 2)
    return Fingerprint(picture, places, np.zeros((0, 128), np.uint8) if marks is None else marks.astype(np.uint8))


def same_place(one: Fingerprint, other: Fingerprint) -> bool:
    """Whether two photographs show the same place, over three tenths or more of the smaller one."""
    here, there = _shared_marks(one, other)
    for _ in range(SAME.tries):
        if len(here) < SAME.fewest:
            return False
        onto, agree = cv2.estimateAffinePartial2D(here, there, ransacReprojThreshold=SAME.apart)
        agreeing = np.zeros(len(here), bool) if agree is None else agree.ravel().astype(bool)
        if onto is None or agreeing.sum() < SAME.fewest:
            return False
        if _coincide(one.picture, other.picture, np.asarray(onto, np.float64)):
            return True
        here, there = here[~agreeing], there[~agreeing]
    return False


def _view_alone(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The field of view's box, small: what surrounds it is alike in all photographs of one microscope."""
    # Found on a picture that is small already, as camera pictures are large.
    image = _reduced(image, 2 * SAME.side)
    left, top, width, height = view_box(image)
    return _reduced(image[top : top + height, left : left + width], SAME.side)


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
        view = cv2.erode(view.astype(np.uint8), np.ones((SAME.edge, SAME.edge), np.uint8), borderValue=1) > 0
    density = stain_density(light.absorbance)
    dense = float(np.percentile(density[view], 90)) if view.any() else 0.0
    picture = np.clip(density * (SAME.stained / max(dense, 1e-3)), 1, 255)
    return np.asarray(np.where(view, picture, 0), np.uint8)


def _shared_marks(one: Fingerprint, other: Fingerprint) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Places of the marks of two pictures that look alike, each of shape (shared, 2)."""
    if min(len(one.marks), len(other.marks)) < SAME.fewest:
        return one.places[:0], other.places[:0]
    distances, nearest = cv2.batchDistance(
        one.marks.astype(np.float32), other.marks.astype(np.float32), cv2.CV_32F, normType=cv2.NORM_L2, K=2
    )
    distinct = distances[:, 0] < SAME.distinct * distances[:, 1]
    return one.places[distinct], other.places[nearest[distinct, 0]]


def _coincide(one: NDArray[np.uint8], other: NDArray[np.uint8], onto: NDArray[np.float64]) -> bool:
    """Whether the cells of one picture, laid onto the other, lie on its cells, over a large enough part.

    Args:
        onto: affine, shape (2, 3), from ``one`` to ``other``.
    """
    zoom = float(np.hypot(onto[0, 0], onto[1, 0]))
    if not 1 / SAME.largest_zoom < zoom < SAME.largest_zoom:
        return False
    height, width = other.shape
    laid = cv2.warpAffine(one, onto, (width, height), flags=cv2.INTER_LINEAR)
    inside = cv2.warpAffine((one > 0).astype(np.uint8), onto, (width, height), flags=cv2.INTER_NEAREST) > 0
    both = inside & (other > 0)
    smaller = min((one > 0).sum() * zoom**2, (other > 0).sum())
    if both.sum() < SAME.least_overlap * smaller:
        return False
    a, b = (cv2.GaussianBlur(picture.astype(np.float32), (0, 0), SAME.focus)[both] for picture in (laid, other))
    a, b = a - a.mean(), b - b.mean()
    return float(a @ b) > SAME.correlation * float(np.linalg.norm(a) * np.linalg.norm(b))
