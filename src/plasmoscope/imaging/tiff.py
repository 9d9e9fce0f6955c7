"""TIFF as microscopes, ImageJ and OME write it: every page a picture, whatever depth, planes and channels it has."""

import io
import logging
import math
import re
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tifffile import COMPRESSION, PHOTOMETRIC, TiffFile, TiffFrame, TiffPage, TiffPageSeries

from plasmoscope.imaging.reading import MAX_PIXELS, ImageError, check_size, damaged
from plasmoscope.imaging.samples import eight_bits, from_mode, orientation_number, to_rgb, turned_upright

# A slide has fewer fields.
MAX_PAGES = 500
# Of a whole file: a hundred photographs of a common camera.
MAX_FILE_PIXELS = 8 * MAX_PIXELS
# A channel of each page may have a directory of its own, and a small copy beside it.
_MAX_DIRECTORIES = 8 * MAX_PAGES
# Of a decoded page: 16-bit RGB with alpha.
_MAX_BYTES_PER_PIXEL = 8
# What programs save photographs with. Others are for plans, films and planets; each more is a decoder to trust.
_COMPRESSIONS = frozenset(
    {
        COMPRESSION.NONE, COMPRESSION.LZW, COMPRESSION.JPEG, COMPRESSION.ADOBE_DEFLATE, COMPRESSION.DEFLATE,
        COMPRESSION.PACKBITS, COMPRESSION.LZMA, COMPRESSION.ZSTD, COMPRESSION.WEBP, COMPRESSION.JPEG2000,
    }
)  # fmt: skip
# Their pieces say again how large they are.
_WITH_HEADERS = {COMPRESSION.JPEG: "JPEG", COMPRESSION.WEBP: "WEBP", COMPRESSION.JPEG2000: "JPEG2000"}
_GREY = (PHOTOMETRIC.MINISBLACK, PHOTOMETRIC.MINISWHITE)
# By TIFF 6.0: kinds of further samples.
_MULTIPLIED_ALPHA, _ALPHA = 1, 2
_ORIENTATION = 274  # tag, by TIFF 6.0
_OME_COLOUR = re.compile(r'<(?:\w+:)?Channel\b[^>]*\bColor="(-?\d+)"')

# What it complains of is checked here, and ends in an ImageError or is harmless.
logging.getLogger("tifffile").setLevel(logging.CRITICAL)


class _Plane(NamedTuple):
    """One picture in a file: where its channels lie in a series of pages."""

    series: TiffPageSeries
    pages: tuple[int, ...]
    """Indices into the series, one for each channel that has a page of its own."""


def count_pages(stream: IO[bytes]) -> int:
    """How many pictures a TIFF holds: pages, but no thumbnails, masks, or channels of one picture.

    Only headers are read, not the pictures.

    Raises:
        ImageError: damaged, or too many pages or pixels for one file.
    """
    with _opened(stream) as file:
        return len(_planes(file))


