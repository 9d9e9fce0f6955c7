"""A slide's report as PDF for a patient's file: the result on one A4 page, then a page of called cells."""

import io
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple, cast

from PIL import Image

from plasmoscope.analysis.notes import notes_of_care, notes_on
from plasmoscope.analysis.results import Slide
from plasmoscope.i18n.languages import ENGLISH, Language, letters_of
from plasmoscope.i18n.words import english
from plasmoscope.messages import RESEARCH_USE, mark
from plasmoscope.reports.fonts import can_show, fonts_for, fonts_to_install, showable
from plasmoscope.reports.illustrations import FieldPicture, Illustrations
from plasmoscope.reports.letterhead import Letterhead
from plasmoscope.reports.wording import Line, ReportWords, created

# Millimetres.
_MARGIN = 14.0
_WIDTH = 210 - 2 * _MARGIN
_BOTTOM = 297 - 10.0
_ROW = 4.3
_NAME = 33.0
_LOGO = (54.0, 18.0)
_LINE = 0.44  # height of a line for each point of its letters
_LEAST_PICTURE = 25.0
_APART = 6.0  # two galleries of a page
# More photographs than this take two tables side by side, and more than that cannot stand on the page.
_ROWS_ALONE = 6
_ROWS_AT_MOST = 24
_PICTURES = 2
_GREY = 90
_LEAST_SHRINK = 0.7
# Chinese and Japanese have no blanks between words: a line may end after each of their signs, but not within a number,
# nor before what closes a clause.
_CLOSING = "\uff0c\u3002\uff1b\uff1a\u3001\uff09\u300d"
_LINE_MAY_END = re.compile(rf"(?<=[\u3040-\u30ff\u3400-\u9fff{_CLOSING}])(?=[^\s{_CLOSING}])")
_BREAK = "\u200b"
_CANNOT_SHOW = mark(
    "A '?' stands for letters that no font of this computer shows. Install %(fonts)s and make this PDF again; the HTML "
    "report and slide.json have all letters."
)
# Fonts have these marks of direction, and not those that hold a name together: a name is in Latin letters here, or its
# marks change nothing.
_MARKS = str.maketrans({"\u2068": "\u200e", "\u2069": "\u200e"})
# Told in English, as it cannot be told otherwise.
_IN_ENGLISH = (
    "This report is in English, for no font of this computer shows {language}. Install {fonts} and make it again; the "
    "HTML report is in {language}."
)


def slide_pdf(
    slide: Slide, illustrations: Illustrations, language: Language = ENGLISH, letterhead: Letterhead | None = None
) -> bytes:
    """The PDF; the same slide on the same computer gives the same bytes.

    Args:
        language: of all that it says; where this computer has no fonts for it, it is English and says so.
        letterhead: of the laboratory, at the head of the first page.
    """
    page = _Page(slide, language, letterhead)
    words = page.words
    page.head()
    page.result()
    page.photographs()
    page.pictures_and_small_print(illustrations)
    galleries = []
    if illustrations.gallery is not None:
        shown = words.gallery_shown(illustrations.gallery_cells, illustrations.called)
        galleries.append(_Gallery(words.say(mark("Cells called infected")), shown, illustrations.gallery))
    if illustrations.possible is not None:
        shown = words.possible_shown(illustrations.possible_cells, slide.possibly_infected)
        galleries.append(_Gallery(words.say(mark("Possibly infected")), shown, illustrations.possible))
    page.galleries(galleries)
    return page.content()


class _Gallery(NamedTuple):
    """Some cells side by side."""

    title: str
    shown: str
    """How many of them there are to see."""
    sheet: bytes
    """PNG."""


