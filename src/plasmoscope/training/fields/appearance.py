"""How a smear may look: the stain, the light, the optics, the sensor, and what software burns into the picture."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from plasmoscope.segmentation.vocabulary import Tissue

Floats = NDArray[np.float32]
Rng = np.random.Generator


def smooth_noise(rng: Rng, size: int, coarse: float) -> Floats:
    """Smooth noise of mean 0 and standard deviation 1, shape (size, size); ``coarse`` is its grain in pixels."""
    side = max(3, int(np.ceil(size / coarse)) + 2)
    grid = rng.normal(size=(side, side)).astype(np.float32)
    noise = cv2.resize(grid, (size, size), interpolation=cv2.INTER_CUBIC)
    return np.asarray((noise - noise.mean()) / (noise.std() + 1e-6), np.float32)


def clear_colour(rng: Rng) -> Floats:
    """Colour of a clear background, RGB: white to grey, tinted blue, green, yellow or pink."""
    bright = rng.uniform(120, 254) if rng.random() < 0.4 else rng.uniform(190, 250)
    tint = rng.uniform(0, 0.28, 3) * (rng.random() < 0.8)
    return np.asarray(bright * (1 - tint + tint.min()), np.float32)


def stain_change(rng: Rng, typical: Floats) -> NDArray[np.float32]:
    """A matrix that gives absorbances another stain: ``absorbance @ matrix``, shape (3, 3).

    Args:
        typical: median absorbance of the red cells, RGB.
    """
    mixing = np.eye(3) + rng.normal(0, 0.08, (3, 3))
    if rng.random() < 0.5:
        gain = np.exp(rng.normal(0, 0.3) + rng.normal(0, 0.2, 3))
    else:
        # Red cells of any colour that was seen anywhere: pale grey to pink, violet, dark blue, green.
        green = rng.uniform(0.08, 0.9)
        wanted = green * np.array([rng.uniform(0.1, 1.1), 1.0, rng.uniform(0.2, 1.2)])
        gain = np.clip(wanted / np.maximum(typical, 0.04), 0.2, 8.0)
        # Chromatin keeps more of its own colour than haemoglobin does.
        gain = gain ** rng.uniform(0.7, 1.0)
    return np.asarray(np.clip(mixing * gain[None, :], 0, None), np.float32)


@dataclass(frozen=True)
class Camera:
    """What optics, sensor and software do to light."""

    blur: float
    """Standard deviation in pixels."""
    noise: float
    """Grey levels."""
    gain: float
    sharpening: float
    quality: int
    """Of JPEG; 100 is none."""
    shading: float

    @classmethod
    def draw(cls, rng: Rng, diameter: float) -> "Camera":
        """A camera of one's own for each picture; most are good, as users' are."""
        blur = abs(rng.normal(0, 0.02)) if rng.random() < 0.75 else rng.uniform(0.03, 0.16)
        return cls(
            blur=float(blur * diameter),
            noise=float(abs(rng.normal(0, 3))),
            gain=float(rng.uniform(0.6, 1.05) if rng.random() < 0.9 else rng.uniform(1.05, 1.4)),
            sharpening=float(rng.uniform(0, 1.5) if rng.random() < 0.25 else 0),
            quality=int(rng.integers(25, 95)) if rng.random() < 0.5 else 100,
            shading=float(abs(rng.normal(0, 0.12))),
        )

    def photograph(self, rng: Rng, light: Floats) -> NDArray[np.uint8]:
        """Light, RGB 0 to 255, shape (s, s, 3), to the picture that the camera saves."""
        size = light.shape[0]
        x, y = np.meshgrid(np.linspace(-1, 1, size), np.linspace(-1, 1, size))
        angle, off = rng.uniform(0, 2 * np.pi), rng.uniform(0, 1)
        falloff = off * (x * np.cos(angle) + y * np.sin(angle)) / 2 + (1 - off) * (x * x + y * y) / 2
        light = light * (self.gain * (1 - self.shading * falloff))[:, :, None].astype(np.float32)
        if self.blur > 0.2:
            light = np.asarray(cv2.GaussianBlur(light, (0, 0), self.blur), np.float32)
        if self.sharpening:
            light = light + self.sharpening * (light - cv2.GaussianBlur(light, (0, 0), 1.2))
        if self.noise > 0.3:
            noise = rng.normal(0, self.noise, light.shape).astype(np.float32)
            light = light + (cv2.GaussianBlur(noise, (0, 0), 0.7) * 1.6 if rng.random() < 0.4 else noise)
        image = np.clip(light, 0, 255).astype(np.uint8)
        if self.quality < 100:
            coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, self.quality])[1]
            image = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
        return image


def frame(rng: Rng, image: NDArray[np.uint8], surface: NDArray[np.uint8]) -> None:
    """Perhaps black out what lies outside a round eyepiece or a letterbox; both are changed in place."""
    size = image.shape[0]
    if rng.random() < 0.18:
        radius = rng.uniform(0.35, 1.6) * size
        angle = rng.uniform(0, 2 * np.pi)
        reach = radius - rng.uniform(0.05, 0.45) * size if radius > size / 2 else rng.uniform(0, 0.2) * size
        centre = size / 2 + reach * np.array([np.cos(angle), np.sin(angle)])
        y, x = np.ogrid[:size, :size]
        off = np.asarray(np.hypot(x - centre[0], y - centre[1]) - radius, np.float32)
        softness = rng.uniform(0.6, 5)
        share = np.clip(0.5 - off / (2 * softness), 0, 1)[:, :, None]
        outside = off > 0
    elif rng.random() < 0.1:
        share = np.ones((size, size, 1), np.float32)
        depth = int(rng.uniform(0.05, 0.35) * size)
        edges = rng.permutation(4)[: rng.integers(1, 3)]
        for edge in edges:
            np.rot90(share, edge)[:depth] = 0
        outside = share[:, :, 0] == 0
    else:
        return
    dark = rng.uniform(0, 25, 3) if rng.random() < 0.9 else rng.uniform(200, 255, 3)
    image[:] = np.clip(image * share + dark * (1 - share), 0, 255).astype(np.uint8)
    surface[outside] = Tissue.NO_SPECIMEN


def burn_in(rng: Rng, image: NDArray[np.uint8], surface: NDArray[np.uint8]) -> None:
    """Perhaps draw letters, a scale bar, an arrow or a box, as microscope software does; both are changed in place."""
    if rng.random() > 0.25:
        return
    size = image.shape[0]
    drawn = np.zeros((size, size), np.uint8)
    colours = [(0, 0, 0), (255, 255, 255), (255, 255, 0), (0, 255, 0), (255, 0, 0), (0, 0, 255)]
    for _ in range(rng.integers(1, 4)):
        ink = np.zeros_like(drawn)
        x, y = (int(value) for value in rng.integers(0, size, 2))
        kind, thick = rng.integers(4), int(rng.integers(1, 5))
        if kind == 0:
            text = "".join(rng.choice(list("0123456789:/-. umLXPf"), rng.integers(2, 14)))
            cv2.putText(ink, text, (x, y), int(rng.integers(0, 4)), rng.uniform(0.3, 1.6), 1, thick, cv2.LINE_8)
        elif kind == 1:
            reach = int(rng.integers(10, size // 2))
            cv2.line(ink, (x, y), (x + reach, y), 1, thick)
            cv2.line(ink, (x, y - 2 * thick), (x, y + 2 * thick), 1, thick)
            cv2.line(ink, (x + reach, y - 2 * thick), (x + reach, y + 2 * thick), 1, thick)
        elif kind == 2:
            tip = tuple(int(v) for v in np.array([x, y]) + rng.uniform(-0.3, 0.3, 2) * size)
            cv2.arrowedLine(ink, (x, y), tip, 1, thick + 1, tipLength=0.4)
        else:
            width, height = (int(value) for value in rng.integers(10, max(12, size // 4), 2))
            cv2.rectangle(ink, (x, y), (x + width, y + height), 1, cv2.FILLED if rng.random() < 0.5 else thick)
        colour = np.array(colours[int(rng.integers(len(colours)))])
        image[ink > 0] = colour
        drawn |= ink
    surface[drawn > 0] = Tissue.NO_SPECIMEN
