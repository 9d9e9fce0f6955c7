"""A slide's report as one HTML page that needs nothing outside itself: no script, no link, no network."""

from base64 import b64encode

from plasmoscope.analysis.results import Slide
from plasmoscope.reports import wording
from plasmoscope.reports.illustrations import Illustrations


def slide_html(slide: Slide, illustrations: Illustrations) -> str:
    """The page, for a screen and for printing."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("plasmoscope.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["base64"] = lambda content: b64encode(content).decode("ascii")
    return environment.get_template("slide.html").render(slide=slide, shown=illustrations, words=wording)
