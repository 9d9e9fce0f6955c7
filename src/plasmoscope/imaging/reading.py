"""Reading images from anybody, safely: bounded in bytes and pixels, always returned as 8-bit RGB."""

import io
import warnings
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import AvifImagePlugin, ExifTags, Image, TiffImagePlugin, UnidentifiedImageError

from plasmoscope.errors import ToldError
from plasmoscope.extras import how_to_install
from plasmoscope.imaging.samples import orientation_number, to_rgb, turned_upright

# Raster formats that microscopes, telephones and data sets use. Formats that run other programs (EPS) stay out.
FORMATS: tuple[str, ...] = ("PNG", "JPEG", "TIFF", "BMP", "DIB", "WEBP", "AVIF", "GIF", "JPEG2000", "PPM", "TGA")
if find_spec("pillow_heif"):
    # The extra ``heic``: what iPhones save.
    import_module("pillow_heif").register_heif_opener()
    FORMATS = (*FORMATS, "HEIF")
# Pictures are decoded side by side; threads of a decoder's own cost a quarter more time and 20 MB for small ones.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1
MAX_BYTES = 64 * 1024**2  # an uncompressed photograph of 20 megapixels has 60 MB
MAX_PIXELS = 64_000_000  # microscope cameras have some 24 million at most
# No camera's picture is longer, and JPEG, in which reports show them, takes no more than twice that.
MAX_SIDE = 32_000
# Where the header of a PNG says how many bits a sample has.
_PNG_DEPTH = 24
# Kinds of HEIF that hold photographs, by ISO/IEC 23008-12; AVIF, which Pillow reads itself, is another.
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}

# Pillow warns of large pictures, which are refused here by their header, and of oddities in damaged ones, which are
# either harmless or end in an ImageError.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", module=r"PIL\.")


class ImageError(ToldError):
    """An image cannot be used; the message says why and what to do."""


def damaged(detail: object) -> ImageError:
    """What is said of an image that is cut short or altered, with the particulars in English."""
    return ImageError("damaged_image", detail=str(detail))


