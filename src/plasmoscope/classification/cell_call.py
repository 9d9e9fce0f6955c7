"""The call of one picture of a cell: one record, the same from Python, in files and over HTTP."""

import warnings
from dataclasses import asdict, replace
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from plasmoscope.classification.class_shares import called_class, with_infected
from plasmoscope.labels import CLASS_NAMES, PARASITIZED, UNINFECTED, CallName, Classes

FORMER_CALLS: dict[CallName, str] = {"infected": CLASS_NAMES[PARASITIZED], "uninfected": CLASS_NAMES[UNINFECTED]}
"""What version 0.1 named otherwise. Only what still answers by former names, for one version more, needs it."""


def _is_none(value: object) -> bool:
    """What only a model of other classes tells is not written of the two that ship: their files stay as they were."""
    return value is None


def former_call(call: CallName | None) -> str | None:
    """A call as version 0.1 named it: ``Parasitized``, ``Uninfected`` or ``not_a_cell``."""
    return None if call is None else FORMER_CALLS.get(call, call)


@dataclass(frozen=True, config=ConfigDict(use_attribute_docstrings=True))
class CellCall:
    """What one picture of a cell was called, how probably and by what; or the reason why there is no call."""

    name: str
    """The picture's, with the page where its file has several."""
    call: CallName | None = None
    """``not_a_cell`` where it is no red cell, or nothing that can be told; None where there is an ``error``."""
    probability: float | None = None
    """Calibrated P(infected), 0 to 1."""
    by: str | None = None
    """What called it: the model's name, and the laboratory's profile where one was used."""
    error: str | None = None
    """Why the picture cannot be read."""
    remark: str | None = None
    """Why the call may say little."""
    file: int = 0
    """Which of the files that were given it is of, from 0: of a file of several pages each is a cell."""
    smear: str | None = None
    """With whose cells this one was judged; None if alone."""
    probability_alone: float | None = None
    """What the probability was by itself, its colours as they are, where the cells were judged together."""
    not_a_cell_probability: float | None = None
    """P(not a cell, or nothing that can be told); None of a model that does not tell it."""
    reference: Literal["standard", "smear"] | None = None
    """What the colours were told against: the ``standard``, as if stained and lit like the NIH data set's slides, since
    a single cell brings no slide; or the ``smear``'s own background and median cell, where the cells were judged
    together and it is stained or lit as none of those is. None where there is no call."""
    class_name: Annotated[str | None, Field(exclude_if=_is_none)] = None
    """Of a model of other classes than infected and uninfected: the likeliest of those that the call leaves."""
    class_probabilities: Annotated[dict[str, float] | None, Field(exclude_if=_is_none)] = None
    """Of such a model: calibrated probability of each class, by its name; ``probability`` is the sum of those that
    count as infected."""

    def told(self, classes: Classes) -> "CellCall":
        """The same with the class that goes with call and probability; as it is, of a model of the two that ship.

        Args:
            classes: of the model.
        """
        if self.class_probabilities is None or self.probability is None:
            return self
        shares = np.array([[self.class_probabilities[name] for name in classes.names]], np.float32)
        adjusted = with_infected(shares, np.array([self.probability]), classes)
        (index,) = called_class(adjusted, np.array([self.call == "infected"]), classes)
        by_name = dict(zip(classes.names, adjusted[0].tolist(), strict=True))
        return replace(self, class_name=classes.names[index], class_probabilities=by_name)

    def as_record(self) -> dict[str, Any]:
        """What it tells by name, without what only a model of other classes tells where none did."""
        return {
            name: value
            for name, value in asdict(self).items()
            if value is not None or name not in ("class_name", "class_probabilities")
        }

    @property
    def path(self) -> str:
        """Former name of ``name``."""
        _tell_of("path", "name")
        return self.name

    @property
    def label(self) -> str | None:
        """Former name of ``call``, which named calls otherwise."""
        _tell_of("label", "call")
        return former_call(self.call)

    @property
    def parasitized_probability(self) -> float | None:
        """Former name of ``probability``."""
        _tell_of("parasitized_probability", "probability")
        return self.probability

    def __getitem__(self, name: str) -> Any:
        """As ``Workstation.classify`` gave it in version 0.1, a dictionary."""
        if name not in CellCall.__dataclass_fields__:
            raise KeyError(name)
        _tell_of(f"['{name}']", name)
        return former_call(self.call) if name == "call" else getattr(self, name)


def _tell_of(former: str, name: str) -> None:
    warnings.warn(
        f"'{former}' of a cell's call goes with the next version; take '.{name}'. Calls are named infected and "
        "uninfected there, no more Parasitized and Uninfected.",
        DeprecationWarning,
        stacklevel=3,
    )
