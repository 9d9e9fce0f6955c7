"""The model card: what a network is, how it must be fed, and how well it did. The program reads it."""

import codecs
import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from plasmoscope import __version__
from plasmoscope.errors import PlasmoscopeError
from plasmoscope.files import replace_file


class ModelError(PlasmoscopeError):
    """A model is missing, altered or not usable; no diagnosis is guessed without one."""


class _Record(BaseModel):
    # A figure may be undefined: the precision of a model that calls nothing parasitized. JSON has no NaN.
    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="strings")


class Preprocessing(_Record):
    """What is done to a cell before the network; the ONNX graph itself takes uint8 RGB and normalises."""

    image_size: Annotated[int, Field(ge=16, le=1024)]
    resize: Literal["square, bilinear, area average below half size"] = "square, bilinear, area average below half size"
    channels: Literal["RGB"] = "RGB"
    background: Literal["black"] = "black"
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


class Calibration(_Record):
    """How logits become probabilities (Guo et al. 2017, arXiv:1706.04599)."""

    temperature: Annotated[float, Field(gt=0)] = 1.0
    fitted_on: str = ""
    parasitized_share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Among the cells that it was fitted on; half of the NIH cells are parasitized."""


class Counting(_Record):
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


class TrainingData(_Record):
    """Where the weights come from."""

    dataset: str
    split: str
    seed: int | None = None
    cells: dict[str, int] = {}
    patients: dict[str, int] = {}


class Figure(_Record):
    """A measured value with the ends of its 95 % interval."""

    value: float
    low: float
    high: float


class Evaluation(_Record):
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


class ModelCard(_Record):
    """Everything the program and a reader must know of a model."""

    format: Literal[1] = 1
    name: str
    architecture: str
    recipe: str
    created: str
    plasmoscope: str
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
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

    @classmethod
    def of(cls, network: bytes, **fields: Any) -> "ModelCard":
        """The card of an ONNX graph made today by this version; ``fields`` are the rest of it."""
        return cls(
            created=datetime.now(UTC).date().isoformat(),
            plasmoscope=__version__,
            sha256=hashlib.sha256(network).hexdigest(),
            **fields,
        )

    def write(self, model_file: Path) -> None:
        """Write the card beside its ONNX file, all at once."""
        replace_file(card_path(model_file), (self.model_dump_json(indent=2) + "\n").encode())


def save_model(model_file: Path, network: bytes, card: ModelCard) -> None:
    """Write a network and its card; a kill between the two leaves a pair that ``read_model`` refuses."""
    replace_file(model_file, network)
    card.write(model_file)


def card_path(model_file: Path) -> Path:
    """Where the card of an ONNX file lies."""
    return model_file.with_suffix(".json")


def read_model(model_file: Path) -> tuple[bytes, ModelCard]:
    """The ONNX bytes and the card of a model, checked against each other.

    Raises:
        ModelError: either is missing or damaged, or the checksum differs.
    """
    try:
        network = model_file.read_bytes()
    except OSError as error:
        raise ModelError(
            f"There is no model at {model_file} ({error.strerror or error}). Give the .onnx file or the run folder "
            "that holds it, or leave --model out to use the one that ships."
        ) from error
    try:
        card = ModelCard.model_validate_json(card_path(model_file).read_bytes().removeprefix(codecs.BOM_UTF8))
    except OSError as error:
        raise ModelError(
            f"The model card {card_path(model_file)} is missing. A model without its card cannot be fed rightly; "
            "copy both files together."
        ) from error
    except ValidationError as error:
        raise ModelError(f"The model card {card_path(model_file)} is not valid: {error}") from error
    if hashlib.sha256(network).hexdigest() != card.sha256:
        raise ModelError(
            f"{model_file} is not the file that its card describes (the checksum differs). "
            "It was cut short or altered; copy the model and its card again."
        )
    return network, card
