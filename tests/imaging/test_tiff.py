"""TIFFs as microscopes and their programs write them, against the same picture in 8 bits."""

import contextlib
import io
import struct
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from plasmoscope.imaging import tiff
from plasmoscope.imaging.reading import ImageError, read_image
from plasmoscope.imaging.tiff import read_page
from plasmoscope.synthetic.rendering import render_field
from shared_data import shared_path

PICTURE = np.ascontiguousarray(render_field(7, 120, 96, cells=3, cell_diameter=30).image)
PLANES = np.moveaxis(PICTURE, 2, 0)
TWELVE_BITS = ((PICTURE.astype(np.uint32) * 4095 + 127) // 255).astype(np.uint16)


def written(samples: np.ndarray, **how: Any) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, samples, **how)
    return stream.getvalue()


def count_pages(data: bytes) -> int:
    return tiff.count_pages(io.BytesIO(data))


def off(read: np.ndarray) -> int:
    """By how much a picture differs from the one in 8 bits, at most."""
    assert read.shape == PICTURE.shape
    return int(np.abs(read.astype(int) - PICTURE).max())


# Named, as what some of them write holds the time of day.
WAYS = {
    "rgb": written(PICTURE, photometric="rgb"),
    "big-endian": written(PICTURE, photometric="rgb", byteorder=">"),
    "bigtiff": written(PICTURE, photometric="rgb", bigtiff=True),
    "lzw": written(PICTURE, photometric="rgb", compression="lzw", predictor=True),
    "zlib tiles": written(PICTURE, photometric="rgb", compression="zlib", tile=(32, 32)),
    "zstd": written(PICTURE, photometric="rgb", compression="zstd"),
    "planes": written(PLANES, photometric="rgb", planarconfig="separate"),
    "planes lzw": written(PLANES, photometric="rgb", planarconfig="separate", compression="lzw"),
    "16 bits": written(PICTURE.astype(np.uint16) * 257, photometric="rgb"),
    "planes of 16 bits": written(PLANES.astype(np.uint16) * 257, photometric="rgb", planarconfig="separate"),
    "planes of 16 bits lzw": written(
        PLANES.astype(np.uint16) * 257, photometric="rgb", planarconfig="separate", compression="lzw"
    ),
    "8 bits in 16": written(PICTURE.astype(np.uint16), photometric="rgb"),
    "12 bits in 16": written(TWELVE_BITS, photometric="rgb"),
    "unassociated alpha": written(
        np.dstack([PICTURE, np.zeros((96, 120), np.uint8)]), photometric="rgb", extrasamples=["unassalpha"]
    ),
    "associated alpha": written(
        np.dstack([PICTURE, np.zeros((96, 120), np.uint8)]), photometric="rgb", extrasamples=["assocalpha"]
    ),
    "an extra channel": written(
        np.dstack([PICTURE, np.full((96, 120), 9, np.uint8)]), photometric="rgb", extrasamples=["unspecified"]
    ),
    "grey channels": written(PICTURE, photometric="minisblack", planarconfig="contig"),
    "imagej": written(PLANES, imagej=True, metadata={"axes": "CYX", "mode": "composite"}),
    "imagej of 16 bits": written(
        PLANES.astype(np.uint16) * 257, imagej=True, metadata={"axes": "CYX", "mode": "composite"}
    ),
    "ome": written(PLANES, ome=True, metadata={"axes": "CYX"}),
    "ome zlib": written(PLANES, ome=True, metadata={"axes": "CYX"}, compression="zlib"),
    "ome rgb": written(PICTURE, ome=True, photometric="rgb", metadata={"axes": "YXS"}),
}


@pytest.mark.parametrize("data", WAYS.values(), ids=WAYS)
def test_each_way_of_writing_a_picture_gives_its_pixels(data: bytes) -> None:
    assert count_pages(data) == 1
    assert off(read_image(data)) <= 1


