"""Fonts made for a test: every letter is the same box, in one of the ways in which font files draw."""

from pathlib import Path
from typing import Literal

from fontTools.cffLib import FDArrayIndex, FDSelect, FontDict, buildOrder, topDictOperators
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.basePen import AbstractPen
from fontTools.pens.t2CharStringPen import T2CharStringPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTCollection, TTFont

LATIN = "".join(map(chr, range(0x20, 0x7F))) + "µ"


def make_font(
    file: Path, letters: str, outlines: Literal["truetype", "cff", "cff by numbers"] = "truetype", family: str = ""
) -> Path:
    """Write a font that shows these letters; "cff by numbers" draws as Noto Sans CJK does."""
    family = family or file.stem
    codes = sorted(set(map(ord, letters)))
    names = [".notdef", *(f"cid{number:05d}" for number in range(1, len(codes) + 1))]
    builder = FontBuilder(1000, isTTF=outlines == "truetype")
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap(dict(zip(codes, names[1:], strict=True)))
    builder.setupNameTable({"familyName": family, "styleName": "Regular", "fullName": family, "psName": file.stem})
    if outlines == "truetype":
        builder.setupGlyf({name: _box(TTGlyphPen(None)).glyph() for name in names})
    else:
        charstrings = {name: _box(T2CharStringPen(600, None)).getCharString() for name in names}
        builder.setupCFF(file.stem, {}, charstrings, {})
    if outlines == "cff by numbers":
        _number_glyphs(builder.font, len(names))
    builder.setupHorizontalMetrics(dict.fromkeys(names, (600, 100)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupOS2()
    builder.setupPost()
    builder.font["OS/2"].recalcUnicodeRanges(builder.font)
    builder.save(file)
    return file


def make_collection(file: Path, *fonts: Path) -> Path:
    """Write several fonts into one file."""
    collection = TTCollection()
    collection.fonts = [TTFont(font) for font in fonts]
    collection.save(file)
    for font in fonts:
        font.unlink()
    return file


def _box(pen: AbstractPen) -> AbstractPen:
    pen.moveTo((100, 0))
    for corner in ((100, 700), (500, 700), (500, 0)):
        pen.lineTo(corner)
    pen.closePath()
    return pen


def _number_glyphs(font: TTFont, glyphs: int) -> None:
    """Let a font's glyphs be known by numbers (CID) in place of names."""
    top = font["CFF "].cff.topDictIndex[0]
    only = FontDict()
    only.Private = top.Private
    top.FDArray, top.FDSelect = FDArrayIndex(), FDSelect()
    top.FDArray.append(only)
    top.FDSelect.format, top.FDSelect.gidArray = 3, [0] * glyphs
    top.CharStrings.fdArray, top.CharStrings.fdSelect = top.FDArray, top.FDSelect
    top.ROS, top.CIDCount = ("Adobe", "Identity", 0), glyphs
    del top.Private
    top.order = buildOrder(topDictOperators)
