"""Looking at a recipe before training it: ``summary``, ``augmentations``, ``lr-range``."""

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.table import Table

from plasmoscope.caches import open_cache
from plasmoscope.cli.console import console, track
from plasmoscope.cli.options import CacheOption, DataOption, GroupsOption, PositiveOption, SettingsOption, given_cells
from plasmoscope.errors import PlasmoscopeError
from plasmoscope.extras import require_extra
from plasmoscope.reports.output import check_output

RecipeArgument = Annotated[str, typer.Argument(help="A recipe's name, or a TOML file of your own.")]
PhaseOption = Annotated[int, typer.Option(min=1, help="Phase of the recipe.")]

_PREVIEW_CELLS = 8  # rows of the picture


def summary(recipe: RecipeArgument, settings: SettingsOption = []) -> None:  # noqa: B006
    """List a recipe's network: stages and their outputs, parameters, what learns in each phase, multiply-adds."""
    require_extra("train", "The summary of a network")
    open_cache()
    from plasmoscope.training.models import build_model
    from plasmoscope.training.recipe import load_recipe
    from plasmoscope.training.summary import multiply_adds, parameter_count, running_statistics, summarise_stages

    chosen = load_recipe(recipe).changed(settings)
    model = build_model(chosen.model, chosen.image_size, chosen.model_options, chosen.own_classes)
    stages = summarise_stages(model, chosen)
    phases = range(len(chosen.phases))
    table = Table(title=f"{chosen.name}: {chosen.model} at {chosen.image_size} px")
    for column in ("stage", "kind", "gives"):
        table.add_column(column)
    for column in ("parameters", *(f"learn in phase {index + 1}" for index in phases)):
        table.add_column(column, justify="right")
    for stage in stages:
        shape = " x ".join(map(str, stage.output))
        counts = (f"{count:,}" for count in (stage.parameters, *stage.trainable))
        table.add_row(stage.name, stage.kind, shape, *counts)
    total = parameter_count(model)
    learning = [sum(stage.trainable[index] for stage in stages) for index in phases]
    table.add_section()
    table.add_row("all", "", "", f"{total:,}", *(f"{count:,}" for count in learning))
    table.add_row("frozen", "", "", "", *(f"{total - count:,}" for count in learning))
    if statistics := running_statistics(model):
        table.add_section()
        table.add_row("all with statistics", "", "", f"{total + statistics:,}", *(f"{count:,}" for count in learning))
        table.add_row("frozen with statistics", "", "", "", *(f"{total + statistics - count:,}" for count in learning))
    console.print(table)
    if statistics:
        console.print(
            f"Statistics are the {statistics:,} running means and variances of batch normalisation, which Keras counts "
            "among the parameters and PyTorch does not."
        )
    console.print(f"{multiply_adds(model, chosen.image_size) / 1e6:,.0f} million multiply-adds a cell.")


def augmentations(
    recipe: RecipeArgument,
    data: DataOption,
    output: Annotated[Path, typer.Option(help="Picture to write.")] = Path("augmentations.png"),
    phase: PhaseOption = 1,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    positive: PositiveOption = None,
    settings: SettingsOption = [],  # noqa: B006
) -> None:
    """Draw cells beside augmented copies of themselves, as training sees them."""
    require_extra("train", "The augmentation preview")
    open_cache()
    import cv2
    import numpy as np

    from plasmoscope.imaging.cells import read_cell, resize_cell
    from plasmoscope.training.preview import augmentation_preview
    from plasmoscope.training.recipe import load_recipe

    check_output(output, (".png",))
    chosen = load_recipe(recipe).changed(settings)
    _check_phase(phase, len(chosen.phases))
    dataset = given_cells(data, positive=positive, expected=chosen.classes).thinned(_PREVIEW_CELLS)
    shown = chosen.phases[phase - 1]
    size = chosen.cache_size_of(shown)
    cells = np.stack([resize_cell(read_cell(cell.source.read()), size) for cell in dataset.cells])
    picture = augmentation_preview(cells, chosen.augmentation_of(shown), chosen.image_size_of(shown), seed=seed)
    if not cv2.imwrite(str(output), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)):
        raise PlasmoscopeError(f"{output} could not be written.")
    console.print(f"Each row: a cell, then augmented copies of it. Written to {output}.")


def lr_range(
    recipe: RecipeArgument,
    data: DataOption,
    output: Annotated[Path, typer.Option(help="Picture to write.")] = Path("lr-range.png"),
    phase: PhaseOption = 1,
    steps: Annotated[int, typer.Option(min=20, help="Training steps, each at a higher rate.")] = 100,
    init_weights: Annotated[Path | None, typer.Option(help="ImageNet weights from a file.")] = None,
    from_scratch: Annotated[bool, typer.Option("--from-scratch", help="Start from random weights.")] = False,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    accelerator: Annotated[Literal["auto", "cpu", "gpu", "mps"], typer.Option(help="Where to run it.")] = "auto",
    positive: PositiveOption = None,
    groups: GroupsOption = None,
    settings: SettingsOption = [],  # noqa: B006
    cache: CacheOption = None,
) -> None:
    """Run the learning-rate range test: a plot of loss against rate, and a suggestion."""
    require_extra("train", "The learning-rate range test")
    cache_folder = open_cache(cache)
    from plasmoscope.data.cache import decoded_cells
    from plasmoscope.data.splits import make_split
    from plasmoscope.training.batches import CachedCells
    from plasmoscope.training.lr_range import learning_rate_range_test, plot_range_test
    from plasmoscope.training.phases import initial_model
    from plasmoscope.training.recipe import load_recipe
    from plasmoscope.training.run_folder import RunOptions

    check_output(output, (".png",))
    chosen = load_recipe(recipe).changed(settings)
    _check_phase(phase, len(chosen.phases))
    dataset = given_cells(data, positive=positive, groups=groups, expected=chosen.classes)
    chosen = chosen.of_classes(dataset.classes)
    options = RunOptions(seed, init_weights, from_scratch, accelerator=accelerator)
    model = initial_model(chosen, options)
    size = chosen.cache_size_of(chosen.phases[phase - 1])
    pixels = decoded_cells(dataset, size, cache_folder, track)
    training = CachedCells(pixels, dataset.labels, make_split(chosen.split, dataset).train)
    test = learning_rate_range_test(model, chosen, phase - 1, training, options, steps)
    plot_range_test(test, chosen, phase - 1, output)
    if test.suggestion is None:
        console.print(f"The loss never falls; no rate can be suggested. See {output}.")
    else:
        console.print(f"Suggested learning rate: {test.suggestion:.1e} (the loss falls fastest there). See {output}.")


def _check_phase(phase: int, phases: int) -> None:
    if phase > phases:
        raise PlasmoscopeError(f"The recipe has {phases} phase{'s' if phases > 1 else ''}, not {phase}.")
