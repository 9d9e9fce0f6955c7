"""MobileNetV2 (Sandler et al. 2018, arXiv:1801.04381) with a head of two classes or three."""

import torchvision
from torch import nn


def mobilenet_v2(image_size: int = 224, classes: float = 2) -> nn.Module:
    """Torchvision's network under torchvision's names, so that published state dicts load; 2,226,434 parameters.

    Args:
        image_size: as all networks take it; this one needs none.
        classes: 3 with "not a cell".
    """
    model: nn.Module = torchvision.models.mobilenet_v2(num_classes=int(classes))
    return model
