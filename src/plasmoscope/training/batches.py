"""Batches of cached cells. A part's transform belongs to the part: nothing is shared but the pixels."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, DistributedSampler


class CachedCells(Dataset[tuple[Tensor, Tensor]]):
    """One part of a split: uint8 pixels of shape (n, size, size, 3) and class indices, fetched a batch at a time."""

    def __init__(self, pixels: NDArray[np.uint8], labels: NDArray[np.int64], members: NDArray[np.int64]) -> None:
        self.pixels = pixels
        self.labels = labels
        self.members = np.sort(members)

    def __len__(self) -> int:
        return len(self.members)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        images, labels = self.__getitems__([index])
        return images[0], labels[0]

    def __getitems__(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """A batch: images (b, size, size, 3) uint8, labels (b,) int64."""
        chosen = self.members[np.asarray(indices)]
        return torch.from_numpy(self.pixels[chosen]), torch.from_numpy(self.labels[chosen])


def _as_fetched(batch: Any) -> Any:
    return batch


def training_batches(cells: CachedCells, batch_size: int, seed: int) -> DataLoader[tuple[Tensor, Tensor]]:
    """Shuffled by (seed, epoch) alone, so that a resumed run sees what an uninterrupted one would have seen."""
    sampler: DistributedSampler[int] = DistributedSampler(cells, num_replicas=1, rank=0, shuffle=True, seed=seed)
    # A smaller last batch would make compiled code compile again and gives batch normalisation a poor estimate.
    drop_last = len(cells) > batch_size
    return DataLoader(cells, batch_size, sampler=sampler, collate_fn=_as_fetched, drop_last=drop_last)


def validation_batches(cells: CachedCells, batch_size: int) -> DataLoader[tuple[Tensor, Tensor]]:
    """In order, all of them."""
    return DataLoader(cells, batch_size, collate_fn=_as_fetched)