def test_channels_go_by_the_colours_that_the_file_gives_them() -> None:
    backwards = np.ascontiguousarray(PLANES[::-1])
    ramp, none = np.arange(256, dtype=np.uint8), np.zeros(256, np.uint8)
    tables = [np.stack(table) for table in ((none, none, ramp), (none, ramp, none), (ramp, none, none))]
    imagej = written(backwards, imagej=True, metadata={"axes": "CYX", "mode": "composite", "LUTs": tables})
    assert off(read_image(imagej)) == 0
    colours = [0x0000FFFF, 0x00FF00FF, 0xFF0000FF - 2**32]
    ome = written(backwards, ome=True, metadata={"axes": "CYX", "Channel": {"Color": colours}})
    assert off(read_image(ome)) == 0


def test_channels_that_are_no_photograph_in_colour_are_refused_with_what_to_do() -> None:
    two = written(PLANES[:2], imagej=True, metadata={"axes": "CYX"})
    with pytest.raises(ImageError, match=r"2 channels .* RGB Color"):
        read_image(two)


def test_every_page_is_read_and_a_thumbnail_or_a_mask_is_none() -> None:
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as file:
        for page in (PICTURE, PICTURE[:48], 255 - PICTURE):
            file.write(page, photometric="rgb", compression="lzw", metadata=None)
        file.write(PICTURE[::4, ::4], photometric="rgb", subfiletype=1, metadata=None)
        file.write(PICTURE[:, :, 0] > 200, photometric="mask", subfiletype=4, metadata=None)
    data = stream.getvalue()
    assert count_pages(data) == 3
    assert np.array_equal(read_page(data, 2), PICTURE[:48])
    assert np.array_equal(read_page(data, 3), 255 - PICTURE)
    with pytest.raises(ImageError, match=r"holds 3 pages"):
        read_image(data)
    with pytest.raises(ImageError, match=r"no page 4.* 1 to 3"):
        read_page(data, 4)


def test_a_stack_of_channels_and_times_has_a_page_for_each_time() -> None:
    stack = np.stack([PLANES, 255 - PLANES])
    for data in (
        written(stack, imagej=True, metadata={"axes": "TCYX"}),
        written(stack, ome=True, metadata={"axes": "TCYX"}, compression="zlib"),
    ):
        assert count_pages(data) == 2
        assert off(read_page(data, 1)) == 0
        assert np.array_equal(read_page(data, 2), 255 - PICTURE)


def test_orientation_is_applied_and_nonsense_in_it_harms_no_pixel() -> None:
    for orientation, right in (
        (1, PICTURE),
        (2, PICTURE[:, ::-1]),
        (3, PICTURE[::-1, ::-1]),
        (4, PICTURE[::-1]),
        (5, PICTURE.swapaxes(0, 1)),
        (6, np.rot90(PICTURE, -1)),
        (7, np.rot90(PICTURE, 2).swapaxes(0, 1)),
        (8, np.rot90(PICTURE)),
        (99, PICTURE),
    ):
        data = written(PICTURE, photometric="rgb", extratags=[(274, "H", 1, orientation, True)])
        assert np.array_equal(read_image(data), right), orientation


def test_palettes_cmyk_and_white_that_is_zero_are_read() -> None:
    def saved(picture: Image.Image, **how: object) -> bytes:
        stream = io.BytesIO()
        picture.save(stream, "TIFF", **how)
        return stream.getvalue()

    picture = Image.fromarray(PICTURE)
    few = picture.quantize(32)
    assert np.array_equal(read_image(saved(few)), np.asarray(few.convert("RGB")))
    assert off(read_image(saved(picture.convert("CMYK")))) <= 1
    assert off(read_image(saved(picture.convert("YCbCr")))) <= 3
    assert np.abs(read_image(saved(picture, compression="jpeg", quality=95)).astype(int) - PICTURE).mean() < 4
    grey = PICTURE[:, :, 1]
    assert np.array_equal(read_image(written(255 - grey, photometric="miniswhite"))[:, :, 0], grey)
    assert set(np.unique(read_image(saved(picture.convert("1"))))) == {0, 255}


