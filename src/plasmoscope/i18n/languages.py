"""The languages: which there are, which one a reader gets, and their catalogues of messages."""

import gettext
from functools import cache
from importlib.resources import files
from io import BytesIO
from typing import Literal, NamedTuple

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

DOMAIN = "plasmoscope"
COOKIE = "language"


class Language(NamedTuple):
    """A language that pages and reports speak."""

    code: str
    """As in HTML's ``lang`` and in the names of the catalogues' folders."""
    name: str
    """In the language itself."""
    direction: Literal["ltr", "rtl"] = "ltr"


ENGLISH = Language("en", "English")
LANGUAGES = {
    language.code: language
    for language in (
        ENGLISH,
        Language("fr", "Français"),
        Language("es", "Español"),
        Language("pt", "Português"),
        Language("ar", "العربية", "rtl"),
        Language("hi", "हिन्दी"),
        Language("sw", "Kiswahili"),
        Language("zh", "中文"),
        Language("ru", "Русский"),
        Language("ja", "日本語"),
        Language("th", "ไทย"),
        Language("vi", "Tiếng Việt"),
    )
}


def choose(chosen: str | None, accepted: str) -> Language:
    """The language that a reader gets.

    Args:
        chosen: the code that they picked on a page, if any.
        accepted: their browser's ``Accept-Language``.
    """
    if chosen in LANGUAGES:
        return LANGUAGES[chosen]
    for code in _by_preference(accepted):
        if code in LANGUAGES:
            return LANGUAGES[code]
    return ENGLISH


def _by_preference(accepted: str) -> list[str]:
    """Codes without their region, the most wanted first."""
    weighed = []
    for part in accepted.split(","):
        tag, _, weight = part.partition(";")
        try:
            weighed.append((float(weight.strip().removeprefix("q=") or 1), tag.strip().partition("-")[0].lower()))
        except ValueError:
            continue
    # Sorting keeps the order of those wanted equally; a weight of nought means "not this one".
    return [code for weight, code in sorted(weighed, key=lambda one: -one[0]) if weight > 0]


@cache
def catalogue(code: str) -> gettext.NullTranslations:
    """The messages of a language, compiled from its ``.po`` file; a missing one stays English."""
    if code == ENGLISH.code:
        return gettext.NullTranslations()
    compiled = BytesIO()
    write_mo(compiled, _messages(code))
    compiled.seek(0)
    return Translations(compiled, DOMAIN)


@cache
def letters_of(code: str) -> str:
    """Every letter of a language's messages, each once."""
    if code == ENGLISH.code:
        return ""
    return "".join(sorted({letter for message in _messages(code) if message.id for letter in str(message.string)}))


def _messages(code: str) -> Catalog:
    source = files("plasmoscope.i18n") / "locale" / code / "LC_MESSAGES" / f"{DOMAIN}.po"
    with source.open("rb") as stream:
        return read_po(stream, locale=code)
