"""A slide's report as PDF for a patient's file: the result on one A4 page, then a page of called cells."""

import io
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import cast

from PIL import Image

from plasmoscope.analysis.notes import notes_of_care, notes_on
from plasmoscope.analysis.results import Slide
from plasmoscope.reports import wording
from plasmoscope.reports.fonts import fonts_for, fonts_to_install, showable
from plasmoscope.reports.illustrations import FieldPicture, Illustrations

# Millimetres.
_MARGIN = 14.0
_WIDTH = 210 - 2 * _MARGIN
_BOTTOM = 297 - 10.0
_ROW = 4.3
_NAME = 24.0
_LINE = 0.44  # height of a line for each point of its letters
_LEAST_PICTURE = 25.0
# More photographs than this take two tables side by side, and more than that cannot stand on the page.
_ROWS_ALONE = 6
_ROWS_AT_MOST = 28
_PICTURES = 2
_GREY = 90
_LEAST_SHRINK = 0.7
_CANNOT_SHOW = (
    "A '?' stands for letters that no font of this computer shows. Install {} and make this PDF again; the HTML report "
    "and slide.json have all letters."
)


def slide_pdf(slide: Slide, illustrations: Illustrations) -> bytes:
    """The PDF; the same slide on the same computer gives the same bytes."""
    page = _Page(slide, slide.model_dump_json(exclude={"fields": {"__all__": {"cells"}}}))
    page.result()
    page.photographs()
    page.pictures_and_small_print(illustrations)
    if illustrations.gallery is not None:
        shown = wording.gallery_shown(illustrations.gallery_cells, illustrations.called)
        page.gallery("Cells called parasitized", shown, illustrations.gallery)
    if illustrations.possible is not None:
        shown = wording.possible_shown(illustrations.possible_cells, slide.possibly_infected)
        page.gallery("Possibly infected cells", shown, illustrations.possible)
    return page.content()


