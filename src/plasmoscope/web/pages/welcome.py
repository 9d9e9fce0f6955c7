"""The welcome, and the choices that a browser keeps: that its reader was welcomed, the language and the light."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse

from plasmoscope.i18n import languages
from plasmoscope.web import example_slide
from plasmoscope.web.dependencies import SettingsInForce, WholeWorkstation
from plasmoscope.web.errors import WebError
from plasmoscope.web.pages.redirects import go, own
from plasmoscope.web.pages.rendering import THEME_COOKIE, THEMES, render
from plasmoscope.web.security.identity import Reader, Technician
from plasmoscope.web.settings import Settings

WELCOME_CODE = "welcome"
_WELCOME_COOKIE = "welcome"
_ACCEPTED = "accepted"
_YEAR_SECONDS = 365 * 24 * 3600

router = APIRouter()


async def _welcomed(request: Request) -> None:
    # Whoever has to log in does that first.
    if request.state.actor is not None and request.cookies.get(_WELCOME_COOKIE) != _ACCEPTED:
        raise WebError(303, WELCOME_CODE, "accept_first")


Welcomed = Depends(_welcomed)
"""Readers who have not accepted what the program is for are shown the welcome first."""


@router.get("/welcome")
def show_welcome(request: Request, then: str = "/") -> Response:
    """A short tour, and what the program is for."""
    return render(request, "welcome.html", then=own(then))


@router.post("/welcome")
async def accept(
    actor: Reader,
    workstation: WholeWorkstation,
    then: Annotated[str, Form()] = "/",
    wanted: Annotated[str, Form(alias="example")] = "",
) -> Response:
    """What the program is for is accepted."""
    if wanted and actor.may("technician"):
        then = f"/slides/{await example_slide.show_example(workstation, actor.name)}"
    return _remember(go(then), workstation.settings, _WELCOME_COOKIE, _ACCEPTED)


@router.post("/example", dependencies=[Welcomed])
async def make_example(actor: Technician, workstation: WholeWorkstation) -> Response:
    """The example slide, made where there is none."""
    return go(f"/slides/{await example_slide.show_example(workstation, actor.name)}")


@router.post("/settings")
def change_settings(
    request: Request,
    settings: SettingsInForce,
    language: Annotated[str, Form()] = "",
    theme: Annotated[str, Form()] = "",
    back: Annotated[str, Form()] = "/",
) -> Response:
    """Another language, or light instead of dark."""
    answer = go(back)
    if language in languages.LANGUAGES:
        _remember(answer, settings, languages.COOKIE, language)
    if theme:
        # Without scripts the page cannot say which one it shows.
        other = "light" if request.cookies.get(THEME_COOKIE) == "dark" else "dark"
        _remember(answer, settings, THEME_COOKIE, theme if theme in THEMES else other)
    return answer


def _remember(answer: RedirectResponse, settings: Settings, name: str, value: str) -> RedirectResponse:
    """Keep a reader's choice in their browser for a year."""
    secure = settings.secure_cookies
    answer.set_cookie(name, value, max_age=_YEAR_SECONDS, httponly=True, samesite="lax", secure=secure)
    return answer
