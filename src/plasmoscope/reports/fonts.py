"""Fonts of this computer that can show a text: PDF's own fonts know Western European letters only."""

import os
import re
import sys
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from plasmoscope.i18n.languages import Language, letters_of

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
    ("NotoSansCJK-Regular", "NotoSansCJK-Bold"),
    ("msyh", "msyhbd"),
    ("YuGothR", "YuGothB"),
    ("Hiragino Sans GB", "Hiragino Sans GB"),
    ("LeelawUI", "LeelaUIb"),
    ("Nirmala", "NirmalaB"),
    ("ebrima", "ebrimabd"),
    ("Thonburi", "Thonburi"),
    ("GeezaPro", "GeezaPro"),
)
_NOTO_SANS = re.compile(r"notosans\w*-regular")  # one for every script
_COLLECTIONS = (".ttc", ".otc")
_SUFFIXES = (".otf", ".ttf", *_COLLECTIONS)  # of two files of one name the later kind is taken
_NEEDED_TABLES = frozenset({"cmap", "head", "hhea", "hmtx", "maxp", "name", "OS/2", "post"})
_PLAIN_LATIN = frozenset({*range(0x20, 0x7F), ord("µ")})  # the report's own words
_NO_BREAK, _NARROW = "\u00a0", "\u202f"
_BLANKS = re.compile(rf"[^\S{_NO_BREAK}{_NARROW}]+")
# What is not seen, and what stands for it where a font has none: blanks that part no line, places where a line may end,
# and marks of direction.
_INSTEAD = {_NO_BREAK: " ", "\u200b": "", "\u200e": "", "\u200f": ""}
# By ISO 15924's codes; a font for any other script is named after it.
_NOTO = {
    **dict.fromkeys(("Hani", "Hira", "Kana", "Hang", "Bopo"), "Noto Sans CJK"),
    **dict.fromkeys(("Latn", "Cyrl", "Grek"), "Noto Sans"),
    **dict.fromkeys(("Zyyy", "Zinh", "Zzzz"), "Noto Sans Symbols"),
}


class FontFiles(NamedTuple):
    """A font of this computer."""

    regular: Path
    bold: Path
    letters: frozenset[int]
    """Code points that it shows."""
    face: int = 0
    """Which of a collection's fonts."""


def fonts_for(text: str) -> list[FontFiles]:
    """The fewest known fonts that show a text, as far as this computer has them; other fonts where these do not do.

    The first also shows plain Latin text. Empty where nothing was found, or nothing is needed beyond Latin-1.
    """
    missing = {ord(one) for one in _printed(text) if not _in_latin1(one) and one not in _INSTEAD}
    if not missing:
        return []
    chinese = _is_chinese(text)
    chosen: list[FontFiles] = []
    for regular, bold in _candidates(missing):
        letters = _letters_of(regular)
        # The first is the report's own font; the others fill in what it lacks.
        if letters & missing if chosen else letters >= _PLAIN_LATIN:
            chosen.append(FontFiles(regular, bold, letters, _face(regular, chinese)))
            missing -= letters
        if chosen and not missing:
            break
    return chosen


class Run(NamedTuple):
    """A part of a text that one font shows."""

    text: str
    font: FontFiles | None
    """None for the program's own font, which knows Western European letters."""


def runs(text: str, fonts: list[FontFiles]) -> list[Run]:
    """A text in parts, each with the first of these fonts that shows it."""
    parts: list[Run] = []
    for one in _printed(text):
        font = next((font for font in fonts if ord(one) in font.letters), None)
        # A blank belongs to what it follows: it parts no word that is shaped as a whole.
        if parts and (font is parts[-1].font or one == " "):
            parts[-1] = Run(parts[-1].text + one, parts[-1].font)
        else:
            parts.append(Run(one, font))
    return parts


def can_show(language: Language) -> bool:
    """Whether this computer has fonts for all that reports say in a language."""
    return not fonts_to_install(letters_of(language.code))


def fonts_to_install(text: str) -> tuple[str, ...]:
    """Names of fonts that would show what no font of this computer shows; empty where everything is shown."""
    from fontTools.unicodedata import script, script_name

    fonts = fonts_for(text)
    scripts = {script(one) for one in _printed(text) if not _is_shown(one, fonts) and one not in _INSTEAD}
    return tuple(sorted({_NOTO.get(code) or f"Noto Sans {script_name(code)}" for code in scripts}))


def showable(text: str, fonts: list[FontFiles]) -> str:
    """The text with ``?`` for every character that these fonts, or PDF's own where there are none, cannot show."""
    return "".join(one if _is_shown(one, fonts) else _INSTEAD.get(one, "?") for one in _printed(text))


