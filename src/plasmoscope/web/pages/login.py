"""The way in: welcome, language and light, logging in, accounts."""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Request, Response
from starlette.concurrency import run_in_threadpool

from plasmoscope.store import accounts
from plasmoscope.store.records import LONGEST_TEXT, Role
from plasmoscope.web import example_slide as example
from plasmoscope.web.api.routes import WRONG_PASSWORD_CODE, Number, change_own_password, checked_login, crew_of
from plasmoscope.web.dependencies import WELCOME_CODE, go, own, records, remember, welcome
from plasmoscope.web.errors import WebError
from plasmoscope.web.i18n import languages
from plasmoscope.web.pages.rendering import THEME_COOKIE, THEMES, address_of, render
from plasmoscope.web.security.identity import SESSION_COOKIE, Admin, Reader, session_token

router = APIRouter()

_Password = Annotated[str, Form(max_length=LONGEST_TEXT)]


@router.get("/welcome")
def show_welcome(request: Request, then: str = "/") -> Response:
    """A short tour, and what the program is for."""
    return render(request, "welcome.html", then=own(then))


@router.post("/welcome")
async def accept(
    request: Request,
    actor: Reader,
    then: Annotated[str, Form()] = "/",
    wanted: Annotated[str, Form(alias="example")] = "",
) -> Response:
    """What the program is for is accepted."""
    if wanted and actor.may("technician"):
        then = f"/slides/{await show_example(request, actor.name)}"
    return welcome(go(then), request)


async def show_example(request: Request, who: str) -> int:
    """The example slide's number; its analysis begins at once."""
    store = records(request)
    known = await run_in_threadpool(example.known_example, store)
    if known is not None:
        return known
    shown = await crew_of(request).drawing.take(example.photographs)
    slide_id = await run_in_threadpool(example.make_example, store, who, shown)
    request.app.state.jobs.wake()
    return slide_id


@router.post("/settings")
def change_settings(
    request: Request,
    language: Annotated[str, Form()] = "",
    theme: Annotated[str, Form()] = "",
    back: Annotated[str, Form()] = "/",
) -> Response:
    """Another language, or light instead of dark."""
    answer = go(back)
    if language in languages.LANGUAGES:
        remember(answer, request, languages.COOKIE, language)
    if theme:
        # Without scripts the page cannot say which one it shows.
        other = "light" if request.cookies.get(THEME_COOKIE) == "dark" else "dark"
        remember(answer, request, THEME_COOKIE, theme if theme in THEMES else other)
    return answer


@router.get("/login")
def show_login(request: Request, then: str = "/") -> Response:
    """The page to log in."""
    if request.state.actor is not None:
        return go(then)
    return render(request, "login.html", wrong=False, name="", then=own(then))


@router.post("/login")
def log_in(
    request: Request,
    name: Annotated[str, Form(max_length=LONGEST_TEXT)],
    password: _Password,
    then: Annotated[str, Form()] = "/",
) -> Response:
    """Begin a session."""
    try:
        token = checked_login(request, name, password)
    except WebError as error:
        if error.status != 401:
            raise
        return render(request, "login.html", 401, wrong=True, name=name, then=own(then))
    answer = go(then)
    request.app.state.sessions.add_cookie(answer.headers, SESSION_COOKIE, token)
    return answer


@router.post("/logout")
def log_out(request: Request) -> Response:
    """End the session."""
    with records(request).session() as session:
        accounts.log_out(session, session_token(request))
    answer = go("/login")
    answer.delete_cookie(SESSION_COOKIE)
    return answer


@router.get("/password")
def show_password(request: Request, actor: Reader, changed: bool = False) -> Response:
    """The page to change one's own password."""
    return _password_page(request, changed=changed)


@router.post("/password")
def change_password(request: Request, actor: Reader, old: _Password, new: _Password, again: _Password) -> Response:
    """Give oneself a new password."""
    if new != again:
        return _password_page(request, 422, differ=True)
    try:
        change_own_password(request, actor, old, new)
    except WebError as error:
        if error.code != WRONG_PASSWORD_CODE:
            raise
        return _password_page(request, error.status, wrong=True)
    return go("/password?changed=yes")


@router.get("/accounts")
def show_accounts(request: Request, actor: Admin) -> Response:
    """Who may log in."""
    with records(request).reading() as session:
        known = accounts.all_accounts(session)
    return render(request, "accounts.html", accounts=known, shortest_password=accounts.SHORTEST_PASSWORD)


@router.post("/accounts")
def add_account(
    request: Request,
    actor: Admin,
    name: Annotated[str, Form()],
    password: Annotated[str, Form()],
    role: Annotated[Role, Form()],
) -> Response:
    """Let somebody log in."""
    with records(request).session() as session:
        accounts.add_account(session, actor.name, name, password, role)
    return go("/accounts")


@router.post("/accounts/{account_id}/deactivate")
def deactivate_account(request: Request, actor: Admin, account_id: Number) -> Response:
    """Let an account log in no more."""
    with records(request).session() as session:
        accounts.deactivate(session, actor.name, account_id)
    return go("/accounts")


@router.post("/accounts/{account_id}/activate")
def activate_account(request: Request, actor: Admin, account_id: Number) -> Response:
    """Let a deactivated account log in again."""
    with records(request).session() as session:
        accounts.activate(session, actor.name, account_id)
    return go("/accounts")


@router.post("/accounts/{account_id}/password")
def set_password(request: Request, actor: Admin, account_id: Number, password: _Password) -> Response:
    """Give an account a new password."""
    with records(request).session() as session:
        accounts.set_password(session, actor.name, account_id, password)
    return go("/accounts")


def turned_away(request: Request, error: WebError) -> Response | None:
    """The page that somebody needs first; None where the error is of another kind."""
    if error.code == WELCOME_CODE:
        return go(f"/welcome?then={quote(address_of(request))}")
    if error.status != 401:
        return None
    then = address_of(request)
    return go("/login" if then == "/" else f"/login?then={quote(then)}")


def _password_page(
    request: Request, status: int = 200, *, changed: bool = False, differ: bool = False, wrong: bool = False
) -> Response:
    shortest = accounts.SHORTEST_PASSWORD
    return render(
        request, "password.html", status, changed=changed, differ=differ, wrong=wrong, shortest_password=shortest
    )
