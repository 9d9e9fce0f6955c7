"""``/login`` and what goes with it: programs log in here, browsers on the page."""

from fastapi import APIRouter, Request

from plasmoscope.store import accounts, idle
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


@router.post("/acting", tags=["accounts"], status_code=204)
def say_that_somebody_acts(actor: Reader) -> None:
    """Somebody reads or types, so that the session is not locked."""


@router.post("/lock", tags=["accounts"], status_code=204)
def lock(request: Request, actor: Reader, records: Records) -> None:
    """Lock the session until ``/unlock``, where the workstation is run with ``--lock-after``."""
    with records.session() as session:
        idle.lock(session, session_token(request))


@router.post("/unlock", tags=["accounts"], status_code=204)
def unlock(request: Request, logins: LoginChecks, given: schemas.UnlockIn) -> None:
    """Go on in a session that is locked."""
    logins.unlock(request, given.password)
