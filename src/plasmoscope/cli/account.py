"""``plasmoscope account``: who may log in to the workstation."""

import getpass
import os
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.table import Table

from plasmoscope.cli.console import console
from plasmoscope.cli.options import DatabaseOption, RecordsOption

if TYPE_CHECKING:
    from pathlib import Path

    from plasmoscope.store.store import Store

account = typer.Typer(help="Who may log in to the workstation.", no_args_is_help=True)
_PASSWORD_VARIABLE = "PLASMOSCOPE_PASSWORD"


@account.command()
def add(
    name: Annotated[str, typer.Argument(help="As it will stand in the records.")],
    data: RecordsOption,
    role: Annotated[
        Literal["reader", "technician", "admin"],
        typer.Option(help="reader looks; technician makes, corrects and signs slides; admin also manages accounts."),
    ] = "technician",
    database: DatabaseOption = None,
) -> None:
    """Let somebody log in; the password is asked for, or taken from PLASMOSCOPE_PASSWORD."""
    store = _open(data, database)
    from plasmoscope.store import accounts

    password = os.environ.get(_PASSWORD_VARIABLE) or getpass.getpass(f"Password for {name}: ")
    with store.session() as session:
        made = accounts.add_account(session, "command line", name, password, role)
    console.print(f"{made.name} may log in as {made.role}.")


@account.command("list")
def list_accounts(data: RecordsOption, database: DatabaseOption = None) -> None:
    """Show who may log in."""
    store = _open(data, database)
    from plasmoscope.store import accounts

    table = Table("number", "name", "role", "active")
    with store.reading() as session:
        for found in accounts.all_accounts(session):
            table.add_row(str(found.id), found.name, found.role, "yes" if found.active else "no")
    console.print(table)


@account.command()
def deactivate(
    number: Annotated[int, typer.Argument(help="The account's number, as `account list` shows it.")],
    data: RecordsOption,
    database: DatabaseOption = None,
) -> None:
    """Let an account log in no more."""
    store = _open(data, database)
    from plasmoscope.store import accounts

    with store.session() as session:
        console.print(f"{accounts.deactivate(session, 'command line', number).name} can log in no more.")


def _open(data: "Path", database: str | None) -> "Store":
    from plasmoscope.extras import require_extra

    require_extra("serve", "The workstation")
    from plasmoscope.store.store import Store

    return Store(data, database)