def test_what_cannot_be_read_is_named_with_what_to_do() -> None:
    with pytest.raises(ImageError, match=r"compression \(JPEGXL\) cannot be read; save it as PNG"):
        read_image(written(PICTURE, photometric="rgb", compression="jpegxl"))
    with pytest.raises(ImageError, match=r"CIELAB.* save it as 8-bit RGB"):
        read_image(written(PICTURE, photometric="cielab"))
    with pytest.raises(ImageError, match="no kind that a camera writes"):
        read_image(written(PICTURE[:, :, 0].astype(np.complex64)))
    with pytest.raises(ImageError, match="raw files"):
        read_image(written(PICTURE, photometric="rgb", subfiletype=1))


@pytest.mark.parametrize("how", [{}, {"compression": "zlib", "tile": (32, 32)}, {"compression": "lzw"}], ids=str)
def test_a_file_that_is_cut_short_is_never_read_in_part(how: dict[str, Any]) -> None:
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as file:
        for _ in range(3):
            file.write(PICTURE, photometric="rgb", metadata=None, rowsperstrip=16, **how)
    data = stream.getvalue()
    for share in (0.1, 0.3, 0.5, 0.7, 0.9, 0.99):
        cut = data[: int(share * len(data))]
        with pytest.raises(ImageError):
            read_page(cut, 3)
        with contextlib.suppress(ImageError):
            assert np.array_equal(read_page(cut, 1), PICTURE)


def test_a_header_that_promises_other_than_what_is_there_is_refused() -> None:
    data = bytearray(written(PICTURE, photometric="rgb", compression="jpeg", metadata=None))
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        width = file.pages.first.tags["ImageWidth"]
        place = width.offset + 8
    data[place : place + 4] = struct.pack("<I", 100)
    with pytest.raises(ImageError, match="120 x 96 pixels lies where 100 x"):
        read_image(bytes(data))
    missing = bytearray(written(PICTURE, photometric="rgb", compression="lzw", rowsperstrip=16, metadata=None))
    with tifffile.TiffFile(io.BytesIO(missing)) as file:
        counts = file.pages.first.tags["StripByteCounts"].valueoffset
    missing[counts : counts + 2] = b"\0\0"
    with pytest.raises(ImageError, match="lies beyond its end"):
        read_image(bytes(missing))


def test_pages_that_the_description_forgets_are_not_dropped_in_silence() -> None:
    data = written(np.stack([PICTURE] * 3), imagej=True).replace(b"=3\nchannels=3", b"=2\nchannels=2")
    with pytest.raises(ImageError, match="says to hold 2 pages and holds 3"):
        count_pages(data)


def test_pages_and_pixels_of_a_file_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    data = written(np.stack([PICTURE] * 4), photometric="rgb", compression="zlib")
    monkeypatch.setattr(tiff, "MAX_FILE_PIXELS", 3 * 96 * 120)
    with pytest.raises(ImageError, match=r"4 pages have .* split it"):
        count_pages(data)
    monkeypatch.setattr(tiff, "MAX_PAGES", 3)
    with pytest.raises(ImageError, match=r"4 pages, more than the 3"):
        count_pages(data)
    with pytest.raises(ImageError, match="million"):
        read_page(written(PICTURE, photometric="rgb"), max_pixels=1000)


def test_a_chain_of_pages_without_end_is_refused_at_once() -> None:
    data = bytearray(written(PICTURE[:8, :8], photometric="rgb", metadata=None))
    first = struct.unpack_from("<I", data, 4)[0]
    entries = struct.unpack_from("<H", data, first)[0]
    struct.pack_into("<I", data, first + 2 + 12 * entries, first)
    with pytest.raises(ImageError, match="no end"):
        count_pages(bytes(data))
    many = b"II*\0\x08\0\0\0" + b"".join(struct.pack("<HI", 0, 8 + 6 * (n + 1)) for n in range(100_000))
    with pytest.raises(ImageError, match=r"more than .* pages"):
        count_pages(many)


@pytest.mark.parametrize("name", ["rgb12in16.tif", "rgba_zero_alpha.tif", "imagej_composite.tif"])
def test_the_shared_cases_are_one_picture_in_8_bits(name: str) -> None:
    right = tifffile.imread(shared_path("cases/rgba_zero_alpha.tif"))[:, :, :3].astype(int)
    assert np.abs(read_image(shared_path(f"cases/{name}")) - right).max() <= 1
