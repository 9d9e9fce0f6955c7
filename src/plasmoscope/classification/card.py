"""The model card: what a network is, how it must be fed, and how well it did. The program reads it."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from plasmoscope.imaging.stain_reference import Reference
from plasmoscope.labels import CLASS_NAMES, TWO_CLASSES, Classes
from plasmoscope.networks import CardRecord, NetworkCard


def _is_none(value: object) -> bool:
    """What does not concern a card is not written in it: those of two classes stay as they were."""
    return value is None


class Preprocessing(CardRecord):
    """What is done to a cell before the network; the ONNX graph itself takes uint8 RGB and normalises."""

    image_size: Annotated[int, Field(ge=16, le=1024)]
    resize: Literal["square, bilinear, area average below half size"] = "square, bilinear, area average below half size"
    channels: Literal["RGB"] = "RGB"
    background: Literal["black"] = "black"
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    reference: Reference | None = None
    """What the colours of a slide's cells are brought to, by its own background and median red cell; None where they
    are taken as they are."""


class Calibration(CardRecord):
    """How logits become probabilities (Guo et al. 2017, arXiv:1706.04599)."""

    temperature: Annotated[float, Field(gt=0)] = 1.0
    fitted_on: str = ""
    parasitized_share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Among the cells that it was fitted on; half of the NIH cells are parasitized."""
    usual_level: float | None = None
    """Median log-odds, in one view, of the cells of a field that are likelier uninfected; fields that differ are
    brought to it (``control.controlled``). None where fields are taken as they are."""


class OperatingPoint(CardRecord):
    """A threshold for one purpose, and what cells were called with it."""

    threshold: Annotated[float, Field(gt=0, lt=1)]
    reason: str = ""
    """Why there; empty in models of earlier versions."""
    views: int
    sensitivity: float
    """On cells of the laboratory that the model learnt from; it corrects no count, since it holds nowhere else."""
    parasitized: int
    """Cells that the sensitivity was measured on."""
    specificity: float
    uninfected: int
    """Cells that the specificity was measured on."""
    measured_on: str


class Evidence(CardRecord):
    """The log-odds that a picture shows no red cell, where as many show none as show one: a weighted sum."""

    offset: float
    third_class: float
    """Weight of the log-odds of the network's third class; 0 in a network of two."""
    strangeness: float
    """Weight of the logarithm of the squared distance from red cells, in units of their spread, in the network's
    features (Lee et al. 2018, arXiv:1807.03888); 0 in a network without features."""


class Silence(CardRecord):
    """Where no call is made, since a picture may show no red cell, or nothing that can be told."""

    evidence: Evidence | None = None
    """What P(not a cell) is made of; None, in models of earlier versions: the third class alone."""
    threshold: Annotated[float, Field(gt=0, le=1)]
    """P(not a cell) from which the classifier is silent."""
    silent_share: Annotated[float, Field(ge=0, le=1)]
    """Of the cells that it was measured on."""
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
    labels: str = "original"
    """Or how a review changed the data set's labels."""
    unsure: dict[str, int] = Field(default={})
    """Cells of each part that the review left out."""
    infected_from: str = ""
    """Whose infected cells it learnt from, for reports: goes on after "The infected cells that it learnt from are".
    Empty where that is not known, as in cards of earlier versions."""


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
    labels: str = "original"
    """What they were judged by; or how a review changed them."""
    cells: int
    interval: str
    threshold: float
    figures: dict[str, Figure]
    classes: Annotated["ClassEvaluation | None", Field(exclude_if=_is_none)] = None
    """Of a model and cells of the same classes of one's own."""
    silent: dict[str, float] | None = None
    """Share of each class's cells that get no call, by the class's name; the figures are of all cells, these included.
    None where the model is never silent."""


class ClassFigures(CardRecord):
    """Figures of each class, one against the rest."""

    sensitivity: Figure
    precision: Figure
    f1: Figure
    auc: Figure
    """Of its probability."""


class ClassEvaluation(CardRecord):
    """How well the classes of one's own are told apart; a class is called on the side of the threshold."""

    names: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    """Cells of each class, a row, by what they were called, a column."""
    figures: dict[str, Figure]
    """Over all classes: accuracy, macro_f1 and macro_auc."""
    by_class: dict[str, ClassFigures]


