"""The classes of a red cell: the two that ship, in the one order used everywhere, or any of one's own; and no call."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from plasmoscope.errors import PlasmoscopeError

ClassName = Literal["Parasitized", "Uninfected"]
# The order of the NIH folder names, and of every model's outputs.
CLASS_NAMES: tuple[ClassName, ClassName] = ("Parasitized", "Uninfected")
# The positive class.
PARASITIZED = 0
UNINFECTED = 1
# A third output that some networks have: nothing that may be called.
NOT_A_CELL = 2

CallName = Literal["infected", "uninfected", "not_a_cell", "uncertain"]
"""What a cell is called, by the program or a person. The program's third outcome is ``not_a_cell``, which holds what it
cannot tell as well; ``uncertain`` is a person's to say."""
# The third outcome: not a red cell, or the classifier cannot tell.
NOT_TOLD: Literal["not_a_cell"] = "not_a_cell"


class ClassesError(PlasmoscopeError, ValueError):
    """Names of classes that do not go together; the message names them."""


@dataclass(frozen=True)
class Classes:
    """The classes of a data set or a model, two or more, and which of them count as infected.

    >>> Classes(("late", "ring", "uninfected"), ("ring", "late")).others
    ('uninfected',)
    """

    names: tuple[str, ...] = CLASS_NAMES
    """In the order of a model's outputs."""
    positive: tuple[str, ...] = CLASS_NAMES[: PARASITIZED + 1]
    """Those that count as infected, wherever it is asked only whether a cell is: their probabilities are summed."""

    def __post_init__(self) -> None:
        listed = ", ".join(self.names)
        # Frozen: the order of the positive ones says nothing, so equal classes are equal.
        object.__setattr__(self, "positive", tuple(sorted(self.positive)))
        if len(self.names) < 2:
            raise ClassesError(f"A network tells two classes or more apart; given: {listed or 'none'}.")
        if same := sorted(name for name in self.names if [n.casefold() for n in self.names].count(name.casefold()) > 1):
            raise ClassesError(f"Two classes have the same name, but for capitals: {', '.join(same)}. Make them one.")
        if bad := [name for name in self.names if not name.strip() or set(name) & set("/\\,")]:
            raise ClassesError(f"A class cannot be called '{bad[0]}': leave out commas and slashes.")
        if unknown := [name for name in self.positive if name not in self.names]:
            raise ClassesError(f"There is no class '{unknown[0]}' to count as infected. The classes are: {listed}.")
        if not self.positive or not self.others:
            raise ClassesError(
                f"Some classes must count as infected, and some not. The classes are: {listed}; infected: "
                f"{', '.join(self.positive) or 'none'}."
            )

    @property
    def own(self) -> bool:
        """Whether they are other than the two that ship."""
        return self != TWO_CLASSES

    @property
    def others(self) -> tuple[str, ...]:
        """Those that do not count as infected."""
        return tuple(name for name in self.names if name not in self.positive)

    @property
    def infected_indices(self) -> list[int]:
        """Places of the positive ones among the outputs, ascending."""
        return [index for index, name in enumerate(self.names) if name in self.positive]

    @property
    def other_indices(self) -> list[int]:
        """Places of the others, ascending."""
        return [index for index, name in enumerate(self.names) if name not in self.positive]

    def infected(self, labels: "NDArray[np.int64]") -> "NDArray[np.bool_]":
        """Whether class indices, shape (n,), count as infected, shape (n,)."""
        import numpy as np

        return np.isin(labels, self.infected_indices)

    def __str__(self) -> str:
        return f"{', '.join(self.names[:-1])} and {self.names[-1]}"


TWO_CLASSES = Classes()


def class_name(parasitized: bool) -> ClassName:
    """The class of a cell, as the NIH folders are called."""
    return CLASS_NAMES[PARASITIZED if parasitized else 1 - PARASITIZED]


def call_name(
    parasitized: float, threshold: float, not_a_cell: float | None = None, silence: float | None = None
) -> CallName:
    """The one rule by which a classifier calls: silent where it may not be a cell, else by the threshold.

    Args:
        parasitized: P(infected).
        threshold: from which a cell is called infected.
        not_a_cell: P(not a cell); None from a network that does not tell it.
        silence: from which nothing is called; None where nothing is ever silent.
    """
    if not_a_cell is not None and silence is not None and not_a_cell >= silence:
        return NOT_TOLD
    return "infected" if parasitized >= threshold else "uninfected"


if TYPE_CHECKING:
    from typing import TypeVar

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    Logits = TypeVar("Logits", Tensor, NDArray[np.float32], NDArray[np.float64])


def log_odds(logits: "Logits") -> "Logits":
    """The one place where any network's outputs become the log-odds of parasitized; their sigmoid is P(parasitized).

    Args:
        logits: NumPy or torch, of shape (n, 1), the log-odds themselves; (n, 2), one logit a class; or (n, 3), the
            last that of what is not a cell, which speaks against a parasite as the uninfected class does.

    Returns:
        Shape (n,), of the same kind.
    """
    if logits.shape[1] == 1:
        return logits[:, 0]
    against = logits[:, UNINFECTED]
    if logits.shape[1] > NOT_A_CELL:
        import numpy as np

        other = logits[:, NOT_A_CELL]
        against = np.logaddexp(against, other) if isinstance(logits, np.ndarray) else against.logaddexp(other)
    return logits[:, PARASITIZED] - against
