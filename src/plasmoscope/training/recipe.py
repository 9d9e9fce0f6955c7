"""Training recipes: everything that decides a run, as data read from a TOML file."""

import tomllib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from plasmoscope.errors import PlasmoscopeError
from plasmoscope.files import decode_text
from plasmoscope.labels import TWO_CLASSES, Classes

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from pydantic_core import ErrorDetails


def _ascending(values: tuple[float, float]) -> tuple[float, float]:
    if not 0 < values[0] <= values[1]:
        raise ValueError("the two numbers must be above 0, the smaller one first")
    return values


Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Range = Annotated[tuple[float, float], AfterValidator(_ascending)]


def _is_none(value: object) -> bool:
    """What a recipe of the two classes that ship does without is not written down: its files stay as they were."""
    return value is None


def _is_false(value: object) -> bool:
    return value is False


class RecipeError(PlasmoscopeError):
    """A recipe is missing or has a mistake; the message names the field."""


class Settings(BaseModel):
    """A table of a recipe."""

    model_config = ConfigDict(extra="forbid", frozen=True)


SomeRecipe = TypeVar("SomeRecipe", bound=Settings)


class Augmentation(Settings):
    """Strength of each random change to a training image; zero means never."""

    quarter_turns: bool = False
    """Turn by 0, 90, 180 or 270 degrees, which changes no pixel's value."""
    rotation_degrees: Annotated[float, Field(ge=0, le=180)] = 0
    shear_degrees: Annotated[float, Field(ge=0, lt=90)] = 0
    zoom: Fraction = 0
    shift: Fraction = 0
    crop_area: Range = (1.0, 1.0)
    crop_aspect: Annotated[float, Field(ge=1)] = 1.0
    horizontal_flip: bool = False
    vertical_flip: bool = False
    fill: Literal["zeros", "border"] = "zeros"
    brightness: Fraction = 0
    contrast: Fraction = 0
    saturation: Fraction = 0
    hue: Annotated[float, Field(ge=0, le=0.5)] = 0
    absorbance: Annotated[float, Field(ge=0, le=1)] = 0
    """Standard deviation of the logarithm by which what a picture absorbs changes, in each channel and in all."""
    low_resolution_probability: Fraction = 0
    """Seen with fewer pixels, down to a quarter a side."""
    noise: Annotated[float, Field(ge=0, le=1)] = 0
    """Highest standard deviation of noise, as a share of full brightness."""
    blur_probability: Fraction = 0
    blur_sigma: Range = (0.1, 2.0)
    erasing_probability: Fraction = 0
    erasing_area: Range = (0.02, 0.33)


class Phase(Settings):
    """One stretch of training with its own trainable part, optimiser and schedule."""

    epochs: Annotated[int, Field(ge=1)]
    trainable: tuple[str, ...] = ("",)
    """Prefixes of the parameter names that learn; the empty prefix matches all."""
    cached_features: bool = False
    """Run the stages before the first that learns only once a cell; needs an augmentation that changes nothing."""
    frozen_statistics: bool = False
    """Batch normalisation that does not learn keeps its running statistics too, as in Keras."""
    augmentation: Augmentation | None = None
    """Instead of the recipe's."""
    image_size: Annotated[int, Field(ge=16, le=1024)] | None = None
    """Instead of the recipe's: a smaller one first is progressive resizing; the last phase has the recipe's."""
    cache_size: Annotated[int, Field(ge=16, le=1024)] | None = None
    """Instead of the recipe's."""
    optimizer: Literal["adam", "adamw", "rmsprop"] = "adamw"
    learning_rate: Positive
    first_learning_rate: Positive | None = None
    """Rate of the first stage that learns; it grows geometrically to ``learning_rate`` at the last stage
    (discriminative fine-tuning, Howard & Ruder 2018, arXiv:1801.06146). Absent: one rate for all."""
    weight_decay: Annotated[float, Field(ge=0)] = 0
    schedule: Literal["one_cycle", "cosine", "plateau", "constant"] = "cosine"
    warmup_epochs: Annotated[int, Field(ge=0)] = 0
    """Epochs of linear growth before a cosine."""
    final_fraction: Annotated[float, Field(ge=0, lt=1)] = 0
    """Share of the learning rate at which a cosine ends."""
    plateau_patience: Annotated[int, Field(ge=0)] = 2
    """Epochs without a lower validation loss before a plateau schedule halves the rate."""
    chosen_by: Literal["val_accuracy", "val_auc"] = "val_accuracy"
    """What the best epoch has most of; the AUC where a threshold is set afterwards, far from one half."""
    patience: Annotated[int, Field(ge=1)] | None = None
    """Stop after this many epochs without a better one; absent means never."""

    @model_validator(mode="after")
    def _something_learns(self) -> "Phase":
        if not self.trainable:
            raise ValueError('trainable names nothing; give prefixes such as ["classifier"], or leave it out for all')
        return self

    @model_validator(mode="after")
    def _warm_up_leaves_room(self) -> "Phase":
        if self.warmup_epochs and (self.schedule != "cosine" or self.warmup_epochs >= self.epochs):
            raise ValueError("warmup_epochs belong to the cosine schedule and must be fewer than epochs")
        return self


