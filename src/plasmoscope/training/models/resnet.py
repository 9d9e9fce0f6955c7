"""ResNet-34 and ResNet-50 (He et al. 2016, arXiv:1512.03385) under fast.ai's concat-pool head."""

from collections import OrderedDict

import torchvision
from torch import nn

from plasmoscope.training.models.heads import concat_pool_head


def resnet34(image_size: int = 224, classes: float = 2) -> nn.Module:
    """Torchvision's layers under torchvision's names; from (n, 3, h, w) to two logits (n, 2)."""
    return _with_concat_pool_head(torchvision.models.resnet34(weights=None), int(classes))


def resnet50(image_size: int = 224, classes: float = 2) -> nn.Module:
    """Torchvision's layers under torchvision's names; from (n, 3, h, w) to two logits (n, 2)."""
    return _with_concat_pool_head(torchvision.models.resnet50(weights=None), int(classes))


def _with_concat_pool_head(network: torchvision.models.ResNet, classes: int) -> nn.Module:
    stages = OrderedDict((name, stage) for name, stage in network.named_children() if name not in ("avgpool", "fc"))
    return nn.Sequential(OrderedDict(**stages, head=concat_pool_head(network.fc.in_features, classes)))
