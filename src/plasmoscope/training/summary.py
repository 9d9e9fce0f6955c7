"""What a network is made of: parameters, maps, what learns in each phase, multiply-adds."""

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
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
    output: tuple[int, ...]
    """Shape of what it gives for one cell, such as (channels, height, width); empty where that is no tensor."""


def summarise_stages(model: nn.Module, recipe: Recipe) -> list[StageSummary]:
    """Parameters and maps of every stage, and of the stages below one that is a network itself."""
    stages = []
    shapes = _output_shapes(model, recipe.image_size)
    for name, module in _stages(model):
        sizes = {f"{name}.{parameter}": value.numel() for parameter, value in module.named_parameters()}
        trainable = tuple(
            sum(size for parameter, size in sizes.items() if parameter.startswith(phase.trainable))
            for phase in recipe.phases
        )
        kind = type(module).__name__
        stages.append(StageSummary(name, kind, sum(sizes.values()), trainable, shapes.get(name, ())))
    return stages


def _output_shapes(model: nn.Module, image_size: int) -> dict[str, tuple[int, ...]]:
    """What each stage gives for one cell, by the stage's name."""
    shapes: dict[str, tuple[int, ...]] = {}

    def note(name: str, stage: nn.Module, given: object, output: object) -> None:
        if isinstance(output, Tensor):
            shapes[name] = tuple(output.shape[1:])

    watches = [module.register_forward_hook(partial(note, name)) for name, module in _stages(model)]
    with torch.no_grad():
        model.eval()(torch.zeros(1, 3, image_size, image_size))
    for watch in watches:
        watch.remove()
    return shapes


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


def running_statistics(model: nn.Module) -> int:
    """Means and variances that batch normalisation keeps, which Keras counts among the parameters that do not learn."""
    layers = [layer for layer in model.modules() if isinstance(layer, _BatchNorm)]
    kept = [value for layer in layers for value in (layer.running_mean, layer.running_var)]
    return sum(value.numel() for value in kept if value is not None)


def multiply_adds(model: nn.Module, image_size: int) -> int:
    """Multiply-adds of convolutions and matrix products for one cell."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model.eval()(torch.zeros(1, 3, image_size, image_size))
    return int(counter.get_total_flops()) // 2
