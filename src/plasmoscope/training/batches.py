"""Batches of cached cells. A part's transform belongs to the part: nothing is shared but the stored cells."""

from collections.abc import Iterator, Sequence
from typing import Any

import lightning
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, DistributedSampler

# Cells that are validated at a time: a bound of memory, with no say in any figure.
_VALIDATION_BATCH = 128
# Share of an accelerator's memory that the data set may take; the network needs room beside it. Set by hand.
_SHARE_OF_DEVICE_MEMORY = 0.5


class CachedCells(Dataset[tuple[Tensor, ...]]):
    """One part of a split, fetched a batch at a time.

    Args:
        inputs: one row for every cell of the data set: uint8 pixels (n, size, size, 3), or features of a frozen
            backbone (n, ...) in floating point.
        labels: class indices, shape (n,).
        members: the part's rows.
        taught: what a teacher says of the rows, log-odds of parasitized, shape (n,); None where there is none.
    """

    def __init__(
        self,
        inputs: NDArray[Any],
        labels: NDArray[np.int64],
        members: NDArray[np.int64],
        taught: NDArray[np.float32] | None = None,
    ) -> None:
        self.inputs = torch.from_numpy(inputs)
        self.labels = torch.from_numpy(labels)
        self.members = torch.from_numpy(np.sort(members))
        self.taught = None if taught is None else torch.from_numpy(taught)

    def __len__(self) -> int:
        return len(self.members)

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        return tuple(values[0] for values in self.__getitems__([index]))

    def __getitems__(self, indices: Sequence[int]) -> tuple[Tensor, ...]:
        """A batch: inputs (b, ...) as stored, labels (b,) int64, and what a teacher says (b,) where there is one."""
        chosen = self.members[torch.as_tensor(indices)]
        rows = chosen.to(self.inputs.device)
        batch = self.inputs[rows], self.labels[chosen]
        return batch if self.taught is None else (*batch, self.taught[chosen])

    def keep_on(self, device: torch.device) -> None:
        """Move the inputs to an accelerator, once, if they fit beside a network."""
        if device.type == "cuda" and self.inputs.device != device:
            free, _ = torch.cuda.mem_get_info(device)
            if self.inputs.nbytes < _SHARE_OF_DEVICE_MEMORY * free:
                self.inputs = self.inputs.to(device)


class BalancedSampler(DistributedSampler[int]):
    """Draws as many cells as there are, with replacement, each class as often as any other."""

    def __iter__(self) -> Iterator[int]:
        """The process's share of the epoch's draws, which depend on (seed, epoch) alone."""
        cells = self.dataset
        assert isinstance(cells, CachedCells)
        labels = cells.labels[cells.members]
        weights = 1 / torch.bincount(labels).float()[labels]
        chance = torch.Generator().manual_seed(self.seed + self.epoch)
        drawn = torch.multinomial(weights, self.total_size, replacement=True, generator=chance)
        return iter(drawn[self.rank :: self.num_replicas].tolist())


class CellBatches(lightning.LightningDataModule):
    """Training and validation batches; ``batch_size`` cells a step, however many processes share them.

    The order depends on (seed, epoch) alone, so a resumed run sees what an uninterrupted one would have seen.
    """

    def __init__(
        self, training: CachedCells, validation: CachedCells, batch_size: int, seed: int, balanced: bool = False
    ) -> None:
        super().__init__()
        self.training = training
        self.validation = validation
        self.batch_size = batch_size
        self.seed = seed
        self.balanced = balanced
        """Whether cells are drawn so that each class is seen as often."""

    def train_dataloader(self) -> DataLoader[tuple[Tensor, ...]]:
        """Shuffled; each process gets its share of every batch."""
        trainer = self._placed(self.training)
        kind = BalancedSampler if self.balanced else DistributedSampler
        sampler: DistributedSampler[int] = kind(
            self.training, trainer.world_size, trainer.global_rank, shuffle=True, seed=self.seed
        )
        share = max(1, self.batch_size // trainer.world_size)
        # A smaller last batch would make compiled code compile again and gives batch normalisation a poor estimate.
        drop_last = len(self.training) > self.batch_size
        return DataLoader(self.training, share, sampler=sampler, collate_fn=_as_fetched, drop_last=drop_last)

    def val_dataloader(self) -> DataLoader[tuple[Tensor, ...]]:
        """In order, each cell once: processes take turns, and no cell is repeated to make their shares equal."""
        trainer = self._placed(self.validation)
        mine = range(trainer.global_rank, len(self.validation), trainer.world_size)
        return DataLoader(self.validation, _VALIDATION_BATCH, sampler=mine, collate_fn=_as_fetched)

    def _placed(self, cells: CachedCells) -> lightning.Trainer:
        assert self.trainer is not None
        cells.keep_on(self.trainer.strategy.root_device)
        return self.trainer


def to_float(pixels: Tensor) -> Tensor:
    """uint8 (b, h, w, 3) to float32 (b, 3, h, w) in [0, 1]."""
    return pixels.permute(0, 3, 1, 2).float() / 255


def _as_fetched(batch: Any) -> Any:
    return batch