def read_page(data: bytes, number: int | None = None, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """Decode one page of a TIFF.

    Args:
        number: from 1; None takes the only one.
        max_pixels: larger pages are refused by their header.

    Returns:
        Upright RGB, shape (height, width, 3); transparency is laid on black.

    Raises:
        ImageError: damaged, of a kind that cannot be read, too large, not there, or several while none is named.
    """
    with _opened(io.BytesIO(data)) as file:
        planes = _planes(file)
        if number is None and len(planes) > 1:
            raise ImageError("several_pages", pages=len(planes))
        if not 0 <= (index := (number or 1) - 1) < len(planes):
            raise ImageError("no_such_page", page=index + 1, pages=len(planes))
        return _read(file, data, planes[index], max_pixels)


def page_orientation(data: bytes) -> int:
    """How the pixels of a TIFF's only page lie in it, 1 to 8.

    Raises:
        ImageError: damaged.
    """
    with _opened(io.BytesIO(data)) as file:
        return _orientation(_planes(file)[0].series.keyframe)


@contextmanager
def _opened(stream: IO[bytes]) -> Iterator[TiffFile]:
    directories = _directories(stream)
    stream.seek(0)
    try:
        with TiffFile(stream, _multifile=False) as file:
            if len(file.pages) != directories:
                raise damaged(f"of {directories} pages {len(file.pages)} can be found")
            yield file
    except ImageError:
        raise
    # Broken files bring all kinds of error out of the decoders, none of which may stop a run over a folder.
    except Exception as error:
        raise damaged(error) from error


def _directories(stream: IO[bytes]) -> int:
    """How many image directories are chained in a file: the reader passes over those that it cannot reach.

    Raises:
        ImageError: the chain breaks off, comes back to itself, or is too long.
    """
    head = stream.read(4)
    order = "<" if head[:2] == b"II" else ">"
    big = head[2:] in {b"+\0", b"\0+"}
    count_format, offset_format, entry = ("Q", "Q", 20) if big else ("H", "I", 12)
    seen: set[int] = set()

    def number(kind: str, place: int) -> int:
        stream.seek(place)
        return int(struct.unpack(order + kind, stream.read(struct.calcsize(order + kind)))[0])

    place = 8 if big else 4
    try:
        while offset := number(offset_format, place):
            if offset in seen:
                raise damaged("its list of pages has no end")
            seen.add(offset)
            if len(seen) > _MAX_DIRECTORIES:
                raise ImageError("endless_pages", pages=_MAX_DIRECTORIES, most=MAX_PAGES)
            place = offset + struct.calcsize(order + count_format) + entry * number(count_format, offset)
    except (struct.error, OverflowError) as error:
        raise damaged(f"its list of pages breaks off after {len(seen)}") from error
    if not seen:
        raise damaged("it holds no page")
    return len(seen)


def _planes(file: TiffFile) -> list[_Plane]:
    described = sum(len(level) for series in file.series for level in series.levels)
    if described < len(file.pages):
        raise ImageError("pages_missing", promised=described, pages=len(file.pages))
    planes = [plane for series in file.series if not _beside(series.keyframe) for plane in _planes_of(series)]
    if not planes:
        raise ImageError("only_a_preview")
    if len(planes) > MAX_PAGES:
        raise ImageError("too_many_pages", pages=len(planes), most=MAX_PAGES)
    pixels = sum(plane.series.keyframe.imagewidth * plane.series.keyframe.imagelength for plane in planes)
    if len(planes) > 1 and pixels > MAX_FILE_PIXELS:
        raise ImageError(
            "pages_too_large",
            pages=len(planes),
            pixels=round(pixels / 1e6),
            most=round(MAX_FILE_PIXELS / 1e6),
        )
    return sorted(planes, key=_place)


def _place(plane: _Plane) -> tuple[int, int]:
    """Where in the file a picture lies: a series gathers pages of one size, whatever lies between them."""
    series, first = plane.series, plane.pages[0]
    page = None if series.is_truncated else series[first]
    return (series.keyframe.index if page is None else page.index), first


def _beside(page: TiffPage) -> bool:
    """Whether a page is a thumbnail or a mask of another."""
    return bool(page.is_reduced or page.is_mask)


def _planes_of(series: TiffPageSeries) -> list[_Plane]:
    """Each picture of a series; those that differ only in their channel are one."""
    outer = _outer(series)
    places = np.arange(math.prod(series.shape[: len(outer)]), dtype=int).reshape(series.shape[: len(outer)])
    if "C" in outer and "S" not in series.axes:
        places = np.moveaxis(places, outer.index("C"), -1).reshape(-1, places.shape[outer.index("C")])
    else:
        places = places.reshape(-1, 1)
    return [_Plane(series, tuple(int(page) for page in row)) for row in places]


def _outer(series: TiffPageSeries) -> str:
    """The axes along which the pages of a series lie; the others are within a page."""
    pages = math.prod(series.shape) // max(1, math.prod(series.keyframe.shape))
    count, end = 1, 0
    while count < pages and end < len(series.axes):
        count *= series.shape[end]
        end += 1
    if count != pages:
        raise damaged("its pages do not fill what it says to hold")
    return str(series.axes[:end])


def _read(file: TiffFile, data: bytes, plane: _Plane, max_pixels: int) -> NDArray[np.uint8]:
    page = plane.series.keyframe
    check_size(page.imagewidth, page.imagelength, max_pixels)
    channels = len(plane.pages)
    if page.compression not in _COMPRESSIONS:
        raise ImageError("unknown_compression", compression=_name(page.compression))
    if page.dtype is None or page.dtype.kind not in "buif":
        raise ImageError("unknown_samples")
    if page.imagedepth != 1 or channels * page.nbytes > _MAX_BYTES_PER_PIXEL * max_pixels:
        raise ImageError("too_much_memory", needed=round(channels * page.nbytes / 1e6))
    samples = [_samples(data, plane.series, index) for index in plane.pages]
    rgb = _from_channels(file, samples, page) if channels > 1 else _from_samples(samples[0], page)
    return turned_upright(rgb, _orientation(page))


def _orientation(page: TiffPage) -> int:
    tag = page.tags.get(_ORIENTATION)
    return orientation_number(tag.value if tag else 1)


def _samples(data: bytes, series: TiffPageSeries, index: int) -> NDArray[np.generic]:
    """The samples of a page, shape (h, w) or (h, w, samples), checked against what its header promised."""
    key, promised = series.keyframe, np.dtype(series.dtype)
    if series.dataoffset is not None:
        # ImageJ writes a directory for the first page alone, and the others' samples behind those of the first.
        kind = promised.newbyteorder(key.parent.byteorder)
        found = np.frombuffer(data, kind, math.prod(key.shape), series.dataoffset + index * key.nbytes)
        found = found.reshape(key.shape)
    elif (page := series[index]) is None:
        raise damaged(f"page {index + 1} is missing, or lies in another file")
    else:
        _check_pieces(data, page, key)
        found = page.asarray(maxworkers=1)
    if found.shape != key.shape or found.dtype.newbyteorder("=") != promised:
        raise damaged(f"{found.dtype} of {found.shape} was found where {promised} of {key.shape} was promised")
    if key.axes == "SYX":
        found = np.moveaxis(found, 0, -1)
    elif key.axes not in {"YX", "YXS"}:
        raise ImageError("pages_no_pictures", axes=str(key.axes))
    if found.shape[:2] != (key.imagelength, key.imagewidth):
        raise damaged("a page has not the size that its header promised")
    return cast(NDArray[np.generic], found)


def _check_pieces(data: bytes, page: TiffPage | TiffFrame, key: TiffPage) -> None:
    """Every strip or tile is there, and of the size that the page's header promised; missing ones would read as black.

    Raises:
        ImageError: one is not.
    """
    offsets, lengths = page.dataoffsets, page.databytecounts
    if len(offsets) < math.prod(key.chunked) or len(lengths) < len(offsets):
        raise damaged("parts of a page are missing")
    for offset, length in zip(offsets, lengths, strict=False):
        if not offset or not length or offset + length > len(data):
            raise damaged("a part of a page lies beyond its end")
    kind = _WITH_HEADERS.get(COMPRESSION(key.compression))
    if kind is None:
        return
    rows, columns = (key.tilelength, key.tilewidth) if key.is_tiled else (key.rowsperstrip, key.imagewidth)
    for offset, length in zip(offsets, lengths, strict=False):
        with Image.open(io.BytesIO(data[offset : offset + length]), formats=(kind,)) as piece:
            if piece.width != columns or piece.height > rows:
                raise damaged(f"a part of {piece.width} x {piece.height} pixels lies where {columns} x {rows} fit")


def _from_samples(samples: NDArray[np.generic], page: TiffPage) -> NDArray[np.uint8]:
    """RGB, shape (h, w, 3), of samples, shape (h, w) or (h, w, samples), as the page's header explains them."""
    depth = _depth(page)
    further = len(page.extrasamples)
    colours, alpha = samples, None
    if samples.ndim == 3:
        colours = samples[:, :, : samples.shape[2] - further]
        kinds = [int(kind) for kind in page.extrasamples]
        if _ALPHA in kinds:
            alpha = samples[:, :, colours.shape[2] + kinds.index(_ALPHA)]
        unexplained = alpha is None and _MULTIPLIED_ALPHA not in kinds
        if page.photometric in _GREY and unexplained and colours.shape[2] == 1 and samples.shape[2] in {3, 4}:
            # Programs for arrays write colours without a word on what they are.
            colours = samples[:, :, :3]
        if colours.shape[2] == 1:
            colours = colours[:, :, 0]
    count = 1 if colours.ndim == 2 else colours.shape[2]
    if page.photometric == PHOTOMETRIC.PALETTE and count == 1 and page.colormap is not None:
        # Colours of 16 bits, into which programs widen 8 in two ways.
        palette = (page.colormap >> 8 if page.colormap.max() > 255 else page.colormap).astype(np.uint8).T
        if int(colours.max()) >= len(palette):
            raise damaged("it names a colour that its palette has not")
        return to_rgb(palette[colours.astype(np.intp)], alpha)
    if page.photometric == PHOTOMETRIC.MINISWHITE and count == 1:
        return 255 - to_rgb(colours, None, depth)
    if page.photometric in (*_GREY, PHOTOMETRIC.RGB) and count in {1, 3}:
        return to_rgb(colours, alpha, depth)
    if page.photometric == PHOTOMETRIC.YCBCR and count == 3 and colours.dtype == np.uint8:
        decoded = page.compression in _WITH_HEADERS
        return to_rgb(colours, alpha) if decoded else from_mode(eight_bits(colours), "YCbCr")
    if page.photometric == PHOTOMETRIC.SEPARATED and count == 4:
        return from_mode(eight_bits(colours, depth), "CMYK")
    raise ImageError("unknown_colours", colours=_name(page.photometric), samples=count)


def _from_channels(file: TiffFile, samples: Sequence[NDArray[np.generic]], page: TiffPage) -> NDArray[np.uint8]:
    """RGB, shape (h, w, 3), of channels that have a page each, shape (h, w): red, green and blue, or as coloured."""
    if len(samples) != 3 or samples[0].ndim != 2:
        raise ImageError("unknown_channels", channels=len(samples))
    channels = eight_bits(np.stack(samples, axis=2), _depth(page))
    colours = _channel_colours(file)
    # One colour for all, or none, says nothing of what each is.
    if colours is None or len({tuple(colour) for colour in colours.tolist()}) == 1:
        return channels
    mixed = channels.astype(np.float32) @ colours.astype(np.float32)
    return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)


def _channel_colours(file: TiffFile) -> NDArray[np.float64] | None:
    """What each channel is shown as, shape (3, 3), RGB from 0 to 1; None where the file does not say."""
    tables = (file.imagej_metadata or {}).get("LUTs") or []
    if len(tables) == 3:
        return np.array([table[:, -1] for table in tables]) / 255
    said = [int(colour) & 0xFFFFFFFF for colour in _OME_COLOUR.findall(file.ome_metadata or "")]
    if len(said) == 3:
        return np.array([[colour >> 24, colour >> 16 & 255, colour >> 8 & 255] for colour in said]) / 255
    return None


def _depth(page: TiffPage) -> int | None:
    """Bits of a sample where they are fewer than its type's, such as 12 that are packed."""
    bits = page.bitspersample
    return bits if isinstance(bits, int) and page.dtype is not None and bits < 8 * page.dtype.itemsize else None


def _name(value: object) -> str:
    return str(getattr(value, "name", value))
