"""What a network is made of: parameters, what learns in each phase, multiply-adds."""

from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from plasmoscope.training.recipe import Recipe


@dataclass(frozen=True)
class StageSummary:
    """One named stage of a network."""

    name: str
    kind: str
    parameters: int
    trainable: tuple[int, ...]
    """Parameters that learn, for each phase of the recipe."""


def summarise_stages(model: nn.Module, recipe: Recipe) -> list[StageSummary]:
    """Parameters of every stage, and of the stages below one that is a network itself."""
    stages = []
    for name, module in _stages(model):
        sizes = {f"{name}.{parameter}": value.numel() for parameter, value in module.named_parameters()}
        trainable = tuple(
            sum(size for parameter, size in sizes.items() if parameter.startswith(phase.trainable))
            for phase in recipe.phases
        )
        stages.append(StageSummary(name, type(module).__name__, sum(sizes.values()), trainable))
    return stages


def _stages(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """Children, with a sequence of many layers taken apart."""
    stages = []
    for name, child in model.named_children():
        nested = list(child.named_children()) if isinstance(child, nn.Sequential) and name == "features" else []
        stages += [(f"{name}.{part}", module) for part, module in nested] or [(name, child)]
    return stages


def parameter_count(model: nn.Module) -> int:
    """Parameters, running statistics not among them."""
    return sum(parameter.numel() for parameter in model.parameters())


def multiply_adds(model: nn.Module, image_size: int) -> int:
    """Multiply-adds of convolutions and matrix products for one cell."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model.eval()(torch.zeros(1, 3, image_size, image_size))
    return int(counter.get_total_flops()) // 2
