"""A slide as JSON, and the schema that other programs may rely on (``docs/slide.schema.json``)."""

import json
import re
from pathlib import Path

from pydantic import ValidationError

from plasmoscope.analysis.results import Slide
from plasmoscope.errors import PlasmoscopeError, first_fault


class SlideFileError(PlasmoscopeError):
    """A file does not hold a slide's results."""


def slide_json(slide: Slide) -> str:
    """Everything that was found, each field and each object on a line; ``read_slide`` gives it back."""
    # A quotation mark within a text stands behind a backslash, so that no text is broken.
    return re.sub(r'(?<!"values":)\{"(?=name"|number")', "\n\\g<0>", slide.model_dump_json()) + "\n"


def read_slide(file: Path) -> Slide:
    """Read what ``slide_json`` wrote.

    Raises:
        SlideFileError: naming the first thing that is wrong.
    """
    try:
        return Slide.model_validate_json(file.read_bytes())
    except OSError as error:
        raise SlideFileError(f"{file} cannot be read ({error.strerror or error}).") from error
    except ValidationError as error:
        raise SlideFileError(
            f"{file} holds no results of a slide of this version: {first_fault(error)}. "
            "Give a slide.json that Plasmoscope wrote."
        ) from error


def slide_schema() -> str:
    """JSON Schema of the slide's JSON."""
    return json.dumps(Slide.model_json_schema(mode="serialization"), indent=2) + "\n"