class OtherCells(Settings):
    """Training cells that are not of the data set."""

    kind: Literal["healthy_fields", "infected_crops", "composed", "transplants", "filled", "no_cells"]
    """Cells of photographs without a parasite, with what else lies there as no cell; pictures of single infected cells
    on their background; cells of composed scenes; parasites of the data set laid into cells of ``hosts``; drawn
    late stages that fill them; drawn pictures of no cell, and two cells as one."""
    path: str = ""
    """Below the folder of other data."""
    aside: Literal["file", "block", "slide"] = "file"
    """How a fifth of the photographs is kept for validation."""
    cells: Annotated[int, Field(ge=10)]
    """At most so many to train on, and a fifth of that to validate on."""
    hosts: tuple["OtherCells", ...] = ()

    def most(self, aside: bool) -> int:
        """Cells to make of one part."""
        return self.cells // 5 if aside else self.cells


class Teacher(Settings):
    """A larger network whose answers are learnt beside the labels (``distillation``)."""

    model: str
    """The name of one that ships, an ``.onnx`` file with its card, or a run folder; trained on the recipe's split."""
    views: int = 1
    """Of each training cell, whose probabilities are averaged."""
    temperature: Annotated[float, Field(ge=1)] = 2
    """By which log-odds are divided: the higher, the more is learnt of how sure the teacher is."""
    weight: Fraction = 0.5
    """Of what the teacher says; the labels have the rest."""


class Published(Settings):
    """What the source reports."""

    accuracy: Fraction | None = None
    part: Literal["test", "validation"] = "test"
    note: str = ""

    def __str__(self) -> str:
        accuracy = f"{self.accuracy:.2%} on {self.part}".replace("%", " %") if self.accuracy else ""
        return "; ".join(filter(None, (accuracy, self.note)))


