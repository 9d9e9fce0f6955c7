"""Fonts of this computer that can show a text: PDF's own fonts know Western European letters only."""

import os
import sys
import unicodedata
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

# Fonts that come with the common systems, regular and bold; the widest-reaching first, then those of single scripts.
_KNOWN = (
    ("DejaVuSans", "DejaVuSans-Bold"),
    ("NotoSans-Regular", "NotoSans-Bold"),
    ("segoeui", "segoeuib"),
    ("Arial Unicode", "Arial Unicode"),
    ("arial", "arialbd"),
    ("tahoma", "tahomabd"),
    ("LiberationSans-Regular", "LiberationSans-Bold"),
    ("FreeSans", "FreeSansBold"),
    ("LeelawUI", "LeelaUIb"),
    ("Nirmala", "NirmalaB"),
    ("ebrima", "ebrimabd"),
    ("msyh", "msyhbd"),
    ("Thonburi", "Thonburi"),
    ("GeezaPro", "GeezaPro"),
)
_SCRIPT_FONTS = "NotoSans*-Regular"  # one for every script
_SUFFIXES = (".ttf", ".ttc", ".otf")


class FontFiles(NamedTuple):
    """A font of this computer."""

    regular: Path
    bold: Path
    letters: frozenset[int]
    """Code points that it shows."""


def fonts_for(characters: Iterable[str]) -> list[FontFiles]:
    """The fewest known fonts that show these characters, as far as this computer has them.

    The first also shows plain Latin text. Empty where nothing was found, or nothing is needed beyond Latin-1.
    """
    from fontTools.ttLib import TTFont, TTLibError

    missing = {ord(one) for one in characters if one.isprintable() and not _in_latin1(one)}
    if not missing:
        return []
    plain = set(range(0x20, 0x7F))
    chosen: list[FontFiles] = []
    for regular, bold in _candidates():
        try:
            with TTFont(regular, fontNumber=0, lazy=True) as font:
                letters = frozenset(font.getBestCmap() or ()) if "glyf" in font else frozenset()
        except (OSError, TTLibError):
            continue
        # The first is the report's own font; the others fill in what it lacks.
        if letters & missing if chosen else plain <= letters:
            chosen.append(FontFiles(regular, bold, letters))
            missing -= letters
        if chosen and not missing:
            break
    return chosen


def showable(text: str, fonts: list[FontFiles]) -> str:
    """The text with ``?`` for every character that these fonts, or PDF's own where there are none, cannot show."""
    joins = find_spec("uharfbuzz") is not None

    def shown(one: str) -> bool:
        if not fonts:
            return _in_latin1(one)
        return any(ord(one) in font.letters for font in fonts) and (joins or not _needs_joining(one))

    line = " ".join(unicodedata.normalize("NFC", text).split())
    return "".join(one if shown(one) else "?" for one in line if one.isprintable())


def _in_latin1(one: str) -> bool:
    return one.isprintable() and ord(one) < 0x100


def _needs_joining(one: str) -> bool:
    """Whether letters that are merely put side by side would be misread: written from the right, or with marks."""
    return unicodedata.bidirectional(one) in {"R", "AL"} or unicodedata.category(one) in {"Mn", "Mc"}


def _candidates() -> Iterable[tuple[Path, Path]]:
    """Regular and bold of each known font that is here."""
    files = {
        file.stem.lower(): file
        for folder in _folders()
        if folder.is_dir()
        for file in sorted(folder.rglob("*"), reverse=True)
        if file.suffix.lower() in _SUFFIXES
    }
    names = [(regular.lower(), bold.lower()) for regular, bold in _KNOWN]
    before, after = _SCRIPT_FONTS.lower().split("*")
    names += [
        (name, name.replace("regular", "bold"))
        for name in sorted(files)
        if name.startswith(before) and name.endswith(after)
    ]
    return [(files[regular], files.get(bold, files[regular])) for regular, bold in names if regular in files]


def _folders() -> list[Path]:
    home = Path.home()
    if sys.platform == "win32":
        windows, local = os.environ.get("WINDIR", r"C:\Windows"), os.environ.get("LOCALAPPDATA", str(home))
        return [Path(windows) / "Fonts", Path(local) / "Microsoft" / "Windows" / "Fonts"]
    if sys.platform == "darwin":
        return [Path("/System/Library/Fonts"), Path("/Library/Fonts"), home / "Library" / "Fonts"]
    return [
        Path("/usr/share/fonts"),
        Path("/usr/local/share/fonts"),
        home / ".local" / "share" / "fonts",
        home / ".fonts",
    ]
