"""One phase of a recipe as a Lightning module: loss, metrics, optimiser and schedule."""

from collections.abc import Callable
from typing import Any

import lightning
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim import lr_scheduler
from torchmetrics import MeanMetric
from torchmetrics.classification import BinaryAccuracy, BinaryAUROC, MulticlassAccuracy
from torchvision.transforms import v2

from plasmoscope.training.augmentation import augment
from plasmoscope.training.batches import to_float
from plasmoscope.training.distillation import distillation_loss
from plasmoscope.training.objective import Objective
from plasmoscope.training.recipe import Phase, Recipe, RecipeError

_OPTIMIZERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "rmsprop": torch.optim.RMSprop}
# Learning rate below which a plateau lowers it no further. Set by hand.
_PLATEAU_FLOOR = 1e-6


class PhaseModule(lightning.LightningModule):
    """Trains ``model`` as ``recipe.phases[phase_index]`` says.

    Batches are uint8 images (b, h, w, 3), or features (b, ...) where ``model`` is only the end of a network, with
    class indices (b,). All randomness comes from (seed, phase, step), so a run resumed at an epoch's end goes on as
    if it had never stopped.
    """

    def __init__(
        self,
        model: nn.Module,
        recipe: Recipe,
        phase_index: int,
        seed: int,
        compile_model: bool,
        weights: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.model = model
        self.recipe = recipe
        self.phase: Phase = recipe.phases[phase_index]
        self.augmentation = recipe.augmentation_of(self.phase)
        # An attribute, for the learning-rate range test to change.
        self.learning_rate = self.phase.learning_rate
        self.seed = seed * 1_000 + phase_index
        # Kept as a plain function: a compiled module would be registered a second time in the state dict.
        self.train_forward: Callable[[Tensor], Tensor] = (
            torch.compile(model.forward) if compile_model else model.forward
        )
        self.mix = _mixing(recipe)
        self.objective = Objective(recipe, weights)
        self.train_accuracy = _accuracy(recipe)
        self.validation_loss = MeanMetric()
        self.accuracy = _accuracy(recipe)
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

    def train(self, mode: bool = True) -> "PhaseModule":
        """Training mode, except for normalisation whose statistics the phase freezes."""
        super().train(mode)
        if self.phase.frozen_statistics:
            for layer in self.model.modules():
                if isinstance(layer, _BatchNorm) and not any(p.requires_grad for p in layer.parameters()):
                    layer.eval()
        return self

    def training_step(self, batch: tuple[Tensor, ...], batch_index: int) -> Tensor:
        """Augment on the device, then the cross-entropy with smoothed labels, and with a teacher's answers."""
        inputs, labels, *taught = batch
        seed = ((self.seed * 1_000_003 + self.global_step) * 1_009 + self.global_rank) % 2**63
        generator = torch.Generator(self.device).manual_seed(seed)
        # Dropout and mixing draw from the global generator, which data loaders advance at moments of their own.
        torch.manual_seed(seed)
        targets: Tensor = labels
        if inputs.is_floating_point():
            inputs = inputs.float()
        else:
            images = augment(to_float(inputs), self.augmentation, self.recipe.image_size_of(self.phase), generator)
            if self.mix is not None:
                images, targets = self.mix(images, labels)
            inputs = self._normalise(images)
        logits = self.train_forward(inputs).float()
        loss = self.objective.loss(logits, targets)
        if taught and (teacher := self.recipe.teacher):
            distilled = distillation_loss(self.objective.log_odds(logits), taught[0], teacher.temperature)
            loss = (1 - teacher.weight) * loss + teacher.weight * distilled
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(labels), sync_dist=True)
        if self.mix is None:
            # As the articles plot it: of the pictures as they were learnt from. Those that are mixed have no class.
            self._note_calls(self.train_accuracy, logits.detach(), labels)
            self.log("train_accuracy", self.train_accuracy, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch: tuple[Tensor, ...], batch_index: int) -> None:
        """Loss without smoothing, accuracy over the classes, and AUC of P(infected)."""
        inputs, labels = batch
        inputs = inputs.float() if inputs.is_floating_point() else self._normalise(to_float(inputs))
        logits = self.model(inputs).float()
        self.validation_loss.update(self.objective.validation_losses(logits, labels))
        self._note_calls(self.accuracy, logits, labels)
        self.auc.update(self.objective.log_odds(logits).sigmoid(), self.objective.infected(labels))
        # Metrics that gather counts from all processes; averages of averages would weigh the last cells too much.
        self.log("val_loss", self.validation_loss)
        self.log("val_accuracy", self.accuracy)
        self.log("val_auc", self.auc)

    def _note_calls(self, accuracy: BinaryAccuracy | MulticlassAccuracy, logits: Tensor, labels: Tensor) -> None:
        if self.objective.own:
            accuracy.update(logits, labels)
        else:
            accuracy.update(self.objective.log_odds(logits).sigmoid(), self.objective.infected(labels))

    def configure_optimizers(self) -> Any:
        """The phase's optimiser over what learns in it, and its schedule."""
        phase = self.phase
        groups = self._parameter_groups()
        optimizer = _OPTIMIZERS[phase.optimizer](groups, lr=self.learning_rate, weight_decay=phase.weight_decay)
        if phase.schedule == "one_cycle":
            steps = int(self.trainer.estimated_stepping_batches)
            # Smith & Topin 2017, arXiv:1708.07120
            cycle = lr_scheduler.OneCycleLR(optimizer, [group["lr"] for group in groups], total_steps=steps)
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": cycle, "interval": "step"}}
        if phase.schedule == "plateau":
            plateau = lr_scheduler.ReduceLROnPlateau(
                optimizer, factor=0.5, patience=phase.plateau_patience, min_lr=_PLATEAU_FLOOR
            )
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": plateau, "monitor": "val_loss"}}
        if phase.schedule == "cosine":
            return [optimizer], [self._cosine(optimizer)]
        return optimizer

    def _cosine(self, optimizer: torch.optim.Optimizer) -> lr_scheduler.LRScheduler:
        warmup, end = self.phase.warmup_epochs, self.learning_rate * self.phase.final_fraction
        cosine = lr_scheduler.CosineAnnealingLR(optimizer, self.phase.epochs - warmup, eta_min=end)
        if not warmup:
            return cosine
        growth = lr_scheduler.LinearLR(optimizer, 1 / warmup, total_iters=warmup)
        return lr_scheduler.SequentialLR(optimizer, [growth, cosine], [warmup])

    def _parameter_groups(self) -> list[dict[str, Any]]:
        """One group of parameters, or one a stage with rates that grow geometrically from first to last."""
        stages = [
            [parameter for parameter in stage.parameters() if parameter.requires_grad]
            for stage in self.model.children()
        ]
        stages = [stage for stage in stages if stage]
        if self.phase.first_learning_rate is None:
            return [{"params": [parameter for stage in stages for parameter in stage], "lr": self.learning_rate}]
        ratio = self.phase.first_learning_rate / self.phase.learning_rate
        last = max(1, len(stages) - 1)
        return [
            {"params": stage, "lr": self.learning_rate * ratio ** (1 - index / last)}
            for index, stage in enumerate(stages)
        ]

    def _normalise(self, images: Tensor) -> Tensor:
        normalised = (images - self.mean) / self.std  # type: ignore[operator]
        return normalised.contiguous(memory_format=torch.channels_last)


def _accuracy(recipe: Recipe) -> BinaryAccuracy | MulticlassAccuracy:
    """Share of the cells that are called by their class."""
    if recipe.own_classes is None:
        return BinaryAccuracy()
    return MulticlassAccuracy(recipe.own_classes, average="micro")


def _mixing(recipe: Recipe) -> v2.Transform | None:
    """Mixup, CutMix, or each for half the batches; labels become shares of the classes, shape (b, c)."""
    classes = len(recipe.class_set.names)
    mixings: list[v2.Transform] = []
    if recipe.mixup_alpha:
        mixings.append(v2.MixUp(alpha=recipe.mixup_alpha, num_classes=classes))
    if recipe.cutmix_alpha:
        mixings.append(v2.CutMix(alpha=recipe.cutmix_alpha, num_classes=classes))
    return v2.RandomChoice(mixings) if mixings else None
