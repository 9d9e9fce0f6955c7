"""Cells of three classes, and recipes that learn them in a moment."""

from pathlib import Path

NETWORK = """
from torch import nn

def small(image_size, classes=2):
    return nn.Sequential(
        nn.Conv2d(3, 16, 5, 2), nn.BatchNorm2d(16), nn.ReLU(), nn.AdaptiveMaxPool2d(2), nn.Flatten(),
        nn.Linear(64, int(classes)),
    )

def of_two(image_size):
    return nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(48, 2))
"""
RECIPE = """
like = "basic_cnn"
name = "stages"
description = "Three classes"
published = { note = "none" }
model = "three_networks:small"
weights = "random"
image_size = 32
cache_size = 32
split = "patient-0-of-3"
batch_size = 16
[[phases]]
epochs = 2
learning_rate = 1e-2
"""


def write_three_networks(folder: Path) -> Path:
    """A module of networks, and a recipe that trains one of them; its path."""
    (folder / "three_networks.py").write_text(NETWORK)
    (folder / "stages.toml").write_text(RECIPE)
    return folder / "stages.toml"
