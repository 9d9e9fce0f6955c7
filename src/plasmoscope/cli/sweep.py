"""``plasmoscope sweep``."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from plasmoscope.caches import open_cache
from plasmoscope.cli.console import console, track
from plasmoscope.cli.options import CacheOption, DataOption, GroupsOption, PositiveOption, SettingsOption, given_cells
from plasmoscope.extras import require_extra


def sweep(
    recipe: Annotated[str, typer.Argument(help="A recipe's name, or a TOML file of your own.")],
    data: DataOption,
    search: Annotated[Path, typer.Option(help="TOML file: which fields may take which values.")],
    trials: Annotated[int, typer.Option(min=1, help="Settings to try, those of earlier calls among them.")] = 20,
    output: Annotated[Path | None, typer.Option(help="Folder (default: runs/RECIPE-SPLIT-sweep).")] = None,
    split: Annotated[str | None, typer.Option(help="Another split than the recipe's, as for 'train'.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Epochs of every phase instead of the recipe's.")] = None,
    no_pruning: Annotated[
        bool,
        typer.Option("--no-pruning", help="Train all settings to their end, also those that others are better than."),
    ] = False,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Decides settings, start and order.")] = 0,
    init_weights: Annotated[Path | None, typer.Option(help="ImageNet weights from a file.")] = None,
    from_scratch: Annotated[bool, typer.Option("--from-scratch", help="Start from random weights.")] = False,
    accelerator: Annotated[Literal["auto", "cpu", "gpu", "mps"], typer.Option(help="Where to train.")] = "auto",
    positive: PositiveOption = None,
    groups: GroupsOption = None,
    settings: SettingsOption = [],  # noqa: B006
    cache: CacheOption = None,
) -> None:
    """Try many settings of a recipe, judged on validation cells alone; the same command again goes on.

    The best are written as a recipe; train and evaluate it for a figure, since the best of many on validation is chosen
    there.
    """
    require_extra("sweep", "A sweep")
    cache_folder = open_cache(cache)
    from plasmoscope.training import sweep as sweeping
    from plasmoscope.training.recipe import load_recipe
    from plasmoscope.training.run_folder import RunOptions

    chosen = load_recipe(recipe).changed(settings)
    if split:
        chosen = chosen.changed([f"split={split}"])
    if epochs:
        chosen = chosen.changed([f"phases.{index}.epochs={epochs}" for index in range(len(chosen.phases))])
    space = sweeping.read_space(search, chosen)
    folder = output or Path("runs") / f"{chosen.name}-{Path(chosen.split).stem}-sweep"
    options = RunOptions(seed, init_weights, from_scratch, accelerator=accelerator)
    dataset = given_cells(data, positive=positive, groups=groups, expected=chosen.classes)
    chosen = chosen.of_classes(dataset.classes)
    best = sweeping.sweep(
        chosen, space, dataset, folder, cache_folder, trials, options, not no_pruning, track, console.print
    )
    console.print(f"Best: {best.description}. All settings are in {folder / 'trials.csv'}.")
    console.print(
        f"'plasmoscope train {folder / 'best.toml'} --data {data}' trains it. Its validation figure was chosen among "
        f"{trials} and is optimistic; evaluate the trained model for one that is not."
    )
