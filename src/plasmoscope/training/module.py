"""One phase of a recipe as a Lightning module: loss, metrics, optimiser and schedule."""

from collections.abc import Callable
from typing import Any

import lightning
import torch
from torch import Tensor, nn
from torch.nn import functional
from torchmetrics.classification import BinaryAccuracy, BinaryAUROC

from plasmoscope.labels import PARASITIZED
from plasmoscope.training.augmentation import augment
from plasmoscope.training.recipe import Phase, Recipe, RecipeError


class PhaseModule(lightning.LightningModule):
    """Trains ``model`` as ``recipe.phases[phase_index]`` says.

    Batches are uint8 images (b, h, w, 3) with class indices (b,). All randomness comes from (seed, phase, step),
    so a run resumed at an epoch's end goes on as if it had never stopped.
    """

    def __init__(self, model: nn.Module, recipe: Recipe, phase_index: int, seed: int, compile_model: bool) -> None:
        super().__init__()
        self.model = model
        self.recipe = recipe
        self.phase: Phase = recipe.phases[phase_index]
        self.augmentation = recipe.phase_augmentation(phase_index)
        self.seed = seed * 1_000 + phase_index
        # Kept as a plain function: a compiled module would be registered a second time in the state dict.
        self.train_forward: Callable[[Tensor], Tensor] = (
            torch.compile(model.forward) if compile_model else model.forward
        )
        self.accuracy = BinaryAccuracy()
        self.auc = BinaryAUROC()
        self.register_buffer("mean", torch.tensor(recipe.mean)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(recipe.std)[:, None, None], persistent=False)
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name.startswith(self.phase.trainable))
        if not any(parameter.requires_grad for parameter in model.parameters()):
            raise RecipeError(
                f"phases.{phase_index}.trainable: no parameter of {recipe.model} begins with "
                f"{' or '.join(self.phase.trainable)}"
            )

    def training_step(self, batch: tuple[Tensor, Tensor], batch_index: int) -> Tensor:
        """Augment on the device, then the smoothed cross-entropy."""
        pixels, labels = batch
        seed = ((self.seed * 1_000_003 + self.global_step) * 1_009 + self.global_rank) % 2**63
        generator = torch.Generator(self.device).manual_seed(seed)
        # Dropout draws from the global generator, which data loaders advance at moments of their own.
        torch.manual_seed(seed)
        images = augment(_to_float(pixels), self.augmentation, self.recipe.image_size, generator)
        logits = self.train_forward(self._normalise(images)).float()
        loss = functional.cross_entropy(logits, labels, label_smoothing=self.recipe.label_smoothing)
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(labels))
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_index: int) -> None:
        """Loss without smoothing, accuracy and AUC of P(parasitized)."""
        pixels, labels = batch
        logits = self.model(self._normalise(_to_float(pixels))).float()
        probabilities = logits.softmax(dim=1)[:, PARASITIZED]
        self.accuracy.update(probabilities, labels == PARASITIZED)
        self.auc.update(probabilities, labels == PARASITIZED)
        loss = functional.cross_entropy(logits, labels)
        self.log("val_loss", loss, batch_size=len(labels), sync_dist=True)
        self.log("val_accuracy", self.accuracy, batch_size=len(labels))
        self.log("val_auc", self.auc, batch_size=len(labels))

    def configure_optimizers(self) -> Any:
        """The phase's optimiser over what learns in it, and its schedule."""
        phase = self.phase
        parameters = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        kinds = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
        optimizer = kinds[phase.optimizer](parameters, lr=phase.learning_rate, weight_decay=phase.weight_decay)
        if phase.schedule == "one_cycle":
            steps = int(self.trainer.estimated_stepping_batches)
            # Smith & Topin 2017, arXiv:1708.07120
            schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, phase.learning_rate, total_steps=steps)
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
        if phase.schedule == "cosine":
            return [optimizer], [torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, phase.epochs)]
        return optimizer

    def _normalise(self, images: Tensor) -> Tensor:
        normalised = (images - self.mean) / self.std  # type: ignore[operator]
        return normalised.contiguous(memory_format=torch.channels_last)


def _to_float(pixels: Tensor) -> Tensor:
    """uint8 (b, h, w, 3) to float32 (b, 3, h, w) in [0, 1]."""
    return pixels.permute(0, 3, 1, 2).float() / 255
