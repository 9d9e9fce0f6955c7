"""Any torchvision classifier as a fixed feature extractor (Rajaraman et al. 2018, doi:10.7717/peerj.4568)."""

from collections import OrderedDict

import torch
import torchvision
from torch import nn

_WITH_FURTHER_HEADS = ("googlenet", "inception_v3")


def feature_extractor(name: str, image_size: int = 224, dropout: float = 0.5, classes: float = 2) -> nn.Module:
    """A torchvision network without its last linear layer, under a small head; (n, 3, h, w) to (n, classes).

    Args:
        name: as ``torchvision.models.list_models`` names it: alexnet, vgg16, densenet121, ...
        image_size: side of the input in pixels.
        dropout: probability before the head's only layer.
        classes: logits.

    Raises:
        ValueError: torchvision has no such classifier, or it cannot take this size.
    """
    if name not in torchvision.models.list_models(module=torchvision.models):
        raise ValueError(f"torchvision has no classifier '{name}'")
    # Further heads for training alone answer with more than logits.
    alone = {"aux_logits": False, "init_weights": False} if name in _WITH_FURTHER_HEADS else {}
    network = torchvision.models.get_model(name, weights=None, **alone)
    linear = [layer for layer, module in network.named_modules() if isinstance(module, nn.Linear)]
    if not linear:
        raise ValueError(f"{name} ends in no linear layer that a head could replace")
    parent, _, last = linear[-1].rpartition(".")
    setattr(network.get_submodule(parent), last, nn.Identity())
    with torch.no_grad():
        try:
            features = network.eval()(torch.zeros(1, 3, image_size, image_size))
        except (RuntimeError, AssertionError) as error:
            raise ValueError(f"{name} cannot take pictures of {image_size} px: {error}") from error
    network.train()
    head = nn.Sequential(nn.Dropout(dropout), nn.Linear(features.shape[1], int(classes)))
    return nn.Sequential(OrderedDict(backbone=network, head=head))
