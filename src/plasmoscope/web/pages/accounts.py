"""Who may log in: the page for administrators."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from plasmoscope.store import accounts
from plasmoscope.store.records import LONGEST_TEXT, Role
from plasmoscope.store.sites import MOST_SITES
from plasmoscope.web.dependencies import Number, Records, SettingsInForce
from plasmoscope.web.pages.login import Password
from plasmoscope.web.pages.redirects import go
from plasmoscope.web.pages.rendering import render
from plasmoscope.web.security.identity import Admin

router = APIRouter()
_Lines = Annotated[str, Form(max_length=MOST_SITES * LONGEST_TEXT)]


@router.get("/accounts")
def show_accounts(request: Request, actor: Admin, records: Records, settings: SettingsInForce) -> Response:
    """Who may log in."""
    with records.reading() as session:
        known = accounts.all_accounts(session)
    shortest = accounts.SHORTEST_PASSWORD
    return render(request, "accounts.html", accounts=known, shortest_password=shortest, strict=settings.strict_sites)


@router.post("/accounts")
def add_account(
    actor: Admin,
    records: Records,
    name: Annotated[str, Form()],
    password: Annotated[str, Form()],
    role: Annotated[Role, Form()],
    sites: _Lines = "",
) -> Response:
    """Let somebody log in."""
    with records.session() as session:
        accounts.add_account(session, actor.name, name, password, role, sites.splitlines())
    return go("/accounts")


@router.post("/accounts/{account_id}/deactivate")
def deactivate_account(actor: Admin, records: Records, account_id: Number) -> Response:
    """Let an account log in no more."""
    with records.session() as session:
        accounts.deactivate(session, actor.name, account_id)
    return go("/accounts")


@router.post("/accounts/{account_id}/activate")
def activate_account(actor: Admin, records: Records, account_id: Number) -> Response:
    """Let a deactivated account log in again."""
    with records.session() as session:
        accounts.activate(session, actor.name, account_id)
    return go("/accounts")


@router.post("/accounts/{account_id}/password")
def set_password(actor: Admin, records: Records, account_id: Number, password: Password) -> Response:
    """Give an account a new password."""
    with records.session() as session:
        accounts.set_password(session, actor.name, account_id, password)
    return go("/accounts")


@router.post("/accounts/{account_id}/role")
def set_role(actor: Admin, records: Records, account_id: Number, role: Annotated[Role, Form()]) -> Response:
    """Give an account another role."""
    with records.session() as session:
        accounts.set_role(session, actor.name, account_id, role)
    return go("/accounts")


@router.post("/accounts/{account_id}/sites")
def set_sites(actor: Admin, records: Records, account_id: Number, sites: _Lines = "") -> Response:
    """Let an account see the slides of some sites only."""
    with records.session() as session:
        accounts.set_sites(session, actor.name, account_id, sites.splitlines())
    return go("/accounts")


@router.post("/accounts/{account_id}/remove")
def remove_account(actor: Admin, records: Records, account_id: Number) -> Response:
    """Let an account log in never again."""
    with records.session() as session:
        accounts.remove(session, actor.name, account_id)
    return go("/accounts")
