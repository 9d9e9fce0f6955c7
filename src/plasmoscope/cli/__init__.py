"""The command line: one file a command, each a thin layer over the library."""

import io
import sys
from typing import NoReturn

import typer
from rich.markup import escape

from plasmoscope import __version__
from plasmoscope.cli.account import account
from plasmoscope.cli.adapt import adapt
from plasmoscope.cli.agree import agree
from plasmoscope.cli.analyze import analyze
from plasmoscope.cli.audit import audit
from plasmoscope.cli.batch import batch
from plasmoscope.cli.bioimage_package import bioimage_package
from plasmoscope.cli.cascade import cascade
from plasmoscope.cli.classify import classify
from plasmoscope.cli.compare import compare
from plasmoscope.cli.console import errors
from plasmoscope.cli.convert import convert
from plasmoscope.cli.data import data
from plasmoscope.cli.demo import demo
from plasmoscope.cli.embed import embed
from plasmoscope.cli.evaluate import evaluate
from plasmoscope.cli.evaluate_fields import evaluate_fields
from plasmoscope.cli.explain import explain
from plasmoscope.cli.export import export
from plasmoscope.cli.profiles import profiles
from plasmoscope.cli.recipe_tools import augmentations, lr_range, summary
from plasmoscope.cli.recipes import recipes
from plasmoscope.cli.recompute import recompute
from plasmoscope.cli.serve import serve
from plasmoscope.cli.store import backup, doctor, erase_deleted, export_cells, export_history, restore
from plasmoscope.cli.sweep import sweep
from plasmoscope.cli.train import train
from plasmoscope.cli.train_fields import train_fields
from plasmoscope.cli.watch import watch
from plasmoscope.errors import PlasmoscopeError
from plasmoscope.messages import NOT_A_DEVICE

app = typer.Typer(
    name="plasmoscope",
    help=f"Find malaria parasites in Giemsa-stained thin blood smears. {NOT_A_DEVICE}",
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


for command in (
    analyze,
    serve,
    watch,
    classify,
    embed,
    batch,
    explain,
    demo,
    train,
    train_fields,
    sweep,
    evaluate,
    evaluate_fields,
    compare,
    recompute,
    audit,
    convert,
    bioimage_package,
    export,
    cascade,
    recipes,
    summary,
    augmentations,
    lr_range,
    doctor,
    export_cells,
    export_history,
    adapt,
    agree,
    backup,
    restore,
    erase_deleted,
):
    app.command()(command)
app.add_typer(data, name="data")
app.add_typer(account, name="account")
app.add_typer(profiles, name="profiles")


def main() -> None:
    """Run the command line; an error meant for the user ends it with its message and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        # A file name that the terminal cannot show must not end a run.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        app(args=_with_all_views(sys.argv[1:]))
    except PlasmoscopeError as error:
        _fail(str(error))
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _fail(f"{where}{error.strerror or error}. Check that the place exists, may be written to and has room.")


def _fail(message: str) -> NoReturn:
    errors.print(f"[bold red]Error:[/] {escape(message)}", highlight=False)
    sys.exit(2)


def _with_all_views(arguments: list[str]) -> list[str]:
    """Let ``--tta`` stand alone for 8 views; Typer has no options whose value may be left out."""
    complete: list[str] = []
    for argument, following in zip(arguments, [*arguments[1:], ""], strict=True):
        complete.append(argument)
        if argument == "--tta" and not following.isdigit():
            complete.append("8")
    return complete
