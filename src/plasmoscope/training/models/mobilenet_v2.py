"""MobileNetV2 (Sandler et al. 2018, arXiv:1801.04381) with a two-class head."""

import torchvision
from torch import nn


def mobilenet_v2(image_size: int = 224) -> nn.Module:
    """Torchvision's network under torchvision's names, so that published state dicts load; 2,226,434 parameters."""
    model: nn.Module = torchvision.models.mobilenet_v2(num_classes=2)
    return model
