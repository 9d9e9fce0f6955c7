"""PlasmoSENet (LocalMedScan): squeeze-excite residual blocks over a stem of three kernel sizes."""

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torchvision.ops import StochasticDepth

# Input channels, output channels and stride of each residual block.
_BLOCKS = (
    (64, 64, 1),
    (64, 64, 1),
    (64, 128, 2),
    (128, 128, 1),
    (128, 128, 1),
    (128, 256, 2),
    (256, 256, 1),
    (256, 256, 1),
    (256, 256, 1),
    (256, 384, 2),
    (384, 384, 1),
)


def plasmosenet(
    image_size: int = 224, stochastic_depth: float = 0.2, dropout: float = 0.3, classes: float = 2
) -> nn.Module:
    """Build the network; 10,632,306 parameters, from (n, 3, h, w) to two logits (n, 2).

    Args:
        image_size: side of the input in pixels; any will do.
        stochastic_depth: probability of leaving out the last block, growing linearly from 0 at the first
            (Huang et al. 2016, arXiv:1603.09382).
        dropout: probability before the last layer.
        classes: logits.
    """
    last = len(_BLOCKS) - 1
    blocks = [
        SEBlock(inputs, outputs, stride, stochastic_depth * index / last)
        for index, (inputs, outputs, stride) in enumerate(_BLOCKS)
    ]
    width = _BLOCKS[-1][1]
    features = nn.Sequential(MultiScaleStem(), *blocks, _convolution(width, width, 1))
    classifier = nn.Linear(width, int(classes))
    nn.init.normal_(classifier.weight, std=0.01)
    nn.init.zeros_(classifier.bias)
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout), classifier)
    model = nn.Sequential(OrderedDict(features=features, head=head))
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    return model


class MultiScaleStem(nn.Module):
    """Kernels of 3, 5 and 7 side by side at stride 2, mixed by a 1x1: (n, 3, h, w) to (n, 64, h / 2, w / 2)."""

    def __init__(self) -> None:
        super().__init__()
        self.branches = nn.ModuleList(_convolution(3, 16, kernel, stride=2) for kernel in (3, 5, 7))
        self.mix = _convolution(48, 64, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Features at half the resolution."""
        mixed: Tensor = self.mix(torch.cat([branch(images) for branch in self.branches], dim=1))
        return mixed


class SqueezeExcite(nn.Module):
    """Channel attention (Hu et al. 2018, arXiv:1709.01507), with linear layers without bias."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        squeezed = max(channels // 16, 8)
        self.weigh = nn.Sequential(
            nn.Linear(channels, squeezed, bias=False),
            nn.ReLU(),
            nn.Linear(squeezed, channels, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Each channel scaled by 0 to 1; shape kept."""
        weights: Tensor = self.weigh(features.mean(dim=(2, 3)))
        return features * weights[:, :, None, None]


class SEBlock(nn.Module):
    """Two 3x3 convolutions, squeeze-excite and a shortcut that is left alone by stochastic depth."""

    def __init__(self, inputs: int, outputs: int, stride: int, drop_probability: float) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            *_convolution(inputs, outputs, 3, stride),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            SqueezeExcite(outputs),
            StochasticDepth(drop_probability, "row"),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, features: Tensor) -> Tensor:
        """(n, inputs, h, w) to (n, outputs, h / stride, w / stride)."""
        return torch.relu(self.shortcut(features) + self.residual(features))


def _convolution(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )
