"""HTML pages that need nothing outside themselves, no link and no network; a slide's report has no script either."""

from base64 import b64encode

from plasmoscope.analysis.results import Slide
from plasmoscope.messages import NOT_A_DEVICE
from plasmoscope.reports import wording
from plasmoscope.reports.illustrations import Illustrations


def slide_html(slide: Slide, illustrations: Illustrations) -> str:
    """The page, for a screen and for printing."""
    return page("slide.html", slide=slide, shown=illustrations, words=wording)


def page(template: str, **values: object) -> str:
    """A page that stands alone; its template's filter ``base64`` puts pictures into it."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("plasmoscope.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals["NOT_A_DEVICE"] = NOT_A_DEVICE
    environment.filters["base64"] = lambda content: b64encode(content).decode("ascii")
    return environment.get_template(template).render(values)