class _Page:
    """Writes down the page; knows how to show text in any script."""

    def __init__(self, slide: Slide, texts: str) -> None:
        """Begin the first page; ``texts`` has every letter that will be shown."""
        from fpdf import FPDF

        self._slide = slide
        self._texts = texts
        self._fonts = fonts_for(texts)
        self._replaced = False
        self._pdf = FPDF(format="A4")
        self._pdf.set_margin(_MARGIN)
        self._pdf.set_auto_page_break(True, 297 - _BOTTOM)
        self._pdf.set_title(self._show(f"{slide.slide}: {wording.headline(slide)}"))
        self._pdf.set_lang("en")
        self._pdf.set_creation_date(wording.created(slide) or datetime(2000, 1, 1, tzinfo=UTC))
        self._family = "Helvetica"
        for number, font in enumerate(self._fonts):
            for style, file in (("", font.regular), ("B", font.bold)):
                self._pdf.add_font(f"font{number}", style, file, collection_font_number=font.face)
        if self._fonts:
            self._family = "font0"
            others = [f"font{number}" for number in range(1, len(self._fonts))]
            self._pdf.set_fallback_fonts(others, exact_match=False)
            # Joins letters and orders them as their script asks.
            self._pdf.set_text_shaping(True)
        self._pdf.add_page()

    def content(self) -> bytes:
        return bytes(self._pdf.output())

    def result(self) -> None:
        """Whose slide it is, and what was found."""
        slide, pdf = self._slide, self._pdf
        self._line(wording.TITLE, 14, bold=True)
        pdf.ln(1)
        lines = wording.head(slide)
        for first in range(0, len(lines), 2):
            self._pair(*lines[first : first + 2])
        self._signature()
        pdf.ln(2)
        top = pdf.y
        pdf.set_xy(_MARGIN + 4, top + 2.5)
        self._text(wording.headline(slide), 24, bold=True, width=_WIDTH - 8)
        self._text(wording.headline_remark(slide), 10, width=_WIDTH - 8, left=_MARGIN + 4)
        if slide.count:
            pdf.ln(1)
            self._text(slide.count.statement, 10, width=_WIDTH - 8, left=_MARGIN + 4)
        pdf.set_line_width(0.4)
        pdf.rect(_MARGIN, top, _WIDTH, pdf.y + 2.5 - top, round_corners=True, corner_radius=1.5)
        pdf.set_y(pdf.y + 4.5)
        if slide.count:
            for line in [
                *wording.result_lines(slide.count),
                *wording.possible_lines(slide),
                *wording.left_out_lines(slide),
                *wording.review_lines(slide),
            ]:
                self._figure(line)
            if slide.count.detection:
                pdf.ln(1)
                self._text(f"What this count can tell: {slide.count.detection.statement}", 8)
            if slide.count.advice:
                pdf.ln(1.5)
                self._text(f"What to do next: {slide.count.advice}", 9.5, bold=True)
        # Why a photograph was not counted or is to be read with care stands below the list of photographs.
        refused = [field for field in slide.fields if not field.accepted]
        told = {*notes_on(refused), *notes_of_care(slide.fields)}
        for note in slide.notes:
            if note in told:
                continue
            pdf.ln(0.8)
            self._text(f"Note: {note}", 9)

    def photographs(self) -> None:
        """Counts of each photograph, and why some were not counted or are to be read with care."""
        fields, pdf = self._slide.fields, self._pdf
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
            self._row(("No.", "Photograph", "Red cells", "Parasitized"), left, width, bold=True)
            for number, field in enumerate(shown[first : first + half], first + 1):
                counts = (f"{field.counted:,}", f"{field.infected:,}") if field.accepted else ("not counted", "")
                self._row((str(number), field.name, *counts), left, width)
            end = max(end, pdf.y)
        pdf.set_y(end + 0.8)
        if len(fields) > len(shown):
            self._text(f"And {len(fields) - len(shown):,} photographs more; fields.csv lists them all.", 8, grey=True)
        if refusals := _grouped("" if field.accepted else wording.reasons(field) for field in fields):
            self._text(f"Not counted: {refusals}", 8)
        if cares := _grouped(map(wording.care, fields)):
            self._text(f"Read with care: {cares}", 8)

    def pictures_and_small_print(self, illustrations: Illustrations) -> None:
        """Annotated photographs in what room there is, above the small print at the page's foot."""
        pdf, slide = self._pdf, self._slide
        # Drawn as far down as they fit: the pictures take what lies between.
        small = [wording.method(slide), " ".join(wording.limits(slide)), wording.versions(slide)]
        if not illustrations.called and slide.count:
            small.insert(0, wording.gallery_shown(0, 0))
        research = slide.research_use
        # Text that is measured is also looked at for letters that cannot be shown.
        height = sum(self._height(part, 7.5) + 1 for part in small) + self._height(research, 9, bold=True) + 1
        if self._replaced:
            small.append(_CANNOT_SHOW.format(" and ".join(fonts_to_install(self._texts))))
            height += self._height(small[-1], 7.5) + 1
        room = _BOTTOM - height - pdf.y - 3
        if illustrations.pictures and room > _LEAST_PICTURE:
            self._pictures(_most_infected(slide, illustrations), room)
        pdf.set_y(max(_BOTTOM - height - 1, pdf.y + 1))
        for part in small:
            self._text(part, 7.5, grey=True)
            pdf.ln(1)
        self._text(research, 9, bold=True)

    def gallery(self, title: str, shown: str, sheet: bytes) -> None:
        """Some cells on a page of their own."""
        pdf, slide = self._pdf, self._slide
        pdf.add_page()
        self._line(title, 14, bold=True)
        self._pair(*wording.head(slide)[:2])
        self._signature()
        pdf.ln(1)
        self._text(shown, 9)
        pdf.ln(2)
        with Image.open(io.BytesIO(sheet)) as image:
            shrink = min(_WIDTH / image.width, (_BOTTOM - pdf.y) / image.height)
            pdf.image(io.BytesIO(sheet), _MARGIN, pdf.y, image.width * shrink, image.height * shrink)

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
            pdf.image(io.BytesIO(picture.jpeg), left, top, *size)
            pdf.set_xy(left, top + size[1] + 0.5)
            self._cell(wording.caption(self._slide, picture.number), size[0], 7.5, grey=True)
            lowest = max(lowest, top + size[1] + 5)
        pdf.set_y(lowest)

    def _figure(self, line: wording.Line) -> None:
        pdf = self._pdf
        top = pdf.y
        self._cell(line.name, 50, 9.5, height=4.8)
        self._cell(line.value, 38, 9.5, bold=True, height=4.8)
        if line.remark:
            self._text(line.remark, 8, width=_WIDTH - 88, left=_MARGIN + 88, height=4.2)
        pdf.set_y(max(pdf.y, top + 4.8))

    def _pair(self, *lines: wording.Line) -> None:
        """One or two things that are told of the slide, side by side."""
        width = _WIDTH / len(lines)
        for line in lines:
            self._cell(line.name, _NAME, 10, grey=True, height=5.5)
            self._cell(line.value, width - _NAME, 10, bold=True, height=5.5)
        self._pdf.ln(5.5)

    def _signature(self) -> None:
        if said := wording.signature(self._slide):
            self._text(said, 10, bold=True, height=5.5)

    def _row(self, texts: tuple[str, str, str, str], left: float, width: float, bold: bool = False) -> None:
        pdf = self._pdf
        pdf.set_x(left)
        widths = (8.0, width - 8 - 2 * 21, 21.0, 21.0)
        for place, (text, room) in enumerate(zip(texts, widths, strict=True)):
            self._cell(text, room, 8, bold=bold, height=_ROW, align="L" if place == 1 else "R")
        pdf.set_line_width(0.1)
        pdf.set_draw_color(190)
        pdf.line(left, pdf.y + _ROW, left + width, pdf.y + _ROW)
        pdf.set_draw_color(0)
        pdf.set_y(pdf.y + _ROW)

    def _line(self, text: str, size: float, bold: bool = False) -> None:
        self._cell(text, _WIDTH, size, bold=bold, height=size * 0.5)
        self._pdf.ln(size * 0.5)

    def _cell(
        self,
        text: str,
        width: float,
        size: float,
        *,
        bold: bool = False,
        grey: bool = False,
        height: float = 4,
        align: str = "L",
    ) -> None:
        """One line in a cell of this width: smaller where it is longer, and shortened where that does not do."""
        self._style(size, bold, grey)
        shown, room = self._show(text), width - 2 * self._pdf.c_margin
        if (longer := self._pdf.get_string_width(shown) / room) > 1:
            self._style(size * max(1 / longer, _LEAST_SHRINK), bold, grey)
        if self._pdf.get_string_width(shown) > room + 0.01:
            while shown and self._pdf.get_string_width(f"{shown}...") > room:
                shown = shown[:-1]
            shown += "..."
        self._pdf.cell(width, height, shown, align=align)

    def _text(
        self,
        text: str,
        size: float,
        *,
        bold: bool = False,
        grey: bool = False,
        width: float = _WIDTH,
        left: float | None = None,
        height: float | None = None,
    ) -> None:
        """Lines that wrap within this width."""
        self._style(size, bold, grey)
        if left is not None:
            self._pdf.set_x(left)
        self._pdf.multi_cell(width, height or size * _LINE, self._show(text), align="L", new_x="LMARGIN", new_y="NEXT")

    def _height(self, text: str, size: float, bold: bool = False) -> float:
        from fpdf.enums import MethodReturnValue

        self._style(size, bold, grey=False)
        height = self._pdf.multi_cell(
            _WIDTH, size * _LINE, self._show(text), align="L", dry_run=True, output=MethodReturnValue.HEIGHT
        )
        return cast("float", height)

    def _style(self, size: float, bold: bool, grey: bool) -> None:
        self._pdf.set_font(self._family, "B" if bold else "", size)
        self._pdf.set_text_color(_GREY if grey else 0)

    def _show(self, text: str) -> str:
        shown = showable(text, self._fonts)
        # A question mark of the text's own is no loss.
        self._replaced = self._replaced or shown.count("?") > text.count("?")
        return shown


def _most_infected(slide: Slide, illustrations: Illustrations) -> list[FieldPicture]:
    ranked = sorted(illustrations.pictures, key=lambda picture: -slide.fields[picture.number - 1].infected)
    return sorted(ranked[:_PICTURES])


def _grouped(said: Iterable[str]) -> str:
    """What is said of each photograph, in their order: the same once, after the numbers of its photographs."""
    numbers = defaultdict(list)
    for number, text in enumerate(said, start=1):
        numbers[text].append(number)
    return " ".join(f"No. {_ranges(of_text)}: {text}" for text, of_text in numbers.items() if text)


def _ranges(numbers: Sequence[int]) -> str:
    """Such as ``1-3, 5``; ascending numbers."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
