"""MobileNet V1 (Howard et al. 2017, arXiv:1704.04861) with residual additions, cut after its 12th depthwise layer."""

import re
from collections import OrderedDict
from collections.abc import Mapping

from torch import Tensor, nn
from torch.nn import functional

# Output channels of blocks 1 to 11; the ones below shrink the picture.
_WIDTHS = (64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512)
_STRIDED = (2, 4, 6)
_EPS = 1e-3

_KERAS_SUFFIXES = {
    "kernel": "weight",
    "depthwise_kernel": "weight",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


class MobileNetResidual(nn.Sequential):
    """A stem, blocks 1 to 12 and a head; layers carry Keras's names inside their block."""

    def translate_weights(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Keras's tensor names to this network's; other names are kept."""
        translated = {}
        for name, value in weights.items():
            layer, _, suffix = name.rpartition(".")
            number = re.fullmatch(r"conv_(?:dw|pw)_(\d+)(?:_bn)?", layer)
            place = f"block_{number[1]}" if number else "stem"
            known = suffix in _KERAS_SUFFIXES
            translated[f"{place}.{layer}.{_KERAS_SUFFIXES[suffix]}" if known else name] = value
        return translated


def mobilenet_residual(image_size: int = 224, classes: float = 2) -> nn.Module:
    """Build the network; 1,619,778 parameters and 15,744 running statistics, to two logits (n, 2).

    Identity additions go around the blocks that change neither size nor width (3, 5, 7 to 11), and around the
    depthwise convolution that ends the network, which therefore keeps its input's size.

    Args:
        image_size: as all networks take it; this one needs none.
        classes: logits.
    """
    stages: OrderedDict[str, nn.Module] = OrderedDict(stem=_layers(conv1=(3, 32, 3, 2, 1)))
    channels = 32
    for number, width in enumerate(_WIDTHS, start=1):
        stride = 2 if number in _STRIDED else 1
        block = _layers(
            **{
                f"conv_dw_{number}": (channels, channels, 3, stride, channels),
                f"conv_pw_{number}": (channels, width, 1, 1, 1),
            }
        )
        stages[f"block_{number}"] = Residual(block) if stride == 1 and channels == width else block
        channels = width
    stages["block_12"] = Residual(_layers(conv_dw_12=(channels, channels, 3, 1, channels)))
    stages["head"] = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, int(classes)))
    return MobileNetResidual(stages)


class Residual(nn.Sequential):
    """Layers whose output is added to their input."""

    def __init__(self, layers: nn.Sequential) -> None:
        super().__init__(OrderedDict(layers.named_children()))

    def forward(self, features: Tensor) -> Tensor:
        """Same shape out as in."""
        added: Tensor = features + super().forward(features)  # type: ignore[no-untyped-call]
        return added


class PadAfter(nn.Module):
    """One row and column of zeros below and to the right, as Keras pads before a stride of 2."""

    def forward(self, features: Tensor) -> Tensor:
        """(n, c, h, w) to (n, c, h + 1, w + 1)."""
        return functional.pad(features, (0, 1, 0, 1))


def _layers(**convolutions: tuple[int, int, int, int, int]) -> nn.Sequential:
    """Convolutions by name (inputs, outputs, kernel, stride, groups), each with normalisation and ReLU6."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for name, (inputs, outputs, kernel, stride, groups) in convolutions.items():
        if stride == 2:
            layers[f"{name}_pad"] = PadAfter()
        padding = 0 if stride == 2 else kernel // 2
        layers[name] = nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups, bias=False)
        layers[f"{name}_bn"] = nn.BatchNorm2d(outputs, eps=_EPS)
        layers[f"{name}_relu"] = nn.ReLU6()
    return nn.Sequential(layers)
