"""Where results go: checked before the work, so that nothing is lost after it."""

import json
from collections.abc import Collection
from pathlib import Path, PurePath

from plasmoscope.errors import PlasmoscopeError
from plasmoscope.files import name_as_text


class OutputError(PlasmoscopeError):
    """A result cannot be written where the user wants it."""


def check_output(file: Path, suffixes: Collection[str] = ()) -> None:
    """Refuse a file of another kind than ``suffixes``, where these are given, or in a folder that does not exist.

    Raises:
        OutputError: saying which kinds can be written, or which folder is missing.
    """
    if suffixes and file.suffix.lower() not in suffixes:
        raise OutputError(f"This can be written as {' or '.join(suffixes)}, not as '{file.suffix}': {file}")
    if not file.parent.is_dir():
        raise OutputError(f"The folder {file.parent} does not exist; make it first, or choose another.")


def check_slide_folder(folder: Path, slide: str, patient: str | None, photographs: Collection[str]) -> None:
    """Refuse a folder that holds the report of another slide, which would be lost.

    Args:
        photographs: names of those of this slide; a report that shares none of them is another slide's.

    Raises:
        OutputError: naming the slide.
    """
    try:
        found = json.loads((folder / "slide.json").read_bytes())
        there = (found["slide"], found["patient"])
        known = {PurePath(field["name"]).name for field in found["fields"]}
    except (OSError, ValueError, KeyError, TypeError):
        return
    if there != (slide, patient) or known.isdisjoint(PurePath(name_as_text(name)).name for name in photographs):
        whose = f"slide {there[0]}" + (f" of patient {there[1]}" if there[1] else "")
        raise OutputError(f"{folder} holds the report of {whose}, which would be lost; choose another folder.")
