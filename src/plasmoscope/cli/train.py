"""``plasmoscope train``."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from plasmoscope.caches import open_cache
from plasmoscope.cli.console import console, track
from plasmoscope.cli.options import (
    CacheOption,
    DecisionsOption,
    GroupsOption,
    LabelsOption,
    LoggersOption,
    PositiveOption,
    SettingsOption,
    given_cells,
    given_loggers,
)
from plasmoscope.errors import PlasmoscopeError
from plasmoscope.extras import require_extra

_SMOKE_CELLS = 240  # some batches of each class
_SMOKE_FIELDS = 3  # drawn, of 60 cells each


def train(
    recipe: Annotated[str, typer.Argument(help="A recipe's name, or a TOML file of your own.")],
    data: Annotated[
        Path | None,
        typer.Option(help="Folder or zip with a folder for each class, or a table (.csv); a smoke run renders cells."),
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Run folder (default: runs/RECIPE-SPLIT-SEED).")] = None,
    split: Annotated[
        str | None,
        typer.Option(help="Another split than the recipe's: patient-0, patient-0-of-10, 80-20, folders, FILE.csv."),
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Epochs of every phase instead of the recipe's.")] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Decides start, order and augmentation.")] = 0,
    init_weights: Annotated[
        Path | None, typer.Option(help="ImageNet weights from a file (.safetensors or .pth), for work offline.")
    ] = None,
    from_scratch: Annotated[bool, typer.Option("--from-scratch", help="Start from random weights.")] = False,
    other_data: Annotated[
        Path | None, typer.Option(help="Folder of the fields that the recipe's other cells are cut from.")
    ] = None,
    accelerator: Annotated[Literal["auto", "cpu", "gpu", "mps"], typer.Option(help="Where to train.")] = "auto",
    precision: Annotated[
        Literal["auto", "32", "bf16"], typer.Option(help="auto: bf16 where the machine is faster with it.")
    ] = "auto",
    compile_model: Annotated[
        bool, typer.Option("--compile", help="Compile the network first: a minute, then faster epochs.")
    ] = False,
    smoke: Annotated[
        bool, typer.Option("--smoke", help="One epoch a phase on a few cells, to see that it runs.")
    ] = False,
    devices: Annotated[int, typer.Option(min=1, help="Devices (or CPU processes) that share each batch.")] = 1,
    nodes: Annotated[int, typer.Option(min=1, help="Machines that run this command together.")] = 1,
    positive: PositiveOption = None,
    groups: GroupsOption = None,
    logger: LoggersOption = ["csv", "tensorboard"],  # noqa: B006
    histograms: Annotated[
        bool, typer.Option("--histograms", help="Also the network's graph and histograms of weights, for TensorBoard.")
    ] = False,
    labels: LabelsOption = "original",
    decisions: DecisionsOption = None,
    settings: SettingsOption = [],  # noqa: B006
    cache: CacheOption = None,
) -> None:
    """Train a recipe; the same command again resumes a run that was stopped."""
    require_extra("train", "Training")
    cache_folder = open_cache(cache)
    from plasmoscope.synthetic.dataset import write_cells
    from plasmoscope.training.recipe import load_recipe
    from plasmoscope.training.run import train as run_training
    from plasmoscope.training.run_folder import RunOptions

    chosen = load_recipe(recipe).changed(settings)
    if split:
        chosen = chosen.changed([f"split={split}"])
    if epochs:
        chosen = chosen.changed([f"phases.{index}.epochs={epochs}" for index in range(len(chosen.phases))])
    if smoke:
        chosen = chosen.shortened()
    special = f"{'-reviewed' if labels == 'reviewed' else ''}{'-smoke' if smoke else ''}"
    folder = output or Path("runs") / f"{chosen.name}-{Path(chosen.split).stem}-{seed}{special}"
    if data is None and not smoke:
        raise PlasmoscopeError(
            "Give the data set with --data: a folder or zip in the NIH layout. 'plasmoscope data download' fetches it."
        )
    if data is None:
        data = folder.with_name(f"{folder.name}-cells")
        write_cells(data, _SMOKE_FIELDS)
    dataset = given_cells(data, labels, decisions, positive, groups, chosen.classes)
    if smoke:
        dataset = dataset.thinned(_SMOKE_CELLS)
    options = RunOptions(
        seed=seed,
        init_weights=init_weights,
        from_scratch=from_scratch or (smoke and init_weights is None),
        other_data=other_data,
        accelerator=accelerator,
        precision=precision,
        compile=compile_model,
        devices=devices,
        nodes=nodes,
        loggers=given_loggers(logger),
        histograms=histograms,
    )
    run_training(
        chosen,
        dataset,
        folder,
        cache_folder,
        options,
        track,
        console.print,
        # A folder that the user named may hold something else.
        afresh=smoke and output is None,
    )
    if labels == "reviewed":
        console.print(f"Labels {dataset.label_set}.")
    console.print(f"Model, card and learning curves are in {folder}.")
