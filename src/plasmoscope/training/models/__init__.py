"""Network architectures, one file each; every one ends in two logits, index 0 for Parasitized."""

from collections.abc import Callable

from torch import nn

from plasmoscope.training.models.mobilenet_v2 import mobilenet_v2

MODELS: dict[str, Callable[[], nn.Module]] = {"mobilenet_v2": mobilenet_v2}