class Recipe(Settings):
    """A model, its input, and how it is trained."""

    name: str
    description: str
    source: str
    published: Published = Published()
    model: str
    """A name in ``plasmoscope.training.models.MODELS``; ``torchvision/NAME`` for a feature extractor; ``timm/NAME``; or
    ``package.module:function``, which is called with ``image_size`` and the options and gives the network."""
    model_options: dict[str, float] = {}
    """Options of the network's own, such as dropout and stochastic_depth."""
    weights: Literal["imagenet", "random"] = "imagenet"
    classes: Annotated[Classes | None, Field(exclude_if=_is_none)] = None
    """Of one's own, with those that count as infected; absent: parasitized and uninfected, or what the data set has."""
    split: str = "seed42"
    image_size: Annotated[int, Field(ge=16, le=1024)]
    cache_size: Annotated[int, Field(ge=16, le=1024)]
    """Side at which training images are stored; larger than image_size keeps rotated cells sharp."""
    mean: tuple[float, float, float]
    std: tuple[Positive, Positive, Positive]
    batch_size: Annotated[int, Field(ge=2)] = 64
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0
    mixup_alpha: Annotated[float, Field(ge=0)] = 0
    """Zhang et al. 2018, arXiv:1710.09412; where cutmix_alpha is given too, each takes half the batches."""
    cutmix_alpha: Annotated[float, Field(ge=0)] = 0
    """Yun et al. 2019, arXiv:1905.04899."""
    class_weights: Annotated[
        Literal["balanced"] | dict[str, Positive] | None, Field(exclude_if=_is_none, union_mode="left_to_right")
    ] = None
    """Of each class in the loss, by its name, those that are not named 1; ``balanced`` takes the inverse of its share
    in training, so that each class weighs as much."""
    balanced_sampler: Annotated[bool, Field(exclude_if=_is_false)] = False
    """An epoch draws with replacement, each class as often; an epoch is as long as ever."""
    generalised_cross_entropy: Annotated[float | None, Field(gt=0, le=1, exclude_if=_is_none)] = None
    """A loss that wrong labels mislead less, in place of cross-entropy: its q, from almost cross-entropy to 1, the mean
    absolute error; 0.7 in the paper (Zhang & Sabuncu 2018, arXiv:1805.07836)."""
    teacher: Annotated[Teacher | None, Field(exclude_if=_is_none)] = None
    gradient_clip: Positive | None = None
    ema_decay: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Decay of the exponential moving average of the weights; absent means no average."""
    augmentation: Augmentation = Augmentation()
    referred_share: Fraction = 0
    """Of the data set's cells: their colours are referred to their patient, as those of fields are to their slide; the
    others keep their own, as cells do that come without a slide."""
    other_cells: tuple[OtherCells, ...] = ()
    phases: Annotated[tuple[Phase, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _cached_features_stay_the_same(self) -> "Recipe":
        for index, phase in enumerate(self.phases):
            changed = self.augmentation_of(phase) != Augmentation() or self.mixup_alpha or self.cutmix_alpha
            if phase.cached_features and changed:
                raise ValueError(
                    f"phases.{index}.cached_features: features that are computed once need images that stay the same; "
                    "give the phase an empty augmentation and no mixup or cutmix"
                )
        return self

    @model_validator(mode="after")
    def _other_cells_are_of_the_two_classes(self) -> "Recipe":
        if self.own_classes is not None and (self.other_cells or self.referred_share):
            raise ValueError("classes: other_cells and referred_share go with the two classes that ship alone")
        return self

    @model_validator(mode="after")
    def _taught_cells_are_single(self) -> "Recipe":
        cached = any(phase.cached_features for phase in self.phases)
        if self.teacher and (self.mixup_alpha or self.cutmix_alpha or self.other_cells or cached or self.own_classes):
            raise ValueError(
                "teacher: it is asked about the data set's cells as they are; take out mixup_alpha, cutmix_alpha, "
                "other_cells, cached_features and classes"
            )
        return self

    @model_validator(mode="after")
    def _ends_at_its_own_size(self) -> "Recipe":
        last = len(self.phases) - 1
        if self.image_size_of(self.phases[last]) != self.image_size:
            raise ValueError(f"phases.{last}.image_size: the last phase trains at the recipe's own image_size")
        return self

    @property
    def class_set(self) -> Classes:
        """The classes, in the order of the network's outputs."""
        return self.classes or TWO_CLASSES

    @property
    def own_classes(self) -> int | None:
        """How many classes of one's own there are; None for the two that ship."""
        return len(self.class_set.names) if self.class_set.own else None

    def of_classes(self, classes: Classes) -> "Recipe":
        """The same recipe for a data set's classes.

        Raises:
            RecipeError: it names others, or trains with cells of the two that ship.
        """
        if self.class_set == classes:
            return self
        if self.classes is not None:
            raise RecipeError(
                f"classes: the recipe tells {self.classes} apart ({', '.join(self.classes.positive)} infected), the "
                f"data set has {classes} ({', '.join(classes.positive)} infected). Name the same ones in both."
            )
        named = {"classes": {"names": classes.names, "positive": classes.positive}}
        return validated(Recipe, self.model_dump(mode="json", exclude_unset=True) | named, self.name)

    def augmentation_of(self, phase: Phase) -> Augmentation:
        """The phase's own augmentation, or the recipe's."""
        return self.augmentation if phase.augmentation is None else phase.augmentation

    def image_size_of(self, phase: Phase) -> int:
        """The phase's own image size, or the recipe's."""
        return phase.image_size or self.image_size

    def cache_size_of(self, phase: Phase) -> int:
        """The phase's own cache size, or the recipe's."""
        return phase.cache_size or self.cache_size

    def shortened(self) -> "Recipe":
        """The same recipe with one epoch a phase, small batches and no other cells, to see that it runs."""
        phases = tuple(phase.model_copy(update={"epochs": 1, "warmup_epochs": 0}) for phase in self.phases)
        return self.model_copy(update={"phases": phases, "batch_size": 8, "other_cells": ()})

    def changed(self, settings: Sequence[str]) -> "Recipe":
        """The same recipe with some fields changed.

        Args:
            settings: each ``field=value`` with the value as in TOML: ``image_size=96``, ``phases.0.epochs=3``.

        Raises:
            RecipeError: no such field, or a value it does not take.
        """
        content = self.model_dump(mode="json", exclude_unset=True)
        for setting in settings:
            name, equals, text = setting.partition("=")
            if not equals:
                raise RecipeError(f"'{setting}' sets nothing; write field=value, such as image_size=96.")
            try:
                value = tomllib.loads(f"value = {text}")["value"]
            except tomllib.TOMLDecodeError:
                value = text
            _set_field(content, name, value)
        return validated(Recipe, content, self.name)

    def differences(self, other: "Recipe") -> list[str]:
        """Each field that differs from another recipe's, as a readable phrase; names and texts left out."""
        left_out = {"name", "description", "source", "published"}
        own, others = (
            _flat(recipe.model_dump(mode="json", exclude=left_out, exclude_none=True)) for recipe in (self, other)
        )
        nothing = "nothing"
        phases, other_phases = len(self.phases), len(other.phases)
        fewer = [f"phases {phases} instead of {other_phases}"] if phases != other_phases else []
        # Phases that only one of the two has are told by their number alone.
        surplus = tuple(f"phases.{i}." for i in range(min(phases, other_phases), max(phases, other_phases)))
        return fewer + [
            f"{field} {own.get(field, nothing)} instead of {others.get(field, nothing)}"
            for field in dict.fromkeys([*own, *others])
            if own.get(field) != others.get(field) and not field.startswith(surplus)
        ]


