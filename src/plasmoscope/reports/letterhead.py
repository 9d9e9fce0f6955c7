"""The letterhead of a laboratory's reports, from a TOML file: its name, the lines of its address, and its logo.

    name = "Gulu Regional Hospital, Laboratory"
    address = ["P.O. Box 160, Gulu", "Telephone 0471 432 000"]
    logo = "logo.png"

The logo lies beside the file, as PNG or JPEG. It is made anew from its pixels: nothing else of it gets into a report.
"""

import io
import tomllib
from base64 import b64encode
from pathlib import Path
from typing import Annotated

from PIL import Image
from pydantic import Base64Bytes, BaseModel, ConfigDict, StringConstraints, ValidationError
from pydantic import Field as Bounds

from plasmoscope.errors import ToldError, first_fault
from plasmoscope.files import decode_text

# Beyond any logo, so that a wrong file is noticed; an address that fits beside it.
MAX_LOGO_BYTES = 1024**2
MAX_LOGO_PIXELS = 4_000_000
MAX_LINES = 6
# As large as it is ever printed, in pixels.
_SHOWN = (900, 300)
_Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class LetterheadError(ToldError):
    """A letterhead cannot be used."""


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: _Line
    address: Annotated[tuple[_Line, ...], Bounds(max_length=MAX_LINES)] = ()
    logo: str | None = None


class Letterhead(BaseModel):
    """What stands at the head of a laboratory's reports."""

    model_config = ConfigDict(frozen=True)

    name: _Line
    address: Annotated[tuple[_Line, ...], Bounds(max_length=MAX_LINES)] = ()
    logo: Base64Bytes | None = None
    """PNG."""


def letterhead(name: str, address: str, logo: bytes | None) -> Letterhead:
    """A letterhead from what a person gives.

    Args:
        address: its lines; empty ones are left out.
        logo: a PNG or JPEG file.

    Raises:
        LetterheadError: the logo cannot be read or is too large, or a text is.
    """
    lines = tuple(line.strip() for line in address.splitlines() if line.strip())
    drawn = b64encode(_drawn(logo)) if logo else None
    try:
        return Letterhead.model_validate({"name": name, "address": lines, "logo": drawn})
    except ValidationError as error:
        raise LetterheadError("letterhead_text", lines=MAX_LINES) from error


def read_letterhead(file: Path) -> Letterhead:
    """Read a letterhead and its logo, which lies beside the file.

    Raises:
        LetterheadError: the file or its logo cannot be read or is too large.
    """
    try:
        said = _File.model_validate(tomllib.loads(decode_text(file.read_bytes())))
        logo = _bounded(file.parent / said.logo) if said.logo else None
    except OSError as error:
        raise LetterheadError("file_not_read", file=str(file), detail=error.strerror or str(error)) from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise LetterheadError("file_not_read", file=str(file), detail=str(error)) from error
    except ValidationError as error:
        raise LetterheadError("file_not_read", file=str(file), detail=first_fault(error)) from error
    return letterhead(said.name, "\n".join(said.address), logo)


def _bounded(file: Path) -> bytes:
    """A file's content as far as ``_drawn`` has to know it."""
    with file.open("rb") as stream:
        return stream.read(MAX_LOGO_BYTES + 1)


def _drawn(logo: bytes) -> bytes:
    """A logo made anew from its pixels, as PNG."""
    if len(logo) > MAX_LOGO_BYTES:
        raise LetterheadError("logo_too_large", most=MAX_LOGO_BYTES // 1024)
    try:
        with Image.open(io.BytesIO(logo), formats=("PNG", "JPEG")) as picture:
            if picture.width * picture.height > MAX_LOGO_PIXELS:
                raise LetterheadError("logo_too_many_pixels", most=MAX_LOGO_PIXELS // 1_000_000)
            drawn = picture.convert("RGBA")
    except (OSError, SyntaxError, ValueError) as error:
        raise LetterheadError("logo_unreadable") from error
    drawn.thumbnail(_SHOWN)
    # On white, as it is printed: what is behind a transparent logo differs between programs.
    paper = Image.new("RGB", drawn.size, "white")
    paper.paste(drawn, mask=drawn.getchannel("A"))
    stream = io.BytesIO()
    paper.save(stream, "PNG")
    return stream.getvalue()
