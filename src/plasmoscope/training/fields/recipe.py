"""Recipes for the network that reads fields: everything that decides a run, as data read from a TOML file."""

from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from plasmoscope.training.recipe import Positive, Settings, read_toml, validated

_FOLDER = resources.files(__package__).joinpath("recipes")


class Source(Settings):
    """Where a share of the scenes comes from."""

    kind: Literal["composites", "boxes", "thick_photographs", "drawn_thick", "drawn_other", "outlined"]
    """``composites`` of cells on black in the NIH layout; photographs with COCO ``boxes`` of cells; photographs of
    thick films; drawn ones; drawn pictures of something else; photographs that the run's own network has ``outlined``
    (self-training), which need centres of cells or are taken as they are."""
    path: str = ""
    """Below the data folder; drawn scenes have none."""
    share: Positive
    """Of the scenes, in proportion to the other sources' shares."""
    aside: Literal["file", "block", "slide"] = "file"
    """How the part kept for validation is told; see ``labelled.is_aside``."""


class FieldPhase(Settings):
    """One stretch of training."""

    steps: Annotated[int, Field(ge=1)]
    learning_rate: Positive
    warmup_steps: Annotated[int, Field(ge=0)] = 0
    sources: Annotated[tuple[Source, ...], Field(min_length=1)]


class FieldRecipe(Settings):
    """A network that reads fields, and how it is trained."""

    name: str
    description: str
    widths: Annotated[tuple[int, ...], Field(min_length=3, max_length=6)]
    """Channels of the network's stages."""
    working_diameter: Annotated[float, Field(ge=16, le=64)] = 30.0
    """Diameter in pixels to which fields are scaled to be read."""
    scene_size: Annotated[int, Field(ge=64, le=1024, multiple_of=32)] = 256
    batch_size: Annotated[int, Field(ge=1)] = 8
    cells: Annotated[int, Field(ge=100)] = 6000
    """How many red cells are cut out for composites."""
    scenes_kept: Annotated[int, Field(ge=1)] = 1500
    """Scenes that are kept to be shown again, turned and mirrored: drawing one takes as long as learning from it."""
    times_shown: Annotated[int, Field(ge=1)] = 6
    """How often a scene is shown on average."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    ema_decay: Annotated[float, Field(gt=0, lt=1)] = 0.998
    gradient_clip: Positive = 5.0
    epoch_steps: Annotated[int, Field(ge=1)] = 250
    """Steps between two validations."""
    validation_scenes: Annotated[int, Field(ge=1)] = 96
    phases: Annotated[tuple[FieldPhase, ...], Field(min_length=1)]

    def shortened(self) -> "FieldRecipe":
        """The same with a few steps, to see that it runs."""
        small = {"steps": 2, "warmup_steps": 0}
        phases = tuple(phase.model_copy(update=small) for phase in self.phases)
        return self.model_copy(
            update={
                "phases": phases,
                "batch_size": 2,
                "epoch_steps": 2,
                "validation_scenes": 4,
                "scenes_kept": 4,
                "cells": 100,
                "scene_size": 128,
            }
        )


def field_recipe_names() -> list[str]:
    """Names of the recipes that come with Plasmoscope, sorted."""
    return sorted(file.name.removesuffix(".toml") for file in _FOLDER.iterdir() if file.name.endswith(".toml"))


def load_field_recipe(name_or_file: str | Path) -> FieldRecipe:
    """Read a recipe by its name, or from a TOML file of the user's own.

    Raises:
        RecipeError: no such recipe, not TOML, or a field that is unknown, missing or out of range.
    """
    return validated(FieldRecipe, read_toml(name_or_file, _FOLDER, field_recipe_names()), name_or_file)
