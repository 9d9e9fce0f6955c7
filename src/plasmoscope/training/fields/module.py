"""One phase of a field recipe as a Lightning module."""

import math
from typing import Any

import lightning
import torch
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR
from torchmetrics import MeanMetric

from plasmoscope.training.fields.batches import Batch
from plasmoscope.training.fields.losses import Losses, losses
from plasmoscope.training.fields.network import FieldNetwork, Reading
from plasmoscope.training.fields.recipe import FieldPhase, FieldRecipe

# A cosine ends at this share of its peak.
_FINAL = 0.01


class FieldModule(lightning.LightningModule):
    """Trains a network as one phase of a recipe says."""

    def __init__(self, model: FieldNetwork, recipe: FieldRecipe, phase: FieldPhase) -> None:
        super().__init__()
        self.model = model
        self.recipe = recipe
        self.phase = phase
        self.parts = torch.nn.ModuleDict({name: MeanMetric() for name in Losses._fields})
        self.total = MeanMetric()

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """Loss of a batch."""
        images, truth = batch
        reading = self.model(images.contiguous(memory_format=torch.channels_last))
        loss = losses(Reading(*(part.float() for part in reading)), truth).total()
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(images))
        return loss

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        """Add a batch to the means."""
        images, truth = batch
        reading = self.model(images.contiguous(memory_format=torch.channels_last))
        found = losses(Reading(*(part.float() for part in reading)), truth)
        for name, value in found._asdict().items():
            self._part(name).update(value, len(images))
        self.total.update(found.total(), len(images))

    def on_validation_epoch_end(self) -> None:
        """Log the means."""
        for name in self.parts:
            self.log(f"val_{name}", self._part(name).compute())
            self._part(name).reset()
        self.log("val_loss", self.total.compute())
        self.total.reset()

    def _part(self, name: str) -> MeanMetric:
        part = self.parts[name]
        assert isinstance(part, MeanMetric)
        return part

    def configure_optimizers(self) -> Any:
        """AdamW with a linear warm-up and a cosine, counted in steps."""
        optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=self.phase.learning_rate, weight_decay=self.recipe.weight_decay
        )

        def share(step: int) -> float:
            if step < self.phase.warmup_steps:
                return (step + 1) / self.phase.warmup_steps
            done = (step - self.phase.warmup_steps) / max(1, self.phase.steps - self.phase.warmup_steps)
            return _FINAL + (1 - _FINAL) * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))

        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": LambdaLR(optimizer, share), "interval": "step"},
        }
