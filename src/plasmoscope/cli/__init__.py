"""The command line: one file a command, each a thin layer over the library."""

import sys

import typer

from plasmoscope import __version__
from plasmoscope.cli.console import errors
from plasmoscope.cli.train import train
from plasmoscope.errors import PlasmoscopeError

app = typer.Typer(
    name="plasmoscope",
    help="Find malaria parasites in Giemsa-stained thin blood smears. For research; not a medical device.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"plasmoscope {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", callback=_show_version, is_eager=True, help="Show the version."),
) -> None:
    """Options that every command shares."""


app.command()(train)


def main() -> None:
    """Run the command line; an error meant for the user ends it with its message and exit code 2."""
    try:
        app()
    except PlasmoscopeError as error:
        errors.print(f"[bold red]Error:[/] {error}", highlight=False)
        sys.exit(2)
