"""``plasmoscope account``: who may log in to the workstation."""

import os
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.table import Table

from plasmoscope.cli.console import console
from plasmoscope.cli.options import DatabaseOption, RecordsOption

if TYPE_CHECKING:
    from plasmoscope.store.store import Store

account = typer.Typer(help="Who may log in to the workstation.", no_args_is_help=True)
_PASSWORD_VARIABLE = "PLASMOSCOPE_PASSWORD"
NumberArgument = Annotated[int, typer.Argument(help="The account's number, as `account list` shows it.")]


@account.command()
def add(
    name: Annotated[str, typer.Argument(help="As it will stand in the records.")],
    data: RecordsOption,
    role: Annotated[
        Literal["reader", "technician", "admin"],
        typer.Option(help="reader looks; technician makes, corrects and signs slides; admin also manages accounts."),
    ] = "technician",
    site: Annotated[
        list[str] | None, typer.Option(help="They see the slides of this site only; give it again for another.")
    ] = None,
    database: DatabaseOption = None,
) -> None:
    """Let somebody log in; the password is asked for twice, or taken from PLASMOSCOPE_PASSWORD."""
    store = _records()(data, database)
    from plasmoscope.store import accounts
    from plasmoscope.store.audit import COMMAND_LINE

    password = _password(f"Password for {name}")
    with store.session() as session:
        made = accounts.add_account(session, COMMAND_LINE, name, password, role, site or ())
    console.print(f"{made.name} may log in as {made.role}.")


@account.command("list")
def list_accounts(data: RecordsOption, database: DatabaseOption = None) -> None:
    """Show who may log in."""
    store = _records().existing(data, database)
    from plasmoscope.store import accounts

    table = Table("number", "name", "role", "active", "sites")
    with store.reading() as session:
        for found in accounts.all_accounts(session):
            table.add_row(
                str(found.id), found.name, found.role, "yes" if found.active else "no", ", ".join(found.sites)
            )
    console.print(table)


@account.command()
def deactivate(
    number: NumberArgument,
    data: RecordsOption,
    database: DatabaseOption = None,
) -> None:
    """Let an account log in no more."""
    store = _records().existing(data, database)
    from plasmoscope.store import accounts
    from plasmoscope.store.audit import COMMAND_LINE

    with store.session() as session:
        console.print(f"{accounts.deactivate(session, COMMAND_LINE, number).name} can log in no more.")


@account.command()
def activate(
    number: NumberArgument,
    data: RecordsOption,
    database: DatabaseOption = None,
) -> None:
    """Let a deactivated account log in again."""
    store = _records().existing(data, database)
    from plasmoscope.store import accounts
    from plasmoscope.store.audit import COMMAND_LINE

    with store.session() as session:
        console.print(f"{accounts.activate(session, COMMAND_LINE, number).name} may log in again.")


@account.command()
def remove(
    number: NumberArgument,
    data: RecordsOption,
    database: DatabaseOption = None,
) -> None:
    """Let an account log in never again, and its name be used again; what it did stays in the records as its own."""
    store = _records().existing(data, database)
    from plasmoscope.store import accounts
    from plasmoscope.store.audit import COMMAND_LINE

    with store.session() as session:
        console.print(f"{accounts.remove(session, COMMAND_LINE, number).name} is removed.")


@account.command("role")
def set_role(
    number: NumberArgument,
    role: Annotated[Literal["reader", "technician", "admin"], typer.Argument(help="The new one.")],
    data: RecordsOption,
    database: DatabaseOption = None,
) -> None:
    """Give an account another role, also where it is logged in."""
    store = _records().existing(data, database)
    from plasmoscope.store import accounts
    from plasmoscope.store.audit import COMMAND_LINE

    with store.session() as session:
        made = accounts.set_role(session, COMMAND_LINE, number, role)
    console.print(f"{made.name} is {made.role} now.")


@account.command("sites")
def set_sites(
    number: NumberArgument,
    data: RecordsOption,
    site: Annotated[list[str] | None, typer.Argument(help="Any number; none: as without sites.")] = None,
    database: DatabaseOption = None,
) -> None:
    """Let an account see the slides of these sites only; an admin sees all."""
    store = _records().existing(data, database)
    from plasmoscope.store import accounts
    from plasmoscope.store.audit import COMMAND_LINE

    with store.session() as session:
        made = accounts.set_sites(session, COMMAND_LINE, number, site or ())
    console.print(f"{made.name} belongs to {', '.join(made.sites)}." if made.sites else f"{made.name} has no site.")


@account.command()
def link(
    number: NumberArgument,
    issuer: Annotated[str, typer.Argument(help="Of the provider of OpenID Connect, as `serve --oidc-issuer` has it.")],
    subject: Annotated[str, typer.Argument(help="Who they are there (sub), as the audit's refused log-in tells.")],
    data: RecordsOption,
    database: DatabaseOption = None,
) -> None:
    """Let somebody whom a provider of OpenID Connect knows log in to an account."""
    store = _records().existing(data, database)
    from plasmoscope.store import openid
    from plasmoscope.store.audit import COMMAND_LINE

    with store.session() as session:
        console.print(f"{openid.link(session, COMMAND_LINE, number, issuer, subject).name} may log in there.")


@account.command()
def password(
    number: NumberArgument,
    data: RecordsOption,
    database: DatabaseOption = None,
) -> None:
    """Give an account a new password, asked for twice or taken from PLASMOSCOPE_PASSWORD; it is logged out."""
    store = _records().existing(data, database)
    from plasmoscope.store import accounts
    from plasmoscope.store.audit import COMMAND_LINE

    # Named before it is asked for, so that nobody else's is set by a wrong number.
    with store.reading() as session:
        name = accounts.get_account(session, number).name
    given = _password(f"New password for {name}")
    with store.session() as session:
        accounts.set_password(session, COMMAND_LINE, number, given)
    console.print(f"{name} has a new password, and is logged out everywhere.")


def _password(prompt: str) -> str:
    given = os.environ.get(_PASSWORD_VARIABLE)
    return given or str(typer.prompt(prompt, hide_input=True, confirmation_prompt=True))


def _records() -> "type[Store]":
    from plasmoscope.extras import require_extra

    require_extra("serve", "The workstation")
    from plasmoscope.store.store import Store

    return Store
