"""The model card: what a network is, how it must be fed, and how well it did. The program reads it."""

from typing import Annotated, Literal

from pydantic import Field

from plasmoscope.networks import CardRecord, NetworkCard


class Preprocessing(CardRecord):
    """What is done to a cell before the network; the ONNX graph itself takes uint8 RGB and normalises."""

    image_size: Annotated[int, Field(ge=16, le=1024)]
    resize: Literal["square, bilinear, area average below half size"] = "square, bilinear, area average below half size"
    channels: Literal["RGB"] = "RGB"
    background: Literal["black"] = "black"
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


class Calibration(CardRecord):
    """How logits become probabilities (Guo et al. 2017, arXiv:1706.04599)."""

    temperature: Annotated[float, Field(gt=0)] = 1.0
    fitted_on: str = ""
    parasitized_share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Among the cells that it was fitted on; half of the NIH cells are parasitized."""


class Counting(CardRecord):
    """How cells are called when a slide is counted, where most are healthy: a threshold of about 99.5 % specificity."""

    threshold: Annotated[float, Field(gt=0, lt=1)]
    views: int
    sensitivity: float
    """On cells of the laboratory that the model learnt from; it corrects no count, since it holds nowhere else."""
    parasitized: int
    """Cells that the sensitivity was measured on."""
    specificity: float
    uninfected: int
    """Cells that the specificity was measured on."""
    measured_on: str


# The split of a model that was not trained here.
UNKNOWN_SPLIT = "unknown"


class TrainingData(CardRecord):
    """Where the weights come from."""

    dataset: str
    split: str
    seed: int | None = None
    cells: dict[str, int] = Field(default={})
    patients: dict[str, int] = Field(default={})


class Figure(CardRecord):
    """A measured value with the ends of its 95 % interval."""

    value: float
    low: float
    high: float


class Evaluation(CardRecord):
    """Figures beside their protocol."""

    part: str
    split: str
    views: int
    by_smear: bool = False
    """Whether the cells of each patient were judged together."""
    cells: int
    interval: str
    threshold: float
    figures: dict[str, Figure]


class ModelCard(NetworkCard):
    """Everything the program and a reader must know of a model."""

    format: Literal[1] = 1
    architecture: str
    preprocessing: Preprocessing
    class_names: tuple[Literal["Parasitized"], Literal["Uninfected"]] = ("Parasitized", "Uninfected")
    calibration: Calibration = Calibration()
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5
    counting: Counting | None = None
    """Absent in models that were not trained here."""
    data: TrainingData
    evaluations: tuple[Evaluation, ...] = ()
    licence: str = "MIT"
    intended_use: str = (
        "Research on segmented red cells of Giemsa-stained thin films. Not a medical device; "
        "not for diagnosis without a qualified microscopist."
    )
