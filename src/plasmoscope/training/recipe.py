"""Training recipes: everything that decides a run, as data read from a TOML file."""

import tomllib
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from plasmoscope.errors import PlasmoscopeError


def _ascending(values: tuple[float, float]) -> tuple[float, float]:
    if not 0 < values[0] <= values[1]:
        raise ValueError("the two numbers must be above 0, the smaller one first")
    return values


Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Range = Annotated[tuple[float, float], AfterValidator(_ascending)]


class RecipeError(PlasmoscopeError):
    """A recipe is missing or has a mistake; the message names the field."""


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Augmentation(_Settings):
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
    blur_probability: Fraction = 0
    blur_sigma: Range = (0.1, 2.0)
    erasing_probability: Fraction = 0
    erasing_area: Range = (0.02, 0.33)


class Phase(_Settings):
    """One stretch of training with its own trainable part, optimiser and schedule."""

    epochs: Annotated[int, Field(ge=1)]
    trainable: tuple[str, ...] = ("",)
    """Prefixes of the parameter names that learn; the empty prefix matches all."""
    optimizer: Literal["adam", "adamw"] = "adamw"
    learning_rate: Positive
    weight_decay: Annotated[float, Field(ge=0)] = 0
    schedule: Literal["one_cycle", "cosine", "constant"] = "cosine"
    patience: Annotated[int, Field(ge=1)] | None = None
    """Stop after this many epochs without a better validation accuracy; absent means never."""
    augmentation: Augmentation | None = None
    cache_size: Annotated[int, Field(ge=16, le=1024)] | None = None
    """Absent, these two are the recipe's."""


class Recipe(_Settings):
    """A model, its input, and how it is trained."""

    name: str
    description: str
    source: str
    published: str = ""
    model: Literal["mobilenet_v2"]
    split: str = "seed42"
    image_size: Annotated[int, Field(ge=16, le=1024)]
    cache_size: Annotated[int, Field(ge=16, le=1024)]
    """Side at which training images are stored; larger than image_size keeps rotated cells sharp."""
    mean: tuple[float, float, float]
    std: tuple[Positive, Positive, Positive]
    batch_size: Annotated[int, Field(ge=2)] = 64
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0
    gradient_clip: Positive | None = None
    ema_decay: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Decay of the exponential moving average of the weights; absent means no average."""
    augmentation: Augmentation = Augmentation()
    phases: Annotated[tuple[Phase, ...], Field(min_length=1)]

    def phase_augmentation(self, index: int) -> Augmentation:
        """The augmentation of a phase."""
        return self.phases[index].augmentation or self.augmentation

    def phase_cache_size(self, index: int) -> int:
        """The side at which the training images of a phase are stored."""
        return self.phases[index].cache_size or self.cache_size

    def shortened(self) -> "Recipe":
        """The same recipe with one epoch a phase and small batches, to see that it runs."""
        phases = tuple(phase.model_copy(update={"epochs": 1}) for phase in self.phases)
        return self.model_copy(update={"phases": phases, "batch_size": 8})


def recipe_names() -> list[str]:
    """Names of the recipes that come with Plasmoscope, sorted."""
    files = resources.files(__package__).joinpath("recipes").iterdir()
    return sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml"))


def load_recipe(name_or_file: str | Path) -> Recipe:
    """Read a recipe by its name, or from a TOML file of the user's own.

    Raises:
        RecipeError: no such recipe, not TOML, or a field that is unknown, missing or out of range.
    """
    if str(name_or_file) in recipe_names():
        text = resources.files(__package__).joinpath("recipes", f"{name_or_file}.toml").read_text("utf-8")
    else:
        try:
            text = Path(name_or_file).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise RecipeError(
                f"There is no recipe '{name_or_file}'. Give a file ending in .toml, or one of: "
                f"{', '.join(recipe_names())}."
            ) from error
    try:
        return Recipe.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"The recipe {name_or_file} is not valid TOML: {error}") from error
    except ValidationError as error:
        mistakes = "; ".join(
            f"{'.'.join(map(str, mistake['loc'])) or 'recipe'}: {mistake['msg']}" for mistake in error.errors()
        )
        raise RecipeError(f"The recipe {name_or_file} has a mistake: {mistakes}") from error
