"""Logging in and out, and one's own password."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from plasmoscope.store import accounts
from plasmoscope.store.records import LONGEST_TEXT
from plasmoscope.store.store import Store
from plasmoscope.web.dependencies import KnownSessions, LoginChecks, Records
from plasmoscope.web.errors import WebError
from plasmoscope.web.pages.redirects import go, own
from plasmoscope.web.pages.rendering import render
from plasmoscope.web.security.identity import SESSION_COOKIE, Reader, session_token
from plasmoscope.web.security.login import WRONG_PASSWORD_CODE

router = APIRouter()

Password = Annotated[str, Form(max_length=LONGEST_TEXT)]


@router.get("/login")
def show_login(request: Request, then: str = "/") -> Response:
    """The page to log in."""
    if request.state.actor is not None:
        return go(then)
    return render(request, "login.html", wrong=False, name="", then=own(then))


@router.post("/login")
def log_in(
    request: Request,
    logins: LoginChecks,
    sessions: KnownSessions,
    name: Annotated[str, Form(max_length=LONGEST_TEXT)],
    password: Password,
    then: Annotated[str, Form()] = "/",
) -> Response:
    """Begin a session."""
    try:
        token = logins.log_in(request, name, password)
    except WebError as error:
        if error.status != 401:
            raise
        return render(request, "login.html", 401, wrong=True, name=name, then=own(then))
    answer = go(then)
    sessions.add_cookie(answer.headers, SESSION_COOKIE, token)
    return answer


@router.get("/unlock")
def show_unlock(request: Request, records: Records, then: str = "/") -> Response:
    """The page to go on in a session that is locked."""
    if request.state.actor is not None:
        return go(then)
    return _unlock_page(request, records, then)


@router.post("/unlock")
def unlock(
    request: Request, records: Records, logins: LoginChecks, password: Password, then: Annotated[str, Form()] = "/"
) -> Response:
    """Go on."""
    try:
        logins.unlock(request, password)
    except WebError as error:
        if error.code != WRONG_PASSWORD_CODE:
            raise
        return _unlock_page(request, records, then, error.status)
    return go(then)


@router.post("/logout")
def log_out(request: Request, records: Records) -> Response:
    """End the session."""
    with records.session() as session:
        accounts.log_out(session, session_token(request))
    answer = go("/login")
    answer.delete_cookie(SESSION_COOKIE)
    return answer


@router.get("/password")
def show_password(request: Request, actor: Reader, changed: bool = False) -> Response:
    """The page to change one's own password."""
    return _password_page(request, changed=changed)


@router.post("/password")
def change_password(
    request: Request, actor: Reader, logins: LoginChecks, old: Password, new: Password, again: Password
) -> Response:
    """Give oneself a new password."""
    if new != again:
        return _password_page(request, 422, differ=True)
    try:
        logins.change_password(request, actor.name, old, new)
    except WebError as error:
        if error.code != WRONG_PASSWORD_CODE:
            raise
        return _password_page(request, error.status, wrong=True)
    return go("/password?changed=yes")


def _unlock_page(request: Request, records: Store, then: str, status: int = 200) -> Response:
    with records.reading() as session:
        account = accounts.logged_in(session, session_token(request))
    if account is None:
        return go("/login")
    return render(request, "unlock.html", status, wrong=status != 200, name=account.name, then=own(then))


def _password_page(
    request: Request, status: int = 200, *, changed: bool = False, differ: bool = False, wrong: bool = False
) -> Response:
    shortest = accounts.SHORTEST_PASSWORD
    return render(
        request, "password.html", status, changed=changed, differ=differ, wrong=wrong, shortest_password=shortest
    )
