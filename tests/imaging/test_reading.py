import contextlib
import io
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from pixel_bombs import pixel_bomb
from plasmoscope.imaging import reading
from plasmoscope.imaging.reading import MAX_SIDE, ImageError, read_image, read_picture, stored_orientation
from plasmoscope.imaging.samples import as_stored, turned_upright
from shared_data import shared_path


def encode(image: Image.Image, file_format: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, file_format, **options)
    return stream.getvalue()


@pytest.fixture
def picture() -> Image.Image:
    ramp = np.linspace(0, 255, 40 * 30 * 3).reshape(40, 30, 3).astype(np.uint8)
    return Image.fromarray(ramp)


@pytest.mark.parametrize("file_format", ["PNG", "TIFF", "BMP", "PPM", "TGA"])
def test_lossless_formats_give_their_pixels_back(picture: Image.Image, file_format: str) -> None:
    assert np.array_equal(read_image(encode(picture, file_format)), np.asarray(picture))


@pytest.mark.parametrize("file_format", ["JPEG", "WEBP", "AVIF", "JPEG2000"])
def test_lossy_formats_give_nearly_their_pixels_back(picture: Image.Image, file_format: str) -> None:
    difference = read_image(encode(picture, file_format, quality=95)).astype(int) - np.asarray(picture)
    assert np.abs(difference).mean() < 8


def test_transparent_pixels_become_the_black_background_of_segmented_cells(picture: Image.Image) -> None:
    alpha = np.full((40, 30), 255, np.uint8)
    alpha[:20] = 0
    picture.putalpha(Image.fromarray(alpha))
    read = read_image(encode(picture, "PNG"))
    assert read[:20].max() == 0
    assert np.array_equal(read[20:], np.asarray(picture)[20:, :, :3])


@pytest.mark.parametrize("opaque", [0, 1, 128])
@pytest.mark.parametrize("file_format", ["PNG", "TIFF", "WEBP"])
def test_an_alpha_that_is_the_same_everywhere_blackens_nothing(
    picture: Image.Image, file_format: str, opaque: int
) -> None:
    right = np.asarray(picture)
    picture.putalpha(opaque)
    options = {"lossless": True, "exact": True} if file_format == "WEBP" else {}
    assert np.array_equal(read_image(encode(picture, file_format, **options)), right)


