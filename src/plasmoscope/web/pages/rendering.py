"""From a template and what it shows to an answer in the reader's language."""

from functools import cache
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from plasmoscope.analysis.calls import CALLS
from plasmoscope.i18n import languages
from plasmoscope.messages import RESEARCH_USE
from plasmoscope.web.dependencies import workstation_of
from plasmoscope.web.i18n import sentences
from plasmoscope.web.i18n.reader import reader_words
from plasmoscope.web.root_path import put_below
from plasmoscope.web.security.identity import Actor

THEME_COOKIE = "theme"
THEMES = ("light", "dark")


def render(
    request: Request,
    template: str,
    status: int = 200,
    headers: dict[str, str] | None = None,
    here: str | None = None,
    **shown: Any,
) -> HTMLResponse:
    """A page.

    Args:
        here: where to come back to after a change of language; this address if None.
        shown: what the template names; each says at its top what it needs.
    """
    said = reader_words(request)
    actor: Actor | None = getattr(request.state, "actor", None)
    theme = request.cookies.get(THEME_COOKIE)
    settings = workstation_of(request).settings
    page = environment(said.language.code, settings.root_path).get_template(template)
    content = page.render(
        words=said,
        language=said.language,
        actor=actor,
        may_change=actor is not None and actor.may("technician"),
        accounts_required=settings.accounts_required,
        openid=settings.oidc is not None,
        idle_minutes=settings.idle_minutes if settings.accounts_required else 0,
        theme=theme if theme in THEMES else "",
        here=here or address_of(request),
        **shown,
    )
    return HTMLResponse(content, status, headers)


def address_of(request: Request) -> str:
    """The page that is asked for; what a form was sent to is none to come back to."""
    if request.method != "GET":
        return "/"
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


@cache
def environment(code: str, root: str = "") -> Environment:
    """The templates with the messages of one language, and their addresses below the path ``root``."""
    made = Environment(
        loader=PackageLoader("plasmoscope.web"),
        autoescape=True,
        auto_reload=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    # newstyle: a message's values are put in, and escaped, by the template.
    made.install_gettext_translations(languages.catalogue(code), newstyle=True)  # type: ignore[attr-defined]
    put_below(made, root)
    made.globals.update(languages=languages.LANGUAGES, meanings=sentences, calls=CALLS, RESEARCH_USE=RESEARCH_USE)
    return made
