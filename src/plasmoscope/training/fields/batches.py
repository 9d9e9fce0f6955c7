"""Batches of scenes, drawn while training runs."""

from collections.abc import Iterator, Sequence

import lightning
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, get_worker_info

from plasmoscope.segmentation.preparing import over_clear
from plasmoscope.training.fields.losses import Truth
from plasmoscope.training.fields.recipe import FieldRecipe
from plasmoscope.training.fields.scene import Scene
from plasmoscope.training.fields.sources import Draw
from plasmoscope.training.fields.targets import Targets, targets_of

Batch = tuple[Tensor, Truth]


class Scenes(IterableDataset[tuple[Scene, Targets]]):
    """Endless scenes from several sources; each is shown a few times, turned and mirrored.

    Args:
        drawers: functions that draw a scene.
        shares: how often each is asked; they sum to one.
        recipe: says how many scenes are kept and how often they are shown.
        seed: what all chance comes from.
    """

    def __init__(self, drawers: Sequence[Draw], shares: Sequence[float], recipe: FieldRecipe, seed: int) -> None:
        self.drawers = drawers
        self.shares = shares
        self.recipe = recipe
        self.seed = seed
        self._kept: list[Scene] = []
        self._rng: np.random.Generator | None = None

    def __iter__(self) -> Iterator[tuple[Scene, Targets]]:
        worker = get_worker_info()
        # The next epoch goes on where the last one stopped.
        kept, rng = self._kept, self._rng or np.random.default_rng((self.seed, worker.id if worker else 0))
        self._rng = rng
        while True:
            if len(kept) < self.recipe.scenes_kept:
                kept.append(self._draw(rng))
                scene = kept[-1]
            else:
                place = int(rng.integers(len(kept)))
                if rng.random() < 1 / self.recipe.times_shown:
                    kept[place] = self._draw(rng)
                scene = kept[place]
            turned = scene.turned(int(rng.integers(4)), bool(rng.random() < 0.5))
            yield turned, targets_of(turned, rng)

    def _draw(self, rng: np.random.Generator) -> Scene:
        return self.drawers[int(rng.choice(len(self.drawers), p=self.shares))](rng)


class FixedScenes(Dataset[tuple[Scene, Targets]]):
    """A number of scenes that are always the same."""

    def __init__(self, drawers: Sequence[Draw], shares: Sequence[float], count: int) -> None:
        rng = np.random.default_rng(0)
        self.scenes = [drawers[int(rng.choice(len(drawers), p=shares))](rng) for _ in range(count)]
        self._targets = [targets_of(scene, rng) for scene in self.scenes]

    def __len__(self) -> int:
        return len(self.scenes)

    def __getitem__(self, index: int) -> tuple[Scene, Targets]:
        return self.scenes[index], self._targets[index]


def collate(items: Sequence[tuple[Scene, Targets]]) -> Batch:
    """Scenes and their targets as one batch."""
    images = np.stack([over_clear(scene.image) for scene, _ in items])
    scenes, targets = [scene for scene, _ in items], [target for _, target in items]
    places = [np.insert(target.points, 0, number, axis=1) for number, target in enumerate(targets)]
    truth = Truth(
        torch.from_numpy(np.stack([target.depth for target in targets])),
        torch.from_numpy(np.stack([target.tissue for target in targets])),
        torch.from_numpy(np.concatenate(places)),
        torch.from_numpy(np.concatenate([target.rays for target in targets])),
        torch.tensor([-1 if scene.film is None else int(scene.film) for scene in scenes]),
        torch.tensor([-1.0 if scene.blur is None else scene.blur for scene in scenes]),
        torch.tensor([scene.not_red for scene in scenes]),
    )
    return torch.from_numpy(images).permute(0, 3, 1, 2), truth


class SceneBatches(lightning.LightningDataModule):
    """Training and validation batches of one phase."""

    def __init__(self, training: Scenes, validation: FixedScenes, workers: int) -> None:
        super().__init__()
        self.training = training
        self.validation = validation
        self.workers = workers

    def train_dataloader(self) -> DataLoader[tuple[Scene, Targets]]:
        """Endless."""
        return DataLoader(
            self.training,
            self.training.recipe.batch_size,
            collate_fn=collate,
            num_workers=self.workers,
            persistent_workers=self.workers > 0,
        )

    def val_dataloader(self) -> DataLoader[tuple[Scene, Targets]]:
        """The same scenes every time."""
        return DataLoader(self.validation, self.training.recipe.batch_size, collate_fn=collate)