def _printed(text: str) -> Iterator[str]:
    line = _BLANKS.sub(" ", unicodedata.normalize("NFC", text)).strip().replace(_NARROW, _NO_BREAK)
    return (one for one in line if one.isprintable() or one in _INSTEAD)


def _is_shown(one: str, fonts: list[FontFiles]) -> bool:
    return any(ord(one) in font.letters for font in fonts) if fonts else _in_latin1(one)


def _in_latin1(one: str) -> bool:
    return (one.isprintable() or one == _NO_BREAK) and ord(one) < 0x100


def _is_chinese(text: str) -> bool:
    """Whether its Han letters are to look as in China: Japanese has kana among them."""
    from fontTools.unicodedata import script

    scripts = {script(one) for one in text}
    return "Hani" in scripts and scripts.isdisjoint({"Hira", "Kana"})


def _candidates(missing: set[int]) -> Iterator[tuple[Path, Path]]:
    """Regular and bold of each known font that is here, then of others that claim to have some of these letters."""
    from fontTools.ttLib.tables.O_S_2f_2 import intersectUnicodeRanges

    files = _files()
    known = {regular.lower(): bold.lower() for regular, bold in _KNOWN}
    for name, bold in known.items():
        if name in files:
            yield _with_bold(files, name, bold)
    others = [
        (name, file)
        for name, file in files.items()
        if name not in known and intersectUnicodeRanges(missing) & _claimed(file, file.stat().st_mtime_ns)
    ]
    # A script's own font before those that have some of its signs beside their own.
    others.sort(key=lambda other: -len(_letters_of(other[1]) & missing))
    for name, _ in others:
        yield _with_bold(files, name, name.replace("regular", "bold"))


def _with_bold(files: dict[str, Path], regular: str, bold: str) -> tuple[Path, Path]:
    """A font and its bold one where there is one of the same kind, or else itself."""
    plain, heavy = files[regular], files.get(bold, files[regular])
    return plain, heavy if heavy.suffix.lower() == plain.suffix.lower() else plain


def _files() -> dict[str, Path]:
    """The font files here by their names in small letters: Noto's sans-serif ones first, then the plainest names."""
    found = [
        file
        for folder in _folders()
        if folder.is_dir()
        for file in sorted(folder.rglob("*"), reverse=True)
        if file.suffix.lower() in _SUFFIXES and file.is_file()
    ]
    found.sort(key=lambda file: _SUFFIXES.index(file.suffix.lower()))
    files = {file.stem.lower(): file for file in found}
    return dict(sorted(files.items(), key=lambda named: (not _NOTO_SANS.fullmatch(named[0]), len(named[0]), named[0])))


@lru_cache(maxsize=10_000)
def _claimed(file: Path, changed: int) -> frozenset[int]:
    """The ranges of Unicode that a font says it covers, by the OS/2 table's numbers; quickly read."""
    from fontTools.ttLib import TTFont, TTLibError

    try:
        with TTFont(file, fontNumber=0, lazy=True) as font:
            return frozenset(font["OS/2"].getUnicodeRanges()) if _can_embed(font) else frozenset()
    except (OSError, TTLibError, KeyError, AttributeError, ValueError):
        return frozenset()


def _letters_of(file: Path) -> frozenset[int]:
    return _letters(file, file.stat().st_mtime_ns)


@lru_cache(maxsize=1_000)
def _letters(file: Path, changed: int) -> frozenset[int]:
    """The code points that a font shows; none where it cannot be read, or not be put into a PDF."""
    from fontTools.ttLib import TTFont, TTLibError

    try:
        with TTFont(file, fontNumber=0, lazy=True) as font:
            return frozenset(font.getBestCmap() or ()) if _can_embed(font) else frozenset()
    except (OSError, TTLibError, KeyError, AttributeError, ValueError):
        return frozenset()


def _can_embed(font: Any) -> bool:
    """Whether fpdf2 embeds it as PDF asks: TrueType outlines, or CFF ones by glyph numbers (CID), as CJK fonts have."""
    if not _NEEDED_TABLES.issubset(font.keys()):
        return False
    return "glyf" in font or ("CFF " in font and hasattr(font["CFF "].cff.topDictIndex[0], "ROS"))


def _face(file: Path, chinese: bool) -> int:
    """Which font of a collection to take: the first, or for Chinese the one whose letters look as in China."""
    from fontTools.ttLib import TTCollection

    if not chinese or file.suffix.lower() not in _COLLECTIONS:
        return 0
    with TTCollection(file, lazy=True) as collection:
        names = [font["name"].getBestFamilyName() or "" for font in collection.fonts]
    return next((number for number, name in enumerate(names) if name.endswith(" SC")), 0)


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
