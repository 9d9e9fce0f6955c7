"""``/accounts``: who may log in."""

from fastapi import APIRouter

from plasmoscope.store import accounts
from plasmoscope.web.api import schemas
from plasmoscope.web.dependencies import (
    Number,
    Records,
)
from plasmoscope.web.security.identity import Admin

router = APIRouter()


@router.get("/accounts", tags=["accounts"])
def list_accounts(actor: Admin, records: Records) -> list[schemas.AccountOut]:
    """Who may log in."""
    with records.reading() as session:
        return [schemas.AccountOut.model_validate(account) for account in accounts.all_accounts(session)]


@router.post("/accounts", tags=["accounts"], status_code=201)
def add_account(actor: Admin, records: Records, given: schemas.AccountIn) -> schemas.AccountOut:
    """Let somebody log in."""
    with records.session() as session:
        account = accounts.add_account(session, actor.name, given.name, given.password, given.role, given.sites)
        return schemas.AccountOut.model_validate(account)


@router.post("/accounts/{account_id}/deactivate", tags=["accounts"])
def deactivate_account(actor: Admin, records: Records, account_id: Number) -> schemas.AccountOut:
    """Let an account log in no more."""
    with records.session() as session:
        return schemas.AccountOut.model_validate(accounts.deactivate(session, actor.name, account_id))


@router.post("/accounts/{account_id}/activate", tags=["accounts"])
def activate_account(actor: Admin, records: Records, account_id: Number) -> schemas.AccountOut:
    """Let a deactivated account log in again."""
    with records.session() as session:
        return schemas.AccountOut.model_validate(accounts.activate(session, actor.name, account_id))


@router.post("/accounts/{account_id}/password", tags=["accounts"])
def set_password(actor: Admin, records: Records, account_id: Number, given: schemas.PasswordIn) -> schemas.AccountOut:
    """Give an account a new password; whoever is logged in with it must log in anew."""
    with records.session() as session:
        account = accounts.set_password(session, actor.name, account_id, given.password)
        return schemas.AccountOut.model_validate(account)


@router.post("/accounts/{account_id}/role", tags=["accounts"])
def set_role(actor: Admin, records: Records, account_id: Number, given: schemas.RoleIn) -> schemas.AccountOut:
    """Give an account another role, which it has at once."""
    with records.session() as session:
        return schemas.AccountOut.model_validate(accounts.set_role(session, actor.name, account_id, given.role))


@router.post("/accounts/{account_id}/sites", tags=["accounts"])
def set_sites(actor: Admin, records: Records, account_id: Number, given: schemas.SitesIn) -> schemas.AccountOut:
    """Let an account see the slides of these sites only; an admin sees all whatever stands here."""
    with records.session() as session:
        return schemas.AccountOut.model_validate(accounts.set_sites(session, actor.name, account_id, given.sites))


@router.post("/accounts/{account_id}/remove", tags=["accounts"], status_code=204)
def remove_account(actor: Admin, records: Records, account_id: Number) -> None:
    """Let an account log in never again, and its name be used again; what it did stays in the records as its own."""
    with records.session() as session:
        accounts.remove(session, actor.name, account_id)