def _flat(content: Any, path: str = "") -> dict[str, Any]:
    """Leaves of nested tables and lists by dotted path."""
    if isinstance(content, dict):
        items = list(content.items())
    elif isinstance(content, list) and any(isinstance(value, dict) for value in content):
        items = list(enumerate(content))
    else:
        return {path: content}
    return {leaf: value for key, part in items for leaf, value in _flat(part, f"{path}.{key}".lstrip(".")).items()}


def _set_field(content: Any, name: str, value: Any) -> None:
    *parents, last = name.split(".")
    place = content
    try:
        for key in parents:
            place = place[int(key)] if isinstance(place, list) else place.setdefault(key, {})
        place[int(last) if isinstance(place, list) else last] = value
    except (ValueError, IndexError, AttributeError, TypeError) as error:
        raise RecipeError(f"There is no field '{name}' in the recipe.") from error


def recipe_names() -> list[str]:
    """Names of the recipes that come with Plasmoscope, sorted."""
    files = resources.files(__package__).joinpath("recipes").iterdir()
    return sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml"))


def load_recipe(name_or_file: str | Path) -> Recipe:
    """Read a recipe by its name, or from a TOML file of the user's own.

    What a recipe leaves out may be taken from another: ``like = "mobilenet_v2_96"`` in its first line.

    Raises:
        RecipeError: no such recipe, not TOML, or a field that is unknown, missing or out of range.
    """
    folder, names = resources.files(__package__).joinpath("recipes"), recipe_names()
    content = read_toml(name_or_file, folder, names)
    if like := content.pop("like", None):
        content = read_toml(str(like), folder, names) | content
    return validated(Recipe, content, name_or_file)


def read_toml(name_or_file: str | Path, folder: "Traversable", names: Sequence[str]) -> dict[str, Any]:
    """The content of a recipe that ships, or of a TOML file of the user's own.

    Args:
        name_or_file: which.
        folder: of the recipes that ship.
        names: theirs.

    Raises:
        RecipeError: no such recipe, or not TOML.
    """
    if str(name_or_file) in names:
        text = folder.joinpath(f"{name_or_file}.toml").read_text("utf-8")
    else:
        try:
            text = decode_text(Path(name_or_file).read_bytes()).replace("\r\n", "\n")
        except UnicodeDecodeError as error:
            raise RecipeError(f"The recipe {name_or_file} is not text in UTF-8; save it as that.") from error
        except OSError as error:
            raise RecipeError(
                f"There is no recipe '{name_or_file}'. Give a file ending in .toml, or one of: {', '.join(names)}."
            ) from error
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"The recipe {name_or_file} is not valid TOML: {error}") from error


def validated(kind: type[SomeRecipe], content: dict[str, Any], name: str | Path) -> SomeRecipe:
    """A recipe's content, checked.

    Raises:
        RecipeError: a field is unknown, missing or out of range; the message names every one.
    """
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        found = error.errors()
        # A mistake in the only phase also leaves the recipe without a phase.
        nested = {mistake["loc"][0] for mistake in found if len(mistake["loc"]) > 1}
        mistakes = "; ".join(
            f"{'.'.join(map(str, mistake['loc'])) or 'recipe'}: {mistake['msg']}{_known_fields(kind, mistake)}"
            for mistake in found
            if mistake["loc"] != ("phases",) or "phases" not in nested
        )
        raise RecipeError(f"The recipe {name} has a mistake: {mistakes}") from error


def _known_fields(kind: type[Settings], mistake: "ErrorDetails") -> str:
    """The fields that there are, where the mistake is one that there is not."""
    if mistake["type"] != "extra_forbidden":
        return ""
    table = kind
    for part in mistake["loc"][:-1]:
        if isinstance(part, str) and part in table.model_fields:
            table = _table_in(table.model_fields[part].annotation) or table
    return f" (known: {', '.join(table.model_fields)})"


def _table_in(annotation: Any) -> type[Settings] | None:
    """The table that a field holds, alone, in a list or as an option."""
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        return annotation
    return next((table for part in get_args(annotation) if (table := _table_in(part))), None)
