"""Logging in at a provider of OpenID Connect: there, and back."""

import secrets
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from plasmoscope.store import openid
from plasmoscope.web.dependencies import WholeWorkstation, Workstation
from plasmoscope.web.errors import WebError
from plasmoscope.web.pages.redirects import go, own
from plasmoscope.web.security.identity import SESSION_COOKIE
from plasmoscope.web.security.login import address_of
from plasmoscope.web.security.openid import NotRecognisedError, OpenID
from plasmoscope.web.settings import SESSION_HOURS

router = APIRouter()

_BROWSER_COOKIE = "plasmoscope_openid"
_CALLBACK = "/openid/callback"


@router.get("/openid/login")
def go_to_provider(request: Request, workstation: WholeWorkstation, then: str = "/") -> Response:
    """Send somebody to the provider."""
    provider = _provider(workstation)
    browser = secrets.token_urlsafe(32)
    with workstation.store.session() as session:
        begun = openid.begin(session, browser, own(then))
    try:
        answer = RedirectResponse(provider.address(begun, _redirect(request, workstation)), 303)
    except NotRecognisedError as error:
        raise WebError(503, "openid", "openid_failed") from error
    workstation.sessions.add_cookie(answer.headers, _BROWSER_COOKIE, browser)
    return answer


@router.get(_CALLBACK)
def come_back(
    request: Request,
    workstation: WholeWorkstation,
    state: Annotated[str, Query(max_length=1000)] = "",
    code: Annotated[str, Query(max_length=4000)] = "",
) -> Response:
    """Begin a session of whoever comes back from the provider."""
    provider, address = _provider(workstation), address_of(request)
    with workstation.store.session() as session:
        begun = openid.take(session, state, request.cookies.get(_BROWSER_COOKIE, ""))
    if begun is None or not code:
        raise WebError(403, "openid", "openid_failed")
    try:
        person = provider.person(code, begun.nonce, begun.verifier, _redirect(request, workstation))
    except NotRecognisedError as error:
        with workstation.store.session() as session:
            openid.refused(session, address, why=str(error)[:200])
        raise WebError(403, "openid", "openid_failed") from error
    with workstation.store.session() as session:
        token = openid.log_in(session, person, SESSION_HOURS, provider.provider.new_people, address)
    if token is None:
        raise WebError(403, "openid", "openid_unknown", name=person.name)
    answer = go(begun.then)
    answer.delete_cookie(_BROWSER_COOKIE)
    workstation.sessions.add_cookie(answer.headers, SESSION_COOKIE, token)
    return answer


def _provider(workstation: Workstation) -> OpenID:
    if workstation.openid is None:
        raise WebError(404, "not_found", "no_such_address")
    return workstation.openid


def _redirect(request: Request, workstation: Workstation) -> str:
    """Where the provider sends people back to; it takes none but what is registered there."""
    settings = workstation.settings
    scheme = "https" if settings.secure_cookies else "http"
    return f"{scheme}://{request.headers.get('host', '')}{settings.root_path}{_CALLBACK}"
