"""``plasmoscope explain``."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from plasmoscope.cli.console import console, errors, tell_unread, track
from plasmoscope.cli.options import (
    CellsArgument,
    ModelOption,
    ProfileOption,
    ProfilesOption,
    given_images,
    load_classifier,
)
from plasmoscope.messages import NOT_A_DEVICE

_MOST = 200  # cells that one picture can show
_WIDTH = 1_008  # pixels of that picture


def explain(
    paths: CellsArgument,
    output: Annotated[Path, typer.Option(help="Picture to write, FILE.png.")] = Path("explained.png"),
    model: ModelOption = None,
    profile: ProfileOption = None,
    profiles: ProfilesOption = None,
) -> None:
    """Draw what each cell's call rests on: the cell, and beside it the places that speak for a parasite.

    Exit code 0: every file was read; 1: some could not be; 2: nothing to do, or wrong use.
    """
    import numpy as np
    from PIL import Image

    from plasmoscope.classification.class_shares import called_class
    from plasmoscope.classification.explanation import explain as explain_cell
    from plasmoscope.imaging.cells import read_cell, remarks_on
    from plasmoscope.imaging.reading import ImageError
    from plasmoscope.labels import NOT_TOLD, call_name
    from plasmoscope.reports.pictures import check_picture, contact_sheet, lay_heat

    check_picture(output)
    sources = given_images(paths, output)
    if len(sources) > _MOST:
        errors.print(f"{len(sources):,} cells are too many for one picture. Name at most {_MOST}.")
        raise typer.Exit(2)
    classifier = load_classifier(model, "cells", profile, profiles)
    tiles, captions, unread = [], [], 0
    calls: list[bool | None] = []
    names: list[str] = []
    remarks: list[str | None] = []
    for source in track(sources, len(sources), "Explaining cells"):
        try:
            picture = read_cell(source.read())
            cell = classifier.prepare(picture)
        except ImageError as error:
            tell_unread(source.name, str(error))
            unread += 1
            continue
        judged = classifier.judge_prepared(cell[None])
        ((probability, not_a_cell),) = judged.each()
        called = call_name(probability, classifier.threshold, not_a_cell, classifier.card.silence_threshold) != NOT_TOLD
        why = explain_cell(classifier, cell)
        tiles += [cell, lay_heat(cell, why.heat) if why.found else np.full_like(cell, 255)]
        names.append(source.name)
        remarks += remarks_on(cell[None], [max(picture.shape[:2])])
        shown = f"{probability:.2f}" if called else "can't tell"
        if judged.classes is not None:
            infected = np.array([probability >= classifier.threshold])
            shown += f" {classifier.classes.names[called_class(judged.classes, infected, classifier.classes)[0]]}"
        captions += [f"{len(names)}: {shown}", "" if why.found else "no one place"]
        calls += [probability >= classifier.threshold if called else None] * 2
    if tiles:
        Image.fromarray(contact_sheet(tiles, calls, captions, _WIDTH)).save(output)
        console.print(
            f"{len(tiles) // 2} cells with P(parasitized), and beside each, bright, what its call rests on: {output}. "
            "Where no one place stands out the square is empty."
        )
        for number, (name, remark) in enumerate(zip(names, remarks, strict=True), start=1):
            told = f" [yellow]({remark})[/]" if remark else ""
            console.print(f"{number}: {escape(name)}{told}", highlight=False, soft_wrap=True)
    console.print(NOT_A_DEVICE)
    if unread:
        raise typer.Exit(1)
