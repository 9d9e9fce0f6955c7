"""The sources that a recipe names, opened: functions that draw a scene."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from plasmoscope.data.nih import load_nih
from plasmoscope.imaging.reading import read_image
from plasmoscope.progress import Track, untracked
from plasmoscope.segmentation.vocabulary import Tissue
from plasmoscope.training.fields.appearance import Rng
from plasmoscope.training.fields.composites import Stock, compose
from plasmoscope.training.fields.cutouts import red_cells
from plasmoscope.training.fields.elsewhere import something_else, thick_film
from plasmoscope.training.fields.labelled import (
    FieldDataError,
    LabelledField,
    crop,
    cutouts_of,
    is_aside,
    read_boxed_fields,
    thick_crop,
)
from plasmoscope.training.fields.recipe import FieldPhase, FieldRecipe, Source
from plasmoscope.training.fields.scene import Scene

Draw = Callable[[Rng], Scene]

# Of red cells with fewer companions of the same stain no field is composed.
_FEWEST_OF_A_STAIN = 8


@dataclass(frozen=True)
class FieldData:
    """The data folder, with what is read of it once."""

    folder: Path
    recipe: FieldRecipe
    stock: Stock
    boxed: dict[str, tuple[LabelledField, ...]]
    aside: bool

    def drawer(self, source: Source, outlined: dict[str, Sequence[LabelledField]]) -> Draw:
        """The function that draws a scene of a source.

        Raises:
            FieldDataError: the source has no pictures.
        """
        size = self.recipe.scene_size
        match source.kind:
            case "composites":
                return partial(compose, stock=self.stock, size=size)
            case "boxes":
                return partial(crop, fields=self.boxed[source.path], size=size)
            case "outlined":
                if not outlined.get(source.path):
                    raise FieldDataError(f"Nothing was outlined in {source.path}; is there any field?")
                return partial(crop, fields=outlined[source.path], size=size)
            case "thick_photographs":
                images = [read_image(file) for file in photographs(self.folder / source.path, source.aside, self.aside)]
                if not images:
                    raise FieldDataError(f"There are no photographs of thick films in {self.folder / source.path}.")
                return partial(thick_crop, images=images, size=size)
            case "drawn_thick":
                return partial(thick_film, stock=self.stock, size=size)
            case "drawn_other":
                return partial(something_else, size=size)


def photographs(folder: Path, how: str, aside: bool) -> list[Path]:
    """The files of a folder's ``images`` that are kept aside, or the others, sorted."""
    files = sorted((folder / "images").iterdir()) if (folder / "images").is_dir() else []
    return [file for file in files if is_aside(file.name, how) == aside]


def check_sources(folder: Path, recipe: FieldRecipe) -> None:
    """See that every source of a recipe is there.

    Raises:
        FieldDataError: some are not; the message names them.
    """
    paths = {source.path for phase in recipe.phases for source in phase.sources}
    missing = sorted(path for path in paths if not (folder / path).exists())
    if missing:
        raise FieldDataError(
            f"There is no {', '.join(missing)} in {folder}. Give the folder that holds them with --data."
        )


def open_data(
    folder: Path, recipe: FieldRecipe, cache_folder: Path, aside: bool, track: Track = untracked
) -> FieldData:
    """Read what a recipe's scenes are made of.

    Args:
        folder: that the paths of the recipe's sources are below.
        recipe: names the sources.
        cache_folder: where cut-out cells are kept.
        aside: the part kept for validation instead of the other; of cells, a fifth of the patients.
        track: shows progress.

    Raises:
        FieldDataError: a source is missing or empty.
        DataError, SourceError: the cells cannot be read.
    """
    check_sources(folder, recipe)
    sources = [source for phase in recipe.phases for source in phase.sources]
    boxed = {
        source.path: tuple(read_boxed_fields(folder / source.path, aside))
        for source in sources
        if source.kind == "boxes"
    }
    fields = [field for group in boxed.values() for field in group]
    stock = Stock((), (), ())
    for path in dict.fromkeys(source.path for source in sources if source.kind == "composites"):
        dataset = load_nih(folder / path)
        members = [index for index, patient in enumerate(dataset.patients) if is_aside(patient, "file") == aside]
        rng = np.random.default_rng(0)
        wanted = recipe.cells if not aside else max(100, recipe.cells // 8)
        chosen = sorted(rng.choice(members, min(wanted, len(members)), replace=False).tolist())
        grouped = red_cells(dataset, chosen, cache_folder, track)
        groups = [group for group in grouped.values() if len(group) >= _FEWEST_OF_A_STAIN]
        # Too few of each patient: of all together.
        groups = groups or [[cell for group in grouped.values() for cell in group]]
        stock = Stock(groups, cutouts_of(fields, Tissue.WHITE_CELL), cutouts_of(fields, Tissue.PLATELET))
    if not (stock.red and stock.white and stock.platelets):
        raise FieldDataError(
            "Composites need cells on black, and white cells and platelets from a source of boxes; "
            "the recipe names none."
        )
    return FieldData(folder, recipe, stock, boxed, aside)


def drawers_of(
    data: FieldData, phase: FieldPhase, outlined: dict[str, Sequence[LabelledField]]
) -> tuple[list[Draw], list[float]]:
    """The phase's sources as functions, and their shares, which sum to one."""
    total = sum(source.share for source in phase.sources)
    drawers = [data.drawer(source, outlined) for source in phase.sources]
    return drawers, [source.share / total for source in phase.sources]
