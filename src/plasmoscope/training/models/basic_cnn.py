"""The basic CNN of the opensource.com malaria article: three convolutions, two wide dense layers, one logit."""

from collections import OrderedDict

from torch import nn

from plasmoscope.training.models.heads import dense_head

_WIDTHS = (32, 64, 128)  # channels of the three convolutions


def basic_cnn(image_size: int = 125, dropout: float = 0.3, classes: float = 1) -> nn.Module:
    """Build the network; 15,102,529 parameters at 125 px.

    Args:
        image_size: side of the input in pixels; decides the width of the first dense layer.
        dropout: probability after each dense layer.
        classes: logits; one is the log-odds of parasitized.

    Returns:
        A network from (n, 3, image_size, image_size) to logits, (n, classes).
    """
    layers: list[nn.Module] = []
    channels = 3
    for width in _WIDTHS:
        layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        channels = width
    side = image_size // 2 ** len(_WIDTHS)
    return nn.Sequential(
        OrderedDict(
            features=nn.Sequential(*layers),
            flatten=nn.Flatten(),
            head=dense_head(channels * side * side, dropout, int(classes)),
        )
    )
