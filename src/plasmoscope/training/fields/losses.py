"""How far a reading is from the truth."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from plasmoscope.segmentation.vocabulary import Tissue
from plasmoscope.training.fields.network import RADIUS, Reading

# Blur is learnt in tenths of a diameter, so that its numbers are of the order of one.
TENTHS = 10.0


class Truth(NamedTuple):
    """Targets of a batch of n scenes; see ``targets.Targets`` for the parts."""

    depth: Tensor
    """(n, h, w), -1 where unknown."""
    tissue: Tensor
    """(n, h, w)."""
    places: Tensor
    """(k, 3): scene, row and column of the points at which rays are known."""
    rays: Tensor
    """(k, RAYS) in pixels."""
    film: Tensor
    """(n,), -1 where unknown."""
    blur: Tensor
    """(n,), -1 where unknown."""
    not_red: Tensor
    """(n,), whether all that is known is that nothing is a red cell."""


class Losses(NamedTuple):
    """Each part of the loss, a mean over what it is of."""

    depth: Tensor
    rays: Tensor
    tissue: Tensor
    film: Tensor
    blur: Tensor

    def total(self) -> Tensor:
        """The sum that training lowers: the parts weighed so that each is of the same order after the first steps."""
        return 2 * self.depth + 2 * self.rays + self.tissue + 0.2 * self.film + 0.1 * self.blur


def losses(reading: Reading, truth: Truth) -> Losses:
    """Compare a reading with the truth."""
    known = truth.depth >= 0
    depth = functional.binary_cross_entropy_with_logits(reading.depth, truth.depth.clamp(min=0), reduction="none")
    depth = (depth * known).sum() / known.sum().clamp(min=1)
    scene, row, column = truth.places.unbind(1)
    wanted = (truth.rays.clamp(min=1) / RADIUS).log()
    rays = functional.smooth_l1_loss(reading.rays[scene, :, row, column], wanted, beta=0.1, reduction="sum")
    rays = rays / max(1, wanted.numel())
    tissue = functional.cross_entropy(reading.tissue, truth.tissue, ignore_index=int(Tissue.UNKNOWN))
    if truth.not_red.any():
        red = functional.softmax(reading.tissue[truth.not_red], dim=1)[:, Tissue.RED_CELL]
        tissue = tissue - torch.log1p(-red.clamp(max=1 - 1e-4)).mean() * truth.not_red.float().mean()
    films = functional.softmax(reading.film, dim=1).mean(dim=(2, 3)).clamp(min=1e-6).log()
    film = functional.nll_loss(films, truth.film, ignore_index=-1)
    sharp = truth.blur >= 0
    blur = functional.smooth_l1_loss(
        reading.blur.mean(dim=(1, 2))[sharp], TENTHS * truth.blur[sharp].clamp(max=0.3), reduction="sum", beta=0.1
    ) / sharp.sum().clamp(min=1)
    zero = reading.film.sum() * 0
    return Losses(depth, rays, torch.nan_to_num(tissue) + zero, film if (truth.film >= 0).any() else zero, blur)
