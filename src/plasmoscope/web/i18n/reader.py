"""The language of whoever sent a request."""

from starlette.requests import HTTPConnection

from plasmoscope.i18n import languages
from plasmoscope.web.i18n.sentences import Words


def reader_words(request: HTTPConnection) -> Words:
    """Words in the language that this reader picked, or else their browser or program prefers."""
    chosen = request.cookies.get(languages.COOKIE)
    return Words(languages.choose(chosen, request.headers.get("accept-language", "")))