def test_exif_orientation_is_applied(picture: Image.Image) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = read_image(encode(picture, "PNG", exif=exif))
    assert np.array_equal(turned, np.rot90(np.asarray(picture), -1))


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_how_a_file_stores_its_pixels_is_told(picture: Image.Image, file_format: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert stored_orientation(encode(picture, file_format, exif=exif)) == orientation


def test_what_says_nothing_of_its_orientation_is_upright(picture: Image.Image) -> None:
    exif = Image.Exif()
    exif[0x0112] = 9
    for data in (encode(picture, "PNG"), encode(picture, "PNG", exif=exif), b"no picture"):
        assert stored_orientation(data) == 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_each_upright_pixel_is_found_among_the_stored_ones(orientation: int) -> None:
    stored = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
    upright = turned_upright(stored, orientation)
    height, width = upright.shape[:2]
    for y in range(height):
        for x in range(width):
            column, row = as_stored(x, y, width, height, orientation)
            assert (stored[row, column] == upright[y, x]).all()


def test_16_bit_grey_keeps_its_brightness() -> None:
    grey = np.full((20, 20), 32768, np.uint16)
    assert np.all(read_image(encode(Image.fromarray(grey), "TIFF")) == 128)
    assert np.all(read_image(encode(Image.fromarray(grey), "PNG")) == 128)


def test_floating_point_grey_is_stretched_over_its_range() -> None:
    ramp = np.linspace(-1, 3, 400, dtype=np.float32).reshape(20, 20)
    image = read_image(encode(Image.fromarray(ramp), "TIFF"))
    assert (image.min(), image.max()) == (0, 255)


def test_cmyk_and_palettes_become_rgb(picture: Image.Image) -> None:
    cmyk = read_image(encode(picture.convert("CMYK"), "JPEG", quality=95))
    assert cmyk.shape == (40, 30, 3)
    assert np.abs(cmyk.astype(int) - np.asarray(picture)).mean() < 20
    assert read_image(encode(picture.convert("P"), "PNG")).shape == (40, 30, 3)


def test_a_truncated_image_is_named_as_damaged(picture: Image.Image) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8))
    for file_format in ("PNG", "JPEG", "TIFF", "AVIF", "WEBP"):
        data = encode(noise, file_format)
        with pytest.raises(ImageError):
            read_image(data[: len(data) // 2])


def test_no_prefix_or_corruption_of_an_image_escapes_as_another_error(picture: Image.Image) -> None:
    rng = np.random.default_rng(1)
    for file_format in ("PNG", "JPEG", "TIFF", "BMP", "WEBP", "AVIF", "GIF", "JPEG2000", "PPM", "TGA"):
        data = bytearray(encode(picture, file_format))
        for round_ in range(60):
            # Cut short every second time; whole files with wrong bytes reach other corners of the decoders.
            broken = bytearray(data[: rng.integers(1, len(data) + 1)] if round_ % 2 else data)
            for position in rng.integers(0, len(broken), 4):
                broken[position] = rng.integers(0, 256)
            with contextlib.suppress(ImageError):
                assert read_image(bytes(broken)).dtype == np.uint8


def test_empty_and_foreign_files_say_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="empty"):
        read_image(b"")
    with pytest.raises(ImageError, match="not an image"):
        read_image(b"these are words, not pixels")
    with pytest.raises(ImageError, match="cannot be opened"):
        read_image(tmp_path / "missing.png")


@pytest.mark.parametrize("side", [9_000, 30_000])
def test_a_pixel_bomb_is_refused_by_its_header(side: int) -> None:
    with pytest.raises(ImageError, match="million"):
        read_image(pixel_bomb(side))


def test_a_strip_of_many_kilometres_is_refused_by_its_header() -> None:
    stream = io.BytesIO()
    Image.new("RGB", (MAX_SIDE + 1, 1)).save(stream, "PNG")
    with pytest.raises(ImageError, match="no side may be longer"):
        read_image(stream.getvalue())


def test_a_file_of_too_many_bytes_is_refused_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_BYTES", 10)
    (tmp_path / "large.png").write_bytes(b"x" * 11)
    with pytest.raises(ImageError, match="MB"):
        read_image(tmp_path / "large.png")


def test_a_broken_exif_block_harms_no_pixel(picture: Image.Image) -> None:
    read = read_image(encode(picture, "PNG", exif=b"Exif\0\0II*\0"))
    assert np.array_equal(read, np.asarray(picture))


ODD_EXIF = [
    "ori_99.jpg",
    "ori_ascii.jpg",
    "ori_count2.jpg",
    "ori_long.jpg",
    "p5528.png",
    "p7839_rational_make.jpg",
    "p8348_double_prefix.jpg",
    "p8548_gps_zero.jpg",
    "p8965_srational.jpg",
    "png_exif_junk.png",
    "png_exif_prefix.png",
    "webp_exif_junk.webp",
]


@pytest.mark.parametrize("name", ODD_EXIF)
def test_a_picture_with_odd_exif_is_read_and_turned_where_that_can_be_told(name: str) -> None:
    data = shared_path(f"cases/odd_exif/{name}").read_bytes()
    stored = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    unreadable = {"ori_99.jpg", "p5528.png", "png_exif_junk.png", "webp_exif_junk.webp"}
    assert np.array_equal(read_image(data), stored if name in unreadable else np.rot90(stored, -1))


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_png_of_a_12_bit_camera_is_as_bright_as_one_of_8(channels: int) -> None:
    ramp = np.linspace(0, 4095, 40 * 30 * channels).reshape(40, 30, channels).astype(np.uint16)
    read = read_image(bytes(imagecodecs.png_encode(ramp)))
    colours = ramp if channels % 2 else ramp[:, :, :-1]
    right = colours / 4095 * 255
    if channels % 2 == 0:
        right = right * (ramp[:, :, -1:] / ramp[:, :, -1].max())
    assert np.abs(read - right).max() <= 1


@pytest.mark.parametrize("file_format", ["GIF", "PNG", "WEBP"])
def test_an_animation_is_named_and_not_read_in_part(picture: Image.Image, file_format: str) -> None:
    others = [picture.rotate(180), picture.rotate(90)]
    with pytest.raises(ImageError, match=r"holds 3 pictures.* save each"):
        read_image(encode(picture, file_format, save_all=True, append_images=others))


def test_what_a_telephone_keeps_beside_its_photograph_is_no_other_photograph(picture: Image.Image) -> None:
    data = encode(picture, "MPO", save_all=True, append_images=[picture.resize((15, 20))], quality=95)
    assert np.abs(read_image(data).astype(int) - np.asarray(picture)).mean() < 8


def test_a_picture_of_which_pillow_gives_less_than_its_header_promised_is_refused() -> None:
    deep = np.full((3, 20, 30), 40_000, np.uint16)
    stream = io.BytesIO()
    tifffile.imwrite(stream, deep, photometric="rgb", planarconfig="separate")
    with pytest.raises(ImageError, match="8 of the 16 bits"):
        read_picture(Image.open(stream))


def test_undefined_values_do_not_black_out_the_picture() -> None:
    ramp = np.linspace(0, 3, 400, dtype=np.float32).reshape(20, 20)
    ramp[0, 0] = np.nan
    assert read_image(encode(Image.fromarray(ramp), "TIFF")).mean() > 100


def test_an_iphone_s_photograph_is_read(picture: Image.Image) -> None:
    pytest.importorskip("pillow_heif")
    read = read_image(encode(picture, "HEIF", quality=95))
    assert np.abs(read.astype(int) - np.asarray(picture)).mean() < 6


def test_without_its_reader_an_iphone_s_photograph_is_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "FORMATS", tuple(name for name in reading.FORMATS if name != "HEIF"))
    with pytest.raises(ImageError, match=r"Most Compatible.*pip install \"plasmoscope\[heic\]\""):
        read_image(b"\x00\x00\x00\x1cftypheic" + bytes(500))
