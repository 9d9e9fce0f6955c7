"""``/login`` and what goes with it: programs log in here, browsers on the page."""

from fastapi import APIRouter, Request

from plasmoscope.store import accounts
from plasmoscope.web.api import schemas
from plasmoscope.web.dependencies import (
    LoginChecks,
    Records,
)
from plasmoscope.web.security.identity import Reader, session_token

router = APIRouter()


@router.post("/login", tags=["accounts"])
def log_in(request: Request, logins: LoginChecks, given: schemas.LoginIn) -> schemas.LoginOut:
    """Log in as a program; browsers use the page."""
    return schemas.LoginOut(token=logins.log_in(request, given.name, given.password))


@router.post("/logout", tags=["accounts"], status_code=204)
def log_out(request: Request, actor: Reader, records: Records) -> None:
    """End the session."""
    with records.session() as session:
        accounts.log_out(session, session_token(request))


@router.post("/password", tags=["accounts"], status_code=204)
def change_password(request: Request, actor: Reader, logins: LoginChecks, given: schemas.OwnPasswordIn) -> None:
    """Give oneself a new password; one's other sessions end."""
    logins.change_password(request, actor.name, given.old_password, given.password)
