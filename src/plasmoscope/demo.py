"""The whole way on a synthetic field with known truth: render, crop, classify, compare, draw."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plasmoscope.classification.classifier import Classifier
from plasmoscope.reports.pictures import contact_sheet, draw_outlines, stack_with_headings
from plasmoscope.synthetic.rendering import crop_cell, render_field


@dataclass(frozen=True)
class DemoResult:
    """Truth and calls of a synthetic field's whole cells, and a picture of both."""

    infected: NDArray[np.bool_]
    probabilities: NDArray[np.float32]
    called: NDArray[np.bool_]
    picture: NDArray[np.uint8]


def run_demo(classifier: Classifier, seed: int = 5, cells: int = 60, parasitaemia: float = 0.2) -> DemoResult:
    """Render a thin-smear field, classify each of its whole cells and compare with the known truth.

    Args:
        seed: another seed, another smear.
        cells: how many to render; those cut by the border are left out.
        parasitaemia: share of infected cells.
    """
    field = render_field(seed, cells=cells, parasitaemia=parasitaemia)
    whole = [index for index, cell in enumerate(field.cells) if cell.whole]
    crops = [crop_cell(field, index) for index in whole]
    probabilities = classifier.predict(crops, views=8)
    called = probabilities >= classifier.card.threshold
    infected = np.array([field.cells[index].infected for index in whole])
    masks = [field.cell_labels == index + 1 for index in whole]
    wrong = called != infected
    numbers = [f"{number}{' wrong' if missed else ''}" for number, missed in enumerate(wrong, start=1)]
    outlined = draw_outlines(field.image, masks, called.tolist(), numbers)
    order = np.argsort(-probabilities, kind="stable")
    sheet = contact_sheet(
        [crops[index] for index in order],
        [bool(called[index]) for index in order],
        [f"{index + 1}: {probabilities[index]:.3f}" for index in order],
        outlined.shape[1],
    )
    picture = stack_with_headings(
        [
            ("Synthetic thin smear. Thick orange: called parasitized. Thin blue: called uninfected.", outlined),
            ("Its cells by P(parasitized)", sheet),
        ]
    )
    return DemoResult(infected, probabilities, called, picture)
