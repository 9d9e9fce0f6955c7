"""The whole way on a synthetic slide with known truth: render, find, call, count, compare."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plasmoscope.analysis.analyze import SlideOptions, analyze_slide
from plasmoscope.analysis.results import Field, Slide
from plasmoscope.classification.classifier import Classifier
from plasmoscope.progress import Track, untracked
from plasmoscope.synthetic.rendering import SyntheticField, render_field

_NAME = "demo"
_FIELDS = 3  # photographs
_CELLS = 120  # red cells in each


@dataclass(frozen=True)
class DemoResult:
    """What the analysis found in rendered fields, beside their truth."""

    slide: Slide
    images: tuple[NDArray[np.uint8], ...]
    """RGB pictures of the fields, in the slide's order."""
    calls: NDArray[np.int64]
    """Cells by truth (row 0 infected, 1 not) and call (column 0 infected, 1 not), shape (2, 2)."""
    true_cells: int
    """Whole red cells that were rendered."""
    true_infected: int
    """Infected ones among them."""


def run_demo(classifier: Classifier, seed: int = 1, parasitaemia: float = 0.04, track: Track = untracked) -> DemoResult:
    """Render three fields with touching cells, a white cell and platelets, and analyse them as a slide.

    Args:
        seed: another seed, another smear.
        parasitaemia: share of infected cells.
    """
    rendered = [
        render_field(
            1000 * seed + number,
            width=1280,
            height=960,
            cells=_CELLS,
            parasitaemia=parasitaemia,
            cell_diameter=66,
            overlap=0.15,
            white_cells=1,
            platelets=4,
            precipitate=1,
        )
        for number in range(_FIELDS)
    ]
    images = tuple(field.image for field in rendered)
    slide = analyze_slide(images, classifier, SlideOptions(slide=f"{_NAME} {seed}"), track)
    calls = sum((_compare(*pair) for pair in zip(rendered, slide.fields, strict=True)), np.zeros((2, 2), np.int64))
    whole = [cell for field in rendered for cell in field.cells if cell.whole]
    return DemoResult(slide, images, calls, len(whole), sum(cell.infected for cell in whole))


def is_demo(slide: str) -> bool:
    """Whether a slide of this ID was rendered by ``run_demo``, so that nothing is lost with its report."""
    return slide.rpartition(" ")[0] == _NAME


def _compare(truth: SyntheticField, field: Field) -> NDArray[np.int64]:
    """Each counted cell against the true cell nearest to it."""
    calls = np.zeros((2, 2), np.int64)
    centres = np.array([cell.centre for cell in truth.cells])
    for cell in field.cells:
        if cell.counted:
            nearest = int(np.linalg.norm(centres - cell.centre, axis=1).argmin())
            calls[0 if truth.cells[nearest].infected else 1, 0 if cell.parasitized else 1] += 1
    return calls
