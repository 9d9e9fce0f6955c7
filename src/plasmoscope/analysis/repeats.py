"""The rule by which a place of the smear is counted once, however often it was photographed."""

from collections.abc import Callable
from typing import Generic, TypeVar

Photograph = TypeVar("Photograph")


class CountedPlaces(Generic[Photograph]):
    """The places that the photographs of a slide show, each held by those that count.

    Ask of every photograph that may be counted, in the slide's order; of none that the quality gate refused or a person
    rejected, since its place may be photographed again, better.
    """

    def __init__(self, same_place: Callable[[Photograph, Photograph], bool]) -> None:
        """Begin with a slide of which nothing is counted.

        Args:
            same_place: whether two photographs show the same place; the earlier is given first.
        """
        self._same_place = same_place
        self._counted: list[Photograph] = []

    def repeated_by(self, photograph: Photograph, counts_anyway: bool) -> Photograph | None:
        """The counted photograph whose place this one shows again, or None; what counts holds its place from now on.

        Args:
            counts_anyway: the user has it counted although it shows a place again.
        """
        earlier = next((one for one in self._counted if self._same_place(one, photograph)), None)
        if earlier is None or counts_anyway:
            self._counted.append(photograph)
        return earlier
