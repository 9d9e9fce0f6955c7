"""VGG-19 (Simonyan & Zisserman 2015, arXiv:1409.1556) under the dense head of the opensource.com articles."""

from collections import OrderedDict

import torchvision
from torch import nn

from plasmoscope.training.models.heads import dense_head


def vgg19(image_size: int = 125, dropout: float = 0.3, classes: float = 1) -> nn.Module:
    """Torchvision's convolutions under torchvision's names; 22,647,361 parameters at 125 px.

    Blocks 4 and 5 are ``features.19`` to ``features.36``.

    Args:
        image_size: side of the input in pixels; decides the width of the first dense layer.
        dropout: probability after each dense layer.
        classes: logits; one is the log-odds of parasitized.

    Returns:
        A network from (n, 3, image_size, image_size) to logits, (n, classes).
    """
    side = image_size // 2**5
    return nn.Sequential(
        OrderedDict(
            features=torchvision.models.vgg19(weights=None).features,
            flatten=nn.Flatten(),
            head=dense_head(512 * side * side, dropout, int(classes)),
        )
    )
