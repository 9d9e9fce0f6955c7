"""HTML pages that need nothing outside themselves, no link and no network; a slide's report has no script either."""

from base64 import b64encode

from plasmoscope.analysis.results import Slide
from plasmoscope.i18n.languages import ENGLISH, Language, catalogue
from plasmoscope.messages import NOT_A_DEVICE, RESEARCH_USE
from plasmoscope.reports.illustrations import Illustrations
from plasmoscope.reports.letterhead import Letterhead
from plasmoscope.reports.wording import ReportWords


def slide_html(
    slide: Slide, illustrations: Illustrations, language: Language = ENGLISH, letterhead: Letterhead | None = None
) -> str:
    """The page, for a screen and for printing."""
    words = ReportWords(language)
    return page("slide.html", language, slide=slide, shown=illustrations, words=words, letterhead=letterhead)


def page(template: str, language: Language = ENGLISH, /, **values: object) -> str:
    """A page that stands alone; its template's filter ``base64`` puts pictures into it."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("plasmoscope.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_translations(catalogue(language.code), newstyle=True)  # type: ignore[attr-defined]
    environment.globals.update(NOT_A_DEVICE=NOT_A_DEVICE, RESEARCH_USE=RESEARCH_USE, language=language)
    environment.filters["base64"] = lambda content: b64encode(content).decode("ascii")
    return environment.get_template(template).render(values)
