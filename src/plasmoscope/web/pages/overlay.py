"""The outlines that the viewer lays over a field: one for every object, drawn by its call."""

from collections.abc import Mapping
from dataclasses import dataclass

from plasmoscope.analysis.calls import CALLS, CUT_BY_BORDER, NOT_A_CELL, UNCERTAIN, drawn_as
from plasmoscope.analysis.results import Cell, Field
from plasmoscope.segmentation.vocabulary import Call
from plasmoscope.store.records import Correction


@dataclass(frozen=True)
class Outlined:
    """One object in the viewer."""

    cell: Cell
    correction: Correction | None
    """A person's call that holds; None where the model's does."""
    call: Call

    @property
    def style(self) -> str:
        """The name of its class for styles and scripts."""
        return self.call.code.replace(" ", "-").replace("_", "-")

    @property
    def by_person(self) -> bool:
        """Whether a person called or outlined it."""
        return self.correction is not None or bool(self.cell.by_people and self.cell.by_people.outlined_by)

    @property
    def points(self) -> str:
        """Corners for SVG."""
        return " ".join(f"{x},{y}" for x, y in self.cell.outline)

    @property
    def label(self) -> str:
        """Stands in the object: its number, or a letter for what is no red cell; a star where a person called it."""
        return (self.call.letter or str(self.cell.number)) + ("*" if self.by_person else "")

    @property
    def state(self) -> str:
        """Changes whenever it has to be drawn anew."""
        by = self.cell.by_people
        noted = f"{by.stage} {by.species}" if by else ""
        return f"{self.call.code} {self.correction.id if self.correction else ''} {noted}"


def outline_objects(found: Field, corrections: Mapping[int, Correction]) -> list[Outlined]:
    """All objects of a field in reading order.

    Args:
        corrections: that hold, by cell number.
    """
    return [outlined(cell, corrections.get(cell.number)) for cell in found.cells]


def outlined(cell: Cell, correction: Correction | None) -> Outlined:
    """One object by the call that holds."""
    return Outlined(cell, correction, _call(cell, correction))


def _call(cell: Cell, correction: Correction | None) -> Call:
    if correction is not None and correction.call in (NOT_A_CELL.code, UNCERTAIN.code):
        return CALLS[correction.call]
    if correction is not None and (not cell.on_border or correction.call == "white_cell"):
        return CALLS[correction.call]
    return CUT_BY_BORDER if correction is not None else drawn_as(cell)
