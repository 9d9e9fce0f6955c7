"""The network that reads fields: a small U-Net (Ronneberger 2015) with star-convex outlines (Schmidt 2018).

It works on a grid of half the picture's size: an outline needs no more, and a full grid would cost three times as much.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from plasmoscope.segmentation.vocabulary import Film, Tissue
from plasmoscope.training.fields.targets import RAYS

_TISSUES = len(Tissue) - 1
# Rays are learnt as logarithms over this many pixels, the radius of a red cell at the size at which fields are read.
RADIUS = 16.0


class Reading(NamedTuple):
    """What the network says; grids have half the sides of the picture, coarse ones a thirty-second."""

    depth: Tensor
    """Logit of how deep in a cell each point lies, (n, h, w)."""
    rays: Tensor
    """Logarithm of the distance to the outline over ``RADIUS``, (n, RAYS, h, w)."""
    tissue: Tensor
    """Logits of ``Tissue``, (n, t, h, w)."""
    film: Tensor
    """Logits of ``Film``, (n, f, h / 32, w / 32)."""
    blur: Tensor
    """Blur over the diameter of a red cell, in tenths, (n, h / 32, w / 32)."""


class FieldNetwork(nn.Module):
    """Pictures (n, 3, h, w) in [0, 1] over their clear background, sides multiples of 32, to a ``Reading``.

    Args:
        widths: channels at a half, a quarter, an eighth, a sixteenth and a thirty-second of the size.
    """

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.stem = _convolution(3, widths[0], stride=2)
        self.downward = nn.ModuleList(
            nn.Sequential(_convolution(before, after, stride=2), _convolution(after, after))
            for before, after in pairwise(widths)
        )
        last = 2 * widths[0]
        # The finest stage is twice as wide as on the way down: all that the heads know comes from it.
        outward = [*widths[-2:0:-1], last]
        deeper = [widths[-1], *outward]
        self.upward = nn.ModuleList(
            _convolution(deep + skipped, after)
            for deep, skipped, after in zip(deeper, widths[-2::-1], outward, strict=False)
        )
        self.depth = nn.Conv2d(last, 1, 1)
        self.rays = nn.Conv2d(last, RAYS, 1)
        self.tissue = nn.Conv2d(last, _TISSUES, 1)
        self.film = nn.Conv2d(widths[-1], len(Film), 1)
        self.blur = nn.Conv2d(widths[-1], 1, 1)

    def forward(self, images: Tensor) -> Reading:
        """Read a batch of pictures."""
        features = [self.stem(images)]
        for stage in self.downward:
            features.append(stage(features[-1]))
        deepest = current = features[-1]
        for stage, skipped in zip(self.upward, features[-2::-1], strict=True):
            larger = functional.interpolate(current, scale_factor=2.0, mode="nearest")
            current = stage(torch.cat([larger, skipped], dim=1))
        return Reading(
            self.depth(current)[:, 0],
            self.rays(current),
            self.tissue(current),
            self.film(deepest),
            self.blur(deepest)[:, 0],
        )


def _convolution(before: int, after: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)
    )
