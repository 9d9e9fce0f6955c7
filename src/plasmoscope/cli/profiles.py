"""``plasmoscope profiles``: what ``adapt`` made."""

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from plasmoscope.cli.console import console
from plasmoscope.cli.options import ProfilesOption, profiles_in

profiles = typer.Typer(help="Profiles of laboratories' stains, as `adapt` makes them.", no_args_is_help=True)
NameArgument = Annotated[str, typer.Argument(help="As `profiles list` shows it.")]


@profiles.command("list")
def list_profiles(folder: ProfilesOption = None) -> None:
    """Show which there are."""
    kept = profiles_in(folder)
    table = Table("name", "version", "made", "model", "infected", "others")
    for name in kept.names():
        profile = kept.load(name)
        cells = (f"{profile.infected:,}", f"{profile.uninfected:,}")
        table.add_row(name, str(profile.version), profile.created, escape(profile.model), *cells)
    console.print(table)


@profiles.command()
def show(name: NameArgument, folder: ProfilesOption = None) -> None:
    """Show what a profile is and how it was made; its weights are in its file."""
    kept = profiles_in(folder)
    profile = kept.load(name)
    table = Table("what", "value")
    for what, value in profile.model_dump(exclude={"weights"}).items():
        table.add_row(what.replace("_", " "), "" if value is None else escape(str(value)))
    table.add_row("weights", f"{len(profile.weights):,}")
    table.add_row("SHA-256", profile.sha256)
    console.print(table)


@profiles.command()
def remove(name: NameArgument, folder: ProfilesOption = None) -> None:
    """Take back a profile with all its versions; results that it touched keep its name and hash."""
    profiles_in(folder).remove(name)
    console.print(f"The profile '{escape(name)}' was removed with all its versions.")
