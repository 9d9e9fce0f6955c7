"""From a picture's samples, of whatever depth and colours they are, to upright 8-bit RGB."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# Cameras of these depths save their samples in 16 bits; so do programs that widen 8 bits.
_CAMERA_DEPTHS = (8, 10, 12, 14, 16)


def eight_bits(samples: NDArray[np.generic], depth: int | None = None) -> NDArray[np.uint8]:
    """Samples of any kind over 0 to 255.

    Integers of more than 8 bits go by the smallest depth of a camera that holds the brightest of them: one of 12 bits
    uses a sixteenth of its file's 16. Floating-point ones are stretched over what they span. Negative integers, and
    what is not a number, count as 0.

    Args:
        samples: integers, floating-point numbers or truth values, of any shape.
        depth: bits that the file says they use, where that is another number than their type's.
    """
    if samples.dtype == np.uint8 and depth in {None, 8}:
        return np.asarray(samples, np.uint8)
    values = samples.astype(np.float32)
    low = 0.0
    if np.issubdtype(samples.dtype, np.floating):
        values = np.nan_to_num(values, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
        low, high = float(values.min()), float(values.max())
    elif samples.dtype == np.bool_:
        high = 1.0
    else:
        high = 2.0**depth - 1 if depth else _range(int(samples.max()))
    values -= low
    values *= 255.0 / max(high - low, 1e-12)
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def to_rgb(
    colours: NDArray[np.generic], alpha: NDArray[np.generic] | None = None, depth: int | None = None
) -> NDArray[np.uint8]:
    """Grey or coloured samples as RGB on black, the background of segmented cells.

    Args:
        colours: shape (h, w) or (h, w, 3), not multiplied by ``alpha``.
        alpha: how opaque each pixel is, shape (h, w); one that is the same everywhere parts nothing from anything, and
            some programs write it as 0, so it counts as opaque.
        depth: as ``eight_bits`` takes it.

    Returns:
        Shape (h, w, 3).
    """
    rgb = eight_bits(colours, depth)
    if rgb.ndim == 2:
        rgb = np.repeat(rgb[:, :, None], 3, axis=2)
    if alpha is None or alpha.min() == alpha.max():
        return rgb
    share = alpha.astype(np.float32) / np.float32(alpha.max())
    return np.rint(rgb * share[:, :, None]).astype(np.uint8)


def from_mode(samples: NDArray[np.uint8], mode: str) -> NDArray[np.uint8]:
    """8-bit samples of another set of colours as RGB.

    Args:
        samples: shape (h, w, channels), contiguous.
        mode: what Pillow calls the colours, such as ``CMYK``.
    """
    height, width = samples.shape[:2]
    return np.asarray(Image.frombytes(mode, (width, height), np.ascontiguousarray(samples).tobytes()).convert("RGB"))


def orientation_number(said: object) -> int:
    """How stored pixels lie, by EXIF and TIFF, 1 to 8; what is no such number says nothing, and counts as 1: upright.

    Args:
        said: what stands in the file.
    """
    try:
        number = int(said)  # type: ignore[call-overload]
    except (TypeError, ValueError, OverflowError, ZeroDivisionError):
        return 1
    return number if 1 <= number <= 8 else 1


def turned_upright(pixels: NDArray[np.uint8], orientation: object) -> NDArray[np.uint8]:
    """Pixels as they are to be looked at.

    Args:
        pixels: shape (h, w, 3), as stored.
        orientation: as ``orientation_number`` takes it.
    """
    number = orientation_number(orientation)
    if number in {5, 6, 7, 8}:
        pixels = pixels.swapaxes(0, 1)
    if number in {3, 4, 7, 8}:
        pixels = pixels[::-1]
    if number in {2, 3, 6, 7}:
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def as_stored(x: int, y: int, width: int, height: int, orientation: int) -> tuple[int, int]:
    """Where a pixel of the upright picture lies in the stored one, for programs that do not turn it upright.

    Args:
        x, y: of the pixel, from 0.
        width, height: of the upright picture.
        orientation: 1 to 8.
    """
    if orientation in {2, 3, 6, 7}:
        x = width - 1 - x
    if orientation in {3, 4, 7, 8}:
        y = height - 1 - y
    return (y, x) if orientation in {5, 6, 7, 8} else (x, y)


def _range(highest: int) -> float:
    """The largest value of the depth that the brightest sample tells."""
    return next((2.0**depth - 1 for depth in _CAMERA_DEPTHS if highest < 2**depth), float(highest))
