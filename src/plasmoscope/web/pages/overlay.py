"""The outlines that the viewer lays over a field: one for every object, drawn by its call."""

from collections.abc import Mapping
from dataclasses import dataclass

from plasmoscope.analysis.results import Cell, Field
from plasmoscope.store.records import Correction

_LETTERS = {"white_cell": "W", "platelet": "P", "precipitate": "S", "not told": "?"}


@dataclass(frozen=True)
class Outlined:
    """One object in the viewer."""

    cell: Cell
    correction: Correction | None
    """A person's call that holds; None where the model's does."""
    call: str
    """A key of ``words.CALLS``."""

    @property
    def look(self) -> str:
        """The name of its style."""
        return self.call.replace(" ", "-").replace("_", "-")

    @property
    def points(self) -> str:
        """Corners for SVG."""
        return " ".join(f"{x},{y}" for x, y in self.cell.outline)

    @property
    def label(self) -> str:
        """Stands in the object: its number, or a letter for what is no red cell; a star where a person called it."""
        return _LETTERS.get(self.call, str(self.cell.number)) + ("*" if self.correction else "")

    @property
    def state(self) -> str:
        """Changes whenever it has to be drawn anew."""
        return f"{self.call} {self.correction.id if self.correction else ''}"


def outline_objects(found: Field, corrections: Mapping[int, Correction]) -> list[Outlined]:
    """All objects of a field in reading order.

    Args:
        corrections: that hold, by cell number.
    """
    return [outlined(cell, corrections.get(cell.number)) for cell in found.cells]


def outlined(cell: Cell, correction: Correction | None) -> Outlined:
    """One object by the call that holds."""
    return Outlined(cell, correction, _call(cell, correction))


def _call(cell: Cell, correction: Correction | None) -> str:
    if correction is not None and correction.call == "not a cell":
        return "not a cell"
    if correction is None and cell.kind != "red_cell":
        return "not told" if cell.kind == "not_a_cell" else cell.kind
    if cell.on_border:
        return "cut"
    if correction is not None:
        return correction.call
    if cell.parasitized is None:
        return "not called"
    return "infected" if cell.parasitized else "not infected"