class _Page:
    """Writes down the page; knows how to show text in any script."""

    def __init__(self, slide: Slide, language: Language, letterhead: Letterhead | None = None) -> None:
        """Begin the first page."""
        from fpdf import FPDF

        self._slide = slide
        self._letterhead = letterhead
        self._wanted = language
        self.words = words = ReportWords(language if can_show(language) else ENGLISH)
        self._rtl = words.language.direction == "rtl"
        # Every letter that will be shown.
        self._texts = slide.model_dump_json(exclude={"fields": {"__all__": {"cells"}}})
        self._texts += letters_of(words.language.code)
        self._texts += "".join((letterhead.name, *letterhead.address)) if letterhead else ""
        self._fonts = fonts_for(self._texts)
        self._replaced = False
        self._pdf = FPDF(format="A4")
        self._pdf.set_margin(_MARGIN)
        self._pdf.set_auto_page_break(True, 297 - _BOTTOM)
        self._pdf.set_title(self._show(f"{slide.slide}: {words.headline(slide)}"))
        self._pdf.set_lang(words.language.code)
        self._pdf.set_creation_date(created(slide) or datetime(2000, 1, 1, tzinfo=UTC))
        self._family = "Helvetica"
        for number, font in enumerate(self._fonts):
            for style, file in (("", font.regular), ("B", font.bold)):
                self._pdf.add_font(f"font{number}", style, file, collection_font_number=font.face)
        if self._fonts:
            self._family = "font0"
            others = [f"font{number}" for number in range(1, len(self._fonts))]
            self._pdf.set_fallback_fonts(others, exact_match=False)
            # Joins letters and orders them as their script asks.
            self._pdf.set_text_shaping(True, direction="rtl" if self._rtl else None)
        self._pdf.add_page()

    def content(self) -> bytes:
        return bytes(self._pdf.output())

    def head(self) -> None:
        """The laboratory's name and address, and its logo at the line's end; nothing without a letterhead."""
        if self._letterhead is None:
            return
        pdf, top, width = self._pdf, self._pdf.y, _WIDTH
        if self._letterhead.logo:
            with Image.open(io.BytesIO(self._letterhead.logo)) as image:
                shrink = min(_LOGO[0] / image.width, _LOGO[1] / image.height)
                size = (image.width * shrink, image.height * shrink)
            pdf.image(io.BytesIO(self._letterhead.logo), self._x(_MARGIN + _WIDTH - size[0], size[0]), top, *size)
            width -= _LOGO[0] + 4
        self._text(self._letterhead.name, 11, bold=True, width=width)
        for line in self._letterhead.address:
            self._text(line, 8.5, width=width)
        pdf.set_y(max(pdf.y, top + (_LOGO[1] if self._letterhead.logo else 0)) + 1.5)
        pdf.set_line_width(0.2)
        pdf.line(_MARGIN, pdf.y, _MARGIN + _WIDTH, pdf.y)
        pdf.ln(3)

    def result(self) -> None:
        """Whose slide it is, and what was found."""
        slide, pdf, words = self._slide, self._pdf, self.words
        self._line(words.title(), 14, bold=True)
        pdf.ln(1)
        lines = words.head(slide)
        for first in range(0, len(lines), 2):
            self._pair(*lines[first : first + 2])
        self._signature()
        pdf.ln(2)
        top = pdf.y
        pdf.set_y(top + 2.5)
        self._text(words.headline(slide), 24, bold=True, width=_WIDTH - 8, left=_MARGIN + 4)
        self._text(words.headline_remark(slide), 10, width=_WIDTH - 8, left=_MARGIN + 4)
        if slide.count:
            pdf.ln(1)
            self._text(words.statement(slide), 10, width=_WIDTH - 8, left=_MARGIN + 4)
        pdf.set_line_width(0.4)
        pdf.rect(_MARGIN, top, _WIDTH, pdf.y + 2.5 - top, round_corners=True, corner_radius=1.5)
        pdf.set_y(pdf.y + 4.5)
        if slide.count:
            for line in [
                *words.reading_lines(slide),
                *words.result_lines(slide.count),
                *words.possible_lines(slide),
                *words.left_out_lines(slide),
                *words.review_lines(slide),
            ]:
                self._figure(line)
            if detection := words.detection(slide.count):
                pdf.ln(1)
                self._text(words.named(words.say(mark("What this count can tell")), detection), 8)
            if advice := words.advice(slide.count):
                pdf.ln(1.5)
                self._text(words.named(words.say(mark("What to do next")), advice), 9.5, bold=True)
        # Why a photograph was not counted or is to be read with care stands below the list of photographs.
        refused = [field for field in slide.fields if not field.accepted]
        told = {english(note) for note in (*notes_on(refused), *notes_of_care(slide.fields))}
        for note, said in zip(slide.notes, words.notes(slide), strict=True):
            if note in told:
                continue
            pdf.ln(0.8)
            self._text(words.named(words.say(mark("Note")), said), 9)

    def photographs(self) -> None:
        """Counts of each photograph, and why some were not counted or are to be read with care."""
        fields, pdf, words = self._slide.fields, self._pdf, self.words
        pdf.ln(2)
        shown = fields[:_ROWS_AT_MOST]
        half = -(-len(shown) // 2) if len(shown) > _ROWS_ALONE else len(shown)
        gap = 6.0
        width = (_WIDTH - gap) / 2 if half < len(shown) else _WIDTH
        top = pdf.y
        end = top
        for first in range(0, len(shown), max(half, 1)):
            pdf.set_y(top)
            left = _MARGIN if not first else _MARGIN + width + gap
            titles = (mark("No."), mark("File"), mark("Red cells"), mark("Infected cells"))
            self._row([words.say(title) for title in titles], left, width, bold=True)
            for number, field in enumerate(shown[first : first + half], first + 1):
                counts = [words.number(field.counted), words.number(field.infected)]
                if not field.accepted:
                    counts = [words.status(field), ""]
                self._row([words.number(number), field.name, *counts], left, width)
            end = max(end, pdf.y)
        pdf.set_y(end + 0.8)
        if len(fields) > len(shown):
            more = mark("Photographs more: %(number)s; fields.csv lists them all.")
            self._text(words.say(more, number=words.number(len(fields) - len(shown))), 8, grey=True)
        if refusals := self._grouped("" if field.accepted else words.reasons(field) for field in fields):
            self._text(words.named(words.say(mark("Not counted")), refusals), 8)
        if cares := self._grouped(map(words.care, fields)):
            self._text(words.say(mark("Read with care: %(warning)s"), warning=cares), 8)

    def pictures_and_small_print(self, illustrations: Illustrations) -> None:
        """Annotated photographs in what room there is, above the small print at the page's foot."""
        pdf, slide, words = self._pdf, self._slide, self.words
        # Drawn as far down as they fit: the pictures take what lies between.
        small = [words.method(slide), " ".join(words.limits(slide)), words.versions(slide)]
        if not illustrations.called and slide.count:
            small.insert(0, words.gallery_shown(0, 0))
        if words.language is not self._wanted:
            small.append(_not_in(self._wanted))
        research = words.say(RESEARCH_USE)
        # Text that is measured is also looked at for letters that cannot be shown.
        height = sum(self._height(part, 7.5) + 1 for part in small) + self._height(research, 9, bold=True) + 1
        if self._replaced:
            small.append(words.say(_CANNOT_SHOW, fonts=", ".join(fonts_to_install(self._texts))))
            height += self._height(small[-1], 7.5) + 1
        room = _BOTTOM - height - pdf.y - 3
        if illustrations.pictures and room > _LEAST_PICTURE:
            self._pictures(_most_infected(slide, illustrations), room)
        pdf.set_y(max(_BOTTOM - height - 1, pdf.y + 1))
        for part in small:
            self._text(part, 7.5, grey=True)
            pdf.ln(1)
        self._text(research, 9, bold=True)

    def galleries(self, galleries: Iterable[_Gallery]) -> None:
        """Cells after the first page: one gallery below the other, and on the next page what does not fit whole."""
        pdf = self._pdf
        room = 0.0
        for gallery in galleries:
            with Image.open(io.BytesIO(gallery.sheet)) as image:
                width, height = _WIDTH, image.height * _WIDTH / image.width
            heading = 7 + self._height(gallery.shown, 9) + 2
            if heading + height > room:
                pdf.add_page()
                self._pair(*self.words.head(self._slide)[:2])
                self._signature()
                pdf.ln(1)
            self._line(gallery.title, 14, bold=True)
            self._text(gallery.shown, 9)
            pdf.ln(2)
            shrink = min(1.0, (_BOTTOM - pdf.y) / height)
            pdf.image(
                io.BytesIO(gallery.sheet), self._x(_MARGIN, width * shrink), pdf.y, width * shrink, height * shrink
            )
            pdf.set_y(pdf.y + height * shrink + _APART)
            room = _BOTTOM - pdf.y

    def _pictures(self, pictures: list[FieldPicture], room: float) -> None:
        pdf = self._pdf
        gap = 4.0
        width = (_WIDTH - gap * (len(pictures) - 1)) / len(pictures)
        top, lowest = pdf.y + 2, pdf.y
        for place, picture in enumerate(pictures):
            with Image.open(io.BytesIO(picture.jpeg)) as image:
                shrink = min(width / image.width, (room - 5) / image.height)
                size = (image.width * shrink, image.height * shrink)
            left = _MARGIN + place * (width + gap) + (width - size[0]) / 2
            pdf.image(io.BytesIO(picture.jpeg), self._x(left, size[0]), top, *size)
            pdf.set_y(top + size[1] + 0.5)
            self._cell(self.words.caption(self._slide, picture.number), left, size[0], 7.5, grey=True)
            lowest = max(lowest, top + size[1] + 5)
        pdf.set_y(lowest)

    def _figure(self, line: Line) -> None:
        pdf = self._pdf
        top = pdf.y
        self._cell(line.name, _MARGIN, 50, 9.5, height=4.8)
        self._cell(line.value, _MARGIN + 50, 38, 9.5, bold=True, height=4.8)
        if line.remark:
            self._text(line.remark, 8, width=_WIDTH - 88, left=_MARGIN + 88, height=4.2)
        pdf.set_y(max(pdf.y, top + 4.8))

    def _pair(self, *lines: Line) -> None:
        """One or two things that are told of the slide, side by side."""
        width = _WIDTH / len(lines)
        for place, line in enumerate(lines):
            left = _MARGIN + place * width
            self._cell(line.name, left, _NAME, 10, grey=True, height=5.5)
            self._cell(line.value, left + _NAME, width - _NAME, 10, bold=True, height=5.5)
        self._pdf.ln(5.5)

    def _signature(self) -> None:
        if said := self.words.signature(self._slide):
            self._text(said, 10, bold=True, height=5.5)

    def _row(self, texts: Sequence[str], left: float, width: float, bold: bool = False) -> None:
        pdf = self._pdf
        widths = (8.0, width - 8 - 2 * 21, 21.0, 21.0)
        for place, (text, room) in enumerate(zip(texts, widths, strict=True)):
            start = left + sum(widths[:place])
            self._cell(text, start, room, 8, bold=bold, height=_ROW, to_end=place != 1)
        pdf.set_line_width(0.1)
        pdf.set_draw_color(190)
        edge = self._x(left, width)
        pdf.line(edge, pdf.y + _ROW, edge + width, pdf.y + _ROW)
        pdf.set_draw_color(0)
        pdf.set_y(pdf.y + _ROW)

    def _line(self, text: str, size: float, bold: bool = False) -> None:
        self._cell(text, _MARGIN, _WIDTH, size, bold=bold, height=size * 0.5)
        self._pdf.ln(size * 0.5)

    def _cell(
        self,
        text: str,
        left: float,
        width: float,
        size: float,
        *,
        bold: bool = False,
        grey: bool = False,
        height: float = 4,
        to_end: bool = False,
    ) -> None:
        """One line in a cell: smaller where it is longer, and shortened where that does not do.

        Args:
            left, width: of the cell, on a page whose lines begin at the left.
            to_end: it ends at the cell's end, as numbers do.
        """
        self._style(size, bold, grey)
        shown, room = self._show(text), width - 2 * self._pdf.c_margin
        if (longer := self._pdf.get_string_width(shown) / room) > 1:
            self._style(size * max(1 / longer, _LEAST_SHRINK), bold, grey)
        if self._pdf.get_string_width(shown) > room + 0.01:
            while shown and self._pdf.get_string_width(f"{shown}...") > room:
                shown = shown[:-1]
            shown += "..."
        self._pdf.set_x(self._x(left, width))
        self._pdf.cell(width, height, shown, align="R" if to_end != self._rtl else "L")

    def _text(
        self,
        text: str,
        size: float,
        *,
        bold: bool = False,
        grey: bool = False,
        width: float = _WIDTH,
        left: float = _MARGIN,
        height: float | None = None,
    ) -> None:
        """Lines that wrap within this width."""
        self._style(size, bold, grey)
        self._pdf.set_x(self._x(left, width))
        self._pdf.multi_cell(
            width,
            height or size * _LINE,
            self._show(text),
            align="R" if self._rtl else "L",
            new_x="LMARGIN",
            new_y="NEXT",
        )

    def _height(self, text: str, size: float, bold: bool = False) -> float:
        from fpdf.enums import MethodReturnValue

        self._style(size, bold, grey=False)
        height = self._pdf.multi_cell(
            _WIDTH, size * _LINE, self._show(text), dry_run=True, output=MethodReturnValue.HEIGHT
        )
        return cast("float", height)

    def _x(self, left: float, width: float) -> float:
        """Where something lies on the page; mirrored where lines begin at the right."""
        return self._pdf.w - left - width if self._rtl else left

    def _grouped(self, said: Iterable[str]) -> str:
        """What is said of each photograph, in their order: the same once, after the numbers of its photographs."""
        numbers = defaultdict(list)
        for number, text in enumerate(said, start=1):
            numbers[text].append(number)
        words = self.words
        return " ".join(
            words.named(words.say(mark("No. %(numbers)s"), numbers=_ranges(of_text)), text)
            for text, of_text in numbers.items()
            if text
        )

    def _style(self, size: float, bold: bool, grey: bool) -> None:
        self._pdf.set_font(self._family, "B" if bold else "", size)
        self._pdf.set_text_color(_GREY if grey else 0)

    def _show(self, text: str) -> str:
        if self._rtl:
            text = text.translate(_MARKS)
        elif self.words.language.code in ("ja", "zh"):
            text = _LINE_MAY_END.sub(_BREAK, text)
        shown = showable(text, self._fonts)
        # A question mark of the text's own is no loss.
        self._replaced = self._replaced or shown.count("?") > text.count("?")
        return shown


def _most_infected(slide: Slide, illustrations: Illustrations) -> list[FieldPicture]:
    ranked = sorted(illustrations.pictures, key=lambda picture: -slide.fields[picture.number - 1].infected)
    return sorted(ranked[:_PICTURES])


def _not_in(language: Language) -> str:
    """Why the report is in English."""
    from babel import Locale

    name = Locale.parse(language.code).get_language_name(ENGLISH.code) or language.name
    return _IN_ENGLISH.format(language=name, fonts=" and ".join(fonts_to_install(letters_of(language.code))))


def _ranges(numbers: Sequence[int]) -> str:
    """Such as ``1-3, 5``; ascending numbers."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
