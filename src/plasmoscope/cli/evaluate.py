"""``plasmoscope evaluate``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from plasmoscope.caches import open_cache
from plasmoscope.cli.console import console, track
from plasmoscope.cli.options import (
    DataOption,
    DecisionsOption,
    GroupsOption,
    LabelsOption,
    ModelOption,
    PositiveOption,
    ViewsListOption,
    given_cells,
)
from plasmoscope.errors import PlasmoscopeError
from plasmoscope.extras import require_extra

if TYPE_CHECKING:
    from plasmoscope.classification.card import ClassEvaluation, Evaluation


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
            help="Folder for figures and pictures (default for a run folder: its evaluations/; for other cells, or "
            "another --split, --threshold or --labels than the model's own: none)."
        ),
    ] = None,
    positive: PositiveOption = None,
    groups: GroupsOption = None,
    labels: LabelsOption = "original",
    decisions: DecisionsOption = None,
    record: Annotated[
        bool, typer.Option("--record", help="Write the figures into the card of the --model that they are of.")
    ] = False,
) -> None:
    """Measure a model on labelled cells: figures with intervals, pictures, most wrongly classified cells."""
    require_extra("train", "Evaluation")
    open_cache()
    from plasmoscope.classification.card import UNKNOWN_SPLIT
    from plasmoscope.classification.classifier import Classifier, find_model
    from plasmoscope.evaluation.evaluate import (
        evaluation_folder,
        has_parts_of,
        judged_by_smear,
        part_members,
        predict_part,
        summarise,
        write_report,
    )

    if record and (model is None or threshold is not None):
        raise PlasmoscopeError(
            "--record writes into the card of a model of yours, at its own threshold: name it with --model, and leave "
            "--threshold out."
        )
    classifier = Classifier.load(model)
    card = classifier.card
    if split is None and card.data.split == UNKNOWN_SPLIT and part != "all":
        raise PlasmoscopeError("What this model was trained on is unknown; name a --split, or take --part all.")
    split = split or card.data.split
    dataset = given_cells(data, labels, decisions, positive, groups, card.classes)
    members, by_patient = part_members(dataset, split, part)
    if by_smear:
        # A name that tells none is an error before the work, not after it.
        _ = dataset.patients
    its_cells = has_parts_of(dataset, card.data) or card.data.split == UNKNOWN_SPLIT
    if record and not its_cells:
        raise PlasmoscopeError(
            "--record takes only figures of the data set that the model was trained on; keep these with --output."
        )
    if flattered := _what_flatters(card.data.split if its_cells else None, split, part):
        console.print(f"[yellow]{flattered}")
    # What stands in a run's own folder is compared with others', so it keeps to its own cells, labels and threshold.
    its_labels = dataset.label_set == card.data.labels
    own = its_cells and its_labels and split == card.data.split and threshold is None
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
    _show(f"{card.name} on {part} of {split}: {len(members):,} cells, threshold {limit:.2f}", evaluations)
    if labels == "reviewed":
        console.print(f"Labels {dataset.label_set}.")
    console.print(f"Intervals: {', '.join(dict.fromkeys(e.interval for e in evaluations))}.")
    if output:
        console.print(f"Figures and pictures are in {output}.")
    if record:
        kept = [e for e in card.evaluations if not any(_same_protocol(e, new) for new in evaluations)]
        card.model_copy(update={"evaluations": (*kept, *evaluations)}).write(find_model(model))


def _what_flatters(trained_on: str | None, split: str, part: str) -> str | None:
    """Why figures are better than on new cells; ``trained_on`` is the model's split of these cells, None of others."""
    if trained_on is None:
        return (
            "The model was trained on other cells (its split had parts of other sizes): some of these may have been "
            "seen in training, which flatters the figures."
        )
    if split != trained_on or part in ("train", "all"):
        return (
            f"The model was trained on the split {trained_on}: some of these cells may have been seen in training, "
            "which flatters the figures."
        )
    if part == "validation" or (split == "80-20" and part == "test"):
        return "The model was chosen and calibrated on these cells: the figures are a little flattered."
    return None


def _show(title: str, evaluations: "list[Evaluation]") -> None:
    table = Table(title=escape(title))
    table.add_column("figure")
    for evaluation in evaluations:
        table.add_column(_looked(evaluation))
    for name in evaluations[0].figures:
        cells = (evaluation.figures[name] for evaluation in evaluations)
        table.add_row(
            name.replace("_", " "), *(f"[bold]{f.value:.4f}[/]\n({f.low:.4f} to {f.high:.4f})" for f in cells)
        )
    console.print(table)
    for evaluation in evaluations:
        if evaluation.classes is not None:
            _show_classes(evaluation.classes, _looked(evaluation))
        if evaluation.silent is not None:
            shares = ", ".join(f"{share:.2%} of {name}" for name, share in evaluation.silent.items())
            console.print(
                f"Without a call, since they may be no cells ({_looked(evaluation)}): {shares}; figures include them."
            )


def _show_classes(classes: "ClassEvaluation", looked: str) -> None:
    """Cells of each class by what they were called, and the figures of each."""
    confusion = Table(
        "truth", *map(escape, classes.names), title=f"Cells of each class by what they were called, {looked}"
    )
    for name, row in zip(classes.names, classes.confusion, strict=True):
        confusion.add_row(escape(name), *(f"{cells:,}" for cells in row))
    figures = ("sensitivity", "precision", "f1", "auc")
    each = Table("class", *figures, title=f"Each class against the rest, {looked}")
    for name, of_class in classes.by_class.items():
        each.add_row(escape(name), *(f"{getattr(of_class, figure).value:.4f}" for figure in figures))
    console.print(confusion)
    console.print(each)
    told = (
        f"{name.replace('_', ' ')} {f.value:.4f} ({f.low:.4f} to {f.high:.4f})" for name, f in classes.figures.items()
    )
    console.print(f"Over all classes: {', '.join(told)}.")


def _looked(evaluation: "Evaluation") -> str:
    """How the cells were looked at, such as ``8 views, by smear``."""
    views = f"{evaluation.views} view{'s' if evaluation.views > 1 else ''}"
    return f"{views}, by smear" if evaluation.by_smear else views


def _same_protocol(one: object, other: object) -> bool:
    fields = ("part", "split", "views", "by_smear", "labels", "threshold")
    return all(getattr(one, field) == getattr(other, field) for field in fields)
