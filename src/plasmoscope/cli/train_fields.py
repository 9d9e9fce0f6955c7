"""``plasmoscope train-fields``."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from plasmoscope.caches import open_cache
from plasmoscope.cli.console import console, track
from plasmoscope.cli.options import CacheOption, LoggersOption, given_loggers
from plasmoscope.extras import require_extra


def train_fields(
    recipe: Annotated[str, typer.Argument(help="A field recipe's name, or a TOML file of your own.")],
    data: Annotated[Path, typer.Option(help="Folder that holds the recipe's sources.")],
    output: Annotated[Path | None, typer.Option(help="Run folder (default: runs/RECIPE-SEED).")] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Decides start and scenes.")] = 0,
    accelerator: Annotated[Literal["auto", "cpu", "gpu", "mps"], typer.Option(help="Where to train.")] = "auto",
    precision: Annotated[
        Literal["auto", "32", "bf16"], typer.Option(help="auto: bf16 where the machine is faster with it.")
    ] = "auto",
    logger: LoggersOption = ["csv", "tensorboard"],  # noqa: B006
    smoke: Annotated[bool, typer.Option("--smoke", help="A few steps a phase, to see that it runs.")] = False,
    cache: CacheOption = None,
) -> None:
    """Train the network that reads whole fields; the same command again resumes a run that was stopped."""
    require_extra("train", "Training")
    cache_folder = open_cache(cache)
    from plasmoscope.training.fields.recipe import load_field_recipe
    from plasmoscope.training.fields.run import train_fields as run_training
    from plasmoscope.training.run_folder import RunOptions

    chosen = load_field_recipe(recipe)
    if smoke:
        chosen = chosen.shortened()
    folder = output or Path("runs") / f"{chosen.name}-{seed}{'-smoke' if smoke else ''}"
    options = RunOptions(seed=seed, accelerator=accelerator, precision=precision, loggers=given_loggers(logger))
    # A folder that the user named may hold something else.
    afresh = smoke and output is None
    run_training(chosen, data, folder, cache_folder, options, track, console.print, afresh)
    console.print(f"Network, card and learning curves are in {folder}.")