def read_image(source: Path | bytes, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """Decode a file that holds one image.

    EXIF orientation is applied where it can be read, transparency is laid on black (the background of segmented cells),
    more than 8 bits are scaled to 8, CMYK and palettes become RGB. Files of several pages are for ``pages.pages_of``.

    Args:
        source: a file, or the bytes of one.
        max_pixels: larger pictures are refused by their header, before anything is decoded.

    Returns:
        RGB pixels, shape (height, width, 3), 0 to 255.

    Raises:
        ImageError: empty, truncated, not an image, of an unsupported format, too large, or of several pages.
    """
    data = source if isinstance(source, bytes) else read_file(source)
    if not data:
        raise ImageError("empty_file")
    if is_tiff(data):
        from plasmoscope.imaging.tiff import read_page

        return read_page(data, max_pixels=max_pixels)
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            check_size(*image.size, max_pixels)
            # A telephone keeps smaller copies and what a bright screen shows beside the photograph.
            if (frames := getattr(image, "n_frames", 1)) > 1 and image.format not in {"JPEG", "MPO"}:
                raise ImageError("animated_image", pictures=frames)
            return _deep_png(image, data) if _is_deep_png(image, data) else read_picture(image, max_pixels)
    except ImageError:
        raise
    except UnidentifiedImageError as error:
        raise _unknown(data) from error
    except Image.DecompressionBombError as error:
        raise ImageError("far_too_many_pixels", most=round(max_pixels / 1e6)) from error
    except Exception as error:
        raise damaged(error) from error


def stored_orientation(data: bytes) -> int:
    """How the pixels of a file that ``read_image`` reads lie in it, by EXIF: 1 to 8, of which 1 is upright."""
    if is_tiff(data):
        from plasmoscope.imaging.tiff import page_orientation

        return page_orientation(data)
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            return picture_orientation(image)
    # What cannot be opened is not turned either.
    except Exception:
        return 1


def picture_orientation(image: Image.Image) -> int:
    """The same of an opened picture, which ``read_picture`` turns upright."""
    return orientation_number(_orientation(image))


def is_tiff(data: bytes) -> bool:
    """Whether a file says that it is a TIFF, of either size of offsets."""
    return data[:4] in {b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"}


def read_picture(image: Image.Image, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """The pixels of an opened picture, as ``read_image`` gives them; nothing need be decoded yet.

    Raises:
        ImageError: damaged, too large, or one of which Pillow does not give what its header promised.
    """
    check_size(*image.size, max_pixels)
    try:
        _check_depth(image)
        pixels = _to_rgb(image)
    except ImageError:
        raise
    # Pillow's decoders meet broken files with all kinds of error, none of which may stop a run over a folder.
    except Exception as error:
        raise damaged(error) from error
    return turned_upright(pixels, _orientation(image))


def check_size(width: int, height: int, max_pixels: int = MAX_PIXELS) -> None:
    """Refuse a picture by what its header promises.

    Raises:
        ImageError: it has too many pixels, or a side is too long.
    """
    if width * height > max_pixels:
        raise ImageError("too_many_pixels", size=f"{width} x {height}", most=round(max_pixels / 1e6))
    if max(width, height) > MAX_SIDE:
        raise ImageError("side_too_long", size=f"{width} x {height}", most=MAX_SIDE)


def read_file(path: Path) -> bytes:
    """The content of a file of at most ``MAX_BYTES``.

    Raises:
        ImageError: missing, not readable or too large.
    """
    try:
        with path.open("rb") as stream:
            return read_limited(stream)
    except OSError as error:
        raise ImageError("file_not_opened", detail=error.strerror or str(error)) from error


def read_limited(stream: IO[bytes]) -> bytes:
    """What is left of a stream, whatever size it claims to have.

    Raises:
        ImageError: it is longer than ``MAX_BYTES``, of which no more is read.
    """
    data = stream.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ImageError("file_too_large", most=MAX_BYTES // 1024**2)
    return data


def _unknown(data: bytes) -> ImageError:
    if data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS:
        return ImageError("heic_photograph", command=how_to_install("heic"))
    return ImageError("unknown_format")


def _to_rgb(image: Image.Image) -> NDArray[np.uint8]:
    if image.mode.startswith(("I", "F")):
        return to_rgb(np.asarray(image))
    if image.has_transparency_data:
        whole = np.asarray(image.convert("RGBA"))
        return to_rgb(whole[:, :, :3], whole[:, :, 3])
    return np.asarray(image.convert("RGB"))


def _check_depth(image: Image.Image) -> None:
    """Pillow reads a TIFF of more than 8 bits a colour as 8, and one of separate planes as stripes."""
    if isinstance(image, TiffImagePlugin.TiffImageFile) and image.mode.startswith("RGB"):
        bits = image.tag_v2.get(TiffImagePlugin.BITSPERSAMPLE, (8,))
        if max(bits) > 8:
            raise ImageError("deep_in_pillow", bits=max(bits))


def _is_deep_png(image: Image.Image, data: bytes) -> bool:
    return image.format == "PNG" and data[_PNG_DEPTH] == 16


def _deep_png(image: Image.Image, data: bytes) -> NDArray[np.uint8]:
    """A PNG of 16 bits, of which Pillow keeps the upper 8: a camera of 12 bits leaves most of those empty."""
    import imagecodecs

    samples = imagecodecs.png_decode(data)
    if samples.shape[:2] != (image.height, image.width) or samples.dtype != np.uint16:
        raise damaged(f"{samples.dtype} of {samples.shape} was found where 16 bits were promised")
    samples = samples.reshape(*samples.shape[:2], -1)
    opaque = samples.shape[2] in {1, 3}
    colours = samples if opaque else samples[:, :, :-1]
    rgb = to_rgb(colours[:, :, 0] if colours.shape[2] == 1 else colours, None if opaque else samples[:, :, -1])
    return turned_upright(rgb, _orientation(image))


def _orientation(image: Image.Image) -> object:
    """What EXIF says of it; None where that is missing, or no EXIF, which harms no pixel."""
    try:
        return image.getexif().get(ExifTags.Base.Orientation)
    except Exception:
        return None
