"""The card of the network that reads fields: how it must be fed, and what was chosen for it and on what."""

from typing import Annotated, Literal

from pydantic import Field

from plasmoscope.networks import CardRecord, NetworkCard

Share = Annotated[float, Field(gt=0, lt=1)]


class InstanceRule(CardRecord):
    """How points become cells; chosen on validation scenes for the best F1 of red cells."""

    least_depth: Share
    """Of a cell's deepest point."""
    most_overlap: Share
    """Of two cells, as a share of the smaller one."""
    chosen_on: str


class FieldTrainingData(CardRecord):
    """Where the weights come from."""

    sources: tuple[str, ...]
    steps: int
    seed: int
    kept_aside: str
    """Which part was not trained on."""


class FieldCard(NetworkCard):
    """Everything the program and a reader must know of a network that reads fields."""

    format: Literal[1] = 1
    working_diameter: Annotated[float, Field(ge=8, le=128)]
    """Diameter of a red cell in pixels at which a field is read."""
    instances: InstanceRule
    data: FieldTrainingData
    figures: dict[str, float] = Field(default={})
    """Measured on validation scenes and on the photographs kept aside."""
    licence: str = "MIT"
    intended_use: str = (
        "Research on Giemsa-stained thin films. Not a medical device; not for diagnosis without a qualified "
        "microscopist."
    )
