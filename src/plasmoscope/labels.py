"""The two classes of a red cell, in the one order used everywhere, and the third outcome: no call."""

from typing import TYPE_CHECKING, Literal

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
