"""Reading images from anybody, safely: bounded in bytes and pixels, always returned as 8-bit RGB."""

import io
import warnings
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from plasmoscope.errors import PlasmoscopeError
from plasmoscope.extras import how_to_install

# Raster formats that microscopes, telephones and data sets use. Formats that run other programs (EPS) stay out.
FORMATS: tuple[str, ...] = ("PNG", "JPEG", "TIFF", "BMP", "DIB", "WEBP", "AVIF", "GIF", "JPEG2000", "PPM", "TGA")
if find_spec("pillow_heif"):
    # The extra ``heic``: what iPhones save.
    import_module("pillow_heif").register_heif_opener()
    FORMATS = (*FORMATS, "HEIF")
MAX_BYTES = 64 * 1024**2
MAX_PIXELS = 64_000_000
# No camera's picture is longer, and JPEG, in which reports show them, takes no more than twice that.
MAX_SIDE = 32_000
# Kinds of HEIF that hold photographs, by ISO/IEC 23008-12; AVIF, which Pillow reads itself, is another.
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_DAMAGED = "the image is damaged or cut short ({}); copy or export it again"

# Pillow warns of large pictures, which are refused here by their header, and of oddities in damaged ones, which are
# either harmless or end in an ImageError.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", module=r"PIL\.")


class ImageError(PlasmoscopeError):
    """An image cannot be used; the message says why and what to do."""


def read_image(source: Path | bytes, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """Decode one image.

    EXIF orientation is applied, transparency is laid on black (the background of segmented cells), 16-bit and
    floating-point grey is scaled to 8 bits, CMYK and palettes become RGB. Of several frames the first is read.

    Args:
        source: a file, or the bytes of one.
        max_pixels: larger pictures are refused by their header, before anything is decoded.

    Returns:
        RGB pixels, shape (height, width, 3), 0 to 255.

    Raises:
        ImageError: empty, truncated, not an image, of an unsupported format, or too large.
    """
    data = source if isinstance(source, bytes) else read_file(source)
    if not data:
        raise ImageError("the file is empty; copy it again from where it came")
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            return read_picture(image, max_pixels)
    except ImageError:
        raise
    except UnidentifiedImageError as error:
        raise ImageError(_unknown(data)) from error
    except Image.DecompressionBombError as error:
        raise ImageError(_too_many_pixels("its", max_pixels)) from error
    except Exception as error:
        raise ImageError(_DAMAGED.format(error)) from error


def read_picture(image: Image.Image, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """The pixels of an opened picture, as ``read_image`` gives them; nothing need be decoded yet.

    Raises:
        ImageError: damaged or too large.
    """
    if image.width * image.height > max_pixels:
        raise ImageError(_too_many_pixels(f"{image.width} x {image.height}", max_pixels))
    if max(image.size) > MAX_SIDE:
        raise ImageError(
            f"{image.width} x {image.height} pixels: no side may be longer than {MAX_SIDE:,}; cut the picture up"
        )
    try:
        return _to_rgb(image)
    # Pillow's decoders meet broken files with all kinds of error, none of which may stop a run over a folder.
    except Exception as error:
        raise ImageError(_DAMAGED.format(error)) from error


def read_file(path: Path) -> bytes:
    """The content of a file of at most ``MAX_BYTES``.

    Raises:
        ImageError: missing, not readable or too large.
    """
    try:
        with path.open("rb") as stream:
            return read_limited(stream)
    except OSError as error:
        raise ImageError(f"the file cannot be opened ({error.strerror or error})") from error


def read_limited(stream: IO[bytes]) -> bytes:
    """What is left of a stream, whatever size it claims to have.

    Raises:
        ImageError: it is longer than ``MAX_BYTES``, of which no more is read.
    """
    data = stream.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ImageError(f"more than the {MAX_BYTES // 1024**2} MB allowed; export a smaller file")
    return data


def _unknown(data: bytes) -> str:
    if data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS:
        return (
            "a HEIC photograph, as iPhones save them: choose 'Most Compatible' under Settings, Camera, Formats, or "
            f"install what reads them with: {how_to_install('heic')}"
        )
    return "not an image in a format that can be read (PNG, JPEG, TIFF, BMP, WebP, ...)"


def _too_many_pixels(dimensions: str, allowed: int) -> str:
    return f"{dimensions} pixels are more than the {allowed / 1e6:.0f} million allowed; make the picture smaller"


def _to_rgb(image: Image.Image) -> NDArray[np.uint8]:
    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith(("I", "F")):
        return _grey_to_rgb(np.asarray(upright))
    if upright.has_transparency_data:
        opaque = Image.new("RGBA", upright.size, (0, 0, 0, 255))
        opaque.alpha_composite(upright.convert("RGBA"))
        upright = opaque
    return np.asarray(upright.convert("RGB"))


def _grey_to_rgb(grey: NDArray[np.generic]) -> NDArray[np.uint8]:
    """16- or 32-bit grey, shape (h, w), to RGB; the range is the type's, or the data's where it has none."""
    values = grey.astype(np.float32)
    if np.issubdtype(grey.dtype, np.floating):
        values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
        low, high = float(values.min()), float(values.max())
    else:
        # Pillow widens 16-bit grey to 32 bits in some formats, so the values decide between the two.
        low, high = 0.0, 65535.0 if values.max() <= 65535 else float(values.max())
    scaled = (values - low) * (255.0 / max(high - low, 1e-12))
    return np.repeat(np.clip(np.rint(scaled), 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)
