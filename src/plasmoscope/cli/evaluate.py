"""``plasmoscope evaluate``."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from plasmoscope.cli.console import console, track
from plasmoscope.cli.options import DataOption, ModelOption, ViewsListOption
from plasmoscope.errors import PlasmoscopeError
from plasmoscope.extras import require_extra


def evaluate(
    data: DataOption,
    model: ModelOption = None,
    split: Annotated[str | None, typer.Option(help="Named split (default: the one the model was trained on).")] = None,
    part: Annotated[str, typer.Option(help="validation, test, train, or all.")] = "validation",
    tta: ViewsListOption = [1],  # noqa: B006
    threshold: Annotated[float | None, typer.Option(min=0, max=1, help="Default: the model's own.")] = None,
    by_smear: Annotated[
        bool, typer.Option("--by-smear", help="Measure also with the cells of each patient judged together.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            help="Folder for figures and pictures (default for a run folder: its evaluations/; for another --split or "
            "--threshold than the model's own: none)."
        ),
    ] = None,
    record: Annotated[bool, typer.Option("--record", help="Write the figures into the model's card.")] = False,
) -> None:
    """Measure a model on labelled cells: figures with intervals, pictures, most wrongly classified cells."""
    require_extra("train", "Evaluation")
    from plasmoscope.classification.card import UNKNOWN_SPLIT
    from plasmoscope.classification.classifier import Classifier, find_model
    from plasmoscope.data.nih import load_nih
    from plasmoscope.evaluation.evaluate import (
        evaluation_folder,
        judged_by_smear,
        part_members,
        predict_part,
        summarise,
        write_report,
    )

    classifier = Classifier.load(model)
    card = classifier.card
    if split is None and card.data.split == UNKNOWN_SPLIT and part != "all":
        raise PlasmoscopeError("What this model was trained on is unknown; name a --split, or take --part all.")
    split = split or card.data.split
    dataset = load_nih(data)
    members, by_patient = part_members(dataset, split, part)
    if by_smear:
        # A name that tells none is an error before the work, not after it.
        _ = dataset.patients
    if split != card.data.split or part in ("train", "all"):
        console.print(
            f"[yellow]The model was trained on the split {card.data.split}: some of these cells may have been seen in "
            "training, which flatters the figures."
        )
    chosen_on = ("validation", "test") if split == "80-20" else ("validation",)
    if split == card.data.split and part in chosen_on:
        console.print("[yellow]The model was chosen and calibrated on these cells: the figures are a little flattered.")
    # What stands in a run's own folder is compared with others', so it keeps to the run's own split and threshold.
    own = split == card.data.split and threshold is None
    output = output or (evaluation_folder(model) if own and model and model.is_dir() else None)
    limit = card.threshold if threshold is None else threshold
    evaluations = []
    for views in tta:
        alone = predict_part(classifier, dataset, members, views, track)
        for predictions in [alone, judged_by_smear(classifier, alone)] if by_smear else [alone]:
            try:
                evaluation = summarise(predictions, split, part, limit, by_patient)
            except ValueError as error:
                raise PlasmoscopeError(f"This part cannot be evaluated: {error}.") from error
            evaluations.append(evaluation)
            if output:
                write_report(output, predictions, evaluation)
    table = Table(title=f"{card.name} on {part} of {split}: {len(members):,} cells, threshold {limit:.2f}")
    table.add_column("figure")
    for evaluation in evaluations:
        table.add_column(
            f"{evaluation.views} view{'s' if evaluation.views > 1 else ''}{', by smear' if evaluation.by_smear else ''}"
        )
    for name in evaluations[0].figures:
        cells = (evaluation.figures[name] for evaluation in evaluations)
        table.add_row(
            name.replace("_", " "), *(f"[bold]{f.value:.4f}[/]\n({f.low:.4f} to {f.high:.4f})" for f in cells)
        )
    console.print(table)
    console.print(f"Intervals: {', '.join(dict.fromkeys(e.interval for e in evaluations))}.")
    if output:
        console.print(f"Figures and pictures are in {output}.")
    if record:
        kept = [e for e in card.evaluations if not any(_same_protocol(e, new) for new in evaluations)]
        card.model_copy(update={"evaluations": (*kept, *evaluations)}).write(find_model(model))


def _same_protocol(one: object, other: object) -> bool:
    fields = ("part", "split", "views", "by_smear", "threshold")
    return all(getattr(one, field) == getattr(other, field) for field in fields)
