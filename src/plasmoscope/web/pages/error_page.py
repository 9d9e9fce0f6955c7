"""What a browser is shown where something is wrong."""

from urllib.parse import quote

from fastapi import Request, Response

from plasmoscope.web.errors import WebError
from plasmoscope.web.i18n.reader import reader_words
from plasmoscope.web.pages.redirects import go
from plasmoscope.web.pages.rendering import address_of, render
from plasmoscope.web.pages.welcome import WELCOME_CODE


def error_page(request: Request, error: WebError, headers: dict[str, str]) -> Response:
    """What went wrong, in everyday words; or the page that the reader needs first."""
    elsewhere = _needed_first(request, error)
    busy, said = error.code == "busy", reader_words(request).tell(error.message)
    return elsewhere or render(request, "error.html", error.status, headers, code=error.status, busy=busy, message=said)


def _needed_first(request: Request, error: WebError) -> Response | None:
    """The page that somebody needs first; None where the error is of another kind."""
    if error.code == WELCOME_CODE:
        return go(f"/welcome?then={quote(address_of(request))}")
    if error.status != 401:
        return None
    then = address_of(request)
    if error.code == "locked":
        return go(f"/unlock?then={quote(then)}")
    return go("/login" if then == "/" else f"/login?then={quote(then)}")
