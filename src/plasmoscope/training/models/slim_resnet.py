"""A residual network (He et al. 2016, arXiv:1512.03385) for telephones: a stem and three blocks, all narrow."""

from collections import OrderedDict

from torch import Tensor, nn
from torch.nn import functional
from torchvision.ops import Conv2dNormActivation

# Maps of the stem and of each block, every one of which halves the picture's side: multiples of 16, which fill a
# processor's vectors.
_STEM, _BLOCKS = 16, (32, 48, 96)


class _Block(nn.Module):
    """Two 3x3 convolutions, and a 1x1 one around them since the shape changes."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = Conv2dNormActivation(inputs, outputs, 3, stride=2)
        self.second = Conv2dNormActivation(outputs, outputs, 3, activation_layer=None)
        self.shortcut = Conv2dNormActivation(inputs, outputs, 1, stride=2, activation_layer=None)

    def forward(self, maps: Tensor) -> Tensor:
        """(n, inputs, h, w) to (n, outputs, h / 2, w / 2)."""
        return functional.relu(self.second(self.first(maps)) + self.shortcut(maps))


def slim_resnet(image_size: int = 48, classes: float = 2, dropout: float = 0.1) -> nn.Module:
    """Build the network; 181,170 parameters, 4.8 million multiply-adds at 48 px, to two logits (n, 2).

    Dense 3x3 convolutions of few maps: at this size a processor does several times as many multiply-adds a second in
    them as in the depthwise ones of a MobileNet.

    Args:
        image_size: as all networks take it; this one needs none.
        classes: 3 with "not a cell".
        dropout: probability before the last layer.
    """
    stages: OrderedDict[str, nn.Module] = OrderedDict(stem=Conv2dNormActivation(3, _STEM, 3, stride=2))
    channels = _STEM
    for number, width in enumerate(_BLOCKS, start=1):
        stages[f"block_{number}"] = _Block(channels, width)
        channels = width
    stages["head"] = nn.Sequential(
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout), nn.Linear(channels, int(classes))
    )
    return nn.Sequential(stages)