class Export(CardRecord):
    """How a model in another form compares with the one that it was made from; both looked at each cell once."""

    to: str
    made_from: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """SHA-256 of the ONNX file."""
    how: str
    cells: int
    """Prepared cells that both were compared on."""
    compared_on: str
    largest_difference: float
    """Between two probabilities of one cell."""
    accuracy: float
    """At the card's threshold."""
    accuracy_before: float
    megabytes: float
    megabytes_before: float
    speed_ratio: float
    """Cells a second of processor time, over those of the model that it was made from; one thread, taking turns."""


class CascadeRule(CardRecord):
    """A small network first, and a large one for the cells that it leaves in doubt (Viola & Jones 2001)."""

    first: str
    """As ``Classifier.load`` takes it: the name of one that ships, or a path from the card's folder."""
    second: str
    doubtful_from: Annotated[float, Field(ge=0, le=1)]
    """The first's P(parasitized) from which the second is asked."""
    doubtful_to: Annotated[float, Field(ge=0, le=1)]
    doubtful_share: Annotated[float, Field(ge=0, le=1)]
    """Of the cells that it was measured on."""
    chosen_on: str
    measured_on: str
    accuracy: float
    accuracy_second: float
    """Of the second network alone, on the same cells."""


class ModelCard(NetworkCard):
    """Everything the program and a reader must know of a model."""

    format: Literal[1, 2] = 1
    """2 where the classes are one's own, so that versions that know only two refuse the model."""
    architecture: str
    preprocessing: Preprocessing
    class_names: tuple[str, ...] = CLASS_NAMES
    """In the order of the network's outputs."""
    positive_classes: Annotated[tuple[str, ...] | None, Field(exclude_if=_is_none)] = None
    """Those that count as infected; None where the classes are parasitized and uninfected. ``parasitized`` in what
    follows means any of them."""
    calibration: Calibration = Calibration()
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5
    counting: OperatingPoint | None = None
    """How cells are called when a slide is counted, where most are healthy. Absent in models that were not trained
    here."""
    screening: OperatingPoint | None = None
    """From where a cell deserves a person's look, where the question is whether there is any parasite. Absent in models
    of earlier versions."""
    silence: Silence | None = None
    """Absent where nothing tells cells from what is none: the classifier is never silent."""
    data: TrainingData
    evaluations: tuple[Evaluation, ...] = ()
    cascade: CascadeRule | None = None
    """Of two models that work together; the card has no network of its own, and its checksum is of both networks."""
    export: Export | None = None
    """Of a model in another form than it was trained in."""
    licence: str = "MIT"
    intended_use: str = (
        "Research on segmented red cells of Giemsa-stained thin films. Not a medical device; "
        "not for diagnosis without a qualified microscopist."
    )

    @model_validator(mode="after")
    def _format_tells_the_classes(self) -> "ModelCard":
        own = Classes(self.class_names, self.positive_classes or TWO_CLASSES.positive).own
        if own != (self.format == 2) or own == (self.positive_classes is None):
            raise ValueError("format 2, and it alone, is of classes of one's own, with those that count as infected")
        return self

    @property
    def classes(self) -> Classes:
        """What the network tells apart."""
        return Classes(self.class_names, self.positive_classes) if self.positive_classes else TWO_CLASSES

    @property
    def counting_threshold(self) -> float:
        """P(parasitized) from which a cell is called in a count; the one for single cells where there is no other."""
        return self.counting.threshold if self.counting else self.threshold

    @property
    def screening_threshold(self) -> float:
        """P(parasitized) from which a cell deserves a person's look, at most that for counting.

        A model without one of its own takes that for single cells, at which it errs least often where half of the
        cells are infected.
        """
        return min(self.screening.threshold if self.screening else self.threshold, self.counting_threshold)

    @property
    def silence_threshold(self) -> float | None:
        """P(not a cell) from which nothing is called; None where the classifier is never silent."""
        return self.silence.threshold if self.silence else None
